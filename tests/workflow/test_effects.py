"""What acts write besides the state: numbers, agreements, managers, grades, the register, money."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from models import Agreement, Call, Clawback, Counter, Duty, Grade, JointBase, new_key
from tests.university import CYCLE_OVER, SIGNED, University
from workflow.operations import Receipt
from workflow.world import bump


def base(university: University, case_id: str) -> JointBase:
    with university.database.reading() as session:
        return session.get_one(JointBase, case_id)


# ───────────────────────────── Numbers


def test_numbers_run_on_within_a_year_and_begin_anew_with_the_next(small: University) -> None:
    with small.database.transaction() as session:
        session.add(
            Call(
                id=new_key(),
                lifecycle="base",
                year=2027,
                opens_on=date(2027, 1, 1),
                closes_on=date(2027, 12, 31),
            )
        )
        bump(session)
    first, second = small.approved(), small.approved()
    third = small.on(date(2027, 2, 1)).approved()

    numbers = [
        (base(small, case_id).application_number, base(small, case_id).base_number)
        for case_id in (first, second, third)
    ]

    assert numbers == [
        ("SB-2026-001", "LP2026-001"),
        ("SB-2026-002", "LP2026-002"),
        ("SB-2027-001", "LP2027-001"),
    ]


def test_base_number_is_of_the_year_the_approval_took_effect(small: University) -> None:
    """Approved on 31 December, recorded on 11 January."""
    case_id = small.on(date(2026, 12, 30)).proposed()

    small.on(date(2027, 1, 11)).done(case_id, "approve", "member", effective_on=date(2026, 12, 31))

    assert base(small, case_id).base_number == "LP2026-001"


def test_number_after_the_thousandth_has_four_digits(small: University) -> None:
    with small.database.transaction() as session:
        session.add(Counter(name="LP2026-", value=999))
    case_id = small.approved()

    assert base(small, case_id).base_number == "LP2026-1000"


def test_proposal_without_an_approval_has_no_base_number(small: University) -> None:
    case_id = small.proposed()

    assert base(small, case_id).base_number is None


# ───────────────────────────── The agreement and the partner's manager


def test_agreement_is_a_row_of_its_own(small: University) -> None:
    case_id = small.signed()

    with small.database.reading() as session:
        row = session.scalars(select(Agreement).where(Agreement.case_id == case_id)).one()
    assert (row.number, row.signed_on, row.first_day, row.last_day, row.seq) == (
        "XY-1",
        SIGNED,
        SIGNED,
        date(2030, 3, 9),
        4,
    )


def test_new_manager_takes_the_place_of_the_one_before(small: University) -> None:
    """The agreement is recorded anew after a correction, with another manager, on the same day."""
    case_id = small.signed()
    small.done(case_id, "correct", "office", reason="wrong scan")
    assert isinstance(small.confirmed(case_id, "second_office"), Receipt)

    small.done(case_id, "sign_agreement", "office", **small.agreement(case_id) | {"contact_person": "Li Si"})

    with small.database.reading() as session:
        rows = session.scalars(
            select(Duty).where(Duty.case_id == case_id, Duty.role == "partner_contact")
        ).all()
    in_force = [
        row.contact_name
        for row in rows
        if row.from_on <= SIGNED and (row.until_on is None or row.until_on >= SIGNED)
    ]
    assert in_force == ["Li Si"]


# ───────────────────────────── Grades, the register, money


def test_grade_is_kept_with_its_criteria(small: University) -> None:
    case_id = small.certified()

    with small.database.reading() as session:
        grade = session.scalars(select(Grade).where(Grade.transition == "certify")).one()
    assert (grade.outcome, grade.decided_on, grade.reason) == ("qualified", CYCLE_OVER, None)
    assert grade.criteria is not None
    assert grade.criteria["quality"] == {"met": True, "note": "seen"}
    assert base(small, case_id).plaque_number == f"P-{case_id[:8]}"


def test_exit_takes_the_plaque_back(small: University) -> None:
    case_id = small.certified()

    small.done(
        case_id, "exit", "office", reason="agreed", exit_agreement=small.document(case_id, "exit_agreement")
    )

    assert (base(small, case_id).registered_on, base(small, case_id).plaque_withdrawn_on) == (
        CYCLE_OVER,
        CYCLE_OVER,
    )


def test_exit_without_a_plaque_takes_none_back(small: University) -> None:
    case_id = small.exited()

    assert base(small, case_id).plaque_withdrawn_on is None


def test_revocation_without_clawback_says_so(small: University) -> None:
    small.revoked()

    with small.database.reading() as session:
        clawback = session.scalars(select(Clawback)).one()
    assert (clawback.wanted, clawback.amount_fen, clawback.reason) == (False, None, None)


def test_lengths_are_copied_at_the_approval(small: University) -> None:
    case_id = small.approved()

    assert small.case(case_id).pins == {"cycle": "3 years", "extension": "1 year", "cycle_starts": "approve"}
