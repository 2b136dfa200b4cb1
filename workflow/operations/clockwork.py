"""What the clock does to cases: due timers take effect, reminders go out. `schedules.sweep` only loops over this."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Rung, Timer, new_key
from models.changes import INSERT, UPDATE, Change, write
from workflow import gather, tasks, timers
from workflow.blockers import Blocker, Rank
from workflow.context import Context
from workflow.definition.values.edition import Definition
from workflow.operations.answers import Receipt, Refusal, only_for
from workflow.operations.numbering import drawn, numbered
from workflow.operations.parking import recovered
from workflow.operations.steps import note, planned, steps_as_changes, write_steps
from workflow.plan import catch_up, notice, recipients
from workflow.plan.notices import RUNG
from workflow.snapshot import Row, Snapshot, held_roles
from workflow.wake import in_its_wake
from workflow.world import definition_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one look at the due timers did."""

    cases: int = 0
    fired: int = 0
    reminded: int = 0

    def __add__(self, other: Swept) -> Swept:
        return Swept(
            cases=self.cases + other.cases,
            fired=self.fired + other.fired,
            reminded=self.reminded + other.reminded,
        )


def fire_due(session: Session, *, ctx: Context, limit: int, case_id: str | None = None) -> Swept:
    """Let the timers due at the context's instant take effect, on up to `limit` cases or on one, in due order per case.

    Missed deadlines are recorded, openings and ends fire, and of missed reminders only the latest goes out. A case that
    was parked and goes well has its incident closed.
    """
    rows = [gather.lock(session, case_id)] if case_id else gather.claim(session, at=ctx.at, limit=limit)
    changes: list[Change] = []
    swept = Swept()
    for group in _by_edition(rows):
        numbers: dict[str, int] = {}
        kept = _kept_rungs(session, group, ctx)
        for row, snapshot in zip(group, _snapshots(session, group, ctx), strict=True):
            known = replace(snapshot, numbers=dict(numbers), held=frozenset(numbers))
            made, done = _sweep_one(session, row, known, kept, ctx)
            numbers |= drawn(made)
            changes += made
            swept += done
    write(session, changes)
    recovered(session, [row.row["id"] for row in rows], ctx=ctx)
    return swept


Kept = Set[tuple[str, int]]
"""Reminders sent or passed over: timer and days."""


def _kept_rungs(session: Session, rows: Sequence[gather.Located], ctx: Context) -> Kept:
    """Those of the cases' timers that are to be looked at."""
    cases = [row["id"] for row, _ in rows]
    found = session.execute(
        select(Rung.timer_id, Rung.days)
        .join(Timer, Timer.id == Rung.timer_id)
        .where(Timer.case_id.in_(cases), Timer.wake_at <= ctx.at)
    )
    return {(row.timer_id, row.days) for row in found}


def _by_edition(rows: Sequence[gather.Located]) -> list[list[gather.Located]]:
    groups: dict[str, list[gather.Located]] = {}
    for row in rows:
        groups.setdefault(row[1], []).append(row)
    return list(groups.values())


def _snapshots(session: Session, rows: Sequence[gather.Located], ctx: Context) -> list[Snapshot]:
    definition = definition_of(session, rows[0][1])
    found = gather.gather(session, rows, wish=_wish(definition, rows, ctx), today=ctx.today)
    return [found[str(row["id"])] for row, _ in rows]


def _wish(definition: Definition, rows: Sequence[gather.Located], ctx: Context) -> gather.Wish:
    """What the clock needs around some cases: whom it may tell, and what the transitions it brings about are held to."""
    states = dict.fromkeys(row["state"] for row, _ in rows)
    names = dict.fromkeys(act.name for state in states for act in in_its_wake(definition, state))
    follow = tuple(definition.acts[name] for name in names)
    wish = gather.Wish.for_acts(definition, follow, people=(ctx.actor.person,), values={})
    return replace(wish, roles=tuple(definition.roles))


def _sweep_one(
    session: Session, row: gather.Located, snapshot: Snapshot, kept: Kept, ctx: Context
) -> tuple[list[Change], Swept]:
    _, (steps, after) = numbered(
        session, snapshot, lambda known: catch_up(known, ctx), lambda made: planned(made[0])
    )
    changes = steps_as_changes(row, steps, ctx)[0] if steps else []
    reminders, reminded = _reminders(after, kept, ctx)
    turns = tasks.reconcile(after, at=ctx.at)
    return [*changes, *reminders, *turns], Swept(cases=1, fired=len(steps), reminded=reminded)


def _reminders(after: Snapshot, kept: Kept, ctx: Context) -> tuple[list[Change], int]:
    """The rungs that have come: the latest of each timer goes out, earlier ones missed with it are passed over.

    A timer's `wake_at` is the first instant nobody has looked at yet, also of one that began in the sweep itself. One
    kept already, before the clock was put back, is not sent again.
    """
    changes: list[Change] = []
    sent = 0
    for row in after.table("timers"):
        since = row["wake_at"]
        if row["ended_seq"] is not None or since is None or since > ctx.at:
            continue
        timer = after.definition.timers[row["name"]]
        due = [
            (days, at)
            for days, at in timers.rungs(timer, row["due_on"], after)
            if since <= at <= ctx.at and (row["id"], days) not in kept
        ]
        for position, (days, at) in enumerate(due):
            latest = position == len(due) - 1
            rung = {
                "id": new_key(),
                "timer_id": row["id"],
                "days": days,
                "due_at": at,
                "recorded_at": ctx.at,
                "coalesced": not latest,
            }
            changes.append(Change(table="rungs", op=INSERT, key=str(rung["id"]), values=rung))
            if latest:
                changes += _reminder(after, row, days, ctx)
                sent += 1
        wake = timers.next_wake(row, timer, after, after=ctx.at)
        changes.append(Change(table="timers", op=UPDATE, key=row["id"], values={"wake_at": wake}))
    return changes, sent


def _reminder(snapshot: Snapshot, row: Row, days: int, ctx: Context) -> Iterable[Change]:
    timer = snapshot.definition.timers[row["name"]]
    people = dict.fromkeys(
        p for role in timers.told(timer, days, snapshot) for p in recipients(snapshot, role)
    )
    template = "overdue" if row["due_at"] <= ctx.at else "reminder"
    params = {
        "timer": timer.name,
        "day": row["due_on"].isoformat(),
        "nominal": row["nominal_on"].isoformat(),
        "days": days,
        "basis": timer.basis,
        "answer": timer.answer,
        "kind": str(timer.kind),
        "provisional": row["provisional"],
        "period": row["period"],
        "sequence": row["armed_seq"],
    }
    for person in people:
        yield from notice(
            snapshot.id, person, key=f"{RUNG}:{row['id']}:{days}", template=template, at=ctx.at, params=params
        )


def release_held(session: Session, case_id: str, *, ctx: Context) -> Receipt | Refusal:
    """Confirm the deadlines an import found past: they run again, and what is due takes effect in due order.

    Article 8 gives the supervision to the office; only it may confirm.
    """
    row = gather.lock(session, case_id)
    definition = definition_of(session, row[1])
    wish = _wish(definition, [row], ctx)
    snapshot = gather.gather(session, [row], wish=wish, today=ctx.today)[case_id]
    office = definition.import_.by
    if ctx.actor.person is not None and office not in held_roles(snapshot, ctx.actor.person):
        return only_for(office)
    held = [
        Change(
            table="timers",
            op=UPDATE,
            key=timer["id"],
            values={"status": timers.OPEN, "hold": None, "wake_at": timer["due_at"]},
        )
        for timer in snapshot.table("timers")
        if timer["hold"] == timers.HELD_BY_IMPORT
    ]
    if not held:
        return Refusal(blockers=(Blocker(code="nothing_held", basis="local", rank=Rank.FINAL),))
    step = note(snapshot, kind="released", act="release_held", changes=held, form={}, ctx=ctx)
    after = snapshot.after((*step.changes, *step.ended, *step.armed))
    after = replace(after, case={**after.case, "log_seq": step.seq})
    steps, _ = catch_up(after, ctx)
    return write_steps(session, row, (step, *steps), ctx)
