"""Many vote at once: every ballot counts once, a round is closed once, and nothing slips past a closing, a return or a revocation."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from models import Ballot, Entry, Grant, JointBase, Round
from tests.university import Founding, University
from tests.workflow.racing import TRIALS, Client, acting, entries, race, tally, until_somebody_waits
from tests.workflow.routing import MEMBERS, at_vote, founded, rounds
from workflow.operations import Receipt, Refusal
from workflow.operations.delegations import give_delegation, revoke_delegation
from workflow.operations.office import revoke_grant
from workflow.operations.rounds import close_vote, withdraw_ballot


@pytest.fixture
def founding() -> Founding:
    return founded


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


@pytest.mark.parametrize("ending", ["close", "vote"])
def test_approval_against_a_return_has_one_winner(university: University, ending: str) -> None:
    """Four have agreed: the office closes the vote, or the fifth agrees, while the fifth sends the proposal back."""
    fifth = MEMBERS[4]
    for _ in range(TRIALS):
        case_id = at_vote(university)
        for who in MEMBERS[:4]:
            university.done(case_id, "selection", who, outcome="agree")
        approval = (
            at_round(university, close_vote, case_id, "office")
            if ending == "close"
            else acting(university, case_id, "selection", fifth, outcome="agree")
        )

        answers = race(
            university, [approval, acting(university, case_id, "send_back", fifth, comment="thin")]
        )

        assert tally(answers) == Counter(done=1, stale=1)
        (won,) = entries(university, case_id, "approve", "send_back")
        assert won == ("approve" if isinstance(answers[0], Receipt) else "send_back")
        assert university.state(case_id) == {"approve": "approved", "send_back": "draft"}[won]


def test_withdrawal_against_an_approval_has_one_winner(university: University) -> None:
    """Of a leading group with one member left the first vote is the last, and until it is cast the leader may withdraw."""
    for who in MEMBERS[1:]:
        take_away(university, who)
    for _ in range(TRIALS):
        case_id = at_vote(university)

        answers = race(
            university,
            [
                acting(university, case_id, "selection", MEMBERS[0], outcome="agree"),
                acting(university, case_id, "withdraw", "leader"),
            ],
        )

        assert tally(answers) == Counter(done=1, stale=1)
        (won,) = entries(university, case_id, "approve", "withdraw")
        assert won == ("approve" if isinstance(answers[0], Receipt) else "withdraw")
        assert university.state(case_id) == {"approve": "approved", "withdraw": "withdrawn"}[won]


def take_away(here: University, who: str) -> None:
    """Take every grant of a person away."""
    with here.database.transaction() as session:
        for grant in session.scalars(select(Grant.id).where(Grant.person_id == here.people[who])):
            revoke_grant(session, grant, reason="left", ctx=here.ctx("office"))


# ───────────────────────────── Delegations


def lent(here: University) -> str:
    """A member's vote lent to somebody who has none of their own."""
    given = here.database.run(
        lambda session: give_delegation(
            session,
            person_id=here.people["member"],
            delegate_id=here.people["stranger"],
            role="leading_group",
            unit_id=None,
            from_on=here.ctx("member").today,
            until_on=here.ctx("member").today,
            reason="on leave",
            ctx=here.ctx("member"),
        )
    )
    return given.subject


def revoking(here: University, delegation_id: str) -> Client:
    ctx = here.ctx("member")
    return lambda database: database.run(
        lambda session: revoke_delegation(session, delegation_id, reason="back", ctx=ctx)
    )


def written(here: University, kind: str) -> int:
    """The place in the whole log of the latest entry of a kind."""
    with here.database.reading() as session:
        return session.scalar(select(func.max(Entry.id)).where(Entry.kind == kind)) or 0


def test_delegation_is_used_before_it_is_revoked_or_not_at_all(university: University) -> None:
    """Neither half nor the other way round: no ballot by a delegate stands in the log behind the revocation."""
    for _ in range(TRIALS):
        delegation_id, case_id = lent(university), at_vote(university)

        vote, revocation = race(
            university,
            [
                acting(university, case_id, "selection", "stranger", outcome="agree"),
                revoking(university, delegation_id),
            ],
        )

        assert tally([revocation]) == Counter(done=1)
        if isinstance(vote, Receipt):
            assert standing(university, case_id) == 1
            assert written(university, "ballot") < written(university, "delegation_revoked")
        else:
            assert tally([vote]) == Counter(refused=1)
            assert standing(university, case_id) == 0
        again = university.refused(case_id, "selection", "stranger", outcome="agree")
        assert again == ["not_your_role"]


@pytest.mark.parametrize("taken", ["delegation", "role"])
def test_vote_by_a_delegate_waits_for_what_is_being_taken_away(university: University, taken: str) -> None:
    """What was lent is gone once its end commits, though the vote was sent before."""
    delegation_id, case_id = lent(university), at_vote(university)
    vote = acting(university, case_id, "selection", "stranger", outcome="agree")
    with university.database.reading() as session:
        member = university.people["member"]
        grant_id = session.scalars(select(Grant.id).where(Grant.person_id == member)).one()

    with ThreadPoolExecutor(1) as pool:
        with university.database.transaction() as session:
            if taken == "delegation":
                revoke_delegation(session, delegation_id, reason="back", ctx=university.ctx("member"))
            else:
                revoke_grant(session, grant_id, reason="left", ctx=university.ctx("office"))
            waiting = pool.submit(vote, university.database)
            until_somebody_waits(university.database)
        answer = waiting.result()

    assert isinstance(answer, Refusal)
    assert [blocker.code for blocker in answer.blockers] == ["not_your_role"]
    assert standing(university, case_id) == 0


def test_lender_and_delegate_voting_at_once_are_one_ballot(university: University) -> None:
    lent(university)
    for _ in range(TRIALS):
        case_id = at_vote(university)

        answers = race(
            university,
            [
                acting(university, case_id, "selection", "member", outcome="agree"),
                acting(university, case_id, "selection", "stranger", outcome="refuse"),
            ],
        )

        assert tally(answers) == Counter(done=1, refused=1)
        assert standing(university, case_id) == 1


# ───────────────────────────── Ballots taken back


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
