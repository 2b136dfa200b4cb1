"""What things of a lifecycle are called: states, acts, roles, whoever acted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflow.definition.values.edition import Definition
from workflow.definition.values.labels import Label
from workflow.tasks import CONFIRM, NAME_PANEL
from workflow.words import label_text, say, shared

NO_VALUE = "—"


def title_of(label: Label, language: str) -> str:
    """A name at the head of a line: as the file writes it, in English with a capital letter."""
    return headed(label_text(label, language), language)


def headed(text: str, language: str) -> str:
    """A text as a heading begins."""
    return text[:1].upper() + text[1:] if language == "en" else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """A state with the family that gives it its look."""

    family: str
    word: str


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
