"""What the clock does to one case: its due timers take effect in due order, each as a step of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from models.changes import UPDATE, Change
from workflow import routes, timers
from workflow.context import Actor, Context, Source
from workflow.definition.values.timers import Timer
from workflow.periods import beijing_day
from workflow.plan.blocking import unmet_needs, view_of
from workflow.plan.concluding import concluding
from workflow.plan.following import follow
from workflow.plan.moving import act_step, moved, voided
from workflow.plan.notices import asked, late_notices, moved_deadlines
from workflow.plan.values import Form, Step
from workflow.snapshot import Row, Snapshot

CHAIN_LIMIT = 20
"""More timers than this taking effect at one instant on one case is a fault of the lifecycle, not of time."""


def catch_up(snapshot: Snapshot, ctx: Context) -> tuple[tuple[Step, ...], Snapshot]:
    """Plan every timer of the case that is due at the context's instant, each as a step of its own.

    Missed deadlines are among them: what they mean for an act must not depend on when the sweep last ran. Reminders
    are left to the sweep. Raises RuntimeError when a lifecycle lets timers fire one another without end.
    """
    steps: list[Step] = []
    for _ in range(CHAIN_LIMIT):
        row = timers.due(snapshot, ctx.at)
        if row is None:
            return tuple(steps), snapshot
        step = _take_effect(snapshot, row, ctx)
        steps.append(step)
        snapshot = moved(snapshot, step)
        if timer_of(snapshot, row).closes and (decided := concluding(snapshot, _as_timer(row["name"], ctx))):
            steps.append(decided)
            snapshot = moved(snapshot, decided)
    raise RuntimeError(f"timers of case {snapshot.id} fire one another without end")


def _take_effect(snapshot: Snapshot, row: Row, ctx: Context) -> Step:
    """One due timer: it fires its transition, is held in a state that holds it, or records that its day has passed."""
    timer = timer_of(snapshot, row)
    system = _as_timer(timer.name, ctx)
    if timer.fires is None:
        return _noted(
            snapshot, row, system, {"status": timers.FIRED, "fired_at": ctx.at}, kind="deadline_passed"
        )
    if timers.is_held_now(row, snapshot):
        return _noted(
            snapshot, row, system, {"status": timers.HELD, "hold": timers.HELD_BY_STATE}, kind="timer_held"
        )
    effective_on = max(beijing_day(row["due_at"]), snapshot.case["entered_on"])
    act = snapshot.definition.acts[timer.fires]
    view = replace(view_of(snapshot, act, Form(effective_on=effective_on), system), since=row["due_at"])
    blockers, _ = unmet_needs(view)
    if blockers:
        return _noted(
            snapshot, row, system, {"status": timers.HELD, "hold": timers.HELD_BY_GUARD}, kind="timer_held"
        )
    fired = Change(
        table="timers",
        op=UPDATE,
        key=row["id"],
        values={
            "status": timers.FIRED,
            "fired_at": ctx.at,
            "ended_seq": snapshot.case["log_seq"] + 1,
            "wake_at": None,
        },
    )
    step = act_step(
        replace(view, snapshot=snapshot.after([fired])),
        Form(effective_on=effective_on),
        system,
        proposed_by=None,
    )
    ended = (fired, *(change for change in step.ended if change.key != row["id"]))
    step = replace(step, before=snapshot, ended=ended, due_at=row["due_at"])
    return replace(step, notices=(*step.notices, *late_notices(moved(snapshot, step), row, ctx)))


def _noted(snapshot: Snapshot, row: Row, ctx: Context, values: dict[str, Any], *, kind: str) -> Step:
    """A timer whose day has come without moving the case: its status is recorded, and turns may change hands.

    When it is looked at next stays as it is, so that the sweep still finds the reminders that have come.
    """
    timer = snapshot.definition.timers[row["name"]]
    seq = snapshot.case["log_seq"] + 1
    change = Change(table="timers", op=UPDATE, key=row["id"], values=values)
    case = Change(
        table="cases",
        op=UPDATE,
        key=snapshot.id,
        values={"version": snapshot.case["version"] + 1, "log_seq": seq},
        seen=snapshot.case["version"],
    )
    moved = (
        case,
        *voided(snapshot, ctx),
        *_round_over(snapshot, timer, seq=seq, day=beijing_day(row["due_at"])),
    )
    after = snapshot.after([*moved, change])
    follows = follow(after, seq=seq, day=beijing_day(row["due_at"]), since=row["due_at"], at=ctx.at)
    return Step(
        seq=seq,
        kind=kind,
        act=timer.name,
        from_state=snapshot.state,
        to_state=snapshot.state,
        actor=ctx.actor,
        source=ctx.source,
        effective_on=beijing_day(row["due_at"]),
        basis=timer.basis,
        by_basis=timer.basis,
        before=snapshot,
        changes=(*moved, *follows.rounds),
        armed=follows.armed,
        ended=(change, *(c for c in follows.ended if c.key != row["id"])),
        turns=follows.turns,
        notices=(
            *asked(snapshot, follows.after, seq, ctx),
            *moved_deadlines(snapshot, follows, seq, ctx, why=kind),
        ),
        due_at=row["due_at"],
    )


def _round_over(snapshot: Snapshot, timer: Timer, *, seq: int, day: date) -> tuple[Change, ...]:
    """The closing of the round that a timer ends: nobody objected in time."""
    here = routes.standing(snapshot)
    if timer.closes is None or here.step is None or here.round is None or here.step.name != timer.closes:
        return ()
    return (routes.closed(snapshot, here.step, here.round, routes.Result.PASSED, seq=seq, day=day),)


def timer_of(snapshot: Snapshot, row: Row) -> Timer:
    return snapshot.definition.timers[row["name"]]


def _as_timer(name: str, ctx: Context) -> Context:
    """The circumstances in which the clock acts under the name of a timer."""
    return replace(ctx, actor=Actor(system=name), source=Source.TIMER)
