"""Entries of the log."""

from __future__ import annotations

from datetime import date, datetime

from web.api.shapes.parts import Key, LogPlace, Named, Shape, Word


class EntryQuery(Shape):
    """Which entries of the log."""

    kind: Word | None = None
    case: Key | None = None
    actor: Key | None = None
    after: LogPlace | None = None
    before: LogPlace | None = None


class Entry(Shape):
    """One entry of the log."""

    stream: str
    seq: int
    kind: Named
    act: Named | None
    outcome: Named | None
    from_state: Named | None
    to_state: Named | None
    actor: str
    """A person's name, or the system's."""
    actor_id: str | None
    source: Named
    effective_on: date
    recorded_at: datetime
    hash: str
    case_id: str | None


class EntryPage(Shape):
    """A page of entries, newest first."""

    items: list[Entry]
    newer: str | None
    older: str | None


class EntryMark(Shape):
    """The place, act and hash of an entry."""

    seq: int
    act: str
    hash: str
