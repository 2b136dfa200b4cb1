"""The cycle of a base and its deadlines, and the way through its states."""

from __future__ import annotations

from datetime import date
from typing import Any

from web.bases.timers import timer_label
from web.pages import Look
from workflow.explain.deadlines import day_notes, left_text, still_notes
from workflow.explain.names import act_label, badge_of, headed
from workflow.explain.standing import cycle_sentence
from workflow.queries import Case
from workflow.snapshot import Row, Snapshot
from workflow.timers import FIRED, HELD
from workflow.words import article_text, label_text


def cycle(look: Look, snapshot: Snapshot) -> dict[str, Any] | None:
    """The bar of `macros/cycle.html`, or None while no cycle runs."""
    dates = snapshot.dates()
    start, end = dates.get("cycle_start"), dates.get("cycle_end")
    if start is None or end is None:
        return None
    today, span = look.ctx.today, max((end - start).days, 1)

    def place(day: date) -> float:
        share: float = min(max((day - start).days / span, 0), 1)
        return round(share * 100, 2)

    agreement = snapshot.agreement
    last_day = agreement["last_day"] if agreement else None
    return {
        "sentence": cycle_sentence(start, end, today, look.language),
        "starts_on": start,
        "ends_on": end,
        "done": place(today),
        "today": place(today) if start <= today <= end else None,
        "agreement": {"at": place(last_day), "on": last_day} if last_day and last_day != end else None,
        "milestones": [
            {**mark, "at": place(mark["on"])} for mark in _milestones(look, snapshot) if mark["on"] <= end
        ],
    }


def _milestones(look: Look, snapshot: Snapshot) -> list[dict[str, Any]]:
    """The passages that moved the base since its cycle began, then the timers that run, each on its day."""
    definition, language = snapshot.definition, look.language
    marks = [
        {
            "label": headed(act_label(definition, row["transition"], language), language),
            "on": row["effective_on"],
            "state": "done",
            "left": "",
            "basis": "",
        }
        for row in _since_start(snapshot)
        if row["from_state"] != row["to_state"]
    ]
    coming = sorted((row for row in snapshot.table("timers")), key=lambda row: row["due_at"])
    first = next((row["id"] for row in coming if timer_state(look, row) == "coming"), None)
    return [*marks, *(_mark(look, snapshot, row, is_next=row["id"] == first) for row in coming)]


def _since_start(snapshot: Snapshot) -> list[Row]:
    """The passages from the one that stands at the beginning of the cycle on."""
    passages = list(snapshot.passages())
    start = snapshot.dates().get("cycle_start")
    first = next((place for place, row in enumerate(passages) if start and row["effective_on"] >= start), 0)
    same_day = [place for place, row in enumerate(passages) if row["effective_on"] == start]
    anchor = [
        place for place in same_day if passages[place]["transition"] == snapshot.setting("cycle_starts")
    ]
    return passages[anchor[0] if anchor else first :]


def _mark(look: Look, snapshot: Snapshot, row: Row, *, is_next: bool) -> dict[str, Any]:
    state = timer_state(look, row)
    return {
        "label": timer_label(snapshot.definition, row, look.language),
        "on": row["due_on"],
        "state": "next" if state == "coming" and is_next else state,
        "left": left_text(row, snapshot, look.language),
        "basis": article_text(row["basis"], look.language),
    }


def timer_state(look: Look, row: Row) -> str:
    if row["status"] == HELD:
        return "held"
    if row["status"] == FIRED or row["due_at"] <= look.ctx.at:
        return "overdue"
    return "coming"


def deadlines(look: Look, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Every timer that runs, with its nominal and its moved day and what is to be known about it."""
    rows = sorted(snapshot.table("timers"), key=lambda row: (row["due_at"], row["name"]))
    definition = snapshot.definition
    return [
        {
            "label": timer_label(definition, row, look.language),
            "on": row["due_on"],
            "nominal": row["nominal_on"],
            "left": left_text(row, snapshot, look.language),
            "overdue": timer_state(look, row) == "overdue",
            "state": timer_state(look, row),
            "notes": [
                *day_notes(row, look.language),
                *still_notes(row, snapshot, look.language),
            ],
            "kind": str(row["kind"]),
            "hold": row["hold"] or "",
            "basis": article_text(row["basis"], look.language),
        }
        for row in rows
    ]


# ───────────────────────────── The way through the states


def way_through(look: Look, case: Case) -> dict[str, Any]:
    """The states the base went through, the one it is in, and those an act or the clock can lead to from here."""
    snapshot, definition = case.snapshot, case.definition
    past = [
        row["from_state"] for row in snapshot.passages() if row["from_state"] not in (None, row["to_state"])
    ]
    targets: dict[str, list[str]] = {}
    for act in case.acts:
        if act.to in definition.states and act.to != snapshot.state:
            targets.setdefault(str(act.to), []).append(label_text(act.label, look.language))
    return {
        "past": [badge_of(definition, state, look.language) for state in past],
        "now": badge_of(definition, snapshot.state, look.language),
        "next": [
            {"badge": badge_of(definition, state, look.language), "acts": acts}
            for state, acts in targets.items()
        ],
    }
