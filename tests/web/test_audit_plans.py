"""However long the log: any page of any search is a stretch of an index, found by its key and never counted to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import combinations
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from models import Database, Entry, Person
from tests.workflow.long_log import lengthen
from workflow.queries.log import NEWEST, LogFilter, log_page

SOMEBODY = "01900000-0000-7000-8000-000000000007"
OTHER = "01900000-0000-7000-8000-000000000008"
NOBODY = "01900000-0000-7000-8000-999999999999"
WHO = ("王", "小明", "从未办理", "nobody", "cli")
"""Two people, one, one who never acted, nobody, and a name the system bears."""
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
    with database.transaction() as session:
        for key, name in ((SOMEBODY, "王小明"), (NOBODY, "从未办理"), (OTHER, "王大明")):
            session.add(Person(id=key, name=name, created_at=datetime(2020, 1, 1, tzinfo=UTC)))
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


@pytest.mark.parametrize("who", WHO)
def test_part_of_a_name_is_looked_up_before_the_log_is_read(long: Database, who: str) -> None:
    plan = plan_of(long, LogFilter(who=who))

    assert not _reads_whole_log(plan), plan
    assert "icontains" not in plan
    assert "people.name" not in plan.lower()
    assert "actor_id" in plan


@pytest.mark.parametrize("after", [None, "1577900000000000-100"])
def test_whole_log_is_planned_once(long: Database, after: str | None) -> None:
    """On PostgreSQL planning a page anew each time costs ten times what reading it does."""
    if long.is_sqlite:
        pytest.skip("SQLite plans by no values")
    kept = "SELECT sum(custom_plans) FROM pg_prepared_statements WHERE statement LIKE '%FROM entries%'"
    with long.reading() as session:
        session.execute(text("DEALLOCATE ALL"))
        for _ in range(25):
            log_page(session, LogFilter(), after=after)

        assert session.scalar(text(kept)) <= 5


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


@pytest.mark.parametrize("who", WHO)
def test_nobody_is_looked_for_entry_by_entry(lite: Database, who: str) -> None:
    with lite.reading() as session:
        page = steps(session, LogFilter())

        assert steps(session, LogFilter(who=who)) <= 15 * page


def mark_at(session: Session, number: int) -> str:
    row = session.execute(text("SELECT id FROM entries ORDER BY id LIMIT 1 OFFSET :n"), {"n": number}).one()
    found = session.execute(select(Entry.id, Entry.recorded_at).where(Entry.id == row.id)).mappings().one()
    assert NEWEST.mark is not None
    return NEWEST.mark(dict(found))
