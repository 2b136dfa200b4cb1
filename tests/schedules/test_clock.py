"""Whatever the clock shows: nothing fires early, nothing is lost, nothing happens twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select

from models import Entry, Incident, Rung, Timer, new_key
from schedules.sweep import sweep
from tests.university import LATE_AGREEMENT_END, University, instant
from tests.workflow.test_crash import discrepancies
from workflow.operations import Swept

MIDTERM = instant(date(2027, 9, 10), 0)


def looked(university: University, at: datetime) -> Swept:
    """What a scheduler does when its machine shows an instant."""
    with time_machine.travel(at, tick=False):
        return sweep(university.database, at=None, stop=lambda: False)


def effects(university: University, case_id: str) -> list[tuple[str | None, date, datetime]]:
    with university.database.reading() as session:
        rows = session.scalars(
            select(Entry).where(Entry.case_id == case_id, Entry.source == "timer").order_by(Entry.seq)
        )
        return [(row.act, row.effective_on, row.recorded_at) for row in rows]


@pytest.fixture(params=["UTC", "Asia/Shanghai", "America/Los_Angeles", "Pacific/Kiritimati"])
def machine_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The machine stands in another time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_mid_term_opens_at_midnight_in_beijing_wherever_the_machine_stands(
    university: University, machine_zone: str
) -> None:
    case_id = university.signed(last=LATE_AGREEMENT_END)

    looked(university, MIDTERM - timedelta(seconds=1))
    before = university.state(case_id)
    looked(university, MIDTERM)

    assert (before, university.state(case_id)) == ("agreement_signed", "midterm")
    assert effects(university, case_id)[-1] == ("open_midterm", date(2027, 9, 10), MIDTERM)


@pytest.mark.parametrize(
    "last", [date(2028, 2, 28), date(2028, 2, 29), date(2028, 12, 31), date(2027, 2, 28)], ids=str
)
def test_agreement_ends_with_its_last_day_in_leap_years_and_at_the_turn_of_a_year(
    university: University, last: date
) -> None:
    case_id = university.signed(last=last)
    next_day = last + timedelta(days=1)

    looked(university, instant(next_day, 0) - timedelta(seconds=1))
    before = university.state(case_id)
    looked(university, instant(next_day, 0))

    assert (before == "lapsed", university.state(case_id)) == (False, "lapsed")
    assert effects(university, case_id)[-1][:2] == ("lapse", next_day)


def test_clock_put_back_fires_nothing_twice_and_loses_nothing(university: University) -> None:
    """It leaps forward over the mid-term, comes back, and goes its way again."""
    case_id = university.signed(last=LATE_AGREEMENT_END)
    leap = MIDTERM + timedelta(days=40)
    looked(university, leap)
    after = effects(university, case_id)

    back = [looked(university, MIDTERM - timedelta(days=days)) for days in (300, 30, 1)]
    other = university.signed(last=LATE_AGREEMENT_END)
    looked(university, MIDTERM)
    again = effects(university, other)
    looked(university, MIDTERM + timedelta(days=70))

    assert [swept.fired for swept in back] == [0, 0, 0]
    assert effects(university, case_id)[: len(after)] == after
    assert [row[0] for row in effects(university, case_id)] == [row[0] for row in effects(university, other)]
    assert again[-1] == ("open_midterm", date(2027, 9, 10), MIDTERM)
    assert {row[2] for row in after} == {leap}
    assert list(discrepancies(university)) == []


def test_reminder_kept_before_the_clock_was_put_back_is_not_sent_again(university: University) -> None:
    """The timer is looked at once more from an earlier instant on, as when an act of that instant lets it run again."""
    case_id = university.in_midterm()
    looked(university, instant(date(2027, 11, 5)))
    kept = rungs(university, case_id)
    with university.database.transaction() as session:
        timer = session.scalars(
            select(Timer).where(Timer.case_id == case_id, Timer.name == "progress_report")
        ).one()
        timer.wake_at = instant(date(2027, 10, 10), 8)

    looked(university, instant(date(2027, 11, 5)))

    assert rungs(university, case_id) == kept != []
    with university.database.reading() as session:
        assert session.scalars(select(Incident)).all() == []


def rungs(university: University, case_id: str) -> list[tuple[int, bool]]:
    with university.database.reading() as session:
        found = session.execute(
            select(Rung.days, Rung.coalesced)
            .join(Timer, Timer.id == Rung.timer_id)
            .where(Timer.case_id == case_id, Timer.name == "progress_report")
            .order_by(Rung.days)
        )
        return [(row.days, row.coalesced) for row in found]


def test_keys_stay_unique_when_the_clock_stands_still_or_comes_back() -> None:
    keys: set[str] = set()
    for at in (MIDTERM, MIDTERM - timedelta(days=400), MIDTERM):
        with time_machine.travel(at, tick=False):
            keys |= {new_key() for _ in range(2000)}

    assert len(keys) == 6000
