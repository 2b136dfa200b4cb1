"""The loop around the engine's firing: nothing is lost, nothing is done twice, one broken case stops nobody."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from models import Database, Entry, Incident, Notice, Rung, Timer
from schedules.sweep import sweep
from tests.university import University

LATER = datetime(2027, 9, 10, 0, 0, tzinfo=UTC)


@pytest.fixture
def university(database: Database) -> University:
    return University.founded(database)


def never() -> bool:
    return False


def test_sweep_opens_the_midterm(university: University) -> None:
    case_id = university.signed()

    sweep(university.database, at=LATER, stop=never)

    assert university.state(case_id) == "midterm"


def test_second_sweep_sends_and_fires_nothing(university: University) -> None:
    university.signed()
    sweep(university.database, at=LATER, stop=never)

    def counts() -> list[int | None]:
        with university.database.reading() as session:
            return [
                session.scalar(select(func.count()).select_from(table))
                for table in (Entry, Notice, Rung, Timer)
            ]

    before = counts()
    again = sweep(university.database, at=LATER, stop=never)

    assert (again.cases, counts()) == (0, before)


def test_broken_case_becomes_an_incident_and_the_others_go_on(university: University) -> None:
    """A timer whose name the edition does not know stands for any fault of one case."""
    broken = university.signed()
    whole = university.signed(who="other_leader", unit="药学院", partner="湖西恒泰软件技术有限公司")
    with university.database.transaction() as session:
        row = session.scalar(select(Timer).where(Timer.case_id == broken, Timer.name == "midterm_opens"))
        assert row is not None
        row.name = "no_such_timer"

    sweep(university.database, at=LATER, stop=never)

    with university.database.reading() as session:
        incidents = session.execute(select(Incident.case_id, Incident.kind)).all()
    assert [tuple(row) for row in incidents] == [(broken, "timer_failed")]
    assert university.state(whole) == "midterm"


def test_missed_reminders_coalesce_into_the_latest(university: University) -> None:
    university.signed()
    sweep(university.database, at=LATER, stop=never)

    sweep(university.database, at=datetime(2027, 11, 5, 0, 0, tzinfo=UTC), stop=never)

    with university.database.reading() as session:
        rungs = session.execute(
            select(Rung.days, Rung.coalesced)
            .join(Timer, Timer.id == Rung.timer_id)
            .where(Timer.name == "progress_report")
            .order_by(Rung.days)
        ).all()
    assert [tuple(row) for row in rungs] == [(-30, True), (-7, False)]


def test_stop_is_heard_between_batches(university: University) -> None:
    case_id = university.signed()

    sweep(university.database, at=LATER, stop=lambda: True)

    assert university.state(case_id) == "agreement_signed"
