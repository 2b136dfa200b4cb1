"""The same durable writes by hand: one statement per row, in plain psycopg and sqlite3.

The statements are taken from what the engine really writes, so that both sides leave exactly the same rows. As a
hand-written program would, this one locks the case, draws the number where one is given, chains the entry to the one
before it, and commits once. It checks nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import JSON, make_url

from models import Base
from models.changes import INSERT, Change, json_text, merged, sqlite_value
from workflow.log import entry_hash
from workflow.operations import acts, clockwork


class Dialect(Protocol):
    """What the two drivers spell differently."""

    mark: str
    lock: str
    counter: str

    def value(self, value: Any, *, is_json: bool) -> Any: ...


class PostgreSQL:
    mark = "%s"
    lock = "SELECT * FROM cases WHERE id = %s FOR UPDATE"
    counter = "UPDATE counters SET value = value + 1 WHERE name = %s RETURNING value"

    def value(self, value: Any, *, is_json: bool) -> Any:
        from psycopg.types.json import Jsonb

        return Jsonb(value) if is_json and value is not None else value


class SQLite:
    mark = "?"
    lock = "SELECT * FROM cases WHERE id = ?"
    counter = "UPDATE counters SET value = value + 1 WHERE name = ? RETURNING value"

    def value(self, value: Any, *, is_json: bool) -> Any:
        return json_text(value) if is_json and value is not None else sqlite_value(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One row's statement; `values` are ready for the driver. The entry's is completed when it is written."""

    sql: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAct:
    """One act as its statements. `number` is the number the engine drew while it was recorded, to be drawn anew."""

    case_id: str
    statements: tuple[Statement, ...]
    entry: Statement
    content: dict[str, Any]
    body_at: int
    hash_at: int
    case: Statement
    head_at: int
    counter: str | None = None
    number: str = ""

    @property
    def length(self) -> int:
        """How many statements go out, the lock and the counter counted."""
        return len(self.statements) + 3 + (self.counter is not None)


@dataclass(slots=True)
class Recorder:
    """Keeps what the engine was about to write."""

    changes: list[Change] = field(default_factory=list)

    def __call__(self, _session: Any, changes: Any) -> None:
        self.changes += changes


@contextmanager
def recorded() -> Iterator[Recorder]:
    """Let operations run without writing; what they would have written is kept."""
    recorder = Recorder()
    written = [(module, vars(module)["write"]) for module in (acts, clockwork)]
    for module, _ in written:
        vars(module)["write"] = recorder
    try:
        yield recorder
    finally:
        for module, write in written:
            vars(module)["write"] = write


def raw_act(case_id: str, changes: Sequence[Change], dialect: Dialect) -> RawAct:
    """Take an act apart into its statements."""
    rows = merged(changes)
    entry = next(change for change in rows if change.table == "entries")
    case = next(change for change in rows if change.table == "cases")
    counter = next((change for change in rows if change.table == "counters"), None)
    rest = [change for change in rows if change.table not in ("entries", "cases", "counters")]
    columns = tuple(entry.values)
    return RawAct(
        case_id=case_id,
        statements=tuple(statement(change, dialect) for change in _in_order(rest)),
        entry=statement(entry, dialect),
        content=json.loads(entry.values["body"]),
        body_at=columns.index("body"),
        hash_at=columns.index("hash"),
        case=statement(case, dialect),
        head_at=list(case.values).index("log_head"),
        counter=counter.key if counter else None,
        number=f"{counter.key}{counter.values['value']:03d}" if counter else "",
    )


def _in_order(changes: Sequence[Change]) -> list[Change]:
    """Updates before inserts, and parents before children, so that no constraint is broken on the way."""
    ranks = {table.name: rank for rank, table in enumerate(Base.metadata.sorted_tables)}
    return sorted(changes, key=lambda change: (ranks[change.table], change.op == INSERT))


def statement(change: Change, dialect: Dialect) -> Statement:
    """The statement that writes one change."""
    table = Base.metadata.tables[change.table]
    values = [
        dialect.value(value, is_json=isinstance(table.c[name].type, JSON))
        for name, value in change.values.items()
    ]
    if change.op == INSERT:
        marks = ", ".join([dialect.mark] * len(values))
        return Statement(
            sql=f"INSERT INTO {change.table} ({', '.join(change.values)}) VALUES ({marks})",
            values=tuple(values),
        )
    sets = ", ".join(f"{name} = {dialect.mark}" for name in change.values)
    key = next(iter(table.primary_key.columns)).name
    sql = f"UPDATE {change.table} SET {sets} WHERE {key} = {dialect.mark}"
    values.append(change.key)
    if change.seen is not None:
        sql += f" AND version = {dialect.mark}"
        values.append(change.seen)
    return Statement(sql=sql, values=tuple(values))


def carry_out(cursor: Any, act: RawAct, dialect: Dialect, head_column: int) -> None:
    """Write one act in the open transaction. `head_column` is the place of `log_head` in a row of cases."""
    prev = cursor.execute(dialect.lock, (act.case_id,)).fetchone()[head_column]
    number = act.number
    if act.counter is not None:
        number = f"{act.counter}{cursor.execute(dialect.counter, (act.counter,)).fetchone()[0]:03d}"
    for one in act.statements:
        cursor.execute(one.sql, _numbered(one.values, act.number, number))
    body = json.dumps(
        {**act.content, "prev": prev}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    if act.number:
        body = body.replace(act.number, number)
    digest = entry_hash(body)
    cursor.execute(act.entry.sql, _with(act.entry.values, {act.body_at: body, act.hash_at: digest}))
    # The case's row closes the act, for only now the hash of its entry is known.
    if cursor.execute(act.case.sql, _with(act.case.values, {act.head_at: digest})).rowcount != 1:
        raise RuntimeError(f"case {act.case_id} has moved")


def _with(values: tuple[Any, ...], others: dict[int, Any]) -> tuple[Any, ...]:
    changed = list(values)
    for place, value in others.items():
        changed[place] = value
    return tuple(changed)


def _numbered(values: tuple[Any, ...], old: str, new: str) -> tuple[Any, ...]:
    if not old or old not in [value for value in values if isinstance(value, str)]:
        return values
    return tuple(new if value == old else value for value in values)


# ───────────────────────────── The drivers


def connect(url: str) -> Any:
    """A connection of the plain driver, with the same settings of durability as the product's."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        import sqlite3

        connection = sqlite3.connect(str(parsed.database), timeout=30, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")
        return connection
    import psycopg

    plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, options="-c timezone=UTC")


def dialect_of(url: str) -> Dialect:
    return SQLite() if url.startswith("sqlite") else PostgreSQL()


def head_column(connection: Any) -> int:
    """Where `log_head` stands in a row of cases."""
    cursor = connection.cursor()
    cursor.execute("SELECT * FROM cases LIMIT 0")
    place = [column[0] for column in cursor.description].index("log_head")
    connection.rollback()
    return place


@contextmanager
def transaction(connection: Any, dialect: Dialect) -> Iterator[Any]:
    """A cursor whose work is committed once, when the block ends."""
    cursor = connection.cursor()
    if isinstance(dialect, SQLite):
        cursor.execute("BEGIN IMMEDIATE")
    yield cursor
    connection.commit()
