"""The loop around the engine's firing: nothing is lost, nothing is done twice, one broken case stops nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text

from models import Case, Entry, Incident, Notice, Rung, Timer
from schedules.sweep import sweep
from tests.university import University
from workflow import gather
from workflow.operations.office import close_incident

LATER = datetime(2027, 9, 10, 0, 0, tzinfo=UTC)


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


def broken_and_whole(university: University) -> tuple[str, str]:
    """A case with a timer whose name the edition does not know, which stands for any fault of one case, and a sound one."""
    broken = university.signed()
    whole = university.signed(who="other_leader", unit="药学院", partner="湖西恒泰软件技术有限公司")
    rename_timer(university, broken, "midterm_opens", "no_such_timer")
    return broken, whole


def rename_timer(university: University, case_id: str, old: str, new: str) -> None:
    with university.database.transaction() as session:
        row = session.scalar(select(Timer).where(Timer.case_id == case_id, Timer.name == old))
        assert row is not None
        row.name = new


def incidents(university: University) -> list[tuple[str | None, str, int, bool]]:
    with university.database.reading() as session:
        found = session.scalars(select(Incident).order_by(Incident.id)).all()
    return [(row.case_id, row.kind, row.params["times"], row.closed_at is None) for row in found]


def test_broken_case_becomes_an_incident_and_the_others_go_on(university: University) -> None:
    broken, whole = broken_and_whole(university)

    sweep(university.database, at=LATER, stop=never)

    assert incidents(university) == [(broken, "timer_failed", 1, True)]
    assert university.state(whole) == "midterm"


def test_broken_case_stays_one_incident_and_is_looked_at_ever_more_rarely(university: University) -> None:
    """After an hour, two, four … and in the end once a day: eleven looks in a week."""
    broken, _ = broken_and_whole(university)

    for hour in range(7 * 24):
        sweep(university.database, at=LATER + timedelta(hours=hour), stop=never)

    assert incidents(university) == [(broken, "timer_failed", 11, True)]


def test_case_that_goes_well_again_closes_its_incident_with_an_entry(university: University) -> None:
    broken, _ = broken_and_whole(university)
    sweep(university.database, at=LATER, stop=never)
    rename_timer(university, broken, "no_such_timer", "midterm_opens")

    sweep(university.database, at=LATER + timedelta(minutes=59), stop=never)
    early = university.state(broken)
    sweep(university.database, at=LATER + timedelta(hours=1), stop=never)

    with university.database.reading() as session:
        told = session.execute(
            select(Entry.kind, Entry.actor).where(Entry.stream == "system:incidents")
        ).all()
    assert (early, university.state(broken)) == ("agreement_signed", "midterm")
    assert incidents(university) == [(broken, "timer_failed", 1, False)]
    assert [tuple(row) for row in told] == [("incident_closed", "system:sweep")]


def test_closing_the_incident_lets_the_case_go_on_at_once(university: University) -> None:
    broken, _ = broken_and_whole(university)
    sweep(university.database, at=LATER, stop=never)
    rename_timer(university, broken, "no_such_timer", "midterm_opens")
    with university.database.transaction() as session:
        incident = session.scalars(select(Incident.id)).one()
        close_incident(session, incident, reason="mended", ctx=university.ctx("office", at=LATER))

    sweep(university.database, at=LATER, stop=never)

    assert university.state(broken) == "midterm"


def test_case_that_somebody_moved_is_looked_at_at_once(university: University) -> None:
    broken, _ = broken_and_whole(university)
    sweep(university.database, at=LATER, stop=never)
    rename_timer(university, broken, "no_such_timer", "midterm_opens")
    with university.database.transaction() as session:
        session.get_one(Case, broken).version += 1

    sweep(university.database, at=LATER, stop=never)

    assert university.state(broken) == "midterm"
    assert incidents(university) == [(broken, "timer_failed", 1, False)]


def test_pause_of_a_clock_since_put_back_does_not_hold_the_case(university: University) -> None:
    broken, _ = broken_and_whole(university)
    sweep(university.database, at=LATER + timedelta(days=400), stop=never)
    rename_timer(university, broken, "no_such_timer", "midterm_opens")

    sweep(university.database, at=LATER, stop=never)

    assert university.state(broken) == "midterm"


def test_reminders_missed_by_a_parked_case_are_kept(university: University) -> None:
    """They were parked before the first of them and come after the second: both are recorded, the second is sent."""
    broken, _ = broken_and_whole(university)
    rename_timer(university, broken, "no_such_timer", "midterm_opens")
    sweep(university.database, at=LATER, stop=never)
    rename_timer(university, broken, "final_opens", "no_such_timer")
    sweep(university.database, at=datetime(2027, 10, 11, 0, 0, tzinfo=UTC), stop=never)
    rename_timer(university, broken, "no_such_timer", "final_opens")

    sweep(university.database, at=datetime(2027, 11, 5, 0, 0, tzinfo=UTC), stop=never)

    assert report_rungs(university, broken) == [(-30, True), (-7, False)]


NO_INCIDENT = {
    "sqlite": [
        "CREATE TRIGGER t BEFORE INSERT ON incidents BEGIN SELECT RAISE(ABORT, 'no room for incidents'); END"
    ],
    "postgresql": [
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room for incidents'; END $$",
        "CREATE TRIGGER t BEFORE INSERT ON incidents FOR EACH ROW EXECUTE FUNCTION f()",
    ],
}


def test_case_that_cannot_even_be_parked_does_not_stop_the_sweep(university: University) -> None:
    broken, whole = broken_and_whole(university)
    with university.database.transaction() as session:
        for statement in NO_INCIDENT["sqlite" if university.database.is_sqlite else "postgresql"]:
            session.execute(text(statement))

    swept = sweep(university.database, at=LATER, stop=never)

    assert (swept.cases, university.state(whole), university.state(broken)) == (
        1,
        "midterm",
        "agreement_signed",
    )


def test_claim_passes_over_what_another_scheduler_holds(university: University) -> None:
    """The longest waiting is held by one that stands still: the next gets what comes after it."""
    if university.database.is_sqlite:
        pytest.skip("SQLite has one writer, who holds everything")
    cases = {university.signed() for _ in range(4)}
    with university.database.transaction() as stopped:
        held = {row.row["id"] for row in gather.claim(stopped, at=LATER, limit=2)}

        with university.database.transaction() as session:
            got = {row.row["id"] for row in gather.claim(session, at=LATER, limit=2)}

    assert (len(held), len(got), held | got) == (2, 2, cases)


def test_missed_reminders_coalesce_into_the_latest(university: University) -> None:
    case_id = university.signed()
    sweep(university.database, at=LATER, stop=never)

    sweep(university.database, at=datetime(2027, 11, 5, 0, 0, tzinfo=UTC), stop=never)

    assert report_rungs(university, case_id) == [(-30, True), (-7, False)]


def report_rungs(university: University, case_id: str) -> list[tuple[int, bool]]:
    with university.database.reading() as session:
        rungs = session.execute(
            select(Rung.days, Rung.coalesced)
            .join(Timer, Timer.id == Rung.timer_id)
            .where(Timer.name == "progress_report", Timer.case_id == case_id)
            .order_by(Rung.days)
        ).all()
    return [(row.days, row.coalesced) for row in rungs]


def test_stop_is_heard_between_batches(university: University) -> None:
    case_id = university.signed()

    sweep(university.database, at=LATER, stop=lambda: True)

    assert university.state(case_id) == "agreement_signed"
