"""Rows of the database beside those the log's entries made: found by their keys, compared field by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Base, Disclosure
from models.changes import key_column, key_value, plain
from workflow.replay import Discrepancy, Place, Salts, differences, digests

PAGE = 500
"""Rows read, or asked for by their keys, at once."""

LIMIT = 1000
"""Discrepancies after which the doctor stops."""


def by_key(table: str, rows: Iterable[Any]) -> dict[str, Mapping[str, Any]]:
    return {str(plain(row[key_column(table)])): row for row in rows}


def stored_rows(session: Session, table: str, keys: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """The rows with these keys."""
    columns = Base.metadata.tables[table]
    wanted = [value for value in (_value(table, key) for key in keys) if value is not None]
    found: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(wanted), PAGE):
        query = select(columns).where(columns.c[key_column(table)].in_(wanted[start : start + PAGE]))
        found |= by_key(table, session.execute(query).mappings())
    return found


def _value(table: str, key: str) -> Any:
    try:
        return key_value(table, key)
    except ValueError:
        return None


def in_chunks(session: Session, model: Any, column: Any, keys: Iterable[str]) -> Iterator[Any]:
    wanted = sorted(keys)
    for start in range(0, len(wanted), PAGE):
        yield from session.execute(select(model.__table__).where(column.in_(wanted[start : start + PAGE])))


def compared(
    table: str,
    expected: Mapping[str, Mapping[str, Any]],
    stored: Mapping[str, Mapping[str, Any]],
    salts: Salts,
    partial: set[Place],
) -> Iterator[Discrepancy]:
    for key, values in expected.items():
        row = stored.get(key)
        if row is None:
            yield Discrepancy(table=table, key=key, column=key_column(table), expected=key, found=None)
        else:
            yield from differences((table, key), values, row, salts, whole=(table, key) not in partial)


def too_many(table: str, key: str) -> Discrepancy:
    return Discrepancy(table=table, key=key, column=key_column(table), expected=None, found=key)


def salts_of(session: Session, rows: Iterable[Mapping[str, Any]]) -> Salts:
    wanted = {digest for row in rows for value in row.values() for digest in digests(value)}
    found = in_chunks(session, Disclosure, Disclosure.commitment, wanted)
    return Salts(known={row.commitment: row.salt for row in found})
