"""Legal date arithmetic: periods, rest days, and the instant at which a day begins or falls due.

The rules are those of the Civil Code, Articles 200 to 204, read in Beijing time. The day of the event is not
counted; years and months end on the corresponding day, or on the month's last day where there is none; a
deadline for an act that falls on a rest day moves to the next working day. Days are dates, instants are UTC.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

BEIJING = ZoneInfo("Asia/Shanghai")
ONE_DAY = timedelta(days=1)
SATURDAY = 5
MONTHS_IN_YEAR = 12
# Several stays of one student add up with 30 days to the month (local reading of Art. 11).
DAYS_IN_SUMMED_MONTH = 30
MONTHS_IN_HALF_A_YEAR = 6

_UNITS = {"year": "years", "month": "months", "day": "days", "working day": "working_days"}
_TERM = r"(\d{1,7}) +(year|month|working day|day)s?"
_SUM = re.compile(rf"-? *{_TERM}( *[+-] *{_TERM})*", re.ASCII)
_SIGNED_TERM = re.compile(rf"([+-]?) *{_TERM}", re.ASCII)


class PeriodError(ValueError):
    """A period that cannot be read, or a day or an instant that no calendar can show."""


class Kind(StrEnum):
    """What sort of day a timer stands for: whether it rolls, and at which end of it the instant lies.

    OPENS: 00:00 of the day, never moved. DUE: 24:00, moved off a rest day (a deadline for an act).
    ENDS: 24:00, never moved.
    """

    OPENS = "opens"
    DUE = "due"
    ENDS = "ends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A length of time in calendar units. Sums are formed first and applied to a day once, by `add`."""

    years: int = 0
    months: int = 0
    days: int = 0
    working_days: int = 0

    @classmethod
    @lru_cache(maxsize=256)
    def parse(cls, text: str) -> "Period":
        """Read `3 years`, `18 months`, `90 days`, `5 working days`, or what `str` wrote (`1 year - 90 days`).

        Raises PeriodError for anything else.
        """
        if not _SUM.fullmatch(text.strip()):
            raise PeriodError(f"not a period: {text!r}; write for example '3 years' or '5 working days'")
        total = cls()
        for sign, count, unit in _SIGNED_TERM.findall(text):
            total += cls(**{_UNITS[unit]: int(sign + count)})
        return total

    def __add__(self, other: "Period") -> "Period":
        return Period(
            years=self.years + other.years,
            months=self.months + other.months,
            days=self.days + other.days,
            working_days=self.working_days + other.working_days,
        )

    def __neg__(self) -> "Period":
        return self * -1

    def __mul__(self, times: int) -> "Period":
        if times == 1:
            return self
        return Period(
            years=self.years * times,
            months=self.months * times,
            days=self.days * times,
            working_days=self.working_days * times,
        )

    def __str__(self) -> str:
        """Write the period in English, as `parse` reads it."""
        counts = {unit: count for unit, name in _UNITS.items() if (count := getattr(self, name))}
        text = "".join(
            f" {'-' if count < 0 else '+'} {abs(count)} {unit}{'' if abs(count) == 1 else 's'}"
            for unit, count in counts.items()
        )
        return text.removeprefix(" + ").removeprefix(" ") or "0 days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The announced rest days and make-up working days, and the last day the announcements cover.

    Other days follow the plain weekend rule. `makeup_days_count=False` reads a make-up day as the weekend day
    it is. Raises PeriodError when a day is announced as both.
    """

    rest: frozenset[date]
    work: frozenset[date]
    known_through: date
    makeup_days_count: bool = True
    loaded_on: date | None = None
    """The day on which announcements were last loaded; a deadline that had come before it stays where it was."""

    def __post_init__(self) -> None:
        if both := self.rest & self.work:
            raise PeriodError(f"announced as rest day and as working day at once: {min(both).isoformat()}")

    def is_rest_day(self, day: date) -> bool:
        """Tell whether a deadline for an act may not end on the day."""
        if day in self.rest:
            return True
        if self.makeup_days_count and day in self.work:
            return False
        return day.weekday() >= SATURDAY

    def is_known(self, day: date) -> bool:
        """Tell whether the announcements cover the day; beyond them only weekends are known."""
        return day <= self.known_through

    def next_working_day(self, day: date) -> date:
        """Give the day itself when it is a working day, else the first working day after it."""
        while self.is_rest_day(day):
            day = _shift(day, ONE_DAY)
        return day


@dataclass(frozen=True, slots=True, kw_only=True)
class FallingDue:
    """A day worked out: as the text has it (`nominal_on`), as it counts (`day`), and the instant (`at`, UTC).

    `provisional`: moved, or left in place, without knowing the holidays; worked out anew with the calendar.
    """

    kind: Kind
    nominal_on: date
    day: date
    at: datetime
    provisional: bool


def beijing_day(at: datetime) -> date:
    """Give the Beijing calendar day an aware instant falls on. Raises PeriodError for a naive one."""
    if at.utcoffset() is None:
        raise PeriodError(f"an instant needs a time zone: {at.isoformat()}")
    try:
        return at.astimezone(BEIJING).date()
    except OverflowError as error:
        raise PeriodError(f"beyond the calendar: {at.isoformat()}") from error


def start_of(day: date) -> datetime:
    """Give the UTC instant of 00:00 Beijing time of the day. Raises PeriodError at the calendar's edge."""
    try:
        return datetime.combine(day, time.min, BEIJING).astimezone(UTC)
    except OverflowError as error:
        raise PeriodError(f"beyond the calendar: {day.isoformat()}") from error


def end_of(day: date) -> datetime:
    """Give the UTC instant of 24:00 Beijing time, 00:00 of the day after. Raises PeriodError at the edge."""
    return start_of(_shift(day, ONE_DAY))


def add(day: date, period: Period, calendar: Calendar) -> date:
    """Give the last day of the period after the day of the event, which is not counted (Civil Code 201, 202).

    Years and months fold into one step from the given day, then days, then working days are counted. Nothing
    rolls. Raises PeriodError when the result leaves the calendar.
    """
    try:
        reached = _reached(day, period.years * MONTHS_IN_YEAR + period.months, period.days)
    except (ValueError, OverflowError) as error:
        raise PeriodError(f"beyond the calendar: {day.isoformat()} and {period}") from error
    return _count_working_days(reached, period.working_days, calendar)


@lru_cache(maxsize=4096)
def _reached(day: date, months: int, days: int) -> date:
    """Take the one step. An act asks for the same few days again and again."""
    return day + relativedelta(months=months) + timedelta(days=days)


def fall_due(nominal: date, kind: Kind, calendar: Calendar) -> FallingDue:
    """Work out the day that counts and its instant.

    Only a deadline for an act moves off a rest day (Civil Code 203). Raises PeriodError at the edge.
    """
    day = calendar.next_working_day(nominal) if kind is Kind.DUE else nominal
    return FallingDue(
        kind=kind,
        nominal_on=nominal,
        day=day,
        at=start_of(day) if kind is Kind.OPENS else end_of(day),
        provisional=kind is Kind.DUE and not calendar.is_known(day),
    )


def last_day(event: date, period: Period, kind: Kind, calendar: Calendar) -> date:
    """Give the day that counts for a period that began with the event: `add`, then `fall_due`."""
    return fall_due(add(event, period, calendar), kind, calendar).day


def span(first: date, last: date) -> Period:
    """Measure a stay, both days included: whole months by corresponding day, and the days left over.

    Spans add up with `+`. Raises PeriodError when the last day comes before the first.
    """
    if last < first:
        raise PeriodError(f"a stay cannot end before it begins: {first.isoformat()} to {last.isoformat()}")
    months = (last.year - first.year) * MONTHS_IN_YEAR + last.month - first.month + 1
    while (whole := _last_of_months(first, months)) is None or whole > last:
        months -= 1
    return Period(months=months, days=(last - whole).days)


def at_least_half_a_year(stays: Iterable[Period]) -> bool:
    """Tell whether the stays make half a year (Art. 11).

    One stay needs six whole months by corresponding day. Several add up, 30 days to the month (local).
    """
    measured = list(stays)
    total = sum(measured, Period())
    days = total.days if len(measured) > 1 else 0
    return total.months + days // DAYS_IN_SUMMED_MONTH >= MONTHS_IN_HALF_A_YEAR


@lru_cache(maxsize=1)
def seed_calendar() -> Calendar:
    """Build the calendar of the announcements chinesecalendar ships; known to the end of their last year."""
    rows = list(seed_rows())
    rest = frozenset(day for day, mark, _ in rows if mark == "rest")
    work = frozenset(day for day, mark, _ in rows if mark == "work")
    return Calendar(rest=rest, work=work, known_through=date(max(rest).year, 12, 31))


def seed_rows() -> Iterator[tuple[date, str, str]]:
    """Yield day, `rest` or `work`, and the holiday's Chinese name, in order, for a table of announced days.

    `rest` is every day of a holiday block, its weekend days included; `work` is a make-up working day.
    """
    # Imported here because only the first filling of the table needs it; the library ships no types.
    from chinese_calendar import Holiday  # type: ignore[import-untyped]
    from chinese_calendar.constants import holidays, workdays  # type: ignore[import-untyped]

    marked = [(day, "rest", name) for day, name in holidays.items()]
    marked += [(day, "work", name) for day, name in workdays.items()]
    for day, mark, name in sorted(marked):
        yield day, mark, Holiday(name).chinese


def _shift(day: date, step: timedelta) -> date:
    try:
        return day + step
    except OverflowError as error:
        raise PeriodError(f"beyond the calendar: the day next to {day.isoformat()}") from error


def _count_working_days(day: date, count: int, calendar: Calendar) -> date:
    step = ONE_DAY if count > 0 else -ONE_DAY
    left = abs(count)
    while left:
        day = _shift(day, step)
        if not calendar.is_rest_day(day):
            left -= 1
    return day


def _last_of_months(first: date, months: int) -> date | None:
    """Give the last day of whole months that begin with the first day, or None beyond the calendar.

    It is the day before the corresponding day, or the month's end where there is no corresponding day.
    """
    try:
        corresponding = first + relativedelta(months=months)
    except ValueError:
        return None
    return corresponding - ONE_DAY if corresponding.day == first.day else corresponding
