"""A lifecycle as its edition states it."""

from __future__ import annotations

from typing import Literal

from web.api.shapes.acts import FieldView
from web.api.shapes.parts import Named, Shape


class StateView(Shape):
    """A state of a lifecycle."""

    name: str
    text: str
    family: str
    end: bool
    basis: str


class ActRule(Shape):
    """An act as the edition states it."""

    name: str
    text: str
    kind: Literal["transition", "task", "ballot"]
    from_states: list[str]
    to_state: str | None
    """A state, `same`, or `undo`; nothing for a task."""
    by: list[str]
    by_timer: bool
    second: str | None
    fields: list[str]
    optional: list[str]
    either: list[str]
    outcomes: list[str]
    basis: str
    by_basis: str


class LifecycleView(Shape):
    """One edition of a lifecycle."""

    name: str
    edition: str
    sha256: str
    text: str
    initial: str
    roles: list[Named]
    states: list[StateView]
    acts: list[ActRule]
    fields: list[FieldView]
    outcomes: list[Named]
    dates: list[Named]
