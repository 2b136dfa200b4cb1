"""Values a column cannot have by its kind: SQLite keeps them all the same, and PostgreSQL keeps days beyond the calendar.

Nothing of the product writes one. Whoever reads a row would fail over it, so the checks ask for them first, in the database's
own words, and name them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import JSON, Boolean, Column, Date, Integer, LargeBinary, Table, text
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.orm import Session

from models import Base
from models.changes import key_column
from models.types import UTCDateTime
from workflow.errors import WorkflowError

FAILURES = (TypeError, ValueError, OverflowError, DBAPIError)
"""What reading such a value may raise; not every DBAPIError is one, see `is_of_a_value`."""

_SECONDS = "%Y-%m-%d %H:%M:%S"
_MICROSECONDS = "." + "[0-9]" * 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A value nobody can read: its table, the key of its row as text, and its column."""

    table: str
    key: str
    column: str


class Damaged(WorkflowError):
    """What was to be read is damaged; the verifier and the doctor name what."""


@contextmanager
def told_as_damage() -> Iterator[None]:
    """Raise Damaged in the place of whatever comes of reading a damaged log, tree or key."""
    try:
        yield
    except (*FAILURES, LookupError) as error:
        if not is_of_a_value(error):
            raise
        raise Damaged("damaged") from error


def is_of_a_value(error: Exception) -> bool:
    """Whether an error came from what a row holds, and not from the database being out of reach."""
    if isinstance(error, DBAPIError):
        return isinstance(error, DataError) or "Could not decode to UTF-8" in str(error.orig)
    return True


def unreadable(session: Session, tables: Collection[str] | None = None) -> Iterator[Unreadable]:
    """Every value of another kind than its column's, in all tables or in some. One pass over each table."""
    strange = _STRANGE[session.get_bind().dialect.name]
    for table in _chosen(tables):
        conditions = {column.name: strange(column) for column in table.columns}
        conditions = {name: condition for name, condition in conditions.items() if condition}
        if not conditions:
            continue
        flags = ", ".join(f"({condition})" for condition in conditions.values())
        anywhere = " OR ".join(f"({condition})" for condition in conditions.values())
        query = f"SELECT {_key(session, table)}, {flags} FROM {table.name} WHERE {anywhere}"
        for key, *found in session.execute(text(query.replace(":", "\\:"))):
            for name, is_strange in zip(conditions, found, strict=True):
                if is_strange:
                    yield Unreadable(table=table.name, key=_shown(key), column=name)


def undecodable(session: Session, tables: Collection[str] | None = None) -> Iterator[Unreadable]:
    """Every text of SQLite's that is no UTF-8. It reads each text there is: for when reading has failed already."""
    if session.get_bind().dialect.name != "sqlite":
        return
    for table in _chosen(tables):
        for column in table.columns:
            name = f'"{column.name}"'
            query = f"SELECT {_key(session, table)}, CAST({name} AS BLOB) FROM {table.name} WHERE typeof({name}) = 'text'"
            for key, raw in session.execute(text(query)):
                try:
                    raw.decode()
                except UnicodeDecodeError:
                    yield Unreadable(table=table.name, key=_shown(key), column=column.name)


def _chosen(tables: Collection[str] | None) -> list[Table]:
    return [table for table in Base.metadata.sorted_tables if tables is None or table.name in tables]


def _key(session: Session, table: Table) -> str:
    """The key as text whatever it holds; on SQLite as its bytes, which are then shown as well as they can be."""
    key = f'CAST("{key_column(table.name)}" AS TEXT)'
    return f"CAST({key} AS BLOB)" if session.get_bind().dialect.name == "sqlite" else key


def _shown(key: bytes | str | None) -> str:
    return key.decode(errors="replace") if isinstance(key, bytes) else str(key)


def _on_sqlite(column: Column[object]) -> str:
    name, kind = f'"{column.name}"', column.type
    if isinstance(kind, Boolean):
        wrong = f"typeof({name}) <> 'integer' OR {name} NOT IN (0, 1)"
    elif isinstance(kind, Integer):
        wrong = f"typeof({name}) <> 'integer'"
    elif isinstance(kind, UTCDateTime):
        seconds = f"substr({name}, 1, 19)"
        wrong = (
            f"typeof({name}) <> 'text' OR strftime('{_SECONDS}', {seconds}, '+0 days') IS NOT {seconds} "
            f"OR substr({name}, 20) NOT GLOB '{_MICROSECONDS}' OR {name} < '0001'"
        )
    elif isinstance(kind, Date):
        wrong = f"typeof({name}) <> 'text' OR date({name}, '+0 days') IS NOT {name} OR {name} < '0001'"
    elif isinstance(kind, JSON):
        wrong = f"typeof({name}) NOT IN ('text', 'integer') OR (typeof({name}) = 'text' AND NOT json_valid({name}))"
    elif isinstance(kind, LargeBinary):
        wrong = f"typeof({name}) <> 'blob'"
    else:
        wrong = f"typeof({name}) <> 'text'"
    return f"{name} IS NOT NULL AND ({wrong})"


def _on_postgresql(column: Column[object]) -> str:
    """The server sees to the kinds; what it allows beyond Python's calendar is left."""
    if not isinstance(column.type, (Date, UTCDateTime)):
        return ""
    name = f'"{column.name}"'
    return f"{name} IS NOT NULL AND (NOT isfinite({name}) OR {name} < '0001-01-02' OR {name} > '9999-12-31')"


_STRANGE = {"sqlite": _on_sqlite, "postgresql": _on_postgresql}
