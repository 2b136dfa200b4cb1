"""The clock's work: a look at the timers when nothing is due, and catching up after a silence."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import make_url

from models import Base, Database
from models.changes import INSERT, UPDATE, Change, merged
from tests.bench import naive
from tests.bench.acts import settled
from tests.bench.pairs import Options, Ratio, interleaved, middle, middles
from tests.bench.places import KINDS, LABELS, PARTNER, Places, copies, university
from workflow.context import Actor, Context, Source
from workflow.log import entry_hash
from workflow.operations import Swept, fire_due

NOON = datetime(2026, 3, 11, 4, tzinfo=UTC)
"""When nothing is due."""

MIDTERM = datetime(2027, 9, 9, 16, tzinfo=UTC)
"""When the mid-term of every copied case opens."""

BATCH = 100
CASES = 100

LOAD = {
    "postgresql": """
        INSERT INTO timers (id, case_id, name, kind, basis, nominal_on, due_on, due_at, provisional, armed_seq, status, wake_at)
        SELECT gen_random_uuid(), c.id, 'idle-' || n, 'due', 'local', '2030-01-01', '2030-01-01', '2030-01-01 16:00+00', false, 1,
               'open', timestamptz '2029-01-01 00:00+00' + n * interval '1 minute'
        FROM unnest(%s::uuid[]) c (id), generate_series(1, %s) n
    """,
    "sqlite": """
        WITH RECURSIVE count (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < :each)
        INSERT INTO timers (id, case_id, name, kind, basis, nominal_on, due_on, due_at, provisional, armed_seq, status, wake_at)
        SELECT printf('%08d-0000-7000-8000-%012d', c.key, n), c.value, 'idle-' || n, 'due', 'local', '2030-01-01', '2030-01-01',
               '2030-01-01 16:00:00.000000', 0, 1, 'open',
               strftime('%Y-%m-%d %H:%M:%S.000000', '2029-01-01', n || ' minutes')
        FROM json_each(:ids) c, count
    """,
}


def _ctx(at: datetime) -> Context:
    return Context(actor=Actor(system="sweep"), at=at, source=Source.TIMER)


def _fired(database: Database, at: datetime, *, limit: int) -> Swept:
    with database.transaction() as session:
        return fire_due(session, ctx=_ctx(at), limit=limit)


# ───────────────────────────── Nothing is due


def bench_idle(places: Places, options: Options) -> Iterator[Ratio]:
    """One look with nothing due, beside a million waiting timers and beside ten thousand."""
    many, few = (100_000, 10_000) if options.quick else (1_000_000, 10_000)
    for kind in KINDS:
        with ExitStack() as stack:
            looks = [
                _idle_look(stack.enter_context(places.database(kind)), kind, count, stack)
                for count in (many, few)
            ]
            measured = interleaved(*looks, pairs=options.pairs)
        slow, fast = middles(measured)
        yield Ratio(
            name=f"idle tick growth · {LABELS[kind]}", ratio=middle(measured), must=1.5, aim=None, pairs=options.pairs,
            note=f"{slow * 1000:.2f} ms beside {many:,} timers, {fast * 1000:.2f} ms beside {few:,}",
        )  # fmt: skip


def _idle_look(url: str, kind: str, count: int, stack: ExitStack) -> Callable[[], float]:
    """Give what measures one look, in seconds, in a database with so many waiting timers."""
    database = Database(url)
    stack.callback(database.dispose)
    here = university(database)
    case_id = here.proposed(partner=PARTNER)
    cases = [copy.case_id for copy in copies(here, case_id, {}, CASES)]
    raw = naive.connect(url)
    if kind == "sqlite":
        raw.execute(LOAD[kind], {"ids": json.dumps(cases), "each": count // CASES})
    else:
        raw.execute(LOAD[kind], (cases, count // CASES))
        raw.commit()
    raw.close()
    settled(database)
    looks = 40

    def look() -> float:
        start = time.perf_counter()
        for _ in range(looks):
            if _fired(database, NOON, limit=BATCH).cases:
                raise RuntimeError("something was due")
        return (time.perf_counter() - start) / looks

    return look


# ───────────────────────────── Much is due


def bench_catchup(places: Places, options: Options) -> Iterator[Ratio]:
    """Timers that fell due in a silence, in batches of a hundred: beside the same rows by hand, and beside one by one."""
    for kind in KINDS:
        yield from _catchup(places, kind, options)


def _catchup(places: Places, kind: str, options: Options) -> Iterator[Ratio]:
    alone = 10
    with places.database(kind) as url:
        database = Database(url)
        here = university(database)
        case_id = here.signed(partner=PARTNER)
        copies(here, case_id, {}, (options.pairs + 1) * (3 * BATCH + alone))
        settled(database)
        raw = naive.connect(url)

        def in_batches() -> float:
            return _rate(lambda: _fired(database, MIDTERM, limit=BATCH).fired)

        def by_hand() -> float:
            batch = _recorded(database)
            return _rate(lambda: _carry_out(raw, url, batch))

        def one_by_one() -> float:
            return _rate(lambda: sum(_fired(database, MIDTERM, limit=1).fired for _ in range(alone)))

        beside_raw = interleaved(in_batches, by_hand, pairs=options.pairs)
        beside_single = interleaved(in_batches, one_by_one, pairs=options.pairs)
        raw.close()
        database.dispose()
    rates, single = middles(beside_raw), middles(beside_single)
    yield Ratio(
        name=f"catch-up beside raw batches · {LABELS[kind]}", ratio=middle(beside_raw), must=0.4, aim=0.6, pairs=options.pairs,
        note=f"{rates[0]:.0f} beside {rates[1]:.0f} timers a second",
    )  # fmt: skip
    yield Ratio(
        name=f"catch-up beside one by one · {LABELS[kind]}", ratio=middle(beside_single),
        must=5.0 if kind == "postgresql" else 2.0, aim=None, pairs=options.pairs,
        note=f"{single[0]:.0f} beside {single[1]:.0f} timers a second",
    )  # fmt: skip


def _rate(work: Callable[[], int]) -> float:
    start = time.perf_counter()
    done = work()
    if not done:
        raise RuntimeError("nothing was due")
    return done / (time.perf_counter() - start)


def _recorded(database: Database) -> list[Change]:
    """What the engine would write for the next batch."""
    with naive.recorded() as recorder, database.transaction() as session:
        fire_due(session, ctx=_ctx(MIDTERM), limit=BATCH)
        session.rollback()
    return merged(recorder.changes)


def _carry_out(connection: Any, url: str, changes: Sequence[Change]) -> int:
    """Claim the cases and write the rows of a batch, each kind of statement once for all its rows."""
    dialect = naive.dialect_of(url)
    cases = [change.key for change in changes if change.table == "cases"]
    with naive.transaction(connection, dialect) as cursor:
        _claim(cursor, url, cases)
        for change in changes:
            if change.table == "entries":
                body = json.dumps(
                    json.loads(change.values["body"]),
                    ensure_ascii=False,
                    sort_keys=True,
                    separators=(",", ":"),
                )
                entry_hash(body)
        groups: dict[str, list[list[Any]]] = {}
        for change in _in_order(changes):
            one = naive.statement(change, dialect)
            groups.setdefault(one.sql, []).append(one.spelt())
        for sql, rows in groups.items():
            cursor.executemany(sql, rows)
    return sum(change.table == "entries" for change in changes)


def _claim(cursor: Any, url: str, cases: Sequence[str]) -> None:
    if make_url(url).get_backend_name() == "sqlite":
        cursor.execute(
            "SELECT * FROM cases WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(cases),)
        ).fetchall()
    else:
        cursor.execute(
            "SELECT * FROM cases WHERE id = ANY(%s::uuid[]) FOR UPDATE SKIP LOCKED", (list(cases),)
        ).fetchall()


def _in_order(changes: Sequence[Change]) -> list[Change]:
    """Parents before children, and of one table updates before inserts."""
    ranks = {table.name: rank for rank, table in enumerate(Base.metadata.sorted_tables)}
    order = {UPDATE: 0, INSERT: 1}
    return sorted(changes, key=lambda change: (ranks[change.table], order[change.op]))
