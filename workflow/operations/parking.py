"""Cases whose timers failed: parked as one open incident each, so that they hold up nobody, and let go when they are well.

While the incident is open the clock passes the case over, for longer each time it fails again (`gather.claim`). Whoever
closes it, and every act that moves the case, lets the clock try at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Incident, new_key
from models.changes import INSERT, UPDATE, Change, write
from workflow import gather
from workflow.context import Context
from workflow.operations.deeds import record

FIRST_PAUSE = timedelta(hours=1)
"""When a case whose timer failed is looked at again; each failure after it doubles the pause."""

INCIDENTS = "system:incidents"
"""The stream that tells which incidents were closed, and by whom."""


def park(session: Session, case_id: str, *, at: datetime, failure: str) -> None:
    """Let the clock pass a case over for a while: one open incident for the office, told anew of every failure."""
    row = gather.lock(session, case_id).row
    known = session.execute(
        select(Incident.id, Incident.params).where(*_open([case_id])).with_for_update()
    ).first()
    times = 1 + (int(known.params.get("times", 1)) if known else 0)
    values = {
        "params": {"failure": failure[:2000], "times": times},
        "retry_at": at + _pause(times),
        "case_version": row["version"],
    }
    if known:
        write(session, [Change(table="incidents", op=UPDATE, key=known.id, values=values)])
        return
    first = {
        "id": new_key(),
        "case_id": case_id,
        "kind": gather.TIMER_FAILED,
        "opened_at": at,
        "closed_at": None,
    }
    write(session, [Change(table="incidents", op=INSERT, key=str(first["id"]), values={**first, **values})])


def _pause(times: int) -> timedelta:
    doublings = min(times - 1, 10)
    return min(FIRST_PAUSE * (1 << doublings), gather.LONGEST_PAUSE)


def recovered(session: Session, cases: Iterable[str], *, ctx: Context) -> None:
    """Close the incidents of those among some cases whose timers have taken effect after all, with an entry each."""
    rows = session.execute(
        select(Incident.id, Incident.case_id).where(*_open(cases)).order_by(Incident.id).with_for_update()
    ).all()
    for row in rows:
        record(
            session,
            INCIDENTS,
            kind="incident_closed",
            subject=row.id,
            changes=[Change(table="incidents", op=UPDATE, key=row.id, values={"closed_at": ctx.at})],
            ctx=ctx,
            content={"incident": gather.TIMER_FAILED, "case": row.case_id},
        )


def _open(cases: Iterable[str]) -> tuple[Any, ...]:
    return (
        Incident.case_id.in_(list(cases)),
        Incident.kind == gather.TIMER_FAILED,
        Incident.closed_at.is_(None),
    )
