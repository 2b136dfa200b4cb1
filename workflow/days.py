"""Work out the days of a lifecycle file: `anchor + period − period`, added up first and applied in one step."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from workflow.definition.values.days import Addend, Day
from workflow.periods import Calendar, Period, PeriodError, add


class Scope(Protocol):
    """Where the names of an expression find their values."""

    @property
    def calendar(self) -> Calendar: ...

    def rule(self, name: str) -> Day | None:
        """The expression a name stands for; None where it stands for a day itself."""

    def anchor(self, name: str, *, old: bool) -> date | None:
        """The day a name stands for, or None while it is not known."""

    def period(self, name: str) -> Period:
        """The length a term or setting holds."""

    def times(self, transition: str) -> int:
        """How often a transition has happened."""


def evaluate(day: Day, scope: Scope) -> date | None:
    """Return the day, or None while its anchor is unknown or the sum leaves the calendar."""
    found = measure(day, scope)
    if found is None:
        return None
    try:
        return add(*found, scope.calendar)
    except PeriodError:
        return None


def measure(day: Day, scope: Scope) -> tuple[date, Period] | None:
    """Return the day an expression counts from and all it adds to it, or None while that day is unknown.

    An anchor that is itself an expression adds its periods first, so that everything is applied to one day in one step.
    """
    name, old, total = day.anchor, day.old, _total(day, scope)
    while (rule := scope.rule(name)) is not None:
        more = _total(rule, scope)
        name, old, total = rule.anchor, rule.old, total if more is NOTHING else more + total
    anchor = scope.anchor(name, old=old)
    return None if anchor is None else (anchor, total)


NOTHING = Period()


def _total(day: Day, scope: Scope) -> Period:
    if not day.addends:
        return NOTHING
    first, *others = (_length(addend, scope) for addend in day.addends)
    return sum(others, first)


def _length(addend: Addend, scope: Scope) -> Period:
    period = scope.period(addend.period) if isinstance(addend.period, str) else addend.period
    count = scope.times(addend.times) if addend.times else 1
    return period * (addend.sign * count)
