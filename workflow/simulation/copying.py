"""Copy a database into a SQLite file of its own, where nothing that happens reaches the original."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from models import Base, Database
from models.schema import backup, create_all

ROWS = 500
"""Rows carried over at once."""


def copied(source: Database, folder: Path) -> Database:
    """Return a copy of a database as it stands at one moment, in a folder; the original is only read."""
    file = folder / "copy.sqlite3"
    if source.is_sqlite:
        backup(source, file)
        return Database(f"sqlite:///{file}")
    target = Database(f"sqlite:///{file}")
    create_all(target)
    with source.reading() as read, target.transaction() as write:
        write.execute(text("PRAGMA defer_foreign_keys = ON"))
        for table in Base.metadata.sorted_tables:
            for rows in _in_parts(read, table):
                write.execute(insert(table), rows)
    return target


def _in_parts(session: Session, table: object) -> Iterator[list[dict[str, object]]]:
    found = session.execute(select(table).execution_options(yield_per=ROWS)).mappings()  # type: ignore[call-overload]
    for part in found.partitions():
        yield [dict(row) for row in part]
