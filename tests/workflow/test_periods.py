"""Legal date arithmetic: Civil Code 200 to 204, in Beijing time."""

import calendar as months_of_the_world
import csv
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workflow.periods import (
    BEIJING,
    Calendar,
    FallingDue,
    Kind,
    Period,
    PeriodError,
    add,
    at_least_half_a_year,
    beijing_day,
    end_of,
    fall_due,
    last_day,
    seed_calendar,
    seed_rows,
    span,
    start_of,
)

WEEKENDS_ONLY = Calendar(rest=frozenset(), work=frozenset(), known_through=date(9999, 12, 31))
CASES_FILE = Path(__file__).parent / "period_cases.csv"
CASES = list(csv.DictReader(CASES_FILE.read_text(encoding="utf-8").splitlines()))

days = st.dates(min_value=date(1900, 1, 1), max_value=date(2200, 12, 31))
counts = st.integers(min_value=-400, max_value=400)
periods = st.builds(Period, years=st.integers(-60, 60), months=counts, days=counts, working_days=counts)


def month_end_by_hand(day: date, months: int) -> date:
    """Give the corresponding day of a later or earlier month, worked out without the library under test."""
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, months_of_the_world.monthrange(year, month)[1]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['event_day']}+{case['length']}")
def test_last_day_of_each_worked_case(case: dict[str, str]) -> None:
    event, period, kind = (
        date.fromisoformat(case["event_day"]),
        Period.parse(case["length"]),
        Kind(case["kind"]),
    )

    last = last_day(event, period, kind, seed_calendar())

    assert last == date.fromisoformat(case["last_day"]), case["why"]


def test_worked_cases_are_all_read() -> None:
    assert len(CASES) == 21


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("3 years", Period(years=3)),
        ("1 year", Period(years=1)),
        ("1 years", Period(years=1)),
        ("18 months", Period(months=18)),
        ("90 days", Period(days=90)),
        ("0 days", Period()),
        ("5 working days", Period(working_days=5)),
        ("1 working day", Period(working_days=1)),
        (" 7 days ", Period(days=7)),
        ("4 years - 90 days", Period(years=4, days=-90)),
        ("1 year + 2 months - 5 working days", Period(years=1, months=2, working_days=-5)),
        ("- 3 days", Period(days=-3)),
    ],
)
def test_parse_reads_a_period(text: str, period: Period) -> None:
    assert Period.parse(text) == period


@pytest.mark.parametrize(
    "text",
    [
        "",
        "days",
        "3",
        "3days",
        "3 weeks",
        "1.5 years",
        "３ days",
        "3 years 2 days",
        "3 years +",
        "+ 3 days",
        "3 years -- 1 day",
        "3 years; 1 day",
        "3 Years",
        "12345678 days",
        "3 天",
    ],
)
def test_parse_refuses_what_is_no_period(text: str) -> None:
    with pytest.raises(PeriodError, match="not a period"):
        Period.parse(text)


@pytest.mark.parametrize(
    ("period", "text"),
    [
        (Period(years=3), "3 years"),
        (Period(years=1), "1 year"),
        (Period(), "0 days"),
        (Period(working_days=5), "5 working days"),
        (Period(years=4, days=-90), "4 years - 90 days"),
        (Period(days=-1), "- 1 day"),
    ],
)
def test_str_writes_a_period(period: Period, text: str) -> None:
    assert str(period) == text


@given(periods)
def test_str_is_read_back_unchanged(period: Period) -> None:
    assert Period.parse(str(period)) == period


def test_sum_of_periods_is_formed_before_it_is_applied() -> None:
    total = Period.parse("3 years") + Period.parse("1 year") * 2 + -Period.parse("90 days")

    assert total == Period(years=5, days=-90)
    assert add(date(2020, 2, 29), total, WEEKENDS_ONLY) == date(2024, 11, 30)


@given(days, periods)
@example(date(2020, 2, 29), Period(years=4))
@example(date(2020, 2, 29), Period(years=1, months=1))
@example(date(2024, 1, 31), Period(months=1))
@example(date(2024, 3, 31), Period(months=-1))
def test_add_takes_one_step_of_months_then_days(day: date, period: Period) -> None:
    plain = Period(years=period.years, months=period.months, days=period.days)

    reached = add(day, plain, WEEKENDS_ONLY)

    assert reached == month_end_by_hand(day, period.years * 12 + period.months) + timedelta(days=period.days)


@given(days, st.integers(1, 300))
def test_working_days_are_counted_after_the_day_of_the_event(day: date, count: int) -> None:
    reached = add(day, Period(working_days=count), seed_calendar())

    passed = [day + timedelta(days=n) for n in range(1, (reached - day).days + 1)]
    assert sum(not seed_calendar().is_rest_day(each) for each in passed) == count
    assert not seed_calendar().is_rest_day(reached)


def test_working_days_count_back_when_negative() -> None:
    reached = add(date(2026, 10, 9), Period(working_days=-5), seed_calendar())

    assert reached == date(2026, 9, 24)


@given(days, st.integers(0, 60), st.integers(0, 400), st.sampled_from(Kind))
def test_last_day_is_never_early(day: date, years: int, more: int, kind: Kind) -> None:
    period = Period(years=years, days=more)

    last = last_day(day, period, kind, seed_calendar())

    assert last >= add(day, period, seed_calendar()) >= day


@given(days)
def test_rolled_day_is_the_first_working_day_from_the_nominal(day: date) -> None:
    due = fall_due(day, Kind.DUE, seed_calendar())

    skipped = [day + timedelta(days=n) for n in range((due.day - day).days)]
    assert not seed_calendar().is_rest_day(due.day)
    assert all(seed_calendar().is_rest_day(each) for each in skipped)


@given(days, st.sampled_from([Kind.OPENS, Kind.ENDS]))
def test_what_opens_or_ends_never_rolls(day: date, kind: Kind) -> None:
    due = fall_due(day, kind, seed_calendar())

    assert (due.nominal_on, due.day, due.provisional) == (day, day, False)


def test_due_lies_at_the_end_of_the_rolled_day() -> None:
    due = fall_due(date(2026, 10, 1), Kind.DUE, seed_calendar())

    assert due == FallingDue(
        kind=Kind.DUE,
        nominal_on=date(2026, 10, 1),
        day=date(2026, 10, 8),
        at=datetime(2026, 10, 8, 16, tzinfo=UTC),
        provisional=False,
    )


def test_opens_lies_at_the_beginning_of_its_day() -> None:
    assert fall_due(date(2026, 10, 1), Kind.OPENS, seed_calendar()).at == datetime(
        2026, 9, 30, 16, tzinfo=UTC
    )


def test_ends_lies_at_the_end_of_its_day() -> None:
    assert fall_due(date(2026, 10, 1), Kind.ENDS, seed_calendar()).at == datetime(2026, 10, 1, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("nominal", "kind", "provisional"),
    [
        (date(2026, 12, 31), Kind.DUE, False),  # the last day the announcements cover, a Thursday
        (date(2027, 1, 1), Kind.DUE, True),
        (date(2027, 10, 8), Kind.DUE, True),
        (date(2027, 1, 1), Kind.ENDS, False),
        (date(2027, 1, 1), Kind.OPENS, False),
    ],
)
def test_provisional_only_where_rolling_would_be_a_guess(
    nominal: date, kind: Kind, provisional: bool
) -> None:
    assert fall_due(nominal, kind, seed_calendar()).provisional is provisional


def test_provisional_when_rolled_beyond_the_known_days() -> None:
    known_to_saturday = Calendar(rest=frozenset(), work=frozenset(), known_through=date(2027, 1, 2))

    due = fall_due(date(2027, 1, 2), Kind.DUE, known_to_saturday)

    assert (due.day, due.provisional) == (date(2027, 1, 4), True)


@pytest.mark.parametrize(
    ("day", "rests"),
    [
        (date(2026, 11, 20), False),  # a plain Friday
        (date(2026, 11, 21), True),  # a plain Saturday
        (date(2026, 10, 1), True),  # National Day, a Thursday
        (date(2026, 2, 28), False),  # a make-up working Saturday
        (date(2031, 10, 1), False),  # a Wednesday nothing is announced for yet
        (date(2031, 10, 4), True),  # a Saturday beyond the announcements
    ],
)
def test_rest_day_follows_the_announcements_then_the_weekend(day: date, rests: bool) -> None:
    assert seed_calendar().is_rest_day(day) is rests


def test_makeup_day_rests_when_the_office_reads_it_so() -> None:
    saturday = date(2026, 2, 28)
    reading = Calendar(
        rest=frozenset(),
        work=frozenset({saturday}),
        known_through=date(2026, 12, 31),
        makeup_days_count=False,
    )

    assert reading.next_working_day(saturday) == date(2026, 3, 2)


def test_calendar_refuses_a_day_announced_as_both() -> None:
    day = frozenset({date(2026, 10, 1)})

    with pytest.raises(PeriodError, match="2026-10-01"):
        Calendar(rest=day, work=day, known_through=date(2026, 12, 31))


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31), timezones=st.just(UTC)))
def test_beijing_day_holds_the_instant(at: datetime) -> None:
    day = beijing_day(at)

    assert start_of(day) <= at < end_of(day)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 3, 10, 15, 59, 59, 999999, tzinfo=UTC), date(2026, 3, 10)),
        (datetime(2026, 3, 10, 16, tzinfo=UTC), date(2026, 3, 11)),
        (datetime(2026, 3, 10, 23, 30, tzinfo=timezone(timedelta(hours=-5))), date(2026, 3, 11)),
        (datetime(2026, 3, 10, 0, 30, tzinfo=BEIJING), date(2026, 3, 10)),
    ],
)
def test_beijing_day_changes_at_beijing_midnight(at: datetime, day: date) -> None:
    assert beijing_day(at) == day


def test_beijing_day_refuses_a_naive_instant() -> None:
    with pytest.raises(PeriodError, match="time zone"):
        beijing_day(datetime(2026, 3, 10))


@pytest.mark.parametrize(
    ("day", "period"),
    [
        (date(9999, 12, 31), Period(days=1)),
        (date(9999, 12, 31), Period(months=1)),
        (date(9999, 12, 30), Period(working_days=5)),
        (date(1, 1, 1), Period(days=-1)),
        (date(1, 1, 1), Period(years=-1)),
        (date(1, 1, 1), Period(working_days=-1)),
        (date(2026, 1, 1), Period(years=9999999)),
        (date(2026, 1, 1), Period(days=9999999) * 9999999),
        (date(2026, 1, 1), Period(years=9000, days=9999999)),
    ],
)
def test_add_beyond_the_calendar_is_a_period_error(day: date, period: Period) -> None:
    with pytest.raises(PeriodError, match="beyond the calendar"):
        add(day, period, WEEKENDS_ONLY)


def test_add_reaches_both_ends_of_the_calendar() -> None:
    assert add(date(1, 1, 1), Period(years=9998, months=11, days=30), WEEKENDS_ONLY) == date(9999, 12, 31)
    assert add(date(9999, 12, 31), Period(years=-9998, months=-11, days=-30), WEEKENDS_ONLY) == date(1, 1, 1)


def test_instants_beyond_the_calendar_are_period_errors() -> None:
    with pytest.raises(PeriodError):
        start_of(date(1, 1, 1))
    with pytest.raises(PeriodError):
        end_of(date(9999, 12, 31))
    with pytest.raises(PeriodError):
        fall_due(date(9999, 12, 31), Kind.DUE, WEEKENDS_ONLY)
    with pytest.raises(PeriodError):
        beijing_day(datetime.max.replace(tzinfo=UTC))
    assert start_of(date(9999, 12, 31)) == datetime(9999, 12, 30, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "last", "stay"),
    [
        (date(2025, 3, 1), date(2025, 8, 31), Period(months=6)),  # to the eve of the corresponding day
        (date(2025, 3, 1), date(2025, 8, 30), Period(months=5, days=30)),
        (date(2025, 3, 1), date(2025, 9, 1), Period(months=6, days=1)),
        (date(2025, 8, 31), date(2026, 2, 28), Period(months=6)),  # no 31 February: its last day
        (date(2025, 8, 31), date(2026, 2, 27), Period(months=5, days=28)),
        (date(2025, 8, 28), date(2026, 2, 27), Period(months=6)),
        (date(2024, 2, 29), date(2025, 2, 28), Period(months=12)),
        (date(2024, 1, 30), date(2024, 2, 29), Period(months=1)),
        (date(2026, 5, 5), date(2026, 5, 5), Period(days=1)),
        (date(9999, 12, 1), date(9999, 12, 31), Period(days=31)),
    ],
)
def test_span_counts_both_days_and_whole_months(first: date, last: date, stay: Period) -> None:
    assert span(first, last) == stay


@given(days, st.integers(0, 4000))
def test_span_grows_with_every_day(first: date, length: int) -> None:
    shorter = span(first, first + timedelta(days=length))
    longer = span(first, first + timedelta(days=length + 1))

    assert (shorter.months, shorter.days) < (longer.months, longer.days)
    assert 0 <= shorter.days <= 30


def test_span_refuses_an_end_before_the_beginning() -> None:
    with pytest.raises(PeriodError, match="cannot end before"):
        span(date(2026, 5, 5), date(2026, 5, 4))


@pytest.mark.parametrize(
    ("stays", "enough"),
    [
        ([Period(months=6)], True),
        ([Period(months=5, days=30)], False),  # one stay is measured by corresponding day
        ([Period(months=3), Period(months=3)], True),
        ([Period(months=3, days=15), Period(months=2, days=15)], True),  # 30 days make a month
        ([Period(months=3, days=15), Period(months=2, days=14)], False),
        ([], False),
    ],
)
def test_half_a_year_from_one_or_several_stays(stays: list[Period], enough: bool) -> None:
    assert at_least_half_a_year(stays) is enough


def test_seed_covers_what_was_announced_and_no_more() -> None:
    calendar = seed_calendar()

    assert calendar.known_through == date(2026, 12, 31)
    assert calendar.is_known(date(2026, 12, 31))
    assert not calendar.is_known(date(2027, 1, 1))


def test_seed_rows_differ_from_the_plain_week_or_lie_in_a_holiday() -> None:
    rows = list(seed_rows())

    assert rows == sorted(rows)
    assert rows[0] == (date(2004, 1, 1), "rest", "元旦")
    assert (date(2026, 2, 28), "work", "春节") in rows
    assert {mark for _, mark, _ in rows} == {"rest", "work"}
    assert all(day.weekday() >= 5 for day, mark, _ in rows if mark == "work")
    assert len({day for day, _, _ in rows}) == len(rows)


# ───────────────────────────── The whole rule once more, worked out day by day


def last_day_by_hand(event: date, *, years: int, months: int, more: int, working: int) -> date:
    """The last day of a deadline by the Civil Code, by walking: no arithmetic of the library under test is used.

    The announcements are read from the rows themselves; beyond them there are weekends only.
    """
    announced = {day: mark for day, mark, _ in seed_rows()}

    def works(day: date) -> bool:
        return announced.get(day, "work" if day.weekday() < 5 else "rest") == "work"

    day = month_end_by_hand(event, years * 12 + months)
    for _ in range(more):
        day += timedelta(days=1)
    left = working
    while left:
        day += timedelta(days=1)
        left -= works(day)
    while not works(day):
        day += timedelta(days=1)
    return day


@given(
    st.dates(min_value=date(2004, 1, 1), max_value=date(2060, 12, 31)),
    st.integers(0, 10),
    st.integers(0, 40),
    st.integers(0, 120),
    st.integers(0, 60),
)
@example(date(2024, 2, 29), 1, 0, 0, 0)
@example(date(2026, 9, 24), 0, 0, 0, 5)
@example(date(2026, 1, 16), 0, 0, 30, 0)
@example(date(2025, 8, 31), 0, 6, 0, 0)
@example(date(2026, 12, 28), 0, 0, 0, 5)
def test_last_day_is_what_walking_the_days_gives(
    event: date, years: int, months: int, more: int, working: int
) -> None:
    period = Period(years=years, months=months, days=more, working_days=working)

    found = fall_due(add(event, period, seed_calendar()), Kind.DUE, seed_calendar())

    by_hand = last_day_by_hand(event, years=years, months=months, more=more, working=working)
    assert found.day == by_hand
    assert found.provisional is (by_hand > date(2026, 12, 31))


@given(st.dates(min_value=date(2027, 1, 1), max_value=date(2060, 12, 31)), st.integers(0, 60))
def test_deadline_beyond_the_announcements_is_never_a_silent_guess(event: date, working: int) -> None:
    found = fall_due(add(event, Period(working_days=working), seed_calendar()), Kind.DUE, seed_calendar())

    assert found.provisional
    assert found.day >= event
    assert found.day.weekday() < 5
