"""What follows from the rows of an act: rounds, timers and turns, compared with what they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from models.changes import INSERT, UPDATE, Change
from workflow import routes, tasks, timers
from workflow.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The changes that follow, and the case after them."""

    rounds: tuple[Change, ...]
    armed: tuple[Change, ...]
    ended: tuple[Change, ...]
    turns: tuple[Change, ...]
    after: Snapshot


def follow(after: Snapshot, *, seq: int, day: date, since: datetime, at: datetime) -> Followed:
    """Compare rounds, then timers, then turns with what the case now asks for; `seq` is the entry they belong to.

    `since` is the instant the act took effect, `day` its day; `at` is when it is recorded.
    """
    rounds: Sequence[Change] = ()
    again: list[Change] = []
    if after.definition.has_ballots:
        again = _running_again(after, seq=seq, at=since)
        after = after.after(again)
        rounds = routes.settle(after, seq=seq, day=day, at=at)
        after = after.after(rounds)
    moved = timers.reconcile(after, seq=seq, at=since)
    after = after.after(moved)
    moved = [*again, *moved]
    return Followed(
        rounds=tuple(rounds),
        armed=tuple(change for change in moved if change.op == INSERT),
        ended=tuple(change for change in moved if change.op == UPDATE),
        turns=tuple(tasks.reconcile(after, at=at)),
        after=after,
    )


def _running_again(after: Snapshot, *, seq: int, at: datetime) -> list[Change]:
    """The deadlines of the route's tasks that were missed and are to come again: moved first, for the route goes by them."""
    route = after.definition.routes.get(after.state)
    steps = route.steps if route is not None else ()
    missed = {step.name for step in steps if step.overdue and routes.is_missed(after, step.name)}
    if not missed:
        return []
    rows = {row["id"]: row["name"] for row in after.table("timers")}
    moved = timers.reconcile(after, seq=seq, at=at)
    again = missed & {change.values["name"] for change in moved if change.op == INSERT}
    return [change for change in moved if (change.values.get("name") or rows[change.key]) in again]
