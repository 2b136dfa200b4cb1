"""Many vote at once: every ballot counts once, a round is closed once, and nothing slips past a closing or a return."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import func, select

from models import Ballot, Database, JointBase, Round
from tests.university import University
from tests.workflow.racing import TRIALS, Client, acting, entries, race, tally
from tests.workflow.routing import MEMBERS, at_vote, founded, proposed, rounds
from workflow.operations.rounds import close_vote, withdraw_ballot


@pytest.fixture
def university(database: Database) -> University:
    return founded(database)


def at_round(here: University, work: Any, case_id: str, who: str) -> Client:
    """A client about to do something about the open round, with the present version before it."""
    version, ctx = here.case(case_id).version, here.ctx(who)
    return lambda database: database.run(lambda session: work(session, case_id, version=version, ctx=ctx))


def standing(here: University, case_id: str) -> int:
    """How many ballots of the case's votes stand."""
    with here.database.reading() as session:
        return (
            session.scalar(
                select(func.count())
                .select_from(Ballot)
                .join(Round)
                .where(Ballot.case_id == case_id, Round.step == "selection", Ballot.voided_seq.is_(None))
            )
            or 0
        )


def test_members_voting_at_once_are_all_counted(university: University) -> None:
    for _ in range(TRIALS):
        case_id = at_vote(university)

        answers = race(
            university, [acting(university, case_id, "selection", who, outcome="agree") for who in MEMBERS]
        )

        assert tally(answers) == Counter(done=len(MEMBERS))
        assert standing(university, case_id) == len(MEMBERS)
        assert entries(university, case_id, "approve") == ["approve"]


def test_last_two_votes_close_the_round_once(university: University) -> None:
    for _ in range(TRIALS):
        case_id = at_vote(university)
        for who in MEMBERS[:3]:
            university.done(case_id, "selection", who, outcome="agree")

        answers = race(
            university,
            [acting(university, case_id, "selection", who, outcome="refuse") for who in MEMBERS[3:]],
        )

        assert tally(answers) == Counter(done=2)
        assert entries(university, case_id, "approve", "reject") == ["approve"]


def test_votes_that_close_at_once_give_different_numbers(university: University) -> None:
    """The number is read before it is known whether a ballot draws one, and may be taken by then."""
    cases = [at_vote(university) for _ in range(6)]
    for case_id in cases:
        for who in MEMBERS[:-1]:
            university.done(case_id, "selection", who, outcome="agree")

    answers = race(
        university,
        [acting(university, case_id, "selection", MEMBERS[-1], outcome="agree") for case_id in cases],
    )

    with university.database.reading() as session:
        numbers = session.scalars(select(JointBase.base_number).where(JointBase.case_id.in_(cases))).all()
    assert tally(answers) == Counter(done=6)
    assert sorted(map(str, numbers)) == [f"LP2026-{n:03d}" for n in range(1, 7)]


def test_two_tabs_of_one_voter_are_one_ballot(university: University) -> None:
    for _ in range(TRIALS):
        case_id = at_vote(university)

        answers = race(
            university,
            [
                acting(university, case_id, "selection", "member", outcome=choice)
                for choice in ("agree", "refuse")
            ],
        )

        assert tally(answers) == Counter(done=1, refused=1)
        assert standing(university, case_id) == 1


def test_vote_against_closing_is_counted_or_told(university: University) -> None:
    for _ in range(TRIALS):
        case_id = at_vote(university)
        for who in MEMBERS[:3]:
            university.done(case_id, "selection", who, outcome="agree")

        vote, closing = race(
            university,
            [
                acting(university, case_id, "selection", MEMBERS[3], outcome="agree"),
                at_round(university, close_vote, case_id, "office"),
            ],
        )

        counted = tally([vote]) == Counter(done=1)
        assert tally([closing]) == Counter(done=1)
        assert standing(university, case_id) == 3 + counted
        assert university.state(case_id) == ("approved" if counted else "proposed")


@pytest.mark.parametrize(
    "other",
    [("send_back", "member", {"comment": "thin"}), ("withdraw", "leader", {})],
    ids=lambda act: act[0],
)
def test_last_vote_against_what_ends_the_proposal_has_one_winner(
    university: University, other: tuple[str, str, dict[str, Any]]
) -> None:
    act, who, raw = other
    for _ in range(TRIALS):
        case_id = at_vote(university) if act == "send_back" else single_vote(university)
        voters = MEMBERS[1:] if act == "send_back" else ()
        for voter in voters[:-1]:
            university.done(case_id, "selection", voter, outcome="agree")
        last = voters[-1] if voters else "head"
        ballot = (
            acting(university, case_id, "selection", last, outcome="agree")
            if voters
            else acting(university, case_id, "college_opinion", last, outcome="agree")
        )

        answers = race(university, [ballot, acting(university, case_id, act, who, **raw)])

        ended = entries(university, case_id, "approve", act)
        assert len(ended) <= 1
        assert tally(answers)["done"] >= 1


def single_vote(here: University) -> str:
    return proposed(here)


def test_ballot_taken_back_against_the_closing_is_out_or_counted(university: University) -> None:
    for _ in range(TRIALS):
        case_id = at_vote(university)
        for who in MEMBERS[:4]:
            university.done(case_id, "selection", who, outcome="agree")

        back, closing = race(
            university,
            [
                at_round(university, withdraw_ballot, case_id, MEMBERS[0]),
                at_round(university, close_vote, case_id, "office"),
            ],
        )

        results = [result for step, result in rounds(university, case_id) if step == "selection"]
        if tally([back]) == Counter(done=1):
            assert results[0] in (None, "no_quorum")
        else:
            assert tally([closing]) == Counter(done=1)
            assert results[0] == "passed"
