"""Delegations: those a person gave and was given, and all of them for the office."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, aliased

from models import Account, Delegation, Person, Unit
from workflow.blockers import Fault
from workflow.definition.values.people import Held
from workflow.errors import NotFound
from workflow.queries.paging import Order, Page, key_mark, page
from workflow.queries.rights import Rights
from workflow.snapshot import Row
from workflow.world import editions_in_use

Delegate = aliased(Person)


def _delegations() -> Select[*tuple[Any, ...]]:
    """Rows: the delegation, with the names of both (name, delegate_name) and of the unit."""
    return (
        select(
            Delegation.id, Delegation.person_id, Delegation.delegate_id, Delegation.role, Delegation.unit_id,
            Delegation.from_on, Delegation.until_on, Delegation.reason, Delegation.granted_at, Delegation.revoked_at,
            Person.name, Delegate.name.label("delegate_name"), Unit.name.label("unit"),
        )
        .join(Person, Person.id == Delegation.person_id)
        .join(Delegate, Delegate.id == Delegation.delegate_id)
        .outerjoin(Unit, Unit.id == Delegation.unit_id)
    )  # fmt: skip


def delegations_page(
    session: Session, *, person: str | None, after: str | None = None, before: str | None = None
) -> Page:
    """The delegations a person gave or was given, or with None everybody's, the latest first."""
    statement = _delegations()
    if person is not None:
        statement = statement.where(or_(Delegation.person_id == person, Delegation.delegate_id == person))
    return page(
        session, statement, Order(column=Delegation.id, name="id", read=key_mark), after=after, before=before
    )


def delegation_of(session: Session, delegation_id: str) -> Row:
    """One delegation. Raises NotFound."""
    row = session.execute(_delegations().where(Delegation.id == delegation_id)).mappings().first()
    if row is None:
        raise NotFound("no_such_row", delegation=delegation_id)
    return dict(row)


def delegable(session: Session, rights: Rights) -> tuple[tuple[str, str | None], ...]:
    """The roles a person could delegate, each with its unit: those they hold by grant in a lifecycle in use."""
    roles = {
        role.name: role
        for definition in editions_in_use(session).values()
        for role in definition.roles.values()
    }
    return tuple(
        (name, unit)
        for name, unit in sorted(rights.grants, key=str)
        if name in roles and roles[name].held is Held.GRANT
    )


def people_called(session: Session, text: str, *, field: str) -> tuple[tuple[str, ...], tuple[Fault, ...]]:
    """The people named in a text by staff number or account, each once, and the fault of a field that names nobody."""
    wanted = list(dict.fromkeys(word for word in re.split(r"[\s,;，、；]+", text) if word))
    found = {word: person_called(session, word) for word in wanted}
    people = dict.fromkeys(person for person in found.values() if person is not None)
    unknown = [word for word in wanted if found[word] is None]
    if not unknown:
        return tuple(people), ()
    return tuple(people), (Fault(field=field, code="nobody_called_so", params={"who": unknown}),)


def person_called(session: Session, text: str) -> str | None:
    """The person with a staff number or an account of this name, None where there is none."""
    wanted = text.strip()
    by_number = session.scalar(select(Person.id).where(Person.staff_number == wanted))
    if by_number is not None or not wanted:
        return by_number
    return session.scalar(select(Account.person_id).where(Account.login == wanted))
