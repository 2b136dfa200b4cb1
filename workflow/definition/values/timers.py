"""Deadlines as functions of state and dates."""

from __future__ import annotations

from dataclasses import dataclass

from workflow.definition.values.days import Day, Every
from workflow.definition.values.labels import Label
from workflow.periods import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """A deadline as a function of state and dates: it runs exactly while the state is one of `while_` or `held` and its day is known."""

    name: str
    label: Label
    basis: str
    kind: Kind
    day: Day | Every
    while_: frozenset[str]
    held: frozenset[str] = frozenset()
    """States in which it stays open without firing."""
    fires: str | None = None
    """The transition that takes effect by itself; never for `due`."""
    remind: str | None = None
    """The setting that holds the ladder of days before."""
    tell: tuple[str, ...] = ()
    """The roles the ladder reaches."""
    escalate: str | None = None
    """The setting that says who is told how many days after."""
    answer: str | None = None
    """The act that answers it: a task's name, or a transition such as the renewal. None: nobody can."""
    answered_by: str | None = None
    """The field of a task that ends the deadline once it is handed in; None: whatever is handed in ends it."""
    overdue: str | None = None
    """The step of the same route that the case goes on to when the day has passed unanswered."""
    moved_by: str | None = None
    """The transition that may name a later day for this stay in the state."""
    suspended_by: str | None = None
    """The transition that lets it stand still; None: nobody may, as where an article fixes the day."""
    resumed_by: str | None = None
    """The transition that lets it run again, with the days that were left."""
    asked_after: str | None = None
    """The setting that says how late the clock may open the state before those who may move the day are asked to."""
    closes: str | None = None
    """The step whose round is over when the day has passed."""
