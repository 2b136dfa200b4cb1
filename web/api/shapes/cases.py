"""Cases: the list, one case, a draft that is opened, its files."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import JsonValue

from web.api.shapes.parts import Key, Line, Named, Shape, Word, YesNo


class CaseQuery(Shape):
    """Which cases to list; what is left out narrows nothing."""

    lifecycle: Word | None = None
    state: Word | None = None
    unit: Key | None = None
    q: Line | None = None
    overdue: YesNo | None = None
    after: Key | None = None
    before: Key | None = None


class NewCase(Shape):
    """A draft to be opened on a unit."""

    lifecycle: Word
    unit: Key


class NextDeadline(Shape):
    """The nearest deadline of a case in a list."""

    name: str
    text: str
    due_on: date


class CaseLine(Shape):
    """One case in a list."""

    id: str
    state: Named
    base_name: str | None
    base_number: str | None
    application_number: str | None
    partner: str | None
    college: str | None
    level: str
    entered_on: date
    closed_at: datetime | None
    next_deadline: NextDeadline | None
    agreement_last_day: date | None


class CasePage(Shape):
    """A page of cases; `newer` and `older` are the marks to ask with, as `before` and `after`."""

    items: list[CaseLine]
    newer: str | None
    older: str | None


class Fact(Shape):
    """One thing the case says of itself: the value as it is kept, and in words."""

    name: str
    label: str
    value: JsonValue
    text: str


class DateOf(Shape):
    """A date of the lifecycle file that follows from others."""

    name: str
    text: str
    day: date | None
    basis: str


class CaseView(Shape):
    """One case. The entity tag of the answer is its version."""

    id: str
    lifecycle: str
    edition: str
    state: Named
    version: int
    opened_at: datetime
    entered_on: date
    closed_at: datetime | None
    standing: str
    """Where the case is and what comes next, in a sentence."""
    facts: list[Fact]
    dates: list[DateOf]
    pending: str | None
    """The proposal that waits for a second person."""


class Opened(Shape):
    """A draft that was opened."""

    id: str
    version: int
    state: Named
    repeated: bool


class Document(Shape):
    """A stored file."""

    id: str
    case_id: str
    field: str
    name: str
    media_type: str
    size: int
    sha256: str
