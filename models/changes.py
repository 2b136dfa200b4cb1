"""A change of one row as a value, and the few statements that write many of them.

The engine plans an act as a list of changes; the same list is shown before it, written by it, kept in the log and
replayed by the doctor. On PostgreSQL all of them go out in one statement of writing CTEs, for a round trip costs more
than the work; SQLite, where a statement is a function call, takes one prepared statement per table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import JSON, Boolean, Connection, Date, Integer
from sqlalchemy.orm import Session

from models.database import Base, driver_cursor
from models.types import Key, UTCDateTime

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
        rows[place] = (
            change
            if before is None
            else Change(
                table=change.table,
                op=before.op,
                key=change.key,
                values={**before.values, **change.values},
                seen=before.seen,
            )
        )
    return list(rows.values())


def write(session: Session, changes: Iterable[Change]) -> None:
    """Write the changes in the session's transaction. Raises Overtaken when a case has moved meanwhile."""
    alike: dict[tuple[str, str, tuple[str, ...], bool], list[Change]] = {}
    for change in merged(changes):
        alike.setdefault((change.op, change.table, tuple(change.values), change.seen is not None), []).append(
            change
        )
    if not alike:
        return
    groups = [(Shape(*common, len(rows) == 1), rows) for common, rows in alike.items()]
    groups.sort(key=lambda group: (_rank(group[0].table), group[0].op == INSERT))
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        _write_at_once(connection, groups)
    else:
        _write_one_by_one(connection, groups)


class Shape(NamedTuple):
    """What rows written together have in common. `guarded`: their versions are compared; `alone`: there is just one."""

    op: str
    table: str
    columns: tuple[str, ...]
    guarded: bool
    alone: bool


# ───────────────────────────── PostgreSQL


def _write_at_once(connection: Connection, groups: Sequence[tuple[Shape, list[Change]]]) -> None:
    values = [value for shape, changes in groups for value in _values(shape, changes)]
    sql = _one_statement(tuple(shape for shape, _ in groups))
    with driver_cursor(connection) as cursor:
        moved = cursor.execute(sql, values).fetchone()[0]
    if moved != sum(len(changes) for shape, changes in groups if shape.guarded):
        raise Overtaken


def _values(shape: Shape, changes: Sequence[Change]) -> list[Any]:
    """The rows as JSON and, for an update of one row, its key and the version it must still have."""
    if shape.op == UPDATE and shape.alone:
        return [json_text(changes[0].values), changes[0].key, changes[0].seen][: _width(shape)]
    return [json_text([_json_row(change) for change in changes])]


def _width(shape: Shape) -> int:
    """How many values a part of the statement takes."""
    return 2 + shape.guarded if shape.op == UPDATE and shape.alone else 1


@lru_cache(maxsize=512)
def _one_statement(shapes: tuple[Shape, ...]) -> str:
    """Updates before inserts; the rows of each part come in one JSON value of their own, or each would read all of it.

    An insert reads the count of the updates of its table, which makes PostgreSQL run them before it. Without that
    order a timer could be armed while its predecessor still counts as open.
    """
    parts: list[str] = []
    guarded: list[str] = []
    updated: dict[str, list[int]] = {}
    mark = 1
    for i, shape in enumerate(shapes):
        if shape.op == UPDATE:
            parts.append(f"c{i} AS ({_update(shape, mark)} RETURNING 1)")
            updated.setdefault(shape.table, []).append(i)
            if shape.guarded:
                guarded.append(f"(SELECT count(*) FROM c{i})")
        else:
            values = ", ".join(f"r.{column}" for column in shape.columns)
            after = " AND ".join(f"(SELECT count(*) FROM c{j}) >= 0" for j in updated.get(shape.table, ()))
            parts.append(
                f"c{i} AS (INSERT INTO {shape.table} ({', '.join(shape.columns)}) SELECT {values} FROM "
                f"jsonb_populate_recordset(NULL::{shape.table}, ${mark}::jsonb) r{' WHERE ' + after if after else ''})"
            )
        mark += _width(shape)
    return f"WITH {', '.join(parts)} SELECT {' + '.join(guarded) or '0'}"


def _update(shape: Shape, mark: int) -> str:
    """An update of one row names it by its key, for of a set of rows PostgreSQL expects a hundred and may read the table."""
    key = key_column(shape.table)
    sets = ", ".join(f"{column} = r.{column}" for column in shape.columns)
    if shape.alone:
        guard = f" AND t.version = ${mark + 2}" if shape.guarded else ""
        return (
            f"UPDATE {shape.table} t SET {sets} FROM jsonb_populate_record(NULL::{shape.table}, ${mark}::jsonb) r "
            f"WHERE t.{key} = ${mark + 1}{guard}"
        )
    guard = " AND t.version = (x->>'seen')::int" if shape.guarded else ""
    return (
        f"UPDATE {shape.table} t SET {sets} FROM jsonb_array_elements(${mark}::jsonb) x, "
        f"jsonb_populate_record(NULL::{shape.table}, x) r WHERE t.{key} = r.{key}{guard}"
    )


def _json_row(change: Change) -> Mapping[str, Any]:
    """A row of many: an updated one brings its key, and the version it must still have."""
    if change.op == INSERT:
        return change.values
    seen = {} if change.seen is None else {"seen": change.seen}
    return {**change.values, key_column(change.table): change.key, **seen}


# ───────────────────────────── SQLite


def _write_one_by_one(connection: Connection, groups: Sequence[tuple[Shape, list[Change]]]) -> None:
    with driver_cursor(connection) as cursor:
        for shape, changes in groups:
            statement, spellings = _prepared(shape)
            written = 0
            for change in changes:
                values = list(change.values.values())
                for place, spell in spellings:
                    values[place] = spell(values[place])
                if shape.op == UPDATE:
                    values.append(change.key)
                if shape.guarded:
                    values.append(change.seen)
                written += cursor.execute(statement, values).rowcount
            if shape.guarded and written != len(changes):
                raise Overtaken


@lru_cache(maxsize=512)
def _prepared(shape: Shape) -> tuple[str, tuple[tuple[int, Callable[[Any], Any]], ...]]:
    """The statement of a shape; the places of the values the driver does not know, and how they are spelt."""
    kinds = [Base.metadata.tables[shape.table].c[column].type for column in shape.columns]
    spellings = tuple(
        (place, _json_or_null if isinstance(kind, JSON) else sqlite_value)
        for place, kind in enumerate(kinds)
        if isinstance(kind, (JSON, Date, UTCDateTime))
    )
    if shape.op == INSERT:
        marks = ", ".join("?" for _ in shape.columns)
        return f"INSERT INTO {shape.table} ({', '.join(shape.columns)}) VALUES ({marks})", spellings
    sets = ", ".join(f"{column} = ?" for column in shape.columns)
    guard = " AND version = ?" if shape.guarded else ""
    return f"UPDATE {shape.table} SET {sets} WHERE {key_column(shape.table)} = ?{guard}", spellings


def sqlite_value(value: Any) -> Any:
    """A value as SQLite's driver is to store or compare it, in the spelling SQLAlchemy's own types use."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return value


def _json_or_null(value: Any) -> str | None:
    return None if value is None else json_text(value)


# ───────────────────────────── Values as text


def _plain_other(value: Any) -> Any:
    """What JSON has no word for."""
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"no plain form for {type(value).__name__}")


json_text = json.JSONEncoder(ensure_ascii=False, default=_plain_other).encode
"""Spell a value as JSON for the database; days and instants become ISO 8601 text."""


def instant_text(value: datetime) -> str:
    """An instant as `2026-11-23T13:05:00.123456Z`: always UTC, always six decimals."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat("T", "microseconds") + "Z"


def plain(value: Any) -> Any:
    """The same value in JSON's own types; days and instants become ISO 8601 text."""
    if isinstance(value, (str, int, bool)) or value is None:
        return value
    if isinstance(value, (dict, Mapping)):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in value)
    return _plain_other(value)


@lru_cache(maxsize=64)
def key_column(table: str) -> str:
    """The column by whose value a change names its row."""
    return next(iter(Base.metadata.tables[table].primary_key.columns)).name


def key_value(table: str, key: str) -> Any:
    """The key of a change as a value of the key's own column. Raises ValueError when it cannot be one."""
    kind = Base.metadata.tables[table].c[key_column(table)].type
    if isinstance(kind, Key):
        return str(UUID(key))
    if isinstance(kind, Date):
        return date.fromisoformat(key)
    return int(key) if isinstance(kind, Integer) else key


@lru_cache(maxsize=64)
def _rank(table: str) -> int:
    return next(i for i, known in enumerate(Base.metadata.sorted_tables) if known.name == table)


# ───────────────────────────── Rows read back


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@lru_cache(maxsize=64)
def _readers(table: str) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """The columns whose values JSON and SQLite keep as something else, and what makes them a Python value again."""
    readers: list[tuple[str, Callable[[Any], Any]]] = []
    for column in Base.metadata.tables[table].columns:
        if isinstance(column.type, UTCDateTime):
            readers.append((column.name, _instant))
        elif isinstance(column.type, Date):
            readers.append((column.name, date.fromisoformat))
        elif isinstance(column.type, Boolean):
            readers.append((column.name, bool))
    return tuple(readers)


def typed(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Read a row that came as JSON back into Python values, by the types of the table's columns."""
    result = dict(row)
    for column, read in _readers(table):
        value = result.get(column)
        if value is not None:
            result[column] = read(value)
    return result


def stored(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """Read a row as SQLite's driver gives it, its JSON being text, or a number where it is one."""
    for column in _json_columns(table):
        value = row.get(column)
        if isinstance(value, str):
            row[column] = json.loads(value)
    return typed(table, row)


@lru_cache(maxsize=64)
def _json_columns(table: str) -> tuple[str, ...]:
    return tuple(
        column.name for column in Base.metadata.tables[table].columns if isinstance(column.type, JSON)
    )
