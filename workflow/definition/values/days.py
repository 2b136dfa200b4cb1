"""Days that follow from others: a date of the file, and the expressions it is written with."""

from __future__ import annotations

from dataclasses import dataclass

from workflow.definition.values.labels import Label
from workflow.periods import Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Addend:
    """One signed period of a day expression: `- final_before`, `+ extension * times(extend)`, `+ 90 days`."""

    sign: int
    period: Period | str
    """A literal period, or the name of a term or setting that holds one."""
    times: str | None = None
    """The transition whose count multiplies the period; None multiplies by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """`anchor + period − period`: the periods are added up first and applied to the anchor in one step."""

    anchor: str
    """A date of the file, a date field, a transition (the day it last took effect), `today`, or a setting naming one of them."""
    old: bool = False
    """Read the value the case has, not the one the form would give it."""
    addends: tuple[Addend, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """A day that comes back each year: `every yearly_data_day`, the setting holding MM-DD."""

    setting: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRule:
    """A date of the file that follows from others."""

    name: str
    label: Label
    basis: str
    day: Day
