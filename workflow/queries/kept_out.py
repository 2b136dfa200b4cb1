"""Who is kept out of a task that others of the role have: whoever must stand aside, or has passed their turn on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import ColumnElement, and_, exists, false, or_, select, true
from sqlalchemy.orm import Session

from models import Ballot, Case, Duty, JointBase, Round, Seat, Task
from models.lists import holds_any
from workflow.definition.values.edition import Definition
from workflow.definition.values.people import Conflict, Held
from workflow.in_force import duty_holds
from workflow.queries.rights import Rights
from workflow.world import editions_in_use, world


def kept_out(session: Session, person: Rights) -> ColumnElement[bool]:
    """The condition over `tasks` that the person's role has the turn, but not they.

    They have cast their ballot or stood aside, have passed their turn on, or a declared conflict of interest keeps them
    from the role on this case. A setting that switches a conflict on counts as it is in force.
    """
    return or_(has_cast(person.person), _gave_way(person.person), conflicted(session, person))


def has_cast(person: str) -> ColumnElement[bool]:
    """Whoever has cast their ballot in the open round of the task's step is no longer waited for."""
    return exists().where(
        *_open_round(),
        Ballot.round_id == Round.id,
        Ballot.person_id == person,
        Ballot.voided_seq.is_(None),
    )


def _gave_way(person: str) -> ColumnElement[bool]:
    """Whoever passed their turn on, or was taken out of the round."""
    taken_out = and_(Seat.kind == "removed", Seat.person_id == person)
    return exists().where(
        *_open_round(),
        Seat.round_id == Round.id,
        Seat.voided_seq.is_(None),
        or_(Seat.instead_of == person, taken_out),
    )


def _open_round() -> tuple[ColumnElement[bool], ...]:
    return (
        Round.case_id == Task.case_id,
        Round.step == Task.act,
        Round.closed_seq.is_(None),
        Round.voided_seq.is_(None),
    )


# ───────────────────────────── Conflicts of interest


def conflicted(session: Session, person: Rights) -> ColumnElement[bool]:
    """The condition over `tasks` that a declared conflict keeps the person from the task's role on its case."""
    return or_(false(), *_conflicts(session, person))


def _conflicts(session: Session, person: Rights) -> Iterator[ColumnElement[bool]]:
    """Each declared conflict as a condition, restricted to the cases under the editions that declare it."""
    for edition_id, definition in editions_in_use(session).items():
        for conflict in definition.conflicts.values():
            if conflict.when is not None and not _is_on(session, definition, conflict.when, person):
                continue
            near = or_(false(), *_near(definition, conflict, person))
            here = exists().where(Case.id == Task.case_id, Case.edition_id == edition_id).correlate(Task)
            roles = [role for role in conflict.nobody if role != conflict.who_is]
            yield and_(Task.role.in_(roles), near, here)


def _is_on(session: Session, definition: Definition, name: str, person: Rights) -> bool:
    value = definition.settings[name].default
    for row in world(session, None).settings.get(definition.name, ()):
        if row["name"] == name and row["from_on"] <= person.today:
            value = row["value"]
    return bool(value)


def _near(definition: Definition, conflict: Conflict, person: Rights) -> Iterator[ColumnElement[bool]]:
    if conflict.who_is is not None:
        role = definition.roles[conflict.who_is]
        if role.held is Held.DUTY:
            yield _on_duty(person, role.name)
        elif role.of is None:
            yield true() if role.name in person.roles else false()
        else:
            yield _of_units(role.of, person.units_of(role.name))
    for field in conflict.who_is_of:
        yield _of_units(field, sorted({unit for _, unit in person.grants if unit}))


def _on_duty(person: Rights, role: str) -> ColumnElement[bool]:
    return exists().where(
        Duty.case_id == Task.case_id,
        Duty.role == role,
        Duty.person_id == person.person,
        duty_holds(person.today),
    )


def _of_units(field: str, units: Iterable[str]) -> ColumnElement[bool]:
    """Whether the case names one of the units in a field."""
    wanted = tuple(units)
    one, several = f"{field}_id", f"{field.removesuffix('s')}_ids"
    if not wanted:
        return false()
    rows = select(JointBase.case_id).correlate(None)
    if one in JointBase.__table__.c:
        return Task.case_id.in_(rows.where(getattr(JointBase, one).in_(wanted)))
    if several in JointBase.__table__.c:
        return Task.case_id.in_(rows.where(holds_any(getattr(JointBase, several), *wanted)))
    return false()
