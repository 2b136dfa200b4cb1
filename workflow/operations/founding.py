"""Begin a case: its rows, its first entry, its first tasks and timers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import Column, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from models import Base, Grant, new_key
from models.changes import INSERT, UPDATE, Change, merged, plain, write
from workflow import entries, tasks, timers
from workflow.context import Context
from workflow.definition.values.edition import Definition
from workflow.errors import WorkflowError
from workflow.in_force import grant_holds
from workflow.log import GENESIS
from workflow.plan import Step
from workflow.snapshot import Snapshot
from workflow.world import current_edition, world

TABLES = (
    "passages",
    "agreements",
    "hand_ins",
    "deadline_decisions",
    "timers",
    "tasks",
    "duties",
    "documents",
    "pending_acts",
    "grades",
    "clawbacks",
    "bans",
)


def open_case(session: Session, lifecycle: str, *, unit_id: str, ctx: Context) -> str:
    """Open a draft on a unit where the person holds the opening role; return the new case's id.

    The person gets the duty of that role on the case. Raises WorkflowError `not_your_role` for anybody else.
    """
    edition_id, definition = current_edition(session, lifecycle)
    if not _may_open(session, definition, unit_id, ctx):
        raise WorkflowError("not_your_role", roles=[definition.opens])
    case_id = new_key()
    duty = {
        "id": new_key(),
        "case_id": case_id,
        "role": definition.opens,
        "person_id": ctx.actor.person,
        "contact_name": None,
        "contact_phone": None,
        "from_on": ctx.today,
        "until_on": None,
    }
    changes = [
        *new_case(definition, edition_id, case_id, ctx=ctx, case={}, subject={"lead_college_id": unit_id}),
        Change(table="duties", op=INSERT, key=str(duty["id"]), values=duty),
    ]
    begin(session, definition, case_id, changes, kind="open", basis="local", ctx=ctx)
    return case_id


def _may_open(session: Session, definition: Definition, unit_id: str, ctx: Context) -> bool:
    held = select(Grant.id).where(
        Grant.person_id == ctx.actor.person,
        Grant.role == definition.opens,
        Grant.unit_id == unit_id,
        grant_holds(ctx.today),
    )
    return session.execute(held.limit(1)).first() is not None


def new_case(
    definition: Definition,
    edition_id: str,
    case_id: str,
    *,
    ctx: Context,
    case: Mapping[str, Any],
    subject: Mapping[str, Any],
) -> list[Change]:
    """The rows of a case that begins, complete in every column; `case` and `subject` override the defaults."""
    row = {
        "id": case_id,
        "lifecycle": definition.name,
        "edition_id": edition_id,
        "state": definition.initial,
        "stay": 0,
        "version": 1,
        "parent_id": None,
        "entered_on": ctx.today,
        "opened_at": ctx.at,
        "closed_at": None,
        "facts": {},
        "pins": {},
        "dates": {},
        "log_seq": 1,
        "log_head": GENESIS,
        **case,
    }
    columns = {column.name: _default(column) for column in Base.metadata.tables[definition.subject].columns}
    return [
        Change(table="cases", op=INSERT, key=case_id, values=row),
        Change(
            table=definition.subject,
            op=INSERT,
            key=case_id,
            values={**columns, "case_id": case_id, **subject},
        ),
    ]


def _default(column: Column[Any]) -> Any:
    return column.default.arg if isinstance(column.default, ScalarElementColumnDefault) else None


def begin(
    session: Session,
    definition: Definition,
    case_id: str,
    changes: Sequence[Change],
    *,
    kind: str,
    basis: str,
    ctx: Context,
    form: Mapping[str, Any] | None = None,
    effective_on: date | None = None,
    hold_past: bool = False,
) -> Snapshot:
    """Write a case's first entry with the rows that begin it; return the case as it stands.

    `hold_past`: deadlines already past are written held, and neither the clock nor an act fires them before the
    office confirms it.
    """
    empty = _nothing_yet(session, definition, case_id, ctx)
    after = empty.after(changes)
    dates = {name: plain(day) for name, day in after.dates().items()}
    planned = [*changes, Change(table="cases", op=UPDATE, key=case_id, values={"dates": dates})]
    after = empty.after(planned)
    armed = timers.reconcile(after, seq=1, at=ctx.at)
    if hold_past:
        armed = [_held_if_past(change, ctx) for change in armed]
    after = after.after(armed)
    step = Step(
        seq=1,
        kind=kind,
        act=kind,
        from_state=None,
        to_state=after.state,
        actor=ctx.actor,
        source=ctx.source,
        effective_on=effective_on or ctx.today,
        basis=basis,
        by_basis=basis,
        form=dict(form or {}),
        before=empty,
        changes=tuple(merged(planned)),
        armed=tuple(armed),
        turns=tuple(tasks.reconcile(after, at=ctx.at)),
    )
    written = entries.of_step(step, definition, GENESIS, ctx.at)
    end = Change(table="cases", op=UPDATE, key=case_id, values={"log_seq": 1, "log_head": written.hash})
    write(session, [*step.changes, end, *step.armed, *step.turns, *written.changes])
    return replace(after, case={**after.case, "log_head": written.hash})


def _nothing_yet(session: Session, definition: Definition, case_id: str, ctx: Context) -> Snapshot:
    """The case before its first entry."""
    return Snapshot(
        definition=definition,
        world=world(session, None),
        today=ctx.today,
        case={"id": case_id},
        subject={},
        rows=dict.fromkeys(TABLES, ()),
    )


def _held_if_past(change: Change, ctx: Context) -> Change:
    if change.values["due_at"] > ctx.at:
        return change
    held = {"status": timers.HELD, "hold": timers.HELD_BY_IMPORT, "wake_at": None}
    return replace(change, values={**change.values, **held})
