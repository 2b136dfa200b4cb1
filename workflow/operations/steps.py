"""The steps of one case: note something about it, and write what was planned, each step with its entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from models.changes import UPDATE, Change, merged, write
from workflow import entries, gather
from workflow.context import Context
from workflow.operations.answers import Receipt
from workflow.operations.numbering import numbered
from workflow.plan import Step, catch_up, follow, voided
from workflow.plan.notices import asked, moved_deadlines
from workflow.snapshot import Snapshot


def note(
    snapshot: Snapshot,
    *,
    kind: str,
    act: str,
    changes: Sequence[Change],
    form: Mapping[str, Any],
    ctx: Context,
    moves: bool = True,
) -> Step:
    """A step that records something about a case without a transition; timers and tasks are compared after it.

    One that does not move the case leaves its version, and a proposal that waits, as they are.
    """
    seq, version = snapshot.case["log_seq"] + 1, snapshot.case["version"]
    values = {"version": version + 1, "log_seq": seq} if moves else {"log_seq": seq}
    moved = [
        Change(table="cases", op=UPDATE, key=snapshot.id, values=values, seen=version),
        *(voided(snapshot, ctx) if moves else ()),
        *(change for change in changes if change.table != "timers"),
    ]
    held = [change for change in changes if change.table == "timers"]
    after = snapshot.after([*moved, *held])
    follows = follow(after, seq=seq, day=ctx.today, since=ctx.at, at=ctx.at)
    return Step(
        seq=seq,
        kind=kind,
        act=act,
        from_state=snapshot.state,
        to_state=snapshot.state,
        actor=ctx.actor,
        source=ctx.source,
        effective_on=ctx.today,
        basis="local",
        by_basis="local",
        form=dict(form),
        before=snapshot,
        changes=tuple(merged([*moved, *follows.rounds])),
        armed=follows.armed,
        ended=(*held, *follows.ended),
        turns=follows.turns,
        notices=(
            *asked(snapshot, follows.after, seq, ctx),
            *moved_deadlines(snapshot, follows, seq, ctx, why=kind),
        ),
    )


def planned(steps: Iterable[Step]) -> list[Change]:
    """The rows of the steps, those that follow from them aside."""
    return [change for step in steps for change in step.changes]


def caught_up(session: Session, row: gather.Located, snapshot: Snapshot, ctx: Context) -> Snapshot:
    """Let the case's due timers take effect and write what they brought about; return the case as it is then."""
    _, (steps, after) = numbered(
        session, snapshot, lambda known: catch_up(known, ctx), lambda made: planned(made[0])
    )
    if steps:
        write_steps(session, row, steps, ctx)
    return after


def write_steps(
    session: Session, row: gather.Located, steps: Sequence[Step], ctx: Context, *, more: Iterable[Change] = ()
) -> Receipt:
    """Write the steps of one case with their entries, each chained to the one before; return what the last left."""
    changes, written, head = steps_as_changes(row, steps, ctx)
    write(session, [*changes, *more])
    last = steps[-1].before.after(steps[-1].changes)
    row.row.update({"log_seq": written[-1].seq, "log_head": head, "version": last.case["version"]})
    return Receipt(
        case_id=last.id,
        act=steps[0].act,
        seq=written[0].seq,
        hash=written[0].hash,
        recorded_at=ctx.at,
        state=last.state,
        version=last.case["version"],
        entries=tuple((entry.seq, entry.act or "", entry.hash) for entry in written),
    )


def steps_as_changes(
    row: gather.Located, steps: Sequence[Step], ctx: Context
) -> tuple[list[Change], list[entries.Written], str]:
    """All rows of the steps and their entries, and the new end of the case's chain."""
    definition = steps[0].before.definition
    head = row[0]["log_head"]
    changes: list[Change] = []
    written: list[entries.Written] = []
    for step in steps:
        entry = entries.of_step(step, definition, head, ctx.at)
        head = entry.hash
        written.append(entry)
        changes += [*step.changes, *step.ended, *step.armed, *step.turns, *step.notices, *entry.changes]
    end = {"log_seq": written[-1].seq, "log_head": head}
    changes.append(Change(table="cases", op=UPDATE, key=steps[0].before.id, values=end))
    return changes, written, head
