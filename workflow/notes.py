"""Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint), and the keys they are signed with.

A key belongs to a log by its name, the origin, which is the first line of every checkpoint.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
"""The kind of a signature, the first byte of what a key is written with."""

ORIGIN = re.compile(r"[^\s+\u0085\u2028\u2029]{1,120}")
"""What a log may be called: no blanks and no plus, for a key and a signature are written behind it."""

SIGNED = re.compile(r"— (\S+) (\S+)")
NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
LONGEST = 16_384
"""Characters a checkpoint may have; ours have three hundred."""


class BadNote(ValueError):
    """A checkpoint or key cannot be read, or a signature is not that of the key; `code` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """What checks the signatures of a log."""

    origin: str
    raw: bytes

    @property
    def hint(self) -> str:
        """The eight hexadecimal digits that tell the keys of a name apart."""
        return hashlib.sha256(self.origin.encode() + b"\n" + ED25519 + self.raw).hexdigest()[:8]

    @property
    def text(self) -> str:
        """The key as it is published: name, hint and key."""
        return f"{self.origin}+{self.hint}+{base64.b64encode(ED25519 + self.raw).decode()}"

    @classmethod
    def read(cls, text: str) -> PublicKey:
        """Read a published key. Raises BadNote."""
        origin, hint, coded = _three(text.strip())
        key = cls(origin=origin, raw=_of_kind(coded))
        if key.hint != hint:
            raise BadNote("bad_key")
        return key

    def signed(self, text: str, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, kw_only=True)
class Signer:
    """What signs the checkpoints of a log."""

    origin: str
    seed: bytes

    @classmethod
    def fresh(cls, origin: str) -> Signer:
        """Draw a new key. Raises BadNote for a name no key can bear."""
        if ORIGIN.fullmatch(origin) is None:
            raise BadNote("bad_origin")
        return cls(origin=origin, seed=os.urandom(32))

    @cached_property
    def public(self) -> PublicKey:
        return PublicKey(origin=self.origin, raw=self._key.public_key().public_bytes_raw())

    @cached_property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def text(self) -> str:
        """The key as its file holds it."""
        coded = base64.b64encode(ED25519 + self.seed).decode()
        return f"PRIVATE+KEY+{self.origin}+{self.public.hint}+{coded}"

    @classmethod
    def read(cls, text: str) -> Signer:
        """Read a key as its file holds it. Raises BadNote, also for one that only checks signatures."""
        marked = text.strip().removeprefix("PRIVATE+KEY+")
        if marked == text.strip():
            raise BadNote("not_private")
        origin, hint, coded = _three(marked)
        signer = cls(origin=origin, seed=_of_kind(coded))
        if signer.public.hint != hint:
            raise BadNote("bad_key")
        return signer

    def note(self, text: str) -> str:
        """Sign a text that ends with a line feed."""
        coded = base64.b64encode(bytes.fromhex(self.public.hint) + self._key.sign(text.encode())).decode()
        return f"{text}\n— {self.origin} {coded}\n"


def _three(text: str) -> tuple[str, str, str]:
    parts = text.split("+", 2)
    if len(parts) != 3 or ORIGIN.fullmatch(parts[0]) is None:
        raise BadNote("bad_key")
    return parts[0], parts[1], parts[2]


def _of_kind(coded: str) -> bytes:
    raw = _decoded(coded, "bad_key")
    if raw[:1] != ED25519 or len(raw) != 33:
        raise BadNote("wrong_kind_of_key")
    return raw[1:]


def _decoded(coded: str, code: str) -> bytes:
    """Read base64 in its one spelling."""
    try:
        raw = base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError):
        raise BadNote(code) from None
    if base64.b64encode(raw).decode() != coded:
        raise BadNote(code)
    return raw


# ───────────────────────────── Checkpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a checkpoint says: the log's name, how many entries it had, and the root over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def read(cls, note: str) -> Head:
        """Read a checkpoint without looking at its signatures. Raises BadNote."""
        lines = split(note)[0].split("\n")
        if len(lines) < 4 or not lines[0] or NUMBER.fullmatch(lines[1]) is None:
            raise BadNote("no_checkpoint")
        root = _decoded(lines[2], "no_checkpoint")
        if len(root) != 32:
            raise BadNote("no_checkpoint")
        return cls(origin=lines[0], size=int(lines[1]), root=root)


def split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """A note's text, and its signatures as name and bytes. Raises BadNote."""
    text, blank, tail = note.rpartition("\n\n")
    if not blank or not tail.endswith("\n") or len(note) > LONGEST:
        raise BadNote("no_checkpoint")
    signatures = []
    for line in tail[:-1].split("\n"):
        found = SIGNED.fullmatch(line)
        if found is None:
            raise BadNote("no_checkpoint")
        signatures.append((found[1], _decoded(found[2], "no_checkpoint")))
    return f"{text}\n", signatures


def signers(note: str, keys: Iterable[PublicKey]) -> list[PublicKey]:
    """Those of the keys whose signature the note bears. Raises BadNote when one is of a key and false."""
    text, signatures = split(note)
    known = {(key.origin, key.hint): key for key in keys}
    found = []
    for name, signature in signatures:
        key = known.get((name, signature[:4].hex()))
        if key is None:
            continue
        if not key.signed(text, signature[4:]):
            raise BadNote("bad_signature")
        found.append(key)
    return found
