"""Corrections and amendments: what is undone comes back with its dates, nothing is deleted, and no rule is slipped past."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from models import (
    Agreement,
    Clawback,
    Entry,
    Grade,
    Grant,
    HandIn,
    JointBase,
    Notice,
    Passage,
    Setting,
    Timer,
    Unit,
    new_key,
)
from tests.university import CYCLE_OVER, SIGNED, University, instant
from workflow.doctor import examine
from workflow.operations import Receipt, Refusal
from workflow.world import bump

SET_DOWN = {
    "duties",
    "documents",
    "blobs",
    "people",
    "units",
    "grants",
    "editions",
    "calls",
    "holidays",
    "calendar_years",
}
"""Tables the test's university sets down without an entry."""


def corrected(university: University, case_id: str, **rest: Any) -> Receipt:
    """Correct with both persons; it must succeed."""
    assert university.done(case_id, "correct", "office", reason="recorded by mistake", **rest).proposed
    answer = university.confirmed(case_id, "second_office")
    assert isinstance(answer, Receipt), answer
    return answer


def amended(university: University, case_id: str, name: str, value: Any, **rest: Any) -> Receipt:
    university.done(
        case_id, "amend", "office", reason="recorded wrongly", fact={"name": name, "value": value}, **rest
    )
    answer = university.confirmed(case_id, "second_office")
    assert isinstance(answer, Receipt), answer
    return answer


def grace_of(university: University, value: str) -> None:
    """Let the agreement's grace have a value from 2026 on."""
    with university.database.transaction() as session:
        row = Setting(
            id=new_key(),
            lifecycle="base",
            name="agreement_grace",
            value=value,
            from_on=date(2026, 1, 1),
            reason="x",
            recorded_at=university.at,
        )
        session.add(row)
        bump(session)


def refused_amendment(university: University, case_id: str, name: str, value: Any) -> list[str]:
    return university.refused(
        case_id, "amend", "office", reason="recorded wrongly", fact={"name": name, "value": value}
    )


def standing(university: University, case_id: str) -> dict[str, Any]:
    """What a case is apart from its history: state, dates, facts, its subject, what counts, and the timers that run."""
    with university.database.reading() as session:
        case = university.case(case_id)
        base = session.get_one(JointBase, case_id)
        timers = session.execute(
            select(Timer.name, Timer.due_at, Timer.status).where(
                Timer.case_id == case_id, Timer.ended_seq.is_(None)
            )
        ).all()
        kept = {
            table.__tablename__: session.scalar(
                select(func.count())
                .select_from(table)
                .where(table.case_id == case_id, table.voided_seq.is_(None))
            )
            for table in (Passage, Agreement, Grade, Clawback, HandIn)
        }
    return {
        "case": (case.state, case.stay, case.entered_on, case.facts, case.pins, case.dates, case.closed_at),
        "base": {name: value for name, value in vars(base).items() if not name.startswith("_")},
        "timers": sorted(map(tuple, timers)),
        "kept": kept,
    }


# ───────────────────────────── Undoing each transition


def revoked_after_evidence(university: University, case_id: str) -> None:
    university.evidence(case_id)
    university.revoke(case_id)


STEPS: dict[str, tuple[str, Callable[[University, str], Any]]] = {
    "submit": ("draft", lambda u, c: u.done(c, "submit", "leader", **u.proposal(c, partner="水城人民医院"))),
    "send_back": (
        "proposed",
        lambda u, c: u.done(c, "send_back", "head", reasons_by_field={"base_name": "x"}),
    ),
    "withdraw": ("proposed", lambda u, c: u.done(c, "withdraw", "leader")),
    "approve": ("proposed", lambda u, c: u.done(c, "approve", "member")),
    "reject": ("proposed", lambda u, c: u.done(c, "reject", "member", reason="no")),
    "sign_agreement": ("approved", lambda u, c: u.done(c, "sign_agreement", "office", **u.agreement(c))),
    "exit": (
        "agreement_signed",
        lambda u, c: u.done(c, "exit", "office", reason="x", exit_agreement=u.document(c, "exit_agreement")),
    ),
    "open_midterm": ("agreement_signed", lambda u, c: u.done(c, "open_midterm", "office")),
    "conclude_midterm": (
        "midterm",
        lambda u, c: u.done(c, "conclude_midterm", "office", outcome="passed", opinion="x"),
    ),
    "open_final": ("midterm_assessed", lambda u, c: u.done(c, "open_final", "office")),
    "certify": ("final", lambda u, c: u.done(c, "certify", "member", outcome="qualified", **u.verdict(c))),
    "order_rectification": (
        "final",
        lambda u, c: u.done(
            c, "order_rectification", "member", outcome="unqualified", reason="x", rectify_by="2029-09-10"
        ),
    ),
    "revoke": ("rectification", revoked_after_evidence),
}


@pytest.mark.parametrize("act", STEPS)
def test_undone_transition_leaves_the_case_as_it_stood(university: University, act: str) -> None:
    """State, dates, facts, what counts and the timers that run: all as before, and the log longer by its entries."""
    state, take = STEPS[act]
    case_id = university.open() if state == "draft" else university.reach(state)
    if act == "revoke":
        university.evidence(case_id)
    before = standing(university, case_id)
    university.at += timedelta(minutes=5)
    take(university, case_id)
    if act == "revoke":
        before = {**before, "kept": {**before["kept"], "hand_ins": before["kept"]["hand_ins"] + 1}}

    corrected(university, case_id)

    after = standing(university, case_id)
    assert {name: after[name] for name in ("case", "timers", "kept")} == {
        name: before[name] for name in ("case", "timers", "kept")
    }
    assert after["base"] == before["base"]


def test_undone_extension_is_no_extension(small: University) -> None:
    case_id = small.extended()
    before = small.case(case_id).dates["cycle_end"]

    corrected(small, case_id)

    small.done(case_id, "extend", "member")
    assert (before, small.case(case_id).dates["cycle_end"]) == ("2030-03-10", "2030-03-10")


def test_undone_opening_by_the_clock_would_be_overdue_at_once(university: University) -> None:
    case_id = university.in_midterm()

    reasons = university.refused(case_id, "correct", "office", reason="too early")

    assert reasons == ["overdue_after"]


def test_correction_names_the_entry_it_undoes_and_deletes_nothing(university: University) -> None:
    case_id = university.approved()
    with university.database.reading() as session:
        approved = session.scalars(
            select(Entry).where(Entry.case_id == case_id, Entry.act == "approve")
        ).one()

    receipt = corrected(university, case_id)

    with university.database.reading() as session:
        passage = session.scalars(
            select(Passage).where(Passage.case_id == case_id, Passage.transition == "approve")
        ).one()
        body = session.scalars(
            select(Entry.body).where(Entry.stream == f"case:{case_id}", Entry.seq == receipt.seq)
        ).one()
        still = session.scalars(select(Entry.body).where(Entry.id == approved.id)).one()
    assert (passage.seq, passage.voided_seq) == (approved.seq, receipt.seq)
    assert f'"corrects":{approved.seq},' in body
    assert still == approved.body


def told(university: University, case_id: str, act: str) -> set[str]:
    """Who was notified of an act by mail, by name."""
    names = {key: name for name, key in university.people.items()}
    with university.database.reading() as session:
        rows = session.scalars(
            select(Notice).where(
                Notice.case_id == case_id, Notice.template == "act", Notice.channel == "mail"
            )
        )
        return {names[row.person_id] for row in rows if row.params["act"] == act}


def test_everybody_who_was_told_of_an_act_is_told_of_its_correction(university: University) -> None:
    """The partner's manager is not among those a correction tells by role, and the head holds the office no more."""
    case_id = university.in_rectification()
    university.assign(case_id, "partner_contact", "partner")
    university.evidence(case_id)
    university.on(CYCLE_OVER, 12)
    university.revoke(case_id)
    with university.database.transaction() as session:
        head = Grant.person_id == university.people["head"]
        session.execute(update(Grant).where(head).values(until_on=date(2028, 1, 1)))

    corrected(university, case_id)

    before, after = told(university, case_id, "revoke"), told(university, case_id, "correct")
    assert {"leader", "head", "partner"} <= before
    assert before - after <= {"second_office"}, "whoever acts is not told of their own act"
    assert "member" not in after


def test_proposing_a_correction_tells_nobody_yet_but_the_second_person(small: University) -> None:
    case_id = small.approved()

    small.done(case_id, "correct", "office", reason="recorded by mistake")

    assert told(small, case_id, "correct") == set()


def test_corrections_go_back_one_transition_after_another(small: University) -> None:
    case_id = small.signed()
    states = []
    for _ in range(3):
        corrected(small, case_id)
        states.append(small.state(case_id))

    assert states == ["approved", "proposed", "draft"]
    assert small.refused(case_id, "correct", "office", reason="once more") == ["nothing_to_undo"]


def test_undone_base_number_is_not_given_again(small: University) -> None:
    case_id = small.approved()
    corrected(small, case_id)

    small.done(case_id, "approve", "member")

    with small.database.reading() as session:
        assert session.get_one(JointBase, case_id).base_number == "LP2026-002"


def test_amendment_made_after_a_transition_outlives_its_undoing(small: University) -> None:
    """The name was mended after the approval; undoing the approval does not bring the mistake back."""
    case_id = small.in_rectification()
    amended(small, case_id, "rectify_by", "2029-10-10")
    small.evidence(case_id)
    small.revoke(case_id)

    corrected(small, case_id)

    assert small.case(case_id).facts["rectify_by"] == "2029-10-10"
    assert small.state(case_id) == "rectification"


# ───────────────────────────── A lapse undone


def test_lapse_is_undone_by_the_renewal_nobody_had_recorded(university: University) -> None:
    case_id = university.lapsed(last=date(2027, 3, 9))
    university.on(date(2027, 3, 15))
    renewal = university.renewal(case_id, signed=date(2027, 3, 1), last=date(2031, 3, 9))

    corrected(university, case_id, **renewal)

    with university.database.reading() as session:
        rows = session.execute(
            select(Timer.name, Timer.due_on, Timer.status).where(
                Timer.case_id == case_id, Timer.ended_seq.is_(None)
            )
        ).all()
    assert university.state(case_id) == "agreement_signed"
    assert ("agreement_end", date(2031, 3, 9), "open") in [tuple(row) for row in rows]
    university.sweep(instant(date(2027, 3, 16)))
    assert university.state(case_id) == "agreement_signed"


def test_lapse_undone_without_a_renewal_is_refused(small: University) -> None:
    case_id = small.lapsed(last=date(2027, 3, 9))

    assert small.refused(case_id, "correct", "office", reason="they say they renewed") == ["overdue_after"]


def test_lapse_undone_with_a_renewal_that_has_ended_too_is_refused(small: University) -> None:
    case_id = small.lapsed(last=date(2027, 3, 9))
    small.on(date(2027, 5, 1))
    renewal = small.renewal(case_id, signed=date(2027, 3, 1), last=date(2027, 4, 30))

    assert small.refused(case_id, "correct", "office", reason="renewed", **renewal) == ["overdue_after"]


def test_renewal_signed_after_today_undoes_nothing(small: University) -> None:
    case_id = small.lapsed(last=date(2027, 3, 9))
    renewal = small.renewal(case_id, signed=date(2027, 3, 11), last=date(2031, 3, 9))

    codes = small.refused(case_id, "correct", "office", reason="renewed", **renewal)

    assert codes == ["out_of_order", "after_limit"]


@pytest.mark.parametrize(
    ("grace", "signed_on", "refused"),
    [
        ("0 days", date(2027, 3, 9), []),
        ("0 days", date(2027, 3, 10), ["after_limit"]),
        ("10 days", date(2027, 3, 19), []),
        ("10 days", date(2027, 3, 20), ["after_limit"]),
    ],
)
def test_renewal_that_undoes_a_lapse_was_signed_before_the_agreement_ended(
    small: University, grace: str, signed_on: date, refused: list[str]
) -> None:
    """Article 5: unrenewed by its end, grace included, the base has lapsed; no later signature changes that."""
    grace_of(small, grace)
    case_id = small.signed(last=date(2027, 3, 9))
    small.tick(case_id, date(2027, 4, 1), 10)
    renewal = small.renewal(case_id, signed=signed_on, last=date(2031, 3, 9))

    answer = small.act(case_id, "correct", "office", reason="found the renewal", **renewal)

    assert small.state(case_id) == "lapsed"
    assert ([blocker.code for blocker in answer.blockers] if isinstance(answer, Refusal) else []) == refused


def test_revival_beside_another_living_base_of_the_pair_is_refused(university: University) -> None:
    case_id = university.lapsed(partner="水城研究院")
    university.on(SIGNED).proposed(partner="水城研究院")
    university.on(date(2027, 3, 15))
    renewal = university.renewal(case_id, signed=date(2027, 3, 1), last=date(2031, 3, 9))

    assert university.refused(case_id, "correct", "office", reason="renewed", **renewal) == ["twin"]


def test_transition_another_act_rests_on_is_not_undone(small: University) -> None:
    """An entry elsewhere names the approval as its ground."""
    case_id = small.approved()
    other = small.proposed()
    with small.database.transaction() as session:
        seq = session.scalars(select(Entry.seq).where(Entry.case_id == case_id, Entry.act == "approve")).one()
        row = session.scalars(select(Entry).where(Entry.case_id == other).order_by(Entry.seq.desc())).first()
        assert row is not None
        values = {c.name: getattr(row, c.name) for c in Entry.__table__.columns if c.name != "id"}
        session.add(Entry(**{**values, "seq": 99, "ground": f"case:{case_id}#{seq}"}))

    assert small.refused(case_id, "correct", "office", reason="x") == ["built_on"]


def test_held_lapse_undone_after_certification_is_undone_step_by_step(small: University) -> None:
    """Certified and lapsed in one act: the first correction undoes the lapse, carrying the renewal."""
    case_id = small.in_final(last=date(2029, 3, 10))
    small.done(
        case_id,
        "certify",
        "member",
        outcome="qualified",
        confirmed=("agreement_ends_before",),
        **small.verdict(case_id),
    )
    before = small.state(case_id)

    corrected(small, case_id, **small.renewal(case_id, signed=date(2029, 3, 1), last=date(2032, 3, 9)))

    assert (before, small.state(case_id)) == ("lapsed", "certified")


# ───────────────────────────── Amendments


def test_amended_agreement_moves_the_lapse(university: University) -> None:
    """Written 2027 for 2028: the timer follows the fact."""
    case_id = university.signed(last=date(2027, 3, 9))

    amended(university, case_id, "agreement_last_day", "2028-03-09")

    with university.database.reading() as session:
        rows = session.execute(
            select(Timer.due_on, Timer.status)
            .where(Timer.case_id == case_id, Timer.name == "agreement_end")
            .order_by(Timer.due_on)
        ).all()
        agreements = session.scalars(select(Agreement.last_day).where(Agreement.case_id == case_id)).all()
    assert [tuple(row) for row in rows] == [(date(2027, 3, 9), "cancelled"), (date(2028, 3, 9), "open")]
    assert agreements == [date(2028, 3, 9)]


def test_amendment_that_ends_the_agreement_in_the_past_lets_the_base_lapse_at_once(small: University) -> None:
    case_id = small.signed(last=date(2029, 3, 10))
    small.tick(case_id, date(2027, 3, 20))

    receipt = amended(small, case_id, "agreement_last_day", "2027-03-09")

    assert [act for _, act, _ in receipt.entries] == ["amend", "lapse"]
    assert small.state(case_id) == "lapsed"


def test_amended_entry_holds_old_and_new(university: University) -> None:
    case_id = university.signed()

    receipt = amended(university, case_id, "base_name", "正名基地")

    with university.database.reading() as session:
        body = session.scalars(
            select(Entry.body).where(Entry.stream == f"case:{case_id}", Entry.seq == receipt.seq)
        ).one()
    assert (
        '"set":{"base_name":"正名基地"},"table":"bases","was":{"base_name":"水城人民医院研究生联合培养基地"}'
        in body
    )


@pytest.mark.parametrize(
    ("name", "value", "reasons"),
    [
        ("signed_on", "2026-03-09", ["out_of_order"]),  # before the approval
        ("signed_on", "2026-03-12", ["out_of_order"]),  # after today
        ("agreement_first_day", "2031-03-10", ["out_of_order"]),
        ("agreement_last_day", "2026-03-09", ["out_of_order"]),  # before its first day
        ("lead_college", "00000000-0000-0000-0000-000000000000", ["unit_unknown"]),
        ("other_colleges", ["00000000-0000-0000-0000-000000000000"], ["unit_unknown"]),
    ],
)
def test_amendment_is_held_to_the_rules_of_the_fact(
    small: University, name: str, value: Any, reasons: list[str]
) -> None:
    case_id = small.signed()
    small.on(date(2026, 3, 11))

    assert refused_amendment(small, case_id, name, value) == reasons


def test_unit_that_is_no_college_leads_no_base(small: University) -> None:
    office = new_key()
    with small.database.transaction() as session:
        session.add(Unit(id=office, kind="office", name="研究生处"))
    case_id = small.signed()

    assert refused_amendment(small, case_id, "lead_college", office) == ["unit_unknown"]


@pytest.mark.parametrize(
    ("day", "reasons"),
    [
        ("2029-04-09", ["outside_bounds"]),
        ("2029-04-10", []),
        ("2030-03-11", []),
        ("2030-03-12", ["outside_bounds"]),
    ],
)
def test_moved_rectification_counts_from_the_order(small: University, day: str, reasons: list[str]) -> None:
    """30 to 365 days in total, moves included; on 2029-08-01 still counted from 2029-03-11."""
    case_id = small.in_rectification()
    small.tick(case_id, date(2029, 8, 1))

    answer = small.act(case_id, "amend", "office", reason="moved", fact={"name": "rectify_by", "value": day})

    assert ([] if isinstance(answer, Receipt) else [blocker.code for blocker in answer.blockers]) == reasons


def test_amended_college_moves_the_right_to_send_back(small: University) -> None:
    case_id = small.proposed()
    amended(small, case_id, "lead_college", small.units["药学院"])

    reasons = small.refused(case_id, "send_back", "head", reasons_by_field={"base_name": "x"})

    assert reasons == ["not_your_role"]
    small.done(case_id, "send_back", "other_head", reasons_by_field={"base_name": "x"})


def test_amendment_into_a_living_twin_is_refused(small: University) -> None:
    small.proposed(partner="水城研究院")
    case_id = small.proposed(partner="湖西研究院")

    reasons = refused_amendment(
        small, case_id, "partner", {"name": "水城研究院", "kind": "research_institute", "credit_code": ""}
    )

    assert reasons == ["twin"]


def test_amendment_in_an_ended_case_is_possible(small: University) -> None:
    case_id = small.reach("lapsed")

    amended(small, case_id, "base_name", "another name")

    assert small.state(case_id) == "lapsed"


def test_setting_changed_later_does_not_move_what_was_pinned(small: University) -> None:
    """The grace was copied when the agreement was signed."""
    case_id = small.signed(last=date(2029, 3, 10))
    grace_of(small, "30 days")
    amended(small, case_id, "base_name", "another name")

    small.tick(case_id, CYCLE_OVER)

    assert small.state(case_id) == "lapsed"


def test_corrected_case_replays(small: University) -> None:
    """The log alone gives the case's rows back, corrections included."""
    case_id = small.in_rectification()
    small.evidence(case_id)
    small.revoke(case_id)
    corrected(small, case_id)
    amended(small, case_id, "rectify_by", "2029-10-10")

    with small.database.reading() as session:
        found = [row for row in examine(session) if row.table not in SET_DOWN]

    assert found == []
