"""How the clock's work stands: the schedulers' signs of life, what is due, what is late, what failed.

The page, `/health` and `lianpei scheduler --status` all tell from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Heartbeat, Incident
from workflow import clock, gather

LATE = timedelta(minutes=1)
"""A scheduler that gave no sign of life for longer is silent; a timer not looked at for longer is overdue."""

GONE = timedelta(minutes=10)
"""After so long without a sign of life nobody expects the scheduler back."""

MOST = 1000
"""No count goes further."""


class Standing(StrEnum):
    """How a scheduler is."""

    ALIVE = "alive"
    FAILED = "failed"
    SILENT = "silent"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One scheduler: when it began, its last sign of life, what it let take effect, what went wrong last."""

    name: str
    started_at: datetime
    ticked_at: datetime
    fired: int
    failure: str | None
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockWork:
    """The clock's work at one instant. Cases parked as incidents are neither due nor overdue."""

    beats: tuple[Beat, ...]
    """The latest sign of life first."""
    due: int
    """Timers somebody should look at now, up to `MOST`."""
    overdue: int
    """Those of them that have waited longer than `LATE`."""
    lag: timedelta
    """How long the longest waiting of them has waited."""
    incidents: int

    @property
    def last_tick(self) -> datetime | None:
        return max((beat.ticked_at for beat in self.beats), default=None)

    @property
    def failure(self) -> str | None:
        """What went wrong in the last look of a scheduler that still runs."""
        return next((beat.failure for beat in self.beats if beat.standing == Standing.FAILED), None)

    @property
    def is_alive(self) -> bool:
        return any(beat.standing == Standing.ALIVE for beat in self.beats)

    @property
    def is_well(self) -> bool:
        return self.is_alive and not self.overdue


def clock_work(session: Session) -> ClockWork:
    """Look at it now. Signs of life are of the machine's clock, what is due is of the database's."""
    now = clock.now(session)
    waits = [now - row.since for row in gather.waiting(session, at=now, limit=MOST)]
    return ClockWork(
        beats=tuple(_beats(session, clock.machine_time())),
        due=len(waits),
        overdue=sum(wait > LATE for wait in waits),
        lag=max(waits, default=timedelta(0)),
        incidents=_open_incidents(session),
    )


def _beats(session: Session, now: datetime) -> list[Beat]:
    rows = session.scalars(select(Heartbeat).order_by(Heartbeat.ticked_at.desc(), Heartbeat.name).limit(20))
    return [
        Beat(
            name=row.name,
            started_at=row.started_at,
            ticked_at=row.ticked_at,
            fired=row.fired_count,
            failure=row.failure,
            standing=_standing(row, now),
        )
        for row in rows
    ]


def _standing(row: Heartbeat, now: datetime) -> Standing:
    """A sign of life from the future is of a clock since put back, and says as little as an old one."""
    silence = abs(now - row.ticked_at)
    if row.left_at is not None or silence > GONE:
        return Standing.GONE
    if silence > LATE:
        return Standing.SILENT
    return Standing.FAILED if row.failure else Standing.ALIVE


def _open_incidents(session: Session) -> int:
    rows = select(Incident.id).where(Incident.closed_at.is_(None)).limit(MOST)
    return session.scalar(select(func.count()).select_from(rows.subquery())) or 0
