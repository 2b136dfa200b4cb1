"""What every shape is made of: closed models, and the texts that are names, keys, days and marks of pages."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

NO_CONTROL = r"^[^\x00-\x1f\x7f]*$"
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
"""A name of a lifecycle file."""

Key = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
]
"""The identifier of a row."""

Line = Annotated[str, StringConstraints(max_length=200, pattern=NO_CONTROL)]
LogPlace = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,17}-[0-9]{1,18}$")]
"""The mark of a page of the log: when an entry was recorded, and its number."""

Place = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}$")]
"""The mark of a page that goes by places in a stream."""

DayAndKey = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
    ),
]
"""The mark of a page that goes by days."""

YesNo = Literal["true", "false"]


def _a_day(text: str) -> str:
    """The text, if the calendar has such a day. Raises ValueError for any other."""
    return date.fromisoformat(text).isoformat()


DayText = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_a_day)]
"""A day of the calendar, as ISO 8601 writes it."""


class Shape(BaseModel):
    """Closed and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class KeyPaging(Shape):
    """A page of a list that goes by identifiers."""

    after: Key | None = None
    before: Key | None = None


class PlacePaging(Shape):
    """A page of a list that goes by places in a stream."""

    after: Place | None = None
    before: Place | None = None


class Named(Shape):
    """A name of the lifecycle file and what people call it."""

    name: str
    text: str


class Unit(Shape):
    """A college or office."""

    id: str
    name: str
