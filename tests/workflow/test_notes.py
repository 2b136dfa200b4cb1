"""Checkpoints and keys are those of C2SP: what others signed is read, and what is not to be believed is refused."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from workflow.keyfile import KeyFault, read_key, write_key
from workflow.notes import BadNote, Head, PublicKey, Signer, signers

KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NOTE = (
    f"{TEXT}\n— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
"""The key and the note with which the format's first implementation is documented."""

SIGNER = Signer(origin="example.edu.cn/1", seed=bytes(range(32)))
HEAD = Head(origin="example.edu.cn/1", size=7, root=bytes(range(32)))


def test_note_of_the_first_implementation_is_read_and_made_byte_for_byte() -> None:
    key = PublicKey.read(KEY)

    assert signers(NOTE, [key]) == [key]
    assert Signer.read(PRIVATE).note(TEXT) == NOTE
    assert (key.text, Signer.read(PRIVATE).public.text, Signer.read(PRIVATE).text) == (KEY, KEY, PRIVATE)


def test_checkpoint_says_its_log_its_size_and_its_root() -> None:
    note = SIGNER.note(HEAD.text)

    assert Head.read(note) == HEAD
    assert signers(note, [SIGNER.public]) == [SIGNER.public]
    assert note.split("\n")[:4] == ["example.edu.cn/1", "7", base64.b64encode(bytes(range(32))).decode(), ""]


def test_signature_of_a_stranger_says_nothing_and_a_false_one_is_refused() -> None:
    note, other = SIGNER.note(HEAD.text), Signer.fresh("example.edu.cn/1")
    forged = note.replace("\n7\n", "\n8\n")

    assert signers(note, [other.public]) == []
    with pytest.raises(BadNote, match="bad_signature"):
        signers(forged, [SIGNER.public])


@given(some.integers(0, len(SIGNER.note(HEAD.text).encode()) - 1), some.integers(1, 255))
def test_no_byte_of_a_checkpoint_can_be_changed(place: int, change: int) -> None:
    raw = bytearray(SIGNER.note(HEAD.text).encode())
    raw[place] ^= change
    try:
        note = raw.decode()
        said = Head.read(note), signers(note, [SIGNER.public])
    except (BadNote, UnicodeDecodeError):
        return

    assert said[1] == []


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "a\n7\n\n", "a\n07\nAAAA\n\n— a AAAA\n", NOTE, HEAD.text, "x" * 20_000, HEAD.text + "\n— a b\n",
     HEAD.text + "\n- a AAAA\n", "a\n-1\n" + "A" * 43 + "=\n\n— a AAAA\n"],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        Head.read(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_key"),
        (KEY.replace("c74f20a3", "c74f20a4"), "bad_key"),
        (KEY.replace("+AR", "+BR"), "wrong_kind_of_key"),
        (KEY[:-4], "wrong_kind_of_key"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl", "bad_key"),
    ],
)
def test_what_is_no_key_of_a_log_is_refused(text: str, code: str) -> None:
    with pytest.raises(BadNote, match=code):
        PublicKey.read(text)


# ───────────────────────────── The file


def test_key_is_written_for_its_owner_only_and_read_back(tmp_path: Path) -> None:
    file = tmp_path / "new" / "log.key"
    write_key(file, SIGNER)

    assert (file.stat().st_mode & 0o777, read_key(file)) == (0o600, SIGNER)
    with pytest.raises(KeyFault) as again:
        write_key(file, SIGNER)
    assert again.value.code == "key_exists"


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o644, 0o601])
def test_key_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "log.key"
    write_key(file, SIGNER)
    file.chmod(mode)

    with pytest.raises(KeyFault) as fault:
        read_key(file)
    assert fault.value.code == "key_readable_by_others"


@pytest.mark.parametrize(
    ("content", "code"), [(None, "key_missing"), (KEY, "key_bad"), ("", "key_bad"), ("\udcff", "key_bad")]
)
def test_key_that_cannot_sign_is_refused(tmp_path: Path, content: str | None, code: str) -> None:
    file = tmp_path / "log.key"
    if content is not None:
        file.write_bytes(content.encode(errors="surrogateescape"))
        os.chmod(file, 0o600)

    with pytest.raises(KeyFault) as fault:
        read_key(file)
    assert fault.value.code == code


DYING = """
import os, signal, sys
from pathlib import Path
from workflow.keyfile import write_key
from workflow.notes import Signer

os.fsync = lambda _descriptor: os.kill(os.getpid(), signal.SIGKILL)
write_key(Path(sys.argv[1]), Signer.fresh("example.edu.cn/1"))
"""
"""Writes a key and dies when it is to reach the disk."""


def test_key_whose_writer_dies_is_not_there_by_halves(tmp_path: Path) -> None:
    file = tmp_path / "log.key"

    died = subprocess.run([sys.executable, "-c", DYING, str(file)], check=False)
    was_there = file.exists()
    write_key(file, SIGNER)

    assert (died.returncode, was_there) == (-signal.SIGKILL, False)
    assert read_key(file).public == SIGNER.public
