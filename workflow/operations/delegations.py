"""Delegation (委托): from a day to a day one person acts for another in one role. Given and revoked in the delegator's stream.

What is lent is the delegator's own grant: `workflow.gather` reads it with the case whenever it is used, so that it ends
with the delegation or with the grant, whichever ends first, and can be lent on by nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, select, true
from sqlalchemy.orm import Session

from models import Delegation, Grant, Person, new_key
from models.changes import INSERT, UPDATE, Change
from workflow.context import Context
from workflow.definition.values.people import Held
from workflow.errors import NotFound, WorkflowError
from workflow.operations.deeds import OFFICE, Done, Faults, demand, found, held_roles, record
from workflow.world import editions_in_use

ONE_DAY = timedelta(days=1)


def give_delegation(
    session: Session,
    *,
    person_id: str,
    delegate_id: str | None,
    role: str,
    unit_id: str | None,
    from_on: date | None,
    until_on: date | None,
    reason: str,
    ctx: Context,
) -> Done:
    """Let another person act in one of the delegator's roles, both days included; without a unit, wherever it is held.

    The delegator gives it, or the office for somebody absent, but nobody to themselves; a delegate of None is somebody whom
    nobody knows. Raises BadInput with every fault, WorkflowError `not_your_role` or `own_delegation`.
    """
    _may_give(session, person_id, delegate_id, ctx)
    _in_turn(session, person_id, *filter(None, (delegate_id,)))
    faults = Faults()
    _two_people(session, faults, person_id, delegate_id)
    _delegable(session, faults, role)
    begins, ends = _days(faults, from_on, until_on, today=ctx.today)
    is_sound = not {"person", "role", "from_on", "until_on"} & {fault.field for fault in faults.found}
    if begins and ends and is_sound:
        wish = _Wish(person=person_id, role=role, unit=unit_id, begins=begins, ends=ends)
        _held_throughout(session, faults, wish)
        if delegate_id is not None and not faults.found:
            _no_overlap(session, faults, wish, delegate_id)
    why = faults.reason(reason)
    faults.done()
    row = {
        "id": new_key(),
        "person_id": person_id,
        "delegate_id": delegate_id,
        "role": role,
        "unit_id": unit_id,
        "from_on": begins,
        "until_on": ends,
        "reason": why,
        "granted_at": ctx.at,
        "revoked_at": None,
    }
    change = Change(table="delegations", op=INSERT, key=str(row["id"]), values=row)
    return _recorded(session, row, "delegation_given", change, why, ctx)


def revoke_delegation(session: Session, delegation_id: str, *, reason: str, ctx: Context) -> Done:
    """End a delegation at once; the delegator may, and the office.

    Raises NotFound, WorkflowError `delegation_revoked` or `not_your_role`, and BadInput without a reason.
    """
    columns = Delegation.__table__.c
    row = found(
        session.execute(select(*columns).where(columns.id == delegation_id).with_for_update())
        .mappings()
        .first(),
        delegation=delegation_id,
    )
    if ctx.actor.person not in (row["person_id"], row["delegate_id"]) and not _is_office(session, ctx):
        raise NotFound("no_such_row", delegation=delegation_id)
    if ctx.actor.person != row["person_id"]:
        demand(session, ctx, *OFFICE)
    if row["revoked_at"] is not None:
        raise WorkflowError("delegation_revoked", at=row["revoked_at"])
    faults = Faults()
    why = faults.reason(reason)
    faults.done()
    change = Change(table="delegations", op=UPDATE, key=delegation_id, values={"revoked_at": ctx.at})
    return _recorded(session, row, "delegation_revoked", change, why, ctx)


def _recorded(session: Session, row: Any, kind: str, change: Change, why: str, ctx: Context) -> Done:
    """The one entry, in the delegator's stream; it names the delegate too, so that both are found in it."""
    return record(
        session,
        f"person:{row['person_id']}",
        kind=kind,
        subject=str(row["id"]),
        changes=[change],
        ctx=ctx,
        unit_id=row["unit_id"],
        content={"reason": why, "delegate": row["delegate_id"], "role": row["role"]},
    )


# ───────────────────────────── Who may


def _is_office(session: Session, ctx: Context) -> bool:
    return bool(held_roles(session, ctx.actor.person, today=ctx.today) & {*OFFICE})


def _may_give(session: Session, person_id: str, delegate_id: str | None, ctx: Context) -> None:
    if ctx.actor.person == person_id:
        return
    demand(session, ctx, *OFFICE)
    if ctx.actor.person == delegate_id:
        raise WorkflowError("own_delegation")


def _in_turn(session: Session, *people: str) -> None:
    """Lock both people: two who delegate to each other at the same instant would otherwise not see each other."""
    rows = select(Person.id).where(Person.id.in_(people)).order_by(Person.id)
    session.execute(rows.with_for_update(key_share=True)).all()


# ───────────────────────────── What may be lent


def _two_people(session: Session, faults: Faults, person_id: str, delegate_id: str | None) -> None:
    stated = [key for key in (person_id, delegate_id) if key is not None]
    known = set(session.scalars(select(Person.id).where(Person.id.in_(stated))))
    if person_id not in known:
        faults.add("person", "unknown_choice")
    if delegate_id is None:
        faults.add("delegate", "nobody_called")
    elif delegate_id not in known:
        faults.add("delegate", "unknown_choice")
    elif person_id == delegate_id:
        faults.add("delegate", "to_oneself")


def _delegable(session: Session, faults: Faults, role: str) -> None:
    """A role by grant of some lifecycle; a duty is one person's on one case, and whoever watches over it watches in person."""
    known = [edition.roles[role] for edition in editions_in_use(session).values() if role in edition.roles]
    if any(one.held is Held.DUTY for one in known):
        faults.add("role", "duty_not_delegable")
    elif not known:
        faults.add("role", "not_delegable")


def _days(
    faults: Faults, from_on: date | None, until_on: date | None, *, today: date
) -> tuple[date | None, date | None]:
    begins, ends = faults.day("from_on", from_on), faults.day("until_on", until_on)
    if begins and begins < today:
        faults.add("from_on", "in_past")
    if begins and ends and ends < begins:
        faults.add("until_on", "before_beginning")
    return begins, ends


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """A delegation that is asked for: whose role, on which unit (None: wherever it is held), both days included."""

    person: str
    role: str
    unit: str | None
    begins: date
    ends: date

    @property
    def meets(self) -> ColumnElement[bool]:
        """The delegations of the same role that overlap with it, in days and scope."""
        scope = Delegation.unit_id.is_(None) | (Delegation.unit_id == self.unit) if self.unit else true()
        return and_(
            Delegation.role == self.role,
            Delegation.revoked_at.is_(None),
            Delegation.from_on <= self.ends,
            Delegation.until_on >= self.begins,
            scope,
        )


def _held_throughout(session: Session, faults: Faults, wish: _Wish) -> None:
    """The delegator holds the role by grants of their own on every day of the delegation."""
    rows = session.execute(
        select(Grant.from_on, Grant.until_on)
        .where(
            Grant.person_id == wish.person,
            Grant.role == wish.role,
            Grant.unit_id == wish.unit if wish.unit else true(),
            Grant.revoked_at.is_(None),
            Grant.until_on.is_(None) | (Grant.until_on >= wish.begins),
        )
        .order_by(Grant.from_on)
    )
    last = wish.begins - ONE_DAY
    for row in rows:
        if last < wish.ends and row.from_on <= last + ONE_DAY:
            last = max(last, row.until_on or date.max)
    if last < wish.begins:
        lent = select(Delegation.id).where(Delegation.delegate_id == wish.person, wish.meets)
        faults.add("role", "only_lent" if session.execute(lent.limit(1)).first() else "not_held")
    elif last < wish.ends:
        faults.add("until_on", "beyond_grant", day=last)


def _no_overlap(session: Session, faults: Faults, wish: _Wish, delegate: str) -> None:
    """The same is not lent twice to one person, nor back in a circle while the other way is in force."""
    pair = (wish.person, delegate)
    rows = session.execute(
        select(Delegation.person_id, Delegation.until_on).where(
            wish.meets, Delegation.person_id.in_(pair), Delegation.delegate_id.in_(pair)
        )
    )
    row = rows.first()
    if row is not None:
        own = row.person_id == wish.person
        faults.add("delegate", "delegated_already" if own else "in_a_circle", day=row.until_on)
