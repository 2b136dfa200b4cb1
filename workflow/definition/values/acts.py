"""States, what may happen in them, and the words it is recorded by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from workflow.definition.values.labels import Label


class ActKind(StrEnum):
    """A transition changes the state (or corrects a fact); a task hands something in; a ballot is one person's part of a step."""

    TRANSITION = "transition"
    TASK = "task"
    BALLOT = "ballot"


TO_SAME = "same"
TO_UNDO = "undo"
BY_TIMER = "timer"
BY_TURN = "whose_turn"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    name: str
    label: Label
    basis: str
    family: str
    end: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One guard of an act with its parameters. `confirm` turns its blockers into warnings that must be confirmed."""

    guard: str
    basis: str
    params: Mapping[str, Any] = field(default_factory=dict)
    """Names as text, day expressions as `Day`, everything else as read."""
    confirm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A field of an act's form."""

    field: str
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What somebody may do with a case while it is in one of the states `source`."""

    name: str
    kind: ActKind
    label: Label
    basis: str
    by_basis: str
    source: frozenset[str]
    to: str | None
    """A state, `same`, `undo`; None for a task."""
    by: tuple[str, ...]
    """Roles; any holder of one of them may act. Empty: only the clock."""
    by_timer: bool = False
    by_turn: bool = False
    """Whoever may complete the step the case is at."""
    second: str | None = None
    """The role of the other person who confirms before the act takes effect."""
    asks: tuple[Ask, ...] = ()
    either: tuple[str, ...] = ()
    """Fields of which exactly one must be given."""
    needs: tuple[Need, ...] = ()
    does: tuple[str, ...] = ()
    tell: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    """The recorded words its form's `outcome` offers in any state; empty: no outcome is asked. One: it is recorded without asking."""
    outcomes_by_state: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """State -> the words offered there: those of the route's choices that fire this transition."""
    facts: tuple[str, ...] = ()
    """The fields an amendment may change; empty for every other act."""
    timer: str | None = None
    """The timer a task answers; None for a transition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A recorded word, apart from the transition it fires."""

    name: str
    label: Label
    basis: str
    lists: tuple[str, ...] = ()
    """The criteria it demands, its own list first."""
