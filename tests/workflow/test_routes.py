"""How a decision is reached: steps, seats, ballots, votes, returns, and what a route comes to."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from models import Ballot, Database, Entry, Grant, Round, Slip
from tests.university import CYCLE_OVER, Founding, University
from tests.workflow.routing import EXPERTS, MEMBERS, at_vote, do, founded, proposed, rounds
from workflow.doctor import examine
from workflow.operations import Receipt, Refusal
from workflow.operations.office import revoke_grant
from workflow.operations.rounds import (
    add_signer,
    close_vote,
    name_experts,
    reassign,
    remove_signer,
    replace_expert,
    withdraw_ballot,
)


@pytest.fixture
def founding() -> Founding:
    return founded


def codes(answer: Receipt | Refusal) -> list[str]:
    assert isinstance(answer, Refusal), answer
    return [blocker.code for blocker in answer.blockers]


# ───────────────────────────── The way of a proposal


def test_proposal_is_approved_by_its_route(university: University) -> None:
    case_id = at_vote(university)
    for who in MEMBERS[:4]:
        university.done(case_id, "selection", who, outcome="agree")

    last = university.done(case_id, "selection", MEMBERS[4], outcome="refuse")

    assert university.state(case_id) == "approved"
    assert [act for _, act, _ in last.entries] == ["selection", "approve"]
    assert rounds(university, case_id) == [
        ("college_opinion", "passed"),
        ("form_check", "passed"),
        ("expert_review", "skipped"),
        ("selection", "passed"),
        ("publicity", "skipped"),
    ]


def test_refused_vote_rejects_the_proposal(university: University) -> None:
    case_id = at_vote(university)
    for who in MEMBERS[:4]:
        university.done(case_id, "selection", who, outcome="refuse")

    university.done(case_id, "selection", MEMBERS[4], outcome="agree")

    assert university.state(case_id) == "not_approved"


def test_nobody_goes_around_the_route(small: University) -> None:
    case_id = proposed(small)

    assert small.refused(case_id, "approve", "member") == ["route_open"]
    assert small.refused(case_id, "reject", "member") == ["route_open"]
    assert small.refused(case_id, "form_check", "office", outcome="agree") == ["step_not_yet"]
    assert small.refused(case_id, "college_opinion", "other_head", outcome="agree") == ["not_your_role"]


def test_skipped_step_says_why(small: University) -> None:
    case_id = at_vote(small)

    with small.database.reading() as session:
        reason = session.scalar(
            select(Round.reason).where(Round.case_id == case_id, Round.result == "skipped")
        )

    assert reason == {"name": "expert_review_on", "value": False}


def test_ballots_leave_the_version_alone_until_the_last(small: University) -> None:
    case_id = at_vote(small)
    before = small.case(case_id).version

    for who in MEMBERS[:4]:
        small.done(case_id, "selection", who, outcome="agree", version=before)
    between = small.case(case_id).version
    small.done(case_id, "selection", MEMBERS[4], outcome="agree", version=before)

    assert between == before
    assert small.case(case_id).version > before


def test_second_ballot_of_a_person_is_refused(small: University) -> None:
    case_id = at_vote(small)
    small.done(case_id, "selection", "member", outcome="agree")

    assert small.refused(case_id, "selection", "member", outcome="refuse") == ["already_cast"]


def test_ballot_after_the_closing_is_stale_or_closed(small: University) -> None:
    case_id = at_vote(small)
    seen = small.case(case_id).version
    do(small, close_vote, case_id, who="office")

    assert small.refused(case_id, "selection", "member", outcome="agree", version=seen) == ["stale"]


# ───────────────────────────── Votes


@pytest.mark.parametrize(
    ("agree", "refuse", "abstain", "result"),
    [
        (5, 0, 0, "passed"),
        (3, 2, 0, "passed"),
        (2, 2, 1, "tie"),
        (2, 3, 0, "refused"),
        (1, 0, 4, "passed"),  # more than half of those for and against
        (0, 0, 5, "tie"),
        (3, 0, 0, "no_quorum"),  # two thirds of five are four ballots
        (2, 1, 1, "passed"),
        (0, 0, 0, "no_quorum"),
    ],
)
def test_vote_is_counted_by_the_rules(
    small: University, agree: int, refuse: int, abstain: int, result: str
) -> None:
    case_id = at_vote(small)
    choices = ["agree"] * agree + ["refuse"] * refuse + ["abstain"] * abstain
    for who, choice in zip(MEMBERS, choices, strict=False):
        small.done(case_id, "selection", who, outcome=choice)

    if len(choices) < len(MEMBERS):
        do(small, close_vote, case_id, who="office")

    assert ("selection", result) in rounds(small, case_id)


def test_tie_leaves_the_proposal_for_another_round(small: University) -> None:
    case_id = at_vote(small)
    for who, choice in zip(MEMBERS, ("agree", "agree", "refuse", "refuse", "abstain"), strict=True):
        small.done(case_id, "selection", who, outcome=choice)

    assert small.state(case_id) == "proposed"
    assert rounds(small, case_id)[-2:] == [("selection", "tie"), ("selection", None)]


def test_who_stands_aside_does_not_count_as_a_member(small: University) -> None:
    case_id = at_vote(small)
    small.done(case_id, "selection", "member", outcome="recuse")
    for who in MEMBERS[1:4]:
        small.done(case_id, "selection", who, outcome="agree")

    do(small, close_vote, case_id, who="office")

    assert small.state(case_id) == "approved"  # three of four members, two thirds of whom are three


def test_secret_vote_tells_who_voted_and_not_what(sqlite_database: Database) -> None:
    here = founded(sqlite_database, secret_ballot=True)
    case_id = at_vote(here)
    for who, choice in zip(MEMBERS, ("agree", "refuse", "agree", "agree", "abstain"), strict=True):
        here.done(case_id, "selection", who, outcome=choice)

    with here.database.reading() as session:
        ballots = session.scalars(select(Ballot).join(Round).where(Round.step == "selection")).all()
        slips = sorted(session.scalars(select(Slip.choice)))
        bodies = session.scalars(select(Entry.body).where(Entry.act == "selection")).all()

    assert {ballot.choice for ballot in ballots} == {None}
    assert slips == ["abstain", "agree", "agree", "agree", "refuse"]
    assert all('"refuse"' not in body for body in bodies[:-1])
    assert here.state(case_id) == "approved"


def test_open_vote_stays_hidden_in_the_log_until_it_closes(small: University) -> None:
    case_id = at_vote(small)
    small.done(case_id, "selection", "member", outcome="abstain", comment="my reasons")

    with small.database.reading() as session:
        body = session.scalars(select(Entry.body).where(Entry.act == "selection")).one()

    assert "abstain" not in body
    assert "my reasons" not in body


# ───────────────────────────── Signing


def test_refusal_of_the_college_sends_the_proposal_back(small: University) -> None:
    case_id = proposed(small)

    small.done(case_id, "college_opinion", "head", outcome="refuse", comment="the plan is thin")

    assert small.state(case_id) == "draft"


def test_refusal_wants_its_reason(small: University) -> None:
    case_id = proposed(small)

    assert small.refused(case_id, "college_opinion", "head", outcome="refuse") == ["field_wanted"]


def test_sending_back_to_an_earlier_step_runs_both_anew(small: University) -> None:
    case_id = proposed(small)
    small.done(case_id, "college_opinion", "head", outcome="agree")
    small.done(case_id, "form_check", "office", outcome="back_to_college_opinion", comment="see page 2")

    small.done(case_id, "college_opinion", "head", outcome="agree")
    small.done(case_id, "form_check", "office", outcome="agree")

    assert rounds(small, case_id)[:4] == [
        ("college_opinion", "passed"),
        ("form_check", "back_to_college_opinion"),
        ("college_opinion", "passed"),
        ("form_check", "passed"),
    ]


def test_proposal_sent_again_is_signed_anew(small: University) -> None:
    case_id = proposed(small)
    small.done(case_id, "college_opinion", "head", outcome="agree")
    small.done(case_id, "send_back", "office", comment="the scan is unreadable")
    small.done(case_id, "submit", "leader", **small.proposal(case_id))

    assert small.refused(case_id, "form_check", "office", outcome="agree") == ["step_not_yet"]
    small.done(case_id, "college_opinion", "head", outcome="agree")
    assert rounds(small, case_id) == [
        ("college_opinion", "passed"),
        ("form_check", None),
        ("college_opinion", "passed"),
        ("form_check", None),
    ]


def test_added_signer_is_waited_for(small: University) -> None:
    case_id = proposed(small)
    officer = small.people["officer"]
    do(small, add_signer, case_id, officer, side="before", comment="", who="head")

    assert small.refused(case_id, "college_opinion", "head", outcome="agree") == ["not_your_turn"]
    small.done(case_id, "college_opinion", "officer", outcome="agree")
    small.done(case_id, "college_opinion", "head", outcome="agree")

    assert rounds(small, case_id) == [("college_opinion", "passed"), ("form_check", None)]


def test_signer_added_after_is_asked_last(small: University) -> None:
    case_id = proposed(small)
    do(small, add_signer, case_id, small.people["officer"], side="after", comment="", who="head")

    small.done(case_id, "college_opinion", "head", outcome="agree")
    waiting = rounds(small, case_id)
    small.done(case_id, "college_opinion", "officer", outcome="agree")

    assert waiting == [("college_opinion", None)]
    assert rounds(small, case_id)[0] == ("college_opinion", "passed")


def test_removed_signer_is_no_longer_waited_for(small: University) -> None:
    case_id = proposed(small)
    do(small, add_signer, case_id, small.people["officer"], side="after", comment="", who="head")
    small.done(case_id, "college_opinion", "head", outcome="agree")

    do(small, remove_signer, case_id, small.people["officer"], reason="on leave", who="head")

    assert rounds(small, case_id) == [("college_opinion", "passed"), ("form_check", None)]


def test_turn_passed_on_is_the_other_persons(small: University) -> None:
    case_id = proposed(small)
    do(small, reassign, case_id, to=small.people["officer"], reason="away", who="head")

    assert small.refused(case_id, "college_opinion", "head", outcome="agree") == ["not_your_role"]
    small.done(case_id, "college_opinion", "officer", outcome="agree")


def test_leader_is_never_asked_to_sign_their_own_case(small: University) -> None:
    case_id = proposed(small)

    answer = do(small, add_signer, case_id, small.people["leader"], side="before", comment="", who="head")

    assert codes(answer) == ["their_conflict"]


def test_ballot_is_taken_back_while_nobody_has_acted_after_it(small: University) -> None:
    case_id = at_vote(small)
    small.done(case_id, "selection", "member", outcome="agree")

    do(small, withdraw_ballot, case_id, who="member")
    small.done(case_id, "selection", "member", outcome="refuse")

    with small.database.reading() as session:
        choices = session.scalars(
            select(Ballot.choice).join(Round).where(Round.step == "selection", Ballot.voided_seq.is_(None))
        ).all()
    assert choices == ["refuse"]


def test_withdrawal_ends_with_the_first_vote(small: University) -> None:
    case_id = at_vote(small)
    small.done(case_id, "selection", "member", outcome="agree")

    assert small.refused(case_id, "withdraw", "leader") == ["ballot_cast"]


# ───────────────────────────── Experts


def sheet(here: University) -> dict[str, Any]:
    return {name: {"mark": 80, "remark": "good"} for name in here.definition.sheets["assessment"]}


def opinion(here: University) -> dict[str, Any]:
    return {name: {"met": True, "note": "seen"} for name in here.definition.lists["eligibility"]}


def at_panel(database: Database) -> tuple[University, str]:
    here = founded(database, expert_review_on=True)
    case_id = proposed(here)
    here.done(case_id, "college_opinion", "head", outcome="agree")
    here.done(case_id, "form_check", "office", outcome="agree")
    return here, case_id


def test_panel_is_closed_by_its_last_sheet(sqlite_database: Database) -> None:
    here, case_id = at_panel(sqlite_database)
    chosen = [here.people[name] for name in EXPERTS[:3]]
    do(here, name_experts, case_id, chosen, who="office")
    for name in EXPERTS[:2]:
        here.done(case_id, "expert_review", name, outcome="seal", eligibility_opinion=opinion(here))
    before = rounds(here, case_id)[-1]

    here.done(case_id, "expert_review", EXPERTS[2], outcome="seal", eligibility_opinion=opinion(here))

    assert before == ("expert_review", None)
    assert rounds(here, case_id)[-2:] == [("expert_review", "passed"), ("selection", None)]


def test_panel_wants_an_expert_from_industry(sqlite_database: Database) -> None:
    here, case_id = at_panel(sqlite_database)

    answer = do(here, name_experts, case_id, [here.people[n] for n in EXPERTS[1:4]], who="office")

    assert codes(answer) == ["too_few_from_industry"]


def test_expert_of_the_lead_college_is_refused(sqlite_database: Database) -> None:
    here, case_id = at_panel(sqlite_database)

    outsider = do(here, name_experts, case_id, [here.people["auditor"]], who="office")
    near = do(here, name_experts, case_id, [here.people["near_expert"]], who="office")

    assert codes(outsider) == ["not_in_the_pool"]
    assert codes(near) == ["their_conflict"]


def test_replaced_expert_has_no_seat_any_more(sqlite_database: Database) -> None:
    here, case_id = at_panel(sqlite_database)
    do(here, name_experts, case_id, [here.people[n] for n in EXPERTS[:3]], who="office")

    do(
        here,
        replace_expert,
        case_id,
        here.people["expert_3"],
        by=here.people["expert_4"],
        reason="ill",
        who="office",
    )

    assert here.refused(
        case_id, "expert_review", "expert_3", outcome="seal", eligibility_opinion=opinion(here)
    ) == ["not_your_role"]
    here.done(case_id, "expert_review", "expert_4", outcome="seal", eligibility_opinion=opinion(here))


def test_expert_who_leaves_the_pool_keeps_only_a_sealed_sheet(sqlite_database: Database) -> None:
    here, case_id = at_panel(sqlite_database)
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who="office")
    here.done(case_id, "expert_review", EXPERTS[0], outcome="seal", eligibility_opinion=opinion(here))
    with here.database.transaction() as session:
        for name in EXPERTS[:2]:
            grant = session.scalars(select(Grant.id).where(Grant.person_id == here.people[name])).one()
            revoke_grant(session, grant, reason="left", ctx=here.ctx("office"))

    refused = here.refused(
        case_id, "expert_review", EXPERTS[1], outcome="seal", eligibility_opinion=opinion(here)
    )
    here.done(case_id, "expert_review", EXPERTS[2], outcome="seal", eligibility_opinion=opinion(here))
    waiting = rounds(here, case_id)[-1]
    do(here, name_experts, case_id, [here.people[EXPERTS[3]]], who="office")
    here.done(case_id, "expert_review", EXPERTS[3], outcome="seal", eligibility_opinion=opinion(here))

    assert refused == ["not_your_role"]
    assert waiting == ("expert_review", None)
    assert rounds(here, case_id)[-2] == ("expert_review", "passed")


# ───────────────────────────── Motions


def at_grading(here: University) -> str:
    """A base whose experts have sealed their sheets at the final assessment."""
    case_id = at_vote(here)
    for who in MEMBERS:
        here.done(case_id, "selection", who, outcome="agree")
    here.done(case_id, "sign_agreement", "office", **here.agreement(case_id))
    here.tick(case_id, date(2027, 9, 10))
    here.done(
        case_id,
        "progress_report",
        "leader",
        progress_report_file=here.document(case_id, "progress_report_file"),
    )
    here.done(case_id, "midterm_college", "head", outcome="agree")
    here.done(case_id, "conclude_midterm", "office", outcome="passed", opinion="in good order")
    here.tick(case_id, date(2028, 12, 10))
    here.done(
        case_id, "final_report", "leader", final_report_file=here.document(case_id, "final_report_file")
    )
    here.done(case_id, "final_college", "head", outcome="agree")
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who="office")
    for name in EXPERTS[:3]:
        here.done(case_id, "final_experts", name, outcome="seal", assessment=sheet(here))
    here.tick(case_id, CYCLE_OVER)
    return case_id


def certify(here: University, case_id: str, who: str = "office", **rest: Any) -> Receipt | Refusal:
    criteria = {
        name: {"met": True, "note": "seen"}
        for listed in ("qualified", "excellent")
        for name in here.definition.lists[listed]
    }
    return here.act(
        case_id,
        "certify",
        who,
        outcome="qualified",
        plaque_number="P-1",
        criteria=criteria,
        override_reason="data of one year came on paper",
        **rest,
    )


@pytest.fixture
def graded(sqlite_database: Database) -> tuple[University, str]:
    here = founded(sqlite_database, midterm_experts_on=False)
    return here, at_grading(here)


def test_grade_is_a_motion_until_the_vote_carries_it(graded: tuple[University, str]) -> None:
    here, case_id = graded

    moved = certify(here, case_id)
    between = here.state(case_id)
    for who in MEMBERS:
        here.done(case_id, "final_vote", who, outcome="agree")

    assert isinstance(moved, Receipt)
    assert between == "final"
    assert here.state(case_id) == "certified"
    assert rounds(here, case_id)[-2:] == [("grading", "passed"), ("final_vote", "passed")]


def test_leading_group_does_not_move_the_grade(graded: tuple[University, str]) -> None:
    here, case_id = graded

    assert codes(certify(here, case_id, "member")) == ["not_your_role"]


def test_grade_voted_down_returns_to_the_office(graded: tuple[University, str]) -> None:
    here, case_id = graded
    certify(here, case_id)
    for who in MEMBERS:
        here.done(case_id, "final_vote", who, outcome="refuse")

    answer = here.act(
        case_id,
        "order_rectification",
        "office",
        outcome="unqualified",
        reason="thin",
        rectify_by="2029-09-01",
    )

    assert isinstance(answer, Receipt)
    assert here.state(case_id) == "final"
    assert rounds(here, case_id)[-3:] == [
        ("final_vote", "refused"),
        ("grading", "passed"),
        ("final_vote", None),
    ]


def test_revocation_voted_for_waits_for_the_second_person(graded: tuple[University, str]) -> None:
    here, case_id = graded
    here.act(
        case_id,
        "order_rectification",
        "office",
        outcome="unqualified",
        reason="thin",
        rectify_by="2029-09-01",
    )
    for who in MEMBERS:
        here.done(case_id, "final_vote", who, outcome="agree")
    here.tick(case_id, date(2029, 9, 4))
    here.done(case_id, "evidence_check", "office", outcome="agree")
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who="office")
    for name in EXPERTS[:3]:
        here.done(case_id, "rectification_experts", name, outcome="seal", assessment=sheet(here))
    here.act(case_id, "revoke", "office", outcome="still_unmet", reason="nothing came", clawback=False)
    for who in MEMBERS:
        here.done(case_id, "rectification_vote", who, outcome="agree")

    waiting = here.state(case_id)
    here.confirmed(case_id, "second_office")

    assert waiting == "rectification"
    assert here.state(case_id) == "revoked"


# ───────────────────────────── Public notice


def test_approval_comes_when_nobody_objected_in_time(database: Database) -> None:
    here = founded(database, publicity_on=True)
    case_id = at_vote(here)
    for who in MEMBERS:
        here.done(case_id, "selection", who, outcome="agree")
    between = here.state(case_id)

    here.tick(case_id, date(2026, 3, 18))

    assert between == "proposed"
    assert here.state(case_id) == "approved"


def test_objection_returns_the_proposal_to_the_office(sqlite_database: Database) -> None:
    here = founded(sqlite_database, publicity_on=True)
    case_id = at_vote(here)
    for who in MEMBERS:
        here.done(case_id, "selection", who, outcome="agree")

    here.done(case_id, "publicity", "office", outcome="object", comment="a letter says otherwise")
    here.tick(case_id, date(2026, 3, 18))

    assert here.state(case_id) == "proposed"
    assert rounds(here, case_id)[-2:] == [("publicity", "objected"), ("form_check", None)]


# ───────────────────────────── The log follows


def test_log_replays_into_every_row_of_the_routes(graded: tuple[University, str]) -> None:
    here, case_id = graded
    certify(here, case_id)
    for who in MEMBERS:
        here.done(case_id, "final_vote", who, outcome="agree", comment="so be it")

    with here.database.reading() as session:
        found = examine(session)

    assert found == []


def test_doctor_knows_whose_turn_it_is_beside_an_added_signer(university: University) -> None:
    """Before and after the one who asked them has left, which touches no case."""
    case_id = proposed(university)
    do(university, add_signer, case_id, university.people["officer"], who="head", side="after", comment="")

    with university.database.reading() as session:
        before = examine(session)
    with university.database.transaction() as session:
        grant = session.scalars(select(Grant.id).where(Grant.person_id == university.people["head"])).one()
        revoke_grant(session, grant, reason="left", ctx=university.ctx("office"))
    with university.database.reading() as session:
        after = examine(session)

    assert (before, after) == ([], [])
