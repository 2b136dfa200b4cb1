"""Write a packet: the entries of a base, a unit, a period or everything, with all it takes to check them elsewhere.

It reads one consistent state, the log as the newest checkpoint covers it, and goes through it twice from the left, so that
memory does not grow with the log. `docs/log-format.md` specifies what is written.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from typing import IO, Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from models import Blob, Checkpoint, Entry, Leaf
from workflow.errors import WorkflowError
from workflow.log import read
from workflow.merkle import covering
from workflow.operations.sealing import public_keys
from workflow.packet import verify
from workflow.periods import end_of, start_of
from workflow.tree import Tree
from workflow.unreadable import told_as_damage

PAGE = 500
MOST_CHECKPOINTS = 40
"""Signed checkpoints a packet holds: the newest, and others evenly over the log. Every size has its proof all the same."""

DATE_TIME = (1980, 1, 1, 0, 0, 0)
"""The date of every file in the archive: the same log gives the same bytes."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a packet is to hold; without any part it is everything."""

    case: str | None = None
    unit: str | None = None
    since: date | None = None
    until: date | None = None
    """Recorded on these Beijing days, both included."""

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.case is not None:
            found.append(Entry.case_id == self.case)
        if self.unit is not None:
            found.append(Entry.unit_id == self.unit)
        if self.since is not None:
            found.append(Entry.recorded_at >= start_of(self.since))
        if self.until is not None:
            found.append(Entry.recorded_at < end_of(self.until))
        return found

    @property
    def plain(self) -> dict[str, str]:
        """As the packet and the entry of the export say it."""
        said = {"case": self.case, "unit": self.unit, "since": self.since, "until": self.until}
        return {name: str(value) for name, value in said.items() if value is not None}


EVERYTHING = Scope()


class PacketFault(WorkflowError):
    """No packet can be made: `no_checkpoint`, `nothing_to_export`, `document_missing`."""


@dataclass(slots=True, kw_only=True)
class Written:
    """What a packet came to hold."""

    entries: int = 0
    size: int = 0
    documents: set[str] = field(default_factory=set)


def write_packet(
    session: Session,
    target: IO[bytes],
    *,
    scope: Scope = EVERYTHING,
    with_documents: bool = True,
    progress: Progress | None = None,
) -> Written:
    """Write the packet as a ZIP file; the session sees one consistent state.

    Raises PacketFault and, of a log that cannot be read or has no whole tree, Damaged; then what was written is void.
    """
    with told_as_damage():
        return _written(session, target, scope, with_documents, progress)


def _written(
    session: Session, target: IO[bytes], scope: Scope, with_documents: bool, progress: Progress | None
) -> Written:
    size = session.scalar(select(func.max(Checkpoint.size)))
    if size is None:
        raise PacketFault("no_checkpoint")
    total = session.scalar(_counted(scope, size)) or 0
    if not total:
        raise PacketFault("nothing_to_export", **scope.plain)
    written = Written(size=size)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packet:
        _entries(session, packet, scope, written, total, progress)
        _proof(session, packet, scope, size)
        _heads(session, packet, size)
        if with_documents:
            _documents(session, packet, written.documents)
        _about(session, packet, scope, written, with_documents)
    return written


def _counted(scope: Scope, size: int) -> Any:
    return (
        select(func.count())
        .select_from(Leaf)
        .join(Entry, Entry.id == Leaf.entry_id)
        .where(Leaf.number < size, *scope.conditions)
    )


def _entries(
    session: Session,
    packet: zipfile.ZipFile,
    scope: Scope,
    written: Written,
    total: int,
    progress: Progress | None,
) -> None:
    with packet.open(_named("entries.jsonl"), "w", force_zip64=True) as file:
        for row in _rows(session, scope, written.size, (Leaf.number, Entry.body)):
            file.write(f'{{"entry":{row.body},"number":{row.number}}}\n'.encode())
            if '"documents"' in row.body:
                written.documents |= verify.documents_of(read(row.body))
            written.entries += 1
            if progress is not None and written.entries % PAGE == 0:
                progress(written.entries, total)


def _rows(session: Session, scope: Scope, size: int, columns: Sequence[Any]) -> Iterator[Any]:
    """The leaves of the scope from the left, page by page."""
    query = (
        select(*columns)
        .select_from(Leaf)
        .join(Entry, Entry.id == Leaf.entry_id)
        .where(Leaf.number < size, *scope.conditions)
        .order_by(Leaf.number)
        .limit(PAGE)
    )
    last = -1
    while True:
        page = session.execute(query.where(Leaf.number > last)).all()
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1].number


def _proof(session: Session, packet: zipfile.ZipFile, scope: Scope, size: int) -> None:
    """The hashes of the entries, and between them of the subtrees left out; every checkpoint's size is a seam."""
    seams = iter(
        session.scalars(
            select(Checkpoint.size).where(Checkpoint.size <= size).order_by(Checkpoint.size)
        ).all()
    )
    seam = next(seams)
    tree = Tree(session)
    at = 0
    with packet.open(_named("proofs/tree.txt"), "w", force_zip64=True) as file:
        for number, digest in _marked(session, scope, size):
            while at < number:
                end = min(seam, number)
                for level, place in covering(at, end):
                    file.write(f"{level} {tree.node(level, place).hex()}\n".encode())
                at = end
                if at == seam:
                    seam = next(seams, size)
            if number < size:
                file.write(f"e {bytes.fromhex(digest).hex()}\n".encode())
                at = number + 1
                if at == seam:
                    seam = next(seams, size)


def _marked(session: Session, scope: Scope, size: int) -> Iterator[tuple[int, str]]:
    """The leaves of the scope, and behind them the end of the tree."""
    for row in _rows(session, scope, size, (Leaf.number, Leaf.hash)):
        yield row.number, row.hash
    yield size, ""


def _heads(session: Session, packet: zipfile.ZipFile, size: int) -> None:
    keys = [
        f"{first} {'-' if last is None else last} {key.text}\n" for key, first, last in public_keys(session)
    ]
    packet.writestr(_named("keys.txt"), "".join(keys))
    sizes = session.scalars(
        select(Checkpoint.size).where(Checkpoint.size <= size).order_by(Checkpoint.size)
    ).all()
    for chosen in _evenly(sizes):
        note = session.scalars(select(Checkpoint.note).where(Checkpoint.size == chosen)).one()
        packet.writestr(_named(f"checkpoints/{chosen:012d}.txt"), note)


def _evenly(sizes: Sequence[int]) -> list[int]:
    step = -(-len(sizes) // MOST_CHECKPOINTS)
    return sorted({*sizes[::-1][::step]})


def _documents(session: Session, packet: zipfile.ZipFile, digests: Iterable[str]) -> None:
    for digest in sorted(digests):
        content = session.scalar(select(Blob.content).where(Blob.sha256 == digest))
        if content is None:
            raise PacketFault("document_missing", sha256=digest)
        packet.writestr(_named(f"documents/{digest}"), content)


def _about(
    session: Session, packet: zipfile.ZipFile, scope: Scope, written: Written, with_documents: bool
) -> None:
    about = {
        "format": verify.PACKET,
        "origin": public_keys(session)[-1][0].origin,
        "size": written.size,
        "entries": written.entries,
        "documents": "files" if with_documents else "hashes",
        "scope": scope.plain,
    }
    packet.writestr(_named("packet.json"), json.dumps(about, ensure_ascii=False, indent=1) + "\n")
    here = files("workflow.packet")
    packet.writestr(_named(verify.BESIDE[0]), here.joinpath("verify.py").read_bytes())
    packet.writestr(_named(verify.BESIDE[1]), here.joinpath("readme.txt").read_bytes())


def _named(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, DATE_TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info
