"""The same durable writes by hand: one statement per row, in plain psycopg and sqlite3.

The statements are taken from what the engine really writes, so that both sides leave exactly the same rows. As a
hand-written program would, this one locks the case, draws the number where one is given, chains the entry to the one
before it, and commits once. It checks nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from sqlalchemy import JSON, Date, make_url
from sqlalchemy.types import TypeEngine

from models import Base
from models.changes import INSERT, Change, merged, plain
from models.types import UTCDateTime
from workflow.log import entry_hash
from workflow.operations import acts, clockwork, steps

Spelling = Callable[[Any], Any]


class Dialect(Protocol):
    """What the two drivers spell differently."""

    mark: str
    lock: str
    counter: str

    def spelling(self, kind: TypeEngine[Any]) -> Spelling | None:
        """How a value of a column of this type is given to the driver; None: as it is."""


class PostgreSQL:
    mark = "%s"
    lock = "SELECT * FROM cases WHERE id = %s FOR UPDATE"
    counter = "UPDATE counters SET value = value + 1 WHERE name = %s RETURNING value"

    def spelling(self, kind: TypeEngine[Any]) -> Spelling | None:
        from psycopg.types.json import Jsonb

        return Jsonb if isinstance(kind, JSON) else None


class SQLite:
    mark = "?"
    lock = "SELECT * FROM cases WHERE id = ?"
    counter = "UPDATE counters SET value = value + 1 WHERE name = ? RETURNING value"

    def spelling(self, kind: TypeEngine[Any]) -> Spelling | None:
        if isinstance(kind, JSON):
            return _json
        if isinstance(kind, UTCDateTime):
            return _instant
        return _day if isinstance(kind, Date) else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _instant(value: datetime) -> str:
    return value.replace(tzinfo=None).isoformat(" ", "microseconds")


def _day(value: date) -> str:
    return value.isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One row's statement; the values are Python's until it goes out, as in any program. The entry's is completed then."""

    sql: str
    values: tuple[Any, ...]
    spellings: tuple[tuple[int, Spelling], ...] = ()

    def spelt(self) -> list[Any]:
        values = list(self.values)
        for place, spell in self.spellings:
            if values[place] is not None:
                values[place] = spell(values[place])
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEntry:
    """An entry of the log: its statement, what it says, and where in the values its text and its hash stand."""

    statement: Statement
    content: dict[str, Any]
    body_at: int
    hash_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAct:
    """One act as its statements. `number` is the number the engine drew while it was recorded, to be drawn anew."""

    case_id: str
    statements: tuple[Statement, ...]
    entries: tuple[RawEntry, ...]
    case: Statement
    head_at: int
    counter: str | None = None
    number: str = ""

    @property
    def length(self) -> int:
        """How many statements go out, the lock and the counter counted."""
        return len(self.statements) + len(self.entries) + 2 + (self.counter is not None)


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
    written = [(module, vars(module)["write"]) for module in (acts, clockwork, steps)]
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
    case = next(change for change in rows if change.table == "cases")
    counter = next((change for change in rows if change.table == "counters"), None)
    rest = [change for change in rows if change.table not in ("entries", "cases", "counters")]
    return RawAct(
        case_id=case_id,
        statements=tuple(statement(change, dialect) for change in _in_order(rest)),
        entries=tuple(raw_entry(change, dialect) for change in rows if change.table == "entries"),
        case=statement(case, dialect),
        head_at=list(case.values).index("log_head"),
        counter=counter.key if counter else None,
        number=f"{counter.key}{counter.values['value']:03d}" if counter else "",
    )


def raw_entry(change: Change, dialect: Dialect) -> RawEntry:
    columns = tuple(change.values)
    return RawEntry(
        statement=statement(change, dialect),
        content=json.loads(change.values["body"]),
        body_at=columns.index("body"),
        hash_at=columns.index("hash"),
    )


def _in_order(changes: Sequence[Change]) -> list[Change]:
    """Updates before inserts, and parents before children, so that no constraint is broken on the way."""
    ranks = {table.name: rank for rank, table in enumerate(Base.metadata.sorted_tables)}
    return sorted(changes, key=lambda change: (ranks[change.table], change.op == INSERT))


def statement(change: Change, dialect: Dialect) -> Statement:
    """The statement that writes one change."""
    table = Base.metadata.tables[change.table]
    values = [
        plain(value) if isinstance(table.c[name].type, JSON) else value
        for name, value in change.values.items()
    ]
    kinds = enumerate(table.c[name].type for name in change.values)
    spellings = tuple(
        (place, spell) for place, kind in kinds if (spell := dialect.spelling(kind)) is not None
    )
    if change.op == INSERT:
        marks = ", ".join([dialect.mark] * len(values))
        sql = f"INSERT INTO {change.table} ({', '.join(change.values)}) VALUES ({marks})"
        return Statement(sql=sql, values=tuple(values), spellings=spellings)
    sets = ", ".join(f"{name} = {dialect.mark}" for name in change.values)
    key = next(iter(table.primary_key.columns)).name
    sql = f"UPDATE {change.table} SET {sets} WHERE {key} = {dialect.mark}"
    values.append(change.key)
    if change.seen is not None:
        sql += f" AND version = {dialect.mark}"
        values.append(change.seen)
    return Statement(sql=sql, values=tuple(values), spellings=spellings)


def carry_out(cursor: Any, act: RawAct, dialect: Dialect, head_column: int) -> None:
    """Write one act in the open transaction. `head_column` is the place of `log_head` in a row of cases."""
    prev = cursor.execute(dialect.lock, (act.case_id,)).fetchone()[head_column]
    number = act.number
    if act.counter is not None:
        number = f"{act.counter}{cursor.execute(dialect.counter, (act.counter,)).fetchone()[0]:03d}"
    for row in act.statements:
        cursor.execute(row.sql, _numbered(row.spelt(), act.number, number))
    digest = prev
    for one in act.entries:
        body = json.dumps(
            {**one.content, "prev": digest}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )
        if act.number:
            body = body.replace(act.number, number)
        digest = entry_hash(body)
        entry = one.statement.spelt()
        entry[one.body_at], entry[one.hash_at] = body, digest
        cursor.execute(one.statement.sql, entry)
    # The case's row closes the act, for only now the hash of its entry is known.
    case = act.case.spelt()
    case[act.head_at] = digest
    if cursor.execute(act.case.sql, case).rowcount != 1:
        raise RuntimeError(f"case {act.case_id} has moved")


def _numbered(values: list[Any], old: str, new: str) -> list[Any]:
    return [new if value == old else value for value in values] if old and old in values else values


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
