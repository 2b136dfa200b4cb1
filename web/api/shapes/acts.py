"""Acts: what they ask, what they would do, and the receipt of one that took effect."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints

from web.api.shapes.entries import EntryMark
from web.api.shapes.parts import Key, Named, Shape, Word
from web.api.shapes.problems import Reason


class Form(Shape):
    """What is stated with an act. Who acts and what state follows are nobody's to state."""

    values: dict[str, JsonValue] = Field(default_factory=dict, max_length=100)
    outcome: Word | None = None
    effective_on: date | None = None
    confirmed: list[Word] = Field(default_factory=list, max_length=50)
    copies: list[Key] = Field(default_factory=list, max_length=50)
    """The people who are sent a copy of a ballot; it gives them no right to see more."""


class Decline(Shape):
    """Why a proposal is turned down or taken back."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True)]


class Reopening(Shape):
    """At which step a route that is over is reopened, and why."""

    step: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    reason: Annotated[str, StringConstraints(max_length=4000, strip_whitespace=True)]


class Choice(Shape):
    """One of the values a field may take."""

    value: str
    text: str


class FieldView(Shape):
    """One field of an act's form."""

    name: str
    text: str
    type: str
    required: bool
    basis: str
    hint: str | None
    longest: int | None
    personal: bool
    choices: list[Choice]
    """Of a choice, a unit or units, a fact: its values; of a checklist: its items."""


class ActView(Shape):
    """One act: whether the caller may take it now, why not, and what its form asks."""

    name: str
    text: str
    kind: Literal["transition", "task", "ballot"]
    basis: str
    basis_text: str
    by: list[Named]
    second: Named | None
    allowed: bool
    blockers: list[Reason]
    warnings: list[Reason]
    fields: list[FieldView]
    either: list[str]
    outcomes: list[Named]


class ActList(Shape):
    """The acts the case's state offers."""

    version: int
    items: list[ActView]


class Change(Shape):
    """One thing an act changes: its name, the value before and the value after, in words."""

    text: str
    old: str
    new: str


class DeadlineChange(Shape):
    """A deadline that begins, stops or is suspended with an act."""

    text: str
    on: date
    basis_text: str
    ends: bool
    suspended: bool
    note: str


class Told(Shape):
    """A person an act tells, and by which channels."""

    who: str
    how: str


class Step(Shape):
    """One entry an act would write: its own first, then what it lets take effect at once."""

    act: Named
    from_state: Named | None
    to_state: Named
    effective_on: date


class Preview(Shape):
    """What an act would do, as the page shows it before. Nothing was written."""

    version: int
    allowed: bool
    proposes: bool
    """Another person must confirm it before it takes effect."""
    blockers: list[Reason]
    warnings: list[Reason]
    steps: list[Step]
    changes: list[Change]
    deadlines: list[DeadlineChange]
    told: list[Told]
    final: list[str]
    """What cannot be undone."""
    undisclosed: str
    """Where a ballot closes a confidential round: that all ballots together decide what follows, which is not shown before."""


class Receipt(Shape):
    """An act that took effect: its place in the log, and what the case became."""

    case_id: str
    act: str
    seq: int
    hash: str
    recorded_at: datetime
    state: Named
    version: int
    proposed: bool
    repeated: bool
    entries: list[EntryMark]
