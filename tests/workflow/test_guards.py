"""Guards by themselves: who stands aside, what a warning is, and that reasons come in order and all at once."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import update

from models import Grant, Setting, new_key
from tests.university import University
from workflow.blockers import Rank
from workflow.guards import GUARDS
from workflow.operations import Receipt, Refusal
from workflow.world import bump


def grant(
    university: University,
    who: str,
    role: str,
    unit: str | None = None,
    *,
    from_on: date = date(2020, 1, 1),
    until_on: date | None = None,
) -> None:
    with university.database.transaction() as session:
        row = Grant(
            id=new_key(),
            person_id=university.people[who],
            role=role,
            from_on=from_on,
            until_on=until_on,
            unit_id=university.units[unit] if unit else None,
        )
        session.add(row)


def choose(university: University, name: str, value: Any) -> None:
    with university.database.transaction() as session:
        row = Setting(
            id=new_key(),
            lifecycle="base",
            name=name,
            value=value,
            from_on=date(2020, 1, 1),
            reason="x",
            recorded_at=university.at,
        )
        session.add(row)
        bump(session)


# ───────────────────────────── Conflicts and rights


def test_head_of_the_lead_college_stands_aside_in_the_leading_group(small: University) -> None:
    grant(small, "head", "leading_group")
    case_id = small.proposed()

    assert small.refused(case_id, "approve", "head") == ["conflict"]
    small.done(case_id, "send_back", "head", reasons_by_field={"base_name": "x"})


def test_head_of_another_college_decides(small: University) -> None:
    grant(small, "other_head", "leading_group")
    case_id = small.proposed()

    assert isinstance(small.act(case_id, "approve", "other_head"), Receipt)


def test_office_may_let_the_head_decide(small: University) -> None:
    choose(small, "recuse_own_head", False)
    grant(small, "head", "leading_group")
    case_id = small.proposed()

    assert isinstance(small.act(case_id, "approve", "head"), Receipt)


@pytest.mark.parametrize(
    ("role", "on", "from_on", "refused"),
    [
        ("project_leader", "药学院", date(2020, 1, 1), []),
        ("project_leader", "药学院", date(2026, 3, 11), ["not_granted_on"]),
        ("college_officer", "药学院", date(2020, 1, 1), ["not_granted_on"]),
        ("project_leader", "法学院", date(2020, 1, 1), ["not_granted_on"]),
    ],
)
def test_lead_college_is_one_where_its_leader_may_propose(
    small: University, role: str, on: str, from_on: date, refused: list[str]
) -> None:
    grant(small, "leader", role, on, from_on=from_on)
    small.on(date(2026, 3, 10))
    case_id = small.open()

    answer = small.act(case_id, "submit", "leader", **small.proposal(case_id, unit="药学院"))

    assert [blocker.code for blocker in getattr(answer, "blockers", ())] == refused


def test_leader_whose_grant_ended_names_no_college_any_more(small: University) -> None:
    small.on(date(2026, 3, 10))
    case_id = small.open()
    form = small.proposal(case_id)
    with small.database.transaction() as session:
        session.execute(
            update(Grant).where(Grant.person_id == small.people["leader"]).values(until_on=date(2026, 3, 9))
        )

    assert small.refused(case_id, "submit", "leader", **form) == ["not_granted_on"]


def test_whoever_may_not_submit_is_told_only_that(small: University) -> None:
    small.on(date(2026, 3, 10))
    case_id = small.open()

    assert small.refused(case_id, "submit", "office", **small.proposal(case_id)) == ["not_your_role"]


def test_office_amends_the_lead_college_to_any(small: University) -> None:
    case_id = small.signed()
    fact = {"name": "lead_college", "value": small.units["法学院"]}

    answer = small.act(case_id, "amend", "office", fact=fact, reason="moved")

    assert isinstance(answer, Receipt)


@pytest.mark.parametrize(
    ("role", "act"),
    [("leading_group", "approve"), ("base_office", "send_back"), ("college_head", "send_back")],
)
def test_nobody_decides_on_their_own_application(small: University, role: str, act: str) -> None:
    """The person is compared: the leader may hold any other role."""
    grant(small, "leader", role, "计算机学院" if role == "college_head" else None)
    case_id = small.proposed()
    form = {"reasons_by_field": {"base_name": "x"}} if act == "send_back" else {}

    assert small.refused(case_id, act, "leader", **form) == ["conflict"]


def test_leader_of_another_base_decides(small: University) -> None:
    grant(small, "other_leader", "leading_group")
    case_id = small.proposed()

    assert isinstance(small.act(case_id, "approve", "other_leader"), Receipt)


@pytest.mark.parametrize(
    ("from_on", "until_on", "reasons"),
    [
        (date(2026, 3, 10), None, []),
        (date(2026, 3, 11), None, ["not_your_role"]),
        (date(2020, 1, 1), date(2026, 3, 10), []),
        (date(2020, 1, 1), date(2026, 3, 9), ["not_your_role"]),
    ],
)
def test_grant_holds_on_its_days_only(
    small: University, from_on: date, until_on: date | None, reasons: list[str]
) -> None:
    grant(small, "stranger", "leading_group", from_on=from_on, until_on=until_on)
    case_id = small.proposed()

    answer = small.act(case_id, "approve", "stranger")

    assert ([] if isinstance(answer, Receipt) else [blocker.code for blocker in answer.blockers]) == reasons


def test_grant_without_a_unit_heads_no_college(small: University) -> None:
    """A role bound to the lead college needs a grant on it."""
    grant(small, "stranger", "college_head")
    case_id = small.proposed()

    assert small.refused(case_id, "send_back", "stranger", reasons_by_field={"base_name": "x"}) == [
        "not_your_role"
    ]


# ───────────────────────────── How reasons are told


def test_all_reasons_come_at_once_in_their_order(small: University) -> None:
    """Not your role, not yet time, material missing, rule unmet, cannot change any more."""
    case_id = small.midterm_assessed(years=())

    answer = small.act(case_id, "certify", "stranger", outcome="excellent", criteria={})

    assert isinstance(answer, Refusal)
    ranks = [blocker.rank for blocker in answer.blockers]
    assert ranks == sorted(ranks)
    assert {blocker.code for blocker in answer.blockers} == {
        "not_your_role", "not_yet_over", "field_missing", "item_unmet", "too_few", "yearly_data_missing", "not_from_here",
    }  # fmt: skip
    assert (ranks[0], ranks[-1]) == (Rank.ROLE, Rank.FINAL)


def test_reason_names_its_ground_who_mends_it_and_from_when(small: University) -> None:
    case_id = small.midterm_assessed()
    small.done(case_id, "open_final", "office")

    answer = small.act(case_id, "certify", "member", outcome="qualified", **small.verdict(case_id))

    assert isinstance(answer, Refusal)
    (blocker,) = answer.blockers
    assert (blocker.code, blocker.basis, blocker.from_on) == ("not_yet_over", "17", date(2029, 3, 11))


def test_warning_must_be_confirmed_by_its_name(small: University) -> None:
    case_id = small.approved()
    form = small.agreement(case_id, last=date(2029, 3, 9))

    assert small.refused(case_id, "sign_agreement", "office", confirmed=("ban_near",), **form) == [
        "agreement_ends_before"
    ]


def test_confirmed_word_lifts_no_bar(small: University) -> None:
    case_id = small.proposed()

    assert small.refused(case_id, "approve", "stranger", confirmed=("not_your_role",)) == ["not_your_role"]


def test_every_guard_says_what_it_asks() -> None:
    """Guards are words of the file's format; each explains itself."""
    assert [name for name, guard in GUARDS.items() if not guard.__doc__] == []
