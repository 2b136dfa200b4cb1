"""Whole lives of a base, from the proposal to every end, moved by people and by the clock through the one door."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from models import (
    Agreement,
    Ban,
    Call,
    Clawback,
    Entry,
    Grade,
    HandIn,
    JointBase,
    Passage,
    Timer,
    new_key,
)
from tests.university import CYCLE_OVER, EXTENSION_OVER, SIGNED, University, instant
from workflow.operations import Receipt, Refusal
from workflow.plan import probe
from workflow.queries.acting import case_for
from workflow.world import bump


def passages(university: University, case_id: str) -> list[tuple[str, str, date]]:
    """What happened to a case: transition, state, day of effect; undone transitions left out."""
    with university.database.reading() as session:
        rows = session.scalars(
            select(Passage)
            .where(Passage.case_id == case_id, Passage.voided_seq.is_(None))
            .order_by(Passage.place)
        )
        return [(row.transition, row.to_state, row.effective_on) for row in rows]


def subject(university: University, case_id: str) -> JointBase:
    with university.database.reading() as session:
        return session.get_one(JointBase, case_id)


def bans(university: University) -> list[tuple[date, date]]:
    with university.database.reading() as session:
        return [
            (ban.decided_on, ban.last_day)
            for ban in session.scalars(select(Ban).where(Ban.voided_seq.is_(None)))
        ]


def running(university: University, case_id: str) -> dict[str, tuple[str, date]]:
    """The timers that have not ended: name -> status and day."""
    with university.database.reading() as session:
        rows = session.scalars(select(Timer).where(Timer.case_id == case_id, Timer.ended_seq.is_(None)))
        return {row.name: (row.status, row.due_on) for row in rows}


# ───────────────────────────── From beginning to end


def test_smooth_life_ends_in_the_register(university: University) -> None:
    case_id = university.certified()

    base = subject(university, case_id)

    assert passages(university, case_id) == [
        ("submit", "proposed", date(2026, 3, 10)),
        ("approve", "approved", date(2026, 3, 10)),
        ("sign_agreement", "agreement_signed", date(2026, 3, 10)),
        ("open_midterm", "midterm", date(2027, 9, 10)),
        ("conclude_midterm", "midterm_assessed", date(2027, 9, 20)),
        ("open_final", "final", date(2028, 12, 10)),
        ("certify", "certified", date(2029, 3, 11)),
    ]
    assert (base.application_number, base.base_number, base.registered_on) == (
        "SB-2026-001",
        "LP2026-001",
        date(2029, 3, 11),
    )
    assert running(university, case_id) == {"agreement_end": ("open", date(2031, 3, 9))}


def test_extended_base_is_certified(university: University) -> None:
    case_id = university.in_extended_final()

    university.done(case_id, "certify", "member", outcome="qualified", **university.verdict(case_id))

    assert passages(university, case_id)[-4:] == [
        ("open_final", "final", date(2028, 12, 10)),
        ("extend", "extended", date(2029, 3, 11)),
        ("open_final", "final", date(2029, 12, 10)),
        ("certify", "certified", date(2030, 3, 11)),
    ]


def test_extended_base_is_certified_before_the_extended_end(university: University) -> None:
    """Once extended, the base need not wait for the end (Art. 17, local)."""
    case_id = university.extended()
    university.done(case_id, "open_final", "office")

    university.on(date(2029, 6, 1)).done(
        case_id, "certify", "member", outcome="qualified", **university.verdict(case_id)
    )

    assert university.state(case_id) == "certified"


def test_extended_base_is_revoked_and_banned(university: University) -> None:
    case_id = university.in_extended_final()

    university.revoke(case_id)

    assert university.state(case_id) == "revoked"
    assert bans(university) == [(EXTENSION_OVER, date(2033, 3, 11))]
    assert running(university, case_id) == {}


def test_rectified_base_is_certified(university: University) -> None:
    case_id = university.in_rectification()
    university.evidence(case_id)

    university.done(case_id, "certify", "member", outcome="excellent", **university.verdict(case_id))

    assert university.state(case_id) == "certified"


def test_rectified_base_is_revoked_with_its_clawback(university: University) -> None:
    case_id = university.in_rectification()
    university.evidence(case_id)

    university.done(
        case_id,
        "revoke",
        "member",
        reason="not met",
        clawback=True,
        clawback_amount="30000.50",
        clawback_reason="unspent",
    )
    before = university.state(case_id)
    university.confirmed(case_id, "office")

    with university.database.reading() as session:
        clawback = session.scalars(select(Clawback)).one()
    assert (before, university.state(case_id)) == ("rectification", "revoked")
    assert (clawback.wanted, clawback.amount_fen, clawback.reason) == (True, 3_000_050, "unspent")
    assert bans(university) == [(CYCLE_OVER, date(2032, 3, 11))]


def test_second_year_of_extension_is_refused(small: University) -> None:
    case_id = small.in_extended_final(last=date(2031, 3, 10))
    small.done(
        case_id,
        "final_report",
        "leader",
        extension_application=small.document(case_id, "extension_application"),
    )

    assert small.refused(case_id, "extend", "member") == ["already_happened"]


def test_extension_ends_four_years_after_the_start_in_one_step(small: University) -> None:
    """From 29 February 2024 the extended cycle ends on 29 February 2028, not on the 28th by way of 2027."""
    with small.database.transaction() as session:
        session.add(
            Call(
                id=new_key(),
                lifecycle="base",
                year=2024,
                opens_on=date(2024, 1, 1),
                closes_on=date(2024, 12, 31),
            )
        )
    start = date(2024, 2, 29)
    small.on(start)
    case_id = small.proposed()
    small.done(case_id, "approve", "member")
    small.done(
        case_id, "sign_agreement", "office", **small.agreement(case_id, first=start, last=date(2028, 2, 28))
    )
    before = small.case(case_id).dates["cycle_end"]
    small.done(case_id, "open_midterm", "office")
    small.done(case_id, "conclude_midterm", "office", outcome="passed", opinion="fine")
    small.done(case_id, "open_final", "office")
    small.done(
        case_id,
        "final_report",
        "leader",
        extension_application=small.document(case_id, "extension_application"),
    )
    warned = small.refused(case_id, "extend", "member")

    small.done(case_id, "extend", "member", confirmed=("agreement_ends_before",))

    assert (before, warned) == ("2027-02-28", ["agreement_ends_before"])
    assert small.case(case_id).dates["cycle_end"] == "2028-02-29"


def test_certify_before_the_cycle_is_over_is_refused(small: University) -> None:
    case_id = small.midterm_assessed()
    small.yearly(case_id, 2027)
    small.yearly(case_id, 2028)
    small.tick(case_id, date(2029, 3, 10), 23)

    assert small.refused(case_id, "certify", "member", outcome="qualified", **small.verdict(case_id)) == [
        "not_yet_over"
    ]


def test_rectification_before_the_cycle_is_over_is_refused(small: University) -> None:
    case_id = small.midterm_assessed()
    small.yearly(case_id, 2027)
    small.tick(case_id, date(2028, 12, 10))

    reasons = small.refused(
        case_id, "order_rectification", "member", outcome="unqualified", reason="few", rectify_by="2029-06-01"
    )

    assert reasons == ["not_yet_over"]


def test_rectification_after_an_extension_is_refused(small: University) -> None:
    case_id = small.in_extended_final()

    reasons = small.refused(
        case_id, "order_rectification", "member", outcome="unqualified", reason="few", rectify_by="2030-09-10"
    )

    assert reasons == ["already_happened"]


@pytest.mark.parametrize(
    ("day", "reasons"),
    [
        ("2029-04-09", ["outside_bounds"]),  # 29 days
        ("2029-04-10", []),  # 30 days
        ("2030-03-11", []),  # 365 days
        ("2030-03-12", ["outside_bounds"]),
    ],
)
def test_rectification_lasts_30_to_365_days(small: University, day: str, reasons: list[str]) -> None:
    case_id = small.in_final()

    answer = small.act(
        case_id, "order_rectification", "member", outcome="unqualified", reason="few", rectify_by=day
    )

    assert ([] if isinstance(answer, Receipt) else [blocker.code for blocker in answer.blockers]) == reasons


def test_rectification_for_a_missing_report_waits_until_it_is_overdue(small: University) -> None:
    case_id = small.in_final()
    form = {"outcome": "not_submitted", "reason": "no report", "rectify_by": "2029-12-10"}
    small.tick(case_id, date(2029, 5, 9), 12)
    early = small.refused(case_id, "order_rectification", "member", **form)

    small.tick(case_id, date(2029, 5, 10))
    small.done(case_id, "order_rectification", "member", **form)

    assert (early, small.state(case_id)) == (["deadline_not_passed"], "rectification")


def test_revocation_without_a_second_chance_is_refused(small: University) -> None:
    case_id = small.in_final()

    assert small.refused(case_id, "revoke", "member", reason="bad", clawback=False) == [
        "no_second_chance_yet"
    ]


def test_revocation_during_the_extension_is_refused(small: University) -> None:
    case_id = small.extended()
    small.tick(case_id, date(2029, 12, 10))

    assert small.refused(case_id, "revoke", "member", reason="bad", clawback=False) == ["not_yet_over"]


def test_revocation_while_the_rectification_runs_is_refused(small: University) -> None:
    """The limit is Monday 2029-09-10: on that day still refused, the day after possible."""
    case_id = small.in_rectification()
    small.tick(case_id, date(2029, 9, 10), 23)
    early = small.refused(case_id, "revoke", "member", reason="bad", clawback=False)

    small.tick(case_id, date(2029, 9, 11))
    small.revoke(case_id)

    assert (early, small.state(case_id)) == (["rectification_running"], "revoked")


def test_revocation_waits_for_the_working_day_a_limit_moves_to(small: University) -> None:
    """2029-09-15 is a Saturday: the limit is over with Monday the 17th."""
    case_id = small.in_final()
    small.done(
        case_id, "order_rectification", "member", outcome="unqualified", reason="few", rectify_by="2029-09-15"
    )
    small.tick(case_id, date(2029, 9, 17), 23)
    early = small.refused(case_id, "revoke", "member", reason="bad", clawback=False)

    small.tick(case_id, date(2029, 9, 18))

    assert early == ["rectification_running"]
    assert small.done(case_id, "revoke", "member", reason="bad", clawback=False).proposed


def test_nothing_but_people_ends_a_rectification(small: University) -> None:
    """A limit that passes escalates; it never revokes (Art. 18)."""
    case_id = small.in_rectification()

    small.tick(case_id, date(2035, 1, 1))

    assert small.state(case_id) == "rectification"


# ───────────────────────────── The agreement's end


@pytest.mark.parametrize("state", ["agreement_signed", "midterm", "midterm_assessed", "certified"])
def test_unrenewed_agreement_lapses_the_day_after_its_last(university: University, state: str) -> None:
    """The agreement ends at 24:00 of its last day; the base is out of the list from the day after (Art. 5)."""
    last = {"agreement_signed": date(2026, 6, 9), "certified": date(2029, 5, 31)}.get(
        state, date(2027, 12, 31)
    )
    case_id = university.reach(state, last=last)
    university.sweep(instant(last, 23, 59))
    before = university.state(case_id)

    university.sweep(instant(last + timedelta(days=1)))

    assert before == state
    assert passages(university, case_id)[-1] == ("lapse", "lapsed", last + timedelta(days=1))
    assert bans(university) == []
    assert running(university, case_id) == {}


def test_lapse_on_a_holiday_is_not_moved(small: University) -> None:
    """2026-10-01 is a rest day: what ends does not roll."""
    case_id = small.signed(last=date(2026, 9, 30))

    small.sweep(instant(date(2026, 10, 1), 0))

    assert passages(small, case_id)[-1] == ("lapse", "lapsed", date(2026, 10, 1))


def test_lapse_takes_the_plaque_back(small: University) -> None:
    case_id = small.certified(last=date(2029, 5, 31))

    small.sweep(instant(date(2029, 6, 1), 0))

    assert subject(small, case_id).plaque_withdrawn_on == date(2029, 6, 1)


def test_renewed_agreement_does_not_lapse(university: University) -> None:
    case_id = university.reach("midterm", last=date(2027, 12, 31))
    university.done(
        case_id,
        "renew_agreement",
        "office",
        **university.renewal(case_id, signed=date(2027, 9, 20), last=date(2028, 12, 31)),
    )

    university.sweep(instant(date(2028, 1, 1)))

    assert university.state(case_id) == "midterm"
    assert running(university, case_id)["agreement_end"] == ("open", date(2028, 12, 31))
    assert university.case(case_id).dates == {"cycle_start": "2026-03-10", "cycle_end": "2029-03-10"}


def test_renewal_before_its_window_is_refused(small: University) -> None:
    """The window opens 180 days before the end: 2027-07-04 for an agreement to 2027-12-31."""
    case_id = small.signed(last=date(2027, 12, 31))
    small.yearly(case_id, 2026)
    form = small.renewal(case_id, signed=date(2027, 7, 1), last=date(2028, 12, 31))
    early = small.on(date(2027, 7, 3)).refused(case_id, "renew_agreement", "office", **form)

    answer = small.on(date(2027, 7, 4)).act(case_id, "renew_agreement", "office", **form)

    assert early == ["too_early"]
    assert isinstance(answer, Receipt)


def test_renewal_that_ends_no_later_is_refused(small: University) -> None:
    case_id = small.reach("midterm", last=date(2027, 12, 31))
    form = small.renewal(case_id, signed=date(2027, 9, 20), last=date(2027, 12, 31))

    assert small.refused(case_id, "renew_agreement", "office", **form) == ["not_later"]


@pytest.mark.parametrize("state", ["final", "extended", "rectification"])
def test_lapse_is_held_while_the_base_is_assessed(university: University, state: str) -> None:
    """Neither a lapse nor an exit is a way around Article 18."""
    case_id = university.reach(state, last=date(2029, 5, 31))

    university.sweep(instant(date(2029, 6, 2)))

    assert university.state(case_id) == state
    assert running(university, case_id)["agreement_end"] == ("held", date(2029, 5, 31))
    assert university.refused(
        case_id, "exit", "office", reason="x", exit_agreement=university.document(case_id, "exit_agreement")
    ) == ["not_from_here"]


def test_held_lapse_takes_effect_with_the_certification(university: University) -> None:
    """One act, two entries: certified, and lapsed at once, without a ban (Art. 5)."""
    case_id = university.in_final(last=date(2029, 3, 31))
    university.sweep(instant(date(2029, 4, 2)))
    form = {"outcome": "qualified", **university.verdict(case_id)}
    warned = university.refused(case_id, "certify", "member", **form)

    receipt = university.done(case_id, "certify", "member", confirmed=("agreement_ends_before",), **form)

    assert warned == ["agreement_ends_before"]
    assert [act for _, act, _ in receipt.entries] == ["certify", "lapse"]
    assert (receipt.state, university.state(case_id)) == ("lapsed", "lapsed")
    assert passages(university, case_id)[-2:] == [
        ("certify", "certified", date(2029, 4, 2)),
        ("lapse", "lapsed", date(2029, 4, 2)),
    ]
    assert bans(university) == []


def test_held_lapse_is_gone_after_a_renewal(university: University) -> None:
    case_id = university.in_final(last=date(2029, 3, 31))
    university.sweep(instant(date(2029, 4, 2)))
    university.done(
        case_id,
        "renew_agreement",
        "office",
        **university.renewal(case_id, signed=date(2029, 4, 1), last=date(2032, 3, 31)),
    )

    receipt = university.done(
        case_id, "certify", "member", outcome="qualified", **university.verdict(case_id)
    )

    assert [act for _, act, _ in receipt.entries] == ["certify"]
    assert university.state(case_id) == "certified"


def test_held_lapse_ends_with_the_revocation(small: University) -> None:
    case_id = small.in_rectification(last=date(2029, 5, 31))
    small.tick(case_id, date(2029, 9, 11))

    small.revoke(case_id)

    assert small.state(case_id) == "revoked"
    assert bans(small) == [(date(2029, 9, 11), date(2032, 9, 11))]


# ───────────────────────────── Openings


def test_final_opens_at_once_when_a_late_midterm_is_concluded(university: University) -> None:
    """The held opening takes effect in the same act; its day is the later of the two."""
    case_id = university.in_midterm()
    university.yearly(case_id, 2027)
    university.sweep(instant(date(2028, 12, 20)))
    held = running(university, case_id)["final_opens"]

    receipt = university.done(case_id, "conclude_midterm", "office", outcome="improve", opinion="late")

    assert held == ("held", date(2028, 12, 10))
    assert [act for _, act, _ in receipt.entries] == ["conclude_midterm", "open_final"]
    assert passages(university, case_id)[-1] == ("open_final", "final", date(2028, 12, 20))
    assert university.state(case_id) == "final"


def test_opening_found_late_keeps_its_day(small: University) -> None:
    """Nobody gains time by an outage: the report is due 60 days after the day the mid-term should have opened."""
    case_id = small.signed(last=date(2031, 3, 9))

    small.sweep(instant(date(2027, 10, 25)))

    assert passages(small, case_id)[-1] == ("open_midterm", "midterm", date(2027, 9, 10))
    assert running(small, case_id)["progress_report"] == ("open", date(2027, 11, 9))


def test_midterm_is_concluded_without_a_report_when_it_is_overdue(small: University) -> None:
    case_id = small.in_midterm()
    small.sweep(instant(date(2027, 11, 10)))

    small.done(case_id, "conclude_midterm", "office", outcome="not_held", reason="no report")

    with small.database.reading() as session:
        grade = session.scalars(select(Grade)).one()
    assert (grade.outcome, small.state(case_id)) == ("not_held", "midterm_assessed")


@pytest.mark.parametrize(
    ("form", "reasons"),
    [
        ({"outcome": "passed"}, ["field_wanted"]),
        ({"outcome": "not_held"}, ["field_wanted"]),
        ({}, ["outcome_missing"]),
        ({"outcome": "failed", "opinion": "poor"}, []),
    ],
)
def test_midterm_conclusion_wants_its_opinion_or_reason(
    small: University, form: dict[str, Any], reasons: list[str]
) -> None:
    case_id = small.in_midterm()

    answer = small.act(case_id, "conclude_midterm", "office", **form)

    assert ([] if isinstance(answer, Receipt) else [blocker.code for blocker in answer.blockers]) == reasons


# ───────────────────────────── Leaving


@pytest.mark.parametrize(
    "state", ["approved", "agreement_signed", "midterm", "midterm_assessed", "certified"]
)
def test_exit_brings_no_ban(small: University, state: str) -> None:
    case_id = small.reach(state)

    small.done(
        case_id, "exit", "office", reason="agreed", exit_agreement=small.document(case_id, "exit_agreement")
    )

    assert (small.state(case_id), bans(small), running(small, case_id)) == ("exited", [], {})
    assert small.case(case_id).closed_at == small.at


def test_exit_without_its_paper_is_refused(small: University) -> None:
    case_id = small.signed()

    assert small.refused(case_id, "exit", "office", reason="agreed") == ["field_missing"]


@pytest.mark.parametrize("way", ["withdrawn", "not_approved"])
def test_new_proposal_after_an_end_is_a_new_case(small: University, way: str) -> None:
    first = small.reach(way)

    second = small.proposed(partner="水城人民医院")

    assert (small.state(first), small.state(second)) == (way, "proposed")
    assert subject(small, second).application_number == "SB-2026-002"


def test_draft_is_withdrawn_before_it_was_ever_sent(small: University) -> None:
    case_id = small.open()

    small.done(case_id, "withdraw", "leader")

    assert small.state(case_id) == "withdrawn"


# ───────────────────────────── Sending back


def _sent_back(university: University, **rest: Any) -> str:
    """Sent back on 2026-12-31, the last day of the call."""
    university.on(date(2026, 12, 31))
    case_id = university.proposed()
    university.done(case_id, "send_back", "head", reasons_by_field={"base_name": "too long"}, **rest)
    return case_id


def test_proposal_sent_back_keeps_its_number_and_history(small: University) -> None:
    case_id = small.sent_back()
    small.done(case_id, "submit", "leader", **small.proposal(case_id, partner="水城人民医院"))

    with small.database.reading() as session:
        acts = session.scalars(
            select(Entry.act)
            .where(Entry.case_id == case_id, Entry.stream.startswith("case:"))
            .order_by(Entry.seq)
        ).all()

    assert subject(small, case_id).application_number == "SB-2026-001"
    assert acts == ["open", "submit", "send_back", "submit"]


def test_proposal_sent_back_without_a_date_may_come_within_14_days(small: University) -> None:
    case_id = _sent_back(small)
    form = small.proposal(case_id, partner="水城人民医院")

    late = small.on(date(2027, 1, 15)).refused(case_id, "submit", "leader", **form)
    answer = small.on(date(2027, 1, 14)).act(case_id, "submit", "leader", **form)

    assert late == ["call_closed"]
    assert isinstance(answer, Receipt)


@pytest.mark.parametrize(
    ("named", "last"), [("2027-01-05", date(2027, 1, 5)), ("2027-03-31", date(2027, 3, 31))]
)
def test_proposal_sent_back_may_come_until_the_named_day(small: University, named: str, last: date) -> None:
    case_id = _sent_back(small, resubmit_by=named)
    form = small.proposal(case_id, partner="水城人民医院")

    late = small.on(last + timedelta(days=1)).refused(case_id, "submit", "leader", **form)
    answer = small.on(last).act(case_id, "submit", "leader", **form)

    assert late == ["call_closed"]
    assert isinstance(answer, Receipt)


def test_second_return_without_a_date_forgets_the_first_date(small: University) -> None:
    case_id = _sent_back(small, resubmit_by="2027-03-31")
    form = small.proposal(case_id, partner="水城人民医院")
    small.on(date(2027, 1, 4)).done(case_id, "submit", "leader", **form)
    small.done(case_id, "send_back", "head", reasons_by_field={"base_name": "still too long"})

    assert small.on(date(2027, 1, 19)).refused(case_id, "submit", "leader", **form) == ["call_closed"]


def test_first_proposal_outside_a_call_is_refused(small: University) -> None:
    small.on(date(2027, 1, 4))
    case_id = small.open()

    assert small.refused(case_id, "submit", "leader", **small.proposal(case_id)) == ["call_closed"]


def test_call_of_another_lifecycle_opens_nothing(small: University) -> None:
    with small.database.transaction() as session:
        session.add(
            Call(
                id=new_key(),
                lifecycle="placement",
                year=2027,
                opens_on=date(2027, 1, 1),
                closes_on=date(2027, 12, 31),
            )
        )
        bump(session)
    small.on(date(2027, 1, 4))
    case_id = small.open()

    assert small.refused(case_id, "submit", "leader", **small.proposal(case_id)) == ["call_closed"]


def test_college_left_out_of_a_second_submission_takes_part_no_longer(small: University) -> None:
    case_id = small.sent_back(others=("药学院",))
    before = subject(small, case_id).other_college_ids

    small.done(case_id, "submit", "leader", **small.proposal(case_id, partner="水城人民医院"))

    assert (before, subject(small, case_id).other_college_ids) == ([small.units["药学院"]], None)


@pytest.mark.parametrize(
    ("unmet", "reasons"),
    [
        ((), []),
        (("standing",), ["item_unmet"]),
        (("foundation",), ["item_unmet"]),
        (("projects", "results"), []),  # one of three is enough (Art. 6(2))
        (("projects", "results", "training"), ["none_of_items_met"]),
    ],
)
def test_eligibility_follows_article_6(small: University, unmet: tuple[str, ...], reasons: list[str]) -> None:
    case_id = small.open()
    form = small.proposal(case_id)
    for item in unmet:
        form["eligibility"][item] = {"met": False}

    answer = small.act(case_id, "submit", "leader", **form)

    assert ([] if isinstance(answer, Receipt) else [blocker.code for blocker in answer.blockers]) == reasons


def test_eligibility_without_evidence_is_refused(small: University) -> None:
    case_id = small.open()
    form = small.proposal(case_id)
    form["eligibility"]["platform"] = {"met": True, "note": "  "}

    assert small.refused(case_id, "submit", "leader", **form) == ["evidence_missing"]


def test_second_living_base_of_college_and_partner_is_refused(small: University) -> None:
    small.proposed(partner="水城人民医院")
    case_id = small.open()

    assert small.refused(
        case_id, "submit", "leader", **small.proposal(case_id, partner="水 城 人民医院")
    ) == ["twin"]


def test_other_college_may_have_a_base_with_the_same_partner(small: University) -> None:
    small.proposed(partner="水城人民医院")

    case_id = small.proposed(who="other_leader", unit="药学院", partner="水城人民医院")

    assert small.state(case_id) == "proposed"


# ───────────────────────────── The agreement's signing


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({}, []),
        ({"signed_on": "2026-03-09"}, ["out_of_order"]),  # before the approval
        ({"signed_on": "2026-03-21"}, ["out_of_order"]),  # after today
        ({"agreement_first_day": "2030-03-10"}, ["out_of_order"]),  # first after last
        (
            {"agreement_first_day": "2025-01-01", "agreement_last_day": "2026-03-19"},
            ["agreement_ends_before", "day_past"],
        ),
        ({"agreement_last_day": "2031-03-10"}, []),  # five years to the day
        ({"agreement_last_day": "2031-03-11"}, ["too_late_a_day"]),
        ({"agreement_last_day": "2031-03-11", "reason": "long project"}, []),
        ({"agreement_last_day": "2029-03-09"}, ["agreement_ends_before"]),  # a warning: ends before the cycle
        ({"agreement_last_day": "2029-03-10"}, []),
        ({"contact_person": ""}, ["field_missing"]),  # Art. 10
        ({"agreement_scan": ""}, ["field_missing"]),
    ],
)
def test_agreement_is_recorded_by_its_rules(
    small: University, change: dict[str, str], reasons: list[str]
) -> None:
    case_id = small.approved()
    form = small.agreement(case_id) | change

    answer = small.on(date(2026, 3, 20)).act(case_id, "sign_agreement", "office", **form)

    told = [] if isinstance(answer, Receipt) else [b.code for b in (*answer.blockers, *answer.warnings)]
    assert sorted(set(told)) == sorted(reasons)


@pytest.mark.parametrize(
    ("renewed_to", "reasons"),
    [(None, []), ("2037-03-01", []), ("2037-03-02", ["too_late_a_day"])],
)
def test_renewal_is_not_asked_the_reason_of_the_agreement_before_it(
    small: University, renewed_to: str | None, reasons: list[str]
) -> None:
    """The first agreement was longer than five years, for a reason; what is not entered yet has no length."""
    case_id = small.approved()
    first = small.agreement(case_id, last=date(2032, 3, 9)) | {"reason": "long project"}
    small.done(case_id, "sign_agreement", "office", **first)
    small.tick(case_id, date(2032, 3, 1), 10)
    form = small.renewal(case_id, signed=date(2032, 3, 1), last=date(2037, 3, 1))
    form |= {"agreement_last_day": renewed_to}

    with small.database.reading() as session:
        ctx = small.ctx("office")
        offered = probe(case_for(session, case_id, ctx=ctx).snapshot, "renew_agreement", ctx)
    answer = small.act(case_id, "renew_agreement", "office", **form)

    asked = (
        [] if isinstance(answer, Receipt) else [b.code for b in answer.blockers if b.code != "field_missing"]
    )
    assert [blocker.code for blocker in offered.blockers] == []
    assert asked == reasons


def test_agreement_shorter_than_the_cycle_is_possible_once_confirmed(small: University) -> None:
    case_id = small.approved()
    form = small.agreement(case_id, last=date(2029, 3, 9))

    answer = small.act(case_id, "sign_agreement", "office", confirmed=("agreement_ends_before",), **form)

    assert isinstance(answer, Receipt)


# ───────────────────────────── The grade


def _in_final_with(university: University, students: tuple[int, int, int], awards: int) -> str:
    """In the final assessment with each year's students, all awards in the last year."""
    case_id = university.midterm_assessed(years=(2026,), first_year=students[0])
    university.yearly(case_id, 2027, students=students[1], awards=0)
    university.yearly(case_id, 2028, students=students[2], awards=awards)
    university.tick(case_id, CYCLE_OVER)
    return case_id


EXCELLENT = ("base_conditions", "allowance", "funding", "quality", "employed")
"""What is judged, all but the large benefit that can stand for the awards."""


@pytest.mark.parametrize(
    ("students", "awards", "met", "outcome", "reasons"),
    [
        ((20, 20, 20), 3, EXCELLENT, "excellent", []),
        ((20, 20, 20), 2, EXCELLENT, "excellent", ["too_few", "item_unmet"]),  # neither awards nor benefit
        ((20, 20, 20), 2, (*EXCELLENT, "benefit"), "excellent", []),  # awards or large benefit
        ((20, 19, 20), 3, EXCELLENT, "excellent", ["too_few"]),  # in each of the three years
        ((20, 20, 20), 3, EXCELLENT[:-1], "excellent", ["item_unmet"]),
        ((20, 20, 20), 3, EXCELLENT[1:], "excellent", ["item_unmet"]),  # excellent includes qualified
        ((1, 0, 1), 0, EXCELLENT[:4], "qualified", []),
        ((1, 0, 1), 0, EXCELLENT[:3], "qualified", ["item_unmet"]),
    ],
)
def test_grade_is_measured_from_the_yearly_data(
    small: University,
    students: tuple[int, int, int],
    awards: int,
    met: tuple[str, ...],
    outcome: str,
    reasons: list[str],
) -> None:
    case_id = _in_final_with(small, students, awards)

    answer = small.act(case_id, "certify", "member", outcome=outcome, **small.verdict(case_id, met=met))

    assert ([] if isinstance(answer, Receipt) else [blocker.code for blocker in answer.blockers]) == reasons


def test_grade_may_be_given_by_an_override_with_its_reason(small: University) -> None:
    case_id = small.in_final(years=(2026, 2027))
    form = small.verdict(case_id, met=())
    refused = small.refused(case_id, "certify", "member", outcome="excellent", **form)

    small.done(case_id, "certify", "member", outcome="excellent", override_reason="flood in 2028", **form)

    with small.database.reading() as session:
        grade = session.scalars(select(Grade).where(Grade.transition == "certify")).one()
    assert {"too_few", "item_unmet", "yearly_data_missing"} <= set(refused)
    assert (grade.outcome, grade.reason) == ("excellent", "flood in 2028")


def test_yearly_data_that_came_late_block_the_grade(small: University) -> None:
    """31 January 2028 is a Monday; on 1 February the data of 2027 are late (Art. 18(1))."""
    case_id = small.midterm_assessed(years=(2026,))
    small.tick(case_id, date(2028, 2, 1))
    small.yearly(case_id, 2027, on=date(2028, 2, 1))
    small.tick(case_id, date(2028, 12, 10))
    small.yearly(case_id, 2028)
    small.tick(case_id, CYCLE_OVER)

    assert small.refused(case_id, "certify", "member", outcome="qualified", **small.verdict(case_id)) == [
        "yearly_data_late"
    ]


def test_yearly_data_that_never_came_block_the_grade_even_before_a_sweep(small: University) -> None:
    """What was missed does not depend on when the scheduler last looked."""
    case_id = small.midterm_assessed(years=(2026, 2027))
    small.yearly(case_id, 2027, on=date(2028, 1, 15))
    small.done(case_id, "open_final", "office")
    small.on(CYCLE_OVER)
    small.refused(case_id, "certify", "member", outcome="qualified", **small.verdict(case_id))

    assert small.refused(case_id, "certify", "member", outcome="qualified", **small.verdict(case_id)) == [
        "yearly_data_missing"
    ]


def test_yearly_data_of_a_year_that_is_not_over_are_refused(small: University) -> None:
    """Handing in twice by mistake does not answer next year's deadline."""
    case_id = small.signed()
    small.yearly(case_id, 2026)

    assert small.refused(case_id, "yearly_data", "leader", students_half_year=25, awards_won=3) == [
        "too_early"
    ]


def test_yearly_data_due_on_a_sunday_are_on_time_on_monday(small: University) -> None:
    """2027-01-31 is a Sunday: the deadline for the act rolls to 1 February."""
    case_id = small.signed()
    small.sweep(instant(date(2027, 2, 1), 23))

    small.on(date(2027, 2, 1), 23).done(case_id, "yearly_data", "leader", students_half_year=25, awards_won=0)

    with small.database.reading() as session:
        hand_in = session.scalars(select(HandIn)).one()
    assert (hand_in.period, hand_in.late) == (2026, False)


# ───────────────────────────── Whoever acts first on an overdue case


def test_act_on_a_case_whose_timer_is_due_is_stale(university: University) -> None:
    """The clock comes first: the agreement had ended, so the exit finds the base gone."""
    case_id = university.signed(last=date(2026, 6, 9))
    version = university.case(case_id).version
    university.on(date(2026, 6, 10), 0)

    answer = university.act(
        case_id,
        "exit",
        "office",
        version=version,
        reason="agreed",
        exit_agreement=university.document(case_id, "exit_agreement"),
    )

    assert isinstance(answer, Refusal)
    assert answer.stale is not None
    assert [row["act"] for row in answer.stale][:1] == ["lapse"]
    assert university.state(case_id) == "lapsed"


def test_renewal_at_the_first_instant_after_the_end_comes_too_late(university: University) -> None:
    case_id = university.signed(last=date(2026, 6, 9))
    form = university.renewal(case_id, signed=date(2026, 6, 9), last=date(2027, 6, 9))
    university.on(date(2026, 6, 10), 0)

    assert university.refused(case_id, "renew_agreement", "office", **form) == ["stale"]


def test_renewal_in_the_last_second_keeps_the_base(university: University) -> None:
    case_id = university.signed(last=date(2026, 6, 9))
    form = university.renewal(case_id, signed=date(2026, 6, 9), last=date(2027, 6, 9))
    university.at = instant(date(2026, 6, 10)) - timedelta(hours=10, seconds=1)

    university.done(case_id, "renew_agreement", "office", **form)

    university.sweep(instant(date(2026, 6, 10)))
    assert university.state(case_id) == "agreement_signed"


def test_agreement_ending_the_evening_before_an_opening_lapses_first(small: University) -> None:
    """24:00 of the 9th comes before 00:00 of the 10th, though they are one instant."""
    case_id = small.midterm_assessed(last=date(2028, 12, 9))

    small.sweep(instant(date(2028, 12, 10), 0))

    assert passages(small, case_id)[-1] == ("lapse", "lapsed", date(2028, 12, 10))


def test_agreements_keep_their_history(small: University) -> None:
    case_id = small.reach("midterm", last=date(2027, 12, 31))
    small.done(
        case_id,
        "renew_agreement",
        "office",
        **small.renewal(case_id, signed=date(2027, 9, 20), last=date(2028, 12, 31)),
    )

    with small.database.reading() as session:
        rows = session.scalars(
            select(Agreement).where(Agreement.case_id == case_id).order_by(Agreement.seq)
        ).all()

    assert [(row.first_day, row.last_day) for row in rows] == [
        (SIGNED, date(2027, 12, 31)),
        (None, date(2028, 12, 31)),
    ]
