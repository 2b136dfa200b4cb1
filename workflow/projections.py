"""Compute again what follows from a case, and compare it with the rows that keep it: dates, timers, tasks.

A case is looked at as of its last act, for its rows were computed then. What only the passing of time may have changed
since is left out of the comparison.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from models.changes import plain
from workflow import tasks, timers
from workflow.periods import beijing_day
from workflow.replay import Discrepancy
from workflow.snapshot import Row, Snapshot

FAR = datetime(9999, 1, 1, tzinfo=UTC)
"""An instant by which every reminder has come."""


def projections(
    snapshot: Snapshot, *, acted_at: datetime, today: date, held: tuple[Row, ...]
) -> Iterator[Discrepancy]:
    """The differences between a case's rows and what follows from it.

    `today`: the day tasks may have been looked at since. `held`: the grants there ever were, for rights come and go
    without any case being touched.
    """
    then = replace(snapshot, today=beijing_day(acted_at))
    yield from _dates(then)
    yield from _timers(then)
    yield from _tasks(then, replace(snapshot, today=today), acted_at, held)


def _dates(snapshot: Snapshot) -> Iterator[Discrepancy]:
    kept = snapshot.case["dates"] or {}
    for name, day in snapshot.dates().items():
        if kept.get(name) != plain(day):
            yield Discrepancy(
                table="cases",
                key=snapshot.id,
                column=f"dates.{name}",
                expected=plain(day),
                found=kept.get(name),
            )


def _timers(snapshot: Snapshot) -> Iterator[Discrepancy]:
    running = {(row["name"], row["period"]): row for row in snapshot.table("timers")}
    for want in timers.wanted(snapshot):
        row = running.pop((want.timer.name, want.period), None)
        due_on = plain(want.falls.day)
        if row is None:
            yield Discrepancy(
                table="timers", key=snapshot.id, column=want.timer.name, expected=due_on, found=None
            )
        elif _moved(row, want):
            yield Discrepancy(
                table="timers", key=row["id"], column="due_on", expected=due_on, found=plain(row["due_on"])
            )
    for row in running.values():
        yield Discrepancy(table="timers", key=row["id"], column="name", expected=None, found=row["name"])


def _moved(row: Row, want: timers.Wanted) -> bool:
    """Whether a timer stands on another day than it should; a provisional one may wait for its year's calendar."""
    if row["provisional"] or want.falls.provisional:
        return bool(row["nominal_on"] != want.falls.nominal_on)
    return bool(row["due_at"] != want.falls.at)


def _tasks(then: Snapshot, now: Snapshot, acted_at: datetime, held: tuple[Row, ...]) -> Iterator[Discrepancy]:
    """Tasks expected at the last act and still so must be open; open ones must be expected sooner or later.

    That is, whoever of those who ever held a role may have held it at the last act.
    """
    views = [
        (replace(at, holders=holders), until)
        for holders in (then.holders, held, ())
        for at, until in ((then, acted_at), (now, FAR))
    ]
    later = {turn.place: turn for at, _ in views for turn in tasks.turns(at, FAR)}
    expected = set.intersection(*({turn.place for turn in tasks.turns(at, until)} for at, until in views))
    kept = {(row["act"], row["role"], row["unit_id"], row["person_id"]): row for row in then.table("tasks")}
    for turn in sorted(expected - kept.keys(), key=str):
        yield Discrepancy(table="tasks", key=then.id, column="act", expected=turn[0], found=None)
    for place, row in kept.items():
        if place not in later:
            yield Discrepancy(table="tasks", key=row["id"], column="act", expected=None, found=row["act"])
        elif row["due_on"] != later[place].due_on:
            due_on: Any = plain(later[place].due_on)
            yield Discrepancy(
                table="tasks", key=row["id"], column="due_on", expected=due_on, found=plain(row["due_on"])
            )
