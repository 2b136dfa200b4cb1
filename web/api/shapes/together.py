"""One act on several cases, each by itself, and what became of each."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from web.api.shapes.acts import Form, Receipt
from web.api.shapes.parts import Key, Shape
from web.api.shapes.problems import Problem

MOST = 50
"""Bases decided on with one request, as on the pages."""

Version = Annotated[int, Field(ge=0, le=999_999_999)]


class CaseSeen(Shape):
    """A case and the version of it the caller saw."""

    case_id: Key
    version: Version


class Together(Shape):
    """One form for an act on several cases, each by itself."""

    rows: list[CaseSeen] = Field(min_length=1, max_length=MOST)
    form: Form = Field(default_factory=Form)


class RowResult(Shape):
    """What became of one row: its receipt, or the problem the same request on it alone would have got."""

    id: str
    """The row of the agenda, or the case."""
    done: bool
    receipt: Receipt | None = None
    problem: Problem | None = None


class Results(Shape):
    """What became of each row, in the order they were sent."""

    items: list[RowResult]
