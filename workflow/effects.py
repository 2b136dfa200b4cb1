"""The effects a lifecycle file may name: what an act writes besides the state, as changes.

An effect plans rows, it does not write them: the same changes are shown before the act and kept in its entry.
Names are part of the file format and outlive changes of the code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from models import new_key
from models.changes import INSERT, UPDATE, Change
from workflow.deadlines import days_left, movable, resumed_by, resumed_day, suspended_by
from workflow.definition.values.timers import Timer
from workflow.guards.view import View
from workflow.periods import Period, add
from workflow.snapshot import MOVED, RESUMED, SUSPENDED
from workflow.timers import running

Effect = Callable[[View, int], Iterator[Change]]

APPLICATION_COUNTER = "SB-{year}-"
BASE_COUNTER = "LP{year}-"


def _insert(table: str, view: View, values: Mapping[str, Any]) -> Change:
    row = {"id": new_key(), "case_id": view.snapshot.id, **values}
    return Change(table=table, op=INSERT, key=row["id"], values=row)


def _subject(view: View, values: Mapping[str, Any]) -> Change:
    return Change(table=view.snapshot.definition.subject, op=UPDATE, key=view.snapshot.id, values=values)


def counters(effects: tuple[str, ...], year: int) -> tuple[str, ...]:
    """The counters an act draws a number from; they are locked before it is planned."""
    prefixes = {"number_application": APPLICATION_COUNTER, "number_base": BASE_COUNTER}
    return tuple(prefixes[name].format(year=year) for name in effects if name in prefixes)


def _number(view: View, column: str, counter: str) -> Iterator[Change]:
    if view.snapshot.subject.get(column):
        return
    taken = view.snapshot.numbers.get(counter)
    value = (taken or 0) + 1
    yield _subject(view, {column: f"{counter}{value:03d}"})
    yield Change(
        table="counters",
        op=UPDATE if taken is not None else INSERT,
        key=counter,
        values={"name": counter, "value": value},
    )


def number_application(view: View, seq: int) -> Iterator[Change]:
    """Give the application number SB-yyyy-nnn at the first submit; it stays through every return."""
    yield from _number(view, "application_number", APPLICATION_COUNTER.format(year=view.snapshot.today.year))


def number_base(view: View, seq: int) -> Iterator[Change]:
    """Give the base number LPyyyy-nnn, the next free one of the year of approval, never reused."""
    yield from _number(view, "base_number", BASE_COUNTER.format(year=view.effective_on.year))


def start_cycle(view: View, seq: int) -> Iterator[Change]:
    """Copy the lengths of the construction cycle onto the case (Art. 4, 18); no later setting or edition moves them."""
    terms = view.snapshot.definition.terms
    pins = {name: str(terms[name].value) for name in ("cycle", "extension") if name in terms}
    yield Change(
        table="cases",
        op=UPDATE,
        key=view.snapshot.id,
        values={"pins": {**(view.snapshot.case["pins"] or {}), **pins}},
    )


def record_agreement(view: View, seq: int) -> Iterator[Change]:
    """Keep the signed agreement or its renewal (Art. 5) as a row of its own."""
    last_day = view.form.get("agreement_last_day")
    if last_day is None:
        return
    yield _insert(
        "agreements",
        view,
        {
            "seq": seq,
            "number": view.form.get("agreement_number"),
            "signed_on": view.form.get("signed_on"),
            "first_day": view.form.get("agreement_first_day"),
            "last_day": last_day,
            "document_id": view.form.get("agreement_scan"),
            "reason": view.form.get("reason"),
            "voided_seq": None,
        },
    )


def name_partner_contact(view: View, seq: int) -> Iterator[Change]:
    """Name the partner's manager (Art. 10), in the place of an earlier one."""
    name = view.form.get("contact_person")
    if not name:
        return
    for row in view.snapshot.duty("partner_contact"):
        yield Change(
            table="duties",
            op=UPDATE,
            key=row["id"],
            values={"until_on": view.effective_on - timedelta(days=1)},
        )
    yield _insert(
        "duties",
        view,
        {
            "role": "partner_contact",
            "person_id": None,
            "contact_name": name,
            "contact_phone": view.form.get("contact_phone"),
            "from_on": view.effective_on,
            "until_on": None,
        },
    )


def record_grade(view: View, seq: int) -> Iterator[Change]:
    """Keep the outcome of an assessment with its opinion and the criteria judged (Art. 17, 18)."""
    yield _insert(
        "grades",
        view,
        {
            "seq": seq,
            "transition": view.act.name,
            "outcome": view.outcome,
            "opinion": view.form.get("opinion"),
            "reason": view.form.get("override_reason") or view.form.get("reason"),
            "criteria": view.form.get("criteria"),
            "decided_on": view.effective_on,
            "voided_seq": None,
        },
    )


def enter_register(view: View, seq: int) -> Iterator[Change]:
    """Enter the base into the register and hang its plaque (Art. 18)."""
    yield _subject(view, {"registered_on": view.effective_on, "plaque_withdrawn_on": None})


def withdraw_plaque(view: View, seq: int) -> Iterator[Change]:
    """Take the plaque back, where there is one."""
    if view.snapshot.subject.get("plaque_number") or view.snapshot.subject.get("registered_on"):
        yield _subject(view, {"plaque_withdrawn_on": view.effective_on})


def flag_students_on_site(view: View, seq: int) -> Iterator[Change]:
    """Leave the students still on site to the college; told by a notice, nothing is kept in a row."""
    yield from ()


def record_clawback(view: View, seq: int) -> Iterator[Change]:
    """Keep whether funding is taken back, how much and why (Art. 18). Money in fen."""
    yield _insert(
        "clawbacks",
        view,
        {
            "seq": seq,
            "wanted": bool(view.form.get("clawback")),
            "amount_fen": view.form.get("clawback_amount"),
            "reason": view.form.get("clawback_reason"),
            "voided_seq": None,
        },
    )


def record_deadline(view: View, seq: int) -> Iterator[Change]:
    """Keep what was decided about the deadline that runs: the day it moves to or, left empty, that it stays."""
    timer = movable(view.snapshot)
    if timer is not None:
        yield _decided(view, seq, timer, kind=MOVED, last_day=view.form.get("report_by"))


def record_suspension(view: View, seq: int) -> Iterator[Change]:
    """Let the deadline stand still: keep since when, and how many days were left."""
    timer = suspended_by(view.snapshot, view.act.name)
    row = running(view.snapshot, timer) if timer is not None else None
    if timer is not None and row is not None:
        left = days_left(row, view.snapshot, on=view.effective_on)
        yield _decided(view, seq, timer, kind=SUSPENDED, last_day=row["nominal_on"], days_left=left)


def record_resumption(view: View, seq: int) -> Iterator[Change]:
    """Let the deadline run again: keep the day it ends on with the days that were left."""
    timer = resumed_by(view.snapshot, view.act.name)
    suspension = view.snapshot.suspension(timer.name) if timer is not None else None
    if timer is not None and suspension is not None:
        last_day = resumed_day(suspension, on=view.effective_on)
        yield _decided(view, seq, timer, kind=RESUMED, last_day=last_day)


def _decided(
    view: View, seq: int, timer: Timer, *, kind: str, last_day: date | None, days_left: int | None = None
) -> Change:
    """A row that keeps what is decided about a deadline of this stay."""
    return _insert(
        "deadline_decisions",
        view,
        {
            "seq": seq,
            "timer": timer.name,
            "stay": view.snapshot.case["stay"],
            "kind": kind,
            "last_day": last_day,
            "decided_on": view.effective_on,
            "days_left": days_left,
            "reason": view.form.get("reason"),
            "voided_seq": None,
        },
    )


def impose_bans(view: View, seq: int) -> Iterator[Change]:
    """Impose the bans the act starts: the day of the decision is not counted, a status period does not roll (Art. 18)."""
    snapshot = view.snapshot
    for ban in snapshot.definition.bans.values():
        if ban.starts != view.act.name:
            continue
        leader = next(iter(snapshot.duty(snapshot.definition.opens)), None)
        length: Period = snapshot.length(ban.lasts)
        yield _insert(
            "bans",
            view,
            {
                "seq": seq,
                "name": ban.name,
                "subject": str(snapshot.setting(ban.on)),
                "partner_id": snapshot.subject.get("partner_id"),
                "college_ids": sorted(view.college_ids),
                "person_id": leader["person_id"] if leader else None,
                "decided_on": view.effective_on,
                "last_day": add(view.effective_on, length, snapshot.calendar),
                "voided_seq": None,
            },
        )


EFFECTS: Mapping[str, Effect] = {
    effect.__name__: effect
    for effect in (
        enter_register,
        flag_students_on_site,
        name_partner_contact,
        number_application,
        number_base,
        record_agreement,
        record_clawback,
        record_deadline,
        record_grade,
        record_resumption,
        record_suspension,
        start_cycle,
        withdraw_plaque,
    )
}
