"""A deadline in a calendar: the same entry however it moves, and text that cannot break out of its line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from icalendar import Calendar

from workflow.ics import Deadline, calendar_bytes, deadline_event

AT = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
DEADLINE = Deadline(
    case_id="0195",
    timer="report",
    period=1,
    day=date(2027, 11, 9),
    sequence=7,
    summary="进展报告（水城人民医院研究生联合培养基地）",
    text="请办理。\n依据：办法第九条",
    link="https://base.example.org/bases/0195",
)


def test_deadline_fills_its_day_and_takes_no_time() -> None:
    event = deadline_event(DEADLINE, at=AT)

    assert (event.decoded("dtstart"), event.decoded("dtend")) == (date(2027, 11, 9), date(2027, 11, 10))
    assert (event["transp"], event["status"]) == ("TRANSPARENT", "CONFIRMED")
    assert event["url"] == "https://base.example.org/bases/0195"


def test_deadline_that_moves_is_the_same_entry_under_a_higher_sequence() -> None:
    moved = replace(DEADLINE, day=date(2027, 12, 9), sequence=9)

    before, after = deadline_event(DEADLINE, at=AT), deadline_event(moved, at=AT)

    assert before["uid"] == after["uid"]
    assert after["sequence"] > before["sequence"]


def test_deadlines_of_two_periods_are_two_entries() -> None:
    other = replace(DEADLINE, period=2)

    assert deadline_event(DEADLINE, at=AT)["uid"] != deadline_event(other, at=AT)["uid"]


def test_calendar_survives_being_read_again() -> None:
    """Long Chinese text is folded by bytes, and line breaks in a reason cannot start a property of their own."""
    wordy = replace(DEADLINE, text="第一行\r\nATTENDEE:mailto:stranger@example.org\n" + "长" * 300)

    content = calendar_bytes([deadline_event(wordy, at=AT)], name="联培基地期限")

    event = Calendar.from_ical(content).walk("VEVENT")[0]
    assert event["description"] == wordy.text.replace("\r\n", "\n")
    assert "attendee" not in event
    assert max(len(line) for line in content.split(b"\r\n")) <= 75
