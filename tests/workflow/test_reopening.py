"""A decision that cannot take effect waits as it was decided; the office may reopen its route, and nobody goes around it."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select, update

from models import Ban, Database, Entry, Task
from tests.university import University
from tests.workflow.routing import EXPERTS, MEMBERS, at_vote, do, founded, rounds
from tests.workflow.test_conclusions import ban_partner_of
from workflow.doctor import examine
from workflow.operations import Receipt, Refusal
from workflow.operations.reopening import reopen
from workflow.operations.rounds import name_experts


@pytest.fixture
def waiting(sqlite_database: Database) -> tuple[University, str]:
    return approved_but_banned(sqlite_database)


def approved_but_banned(database: Database) -> tuple[University, str]:
    """A proposal the leading group carried, which a ban imposed meanwhile keeps from being approved."""
    here = founded(database)
    case_id = at_vote(here)
    ban_partner_of(here, case_id)
    for who in MEMBERS:
        here.done(case_id, "selection", who, outcome="agree")
    assert here.state(case_id) == "proposed"
    return here, case_id


def lift(here: University) -> None:
    with here.database.transaction() as session:
        session.execute(update(Ban).values(voided_seq=1))


def codes(answer: Receipt | Refusal) -> list[str]:
    assert isinstance(answer, Refusal), answer
    return [blocker.code for blocker in answer.blockers]


def reopened(
    here: University, case_id: str, step: str, who: str = "office", reason: str = "限制期"
) -> Receipt | Refusal:
    return do(here, reopen, case_id, step, reason=reason, who=who)


@pytest.mark.parametrize("who", ["member", "office"])
def test_nobody_alone_turns_a_carried_decision_into_another(
    waiting: tuple[University, str], who: str
) -> None:
    here, case_id = waiting

    assert "not_concluded" in here.refused(case_id, "reject", who, reason="alone")


def test_what_was_carried_takes_effect_once_nothing_stands_in_its_way(
    waiting: tuple[University, str],
) -> None:
    here, case_id = waiting
    assert here.refused(case_id, "approve", "member") == ["banned"]

    lift(here)
    here.done(case_id, "approve", "member")

    assert here.state(case_id) == "approved"


def test_office_reopens_the_route_and_everybody_decides_anew(database: Database) -> None:
    here, case_id = approved_but_banned(database)

    answer = reopened(here, case_id, "selection")

    assert isinstance(answer, Receipt)
    assert rounds(here, case_id)[-2:] == [("publicity", "back_to_selection"), ("selection", None)]
    for who in MEMBERS:
        here.done(case_id, "selection", who, outcome="refuse")
    assert here.state(case_id) == "not_approved"
    with here.database.reading() as session:
        entry = session.scalars(select(Entry).where(Entry.kind == "reopened")).one()
        assert "限制期" in entry.body
        assert [fault for fault in examine(session) if fault.table != "bans"] == []


def test_route_is_reopened_from_the_first_step_on(waiting: tuple[University, str]) -> None:
    here, case_id = waiting

    reopened(here, case_id, "college_opinion")

    assert rounds(here, case_id)[-1] == ("college_opinion", None)
    here.done(case_id, "college_opinion", "head", outcome="agree")
    here.done(case_id, "form_check", "office", outcome="agree")
    assert rounds(here, case_id)[-1] == ("selection", None)


@pytest.mark.parametrize(
    ("who", "step", "reason", "code"),
    [
        ("member", "selection", "r", "not_your_role"),
        ("head", "selection", "r", "not_your_role"),
        ("office", "publicity", "r", "not_to_reopen_at"),
        ("office", "no_such_step", "r", "not_to_reopen_at"),
        ("office", "selection", "  ", "reopening_without_reason"),
    ],
)
def test_reopening_is_refused_with_its_reason(
    waiting: tuple[University, str], who: str, step: str, reason: str, code: str
) -> None:
    here, case_id = waiting
    before = rounds(here, case_id)

    assert codes(reopened(here, case_id, step, who=who, reason=reason)) == [code]
    assert rounds(here, case_id) == before


def test_route_that_is_at_a_step_is_not_reopened(sqlite_database: Database) -> None:
    here = founded(sqlite_database)
    case_id = at_vote(here)

    assert codes(reopened(here, case_id, "form_check")) == ["route_not_over"]


def test_two_reopenings_race_and_one_is_stale(waiting: tuple[University, str]) -> None:
    here, case_id = waiting
    version = here.case(case_id).version
    answers = [
        here.database.run(
            lambda session: reopen(
                session, case_id, "selection", reason="r", version=version, ctx=here.ctx("office")
            )
        )
        for _ in range(2)
    ]

    assert [isinstance(answer, Receipt) for answer in answers] == [True, False]
    assert isinstance(answers[1], Refusal)
    assert answers[1].stale is not None


def test_late_report_leaves_a_way_on(sqlite_database: Database) -> None:
    """Art. 18: what was concluded for want of a report cannot be carried out once it is there; the office reopens."""
    here = founded(sqlite_database)
    case_id = not_submitted_but_then_handed_in(here)
    assert here.refused(case_id, "certify", "member") != []

    answer = reopened(here, case_id, "grading")

    assert isinstance(answer, Receipt)
    here.done(
        case_id, "order_rectification", "office", outcome="unqualified", reason="r", rectify_by="2029-10-01"
    )
    for who in MEMBERS:
        here.done(case_id, "final_vote", who, outcome="agree")
    assert here.state(case_id) == "rectification"


def not_submitted_but_then_handed_in(here: University) -> str:
    """A base at its final assessment: it is voted that no report came, and then one does before the last vote."""
    case_id = at_vote(here)
    for who in MEMBERS:
        here.done(case_id, "selection", who, outcome="agree")
    here.done(case_id, "sign_agreement", "office", **here.agreement(case_id))
    marks = {name: {"mark": 80, "remark": "ok"} for name in here.definition.sheets["assessment"]}
    here.tick(case_id, date(2027, 9, 10))
    report = here.document(case_id, "progress_report_file")
    here.done(case_id, "progress_report", "leader", progress_report_file=report)
    here.done(case_id, "midterm_college", "head", outcome="agree")
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who="office")
    for name in EXPERTS[:3]:
        here.done(case_id, "midterm_experts", name, outcome="seal", assessment=marks)
    here.done(case_id, "conclude_midterm", "office", outcome="passed", opinion="ok")
    here.tick(case_id, date(2028, 12, 10))
    here.tick(case_id, date(2029, 5, 10))
    here.done(case_id, "final_college", "head", outcome="agree")
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who="office")
    for name in EXPERTS[:3]:
        here.done(case_id, "final_experts", name, outcome="seal", assessment=marks)
    here.done(
        case_id, "order_rectification", "office", outcome="not_submitted", reason="r", rectify_by="2029-10-01"
    )
    final = here.document(case_id, "final_report_file")
    here.done(case_id, "final_report", "leader", final_report_file=final)
    for who in MEMBERS:
        here.done(case_id, "final_vote", who, outcome="agree")
    assert here.state(case_id) == "final"
    return case_id


def test_what_waits_is_somebodys_turn(sqlite_database: Database) -> None:
    here = founded(sqlite_database)
    case_id = not_submitted_but_then_handed_in(here)

    with here.database.reading() as session:
        rows = session.scalars(select(Task).where(Task.case_id == case_id, Task.closed_at.is_(None)))
        turns = {(row.act, row.role) for row in rows}

    assert ("order_rectification", "leading_group") in turns
