"""When mail may go out: the quiet hours of a day, read in Beijing time, and the days on which nobody is reminded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from workflow.periods import BEIJING, ONE_DAY, Calendar

QUIET_HOURS = "quiet_hours"
ON_WORKING_DAYS = "reminders_on_working_days"
"""The settings of a lifecycle that say so; a lifecycle without them has neither quiet hours nor days off."""

NONE = "none"
"""The value of a setting for no quiet hours at all."""

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_SPELLINGS = str.maketrans(
    {"\uff1a": ":", "\u2014": "-", "\u2013": "-", "\uff0d": "-", "~": "-", "\uff5e": "-"}
)


class NeverOpens(ValueError):
    """Quiet hours that leave no moment of the day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """From when to when nothing is sent; the last instant is outside. Over midnight when it ends before it begins."""

    begins: time
    ends: time

    @classmethod
    def parse(cls, text: str) -> Quiet | None:
        """Read `20:00-08:00`; `none` is None. Raises NeverOpens for a whole day, ValueError for anything else."""
        if text == NONE:
            return None
        found = _HOURS.fullmatch(text)
        if found is None:
            raise ValueError(f"not hours: {text!r}; write for example '20:00-08:00'")
        begins, ends = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
        if begins == ends:
            raise NeverOpens(text)
        return cls(begins=begins, ends=ends)

    def covers(self, moment: time) -> bool:
        if self.begins < self.ends:
            return self.begins <= moment < self.ends
        return moment >= self.begins or moment < self.ends


def spelled(text: str) -> str:
    """Hours as `Quiet.parse` reads them, from what a person typed: other dashes and colons, blanks, `8:00`."""
    plain = re.sub(r"\s+", "", text.translate(_SPELLINGS)).lower()
    return re.sub(r"(?<!\d)(\d):", r"0\1:", plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """The hours of a lifecycle as they count today."""

    quiet: Quiet | None = None
    on_working_days: bool = False

    def opening(self, at: datetime, calendar: Calendar, *, reminds: bool) -> datetime:
        """The first instant, at or after one, at which mail may go out; what reminds also waits for a working day."""
        local = at.astimezone(BEIJING)
        while True:
            if reminds and self.on_working_days and calendar.is_rest_day(local.date()):
                local = datetime.combine(local.date() + ONE_DAY, time.min, BEIJING)
            elif self.quiet is not None and self.quiet.covers(local.timetz().replace(tzinfo=None)):
                local = _next(local, self.quiet.ends)
            else:
                return max(local.astimezone(UTC), at)

    def opening_of_a_later_day(self, at: datetime, calendar: Calendar, *, reminds: bool) -> datetime:
        """The first such instant of a later Beijing day."""
        tomorrow = datetime.combine(at.astimezone(BEIJING).date() + ONE_DAY, time.min, BEIJING)
        return self.opening(tomorrow.astimezone(UTC), calendar, reminds=reminds)


def _next(local: datetime, moment: time) -> datetime:
    """The next time a clock shows a moment of the day."""
    reached = datetime.combine(local.date(), moment, BEIJING)
    return reached if reached > local else reached + timedelta(days=1)
