"""Units: colleges, offices, groups, and the names they bear one after the other. Told of in `system:units`."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Unit, UnitName, new_key
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
from workflow.operations.organisations import days_borne, last_day_borne
from workflow.world import bump

UNIT_KINDS = ("college", "office", "group", "university")


def add_unit(session: Session, *, name: str, kind: str, reason: str, ctx: Context) -> Done:
    """Add a college or another unit. Raises BadInput for a name in use."""
    demand(session, ctx, *OFFICE)
    faults = Faults()
    title = _free_name(session, faults, name)
    if kind not in UNIT_KINDS:
        faults.add("kind", "unknown_choice")
    why = faults.reason(reason)
    faults.done()
    row = {"id": new_key(), "kind": kind, "name": title, "succeeded_by": None}
    change = Change(table="units", op=INSERT, key=str(row["id"]), values=row)
    return record(
        session,
        "system:units",
        kind="unit_added",
        subject=str(row["id"]),
        changes=[change],
        ctx=ctx,
        content={"reason": why},
    )


def rename_unit(
    session: Session, unit_id: str, *, name: str, from_on: date | None, reason: str, ctx: Context
) -> Done:
    """Give a unit a new name from a day on; the name it bore until then is kept with its days.

    Raises BadInput for a name in use, a day to come, and a day not after the last change of name.
    """
    demand(session, ctx, *OFFICE)
    old = found(
        session.execute(select(Unit.name).where(Unit.id == unit_id).with_for_update()).first(), unit=unit_id
    )
    faults = Faults()
    title = _free_name(session, faults, name)
    last = last_day_borne(session, UnitName.until_on, UnitName.unit_id == unit_id)
    days = days_borne(faults, last, from_on, ctx)
    why = faults.reason(reason)
    faults.done()
    borne = {"id": new_key(), "unit_id": unit_id, "name": old.name, **days}
    changes = [
        Change(table="units", op=UPDATE, key=unit_id, values={"name": title}),
        Change(table="unit_names", op=INSERT, key=str(borne["id"]), values=borne),
    ]
    done = record(
        session,
        "system:units",
        kind="unit_renamed",
        subject=unit_id,
        changes=changes,
        ctx=ctx,
        unit_id=unit_id,
        content={"reason": why},
    )
    bump(session)
    return done


def _free_name(session: Session, faults: Faults, name: str) -> str | None:
    title = faults.line("name", name)
    if title and session.scalar(select(Unit.id).where(Unit.name == title)) is not None:
        faults.add("name", "taken")
    return title
