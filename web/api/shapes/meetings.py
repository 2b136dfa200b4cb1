"""Meetings: what is voted on side by side, by whom, and what closing one does."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from web.api.shapes.parts import Key, Named, Shape, Word
from web.api.shapes.problems import Reason
from web.api.shapes.together import Version

# ───────────────────────────── In


class NewMeeting(Shape):
    """A meeting over cases that are at a vote, in the order of the agenda; the chair and those present are members."""

    role: Word | None = None
    """Whose meeting, by the role that votes; may be left out by whoever convenes only one body."""
    held_on: date
    place: Annotated[str, StringConstraints(max_length=200)]
    chair_id: Key
    present: list[Key] = Field(max_length=200)
    agenda: list[Key] = Field(max_length=200)


class OfBody(Shape):
    """Whose votes, by the role; may be left out by whoever convenes only one body."""

    role: Word | None = None


class Presence(Shape):
    """The members who are present from now on."""

    present: list[Key] = Field(max_length=200)


class RowVote(Shape):
    """The caller's choice on a row, on the version of its case they saw."""

    item_id: Key
    version: Version
    outcome: Word


class Votes(Shape):
    """The caller's ballots of a meeting."""

    rows: list[RowVote] = Field(min_length=1, max_length=200)


class PaperVotes(Shape):
    """A member's paper ballots of a meeting, entered by the office with their scan."""

    person_id: Key
    scan: Annotated[str, StringConstraints(max_length=2000)]
    """What setting the scan aside answered."""
    rows: list[RowVote] = Field(min_length=1, max_length=200)


class RowSeen(Shape):
    """A row as its consequences were shown: the version of its case and the place of its last entry."""

    item_id: Key
    version: Version
    seq: Version


class Closing(Shape):
    """The rows that are to be closed, as they were shown."""

    rows: list[RowSeen] = Field(max_length=200)


# ───────────────────────────── Out


class MeetingBrief(Shape):
    """A meeting in the list."""

    id: str
    number: str
    role: Named
    """Whose meeting it is: the role that votes."""
    held_on: date
    place: str
    status: Literal["open", "closed"]
    chair: str
    count: int
    """How many rows its agenda has."""


class MeetingPage(Shape):
    """A page of meetings, the latest first."""

    items: list[MeetingBrief]
    newer: str | None
    older: str | None


class Votable(Shape):
    """A case at a vote that is on no open meeting's agenda."""

    case_id: str
    base_name: str | None
    number: str | None


class VotableList(Shape):
    """What can be put on an agenda."""

    items: list[Votable]


class Member(Shape):
    """A member, and whether they are present."""

    person_id: str
    name: str
    present: bool


class Row(Shape):
    """A row of the agenda."""

    id: str
    place: int
    case_id: str
    base_name: str | None
    step: Named
    motion: str
    """What is voted on."""
    version: int
    seq: int
    open: bool
    outcomes: list[Named]
    """What the caller may choose here and now."""
    blockers: list[Reason]
    """Why the caller, who is present, may not vote."""
    mine: str | None
    """The caller's own ballot; of a secret one that it was cast."""
    waiting: list[str]
    """Who has not voted, for whoever leads the meeting."""
    quorum: str
    majority: str
    result: Named | None


class MeetingView(Shape):
    """A meeting whole."""

    id: str
    number: str
    role: Named
    """Whose meeting it is: the role that votes."""
    held_on: date
    place: str
    status: Literal["open", "closed"]
    chair_id: str
    chair: str
    convened_at: datetime
    closed_at: datetime | None
    attendance: list[Member]
    rows: list[Row]
    minutes: str | None
    """The address of the minutes of a closed meeting."""


class RowAhead(Shape):
    """What closing would do on an open row."""

    item_id: str
    case_id: str
    version: int
    seq: int
    quorum: str
    majority: str
    result: Named
    follows: list[str]


class ClosingView(Shape):
    """What closing a meeting would do, row by row; nothing is written."""

    rows: list[RowAhead]


class ScanAside(Shape):
    """A scan that waits for the ballots it shows; without them it is thrown away after a day."""

    scan: str
    """Names it when they are entered."""
