"""The office's ledger becomes cases in the right states, one entry per row, and the past fires nothing by itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from models import Agreement, Ban, Case, Database, Entry, Grade, HandIn, JointBase, Partner, Timer
from tests.university import University
from tests.workflow.routing import MEMBERS, at_vote, founded, rounds
from workflow.context import Actor, Context, Source
from workflow.ledger import read_ledger
from workflow.operations import release_held
from workflow.operations.ledger_import import Imported, bring_in, create_units, judge
from workflow.operations.organisations import rename_partner

SAMPLE = Path(__file__).parents[2] / "web" / "demo" / "ledger_sample.xlsx"
WITH_ERRORS = Path(__file__).parent / "ledger_with_errors.xlsx"
TODAY = date(2026, 11, 23)
AT = datetime(2026, 11, 23, 4, tzinfo=UTC)
CTX = Context(actor=Actor(system="cli"), at=AT, source=Source.IMPORT)


@pytest.fixture
def university(database: Database) -> University:
    here = founded(database)
    here.at = AT
    return here


def brought_in(university: University, file: Path = SAMPLE) -> list[Imported]:
    ledger = read_ledger(file, today=TODAY)
    with university.database.transaction() as session:
        judged = judge(session, ledger, lifecycle="base", create_units=True)
        create_units(session, list(judged.new_units), ctx=CTX)
        return bring_in(session, judged.ready, lifecycle="base", ctx=CTX)


def states(university: University) -> Counter[str]:
    with university.database.reading() as session:
        return Counter(session.scalars(select(Case.state)))


def test_sample_becomes_sixty_bases_in_their_states(university: University) -> None:
    brought_in(university)

    assert states(university) == {
        "agreement_signed": 20, "midterm_assessed": 5, "certified": 22, "extended": 5, "rectification": 3, "approved": 2,
        "revoked": 1, "lapsed": 2,
    }  # fmt: skip


def test_every_row_leaves_one_entry_marked_as_imported(university: University) -> None:
    brought_in(university)

    with university.database.reading() as session:
        rows = session.execute(
            select(Entry.kind, Entry.source, func.count())
            .where(Entry.case_id.is_not(None))
            .group_by(Entry.kind, Entry.source)
        ).all()

    assert [tuple(row) for row in rows] == [("import", "import", 60)]


def test_same_ledger_again_writes_nothing(university: University) -> None:
    brought_in(university)
    with university.database.reading() as session:
        before = session.scalar(select(func.count()).select_from(Entry))

    again = brought_in(university)

    with university.database.reading() as session:
        assert (again, session.scalar(select(func.count()).select_from(Entry))) == ([], before)


def test_same_ledger_again_knows_a_partner_that_was_renamed(university: University) -> None:
    brought_in(university)
    rename_first(university)

    assert brought_in(university) == []


def test_living_base_of_a_renamed_partner_is_not_brought_in_again(university: University) -> None:
    brought_in(university)
    old = rename_first(university)
    ledger = read_ledger(SAMPLE, today=TODAY)
    rows = [replace(row, base_number="LP2026-901") for row in ledger.rows if row.partner_name == old]

    with university.database.reading() as session:
        judged = judge(session, replace(ledger, rows=tuple(rows)), lifecycle="base", create_units=False)

    assert [fault.code for fault in judged.faults] == ["living_already"]


def rename_first(university: University) -> str:
    """Let the office rename the partner of one imported base; return the name it bore."""
    with university.database.transaction() as session:
        partner = session.scalars(
            select(Partner)
            .join(JointBase, JointBase.partner_id == Partner.id)
            .where(JointBase.base_number == "LP2023-015")
        ).one()
        old, key = partner.name, partner.id
        rename_partner(
            session, key, name="莘州恒信仪表厂", from_on=date(2026, 11, 1), reason="renamed", ctx=CTX
        )
    return old


def test_agreement_ban_and_cycle_are_kept(university: University) -> None:
    brought_in(university)

    with university.database.reading() as session:
        revoked = session.execute(
            select(JointBase.base_number, Ban.decided_on, Ban.last_day, Agreement.last_day)
            .join(Ban, Ban.case_id == JointBase.case_id)
            .join(Agreement, Agreement.case_id == JointBase.case_id)
        ).one()
        extended = session.scalar(
            select(Case.dates)
            .join(JointBase, JointBase.case_id == Case.id)
            .where(JointBase.base_number == "LP2023-015")
        )

    assert tuple(revoked) == ("LP2022-023", date(2026, 4, 10), date(2029, 4, 10), date(2026, 1, 8))
    assert extended == {"cycle_start": "2023-06-18", "cycle_end": "2027-06-18"}


def test_base_under_rectification_goes_on_by_its_route(university: University) -> None:
    imported = brought_in(university)
    case_id = next(item.case_id for item in imported if university.state(item.case_id) == "rectification")
    university.assign(case_id, "project_leader", "leader")

    before = rounds(university, case_id)
    university.evidence(case_id)

    assert (before, rounds(university, case_id)) == ([], [("evidence_check", None)])


def test_result_stands_under_the_transition_that_it_led_to(university: University) -> None:
    brought_in(university)

    with university.database.reading() as session:
        given = select(Case.state, Grade.transition, Grade.outcome).join(Grade, Grade.case_id == Case.id)
        kept = {tuple(row) for row in session.execute(given)}
    assert ("rectification", "order_rectification", "unqualified") in kept
    assert not [row for row in kept if row[1:] == ("certify", "unqualified")]


def test_yearly_figures_are_evidence(university: University) -> None:
    brought_in(university)

    with university.database.reading() as session:
        forms = session.scalars(
            select(HandIn.form)
            .join(JointBase, JointBase.case_id == HandIn.case_id)
            .where(JointBase.base_number == "LP2023-008")
            .order_by(HandIn.period)
        ).all()

    assert forms == [
        {"students_half_year": 15, "imported": True},
        {"students_half_year": 6, "imported": True},
    ]


def test_past_deadlines_are_held_until_the_office_confirms(university: University) -> None:
    imported = brought_in(university)
    late = next(item for item in imported if item.row.base_number == "LP2024-020")

    university.sweep(datetime(2026, 12, 30, tzinfo=UTC))
    held = university.state(late.case_id)
    with university.database.transaction() as session:
        release_held(session, late.case_id, ctx=university.ctx("office"))

    assert (held, university.state(late.case_id)) == ("agreement_signed", "midterm")


def test_released_opening_is_dated_by_its_due_day(university: University) -> None:
    imported = brought_in(university)
    late = next(item for item in imported if item.row.base_number == "LP2024-020")

    with university.database.transaction() as session:
        release_held(session, late.case_id, ctx=university.ctx("office"))

    with university.database.reading() as session:
        entry = session.execute(
            select(Entry.effective_on, Entry.actor).where(
                Entry.case_id == late.case_id, Entry.act == "open_midterm"
            )
        ).one()
    assert tuple(entry) == (date(2026, 3, 15), "system:midterm_opens")


def test_number_of_another_partner_is_a_fault(university: University) -> None:
    brought_in(university)
    ledger = read_ledger(WITH_ERRORS, today=TODAY)

    with university.database.reading() as session:
        judged = judge(session, ledger, lifecycle="base", create_units=True)

    assert [(fault.row, fault.code, fault.params) for fault in judged.faults] == [
        (5, "number_taken", {"number": "LP2021-005"}),
        (14, "number_taken", {"number": "LP2023-008"}),
        (16, "number_taken", {"number": "LP2023-015"}),
        (18, "number_taken", {"number": "LP2023-022"}),
    ]


def test_unknown_unit_is_a_fault_unless_it_may_be_created(university: University) -> None:
    ledger = read_ledger(SAMPLE, today=TODAY)

    with university.database.reading() as session:
        judged = judge(session, ledger, lifecycle="base", create_units=False)

    assert {fault.code for fault in judged.faults} == {"unit_unknown"}
    assert len(judged.new_units) == 12


def test_next_number_comes_after_those_of_the_ledger(university: University) -> None:
    brought_in(university)

    case_id = at_vote(university, partner="东昌湖实验小学")
    for who in MEMBERS:
        university.done(case_id, "selection", who, outcome="agree")

    with university.database.reading() as session:
        assert session.get_one(JointBase, case_id).base_number == "LP2026-058"


def test_four_years_later_everything_has_happened_once(university: University) -> None:
    imported = brought_in(university)
    for item in imported:
        if item.held:
            with university.database.transaction() as session:
                release_held(session, item.case_id, ctx=university.ctx("office"))

    university.sweep(datetime(2030, 11, 23, tzinfo=UTC))

    with university.database.reading() as session:
        due = session.scalar(select(func.count()).select_from(Timer).where(Timer.wake_at <= university.at))
    assert due == 0
    assert states(university)["revoked"] == 1
