"""The one door: what an act leaves behind, and what a refusal does not."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import func, select

from models import Entry, Timer
from tests.university import University
from workflow.operations import Receipt, Refusal


def test_proposal_is_approved_and_signed(university: University) -> None:
    case_id = university.signed()

    case = university.case(case_id)

    assert (case.state, case.dates) == (
        "agreement_signed",
        {"cycle_start": "2026-03-10", "cycle_end": "2029-03-10"},
    )


def test_refusal_leaves_the_case_untouched(university: University) -> None:
    case_id = university.proposed()
    before = university.case(case_id)

    answer = university.act(case_id, "approve", "stranger")

    after = university.case(case_id)
    assert isinstance(answer, Refusal)
    assert [blocker.code for blocker in answer.blockers] == ["not_your_role"]
    assert (after.version, after.state, after.log_head) == (before.version, before.state, before.log_head)


def test_same_key_shows_the_first_receipt(university: University) -> None:
    case_id = university.proposed()
    version = university.case(case_id).version
    first = university.act(case_id, "approve", "member", version=version, key="k1")

    second = university.act(case_id, "approve", "member", version=version, key="k1")

    assert isinstance(first, Receipt)
    assert isinstance(second, Receipt)
    assert (second.seq, second.hash, second.repeated) == (first.seq, first.hash, True)


def test_midterm_opens_by_itself_on_its_day(university: University) -> None:
    case_id = university.signed()
    university.sweep(datetime(2027, 9, 9, 15, 59, tzinfo=UTC))
    early = university.state(case_id)

    university.sweep(datetime(2027, 9, 9, 16, 0, tzinfo=UTC))

    assert (early, university.state(case_id)) == ("agreement_signed", "midterm")


def test_every_chain_is_unbroken(university: University) -> None:
    case_id = university.signed()
    university.sweep(datetime(2030, 6, 1, tzinfo=UTC))

    with university.database.reading() as session:
        rows = session.scalars(select(Entry).where(Entry.case_id == case_id).order_by(Entry.seq)).all()
        timers = session.scalar(select(func.count()).select_from(Timer))

    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert rows[-1].hash == university.case(case_id).log_head
    assert timers is not None


def test_effective_day_of_the_cycle_is_the_approval(university: University) -> None:
    case_id = university.proposed()

    university.done(case_id, "approve", "member", effective_on=date(2026, 3, 10))

    assert university.case(case_id).pins["cycle_starts"] == "approve"
