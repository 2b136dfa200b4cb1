"""Delegation: who may lend which role to whom and for how long, what it lets somebody do, and when it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from models import Ballot, Delegation, Entry, Grant, new_key
from tests.university import Founding, University
from tests.workflow.routing import MEMBERS, at_vote, founded, proposed
from workflow import queries
from workflow.doctor import examine
from workflow.errors import BadInput, NotFound, WorkflowError
from workflow.operations.deeds import Done
from workflow.operations.delegations import give_delegation, revoke_delegation
from workflow.operations.office import revoke_grant
from workflow.operations.rounds import add_signer
from workflow.queries import TodoFilter

TODAY = date(2026, 3, 10)
LATER = date(2026, 4, 10)


@pytest.fixture
def founding() -> Founding:
    return founded


def lend(here: University, lender: str, delegate: str, role: str, **more: Any) -> Done:
    """Delegate a role, by the lender themselves unless `who` says otherwise."""
    stated = {
        "person_id": here.people[lender],
        "delegate_id": here.people[delegate],
        "role": role,
        "unit_id": None,
        "from_on": TODAY,
        "until_on": LATER,
        "reason": "on leave",
        **{name: value for name, value in more.items() if name != "who"},
    }
    ctx = here.ctx(more.get("who", lender))
    return here.database.run(lambda session: give_delegation(session, ctx=ctx, **stated))


def end(here: University, done: Done, who: str) -> Done:
    ctx = here.ctx(who)
    return here.database.run(
        lambda session: revoke_delegation(session, done.subject, reason="back again", ctx=ctx)
    )


def faults(work: Callable[[], Done]) -> list[tuple[str, str]]:
    with pytest.raises(BadInput) as bad:
        work()
    return [(fault.field, fault.code) for fault in bad.value.faults]


def refused(work: Callable[[], Done]) -> str:
    with pytest.raises(WorkflowError) as error:
        work()
    return error.value.code


def waits_for(here: University, who: str) -> list[tuple[str, bool, list[str]]]:
    """The act, whether it is their own turn, and for whom they could do it, of each task in somebody's inbox."""
    with here.database.reading() as session:
        rights = queries.rights_of(session, here.people[who], today=here.ctx(who).today)
        rows = queries.to_do(session, rights, TodoFilter()).rows
        assert queries.to_do_count(session, rights) == len(rows)
    return [(row["act"], row["own"], [one["name"] for one in row["lenders"]]) for row in rows]


# ───────────────────────────── Giving


def test_delegate_signs_for_the_absent_head(university: University) -> None:
    case_id = proposed(university)
    lend(university, "head", "stranger", "college_head")

    university.done(case_id, "college_opinion", "stranger", outcome="agree")

    with university.database.reading() as session:
        ballot = session.scalars(select(Ballot)).one()
        body = json.loads(session.scalars(select(Entry.body).where(Entry.kind == "ballot")).one())
        found = examine(session)
    assert (ballot.person_id, ballot.cast_by) == (university.people["head"], university.people["stranger"])
    assert (body["actor"], body["on_behalf_of"]) == (
        f"person:{university.people['stranger']}",
        university.people["head"],
    )
    assert found == []


def test_history_names_both(small: University) -> None:
    case_id = proposed(small)
    lend(small, "head", "stranger", "college_head")
    small.done(case_id, "college_opinion", "stranger", outcome="agree")

    with small.database.reading() as session:
        (entry, *_) = queries.history_page(session, case_id).rows

    assert (entry["actor_name"], entry["for_name"]) == ("stranger", "head")


def test_delegation_leaves_one_entry_in_the_delegators_stream(university: University) -> None:
    done = lend(university, "head", "stranger", "college_head")

    end(university, done, "head")

    with university.database.reading() as session:
        stream = f"person:{university.people['head']}"
        kinds = session.scalars(select(Entry.kind).where(Entry.stream == stream).order_by(Entry.seq)).all()
        found = examine(session)
    assert kinds == ["delegation_given", "delegation_revoked"]
    assert found == []


@pytest.mark.parametrize(
    ("lender", "delegate", "role", "more", "fault"),
    [
        ("head", "head", "college_head", {}, ("delegate", "to_oneself")),
        ("head", "stranger", "base_office", {}, ("role", "not_held")),
        ("leader", "stranger", "project_leader", {}, ("role", "duty_not_delegable")),
        ("auditor", "stranger", "auditor", {}, ("role", "not_delegable")),
        ("head", "stranger", "no_such_role", {}, ("role", "not_delegable")),
        ("head", "stranger", "college_head", {"from_on": date(2026, 3, 9)}, ("from_on", "in_past")),
        (
            "head",
            "stranger",
            "college_head",
            {"from_on": date(2026, 4, 11)},
            ("until_on", "before_beginning"),
        ),
        ("head", "stranger", "college_head", {"until_on": None}, ("until_on", "missing")),
        ("head", "stranger", "college_head", {"reason": " "}, ("reason", "missing")),
    ],
)
def test_delegation_is_refused(
    small: University, lender: str, delegate: str, role: str, more: dict[str, Any], fault: tuple[str, str]
) -> None:
    assert faults(lambda: lend(small, lender, delegate, role, **more)) == [fault]


def test_role_of_another_unit_is_not_held(small: University) -> None:
    unit = small.units["药学院"]

    assert faults(lambda: lend(small, "head", "stranger", "college_head", unit_id=unit)) == [
        ("role", "not_held")
    ]


def test_delegation_is_no_longer_than_the_grant(small: University) -> None:
    with small.database.transaction() as session:
        grant = session.scalars(select(Grant).where(Grant.person_id == small.people["head"])).one()
        grant.until_on = date(2026, 3, 31)

    assert faults(lambda: lend(small, "head", "stranger", "college_head")) == [("until_on", "beyond_grant")]
    lend(small, "head", "stranger", "college_head", until_on=date(2026, 3, 31))


def test_two_people_do_not_delegate_to_each_other(university: University) -> None:
    lend(university, "member", "second_member", "leading_group")

    assert faults(lambda: lend(university, "second_member", "member", "leading_group")) == [
        ("delegate", "in_a_circle")
    ]


def test_circle_is_refused_only_while_both_would_be_in_force(small: University) -> None:
    lend(small, "member", "second_member", "leading_group")

    lend(
        small, "second_member", "member", "leading_group",
        from_on=date(2026, 4, 11), until_on=date(2026, 4, 20),
    )  # fmt: skip


def test_circle_made_at_the_same_instant_is_refused(university: University) -> None:
    pairs = [("member", "second_member"), ("second_member", "member")]

    def attempt(pair: tuple[str, str]) -> bool:
        try:
            lend(university, *pair, "leading_group")
        except BadInput:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(attempt, pairs))

    assert sorted(done) == [False, True]


def test_delegated_role_is_not_delegated_on(small: University) -> None:
    lend(small, "head", "stranger", "college_head")

    assert faults(lambda: lend(small, "stranger", "partner", "college_head")) == [("role", "only_lent")]


def test_same_delegation_is_not_given_twice(small: University) -> None:
    lend(small, "head", "stranger", "college_head")

    assert faults(lambda: lend(small, "head", "stranger", "college_head")) == [
        ("delegate", "delegated_already")
    ]


def test_office_enters_a_delegation_for_somebody_absent(small: University) -> None:
    case_id = proposed(small)

    lend(small, "head", "stranger", "college_head", who="office")

    small.done(case_id, "college_opinion", "stranger", outcome="agree")


def test_nobody_else_delegates_what_is_not_theirs(small: University) -> None:
    assert refused(lambda: lend(small, "head", "stranger", "college_head", who="leader")) == "not_your_role"
    assert refused(lambda: lend(small, "head", "office", "college_head", who="office")) == "own_delegation"


# ───────────────────────────── Ending


def test_revoked_delegation_ends_at_once(university: University) -> None:
    case_id = proposed(university)
    done = lend(university, "head", "stranger", "college_head")

    end(university, done, "head")

    assert university.refused(case_id, "college_opinion", "stranger", outcome="agree") == ["not_your_role"]


def test_delegation_ends_with_the_delegators_role(university: University) -> None:
    case_id = proposed(university)
    lend(university, "head", "stranger", "college_head")
    with university.database.reading() as session:
        grant = session.scalar(select(Grant.id).where(Grant.person_id == university.people["head"]))
    ctx = university.ctx("administrator")

    university.database.run(lambda session: revoke_grant(session, str(grant), reason="left", ctx=ctx))

    assert university.refused(case_id, "college_opinion", "stranger", outcome="agree") == ["not_your_role"]
    assert waits_for(university, "stranger") == []


def test_delegation_counts_on_its_days_only(small: University) -> None:
    case_id = proposed(small)
    lend(small, "head", "stranger", "college_head", from_on=date(2026, 3, 11), until_on=date(2026, 3, 12))

    before = small.refused(case_id, "college_opinion", "stranger", outcome="agree")
    small.on(date(2026, 3, 13))
    after = small.refused(case_id, "college_opinion", "stranger", outcome="agree")
    small.on(date(2026, 3, 12))
    small.done(case_id, "college_opinion", "stranger", outcome="agree")

    assert (before, after) == (["not_your_role"], ["not_your_role"])


def test_delegation_reaches_its_unit_only(small: University) -> None:
    case_id = small.open("other_leader", "药学院")
    small.done(case_id, "submit", "other_leader", **small.proposal(case_id, unit="药学院"))
    lend(small, "head", "stranger", "college_head")

    assert small.refused(case_id, "college_opinion", "stranger", outcome="agree") == ["not_your_role"]


@pytest.mark.parametrize(("who", "code"), [("stranger", "not_your_role"), ("head", None), ("office", None)])
def test_delegator_and_office_revoke(small: University, who: str, code: str | None) -> None:
    done = lend(small, "head", "stranger", "college_head")

    if code is None:
        end(small, done, who)
    else:
        assert refused(lambda: end(small, done, who)) == code
    with small.database.reading() as session:
        ended = session.get_one(Delegation, done.subject).revoked_at
    assert (ended is None) is (code is not None)


def test_revoking_twice_and_what_is_hidden(small: University) -> None:
    done = lend(small, "head", "stranger", "college_head")

    with pytest.raises(NotFound):
        end(small, done, "leader")
    end(small, done, "head")

    assert refused(lambda: end(small, done, "head")) == "delegation_revoked"


# ───────────────────────────── Conflicts are compared by person, of both


def test_leader_does_not_sign_their_own_case_as_a_delegate(university: University) -> None:
    case_id = proposed(university)
    lend(university, "head", "leader", "college_head")

    assert university.refused(case_id, "college_opinion", "leader", outcome="agree") == ["conflict"]


def test_leader_does_not_have_their_own_case_signed_by_a_delegate(small: University) -> None:
    with small.database.transaction() as session:
        session.add(
            Grant(
                id=new_key(),
                person_id=small.people["leader"],
                role="college_head",
                unit_id=small.units["计算机学院"],
                from_on=date(2020, 1, 1),
            )
        )
    case_id = proposed(small)
    lend(small, "leader", "stranger", "college_head")

    by_themselves = small.refused(case_id, "college_opinion", "stranger", outcome="agree")
    named = small.refused(case_id, "college_opinion", "stranger", outcome="agree", on_behalf_of="leader")

    assert (by_themselves, named) == (["not_your_role"], ["conflict"])


def test_leader_does_not_carry_out_the_offices_acts_as_a_delegate(small: University) -> None:
    case_id = at_vote(small)
    for who in MEMBERS:
        small.done(case_id, "selection", who, outcome="agree")
    lend(small, "office", "leader", "base_office")

    codes = small.refused(case_id, "sign_agreement", "leader", **small.agreement(case_id))

    assert codes == ["conflict"]


# ───────────────────────────── Whose turn it is


def test_delegate_sees_the_turn_of_the_delegator_until_it_is_taken(university: University) -> None:
    case_id = proposed(university)
    lend(university, "head", "stranger", "college_head")

    before = waits_for(university, "stranger"), waits_for(university, "head")
    university.done(case_id, "college_opinion", "stranger", outcome="agree")
    after = waits_for(university, "stranger"), waits_for(university, "head")

    assert before == ([("college_opinion", False, ["head"])], [("college_opinion", True, [])])
    assert after == ([], [])


def test_whoever_has_voted_is_no_longer_waited_for(university: University) -> None:
    case_id = at_vote(university)
    lend(university, "member", "second_member", "leading_group")

    both = waits_for(university, "second_member")
    university.done(case_id, "selection", "second_member", outcome="agree")
    lent = waits_for(university, "second_member")
    university.done(case_id, "selection", "second_member", outcome="refuse")

    assert both == [("selection", True, ["member"])]
    assert lent == [("selection", False, ["member"])]
    assert (waits_for(university, "second_member"), waits_for(university, "member")) == ([], [])
    assert waits_for(university, "third_member") == [("selection", True, [])]


def test_delegate_may_vote_for_the_delegator_first(small: University) -> None:
    case_id = at_vote(small)
    lend(small, "member", "second_member", "leading_group")

    small.done(case_id, "selection", "second_member", outcome="agree", on_behalf_of="member")

    assert waits_for(small, "second_member") == [("selection", True, [])]


def test_nobody_votes_for_whoever_has_not_delegated(small: University) -> None:
    case_id = at_vote(small)

    codes = small.refused(case_id, "selection", "second_member", outcome="agree", on_behalf_of="member")

    assert codes == ["not_delegated"]
    with small.database.reading() as session:
        denials = session.scalars(select(Entry.kind).where(Entry.kind == "denied")).all()
    assert denials == ["denied"]


def test_turn_passed_on_waits_for_one_person(small: University) -> None:
    case_id = proposed(small)
    version = small.case(case_id).version
    ctx = small.ctx("head")
    small.database.run(
        lambda session: add_signer(
            session, case_id, small.people["partner"], side="before", comment="", version=version, ctx=ctx
        )
    )

    assert waits_for(small, "partner") == [("college_opinion", True, [])]
    assert waits_for(small, "officer") == []


def test_delegate_sees_the_cases_of_the_delegators_role(small: University) -> None:
    case_id = proposed(small)

    def seen() -> bool:
        with small.database.reading() as session:
            rights = queries.rights_of(session, small.people["stranger"], today=TODAY)
            try:
                queries.seen(session, rights, case_id)
            except NotFound:
                return False
        return True

    before = seen()
    done = lend(small, "head", "stranger", "college_head")
    during = seen()
    end(small, done, "head")

    assert (before, during, seen()) == (False, True, False)
