"""Who may see what: the one rule every page, list, export and download asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, and_, exists, select, true, union_all
from sqlalchemy.orm import Session

from models import Case, Delegation, Duty, Grant, JointBase, Seat
from models.lists import holds_any
from workflow.definition.values.acts import Act
from workflow.definition.values.edition import Definition
from workflow.definition.values.people import Held
from workflow.definition.values.routes import StepKind
from workflow.errors import NotFound
from workflow.guards.rights import granted_on
from workflow.in_force import duty_holds, grant_holds
from workflow.operations.deeds import Role
from workflow.world import editions_in_use

WATCHERS = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})
"""Who watches over the installation sees every case of every lifecycle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The roles of a lifecycle that see all of its cases, and those that see the cases of the unit they hold them on."""

    everywhere: frozenset[str] = frozenset()
    on_their_unit: frozenset[str] = frozenset()


def sights(editions: Iterable[Definition]) -> dict[str, Sight]:
    """What each lifecycle's roles let people see, by its editions in use.

    A role held by grant sees the cases it may have a part in: everywhere, or where its unit is the case's. A pool of
    experts sees those in which it was given a seat.
    """
    found: dict[str, Sight] = {}
    for edition in editions:
        granted = {role.name: role.of for role in edition.roles.values() if role.held is Held.GRANT}
        known = found.get(edition.name, Sight())
        found[edition.name] = Sight(
            everywhere=known.everywhere
            | ({name for name, of in granted.items() if not of} - _pools(edition)),
            on_their_unit=known.on_their_unit | {name for name, of in granted.items() if of},
        )
    return found


def _pools(edition: Definition) -> set[str]:
    """The roles a panel is named from."""
    return {role for step in edition.steps if step.kind is StepKind.SCORE for role in step.by}


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
    sights: Mapping[str, Sight] = field(default_factory=dict)
    """What roles see, by lifecycle."""

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(role for role, _ in self.grants)

    @property
    def sees_everything(self) -> bool:
        return bool(self.usable & WATCHERS) or (
            bool(self.sights) and len(self.seen_whole) == len(self.sights)
        )

    @property
    def usable(self) -> frozenset[str]:
        """Their own roles, and those lent to them."""
        return self.roles | {right.role for right in self.lent}

    @property
    def seen_whole(self) -> tuple[str, ...]:
        """The lifecycles all of whose cases the person sees."""
        return tuple(sorted(name for name, sight in self.sights.items() if self.usable & sight.everywhere))

    def college_ids(self, lifecycle: str) -> tuple[str, ...]:
        """The colleges whose cases of a lifecycle the person sees."""
        roles = self.sights[lifecycle].on_their_unit
        lent = {right.unit for right in self.lent if right.unit and right.role in roles}
        return tuple(sorted({*self.units_of(*roles), *lent}))

    def units_of(self, *roles: str) -> tuple[str, ...]:
        """The units on which the person holds one of the roles."""
        return tuple(sorted({unit for role, unit in self.grants if unit and role in roles}))


def rights_of(session: Session, person: str, *, today: date) -> Rights:
    """Read the grants of a person in force on a day, and those others have delegated to them."""
    held = select(Grant.person_id, Grant.role, Grant.unit_id).where(grant_holds(today))
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
        sights=sights(editions_in_use(session).values()),
    )


def units_offered(rights: Rights, act: Act, field: str) -> tuple[str, ...] | None:
    """The units a guard of the act lets the person name in a field; None: every one."""
    for need in act.needs:
        if need.guard == granted_on.__name__ and need.params["unit"] == field:
            return rights.units_of(need.params["role"])
    return None


def visible_to(rights: Rights) -> ColumnElement[bool]:
    """The condition over `cases` that holds for what a person may see.

    Auditors and administrators see every case; those who decide everywhere, such as the office and the leading group,
    every case of their lifecycle; a college's roles those it leads or takes part in; everybody else those on which they
    hold a duty or were given a seat; and a delegate what the delegator's role sees.
    """
    if rights.sees_everything:
        return true()
    whole = [select(Case.id).where(Case.lifecycle.in_(rights.seen_whole))] if rights.seen_whole else []
    return Case.id.in_(union_all(_by_duty(rights), _by_seat(rights), *whole, *_by_college(rights)))


def _by_duty(rights: Rights) -> Select[str]:
    return select(Duty.case_id).where(_held_now(rights)).correlate(None)


def _by_college(rights: Rights) -> Iterator[Select[str]]:
    """The cases of the person's colleges, each way by an index of its own, so that a list reads no others."""
    for lifecycle in sorted(rights.sights):
        colleges = rights.college_ids(lifecycle)
        if not colleges:
            continue
        taking_part = holds_any(JointBase.other_college_ids, *colleges)
        for of_theirs in (JointBase.lead_college_id.in_(colleges), taking_part):
            yield _of(lifecycle, rights, select(JointBase.case_id).where(of_theirs)).correlate(None)


def _of(lifecycle: str, rights: Rights, cases: Select[str]) -> Select[str]:
    """Those of one lifecycle; where there is but one, nothing need be asked."""
    if len(rights.sights) == 1:
        return cases
    return cases.join(Case, Case.id == JointBase.case_id).where(Case.lifecycle == lifecycle)


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
    return and_(Duty.person_id == rights.person, duty_holds(rights.today))


def seen(session: Session, rights: Rights, case_id: str) -> None:
    """Raise NotFound unless there is such a case and the person may see it; both answer alike."""
    found = session.execute(select(Case.id).where(Case.id == case_id, visible_to(rights))).first()
    if found is None:
        raise NotFound("no_such_case", case=case_id)
