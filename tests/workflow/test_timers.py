"""Timers follow from state and dates: which run, when they fall, whom they remind, and what moves them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import select

from models import CalendarYear, Call, Duty, Holiday, Notice, Rung, Setting, Timer, new_key
from tests.university import LATE_AGREEMENT_END, University, instant
from workflow.operations import Receipt
from workflow.world import bump


def running(university: University, case_id: str) -> dict[str, date]:
    """The timers that run, by name: the day that counts."""
    with university.database.reading() as session:
        rows = session.scalars(select(Timer).where(Timer.case_id == case_id, Timer.ended_seq.is_(None)))
        return {row.name: row.due_on for row in rows}


def timer(university: University, case_id: str, name: str) -> Timer:
    with university.database.reading() as session:
        rows = select(Timer).where(Timer.case_id == case_id, Timer.name == name).order_by(Timer.due_at.desc())
        return session.scalars(rows).all()[0]


def reminders(university: University, case_id: str, name: str) -> list[tuple[int, bool]]:
    """The rungs of a timer that were looked at: days from its day, and whether a later one took its place."""
    with university.database.reading() as session:
        rows = (
            select(Rung)
            .join(Timer, Timer.id == Rung.timer_id)
            .where(Timer.case_id == case_id, Timer.name == name)
        )
        return sorted((row.days, row.coalesced) for row in session.scalars(rows))


def told(university: University, case_id: str, timer_name: str) -> dict[int, set[str]]:
    """Who was told by which rung of a timer."""
    names = {person: name for name, person in university.people.items()}
    with university.database.reading() as session:
        rows = session.scalars(select(Notice).where(Notice.case_id == case_id, Notice.channel == "app")).all()
    found: dict[int, set[str]] = {}
    for row in rows:
        if row.params.get("timer") == timer_name:
            found.setdefault(row.params["days"], set()).add(names[row.person_id])
    return found


def choose(university: University, name: str, value: Any, *, from_on: date = date(2020, 1, 1)) -> None:
    with university.database.transaction() as session:
        row = Setting(
            id=new_key(),
            lifecycle="base",
            name=name,
            value=value,
            from_on=from_on,
            reason="x",
            recorded_at=university.at,
        )
        session.add(row)
        bump(session)


def touch(university: University, case_id: str) -> None:
    """Any act: the timers are computed again."""
    university.done(case_id, "amend", "office", reason="x", fact={"name": "programmes", "value": "x"})
    assert isinstance(university.confirmed(case_id, "second_office"), Receipt)


# ───────────────────────────── Which run, and when

RUNNING = {
    "draft": {},
    "proposed": {},
    "approved": {"sign_by": date(2026, 6, 8)},
    "agreement_signed": {
        "agreement_end": date(2030, 3, 9), "yearly_data": date(2027, 2, 1), "midterm_opens": date(2027, 9, 10),
        "final_opens": date(2028, 12, 10),
    },
    "midterm": {
        "agreement_end": LATE_AGREEMENT_END, "yearly_data": date(2028, 1, 31), "progress_report": date(2027, 11, 9),
        "final_opens": date(2028, 12, 10),
    },
    "midterm_assessed": {
        "agreement_end": LATE_AGREEMENT_END, "yearly_data": date(2028, 1, 31), "final_opens": date(2028, 12, 10),
    },
    "final": {"agreement_end": LATE_AGREEMENT_END, "yearly_data": date(2030, 1, 31), "final_report": date(2029, 5, 9)},
    "extended": {"agreement_end": LATE_AGREEMENT_END, "yearly_data": date(2030, 1, 31), "final_opens": date(2029, 12, 10)},
    "rectification": {"agreement_end": LATE_AGREEMENT_END, "yearly_data": date(2030, 1, 31), "evidence": date(2029, 9, 10)},
    "certified": {"agreement_end": LATE_AGREEMENT_END},
    "not_approved": {}, "withdrawn": {}, "revoked": {}, "lapsed": {}, "exited": {},
}  # fmt: skip
"""By hand: 90 days to sign; 31 January 2027 is a Sunday; 18 months; 60 days for a report; 90 days before the end."""


@pytest.mark.parametrize("state", RUNNING)
def test_timers_of_a_state_run_on_their_days(small: University, state: str) -> None:
    case_id = small.reach(state)

    assert running(small, case_id) == RUNNING[state]


def test_leap_day_start(small: University) -> None:
    """18 months from 29 February 2024, three years less 90 days: each in one step from the start."""
    with small.database.transaction() as session:
        session.add(
            Call(
                id=new_key(),
                lifecycle="base",
                year=2024,
                opens_on=date(2024, 1, 1),
                closes_on=date(2024, 12, 31),
            )
        )
        bump(session)
    start = date(2024, 2, 29)
    small.on(start)
    case_id = small.approved()
    small.done(
        case_id, "sign_agreement", "office", **small.agreement(case_id, first=start, last=date(2028, 2, 29))
    )

    days = running(small, case_id)

    assert (days["midterm_opens"], days["final_opens"]) == (date(2025, 8, 29), date(2026, 11, 30))
    assert small.case(case_id).dates["cycle_end"] == "2027-02-28"


def test_deadline_on_a_holiday_moves_and_says_so(small: University) -> None:
    """90 days from 2026-07-04 are 2026-10-02, in the National Day block; work begins on the 8th."""
    small.on(date(2026, 7, 4))
    case_id = small.approved()

    row = timer(small, case_id, "sign_by")

    assert (row.nominal_on, row.due_on, row.provisional) == (date(2026, 10, 2), date(2026, 10, 8), False)
    assert row.due_at == datetime(2026, 10, 8, 16, tzinfo=UTC)


def test_opening_and_end_are_neither_moved_nor_provisional(small: University) -> None:
    case_id = small.signed(last=date(2030, 3, 9))

    opening, end = timer(small, case_id, "final_opens"), timer(small, case_id, "agreement_end")

    assert date(2028, 12, 10).weekday() == 6
    assert (opening.due_on, opening.due_at, opening.provisional) == (
        date(2028, 12, 10),
        datetime(2028, 12, 9, 16, tzinfo=UTC),
        False,
    )
    assert date(2030, 3, 9).weekday() == 5
    assert (end.due_on, end.due_at, end.provisional) == (
        date(2030, 3, 9),
        datetime(2030, 3, 9, 16, tzinfo=UTC),
        False,
    )


def test_day_beyond_the_known_calendar_is_provisional_until_the_year_is_loaded(
    university: University,
) -> None:
    """2027-02-01 becomes a rest day with the announcement for 2027."""
    case_id = university.signed()
    before = timer(university, case_id, "yearly_data")
    with university.database.transaction() as session:
        session.add(CalendarYear(year=2027, source="announced", loaded_at=university.at))
        session.add(Holiday(day=date(2027, 2, 1), kind="rest", name="test"))
        bump(session)

    touch(university, case_id)

    after = timer(university, case_id, "yearly_data")
    assert (before.due_on, before.provisional) == (date(2027, 2, 1), True)
    assert (after.due_on, after.nominal_on, after.provisional) == (date(2027, 2, 2), date(2027, 1, 31), False)


def test_calendar_with_a_gap_is_known_to_the_year_before_it(small: University) -> None:
    """2028 is loaded, 2027 is not: nothing of 2027 is known."""
    with small.database.transaction() as session:
        session.add(CalendarYear(year=2028, source="announced", loaded_at=small.at))
        bump(session)
    case_id = small.signed()

    assert timer(small, case_id, "yearly_data").provisional


def test_yearly_day_that_is_no_day_falls_on_the_months_last(small: University) -> None:
    choose(small, "yearly_data_day", "02-29")
    case_id = small.signed()

    assert timer(small, case_id, "yearly_data").nominal_on == date(2027, 2, 28)


def test_missed_years_wait_side_by_side_and_are_answered_from_the_earliest(university: University) -> None:
    case_id = university.in_midterm(years=())
    university.tick(case_id, date(2029, 3, 1))
    with university.database.reading() as session:
        rows = session.scalars(
            select(Timer)
            .where(Timer.case_id == case_id, Timer.name == "yearly_data", Timer.ended_seq.is_(None))
            .order_by(Timer.due_at)
        )
        before = [(row.period, row.status) for row in rows]

    university.done(case_id, "yearly_data", "leader", students_half_year=20, awards_won=0)

    with university.database.reading() as session:
        rows = session.scalars(
            select(Timer)
            .where(Timer.case_id == case_id, Timer.name == "yearly_data", Timer.ended_seq.is_(None))
            .order_by(Timer.due_at)
        )
        after = [(row.period, row.status) for row in rows]
    assert before == [(2026, "fired"), (2027, "fired"), (2028, "fired"), (2029, "open")]
    assert after == [(2027, "fired"), (2028, "fired"), (2029, "open")]


# ───────────────────────────── Settings


def test_changed_setting_moves_a_timer_that_has_not_come(small: University) -> None:
    case_id = small.approved()
    choose(small, "sign_within", "30 days", from_on=date(2026, 3, 10))

    touch(small, case_id)

    assert running(small, case_id) == {"sign_by": date(2026, 4, 9)}


def test_pinned_setting_does_not_move(small: University) -> None:
    """The cycle's start was copied at the approval."""
    case_id = small.signed()
    choose(small, "cycle_starts", "agreement_first_day")

    touch(small, case_id)

    assert running(small, case_id) == RUNNING["agreement_signed"]


def test_cycle_may_start_with_the_agreement_and_no_renewal_moves_it(small: University) -> None:
    choose(small, "cycle_starts", "agreement_first_day")
    case_id = small.on(date(2026, 3, 10)).approved()
    small.on(date(2026, 4, 1))
    form = small.agreement(case_id, first=date(2026, 4, 1), last=date(2026, 9, 9))
    small.done(case_id, "sign_agreement", "office", confirmed=("agreement_ends_before",), **form)
    before = small.case(case_id).dates

    small.done(
        case_id,
        "renew_agreement",
        "office",
        **small.renewal(case_id, signed=date(2026, 4, 1), last=date(2029, 9, 9)),
    )

    assert before == {"cycle_start": "2026-04-01", "cycle_end": "2029-04-01"}
    assert small.case(case_id).dates == before
    assert running(small, case_id)["midterm_opens"] == date(2027, 10, 1)


def test_grace_moves_the_lapse(small: University) -> None:
    choose(small, "agreement_grace", "10 days")
    case_id = small.signed(last=date(2026, 6, 9))
    small.tick(case_id, date(2026, 6, 19), 23)
    before = small.state(case_id)

    small.tick(case_id, date(2026, 6, 20))

    assert (before, small.state(case_id)) == ("agreement_signed", "lapsed")


# ───────────────────────────── Reminders


def test_agreement_is_reminded_of_180_90_30_and_7_days_before(university: University) -> None:
    case_id = university.signed(last=date(2027, 3, 9))

    for day in (date(2026, 9, 10), date(2026, 12, 9), date(2027, 2, 7), date(2027, 3, 2)):
        university.sweep(instant(day, 7, 59))
        before = len(reminders(university, case_id, "agreement_end"))
        university.sweep(instant(day, 8))
        assert len(reminders(university, case_id, "agreement_end")) == before + 1

    assert reminders(university, case_id, "agreement_end") == [
        (-180, False),
        (-90, False),
        (-30, False),
        (-7, False),
    ]
    assert told(university, case_id, "agreement_end")[-180] == {"leader", "head", "office", "second_office"}


def test_missed_reminders_coalesce_into_the_latest(university: University) -> None:
    case_id = university.signed(last=date(2027, 3, 9))

    university.sweep(instant(date(2027, 3, 5)))

    assert reminders(university, case_id, "agreement_end") == [
        (-180, True),
        (-90, True),
        (-30, True),
        (-7, False),
    ]
    assert set(told(university, case_id, "agreement_end")) == {-7}


def test_reminders_before_a_timer_began_are_nobodys(small: University) -> None:
    """Signed 20 days before the end: only the last rung is left."""
    small.on(date(2026, 3, 10))
    case_id = small.signed(last=date(2026, 3, 30))

    small.sweep(instant(date(2026, 3, 29)))

    assert reminders(small, case_id, "agreement_end") == [(-7, False)]


def test_overdue_report_escalates_from_the_leader_to_the_leading_group(university: University) -> None:
    case_id = university.in_midterm()
    for day in (date(2027, 11, 10), date(2027, 11, 17), date(2027, 11, 24), date(2027, 12, 9)):
        university.sweep(instant(day, 8))

    people = told(university, case_id, "progress_report")

    assert {days: who for days, who in people.items() if days > 0} == {
        1: {"leader"},
        8: {"leader", "head"},
        15: {"leader", "office", "second_office"},
        30: {"leader", "member", "second_member"},
    }
    assert university.state(case_id) == "midterm"


def test_reminders_of_a_report_armed_late_are_not_lost(university: University) -> None:
    """Back after 400 days: the mid-term opened long ago, its report is long overdue, and somebody is told once."""
    case_id = university.signed(last=LATE_AGREEMENT_END)

    university.sweep(instant(date(2028, 3, 1)))

    sent = [days for days, coalesced in reminders(university, case_id, "progress_report") if not coalesced]
    assert sent == [30]
    assert told(university, case_id, "progress_report") == {30: {"leader", "member", "second_member"}}


def test_reminder_missed_before_an_act_still_goes_out(small: University) -> None:
    """An act that finds the deadline passed does not swallow the reminders that were due before it."""
    case_id = small.in_midterm()
    small.on(date(2027, 11, 20))
    small.refused(
        case_id, "exit", "office", reason="x", exit_agreement=small.document(case_id, "exit_agreement")
    )

    small.sweep(instant(date(2027, 11, 20)))

    assert [days for days, coalesced in reminders(small, case_id, "progress_report") if not coalesced] == [8]


def test_answered_deadline_reminds_nobody(small: University) -> None:
    case_id = small.in_midterm()
    small.done(
        case_id,
        "progress_report",
        "leader",
        progress_report_file=small.document(case_id, "progress_report_file"),
    )

    small.sweep(instant(date(2027, 12, 31)))

    assert reminders(small, case_id, "progress_report") == []


def test_held_lapse_goes_on_escalating(small: University) -> None:
    case_id = small.in_final(last=date(2029, 3, 31))

    small.sweep(instant(date(2029, 4, 8), 8))

    assert timer(small, case_id, "agreement_end").status == "held"
    assert 8 in told(small, case_id, "agreement_end")


def test_leader_nobody_has_linked_is_stood_in_for(small: University) -> None:
    case_id = small.in_midterm()
    with small.database.transaction() as session:
        duty = session.scalars(
            select(Duty).where(Duty.case_id == case_id, Duty.role == "project_leader")
        ).one()
        duty.person_id, duty.contact_name = None, "imported name"

    small.sweep(instant(date(2027, 11, 2), 8))

    assert told(small, case_id, "progress_report")[-7] == {"head", "office", "second_office"}
