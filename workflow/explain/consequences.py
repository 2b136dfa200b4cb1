"""What an act will do, said before it is done: what changes, who is told, what cannot be undone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from models.changes import INSERT, Change
from workflow.definition.values.edition import Definition
from workflow.definition.values.forms import Field, FieldType
from workflow.explain.names import NO_VALUE, act_label, headed, role_label, title_of
from workflow.explain.values import Line, sheet_lines, value_text
from workflow.plan import Form, Plan, Step
from workflow.queries.names import Names
from workflow.snapshot import RESUMED, SUSPENDED, Row, Snapshot
from workflow.words import day_text, label_text, say, shared, written


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A person a plan tells, and by which channels."""

    who: str
    what: str


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


def promised(plan: Plan, form: Form) -> list[Any]:
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
