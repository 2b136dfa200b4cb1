"""All deadlines of one base: those that run, wait or are over, what set and moved and ended each, who is told when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, url_for

from web import pages
from web.bases.heading import top
from web.bases.timers import hold_text, timer_label
from web.pages import Look
from web.words import catalogue, t
from workflow import queries, timers
from workflow.explain.deadlines import day_notes, left_text, still_notes
from workflow.explain.entries import entry_title
from workflow.explain.names import act_label, headed, role_label
from workflow.periods import Kind, beijing_day
from workflow.queries import Case
from workflow.snapshot import Row
from workflow.timers import FIRED, HELD, has_passed
from workflow.words import article_text

blueprint = Blueprint("deadlines", __name__)

SECTIONS = ("running", "held", "over")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was read for the page: the case, its entries by place, its reminders by timer."""

    look: Look
    case: Case
    entries: Mapping[int, Row]
    reminders: Mapping[str, tuple[Row, ...]]

    @property
    def language(self) -> str:
        return self.look.language


@blueprint.get("/bases/<uuid:case_id>/deadlines")
def show(case_id: UUID) -> str:
    """Every deadline a base has or had, as chains of the days it stood on."""
    with pages.looking() as look:
        case = pages.case_seen(look, str(case_id), None)
        rows = queries.timers_of(look.session, str(case_id))
        places = [seq for row in rows for seq in (row["armed_seq"], row["ended_seq"])]
        known = Known(
            look=look,
            case=case,
            entries=queries.entries_at(look.session, str(case_id), places),
            reminders=queries.reminders_of(look.session, str(case_id)),
        )
        promises = [_promise(known, chain) for chain in queries.chains(rows)]
        return render_template(
            "bases/deadlines.html",
            case_id=str(case_id),
            sections=[{"name": name, "promises": _in_section(promises, name)} for name in SECTIONS],
            **top(look, case),
        )


def _in_section(promises: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Those to come by their days, those that are over by what ended last."""
    chosen = [promise for promise in promises if promise["section"] == name]
    if name == "over":
        return sorted(chosen, key=lambda promise: promise["ended_seq"], reverse=True)
    return sorted(chosen, key=lambda promise: promise["on"])


def _promise(known: Known, chain: tuple[Row, ...]) -> dict[str, Any]:
    """One deadline as it stands now, and how it came there."""
    row, first, language = chain[-1], chain[0], known.language
    definition = known.case.definition
    timer = definition.timers[row["name"]]
    section = _section(row)
    return {
        "section": section,
        "what": timer_label(definition, row, language),
        "kind": row["kind"],
        "basis": article_text(row["basis"], language),
        "on": row["due_on"],
        "notes": _notes(known, row),
        "left": "" if section == "over" else _left(known, row),
        "overdue": section != "over" and row["kind"] != Kind.OPENS and has_passed(row, known.look.ctx.at),
        "status": t(f"deadlines.status.{_status(known, row)}", language),
        "hold": hold_text(row["hold"], language) if section == "held" else "",
        "release": _release(known, row) if section == "held" else "",
        "fires": _fires(known, row) if section != "over" else "",
        "tell": _roles(known, timer.tell),
        "armed": _entry(known, first["armed_seq"]),
        "moves": [_move(known, old, new) for old, new in zip(chain, chain[1:], strict=False)],
        "ended": _entry(known, row["ended_seq"]),
        "ended_seq": row["ended_seq"],
        "reminders": _reminders(known, row),
    }


def _section(row: Row) -> str:
    if row["ended_seq"] is not None:
        return "over"
    return "held" if row["status"] == HELD else "running"


def _status(known: Known, row: Row) -> str:
    """What became of a timer, as the key of its word."""
    if row["ended_seq"] is None:
        is_past = row["status"] == FIRED or (row["status"] != HELD and row["due_at"] <= known.look.ctx.at)
        return "held" if row["status"] == HELD else "missed" if is_past else "running"
    timer, entry = known.case.definition.timers[row["name"]], known.entries.get(row["ended_seq"])
    if entry is not None and timer.answer is not None and entry["act"] == timer.answer:
        return "met_late" if row["status"] == FIRED else "met"
    if row["status"] == FIRED:
        return "took_effect" if timer.fires else "missed_then_ended"
    return "ended"


def _left(known: Known, row: Row) -> str:
    return left_text(row, known.case.snapshot, known.language)


def _notes(known: Known, row: Row) -> list[str]:
    notes = day_notes(row, known.language)
    if row["ended_seq"] is None:
        notes += still_notes(row, known.case.snapshot, known.language)
    return notes


def _release(known: Known, row: Row) -> str:
    """What lets a held timer go on, by the word of its hold; nothing where the hold has none."""
    key = f"deadlines.release.{row['hold']}"
    if key not in catalogue():
        return ""
    definition = known.case.definition
    states = [definition.states[state].label for state in sorted(definition.timers[row["name"]].while_)]
    office = role_label(definition, definition.import_.by, known.language)
    return t(key, known.language, states=states, office=office)


def _fires(known: Known, row: Row) -> str:
    fires = known.case.definition.timers[row["name"]].fires
    if not fires:
        return ""
    act = act_label(known.case.definition, fires, known.language)
    return t("deadlines.fires", known.language, act=act)


def _roles(known: Known, roles: tuple[str, ...]) -> str:
    named = [role_label(known.case.definition, role, known.language) for role in roles]
    return headed(t("page.value", known.language, value=named), known.language) if named else ""


def _entry(known: Known, seq: int | None) -> dict[str, Any] | None:
    """An entry of the base's history, as a link to its receipt."""
    row = known.entries.get(seq) if seq is not None else None
    if row is None:
        return None
    return {
        "what": entry_title(row, known.case.definition, known.language),
        "number": row["seq"],
        "on": row["effective_on"],
        "href": url_for("decisions.receipt", case_id=known.case.snapshot.id, seq=row["seq"]),
    }


def _move(known: Known, old: Row, new: Row) -> dict[str, Any]:
    return {"old": old["due_on"], "new": new["due_on"], "by": _entry(known, new["armed_seq"])}


# ───────────────────────────── Reminders


def _reminders(known: Known, row: Row) -> list[dict[str, Any]]:
    """The reminders of a timer that went out, and while it is not over those to come, in order."""
    timer, snapshot = known.case.definition.timers[row["name"]], known.case.snapshot
    recorded = known.reminders.get(row["id"], ())
    past = [(one["days"], one["due_at"], "passed_over" if one["coalesced"] else "sent") for one in recorded]
    coming = []
    if row["ended_seq"] is None and row["wake_at"] is not None:
        coming = [
            (days, at, "coming" if days <= 0 else "if_missed")
            for days, at in timers.rungs(timer, row["due_on"], snapshot)
            if at >= row["wake_at"]
        ]
    return [
        _reminder(known, days, at, state, timers.told(timer, days, snapshot))
        for days, at, state in sorted([*past, *coming])
    ]


def _reminder(known: Known, days: int, at: datetime, state: str, roles: tuple[str, ...]) -> dict[str, Any]:
    key = "on_the_day" if days == 0 else "before" if days < 0 else "after"
    return {
        "when": t(f"deadlines.{key}", known.language, count=abs(days)),
        "on": beijing_day(at),
        "state": state,
        "roles": _roles(known, roles),
    }
