"""What an uploaded file must be before it is kept: a known kind by its bytes and its name, whole, and without anything that runs.

Nothing is unpacked beyond one small part of bounded size, and nothing is ever shown by the product itself: what is
accepted comes back byte for byte, as a download.
"""

from __future__ import annotations

import io
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from workflow.blockers import Fault
from workflow.errors import BadInput

LONGEST_NAME = 150
MOST_PARTS = 5000
LARGEST_UNPACKED = 300 * 1024 * 1024
"""Bytes the parts of a document may say they unpack to; the product itself never unpacks them."""
LARGEST_RATIO = 200
LARGEST_INDEX = 1024 * 1024

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
KINDS: Mapping[str, str] = {
    "pdf": "application/pdf",
    "docx": WORD,
    "xlsx": SHEET,
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
}
"""Ending of the name → media type. Archives are left out: nobody could say what is in them."""

SIGNATURES: Mapping[str, bytes] = {
    "application/pdf": b"%PDF-",
    WORD: b"PK\x03\x04",
    SHEET: b"PK\x03\x04",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
}
MARKUP = (b"<script", b"<html", b"<!doctype", b"<svg", b"<?php", b"<iframe")
"""What makes a browser take a file for a page."""
HEAD = 1024
"""A browser guesses from this many bytes."""
TAIL = 4096
ACTIVE_PDF = (b"/JavaScript", b"/Launch")
ACTIVE_PARTS = ("vbaproject.bin", "activex", ".exe", ".js", ".vbs", ".bat", ".cmd", ".ps1", ".dll", ".jar")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that may be kept, under the name it is given back with."""

    name: str
    media_type: str
    content: bytes


def checked(*, field: str, name: str, content: bytes, limit: int) -> Upload:
    """Return the file as it may be kept; `limit` is in bytes. Raises BadInput with the reason why it is not."""
    try:
        clean = _name(name)
        media_type = _kind(clean)
        _whole(content, limit)
        if not content.startswith(SIGNATURES[media_type]):
            raise _Bad("file_is_not_its_kind", kind=_ending(clean))
        _harmless(media_type, content)
    except _Bad as bad:
        raise BadInput((Fault(field=field, code=bad.code, params=bad.params),)) from None
    return Upload(name=clean, media_type=media_type, content=content)


class _Bad(Exception):
    """A reason to refuse a file."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code, self.params = code, params


def _name(name: str) -> str:
    """The last part of a name, without anything invisible: a path in it says where it came from, never where it goes."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    visible = "".join(sign for sign in last if not unicodedata.category(sign).startswith("C"))
    clean = unicodedata.normalize("NFC", visible).strip().strip(".").strip()
    if "." not in clean or not clean.rsplit(".", 1)[0].strip():
        raise _Bad("file_name_missing")
    if len(clean) > LONGEST_NAME:
        raise _Bad("file_name_too_long", longest=LONGEST_NAME, length=len(clean))
    return clean


def _ending(name: str) -> str:
    return name.rsplit(".", 1)[-1].lower()


def _kind(name: str) -> str:
    if _ending(name) not in KINDS:
        raise _Bad("file_kind_not_allowed", kinds=sorted(KINDS))
    return KINDS[_ending(name)]


def _whole(content: bytes, limit: int) -> None:
    if not content:
        raise _Bad("file_empty")
    if len(content) > limit:
        raise _Bad("file_too_large", megabytes=limit // (1024 * 1024))


def _harmless(media_type: str, content: bytes) -> None:
    if media_type in (WORD, SHEET):
        _office(media_type, content)
    elif media_type == "application/pdf":
        _pdf(content)
    elif any(mark in content.lower() for mark in MARKUP):
        raise _Bad("file_hides_another")


def _pdf(content: bytes) -> None:
    if any(mark in content[:HEAD].lower() for mark in MARKUP) or b"PK\x05\x06" in content[-TAIL:]:
        raise _Bad("file_hides_another")
    if b"%%EOF" not in content[-TAIL:]:
        raise _Bad("file_incomplete")
    if any(mark in content for mark in ACTIVE_PDF):
        raise _Bad("file_has_macros")


def _office(media_type: str, content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            _bounded(parts)
            index = archive.open("[Content_Types].xml").read(LARGEST_INDEX)
    except (
        zipfile.BadZipFile,
        KeyError,
        zlib.error,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
    ):
        raise _Bad("file_incomplete") from None
    if b"macroEnabled" in index or any(
        mark in part.filename.lower() for part in parts for mark in ACTIVE_PARTS
    ):
        raise _Bad("file_has_macros")
    if media_type.encode() + b".main+xml" not in index:
        raise _Bad("file_is_not_its_kind", kind="docx" if media_type == WORD else "xlsx")


def _bounded(parts: list[zipfile.ZipInfo]) -> None:
    """No bomb and no path that leaves the folder it is unpacked into."""
    unpacked = sum(part.file_size for part in parts)
    packed = sum(part.compress_size for part in parts)
    if len(parts) > MOST_PARTS or unpacked > LARGEST_UNPACKED or unpacked > LARGEST_RATIO * max(packed, 1):
        raise _Bad("file_unpacks_too_large")
    for part in parts:
        if part.filename.startswith(("/", "\\")) or ".." in part.filename.replace("\\", "/").split("/"):
            raise _Bad("file_hides_another")
