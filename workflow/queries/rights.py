"""Who may see what: the one rule every page, list, export and download asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, and_, exists, select, true, union_all
from sqlalchemy.orm import Session

from models import Case, Delegation, Duty, Grant, JointBase, Seat
from models.lists import holds_any
from workflow.definition.values import Act
from workflow.errors import NotFound
from workflow.guards import granted_on

SEE_EVERYTHING = frozenset({"administrator", "auditor", "base_office", "leading_group"})
SEE_THEIR_COLLEGE = frozenset({"college_head", "college_officer"})


class Lent(NamedTuple):
    """A role somebody has delegated to the person: whose it is, and the unit they hold it on."""

    lender: str
    role: str
    unit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What one person holds on one day: roles by grant, each on a unit or everywhere. Duties are asked per case."""

    person: str
    today: date
    grants: tuple[tuple[str, str | None], ...]
    lent: tuple[Lent, ...] = ()
    """What they may do for others. Whoever acts for somebody sees what that person sees by the role."""

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(role for role, _ in self.grants)

    @property
    def sees_everything(self) -> bool:
        return bool((self.roles | {right.role for right in self.lent}) & SEE_EVERYTHING)

    @property
    def college_ids(self) -> tuple[str, ...]:
        """The colleges whose cases the person sees."""
        lent = {right.unit for right in self.lent if right.unit and right.role in SEE_THEIR_COLLEGE}
        return tuple(sorted({*self.units_of(*SEE_THEIR_COLLEGE), *lent}))

    def units_of(self, *roles: str) -> tuple[str, ...]:
        """The units on which the person holds one of the roles."""
        return tuple(sorted({unit for role, unit in self.grants if unit and role in roles}))


def rights_of(session: Session, person: str, *, today: date) -> Rights:
    """Read the grants of a person in force on a day, and those others have delegated to them."""
    held = select(Grant.person_id, Grant.role, Grant.unit_id).where(_granted_on(today))
    lent = held.join(
        Delegation,
        and_(
            Delegation.person_id == Grant.person_id,
            Delegation.role == Grant.role,
            Delegation.unit_id.is_(None) | (Delegation.unit_id == Grant.unit_id),
        ),
    ).where(
        Delegation.delegate_id == person,
        Delegation.revoked_at.is_(None),
        Delegation.from_on <= today,
        Delegation.until_on >= today,
    )
    rows = session.execute(held.where(Grant.person_id == person).union(lent)).all()
    return Rights(
        person=person,
        today=today,
        grants=tuple((row.role, row.unit_id) for row in rows if row.person_id == person),
        lent=tuple(
            Lent(row.person_id, row.role, row.unit_id)
            for row in sorted(rows, key=str)
            if row.person_id != person
        ),
    )


def _granted_on(today: date) -> ColumnElement[bool]:
    return and_(
        Grant.revoked_at.is_(None),
        Grant.from_on <= today,
        Grant.until_on.is_(None) | (Grant.until_on >= today),
    )


def units_offered(rights: Rights, act: Act, field: str) -> tuple[str, ...] | None:
    """The units a guard of the act lets the person name in a field; None: every one."""
    for need in act.needs:
        if need.guard == granted_on.__name__ and need.params["unit"] == field:
            return rights.units_of(need.params["role"])
    return None


def visible_to(rights: Rights) -> ColumnElement[bool]:
    """The condition over `cases` that holds for what a person may see.

    The office, the leading group, auditors and administrators see every case, a college's roles those it leads or
    takes part in, everybody else those on which they hold a duty or were given a seat; and a delegate what the
    delegator's role sees.
    """
    if rights.sees_everything:
        return true()
    return Case.id.in_(union_all(_by_duty(rights), _by_seat(rights), *_by_college(rights)))


def _by_duty(rights: Rights) -> Select[str]:
    return select(Duty.case_id).where(_held_now(rights)).correlate(None)


def _by_college(rights: Rights) -> Iterator[Select[str]]:
    """The cases of the person's colleges, each way by an index of its own, so that a list reads no others."""
    colleges = rights.college_ids
    if not colleges:
        return
    yield select(JointBase.case_id).where(JointBase.lead_college_id.in_(colleges)).correlate(None)
    taking_part = holds_any(JointBase.other_college_ids, *colleges)
    yield select(JointBase.case_id).where(taking_part).correlate(None)


def _by_seat(rights: Rights) -> Select[str]:
    """The cases in which the person, or somebody for whom they act, was asked by name; having answered takes away no sight."""
    people = sorted({rights.person, *(right.lender for right in rights.lent)})
    return select(Seat.case_id).where(Seat.person_id.in_(people), Seat.voided_seq.is_(None)).correlate(None)


def on_duty(rights: Rights, *roles: str) -> ColumnElement[bool]:
    """The condition that the person holds a duty on the case today; with roles, one of these."""
    return exists().where(
        Duty.case_id == Case.id, _held_now(rights), Duty.role.in_(roles) if roles else true()
    )


def _held_now(rights: Rights) -> ColumnElement[bool]:
    return and_(
        Duty.person_id == rights.person,
        Duty.from_on <= rights.today,
        Duty.until_on.is_(None) | (Duty.until_on >= rights.today),
    )


def seen(session: Session, rights: Rights, case_id: str) -> None:
    """Raise NotFound unless there is such a case and the person may see it; both answer alike."""
    found = session.execute(select(Case.id).where(Case.id == case_id, visible_to(rights))).first()
    if found is None:
        raise NotFound("no_such_case", case=case_id)
