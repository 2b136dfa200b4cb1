"""What one person proposes another confirms: by whom, on which case, and until when."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import select

from models import Ban, Entry, Grant, JointBase, PendingAct, Task, new_key
from tests.university import CYCLE_OVER, University
from workflow.errors import NotFound
from workflow.operations import Receipt, Refusal, confirm, decline


def amending(university: University, case_id: str, who: str = "office", **rest: Any) -> Receipt:
    fact = {"name": "base_name", "value": "a better name"}
    return university.done(case_id, "amend", who, reason="misspelt", fact=fact, **rest)


def pending(university: University, case_id: str) -> list[tuple[str, str | None]]:
    """The proposals of a case: status and who decided."""
    names = {person: name for name, person in university.people.items()}
    with university.database.reading() as session:
        rows = session.scalars(
            select(PendingAct)
            .where(PendingAct.case_id == case_id)
            .order_by(PendingAct.proposed_at, PendingAct.id)
        )
        return [(row.status, names.get(row.decided_by or "")) for row in rows]


def confirming(university: University, case_id: str, who: str, *, version: int | None = None) -> list[str]:
    """Confirm the newest proposal; return the codes of what stands in the way, nothing when it took effect."""
    with university.database.reading() as session:
        newest = (
            select(PendingAct.id)
            .where(PendingAct.case_id == case_id)
            .order_by(PendingAct.proposed_at.desc(), PendingAct.id.desc())
        )
        pending_id = session.scalars(newest.limit(1)).one()
    seen = version if version is not None else university.case(case_id).version
    with university.database.transaction() as session:
        answer = confirm(session, pending_id, version=seen, ctx=university.ctx(who))
    if isinstance(answer, Receipt):
        return []
    return ["stale"] if answer.stale is not None else [b.code for b in (*answer.blockers, *answer.warnings)]


def base_name(university: University, case_id: str) -> str | None:
    with university.database.reading() as session:
        return session.get_one(JointBase, case_id).base_name


def revoke_grants(university: University, who: str, role: str) -> None:
    with university.database.transaction() as session:
        for grant in session.scalars(
            select(Grant).where(Grant.person_id == university.people[who], Grant.role == role)
        ):
            grant.revoked_at = datetime(2026, 3, 10, tzinfo=UTC)


# ───────────────────────────── Proposing and confirming


def test_proposal_changes_nothing_until_it_is_confirmed(university: University) -> None:
    case_id = university.signed()
    before = base_name(university, case_id)

    receipt = amending(university, case_id)

    assert receipt.proposed
    assert base_name(university, case_id) == before
    assert confirming(university, case_id, "second_office") == []
    assert base_name(university, case_id) == "a better name"
    assert pending(university, case_id) == [("confirmed", "second_office")]


def test_proposer_does_not_confirm(university: University) -> None:
    case_id = university.signed()
    amending(university, case_id)

    assert confirming(university, case_id, "office") == ["confirm_by_another"]
    assert pending(university, case_id) == [("open", None)]


@pytest.mark.parametrize(
    "who", ["leader", "head", "officer", "member", "auditor", "administrator", "stranger"]
)
def test_only_the_second_role_confirms(small: University, who: str) -> None:
    case_id = small.signed()
    amending(small, case_id)

    assert confirming(small, case_id, who) == ["not_your_role"]


def test_same_person_in_two_roles_does_not_confirm_their_own_proposal(small: University) -> None:
    """Persons are compared, not roles."""
    case_id = small.in_rectification()
    small.evidence(case_id)
    with small.database.transaction() as session:
        session.add(
            Grant(
                id=new_key(), person_id=small.people["member"], role="base_office", from_on=date(2020, 1, 1)
            )
        )
    small.done(case_id, "revoke", "member", reason="not met", clawback=False)

    assert confirming(small, case_id, "member") == ["confirm_by_another"]
    assert small.state(case_id) == "rectification"


def test_confirmation_of_a_leader_of_the_base_is_refused(small: University) -> None:
    """Nobody decides on their own base, as a second person neither (compared by person)."""
    case_id = small.signed()
    small.assign(case_id, "project_leader", "second_office")
    amending(small, case_id)

    assert confirming(small, case_id, "second_office") == ["conflict"]


def test_proposer_who_lost_the_role_is_refused_at_confirmation(university: University) -> None:
    case_id = university.signed()
    amending(university, case_id)
    revoke_grants(university, "office", "base_office")

    assert confirming(university, case_id, "second_office") == ["not_your_role"]
    assert pending(university, case_id) == [("open", None)]


def test_confirmer_who_lost_the_role_is_refused(small: University) -> None:
    case_id = small.signed()
    amending(small, case_id)
    revoke_grants(small, "second_office", "base_office")

    assert confirming(small, case_id, "second_office") == ["not_your_role"]


def test_confirmation_is_checked_anew(small: University) -> None:
    """What stood in no way when it was proposed may stand in the way now: a twin came to life."""
    case_id = small.exited(partner="甲研究院")
    small.done(case_id, "correct", "office", reason="exit by mistake")
    small.proposed(partner="甲研究院")

    assert confirming(small, case_id, "second_office") == ["twin"]


# ───────────────────────────── Void, stale, declined


@pytest.mark.parametrize(
    "move",
    [
        lambda u, c: u.done(c, "exit", "office", reason="x", exit_agreement=u.document(c, "exit_agreement")),
        lambda u, c: amending(u, c, "second_office"),
    ],
    ids=["another act", "another proposal"],
)
def test_any_change_of_the_case_voids_a_proposal(university: University, move: Any) -> None:
    case_id = university.signed()
    amending(university, case_id)
    first = _newest(university, case_id)

    move(university, case_id)

    with university.database.transaction() as session:
        version = university.case(case_id).version
        answer = confirm(session, first, version=version, ctx=university.ctx("second_office"))
    assert isinstance(answer, Refusal)
    assert answer.stale is not None
    assert pending(university, case_id)[0] == ("void", None)


def _newest(university: University, case_id: str) -> str:
    with university.database.reading() as session:
        return session.scalars(
            select(PendingAct.id).where(PendingAct.case_id == case_id, PendingAct.status == "open")
        ).one()


def test_timer_voids_a_proposal(university: University) -> None:
    """The clock moved the case after the proposal: it was made on another case."""
    case_id = university.signed()
    amending(university, case_id)

    university.tick(case_id, date(2027, 9, 10))

    assert confirming(university, case_id, "second_office") == ["stale"]
    assert base_name(university, case_id) != "a better name"
    with university.database.reading() as session:
        waiting = session.scalars(
            select(Task.act).where(Task.case_id == case_id, Task.closed_at.is_(None))
        ).all()
    assert "confirm" not in waiting


def test_deadline_that_passes_voids_a_proposal(university: University) -> None:
    """Nothing moved but a missed deadline: what was shown has changed all the same."""
    case_id = university.in_midterm()
    amending(university, case_id)

    university.tick(case_id, date(2027, 11, 10))

    assert confirming(university, case_id, "second_office") == ["stale"]
    assert pending(university, case_id) == [("void", None)]


def test_confirmation_on_an_older_version_is_stale(small: University) -> None:
    case_id = small.signed()
    amending(small, case_id)

    assert confirming(small, case_id, "second_office", version=small.case(case_id).version - 1) == ["stale"]


def test_second_confirmation_is_stale(small: University) -> None:
    case_id = small.signed()
    amending(small, case_id)
    first = confirming(small, case_id, "second_office")

    assert (first, confirming(small, case_id, "second_office")) == ([], ["stale"])


@pytest.mark.parametrize(("who", "status"), [("second_office", "declined"), ("office", "withdrawn")])
def test_proposal_is_declined_or_taken_back(university: University, who: str, status: str) -> None:
    case_id = university.signed()
    amending(university, case_id)

    with university.database.transaction() as session:
        answer = decline(session, _newest(university, case_id), reason="not needed", ctx=university.ctx(who))

    assert isinstance(answer, Receipt)
    assert [row[0] for row in pending(university, case_id)] == [status]
    with university.database.reading() as session:
        kinds = session.scalars(select(Entry.kind).where(Entry.case_id == case_id).order_by(Entry.seq)).all()
    assert kinds[-2:] == ["proposal", status]
    assert base_name(university, case_id) != "a better name"


def test_stranger_declines_nothing(small: University) -> None:
    case_id = small.signed()
    amending(small, case_id)

    with small.database.transaction() as session:
        answer = decline(session, _newest(small, case_id), reason="no", ctx=small.ctx("stranger"))

    assert isinstance(answer, Refusal)
    assert [blocker.code for blocker in answer.blockers] == ["not_your_role"]
    assert pending(small, case_id) == [("open", None)]


def test_confirmation_of_nothing_is_not_found(small: University) -> None:
    with pytest.raises(NotFound), small.database.transaction() as session:
        confirm(session, small.edition_id, version=1, ctx=small.ctx("office"))


def test_second_person_is_asked_and_the_task_closes(university: University) -> None:
    case_id = university.signed()
    amending(university, case_id)
    asked = _open_tasks(university, case_id)

    confirming(university, case_id, "second_office")

    assert ("confirm", "base_office") in asked
    assert ("confirm", "base_office") not in _open_tasks(university, case_id)


def _open_tasks(university: University, case_id: str) -> set[tuple[str, str]]:
    with university.database.reading() as session:
        rows = session.execute(
            select(Task.act, Task.role).where(Task.case_id == case_id, Task.closed_at.is_(None))
        )
        return {(row.act, row.role) for row in rows}


# ───────────────────────────── Effective days


def test_act_backdated_by_30_days_takes_effect_at_once(small: University) -> None:
    case_id = small.proposed()

    receipt = small.on(date(2026, 4, 9)).done(case_id, "approve", "member", effective_on=date(2026, 3, 10))

    assert (receipt.proposed, small.case(case_id).dates["cycle_start"]) == (False, "2026-03-10")


def test_act_backdated_by_31_days_needs_a_second_person(university: University) -> None:
    case_id = university.proposed()
    receipt = university.on(date(2026, 4, 10)).done(
        case_id, "approve", "member", effective_on=date(2026, 3, 10)
    )
    before = university.state(case_id)

    told = confirming(university, case_id, "office")

    assert (receipt.proposed, before, told) == (True, "proposed", [])
    assert university.state(case_id) == "approved"
    assert university.case(case_id).dates == {"cycle_start": "2026-03-10", "cycle_end": "2029-03-10"}


def test_effective_day_in_the_future_is_refused(small: University) -> None:
    case_id = small.proposed()

    assert small.refused(case_id, "approve", "member", effective_on=date(2026, 3, 11)) == [
        "effective_in_future"
    ]


def test_effective_day_before_the_previous_one_is_refused(small: University) -> None:
    case_id = small.proposed()

    assert small.on(date(2026, 3, 20)).refused(
        case_id, "approve", "member", effective_on=date(2026, 3, 9)
    ) == ["effective_before_previous"]


@pytest.mark.parametrize(("who", "act"), [("leader", "withdraw"), ("head", "send_back")])
def test_only_office_and_leading_group_state_an_effective_day(small: University, who: str, act: str) -> None:
    case_id = small.proposed()
    form = {"reasons_by_field": {"base_name": "too long"}} if act == "send_back" else {}

    assert small.on(date(2026, 3, 20)).refused(case_id, act, who, effective_on=date(2026, 3, 15), **form) == [
        "effective_day_not_yours"
    ]


def test_revocation_takes_effect_on_the_day_of_the_decision(small: University) -> None:
    """Confirmed two days later, it counts from the day the leading group decided."""
    case_id = small.in_rectification()
    small.evidence(case_id)
    small.done(case_id, "revoke", "member", reason="not met", clawback=False)
    small.on(date(2029, 3, 13))

    assert confirming(small, case_id, "office") == []
    with small.database.reading() as session:
        assert session.scalars(select(Ban.decided_on)).one() == CYCLE_OVER
