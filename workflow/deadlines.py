"""What people may do to a deadline: move it within bounds, let it stand still, let it run again.

Whether they are asked about it, because its state was opened late, is said here, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from workflow.definition.values.days import Day
from workflow.definition.values.timers import Timer
from workflow.periods import ONE_DAY, Period, add, beijing_day
from workflow.snapshot import MOVED, RESUMED, SUSPENDED, Row, Snapshot
from workflow.timers import falls_due, is_answered, regular


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The days a deadline may be moved to; there are none where `last` comes before `first`."""

    first: date
    last: date


def movable(snapshot: Snapshot) -> Timer | None:
    """The deadline of the present stay that an act may move: one that is not answered yet."""
    for timer in snapshot.definition.timers.values():
        if timer.moved_by and snapshot.state in timer.while_ and not is_answered(timer, snapshot):
            return timer
    return None


def days_late(snapshot: Snapshot) -> int:
    """How many days after its due day the clock opened the state; 0 where it was in time, or a person opened it."""
    opening = snapshot.opening
    return (beijing_day(opening["fired_at"]) - opening["due_on"]).days if opening is not None else 0


def asked_about(snapshot: Snapshot) -> Timer | None:
    """The deadline whose movers must say whether it moves: the state was opened too late, and nobody has said so yet."""
    timer, opening = movable(snapshot), snapshot.opening
    if (
        timer is None
        or timer.asked_after is None
        or opening is None
        or snapshot.suspension(timer.name) is not None
        or any(row["kind"] == MOVED for row in snapshot.deadline_decisions(timer.name))
    ):
        return None
    in_time = add(opening["due_on"], snapshot.length(timer.asked_after), snapshot.calendar)
    return timer if beijing_day(opening["fired_at"]) > in_time else None


def room(timer: Timer, snapshot: Snapshot, *, most: Period, today: date) -> Room | None:
    """Where a deadline may go: after the day that follows from the file, not into the past, and not farther than `most`.

    Where the state was opened late, it may go as many days farther as were lost, and always as many as it stood
    still. None while its own day is not known.
    """
    falls = regular(timer, timer.day, snapshot) if isinstance(timer.day, Day) else None
    if falls is None:
        return None
    farthest = add(falls.nominal_on, most, snapshot.calendar)
    made_up = falls.nominal_on + timedelta(days=days_late(snapshot))
    stood = timedelta(days=days_suspended(snapshot, timer.name, until=today))
    return Room(first=max(_latest(timer, snapshot) + ONE_DAY, today), last=max(farthest, made_up) + stood)


def _latest(timer: Timer, snapshot: Snapshot) -> date:
    """The day a move must lie after: that of the file, or a later one that a resumption gave."""
    assert isinstance(timer.day, Day)
    found = [regular(timer, timer.day, snapshot)]
    named = snapshot.moved_deadline(timer.name)
    if named is not None and named["kind"] == RESUMED:
        found.append(falls_due(timer, timer.day, snapshot))
    return max(falls.day for falls in found if falls is not None)


# ───────────────────────────── Standing still


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """A deadline that is suspended: since when, why, and how many days were left."""

    since: date
    reason: str
    left: int


def still(snapshot: Snapshot, timer: str) -> Still | None:
    """How a deadline stands still now, or None while it runs."""
    row = snapshot.suspension(timer)
    return Still(since=row["decided_on"], reason=row["reason"], left=row["days_left"]) if row else None


def suspended_by(snapshot: Snapshot, act: str) -> Timer | None:
    """The deadline of the present stay that an act suspends."""
    return _of_stay(snapshot, (timer for timer in _timers(snapshot) if timer.suspended_by == act))


def resumed_by(snapshot: Snapshot, act: str) -> Timer | None:
    """The deadline of the present stay that an act lets run again."""
    return _of_stay(snapshot, (timer for timer in _timers(snapshot) if timer.resumed_by == act))


def _timers(snapshot: Snapshot) -> Iterable[Timer]:
    return snapshot.definition.timers.values()


def _of_stay(snapshot: Snapshot, found: Iterable[Timer]) -> Timer | None:
    return next((timer for timer in found if snapshot.state in timer.while_), None)


def days_left(row: Row, snapshot: Snapshot, *, on: date) -> int:
    """How many days a running deadline leaves on a day.

    Where it was resumed, the days by which it then rolled over rest days do not count: however often it stands still,
    nobody gains a day by it.
    """
    named = snapshot.moved_deadline(row["name"])
    resumed = named is not None and named["kind"] == RESUMED
    last: date = row["nominal_on"] if resumed else row["due_on"]
    return max((last - on).days, 0)


def resumed_day(suspension: Row, *, on: date) -> date:
    """The last day of a deadline that runs again from a day on, with the days that were left."""
    return on + timedelta(days=suspension["days_left"])


def days_suspended(snapshot: Snapshot, timer: str, *, until: date) -> int:
    """How many days a deadline has stood still in this stay, a suspension that lasts counted up to a day."""
    total, since = 0, None
    for row in snapshot.deadline_decisions(timer):
        if row["kind"] == SUSPENDED:
            since = row["decided_on"]
        elif row["kind"] == RESUMED and since is not None:
            total, since = total + (row["decided_on"] - since).days, None
    return total + (max((until - since).days, 0) if since is not None else 0)
