"""Deadlines: those of one case, and the list over all."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from web.api.shapes.parts import DayAndKey, DayText, Key, Named, Shape, Word, YesNo


class DeadlineQuery(Shape):
    """Which of the deadlines that run; what is left out narrows nothing. Both days are included."""

    mine: YesNo | None = None
    lifecycle: Word | None = None
    unit: Key | None = None
    kind: Literal["opens", "due", "ends"] | None = None
    overdue: YesNo | None = None
    since: DayText | None = None
    until: DayText | None = None
    after: DayAndKey | None = None
    before: DayAndKey | None = None


class TimerQuery(Shape):
    """Whether the deadlines of a case that are over are told, too."""

    over: YesNo | None = None


class Suspended(Shape):
    """A deadline that stands still: since when, why, and how many days are left from the day it is resumed."""

    since: date
    reason: str
    days_left: int


class Deadline(Shape):
    """A day of a case by which something must have happened, or on which something happens by itself."""

    name: str
    text: str
    kind: Literal["opens", "due", "ends"]
    due_on: date
    due_at: datetime
    nominal_on: date
    provisional: bool
    status: Literal["open", "held", "fired", "cancelled"]
    hold: str | None
    overdue: bool
    armed_seq: int
    ended_seq: int | None
    period: int | None
    answered_by: Named | None
    basis: str
    basis_text: str


class DeadlineLine(Shape):
    """One deadline in the list over all cases, with whose turn it is; nobody's where it takes effect by itself."""

    id: str
    case_id: str
    state: Named
    base_name: str | None
    base_number: str | None
    partner: str | None
    college: str | None
    turn: list[Named]
    deadline: Deadline


class DeadlinePage(Shape):
    """A page of deadlines, the earliest first."""

    items: list[DeadlineLine]
    newer: str | None
    older: str | None


class CaseDeadline(Deadline):
    """A deadline of one case, with how it stands still or stood still since the case came into its state."""

    suspended: Suspended | None
    days_suspended: int


class DeadlineList(Shape):
    """The deadlines that run on a case, or all it ever had."""

    items: list[CaseDeadline]
