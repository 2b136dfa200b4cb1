"""A sealed log of any length for those who check packets: real texts, chained, in several streams, and its key."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from models import Checkpoint, Database, Entry, Stream
from workflow.context import Actor, Context, Source
from workflow.log import FIELDS, FORMAT, GENESIS, canonical, entry_hash
from workflow.notes import Signer
from workflow.operations.keys import make_key
from workflow.operations.sealing import seal
from workflow.packet.writing import EVERYTHING, Scope, write_packet

AT = datetime(2026, 11, 28, 2, tzinfo=UTC)
CTX = Context(actor=Actor(system="cli"), at=AT, source=Source.COMMAND)
ORIGIN = "example.edu.cn/1"
STREAMS = 7


@dataclass(kw_only=True)
class SealedLog:
    """A database whose log has a key, entries and checkpoints."""

    database: Database
    file: Path
    signer: Signer

    @classmethod
    def made(cls, database: Database, folder: Path, *, entries: int, every: int = 25) -> SealedLog:
        """Make a key and so many entries beside its own, sealed `every` few."""
        file = folder / "log.key"
        log = cls(database=database, file=file, signer=make_key(database, file, ORIGIN, ctx=CTX))
        done = 0
        while done < entries:
            count = min(every, entries - done)
            log.write(done, count)
            log.seal()
            done += count
        return log

    def write(self, begin: int, count: int) -> None:
        """Write entries that begin at a number, each in the stream its number says."""
        with self.database.transaction() as session:
            ends = {
                name: (seq, head)
                for name, seq, head in session.execute(select(Stream.name, Stream.seq, Stream.head))
            }
            rows = []
            for number in range(begin, begin + count):
                stream = f"system:test{number % STREAMS}"
                seq, prev = ends.get(stream, (0, GENESIS))
                row = entry_row(stream, seq + 1, prev, number)
                ends[stream] = (seq + 1, row["hash"])
                rows.append(row)
            session.execute(insert(Entry), rows)
            for name, (seq, head) in ends.items():
                session.merge(Stream(name=name, seq=seq, head=head))

    def seal(self) -> None:
        seal(self.database, signer=self.signer, at=AT, pace=None)

    def packet(self, *, scope: Scope = EVERYTHING, with_documents: bool = True) -> bytes:
        file = io.BytesIO()
        with self.database.reading() as session:
            write_packet(session, file, scope=scope, with_documents=with_documents)
        return file.getvalue()

    def notes(self) -> Sequence[str]:
        """Every checkpoint, the smallest first."""
        with self.database.reading() as session:
            return session.scalars(select(Checkpoint.note).order_by(Checkpoint.size)).all()


def entry_text(stream: str, seq: int, prev: str, number: int, **fields: Any) -> str:
    """The canonical text of an entry outside any case."""
    values: dict[str, Any] = {
        **dict.fromkeys(sorted(FIELDS)),
        "format": FORMAT,
        "stream": stream,
        "seq": seq,
        "prev": prev,
        "kind": "clock_moved",
        "actor": "system:cli",
        "source": "command",
        "recorded_at": AT + timedelta(seconds=number),
        "effective_on": date(2026, 11, 28),
        "changes": [],
        "details": {"reason": f"第{number}次／no. {number} é", "clock_from": AT, "count": number},
    }
    return canonical({**values, **fields})


def entry_row(stream: str, seq: int, prev: str, number: int) -> dict[str, Any]:
    body = entry_text(stream, seq, prev, number)
    return {
        "stream": stream, "seq": seq, "kind": "clock_moved", "act": None, "outcome": None, "from_state": None, "to_state": None,
        "case_id": None, "unit_id": None, "ground": None, "actor_id": None, "actor": "system:cli", "source": "command",
        "effective_on": date(2026, 11, 28), "recorded_at": AT + timedelta(seconds=number), "body": body,
        "hash": entry_hash(body),
    }  # fmt: skip


class Files:
    """A packet in memory."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def names(self) -> list[str]:
        return sorted(self._files)

    def open(self, name: str) -> io.BytesIO:
        return io.BytesIO(self._files[name])


def files_of(packet: bytes) -> dict[str, bytes]:
    """The files of a packet."""
    with zipfile.ZipFile(io.BytesIO(packet)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
