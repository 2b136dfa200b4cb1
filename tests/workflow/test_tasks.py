"""Whose turn it is: the acts somebody is expected to take, in every state, and when they change hands."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from models import Duty, Task
from tests.university import CYCLE_OVER, University, instant
from workflow.doctor import examine
from workflow.operations.settings import change_setting


def turns(university: University, case_id: str) -> set[tuple[str, str, date | None]]:
    """The open tasks of a case: act, role, day."""
    with university.database.reading() as session:
        rows = session.scalars(select(Task).where(Task.case_id == case_id, Task.closed_at.is_(None)))
        return {(row.act, row.role, row.due_on) for row in rows}


TURNS = {
    "draft": {("submit", "project_leader", date(2026, 3, 24))},
    "proposed": {("approve", "leading_group", None)},
    "approved": {("sign_agreement", "base_office", date(2026, 6, 8))},
    "agreement_signed": set(),
    "midterm": {("progress_report", "project_leader", date(2027, 11, 9))},
    "midterm_assessed": set(),
    "final": {("final_report", "project_leader", date(2029, 5, 9))},
    "extended": set(),
    "rectification": {("evidence", "project_leader", date(2029, 9, 10))},
    "certified": set(),
    "not_approved": set(),
    "withdrawn": set(),
    "revoked": set(),
    "lapsed": set(),
    "exited": set(),
}


@pytest.mark.parametrize("state", TURNS)
def test_turn_of_a_state(small: University, state: str) -> None:
    case_id = small.reach(state)

    assert turns(small, case_id) == TURNS[state]


def test_turn_goes_to_the_unit_of_the_case(small: University) -> None:
    """A college's role is asked on its own college only."""
    case_id = small.in_midterm()
    with small.database.transaction() as session:
        duty = session.scalars(
            select(Duty).where(Duty.case_id == case_id, Duty.role == "project_leader")
        ).one()
        duty.person_id, duty.contact_name = None, "imported name"
    small.tick(case_id, date(2028, 1, 3), 12)

    with small.database.reading() as session:
        rows = session.scalars(
            select(Task).where(Task.case_id == case_id, Task.act == "yearly_data", Task.closed_at.is_(None))
        )
        asked = {(row.role, row.unit_id) for row in rows}

    assert asked == {("college_head", small.units["计算机学院"]), ("base_office", None)}


def test_turn_passes_to_the_office_when_the_report_is_in(university: University) -> None:
    case_id = university.in_midterm()

    university.done(
        case_id,
        "progress_report",
        "leader",
        progress_report_file=university.document(case_id, "progress_report_file"),
    )

    assert turns(university, case_id) == {("conclusion", "base_office", None)}


def test_turn_passes_to_the_office_when_the_report_is_overdue(university: University) -> None:
    """Too late: the office decides without the report."""
    case_id = university.in_midterm()

    university.sweep(instant(date(2027, 11, 10)))

    assert turns(university, case_id) == {("conclusion", "base_office", None)}


def test_turn_passes_to_the_leading_group_with_the_final_report(small: University) -> None:
    case_id = small.in_final()

    small.done(
        case_id, "final_report", "leader", final_report_file=small.document(case_id, "final_report_file")
    )

    assert turns(small, case_id) == {("grading", "leading_group", None)}


def test_yearly_data_are_asked_from_the_first_reminder_on(university: University) -> None:
    """30 days before 1 February 2027 is 2 January."""
    case_id = university.signed()
    university.sweep(instant(date(2027, 1, 2), 7))
    before = turns(university, case_id)

    university.sweep(instant(date(2027, 1, 2), 8))

    assert (before, turns(university, case_id)) == (
        set(),
        {("yearly_data", "project_leader", date(2027, 2, 1))},
    )


def test_renewal_is_asked_of_the_office_from_the_first_notice_on(small: University) -> None:
    case_id = small.signed(last=date(2027, 3, 9))
    small.sweep(instant(date(2026, 9, 10), 8))

    assert ("renew_agreement", "base_office", date(2027, 3, 9)) in turns(small, case_id)


def test_closed_case_asks_nobody(small: University) -> None:
    case_id = small.in_rectification()
    small.evidence(case_id)
    small.on(CYCLE_OVER, 12)
    small.revoke(case_id)

    assert turns(small, case_id) == set()


# ───────────────────────────── A proposal sent back


def test_draft_never_submitted_is_nobodys_turn(small: University) -> None:
    assert turns(small, small.open()) == set()


def test_returned_proposal_is_wanted_by_the_day_its_reviewer_named(university: University) -> None:
    case_id = university.proposed()

    university.done(
        case_id, "send_back", "head", reasons_by_field={"partner": "full name"}, resubmit_by="2026-04-10"
    )

    assert turns(university, case_id) == {("submit", "project_leader", date(2026, 4, 10))}


def test_second_return_asks_anew_by_a_day_of_its_own(small: University) -> None:
    case_id = small.sent_back()
    small.done(case_id, "submit", "leader", **small.proposal(case_id))
    small.on(date(2026, 3, 20))

    small.done(case_id, "send_back", "office", reasons_by_field={"partner": "full name"})

    assert turns(small, case_id) == {("submit", "project_leader", date(2026, 4, 3))}


@pytest.mark.parametrize(
    ("act", "after"), [("submit", {("approve", "leading_group", None)}), ("withdraw", set())]
)
def test_returned_proposal_leaves_its_leader_when_it_is_sent_again_or_withdrawn(
    small: University, act: str, after: set[tuple[str, str, date | None]]
) -> None:
    case_id = small.sent_back()

    small.done(case_id, act, "leader", **(small.proposal(case_id) if act == "submit" else {}))

    assert turns(small, case_id) == after


def _choose(university: University, value: str) -> None:
    """Set the time to send again, from today on."""
    with university.database.transaction() as session:
        change_setting(
            session, lifecycle="base", name="resubmit_within", value=value, from_on=university.at.date(),
            reason="more time", ctx=university.ctx("office"),
        )  # fmt: skip


def test_time_to_send_again_is_the_one_in_force_at_each_return(small: University) -> None:
    """What was promised with a return stays; the next return copies the setting anew."""
    case_id = small.sent_back()
    small.on(date(2026, 3, 12))
    _choose(small, "20 days")
    promised = turns(small, case_id)
    small.done(case_id, "submit", "leader", **small.proposal(case_id))

    small.done(case_id, "send_back", "head", reasons_by_field={"partner": "full name"})

    assert (promised, turns(small, case_id)) == (
        {("submit", "project_leader", date(2026, 3, 24))},
        {("submit", "project_leader", date(2026, 4, 1))},
    )


def test_turn_of_a_returned_proposal_follows_from_its_log(small: University) -> None:
    small.sent_back()
    small.on(date(2026, 3, 12))
    _choose(small, "20 days")

    with small.database.reading() as session:
        found = [row for row in examine(session) if row.table == "tasks"]

    assert found == []
