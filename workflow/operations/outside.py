"""Which checkpoint each place outside has taken, and when the next is tried. The sending is not the engine's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from models import Checkpoint, CheckpointPlace
from models.database import insert_into

LEASE = timedelta(minutes=5)
"""How long a place is left to whoever has begun to send to it."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A checkpoint to be taken to a place."""

    size: int
    note: str


def is_waiting(session: Session, place: str, *, at: datetime) -> bool:
    """Whether there is a checkpoint to take to a place now; asked before anything is written."""
    row = session.get(CheckpointPlace, place)
    newest = session.scalar(select(func.max(Checkpoint.size))) or 0
    return row is None or (row.size != newest and not at < row.next_try_at <= at + LONGEST_PAUSE)


def lease(session: Session, place: str, *, at_once: int, missed: int, at: datetime) -> list[Parcel]:
    """Take on the next checkpoints for a place, the smallest first, when it has not got them and nobody else is at it.

    The newest covers whatever the earlier ones did; those tell where in between a log was changed. So after an outage
    the latest `missed` are brought, `at_once` at a time. A place that is said to have more than there is, or to be tried
    later than after any pause, is sent the newest all the same: nothing that was delivered has said so.
    """
    session.execute(
        insert_into(session, CheckpointPlace)
        .values(name=place, size=0, delivered_at=None, attempts=0, next_try_at=at, failure=None)
        .on_conflict_do_nothing()
    )
    newest = session.scalar(select(func.max(Checkpoint.size))) or 0
    leased = session.execute(
        update(CheckpointPlace)
        .where(
            CheckpointPlace.name == place,
            CheckpointPlace.size != newest,
            or_(CheckpointPlace.next_try_at <= at, CheckpointPlace.next_try_at > at + LONGEST_PAUSE),
        )
        .values(next_try_at=at + LEASE)
        .returning(CheckpointPlace.size)
    ).first()
    if leased is None:
        return []
    had = leased.size if leased.size < newest else newest - 1
    too_old = session.scalar(select(Checkpoint.size).order_by(Checkpoint.size.desc()).offset(missed).limit(1))
    rows = session.execute(
        select(Checkpoint.size, Checkpoint.note)
        .where(Checkpoint.size > max(had, too_old or 0))
        .order_by(Checkpoint.size)
        .limit(at_once)
    )
    return [Parcel(size=row.size, note=row.note) for row in rows]


def delivered(session: Session, place: str, *, size: int, at: datetime) -> None:
    """The place has the checkpoint of a size, and those before it."""
    _set(session, place, size=size, delivered_at=at, attempts=0, next_try_at=at, failure=None)


def not_delivered(session: Session, place: str, *, failure: str, at: datetime) -> None:
    """The place did not take it; it is tried again after a pause that doubles."""
    row = session.get_one(CheckpointPlace, place)
    pause = min(FIRST_PAUSE * 2 ** min(row.attempts, 10), LONGEST_PAUSE)
    _set(session, place, attempts=row.attempts + 1, next_try_at=at + pause, failure=failure[:500])


def _set(session: Session, place: str, **values: object) -> None:
    session.execute(update(CheckpointPlace).where(CheckpointPlace.name == place).values(**values))
