"""Deadlines as calendar entries (iCalendar, RFC 5545): one shape for the mail's attachment and for a personal feed.

An entry's UID follows from the case, the timer and its period, so a deadline that moves is the same entry under a higher
SEQUENCE: the number of the log entry that set the day. A calendar program therefore replaces it instead of adding one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from icalendar import Alarm, Calendar, Event

from workflow.periods import BEIJING

PRODUCT = "-//lianpei//deadlines//ZH"
MIME_TYPE = "text/calendar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A day by which something is due, in the words of whoever reads it."""

    case_id: str
    timer: str
    period: int | None
    day: date
    """The day that counts, inclusive."""
    sequence: int
    """The log entry of the case that set the day (`timers.armed_seq`), or that ended the deadline."""
    summary: str
    text: str
    link: str
    cancelled: bool = False
    """The deadline was met or is no more: the entry disappears from the calendar."""


def uid(case_id: str, timer: str, period: int | None) -> str:
    """What a deadline is known by, whatever day it has."""
    return f"{case_id}-{timer}-{period or 0}@lianpei"


def deadline_event(deadline: Deadline, *, at: datetime) -> Event:
    """A deadline as an entry of the whole day that takes up no time; `at` is when it was put into words."""
    event = Event()
    event.add("uid", uid(deadline.case_id, deadline.timer, deadline.period))
    event.add("sequence", deadline.sequence)
    event.add("dtstamp", at)
    event.add("last-modified", at)
    event.add("dtstart", deadline.day)
    event.add("dtend", deadline.day + timedelta(days=1))
    event.add("transp", "TRANSPARENT")
    event.add("status", "CANCELLED" if deadline.cancelled else "CONFIRMED")
    event.add("summary", deadline.summary)
    event.add("description", deadline.text)
    event.add("url", deadline.link)
    return event


def told_the_day_before(event: Event, text: str) -> Event:
    """Let an entry tell of itself at nine in the morning of the day before."""
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", text)
    alarm.add("trigger", timedelta(hours=-15))
    event.add_component(alarm)
    return event


def calendar_bytes(events: Iterable[Event], *, name: str) -> bytes:
    """A whole calendar of entries under a name, as it is sent or served (UTF-8, lines folded, CRLF)."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    calendar.add("x-wr-timezone", str(BEIJING))
    for event in events:
        calendar.add_component(event)
    return bytes(calendar.to_ical())
