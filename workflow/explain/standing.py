"""Where a case stands: what comes next, by whom, by when, and in whose stead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from workflow.deadlines import still
from workflow.definition.values.edition import Definition
from workflow.explain.names import act_label, role_label
from workflow.periods import Kind
from workflow.snapshot import Row, Snapshot
from workflow.tasks import CONFIRM, NAME_PANEL
from workflow.timers import HELD, stands_still
from workflow.words import days_left_text, say


def standing(snapshot: Snapshot, language: str) -> str:
    """Say in a sentence or two where the case is and what comes next, by whom, by when."""
    definition = snapshot.definition
    state = definition.states[snapshot.state]
    parts = [say("standing.since", language, state=state.label, day=snapshot.case["entered_on"])]
    parts += _next_turns(snapshot, language)
    parts += _coming(snapshot, language)
    if len(parts) == 1:
        parts.append(say("standing.over" if state.end else "standing.nothing", language))
    return (" " if language == "en" else "").join(parts)


def _next_turns(snapshot: Snapshot, language: str) -> Iterator[str]:
    """What is waited for: the step of the state's route first, then deadlines answered beside it."""
    definition = snapshot.definition
    pending = snapshot.pending["act"] if snapshot.pending else None
    turns: dict[str, list[Row]] = {}
    for row in snapshot.table("tasks"):
        if row["closed_at"] is None:
            turns.setdefault(row["act"], []).append(row)
    route = definition.routes.get(snapshot.state)
    first = {CONFIRM, NAME_PANEL, *(step.name for step in route.steps), route.then} if route else {CONFIRM}
    for act in sorted(turns, key=lambda name: name not in first):
        roles = list(dict.fromkeys(role_label(definition, row["role"], language) for row in turns[act]))
        params: dict[str, Any] = {
            "roles": roles,
            "act": act_label(definition, act, language, pending=pending),
        }
        due_on = turns[act][0]["due_on"]
        key = "standing.waits" if act in first else "standing.also"
        if due_on is None:
            yield say(key, language, **params)
        else:
            left = days_left_text(due_on, snapshot.today, language)
            yield say(f"{key}_by", language, day=due_on, left=left, **params)


def _coming(snapshot: Snapshot, language: str) -> Iterator[str]:
    """What the clock opens by itself, and what it holds back."""
    for row in sorted(snapshot.table("timers"), key=lambda row: row["due_at"]):
        timer = snapshot.definition.timers[row["name"]]
        found = still(snapshot, row["name"]) if stands_still(row) else None
        if found is not None:
            told = {"timer": timer.label, "day": found.since, "left": found.left}
            yield say("standing.suspended", language, **told)
        elif row["status"] == HELD:
            yield say("standing.held", language, timer=timer.label, day=row["due_on"])
        elif timer.kind is Kind.OPENS and timer.fires:
            act = snapshot.definition.acts[timer.fires]
            yield say("standing.opens", language, act=act.label, day=row["due_on"])


def cycle_sentence(start: date, end: date, today: date, language: str) -> str:
    """Say where today lies in the cycle; its last day still counts."""
    if today < start:
        return say("cycle_sentence.before", language, start=start, end=end)
    if today > end:
        return say("cycle_sentence.after", language, start=start, end=end)
    left = days_left_text(end, today, language)
    return say(
        "cycle_sentence.within",
        language,
        start=start,
        end=end,
        day_number=(today - start).days + 1,
        left=left,
    )


def stands_in_note(definition: Definition, roles: tuple[str, ...], language: str) -> str:
    """Say in whose stead something is asked, and who mends it; nothing where it is asked of its own role."""
    if not roles:
        return ""
    labels = [definition.roles[name].label for name in roles]
    office = definition.roles[definition.import_.by].label
    return say("standing.stands_in", language, roles=labels, office=office)


def stand_ins(snapshot: Snapshot, language: str) -> list[str]:
    """Say for which duties nobody is linked, so that others are asked and told instead."""
    return [
        say("standing.unlinked", language, role=role.label)
        for role in snapshot.definition.roles.values()
        if role.stand_in
        and snapshot.duty(role.name)
        and not any(row["person_id"] for row in snapshot.duty(role.name))
    ]
