"""Roles given to people and taken back; nobody gives one to themselves. Told of in the person's own stream."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from models import Grant, Person, Unit, new_key
from models.changes import INSERT, UPDATE, Change
from workflow.context import Context
from workflow.errors import WorkflowError
from workflow.operations.deeds import (
    GUARDED,
    OFFICE,
    Done,
    Faults,
    Role,
    demand,
    found,
    is_key,
    record,
)
from workflow.queries.roles import KnownRole, roles_of


def give_grant(
    session: Session,
    *,
    person_id: str,
    role: str,
    unit_id: str | None,
    from_on: date | None,
    until_on: date | None,
    reason: str,
    ctx: Context,
) -> Done:
    """Give a person a role from a day on, on a unit where the role is bound to one; both days are inclusive.

    The roles are those of the published lifecycles and the installation's own. Nobody gives a right to themselves, in
    whichever account; roles that watch over the office are an administrator's to give. Raises BadInput, WorkflowError
    `own_grant` or `not_your_role`.
    """
    demand(session, ctx, *OFFICE)
    _not_to_oneself(person_id, ctx)
    faults = Faults()
    if not is_key(person_id) or session.scalar(select(Person.id).where(Person.id == person_id)) is None:
        faults.add("person", "unknown_choice")
    roles = roles_of(session)
    if role not in roles.given:
        faults.add("role", "unknown_role", roles=roles.given)
    elif role in GUARDED:
        demand(session, ctx, Role.ADMINISTRATOR)
    _right_unit(session, faults, roles.known.get(role), unit_id)
    begins, ends = faults.day("from_on", from_on), faults.day("until_on", until_on, required=False)
    if begins and ends and ends < begins:
        faults.add("until_on", "before_beginning")
    if not faults.found and _holds_already(session, person_id, role, unit_id, begins, ends):
        faults.add("role", "held_already")
    why = faults.reason(reason)
    faults.done()
    row = {
        "id": new_key(),
        "person_id": person_id,
        "role": role,
        "unit_id": unit_id,
        "from_on": begins,
        "until_on": ends,
        "revoked_at": None,
        "reason": why,
    }
    change = Change(table="grants", op=INSERT, key=str(row["id"]), values=row)
    return record(
        session,
        f"person:{person_id}",
        kind="grant_given",
        subject=str(row["id"]),
        changes=[change],
        ctx=ctx,
        unit_id=unit_id,
        content={"reason": why},
    )


def revoke_grant(session: Session, grant_id: str, *, reason: str, ctx: Context) -> Done:
    """End a right at once. Raises NotFound, WorkflowError `already_revoked`, and as `give_grant` does."""
    demand(session, ctx, *OFFICE)
    grant = found(
        session.execute(
            select(Grant.person_id, Grant.role, Grant.unit_id, Grant.revoked_at)
            .where(Grant.id == grant_id)
            .with_for_update()
        ).first(),
        grant=grant_id,
    )
    if grant.role in GUARDED:
        demand(session, ctx, Role.ADMINISTRATOR)
    if grant.revoked_at is not None:
        raise WorkflowError("already_revoked", at=grant.revoked_at)
    faults = Faults()
    why = faults.reason(reason)
    faults.done()
    change = Change(table="grants", op=UPDATE, key=grant_id, values={"revoked_at": ctx.at})
    return record(
        session,
        f"person:{grant.person_id}",
        kind="grant_revoked",
        subject=grant_id,
        changes=[change],
        ctx=ctx,
        unit_id=grant.unit_id,
        content={"reason": why},
    )


def _not_to_oneself(person_id: str, ctx: Context) -> None:
    if ctx.actor.person == person_id:
        raise WorkflowError("own_grant")


def _right_unit(session: Session, faults: Faults, role: KnownRole | None, unit_id: str | None) -> None:
    if unit_id is None:
        if role is not None and role.on_a_unit:
            faults.add("unit", "missing")
    elif not is_key(unit_id) or session.scalar(select(Unit.id).where(Unit.id == unit_id)) is None:
        faults.add("unit", "unknown_choice")


def _holds_already(
    session: Session, person_id: str, role: str, unit_id: str | None, begins: date | None, ends: date | None
) -> bool:
    """Whether a grant of the same role on the same unit covers every day of the new one."""
    same_unit: ColumnElement[bool] = Grant.unit_id == unit_id if unit_id else Grant.unit_id.is_(None)
    covers = Grant.until_on.is_(None) if ends is None else Grant.until_on.is_(None) | (Grant.until_on >= ends)
    held = select(Grant.id).where(
        Grant.person_id == person_id,
        Grant.role == role,
        same_unit,
        Grant.revoked_at.is_(None),
        Grant.from_on <= begins,
        covers,
    )
    return session.execute(held.limit(1)).first() is not None
