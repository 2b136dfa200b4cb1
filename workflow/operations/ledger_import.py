"""Bring the office's ledger in: one genesis entry per row that places a base in its state with its facts.

The import checks what must never be false, not the guards; later acts obey every rule, and replay starts from here.
A deadline already past on the day of the import is written held: nothing fires it before the office confirms.
The same rows brought in twice write nothing the second time.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Case, Counter, JointBase, Partner, Unit, new_key
from models.changes import INSERT, UPDATE, Change, plain, write
from workflow import entries
from workflow.context import Context
from workflow.definition.values.days import Every
from workflow.definition.values.edition import Definition
from workflow.identity import canonical_code, canonical_name
from workflow.ledger import Fault, Ledger, LedgerRow
from workflow.operations.founding import begin, new_case
from workflow.periods import Period, PeriodError, add
from workflow.snapshot import Snapshot
from workflow.timers import HELD_BY_IMPORT
from workflow.world import calendar, current_edition, lineage

KEPT_AS_FACTS = (
    "rectify_by",
    "funding_fen",
    "mentor_count",
    "remark",
    "renewal_note",
    "project_year",
    "extended_to",
)
"""Columns without a table of their own; they stay among the case's facts under the ledger's names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the database already holds that a row may collide with."""

    units: Mapping[str, str]
    numbers: Mapping[str, frozenset[str | None]]
    """Base number -> identities of the partner that has it: of its name, and of those it bore before."""
    living: Mapping[tuple[str, str], str]
    """(partner identity, unit id) -> base number of the living base."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A ledger against a database: rows that can come in, rows already there, faults, and units nobody knows."""

    ready: tuple[LedgerRow, ...]
    known: tuple[LedgerRow, ...]
    faults: tuple[Fault, ...]
    new_units: Mapping[str, tuple[LedgerRow, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One row brought in: its case, and the deadlines found past and held."""

    row: LedgerRow
    case_id: str
    held: tuple[tuple[str, date], ...]


@lru_cache(maxsize=1)
def _history() -> Mapping[str, Any]:
    return tomllib.loads(files("workflow.ledger").joinpath("history.toml").read_text(encoding="utf-8"))


# ───────────────────────────── What stands against a row


def judge(session: Session, ledger: Ledger, *, lifecycle: str, create_units: bool) -> Judged:
    """Compare the ledger's clean rows with the database and list every further fault; write nothing."""
    _, definition = current_edition(session, lifecycle)
    around = surroundings(session, definition)
    ready, known, faults = [], [], []
    new_units: dict[str, list[LedgerRow]] = {}
    for row in ledger.rows:
        if canonical_name(row.partner_name) in around.numbers.get(row.base_number, ()):
            known.append(row)
            continue
        found = list(_faults(row, around))
        missing = [name for name in (row.lead_college, *row.other_colleges) if name not in around.units]
        for name in missing:
            new_units.setdefault(name, []).append(row)
            if not create_units:
                found.append(_fault(row, "unit_unknown", unit=name))
        faults += found
        if not found:
            ready.append(row)
    return Judged(
        ready=tuple(ready),
        known=tuple(known),
        faults=tuple(faults),
        new_units={name: tuple(rows) for name, rows in new_units.items()},
    )


def _faults(row: LedgerRow, around: Surroundings) -> Iterator[Fault]:
    if row.base_number in around.numbers:
        yield _fault(row, "number_taken", number=row.base_number)
    unit = around.units.get(row.lead_college)
    twin = around.living.get((canonical_name(row.partner_name), unit)) if unit else None
    if twin is not None:
        yield _fault(row, "living_already", number=twin)


def _fault(row: LedgerRow, code: str, **params: str) -> Fault:
    return Fault(sheet=row.sheet, row=row.row, column="", cell="", code=code, params=params)


def surroundings(session: Session, definition: Definition) -> Surroundings:
    living = definition.groups["living"]
    names_before = lineage(session).names_before
    bases = [
        (base, frozenset({base.name_identity, *(name.identity for name in names_before(base.partner_id))}))
        for base in session.execute(
            select(
                JointBase.base_number,
                JointBase.lead_college_id,
                JointBase.partner_id,
                Partner.name_identity,
                Case.state,
            )
            .join(Case, Case.id == JointBase.case_id)
            .join(Partner, Partner.id == JointBase.partner_id, isouter=True)
        )
    ]
    return Surroundings(
        units={name: unit_id for unit_id, name in session.execute(select(Unit.id, Unit.name))},
        numbers={base.base_number: names for base, names in bases if base.base_number},
        living={
            (name, base.lead_college_id): base.base_number or ""
            for base, names in bases
            if base.state in living
            for name in names
            if name
        },
    )


# ───────────────────────────── Bringing a row in


def bring_in(session: Session, rows: Sequence[LedgerRow], *, lifecycle: str, ctx: Context) -> list[Imported]:
    """Write the rows, each with one entry; units they name must exist. All of them or, on an error, none."""
    edition_id, definition = current_edition(session, lifecycle)
    units = {name: unit_id for unit_id, name in session.execute(select(Unit.id, Unit.name))}
    partners = {partner.name_identity: partner.id for partner in session.scalars(select(Partner))}
    imported = []
    for row in rows:
        imported.append(_bring_in(session, row, definition, edition_id, units, partners, ctx))
    _raise_counters(session, rows)
    return imported


def create_units(session: Session, names: Sequence[str], *, ctx: Context) -> None:
    """Add the colleges a ledger names, each with an entry of its own."""
    for name in names:
        row = {"id": new_key(), "kind": "college", "name": name, "succeeded_by": None}
        change = Change(table="units", op=INSERT, key=row["id"] or "", values=row)
        write(
            session,
            entries.append(session, "system:units", kind="unit_added", content={}, changes=[change], ctx=ctx),
        )


def _bring_in(
    session: Session,
    row: LedgerRow,
    definition: Definition,
    edition_id: str,
    units: Mapping[str, str],
    partners: dict[str, str],
    ctx: Context,
) -> Imported:
    case_id = new_key()
    past = list(_passages(session, row, case_id, ctx))
    changes = [
        *_partner(row, partners, ctx),
        *new_case(
            definition,
            edition_id,
            case_id,
            ctx=ctx,
            case=_case(row, definition, past, ctx),
            subject=_subject(row, units, partners),
        ),
        *past,
        *_agreement(row, case_id),
        *_results(row, definition, case_id, past),
        *_yearly(row, definition, case_id, ctx),
        *_duties(row, definition, case_id),
        *_bans(row, definition, case_id, units, partners, past),
    ]
    after = begin(
        session,
        definition,
        case_id,
        changes,
        kind="import",
        basis=definition.import_.basis,
        ctx=ctx,
        form={"sheet": row.sheet, "row": row.row, "approximate": sorted(row.approximate)},
        hold_past=True,
    )
    return Imported(row=row, case_id=case_id, held=tuple(held_deadlines(after)))


def held_deadlines(snapshot: Snapshot) -> Iterator[tuple[str, date]]:
    """The deadlines an import found past, by name and day."""
    for timer in snapshot.table("timers"):
        if timer["hold"] == HELD_BY_IMPORT:
            yield timer["name"], timer["due_on"]


def _partner(row: LedgerRow, partners: dict[str, str], ctx: Context) -> Iterator[Change]:
    identity = canonical_name(row.partner_name)
    if identity in partners:
        return
    values = {
        "id": new_key(),
        "name": row.partner_name,
        "kind": row.partner_kind or "enterprise",
        "credit_code": row.credit_code,
        "name_identity": identity,
        "code_identity": canonical_code(row.credit_code) if row.credit_code else None,
        "succeeded_by": None,
        "created_at": ctx.at,
    }
    partners[identity] = str(values["id"])
    yield Change(table="partners", op=INSERT, key=str(values["id"]), values=values)


def _case(row: LedgerRow, definition: Definition, past: Sequence[Change], ctx: Context) -> dict[str, Any]:
    """The case's own columns: its state, the lengths it began with, and what the ledger says besides."""
    facts = {
        name: plain(getattr(row, name)) for name in KEPT_AS_FACTS if getattr(row, name) not in (None, "")
    }
    facts["students"] = {str(year): count for year, count in row.students.items()}
    taken = {change.values["transition"] for change in past}
    pins = {
        name: setting.default for name, setting in definition.settings.items() if setting.pinned_by in taken
    }
    pins |= {"cycle": row.cycle, "extension": str(definition.terms["extension"].value)}
    last = past[-1].values
    return {
        "state": row.state,
        "stay": last["place"],
        "entered_on": last["effective_on"],
        "facts": facts,
        "pins": pins,
        "closed_at": ctx.at if definition.states[row.state].end else None,
    }


def _subject(row: LedgerRow, units: Mapping[str, str], partners: Mapping[str, str]) -> dict[str, Any]:
    return {
        "base_name": row.base_name,
        "base_number": row.base_number,
        "partner_id": partners[canonical_name(row.partner_name)],
        "lead_college_id": units[row.lead_college],
        "other_college_ids": [units[name] for name in row.other_colleges],
        "programmes": "、".join(row.programmes) or None,
        "level": row.level,
        "registered_on": row.plaque_on,
        "imported": True,
    }


def _passages(session: Session, row: LedgerRow, case_id: str, ctx: Context) -> Iterator[Change]:
    """The transitions the base must have taken, dated by the ledger, never after the import nor before one another."""
    earlier = row.approved_on
    days = _days(session, row)
    for place, (transition, *columns) in enumerate(_history()[row.state]["steps"], start=1):
        known = next((days[column] for column in columns if days.get(column)), None)
        earlier = max(earlier, min(known or earlier, ctx.today))
        values = {
            "id": new_key(),
            "case_id": case_id,
            "place": place,
            "seq": 1,
            "transition": transition,
            "from_state": None,
            "to_state": row.state,
            "outcome": None,
            "effective_on": earlier,
            "recorded_at": ctx.at,
            "voided_seq": None,
        }
        yield Change(table="passages", op=INSERT, key=str(values["id"]), values=values)


def _days(session: Session, row: LedgerRow) -> dict[str, date | None]:
    days = {name: getattr(row, name) for name in ("approved_on", "signed_on", "final_on", "plaque_on")}
    days["cycle_end"] = add(row.approved_on, Period.parse(row.cycle), calendar(session))
    if row.agreement_last_day is not None:
        days["after.agreement_last_day"] = row.agreement_last_day + timedelta(days=1)
    if row.banned_until is not None:
        days["ban_start"] = _ban_start(row, calendar(session))
    return days


def _ban_start(row: LedgerRow, known: Any) -> date | None:
    try:
        return add(row.banned_until or row.approved_on, -Period.parse("3 years"), known)
    except PeriodError:
        return None


def _agreement(row: LedgerRow, case_id: str) -> Iterator[Change]:
    if row.agreement_last_day is None:
        return
    values = {
        "id": new_key(),
        "case_id": case_id,
        "seq": 1,
        "number": row.agreement_number,
        "signed_on": row.signed_on,
        "first_day": None if row.renewed else row.signed_on,
        "last_day": row.agreement_last_day,
        "document_id": None,
        "reason": row.renewal_note or None,
        "voided_seq": None,
    }
    yield Change(table="agreements", op=INSERT, key=str(values["id"]), values=values)


def _results(
    row: LedgerRow, definition: Definition, case_id: str, past: Sequence[Change]
) -> Iterator[Change]:
    """The results of the assessments, each under a transition that gives such a result.

    That which brought the base where it is comes before the usual one, and both before any other.
    The ledger does not say on which day a mid-term was concluded.
    """
    last = past[-1].values["transition"]
    for column, usual in _history()["results"].items():
        outcome = getattr(row, column)
        if outcome is not None:
            giving = (
                name for name in (last, usual, *definition.acts) if outcome in definition.acts[name].outcomes
            )
            values = {
                "id": new_key(),
                "case_id": case_id,
                "seq": 1,
                "transition": next(giving, usual),
                "outcome": outcome,
                "opinion": None,
                "reason": None,
                "criteria": None,
                "decided_on": row.final_on if column == "final_grade" else None,
                "voided_seq": None,
            }
            yield Change(table="grades", op=INSERT, key=str(values["id"]), values=values)


def _yearly(row: LedgerRow, definition: Definition, case_id: str, ctx: Context) -> Iterator[Change]:
    """Past years' figures as evidence: they answer those years' deadlines, but are not measured (Art. 18)."""
    for timer in definition.timers.values():
        if not isinstance(timer.day, Every):
            continue
        years = sorted(year for year in row.students if row.approved_on.year <= year < ctx.today.year)
        for year in years:
            values = {
                "id": new_key(),
                "case_id": case_id,
                "seq": 1,
                "task": timer.name,
                "stay": 0,
                "period": year,
                "form": {"students_half_year": row.students[year], "imported": True},
                "person_id": None,
                "handed_in_on": ctx.today,
                "late": row.data_on_time is False and year == years[-1],
                "voided_seq": None,
            }
            yield Change(table="hand_ins", op=INSERT, key=str(values["id"]), values=values)


def _duties(row: LedgerRow, definition: Definition, case_id: str) -> Iterator[Change]:
    """Names as contacts; the office links them to people later."""
    people = (
        (definition.opens, row.leader_name, None),
        ("partner_contact", row.partner_contact_name, row.contact_phone),
    )
    for role, name, phone in people:
        if name:
            values = {
                "id": new_key(),
                "case_id": case_id,
                "role": role,
                "person_id": None,
                "contact_name": name,
                "contact_phone": phone,
                "from_on": row.approved_on,
                "until_on": None,
            }
            yield Change(table="duties", op=INSERT, key=str(values["id"]), values=values)


def _bans(
    row: LedgerRow,
    definition: Definition,
    case_id: str,
    units: Mapping[str, str],
    partners: Mapping[str, str],
    past: Sequence[Change],
) -> Iterator[Change]:
    """The ban of a revoked base survives the import, with the last day the ledger states."""
    taken = {change.values["transition"]: change.values["effective_on"] for change in past}
    for ban in definition.bans.values():
        if ban.starts in taken and row.banned_until is not None:
            colleges = [units[name] for name in (row.lead_college, *row.other_colleges)]
            values = {
                "id": new_key(),
                "case_id": case_id,
                "seq": 1,
                "name": ban.name,
                "subject": definition.settings[ban.on].default,
                "partner_id": partners[canonical_name(row.partner_name)],
                "college_ids": sorted(colleges),
                "person_id": None,
                "decided_on": taken[ban.starts],
                "last_day": row.banned_until,
                "voided_seq": None,
            }
            yield Change(table="bans", op=INSERT, key=str(values["id"]), values=values)


def _raise_counters(session: Session, rows: Sequence[LedgerRow]) -> None:
    """Numbers given from now on come after those the ledger uses."""
    highest: dict[str, int] = {}
    for row in rows:
        match = re.fullmatch(r"(\D+\d{4}-)(\d+)", row.base_number, re.ASCII)
        if match:
            highest[match[1]] = max(highest.get(match[1], 0), int(match[2]))
    for name, value in highest.items():
        known = session.get(Counter, name, with_for_update=True)
        if known is None or known.value < value:
            op = INSERT if known is None else UPDATE
            change = Change(table="counters", op=op, key=name, values={"name": name, "value": value})
            write(session, [change])
