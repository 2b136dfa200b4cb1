"""Move a demonstration's clock forward. No other database can be moved, and no clock goes back."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from models import Installation
from models.changes import UPDATE, Change
from workflow.clock import OFFSET, is_demonstration
from workflow.context import Context
from workflow.errors import NotFound, WorkflowError
from workflow.operations.deeds import Done, record

FARTHEST = timedelta(days=366 * 10)
"""How far a clock moves at once; further is a slip of the keyboard."""


def move_clock(session: Session, *, to: datetime, ctx: Context) -> Done:
    """Let the demonstration's clock show `to` from now on, with one entry; what has come due, the sweep then does.

    Raises NotFound in a database that is no demonstration, WorkflowError `clock_goes_back` or `clock_too_far`.
    """
    if not is_demonstration(session):
        raise NotFound("no_demonstration")
    if to <= ctx.at:
        raise WorkflowError("clock_goes_back", at=ctx.at, to=to)
    if to - ctx.at > FARTHEST:
        raise WorkflowError("clock_too_far", at=ctx.at, to=to)
    offset = session.get_one(Installation, OFFSET, with_for_update=True)
    seconds = offset.value + int((to - ctx.at).total_seconds())
    change = Change(table="installation", op=UPDATE, key=OFFSET, values={"value": seconds})
    return record(
        session, "system:clock", kind="clock_moved", subject=OFFSET, changes=[change], ctx=ctx,
        content={"clock_from": ctx.at, "clock_to": to},
    )  # fmt: skip
