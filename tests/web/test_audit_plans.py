"""However long the log: any page of any search is a stretch of an index, found by its key and never counted to."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import combinations
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from models import Database, Entry
from tests.workflow.long_log import lengthen
from workflow.queries.log import NEWEST, LogFilter, log_page

SOMEBODY = "01900000-0000-7000-8000-000000000007"
CHIPS: dict[str, Any] = {
    "kind": "denied", "act": "revoke", "case": SOMEBODY, "unit": SOMEBODY, "actor": SOMEBODY, "behalf": SOMEBODY,
    "source": "command", "refused": True, "stream": "system:units",
}  # fmt: skip
RANGE: dict[str, Any] = {"since": date(2026, 3, 1), "until": date(2026, 3, 31)}
ROWS = 20_000


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def long(request: pytest.FixtureRequest, templates: Any) -> Any:
    url = templates.copy(request.param)
    database = Database(url)
    lengthen(database, ROWS)
    yield database
    database.dispose()
    templates.drop(url)


class _Explained:
    """The plan of the statements a block sends, read at once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.plans: list[str] = []

    def note(self, statement: str, parameters: Any) -> None:
        prefix = "EXPLAIN QUERY PLAN " if self._session.get_bind().dialect.name == "sqlite" else "EXPLAIN "
        rows = self._session.connection().exec_driver_sql(prefix + statement, parameters).fetchall()
        self.plans.append("\n".join(" ".join(map(str, row)) for row in rows))


def plan_of(database: Database, wanted: LogFilter, *, after: str | None = None) -> str:
    sent: list[tuple[str, Any]] = []
    with database.reading() as session:
        connection = session.connection()

        def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            sent.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", keep)
        log_page(session, wanted, after=after)
        event.remove(connection, "before_cursor_execute", keep)
        explained = _Explained(session)
        explained.note(*sent[-1])
    return explained.plans[0]


def _reads_whole_log(plan: str) -> bool:
    """Whether the log's table is read from end to end, or sorted."""
    lines = plan.splitlines()
    scans = [line for line in lines if "Seq Scan on entries" in line]
    scans += [line for line in lines if "SCAN entries" in line and "USING INDEX" not in line]
    return bool(scans)


SETS = [names for size in (0, 1, 2) for names in combinations(CHIPS, size)]


@pytest.mark.parametrize("ranged", [False, True])
def test_every_set_of_chips_is_read_by_an_index(long: Database, ranged: bool) -> None:
    bad = {}
    for names in SETS:
        wanted = replace(LogFilter(), **{name: CHIPS[name] for name in names}, **(RANGE if ranged else {}))
        plan = plan_of(long, wanted, after="1773000000000000-100")
        if _reads_whole_log(plan):
            bad[names] = plan

    assert bad == {}


def steps(session: Session, wanted: LogFilter, *, after: str | None = None) -> int:
    """How much SQLite does for a page, in tens of steps of its machine; it is no matter of time."""
    raw: Any = session.connection().connection.driver_connection
    count = [0]

    def step() -> int:
        count[0] += 1
        return 0

    raw.set_progress_handler(step, 10)
    log_page(session, wanted, after=after)
    raw.set_progress_handler(None, 10)
    return count[0]


@pytest.fixture
def lite(long: Database) -> Database:
    if not long.is_sqlite:
        pytest.skip("PostgreSQL counts no steps")
    return long


def test_page_at_any_depth_takes_as_many_steps(lite: Database) -> None:
    with lite.reading() as session:
        taken = [
            steps(session, LogFilter(), after=after)
            for after in (None, *(mark_at(session, ROWS * part // 10) for part in (1, 5, 9)))
        ]

    assert max(taken) <= 1.5 * min(taken)


@pytest.mark.parametrize("ranged", [False, True])
def test_rare_things_are_not_looked_for_entry_by_entry(lite: Database, ranged: bool) -> None:
    """A walk through the whole log would take six hundred times the steps of a page."""
    bound = {0: 1.5, 1: 15, 2: 60}
    days: dict[str, Any] = {"since": date(2020, 1, 3), "until": date(2020, 1, 12)} if ranged else {}
    with lite.reading() as session:
        page = steps(session, LogFilter())
        taken = {
            names: steps(session, replace(LogFilter(), **days, **{name: CHIPS[name] for name in names}))
            / page
            for names in SETS
        }

    assert {names: cost for names, cost in taken.items() if cost > bound[len(names)]} == {}


def mark_at(session: Session, number: int) -> str:
    row = session.execute(text("SELECT id FROM entries ORDER BY id LIMIT 1 OFFSET :n"), {"n": number}).one()
    found = session.execute(select(Entry.id, Entry.recorded_at).where(Entry.id == row.id)).mappings().one()
    assert NEWEST.mark is not None
    return NEWEST.mark(dict(found))
