"""What waits for the caller, and who the caller is."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from web.api.shapes.parts import DayAndKey, Line, Named, Shape, Unit, Word, YesNo
from web.api.shapes.problems import Reason


class TaskQuery(Shape):
    """Which of the tasks that wait for me."""

    state: Word | None = None
    q: Line | None = None
    overdue: YesNo | None = None
    after: DayAndKey | None = None
    before: DayAndKey | None = None


class TaskView(Shape):
    """An act somebody expects of me."""

    id: str
    case_id: str
    act: Named
    role: Named
    state: Named
    due_on: date | None
    overdue: bool
    provisional: bool
    """The day may still move: the holidays of its year are not announced."""
    opened_at: datetime
    asked_by: str | None
    mine: bool
    """Expected of me in my own right."""
    mend: str | None
    """Where it is asked of me only because nobody is linked in whose part it is: who mends that, and where."""
    for_people: list[str]
    """The names of those for whom I could do it, as their delegate."""
    base_name: str | None
    base_number: str | None
    partner: str | None
    college: str | None


class TaskPage(Shape):
    """A page of what waits for me, the earliest deadline first."""

    items: list[TaskView]
    newer: str | None
    older: str | None


class PendingView(Shape):
    """An act somebody proposed and another person must confirm."""

    id: str
    case_id: str
    act: Named
    case_version: int
    proposed_by: str
    proposed_at: datetime
    mine: bool
    confirmed_by: Named
    """The role of the second person."""
    base_name: str | None


class PendingPage(Shape):
    """A page of proposals that wait."""

    items: list[PendingView]
    newer: str | None
    older: str | None


class StuckStep(Shape):
    """A step nobody can act on, why, and what mends it."""

    case_id: str
    base_name: str | None
    step: Named
    reason: Named
    mend: str


class HeldUp(Shape):
    """A decision that was carried and cannot take effect yet."""

    case_id: str
    base_name: str | None
    act: Named
    blockers: list[Reason]


class StuckList(Shape):
    """The steps nobody can act on, of the cases of which the caller is the office."""

    items: list[StuckStep]
    held_up: list[HeldUp]


class Role(Shape):
    """A role I hold, and on which unit; without one it holds wherever the role does."""

    role: Named
    unit: Unit | None


class Me(Shape):
    """Who the token speaks for."""

    person_id: str
    name: str
    login: str
    language: Literal["zh", "en"]
    roles: list[Role]
    token_name: str
    token_expires_at: datetime
