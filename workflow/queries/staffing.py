"""Whether every step of a lifecycle can be taken by the people there are: roles held today, conflicts left out.

What `lianpei check --people` says. It looks at each college that may propose as if it proposed now; what only a case
shows, who leads it and who stood aside, is looked at when a seat is given and used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Grant, Person, Unit
from workflow.definition.values.acts import Act, ActKind
from workflow.definition.values.edition import Definition
from workflow.definition.values.labels import Label
from workflow.definition.values.people import Conflict, Held
from workflow.definition.values.routes import Rule, Step, StepKind
from workflow.in_force import grant_holds
from workflow.operations.settings import value_on
from workflow.snapshot import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """A step or an act that too few people can take. `unit`: the college for whose bases; None: for all.

    `kind`: `nobody`, `panel` (experts), `industry` (experts from outside the university) or `second` (the same person
    would propose and confirm).
    """

    label: Label
    roles: tuple[str, ...]
    unit: str | None
    kind: str
    have: int
    want: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """The grants in force on a day, who is not of the university, and the settings that matter."""

    definition: Definition
    grants: tuple[Row, ...]
    external: frozenset[str]
    settings: dict[str, Any]

    def of(self, role_name: str, college: str) -> set[str]:
        """Who holds a role for the bases of a college."""
        role = self.definition.roles[role_name]
        return {
            row["person_id"]
            for row in self.grants
            if row["role"] == role_name and (role.of is None or row["unit_id"] in (None, college))
        }

    def fit(self, roles: Iterable[str], college: str) -> set[str]:
        """Who may act in one of the roles on a base of a college."""
        return {
            person
            for role in roles
            for person in self.of(role, college)
            if not any(self._keeps_out(conflict, person, role, college) for conflict in self._rules())
        }

    def _rules(self) -> Iterator[Conflict]:
        for conflict in self.definition.conflicts.values():
            if conflict.when is None or self.settings[conflict.when]:
                yield conflict

    def _keeps_out(self, conflict: Conflict, person: str, role: str, college: str) -> bool:
        if role not in conflict.nobody:
            return False
        is_near = any(row["person_id"] == person and row["unit_id"] == college for row in self.grants)
        return self._is_one(conflict.who_is, person, role, college) or bool(conflict.who_is_of and is_near)

    def _is_one(self, who: str | None, person: str, role: str, college: str) -> bool:
        """Whether the person is whom a rule names by the college's grants; who leads the base is known by its case only."""
        known = self.definition.roles[who] if who is not None and who != role else None
        return known is not None and known.of is not None and person in self.of(known.name, college)


def shortages(session: Session, definition: Definition, *, today: date) -> tuple[Shortage, ...]:
    """What the people there are today cannot do under an edition; what holds for every college is told once."""
    staff = _staff(session, definition, today)
    colleges = _colleges(session, staff)
    found: dict[Shortage, list[str]] = {}
    for key, name in colleges.items():
        for shortage in _of_college(staff, key):
            found.setdefault(shortage, []).append(name)
    return tuple(
        Shortage(label=one.label, roles=one.roles, kind=one.kind, have=one.have, want=one.want, unit=unit)
        for one, names in found.items()
        for unit in ([None] if len(names) == len(colleges) else names)
    )


def _staff(session: Session, definition: Definition, today: date) -> Staff:
    rows = session.execute(
        select(Grant.person_id, Grant.role, Grant.unit_id).where(grant_holds(today))
    ).mappings()
    return Staff(
        definition=definition,
        grants=tuple(dict(row) for row in rows),
        external=frozenset(session.scalars(select(Person.id).where(Person.external))),
        settings={name: value_on(session, definition, name, today) for name in definition.settings},
    )


def _colleges(session: Session, staff: Staff) -> dict[str, str]:
    """The colleges somebody may propose for; all there are where nobody may, and one without a name where there is none."""
    rows = session.execute(
        select(Unit.id, Unit.name).where(Unit.kind == "college", Unit.succeeded_by.is_(None))
    )
    known = {row.id: row.name for row in rows}
    proposing = {
        row["unit_id"]
        for row in staff.grants
        if row["role"] == staff.definition.opens and row["unit_id"] in known
    }
    return {key: name for key, name in known.items() if not proposing or key in proposing} or {"": ""}


def _of_college(staff: Staff, college: str) -> Iterator[Shortage]:
    for step in staff.definition.steps:
        yield from _of_step(staff, step, college)
    for act in staff.definition.acts.values():
        yield from _of_act(staff, act, college)


def _of_step(staff: Staff, step: Step, college: str) -> Iterator[Shortage]:
    if not step.by_ballot:
        return
    fit = staff.fit(step.by, college)
    if step.kind is StepKind.SCORE:
        panel = int(staff.settings[step.count]) if step.count else 1
        outside = int(staff.settings[step.industry]) if step.industry else 0
        if len(fit) < panel:
            yield _short(step.label, step.by, "panel", len(fit), panel)
        if len(fit & staff.external) < outside:
            yield _short(step.label, step.by, "industry", len(fit & staff.external), outside)
        return
    needed = step.by if step.rule is Rule.IN_ORDER else step.must
    for role in needed:
        if not staff.fit((role,), college):
            yield _short(step.label, (role,), "nobody", 0, 1)
    want = step.enough or 1
    if not needed and len(fit) < want:
        yield _short(step.label, step.by, "nobody", len(fit), want)


def _of_act(staff: Staff, act: Act, college: str) -> Iterator[Shortage]:
    """Whether somebody may carry out an act, and somebody else confirm it where it wants a second person."""
    roles = tuple(
        role
        for role in act.by
        if role in staff.definition.roles and staff.definition.roles[role].held is Held.GRANT
    )
    if act.kind is ActKind.BALLOT or not roles or len(roles) < len(act.by):
        return
    fit = staff.fit(roles, college)
    if not fit:
        yield _short(act.label, roles, "nobody", 0, 1)
    elif act.second is not None:
        confirming = staff.fit((act.second,), college)
        if not confirming or len(fit | confirming) < 2:
            yield _short(act.label, (act.second,), "second", len(confirming), 2)


def _short(label: Label, roles: tuple[str, ...], kind: str, have: int, want: int) -> Shortage:
    return Shortage(label=label, roles=roles, unit=None, kind=kind, have=have, want=want)
