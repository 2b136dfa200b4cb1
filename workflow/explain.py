"""Cases, plans and entries in words: where a case stands, what an act will do, what an entry says happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from models.changes import INSERT, Change
from workflow.deadlines import days_suspended, still
from workflow.definition.values import Definition, Field, FieldType, Label
from workflow.explain_route import sheet_lines, sheet_text
from workflow.explain_seats import SAID, seats_text
from workflow.periods import Kind, beijing_day
from workflow.plan import Form, Plan, Step
from workflow.queries.names import Names
from workflow.reasons import fault_text
from workflow.snapshot import RESUMED, SUSPENDED, Row, Snapshot
from workflow.tasks import CONFIRM, NAME_PANEL
from workflow.timers import HELD, HELD_BY_PEOPLE, stands_still
from workflow.words import (
    article_text,
    day_text,
    days_left_text,
    label_text,
    money_text,
    say,
    shared,
    written,
)

NO_VALUE = "—"

__all__ = [
    "CONFIRM",
    "DECIDED",
    "Badge",
    "Deadline",
    "Line",
    "Told",
    "act_label",
    "article_text",
    "badge_of",
    "beijing_day",
    "cycle_sentence",
    "day_left",
    "day_notes",
    "deadlines_of",
    "entry_lines",
    "entry_note",
    "entry_title",
    "fault_text",
    "finals_of",
    "headed",
    "left_text",
    "lines_of",
    "proposes_text",
    "role_label",
    "shown",
    "stand_ins",
    "standing",
    "stands_in_note",
    "still_notes",
    "system_text",
    "title_of",
    "told_of",
    "value_text",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that changes: its name, the value before and the value after, as people read them."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A deadline that begins or, with `ends`, stops; with `suspended` it stands still on its day."""

    label: str
    on: date
    basis: str
    ends: bool
    note: str = ""
    suspended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A person a plan tells, and by which channels."""

    who: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """A state with the family that gives it its look."""

    family: str
    word: str


# ───────────────────────────── Names


def title_of(label: Label, language: str) -> str:
    """A name at the head of a line: as the file writes it, in English with a capital letter."""
    return headed(label_text(label, language), language)


def headed(text: str, language: str) -> str:
    """A text as a heading begins."""
    return text[:1].upper() + text[1:] if language == "en" else text


def badge_of(definition: Definition, state: str, language: str) -> Badge:
    known = definition.states[state]
    return Badge(family=known.family, word=title_of(known.label, language))


def act_label(definition: Definition, name: str | None, language: str, *, pending: str | None = None) -> str:
    """What an act, a task, a timer or a kind of entry is called; with `pending`, the proposal a confirmation is of."""
    if name == NAME_PANEL:
        return say("explain.name_panel", language)
    if name == CONFIRM:
        if pending and pending in definition.acts:
            return say("explain.confirm_act", language, act=definition.acts[pending].label)
        return say("explain.confirm", language)
    for table in (definition.acts, definition.timers, definition.fields, definition.roles):
        known: Mapping[str, Any] = table
        if name is not None and name in known:
            label: Label = known[name].label
            return label_text(label, language)
    step = definition.any_step(name)
    if step is not None:
        return label_text(step.label, language)
    key = f"entry.kinds.{name}"
    return say(key, language) if key in shared() else str(name or NO_VALUE)


def role_label(definition: Definition, name: str, language: str) -> str:
    """A role's name, of the lifecycle or of the application."""
    if name in definition.roles:
        return label_text(definition.roles[name].label, language)
    key = f"role.{name}"
    return say(key, language) if key in shared() else name


# ───────────────────────────── Values


def value_text(definition: Definition, field: Field, value: Any, names: Names, language: str) -> str:
    """Write a field's value as people read it; identifiers by the names behind them."""
    if value is None or value == "" or value in ((), [], {}):
        return NO_VALUE
    match field.type:
        case FieldType.MONEY:
            return money_text(int(value), language)
        case FieldType.DATE:
            return day_text(value if isinstance(value, date) else date.fromisoformat(value), language)
        case FieldType.CHOICE:
            return written(field.one_of.get(value, value), language)
        case FieldType.DOCUMENT:
            return names.documents.get(value, say("explain.file", language))
        case FieldType.UNIT:
            return names.units.get(value, NO_VALUE)
        case FieldType.UNITS:
            return written([names.units.get(item, NO_VALUE) for item in value], language)
        case FieldType.PARTNER:
            return _partner_text(value, names, language)
        case FieldType.CHECKLIST:
            return _checklist_text(definition, field, value, language)
        case FieldType.SHEET:
            return sheet_text(definition, field, value, language)
        case FieldType.REASONS:
            return _reasons_text(definition, value, language)
        case FieldType.FACT:
            return _fact_text(definition, value, names, language)
        case _:
            return written(value, language)


def _partner_text(value: Any, names: Names, language: str) -> str:
    if not isinstance(value, Mapping):
        return names.partners.get(value, NO_VALUE)
    kind = say(f"partner_kind.{value['kind']}", language)
    key = "explain.partner_code" if value.get("credit_code") else "explain.partner"
    params = {"code": value["credit_code"]} if value.get("credit_code") else {}
    return say(key, language, name=value["name"], kind=kind, **params)


def _checklist_text(definition: Definition, field: Field, value: Mapping[str, Any], language: str) -> str:
    items = {name: item for listed in field.lists for name, item in definition.lists[listed].items()}
    answered = [name for name in items if name in value]
    unmet = [items[name].label for name in answered if not value[name].get("met")]
    counts = {"met": len(answered) - len(unmet), "all": len(answered)}
    if unmet:
        return say("explain.unmet_items", language, items=unmet, **counts)
    return say("explain.checklist", language, **counts)


def _reasons_text(definition: Definition, value: Mapping[str, str], language: str) -> str:
    lines = [
        say("explain.reason_line", language, field=definition.fields[name].label, text=text)
        for name, text in value.items()
        if name in definition.fields
    ]
    return say("blocked.between", language).join(lines)


def _fact_text(definition: Definition, value: Mapping[str, Any], names: Names, language: str) -> str:
    field = definition.fields[value["name"]]
    new = value_text(definition, field, value.get("value"), names, language)
    return say("explain.fact", language, name=field.label, value=new)


# ───────────────────────────── Where a case stands


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
    first = {CONFIRM, *(step.name for step in route.steps), route.then} if route else {CONFIRM}
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


# ───────────────────────────── What an act will do


def lines_of(plan: Plan, snapshot: Snapshot, form: Form, names: Names, language: str) -> list[Line]:
    """What the act changes, in words: what was filled in, then what follows from it."""
    return [*_form_lines(plan, snapshot, form, names, language), *_effect_lines(plan, snapshot, language)]


def _form_lines(plan: Plan, snapshot: Snapshot, form: Form, names: Names, language: str) -> Iterator[Line]:
    definition = snapshot.definition
    outcome = plan.steps[0].outcome if plan.steps else form.outcome
    if plan.steps and not plan.proposes:
        outcome = next((c.values["outcome"] for c in plan.steps[0].changes if c.table == "passages"), outcome)
    if outcome:
        label = label_text(definition.outcomes[outcome].label, language)
        yield Line(name=headed(say("explain.outcome", language), language), old=NO_VALUE, new=label)
    if form.effective_on is not None:
        day = day_text(form.effective_on, language)
        yield Line(name=headed(say("explain.effective", language), language), old=NO_VALUE, new=day)
    for ask in plan.act.asks:
        if ask.field not in form.values:
            continue
        field, value = definition.fields[ask.field], form.values[ask.field]
        if field.type is FieldType.SHEET and value:
            yield from (
                Line(name=headed(name, language), old=NO_VALUE, new=said)
                for name, said in sheet_lines(definition, field, value, language)
            )
        else:
            yield _form_line(snapshot, field, value, names, language)


def _form_line(snapshot: Snapshot, field: Field, value: Any, names: Names, language: str) -> Line:
    definition = snapshot.definition
    if field.type is FieldType.FACT:
        field, value = definition.fields[value["name"]], value["value"]
    old = None if field.personal else snapshot.stored(field.name)
    return Line(
        name=title_of(field.label, language),
        old=value_text(definition, field, old, names, language),
        new=value_text(definition, field, value, names, language),
    )


def _effect_lines(plan: Plan, snapshot: Snapshot, language: str) -> Iterator[Line]:
    definition = snapshot.definition
    for step in plan.steps:
        for change in step.changes:
            if change.table == definition.subject:
                yield from _column_lines(change, snapshot, language)
            elif change.table == "bans" and change.op == INSERT:
                ban = definition.bans[change.values["name"]]
                until = say("explain.ban", language, day=change.values["last_day"])
                yield Line(name=title_of(ban.label, language), old=NO_VALUE, new=until)
            elif change.table == "hand_ins" and change.op == INSERT:
                key = "explain.hand_in_late" if change.values["late"] else "explain.hand_in"
                task = definition.acts[change.values["task"]].label
                yield Line(name=title_of(task, language), old=NO_VALUE, new=say(key, language, task=task))
            elif change.table == "deadline_decisions" and change.op == INSERT:
                yield from _decided_lines(change.values, snapshot, language)


def _decided_lines(row: Row, snapshot: Snapshot, language: str) -> Iterator[Line]:
    """A deadline that is suspended or runs again; one that moves is told by its day."""
    name = title_of(snapshot.definition.timers[row["timer"]].label, language)
    before = snapshot.suspension(row["timer"])
    if row["kind"] == SUSPENDED:
        yield Line(name=name, old=NO_VALUE, new=say("explain.suspends", language, left=row["days_left"]))
    elif row["kind"] == RESUMED and before is not None:
        told = {"day": row["decided_on"], "left": before["days_left"]}
        yield Line(name=name, old=NO_VALUE, new=say("explain.resumes", language, **told))


def _column_lines(change: Change, snapshot: Snapshot, language: str) -> Iterator[Line]:
    """The subject's own columns that no field of a form names: numbers, the register, the plaque."""
    for column, value in change.values.items():
        key = f"column.{column}"
        if key in shared() and value != snapshot.subject.get(column):
            old = written(snapshot.subject.get(column), language)
            yield Line(name=headed(say(key, language), language), old=old, new=written(value, language))


def deadlines_of(plan: Plan, snapshot: Snapshot, language: str) -> list[Deadline]:
    """The deadlines that begin and those that stop; one that only moves appears as both."""
    rows = {row["id"]: row for row in snapshot.table("timers")}
    armed = [change.values for step in plan.steps for change in step.armed]
    rows |= {row["id"]: row for row in armed}
    ended = [
        rows[change.key]
        for step in plan.steps
        for change in step.ended
        if change.values.get("ended_seq") is not None and change.key in rows
    ]
    stopped = {row["id"] for row in ended}
    begins = [_deadline(row, snapshot, language, ends=False) for row in armed if row["id"] not in stopped]
    fresh = {row["id"] for row in armed}
    stops = [_deadline(row, snapshot, language, ends=True) for row in ended if row["id"] not in fresh]
    return begins + _standing_still(plan, rows, snapshot, language) + stops


def _standing_still(plan: Plan, rows: Mapping[str, Row], snapshot: Snapshot, language: str) -> list[Deadline]:
    """The deadlines that people suspend."""
    return [
        replace(_deadline(rows[change.key], snapshot, language, ends=False), suspended=True)
        for step in plan.steps
        for change in step.ended
        if change.values.get("hold") == HELD_BY_PEOPLE and change.key in rows
    ]


def _deadline(row: Row, snapshot: Snapshot, language: str, *, ends: bool) -> Deadline:
    timer = snapshot.definition.timers[row["name"]]
    return Deadline(
        label=title_of(timer.label, language),
        on=row["due_on"],
        basis=article_text(row["basis"], language),
        ends=ends,
        note="" if ends else " ".join(day_notes(row, language)),
    )


def day_left(kind: str, on: date, today: date, language: str) -> str:
    """How far a timer's day is; one that opens something is never overdue."""
    if kind != Kind.OPENS:
        return days_left_text(on, today, language)
    days = (on - today).days
    key = "days.opens_today" if days == 0 else "days.opens_in" if days > 0 else "days.opened"
    return say(key, language, count=abs(days))


def day_notes(row: Row, language: str) -> list[str]:
    """What is to be known about a timer's day: that it moved off a rest day, that it may still move."""
    notes = []
    if row["nominal_on"] != row["due_on"]:
        notes.append(say("days.moved", language, day=row["nominal_on"]))
    if row["provisional"]:
        notes.append(say("days.provisional", language))
    return notes


def still_notes(row: Row, snapshot: Snapshot, language: str) -> list[str]:
    """What is to be known of a deadline that stands still, or stood still in this stay: since when, why, how long."""
    found = still(snapshot, row["name"]) if stands_still(row) else None
    notes = [say("days.suspended", language, day=found.since, reason=found.reason)] if found else []
    total = days_suspended(snapshot, row["name"], until=snapshot.today) if row["kind"] == Kind.DUE else 0
    if total:
        notes.append(say("days.stood", language, count=total))
    return notes


def left_text(row: Row, snapshot: Snapshot, language: str) -> str:
    """How far the day of a timer is or, while it stands still, how many days were left."""
    found = still(snapshot, row["name"]) if stands_still(row) else None
    if found is not None:
        return say("days.standing", language, count=found.left)
    return day_left(row["kind"], row["due_on"], snapshot.today, language)


def told_of(plan: Plan, names: Names, language: str) -> list[Told]:
    """Who is told, each once with every channel."""
    channels: dict[str, list[str]] = {}
    for step in plan.steps:
        for change in step.notices:
            channel = say(f"explain.notice_{change.values['channel']}", language)
            known = channels.setdefault(change.values["person_id"], [])
            if channel not in known:
                known.append(channel)
    return [
        Told(who=names.person(person) or NO_VALUE, what=written(known, language))
        for person, known in channels.items()
    ]


def finals_of(plan: Plan, snapshot: Snapshot, language: str) -> list[str]:
    """What cannot be undone, said before it is done."""
    definition = snapshot.definition
    if plan.proposes:
        return [say("final.recorded", language)]
    lines = list(_undoing(plan.steps[:1], snapshot, language))
    for step in plan.steps:
        state = definition.states[step.to_state]
        if state.end and step.to_state != step.from_state:
            lines.append(say("final.ends", language, state=state.label))
        lines += [
            say("final.ban", language, ban=definition.bans[c.values["name"]].label, day=c.values["last_day"])
            for c in step.changes
            if c.table == "bans" and c.op == INSERT
        ]
        if any(change.table == "counters" for change in step.changes):
            lines.append(say("final.number", language))
    lines += [
        say(
            "explain.follows",
            language,
            act=act_label(definition, step.act, language),
            state=definition.states[step.to_state].label,
        )
        for step in plan.steps[1:]
    ]
    return [*lines, say("final.recorded", language)]


def _undoing(steps: Iterable[Step], snapshot: Snapshot, language: str) -> Iterator[str]:
    for step in steps:
        if step.corrects is not None and snapshot.undone is not None:
            act = snapshot.definition.acts[snapshot.undone["act"]].label
            day = date.fromisoformat(snapshot.undone["effective_on"])
            state = snapshot.definition.states[step.to_state].label
            yield say("final.undo", language, act=act, day=day, state=state)


def proposes_text(plan: Plan, definition: Definition, language: str) -> str:
    """Say that another person must confirm, or nothing where the act takes effect at once."""
    if not plan.proposes:
        return ""
    second = plan.act.second or definition.import_.by
    return say("explain.proposes", language, role=role_label(definition, second, language))


def shown(plan: Plan, form: Form) -> list[Any]:
    """What a page of consequences promised, in a form that can be compared: the same facts give the same list.

    Numbers still to be given are left out: another act may take one in between without changing anything else.
    """
    return [
        [plan.act.name, plan.proposes, plan.undisclosed, sorted(warning.code for warning in plan.warnings), dict(form.values)],
        [
            [
                step.act, step.outcome, step.to_state, step.effective_on, step.actor.on_behalf_of,
                sorted([change.values["name"], change.values["due_on"].isoformat()] for change in step.armed),
                sorted(change.key for change in step.ended if change.values.get("ended_seq") is not None)
                if step is plan.steps[0] else [],
                sorted({change.values["person_id"] for change in step.notices}),
                sorted([c.values["name"], c.values["last_day"].isoformat()] for c in step.changes if c.table == "bans"),
            ]
            for step in plan.steps
        ],
    ]  # fmt: skip


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


# ───────────────────────────── What happened


DECIDED = frozenset(
    {
        "transition", "task", "proposal", "import", "open", "released", "declined", "withdrawn",
        "ballot", "motion", "seated", "signer_added", "signer_removed", "reassigned", "vote_closed", "ballot_withdrawn", "reopened",
    }
)  # fmt: skip
"""Kinds of entries that are decisions; the others are routine and may be folded."""


def entry_title(row: Row, definition: Definition, language: str) -> str:
    """What an entry is of: the act by its name, and the kind of entry where that is not plainly an act."""
    what = headed(act_label(definition, row["act"], language), language)
    kind = f"entry.kinds.{row['kind']}"
    if row["kind"] in ("transition", "task") or row["act"] == row["kind"] or kind not in shared():
        return what
    return say("explain.kind_of", language, kind=headed(say(kind, language), language), what=what)


def system_text(definition: Definition | None, actor: str, language: str) -> str:
    """Who acted where no name is known: the part of the program or the timer an entry names; of a person, nobody."""
    kind, _, name = actor.partition(":")
    if kind != "system":
        return NO_VALUE
    key = f"actor.name.{name}"
    if key in shared():
        name = say(key, language)
    elif definition is not None:
        name = act_label(definition, name, language)
    return say("actor.system", language, name=name)


def entry_note(row: Row, definition: Definition, names: Names, language: str) -> str:
    """The reason or opinion an entry carries, whom it seats, and its outcome; personal values stay hidden."""
    form = row["body"].get("form") or {}
    seated = seats_text(row, names, language)
    parts = [seated] if seated else []
    if row["kind"] == "import":
        parts.append(say("entry.imported", language, sheet=form["sheet"], row=form["row"]))
        form = {}
    if row["outcome"] and row["outcome"] in definition.outcomes:
        parts.append(label_text(definition.outcomes[row["outcome"]].label, language))
    for name in form:
        field = definition.fields.get(name)
        if not form[name] or (seated and name in SAID):
            continue
        if isinstance(form[name], str) and (field is None or field.type is FieldType.TEXT):
            label = label_text(field.label, language) if field else act_label(definition, name, language)
            text = names.documents.get(form[name], form[name])
            parts.append(say("explain.reason_line", language, field=label, text=text))
    return say("blocked.between", language).join(parts)


def entry_lines(row: Row, definition: Definition, names: Names, language: str) -> list[Line]:
    """The one fact an amendment changed, and the numbers an act gave."""
    lines = []
    for change in row["body"].get("changes") or ():
        if change["table"] != definition.subject:
            continue
        was = change.get("was") or {}
        for column, value in change["set"].items():
            key = f"column.{column}"
            if key in shared() and value != was.get(column) and column != "level":
                lines.append(
                    Line(
                        name=say(key, language),
                        old=written(was.get(column), language),
                        new=_plain_text(value, language),
                    )
                )
    return lines


def _plain_text(value: Any, language: str) -> str:
    """A value as an entry keeps it; days are ISO text there."""
    try:
        return day_text(date.fromisoformat(value), language)
    except (TypeError, ValueError):
        return written(value, language)
