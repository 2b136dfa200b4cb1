"""Somebody in the stead of a signer who stood aside or left; a sheet is the expert's own; a unit that can be none."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from models import Database, Grant
from tests.university import University
from tests.workflow.routing import EXPERTS, at_vote, do, founded, proposed, rounds
from tests.workflow.test_delegations import lend, waits_for
from workflow.errors import BadInput
from workflow.operations import Receipt, Refusal
from workflow.operations.office import give_grant
from workflow.operations.rounds import name_experts, reassign


def aside(here: University) -> str:
    case_id = proposed(here)
    here.done(case_id, "college_opinion", "head", outcome="recuse")
    return case_id


def left(here: University) -> str:
    case_id = proposed(here)
    with here.database.transaction() as session:
        for grant in session.scalars(select(Grant).where(Grant.person_id == here.people["head"])):
            grant.revoked_at = here.at
    return case_id


def seat(here: University, case_id: str, to: str, who: str, **rest: Any) -> Receipt | Refusal:
    return do(here, reassign, case_id, to=here.people[to], reason="回避", who=who, **rest)


@pytest.mark.parametrize("way", [aside, left])
def test_office_seats_somebody_where_nobody_is_left_to_sign(database: Database, way: Any) -> None:
    here = founded(database)
    case_id = way(here)

    assert isinstance(seat(here, case_id, "officer", "office"), Receipt)
    here.done(case_id, "college_opinion", "officer", outcome="agree")

    assert rounds(here, case_id)[-2:] == [("college_opinion", "passed"), ("form_check", None)]


def test_office_passes_on_the_turn_of_whoever_stood_aside(sqlite_database: Database) -> None:
    here = founded(sqlite_database)
    case_id = aside(here)

    assert isinstance(seat(here, case_id, "officer", "office", person=here.people["head"]), Receipt)
    here.done(case_id, "college_opinion", "officer", outcome="agree")

    assert rounds(here, case_id)[-1] == ("form_check", None)


@pytest.mark.parametrize(
    ("who", "to", "code"),
    [
        ("officer", "officer", "not_your_role"),
        ("office", "leader", "their_conflict"),
        ("office", "head", "has_acted"),
    ],
)
def test_seat_in_stead_is_refused_with_its_reason(
    sqlite_database: Database, who: str, to: str, code: str
) -> None:
    here = founded(sqlite_database)
    case_id = aside(here)

    answer = seat(here, case_id, to, who)

    assert isinstance(answer, Refusal)
    assert [blocker.code for blocker in answer.blockers] == [code]


def test_office_takes_no_turn_from_a_signer_who_is_there(sqlite_database: Database) -> None:
    here = founded(sqlite_database)
    case_id = proposed(here)

    answer = seat(here, case_id, "officer", "office")

    assert isinstance(answer, Refusal)


def test_expert_does_not_delegate_a_sheet(database: Database) -> None:
    here = founded(database, expert_review_on=True)
    case_id = at_vote(here)
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who="office")
    lend(here, EXPERTS[0], EXPERTS[4], "expert")
    sheet = {name: {"met": True, "note": "seen"} for name in here.definition.lists["eligibility"]}

    refused = here.refused(case_id, "expert_review", EXPERTS[4], outcome="seal", eligibility_opinion=sheet)

    assert refused == ["not_your_role"]
    assert waits_for(here, EXPERTS[4]) == []
    assert len(waits_for(here, EXPERTS[0])) == 1


@pytest.mark.parametrize("field", ["unit", "person"])
def test_grant_on_what_can_be_no_identifier_is_refused(database: Database, field: str) -> None:
    here = founded(database)
    stated: dict[str, Any] = {
        "person_id": here.people["stranger"], "role": "college_head", "unit_id": here.units["法学院"],
        "from_on": here.at.date(), "until_on": None, "reason": "r",
    }  # fmt: skip

    with pytest.raises(BadInput) as bad:
        here.database.run(
            lambda session: give_grant(session, **{**stated, f"{field}_id": "法学院"}, ctx=here.ctx("office"))
        )

    assert [(fault.field, fault.code) for fault in bad.value.faults] == [(field, "unknown_choice")]
