"""The open round of a case, and what is stated about a seat in it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from web.api.shapes.parts import Key, Named, Shape
from web.api.shapes.problems import Reason


class RoundForm(Shape):
    """What is stated with an act about an open round: `person` is whose seat it is about, `to` who gets one."""

    people: list[Key] = Field(default_factory=list, max_length=50)
    person: Key | None = None
    to: Key | None = None
    side: Literal["before", "after"] | None = None
    reason: Annotated[str, StringConstraints(max_length=2000)] = ""


class RoundActView(Shape):
    """One act about an open round: whether the caller may do it, why not, and what is stated with it."""

    name: str
    text: str
    allowed: bool
    blockers: list[Reason]
    fields: list[str]
    optional: list[str]


class CandidateView(Shape):
    """A person of the pool of experts: whether they can be given a seat, and why not."""

    person_id: str
    name: str
    external: bool
    allowed: bool
    blockers: list[Reason]


class RoundView(Shape):
    """The open round of a case and what can be done about it; the pool is told to whoever names experts."""

    version: int
    step: Named | None
    items: list[RoundActView]
    pool: list[CandidateView]
