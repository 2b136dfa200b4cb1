"""The file of the key that signs the log: outside the database, and nobody's but its owner's."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from workflow.errors import WorkflowError
from workflow.notes import BadNote, Signer


class KeyFault(WorkflowError):
    """The key cannot be used: `key_missing`, `key_readable_by_others`, `key_bad`, `key_of_another_log`, `key_exists`."""


def read_key(file: Path) -> Signer:
    """Read the key. Raises KeyFault, also where anybody but its owner may read the file."""
    try:
        with file.open(encoding="utf-8") as handle:
            mode = os.fstat(handle.fileno()).st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise KeyFault("key_readable_by_others", file=str(file), mode=f"{stat.S_IMODE(mode):o}")
            return Signer.read(handle.read(4096))
    except (FileNotFoundError, NotADirectoryError):
        raise KeyFault("key_missing", file=str(file)) from None
    except BadNote as bad:
        raise KeyFault("key_bad", file=str(file), reason=bad.code) from None
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFault("key_bad", file=str(file), reason=type(error).__name__) from None


def write_key(file: Path, signer: Signer) -> None:
    """Write a new file that only its owner reads, and wait for the disk. Raises KeyFault where there is one.

    It comes to its place whole: who dies meanwhile leaves none there.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(f"{signer.text}\n")
            handle.flush()
            os.fsync(handle.fileno())
        file.hardlink_to(unfinished)
    except FileExistsError:
        raise KeyFault("key_exists", file=str(file)) from None
    finally:
        unfinished.unlink()
    _keep(file.parent)


def successor(file: Path) -> Path:
    """Where the next key waits while it is being put in force."""
    return file.with_name(f"{file.name}.next")


def take_over(file: Path) -> None:
    """Put the next key in the place of the last, of which nothing is kept: it is to sign nothing any more."""
    successor(file).replace(file)
    _keep(file.parent)


def _keep(folder: Path) -> None:
    """Wait until what the folder lists has reached the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
