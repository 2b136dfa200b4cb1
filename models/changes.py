"""A change of one row as a value, and the few statements that write many of them.

The engine plans an act as a list of changes; the same list is shown before it, written by it, kept in the log and
replayed by the doctor. On PostgreSQL all of them go out in one statement of writing CTEs, for a round trip costs more
than the work; SQLite, where a statement is a function call, takes one prepared statement per table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, Connection
from sqlalchemy.orm import Session

from models.database import Base
from models.types import UTCDateTime

INSERT = "insert"
UPDATE = "update"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row inserted, or some columns of one row updated. `key` is the value of the table's primary key.

    `seen`, for a case, is the version the change was planned on: the row must still have it.
    """

    table: str
    op: str
    key: str
    values: Mapping[str, Any]
    seen: int | None = None


class Overtaken(Exception):
    """A case no longer had the version its change was planned on; nothing may be committed."""


def merged(changes: Iterable[Change]) -> list[Change]:
    """Fold changes of the same row into one, the later value winning; an update of a new row joins its insert."""
    rows: dict[tuple[str, str], Change] = {}
    for change in changes:
        place = (change.table, change.key)
        before = rows.get(place)
        rows[place] = change if before is None else Change(
            table=change.table,
            op=before.op,
            key=change.key,
            values={**before.values, **change.values},
            seen=before.seen,
        )
    return list(rows.values())


def write(session: Session, changes: Iterable[Change]) -> None:
    """Write the changes in the session's transaction. Raises Overtaken when a case has moved meanwhile."""
    groups: dict[tuple[str, str, tuple[str, ...], bool], list[Change]] = {}
    for change in merged(changes):
        shape = (change.op, change.table, tuple(sorted(change.values)), change.seen is not None)
        groups.setdefault(shape, []).append(change)
    if not groups:
        return
    ordered = sorted(groups, key=lambda shape: (_rank(shape[1]), shape[0] == INSERT))
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        _write_at_once(connection, ordered, groups)
    else:
        _write_one_by_one(connection, ordered, groups)


Shape = tuple[str, str, tuple[str, ...], bool]


def _write_at_once(connection: Connection, shapes: Sequence[Shape], groups: Mapping[Shape, list[Change]]) -> None:
    parameters = {f"p{i}": _json_rows(groups[shape]) for i, shape in enumerate(shapes)}
    moved = connection.exec_driver_sql(_one_statement(tuple(shapes)), parameters).scalar_one()
    if moved != sum(len(groups[shape]) for shape in shapes if shape[3]):
        raise Overtaken


@lru_cache(maxsize=512)
def _one_statement(shapes: tuple[Shape, ...]) -> str:
    """Updates before inserts; an insert reads the count of the updates of its table, which makes PostgreSQL run them before it.

    Without that order a timer could be armed while its predecessor still counts as open.
    """
    parts: list[str] = []
    guarded: list[str] = []
    updated: dict[str, list[int]] = {}
    for i, (op, table, columns, seen) in enumerate(shapes):
        key = key_column(table)
        if op == UPDATE:
            sets = ", ".join(f"{column} = r.{column}" for column in columns)
            guard = " AND t.version = (x->>'seen')::int" if seen else ""
            parts.append(
                f"c{i} AS (UPDATE {table} t SET {sets} FROM jsonb_array_elements(%(p{i})s::jsonb) x, "
                f"jsonb_populate_record(NULL::{table}, x) r WHERE t.{key} = r.{key}{guard} RETURNING 1)"
            )
            updated.setdefault(table, []).append(i)
            if seen:
                guarded.append(f"(SELECT count(*) FROM c{i})")
        else:
            names = ", ".join(columns)
            values = ", ".join(f"r.{column}" for column in columns)
            after = " AND ".join(f"(SELECT count(*) FROM c{j}) >= 0" for j in updated.get(table, ()))
            parts.append(
                f"c{i} AS (INSERT INTO {table} ({names}) SELECT {values} "
                f"FROM jsonb_populate_recordset(NULL::{table}, %(p{i})s::jsonb) r{' WHERE ' + after if after else ''})"
            )
    return f"WITH {', '.join(parts)} SELECT {' + '.join(guarded) or '0'}"


def _write_one_by_one(connection: Connection, shapes: Sequence[Shape], groups: Mapping[Shape, list[Change]]) -> None:
    for op, table, columns, seen in shapes:
        changes = groups[(op, table, columns, seen)]
        statement, readers = _prepared(op, table, columns, seen)
        rows = [
            tuple(sqlite_value(change.values[column], is_json=reader) for column, reader in zip(columns, readers, strict=True))
            + (() if op == INSERT else (change.key,))
            + ((change.seen,) if seen else ())
            for change in changes
        ]
        if len(rows) == 1:
            result = connection.exec_driver_sql(statement, rows[0])
        else:
            result = connection.exec_driver_sql(statement, rows)
        if seen and result.rowcount != len(rows):
            raise Overtaken


@lru_cache(maxsize=512)
def _prepared(op: str, table: str, columns: tuple[str, ...], seen: bool) -> tuple[str, tuple[bool, ...]]:
    types = tuple(isinstance(Base.metadata.tables[table].c[column].type, JSON) for column in columns)
    if op == INSERT:
        marks = ", ".join("?" for _ in columns)
        return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", types
    sets = ", ".join(f"{column} = ?" for column in columns)
    guard = " AND version = ?" if seen else ""
    return f"UPDATE {table} SET {sets} WHERE {key_column(table)} = ?{guard}", types


def sqlite_value(value: Any, *, is_json: bool = False) -> Any:
    """A value as SQLite's driver is to store or compare it, in the spelling SQLAlchemy's own types use."""
    if value is None:
        return None
    if is_json:
        return json.dumps(plain(value), ensure_ascii=False)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, date):
        return value.isoformat()
    return value


def _json_rows(changes: list[Change]) -> str:
    rows = []
    for change in changes:
        row = dict(change.values)
        if change.op == UPDATE:
            row[key_column(change.table)] = change.key
        if change.seen is not None:
            row["seen"] = change.seen
        rows.append(row)
    return json.dumps(rows, ensure_ascii=False, default=_plain_moment)


def _plain_moment(value: Any) -> str:
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no plain form for {type(value).__name__}")


def instant_text(value: datetime) -> str:
    """An instant as `2026-11-23T13:05:00.123456Z`: always UTC, always six decimals."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def plain(value: Any) -> Any:
    """The same value in JSON's own types; days and instants become ISO 8601 text."""
    if isinstance(value, (str, int, bool)) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in value)
    return _plain_moment(value)


@lru_cache(maxsize=64)
def key_column(table: str) -> str:
    """The column by whose value a change names its row."""
    return next(iter(Base.metadata.tables[table].primary_key.columns)).name


def key_value(table: str, key: str) -> Any:
    """The key of a change as a value of the key's own column."""
    kind = Base.metadata.tables[table].c[key_column(table)].type.python_type
    return date.fromisoformat(key) if kind is date else kind(key)


@lru_cache(maxsize=64)
def _rank(table: str) -> int:
    return next(i for i, known in enumerate(Base.metadata.sorted_tables) if known.name == table)


@lru_cache(maxsize=64)
def _readers(table: str) -> Mapping[str, str]:
    kinds = {}
    for column in Base.metadata.tables[table].columns:
        name = type(column.type).__name__
        if isinstance(column.type, UTCDateTime):
            kinds[column.name] = "instant"
        elif name == "Date":
            kinds[column.name] = "day"
        elif name == "Boolean":
            kinds[column.name] = "yes_no"
    return kinds


def typed(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Read a row that came as JSON back into Python values, by the types of the table's columns."""
    kinds = _readers(table)
    result = dict(row)
    for column in kinds.keys() & result.keys():
        value = result[column]
        if value is None:
            continue
        kind = kinds[column]
        if kind == "instant":
            moment = datetime.fromisoformat(value)
            result[column] = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        elif kind == "day":
            result[column] = date.fromisoformat(value)
        else:
            result[column] = bool(value)
    return result
