"""What a reader is told of a case's way: how far it is, who is waited for, and of a running vote only how many of how many."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from models import Database
from tests.university import Founding, University
from tests.workflow.routing import EXPERTS, MEMBERS, at_vote, do, founded, proposed
from workflow import queries, way
from workflow.explain.route import outcome_text, tally_text
from workflow.operations.rounds import add_signer, name_experts
from workflow.way import Mark, Stop


@pytest.fixture
def founding() -> Founding:
    return founded


def seen(here: University, case_id: str, who: str) -> tuple[tuple[Stop, ...], tuple[Stop, ...]]:
    ctx = here.ctx(who)
    with here.database.reading() as session:
        snapshot = queries.case_for(session, case_id, ctx=ctx).snapshot
    shown = way.stops(snapshot, ctx.actor.person)
    return shown, way.earlier(snapshot, shown=shown)


def present(here: University, case_id: str, who: str) -> Stop:
    return next(stop for stop in seen(here, case_id, who)[0] if stop.mark is Mark.CURRENT)


def named(here: University, people: tuple[str, ...]) -> set[str]:
    return {name for name, key in here.people.items() if key in people}


def test_way_tells_done_skipped_present_and_coming(small: University) -> None:
    case_id = at_vote(small)

    shown, before = seen(small, case_id, "leader")

    assert [(stop.step.name, stop.mark) for stop in shown] == [
        ("college_opinion", Mark.DONE),
        ("form_check", Mark.DONE),
        ("expert_review", Mark.SKIPPED),
        ("selection", Mark.CURRENT),
        ("publicity", Mark.COMING),
    ]
    assert [outcome_text(stop, small.definition, "zh") for stop in shown] == [
        "同意",
        "同意",
        "跳过：设定“立项专家评审”为“否”",
        "",
        "",
    ]
    assert before == ()


def test_ballots_of_a_running_vote_are_told_to_nobody_else(small: University) -> None:
    case_id = at_vote(small)
    for who in MEMBERS[:2]:
        small.done(case_id, "selection", who, outcome="refuse", comment="too early")

    told = {who: present(small, case_id, who) for who in (MEMBERS[0], MEMBERS[2], "leader", "office")}

    assert {(stop.cast, stop.seats) for stop in told.values()} == {(2, 5)}
    assert {who: len(stop.ballots) for who, stop in told.items()} == {
        MEMBERS[0]: 1,
        MEMBERS[2]: 0,
        "leader": 0,
        "office": 0,
    }
    assert named(small, told["office"].waits_for) == set(MEMBERS[2:])
    assert told[MEMBERS[2]].waits_for == told["leader"].waits_for == ()


def test_closed_vote_tells_every_ballot_and_the_count(small: University) -> None:
    case_id = at_vote(small)
    for who in MEMBERS:
        small.done(case_id, "selection", who, outcome="agree" if who != MEMBERS[0] else "refuse")

    _, before = seen(small, case_id, "leader")

    vote = next(stop for stop in before if stop.step.name == "selection")
    assert {stop.mark for stop in before} == {Mark.EARLIER}
    assert len(vote.ballots) == 5
    assert tally_text(vote.round, "zh") == "同意4、不同意1、弃权0；应投5，法定人数4"


def test_sheets_of_a_running_panel_are_told_to_nobody_else(sqlite_database: Database) -> None:
    here = founded(sqlite_database, expert_review_on=True)
    case_id = at_vote(here)
    naming = present(here, case_id, "leader")
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who="office")
    met = {name: {"met": True, "note": "seen"} for name in here.definition.lists["eligibility"]}
    here.done(case_id, "expert_review", EXPERTS[0], outcome="seal", eligibility_opinion=met)

    theirs, mine = present(here, case_id, EXPERTS[1]), present(here, case_id, EXPERTS[0])

    assert named(here, naming.waits_for) == {"office", "second_office"}
    assert (theirs.cast, theirs.seats, theirs.ballots) == (1, 3, ())
    assert [ballot["person_id"] for ballot in mine.ballots] == [here.people[EXPERTS[0]]]


def test_signer_added_is_the_one_waited_for(small: University) -> None:
    case_id = proposed(small)
    do(small, add_signer, case_id, small.people["officer"], side="before", comment="", who="head")

    stop = present(small, case_id, "leader")

    assert named(small, stop.waits_for) == {"officer"}


def test_rounds_before_a_return_stay_to_be_seen(small: University) -> None:
    case_id = proposed(small)
    small.done(case_id, "college_opinion", "head", outcome="agree", comment="in good order")
    small.done(case_id, "form_check", "office", outcome="back_to_college_opinion", comment="see page 2")

    shown, before = seen(small, case_id, "leader")

    assert [(stop.step.name, stop.mark) for stop in shown[:2]] == [
        ("college_opinion", Mark.CURRENT),
        ("form_check", Mark.COMING),
    ]
    assert [(stop.step.name, outcome_text(stop, small.definition, "zh")) for stop in before] == [
        ("form_check", "退回至“责任学院意见”"),
        ("college_opinion", "同意"),
    ]


def test_rounds_of_the_stay_before_stay_to_be_seen(small: University) -> None:
    case_id = proposed(small)
    small.done(case_id, "college_opinion", "head", outcome="refuse", comment="the plan is thin")

    shown, before = seen(small, case_id, "leader")

    assert shown == ()
    assert [outcome_text(stop, small.definition, "zh") for stop in before] == ["不同意"]


def test_task_tells_who_handed_it_in(small: University) -> None:
    case_id = at_vote(small)
    for who in MEMBERS:
        small.done(case_id, "selection", who, outcome="agree")
    small.done(case_id, "sign_agreement", "office", **small.agreement(case_id))
    small.tick(case_id, date(2027, 9, 10))
    before = present(small, case_id, "leader")
    report: Any = small.document(case_id, "progress_report_file")
    small.done(case_id, "progress_report", "leader", progress_report_file=report)

    shown, _ = seen(small, case_id, "office")

    assert named(small, before.waits_for) == {"leader"}
    assert shown[0].hand_in is not None
    assert shown[0].hand_in["person_id"] == small.people["leader"]
    assert shown[1].mark is Mark.CURRENT
