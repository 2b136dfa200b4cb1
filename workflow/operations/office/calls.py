"""Calls for proposals, Article 4: opened, moved and closed."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Call, new_key
from models.changes import INSERT, UPDATE, Change
from workflow.context import Context
from workflow.operations.deeds import (
    OFFICE,
    Done,
    Faults,
    demand,
    found,
    record,
)
from workflow.world import bump, lifecycles_in_use


def open_call(
    session: Session,
    *,
    lifecycle: str,
    year: int,
    opens_on: date | None,
    closes_on: date | None,
    reason: str,
    ctx: Context,
) -> Done:
    """Open the yearly call for proposals of a lifecycle; both days are inclusive. Raises BadInput when it overlaps another."""
    demand(session, ctx, *OFFICE)
    faults = Faults()
    if lifecycle not in lifecycles_in_use(session):
        faults.add("lifecycle", "unknown_choice")
    _call_days(session, faults, lifecycle, opens_on, closes_on, other_than=None)
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        faults.add("year", "not_a_year")
    why = faults.reason(reason)
    faults.done()
    row = {
        "id": new_key(),
        "lifecycle": lifecycle,
        "year": year,
        "opens_on": opens_on,
        "closes_on": closes_on,
    }
    change = Change(table="calls", op=INSERT, key=str(row["id"]), values=row)
    done = record(
        session,
        "system:calls",
        kind="call_opened",
        subject=str(row["id"]),
        changes=[change],
        ctx=ctx,
        content={"reason": why},
    )
    bump(session)
    return done


def change_call(
    session: Session,
    call_id: str,
    *,
    opens_on: date | None,
    closes_on: date | None,
    reason: str,
    ctx: Context,
) -> Done:
    """Move the days of a call. Raises BadInput when it overlaps another or nothing would change."""
    demand(session, ctx, *OFFICE)
    old = found(
        session.execute(
            select(Call.lifecycle, Call.opens_on, Call.closes_on).where(Call.id == call_id).with_for_update()
        ).first(),
        call=call_id,
    )
    faults = Faults()
    _call_days(session, faults, old.lifecycle, opens_on, closes_on, other_than=call_id)
    if (opens_on, closes_on) == (old.opens_on, old.closes_on):
        faults.add("opens_on", "nothing_changed")
    why = faults.reason(reason)
    faults.done()
    change = Change(
        table="calls", op=UPDATE, key=call_id, values={"opens_on": opens_on, "closes_on": closes_on}
    )
    done = record(
        session,
        "system:calls",
        kind="call_changed",
        subject=call_id,
        changes=[change],
        ctx=ctx,
        content={"reason": why},
    )
    bump(session)
    return done


EARLIEST_YEAR, LATEST_YEAR = 1990, 2100


def _call_days(
    session: Session,
    faults: Faults,
    lifecycle: str,
    opens_on: date | None,
    closes_on: date | None,
    *,
    other_than: str | None,
) -> None:
    opens, closes = faults.day("opens_on", opens_on), faults.day("closes_on", closes_on)
    if opens is None or closes is None:
        return
    if closes < opens:
        faults.add("closes_on", "before_beginning")
        return
    overlapping = select(Call.year).where(
        Call.lifecycle == lifecycle,
        Call.opens_on <= closes,
        Call.closes_on >= opens,
        Call.id != other_than if other_than else Call.id.is_not(None),
    )
    year = session.scalar(overlapping.limit(1))
    if year is not None:
        faults.add("opens_on", "overlaps", year=year)
