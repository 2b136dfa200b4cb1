"""What is loaded of the calendar: its years and days, and whether the next year's notice is waited for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import CalendarYear, Holiday, Timer
from workflow.timers import FIRED
from workflow.world import calendar

SOON = timedelta(days=60)
"""How long before the calendar ends the office is asked for the next year's notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedYear:
    """A year as loaded, with how many rest days and make-up days it has."""

    year: int
    source: str
    loaded_at: datetime
    rest_count: int
    work_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The year whose notice is waited for: how many days until it begins, how many deadlines are provisional."""

    year: int
    days: int
    timers: int


def loaded_years(session: Session) -> Sequence[LoadedYear]:
    """Every loaded year, newest first."""
    counts: dict[tuple[int, str], int] = {}
    for day, kind in session.execute(select(Holiday.day, Holiday.kind)):
        counts[day.year, kind] = counts.get((day.year, kind), 0) + 1
    rows = session.scalars(select(CalendarYear).order_by(CalendarYear.year.desc()))
    return [
        LoadedYear(
            year=row.year,
            source=row.source,
            loaded_at=row.loaded_at,
            rest_count=counts.get((row.year, "rest"), 0),
            work_count=counts.get((row.year, "work"), 0),
        )
        for row in rows
    ]


def days_of(session: Session, year: int) -> Sequence[Holiday]:
    """The announced days of a year, in order; those taken back are left out."""
    in_year = Holiday.day.between(date(year, 1, 1), date(year, 12, 31))
    return session.scalars(
        select(Holiday).where(in_year, Holiday.kind != "plain").order_by(Holiday.day)
    ).all()


def wanted_year(session: Session, *, today: date) -> Wanted | None:
    """The next year, where the calendar ends within sixty days and it is not loaded; None while nothing is to be done."""
    known = calendar(session).known_through
    if known - today > SOON:
        return None
    begins = max(known + timedelta(days=1), date(today.year, 1, 1))
    return Wanted(year=begins.year, days=max((begins - today).days, 0), timers=provisional_timers(session))


def provisional_timers(session: Session) -> int:
    """How many deadlines wait for the holidays of their year."""
    waiting = (Timer.provisional, Timer.ended_seq.is_(None), Timer.status != FIRED)
    return session.scalar(select(func.count()).select_from(Timer).where(*waiting)) or 0
