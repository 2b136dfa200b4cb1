"""When mail may go out: at the first allowed instant, and always at some instant."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.hours import Hours, NeverOpens, Quiet, spelled
from workflow.periods import BEIJING, seed_calendar

NIGHT = Hours(quiet=Quiet.parse("20:00-08:00"), on_working_days=True)


def beijing(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


@pytest.mark.parametrize(
    ("at", "reminds", "opens"),
    [
        ("2026-03-10 10:00", True, "2026-03-10 10:00"),  # a Tuesday morning
        ("2026-03-10 07:59:59", True, "2026-03-10 08:00"),
        ("2026-03-10 08:00", True, "2026-03-10 08:00"),
        ("2026-03-10 19:59:59", True, "2026-03-10 19:59:59"),
        ("2026-03-10 20:00", True, "2026-03-11 08:00"),
        ("2026-03-13 21:00", True, "2026-03-16 08:00"),  # Friday night: on Monday
        ("2026-03-13 21:00", False, "2026-03-14 08:00"),  # what asks for an act waits for the morning only
        ("2026-10-01 09:00", True, "2026-10-08 08:00"),  # the National Day holiday
        ("2026-02-14 09:00", True, "2026-02-14 09:00"),  # a Saturday made a working day
    ],
)
def test_opening_is_the_first_allowed_instant(at: str, reminds: bool, opens: str) -> None:
    assert NIGHT.opening(beijing(at), seed_calendar(), reminds=reminds) == beijing(opens)


def test_without_settings_every_instant_is_open() -> None:
    at = beijing("2026-10-01 03:00")

    assert Hours().opening(at, seed_calendar(), reminds=True) == at


def test_later_day_begins_with_its_opening() -> None:
    assert NIGHT.opening_of_a_later_day(
        beijing("2026-03-13 10:00"), seed_calendar(), reminds=False
    ) == beijing("2026-03-14 08:00")


MINUTES = st.integers(0, 1439).map(lambda minute: time(minute // 60, minute % 60))


@given(
    begins=MINUTES,
    ends=MINUTES,
    at=st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    reminds=st.booleans(),
)
def test_opening_is_never_early_never_closed_and_never_far(
    begins: time, ends: time, at: datetime, reminds: bool
) -> None:
    if begins == ends:
        return
    hours, calendar = Hours(quiet=Quiet(begins=begins, ends=ends), on_working_days=True), seed_calendar()

    opens = hours.opening(at, calendar, reminds=reminds)

    local = opens.astimezone(BEIJING)
    assert at <= opens <= at + timedelta(days=12)
    assert hours.quiet is not None
    assert not hours.quiet.covers(local.time())
    assert not (reminds and calendar.is_rest_day(local.date()))
    assert hours.opening(opens, calendar, reminds=reminds) == opens


@pytest.mark.parametrize("text", ["00:00-00:00", "08:00-08:00"])
def test_hours_of_a_whole_day_never_open(text: str) -> None:
    with pytest.raises(NeverOpens):
        Quiet.parse(text)


@pytest.mark.parametrize("text", ["", "20-8", "24:00-08:00", "20:00", "20:00-08:60"])
def test_what_is_no_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not hours"):
        Quiet.parse(text)


@pytest.mark.parametrize("text", ["20:00-8:00", "20：00—08：00", " 20:00 - 08:00 "])
def test_hours_are_read_as_people_type_them(text: str) -> None:
    assert Quiet.parse(spelled(text)) == Quiet(begins=time(20), ends=time(8))
