"""Blockers and faults as sentences: the same words on the page, in the API, in mail and on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from workflow.blockers import Blocker, Fault
from workflow.definition.values.edition import Definition
from workflow.definition.values.labels import Label
from workflow.words import article_text, say, shared

NAMES: Mapping[str, tuple[str, ...]] = {
    "conflict": ("conflicts",),
    "fact": ("fields",),
    "facts": ("fields",),
    "field": ("fields",),
    "fields": ("fields",),
    "first": ("dates", "fields", "acts"),
    "from": ("states",),
    "item": ("items",),
    "name": ("dates", "fields", "acts", "timers"),
    "outcome": ("outcomes",),
    "outcomes": ("outcomes",),
    "roles": ("roles",),
    "items": ("items",),
    "now": ("steps",),
    "second": ("dates", "fields", "acts"),
    "state": ("states",),
    "step": ("steps",),
    "steps": ("steps",),
    "task": ("acts", "timers"),
    "timer": ("timers",),
    "transition": ("acts",),
    "unless": ("fields",),
    "who_is": ("roles",),
}
"""Parameter of a blocker or fault → the tables of the lifecycle file in which it is a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One blocker as it is read: what stands in the way, on what ground, who can mend it, from when it is gone."""

    code: str
    text: str
    basis: str
    mend: str
    from_on: str


def reason_of(blocker: Blocker, definition: Definition, language: str) -> Reason:
    """Say a blocker. `mend` and `from_on` are empty where nobody can mend it or no day lifts it."""
    mend = [_label(definition, ("roles", "acts"), name) for name in blocker.mend]
    return Reason(
        code=blocker.code,
        text=say(f"blocker.{blocker.code}", language, **named(blocker.params, definition)),
        basis=article_text(blocker.basis, language),
        mend=say("blocked.mend", language, who=mend) if mend else "",
        from_on=say("blocked.from", language, day=blocker.from_on) if blocker.from_on else "",
    )


def reasons_of(blockers: Iterable[Blocker], definition: Definition, language: str) -> tuple[Reason, ...]:
    """Say blockers in the order they come."""
    return tuple(reason_of(blocker, definition, language) for blocker in blockers)


def sentence_of(blockers: Iterable[Blocker], definition: Definition, act: str, language: str) -> str:
    """Say in one line why an act cannot be done now, each reason with its number and ground."""
    reasons = reasons_of(blockers, definition, language)
    comma = say("blocked.comma", language)
    numbered = say("blocked.between", language).join(
        f"{_circled(place)} {comma.join(filter(None, (reason.text, reason.from_on)))}{reason.basis}"
        for place, reason in enumerate(reasons, start=1)
    )
    label = definition.acts[act].label
    return say("blocked.summary", language, act=label, count=len(reasons), reasons=numbered)


def fault_text(fault: Fault, definition: Definition, language: str) -> str:
    """Say what is wrong with one field's value; a code the catalogue does not know is said in general words."""
    key = f"fault.{fault.code}"
    params = {"field": fault.field, **fault.params}
    return say(key if key in shared() else "fault.unreadable", language, **named(params, definition))


def named(params: Mapping[str, Any], definition: Definition) -> dict[str, Any]:
    """Replace names of the lifecycle file among the parameters by their labels; other values stay."""
    return {key: _labels(definition, NAMES.get(key, ()), value) for key, value in params.items()}


def _labels(definition: Definition, tables: tuple[str, ...], value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_label(definition, tables, item) for item in value]
    return _label(definition, tables, value)


def _label(definition: Definition, tables: tuple[str, ...], name: Any) -> Any:
    for table in tables:
        rows = _gathered(definition, table)
        if isinstance(name, str) and name in rows:
            label: Label = rows[name].label
            return label
    if name == "today" and "dates" in tables:
        return Label(zh=say("days.this_day", "zh"), en=say("days.this_day", "en"))
    return name


def _gathered(definition: Definition, table: str) -> Mapping[str, Any]:
    """A table of the lifecycle file, or what stands in several of them: items of lists and sheets, steps of routes."""
    if table == "items":
        listed = (*definition.lists.values(), *definition.sheets.values())
        return dict(chain.from_iterable(items.items() for items in listed))
    if table == "steps":
        return {step.name: step for step in definition.steps}
    rows: Mapping[str, Any] = getattr(definition, table)
    return rows


def _circled(place: int) -> str:
    """①, ② … up to twenty, then (21)."""
    return chr(ord("①") + place - 1) if place <= ord("⑳") - ord("①") + 1 else f"({place})"
