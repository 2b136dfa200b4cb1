"""Move the timers of many cases in an act that is about none of them: a setting, the calendar.

Each case is planned without being written, so what is shown before the act is what the act does. A case of which
something moves has its own entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from models.changes import UPDATE, Change, plain
from workflow import gather, timers
from workflow.context import Context
from workflow.definition.values.edition import Definition
from workflow.operations.steps import note, steps_as_changes
from workflow.plan import Step
from workflow.snapshot import Snapshot, World
from workflow.world import definition_of

BATCH = 100
"""Cases looked at together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A timer of a case that moves; without a new day it ends."""

    case_id: str
    timer: str
    old_on: date | None
    new_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """What an act outside a case does to one: the kind of its entry, the act's name, and the world as it will be."""

    kind: str
    act: str
    world: Callable[[World], World]
    concerns: Callable[[Definition], bool] = lambda _: True
    """Whether cases of an edition can be moved at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One case as the act leaves it."""

    place: gather.Located
    step: Step
    moves: tuple[Move, ...]


def in_batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """The cases in the order they are given; by their identifiers, two acts lock them in the same order."""
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def planned_moves(
    session: Session, located: Sequence[gather.Located], moving: Moving, ctx: Context
) -> Iterator[Moved]:
    """Each case as the act leaves it, planned without writing, with the timers it moves."""
    by_edition: dict[str, list[gather.Located]] = {}
    for place in located:
        by_edition.setdefault(place[1], []).append(place)
    for places in by_edition.values():
        definition = definition_of(session, places[0][1])
        if not moving.concerns(definition):
            continue
        wish = gather.Wish(roles=tuple(definition.roles))
        found = gather.gather(session, places, wish=wish, today=ctx.today)
        for place in places:
            before = found[str(place[0]["id"])]
            step = _step(replace(before, world=moving.world(before.world)), moving, ctx)
            yield Moved(place=place, step=step, moves=tuple(_moves(step)))


def as_changes(moved: Moved, ctx: Context) -> list[Change]:
    """What to write for one case: an entry where a timer or a kept day moves, else at most when it is looked at next."""
    step = moved.step
    after = step.before.after((*step.changes, *step.ended, *step.armed))
    wakes = list(_wakes(after, {change.key for change in step.armed}, ctx))
    if not (step.armed or step.ended or _dated(step)):
        return [*wakes, *step.turns]
    changes, _, _ = steps_as_changes(moved.place, [step], ctx)
    return [*changes, *wakes]


def _step(now: Snapshot, moving: Moving, ctx: Context) -> Step:
    """The note of the act on the case; one that only confirms days leaves its version, and a proposal that waits."""
    dates = _dates(now)
    step = note(now, kind=moving.kind, act=moving.act, changes=dates, form={}, ctx=ctx)
    if dates or step.armed or any("ended_seq" in change.values for change in step.ended):
        return step
    return note(now, kind=moving.kind, act=moving.act, changes=(), form={}, ctx=ctx, moves=False)


def _dates(snapshot: Snapshot) -> list[Change]:
    """The days of the file that the case keeps, where the act changes one."""
    dates = {name: plain(day) for name, day in snapshot.dates().items()}
    if dates == snapshot.case["dates"]:
        return []
    return [Change(table="cases", op=UPDATE, key=snapshot.id, values={"dates": dates})]


def _dated(step: Step) -> bool:
    return any("dates" in change.values for change in step.changes if change.table == "cases")


def _moves(step: Step) -> Iterator[Move]:
    rows = {row["id"]: row for row in step.before.table("timers")}
    old: dict[tuple[str, Any], date] = {}
    for change in step.ended:
        row = rows[change.key]
        if change.values.get("ended_seq") is not None:
            old[row["name"], row["period"]] = row["due_on"]
    case_id = step.before.id
    for change in step.armed:
        name, new_on = change.values["name"], change.values["due_on"]
        old_on = old.pop((name, change.values["period"]), None)
        yield Move(case_id=case_id, timer=name, old_on=old_on, new_on=new_on)
    for (name, _), day in old.items():
        yield Move(case_id=case_id, timer=name, old_on=day, new_on=None)


def _wakes(after: Snapshot, fresh: set[str], ctx: Context) -> Iterator[Change]:
    """The next instant each running timer is looked at, where a ladder of reminders has changed it.

    One that waits for the sweep just now is left to it.
    """
    for row in after.table("timers"):
        timer = after.definition.timers[row["name"]]
        waiting = row["wake_at"] is not None and row["wake_at"] <= ctx.at
        if row["id"] in fresh or row["ended_seq"] is not None or row["hold"] is not None or waiting:
            continue
        wake = timers.next_wake(row, timer, after, after=ctx.at)
        if wake != row["wake_at"]:
            yield Change(table="timers", op=UPDATE, key=row["id"], values={"wake_at": wake})
