"""The names behind identifiers, read once for a whole page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Account, JointBase, Meeting, Partner, Person, Round, Unit
from workflow.snapshot import Row

FOUND = 20
"""How many people a search shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Identifier → name, for people, units, partners and documents."""

    people: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    documents: Mapping[str, str] = field(default_factory=dict)
    partners: Mapping[str, str] = field(default_factory=dict)

    def person(self, key: str | None) -> str:
        """The name of a person; nothing for none."""
        return self.people.get(key or "", "")


def names_of(
    session: Session,
    *,
    people: Iterable[str | None],
    documents: Iterable[Row] = (),
    partners: Iterable[Row] = (),
) -> Names:
    """Read the names of people, and of every unit; documents and partners come with their rows."""
    wanted = sorted({person for person in people if person})
    rows = session.execute(select(Person.id, Person.name).where(Person.id.in_(wanted))) if wanted else ()
    return Names(
        people={row.id: row.name for row in rows},
        units={row["id"]: row["name"] for row in units_by_id(session).values()},
        documents={row["id"]: row["name"] for row in documents},
        partners={row["id"]: row["name"] for row in partners},
    )


def units_by_id(session: Session, *, kind: str | None = None) -> dict[str, Row]:
    """Every unit, or those of one kind, by name."""
    statement = select(Unit.id, Unit.kind, Unit.name, Unit.succeeded_by).order_by(Unit.name)
    if kind is not None:
        statement = statement.where(Unit.kind == kind)
    return {row["id"]: dict(row) for row in session.execute(statement).mappings()}


def people_found(session: Session, text: str) -> list[Row]:
    """Up to twenty people whose name or staff number holds a text."""
    if not text.strip():
        return []
    matches = Person.name.icontains(text.strip(), autoescape=True) | Person.staff_number.icontains(
        text.strip(), autoescape=True
    )
    statement = (
        select(Person.id, Person.name, Person.staff_number).where(matches).order_by(Person.name, Person.id)
    )
    return [dict(row) for row in session.execute(statement.limit(FOUND)).mappings()]


def things_named(session: Session, keys: Iterable[str]) -> dict[str, str]:
    """What bases, partners, accounts and meetings are called, among some identifiers of anything; nothing for one without."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    known = (
        (JointBase.case_id, func.coalesce(JointBase.base_name, JointBase.base_number)),
        (Partner.id, Partner.name),
        (Account.id, Account.login),
        (Meeting.id, Meeting.number),
    )
    rows = (row for key, name in known for row in session.execute(select(key, name).where(key.in_(wanted))))
    return {key: name or "" for key, name in rows}


def steps_of_rounds(session: Session, keys: Iterable[str]) -> dict[str, str]:
    """The step each of some rounds is of."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = session.execute(select(Round.id, Round.step).where(Round.id.in_(wanted)))
    return {row.id: row.step for row in rows}
