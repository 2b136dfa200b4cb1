"""The deadline people may move: which one runs, whether they are asked about it because its state was opened late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from workflow.definition.values import Day, Timer
from workflow.periods import ONE_DAY, Period, add, beijing_day
from workflow.snapshot import Snapshot
from workflow.timers import is_answered, regular


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
        or snapshot.deadline_decisions(timer.name)
    ):
        return None
    in_time = add(opening["due_on"], snapshot.length(timer.asked_after), snapshot.calendar)
    return timer if beijing_day(opening["fired_at"]) > in_time else None


def room(timer: Timer, snapshot: Snapshot, *, most: Period, today: date) -> Room | None:
    """Where a deadline may go: after the day that follows from the file, not into the past, and not farther than `most`.

    Where the state was opened late, it may go as many days farther as were lost. None while its own day is not known.
    """
    falls = regular(timer, timer.day, snapshot) if isinstance(timer.day, Day) else None
    if falls is None:
        return None
    farthest = add(falls.nominal_on, most, snapshot.calendar)
    made_up = falls.nominal_on + timedelta(days=days_late(snapshot))
    return Room(first=max(falls.day + ONE_DAY, today), last=max(farthest, made_up))
