"""Who may not decide on which case: declared conflicts of interest, compared by person across roles, accounts and duties."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from workflow.definition.values.people import Conflict, Held
from workflow.snapshot import Row, Snapshot, holds


def conflict_of(snapshot: Snapshot, person: str | None, roles: tuple[str, ...]) -> Conflict | None:
    """The first declared conflict that keeps a person from acting in all of these roles on this case, or None.

    Whoever holds another of the roles that the conflict does not name may act in that one.
    """
    for conflict in snapshot.definition.conflicts.values():
        if conflict.when is not None and not snapshot.setting(conflict.when):
            continue
        if set(roles) - set(conflict.nobody):
            continue
        if (
            conflict.who_is is not None
            and conflict.who_is not in roles
            and is_one(snapshot, person, conflict.who_is)
        ):
            return conflict
        if any(person in _those_of(snapshot, field) for field in conflict.who_is_of):
            return conflict
    return None


def kept_out(snapshot: Snapshot, role: str) -> frozenset[str]:
    """Everybody whom a declared conflict keeps from acting in a role on this case: those for whom `conflict_of` finds one."""
    found: set[str | None] = set()
    for conflict in snapshot.definition.conflicts.values():
        if role not in conflict.nobody or (conflict.when is not None and not snapshot.setting(conflict.when)):
            continue
        if conflict.who_is is not None and conflict.who_is != role:
            found |= _those_who_are(snapshot, conflict.who_is)
        for field in conflict.who_is_of:
            found |= _those_of(snapshot, field)
    return frozenset(person for person in found if person is not None)


def is_one(snapshot: Snapshot, person: str | None, role_name: str) -> bool:
    """Whether a person holds a role on this case, by duty or by a grant that was read with it."""
    return person in _those_who_are(snapshot, role_name)


def _those_who_are(snapshot: Snapshot, role_name: str) -> set[str | None]:
    """The people who hold a role on this case."""
    role = snapshot.definition.roles[role_name]
    if role.held is Held.DUTY:
        return {row["person_id"] for row in snapshot.duty(role_name)} - {None}
    unit = snapshot.stored(role.of) if role.of else None
    return {
        row["person_id"]
        for row in _grants(snapshot)
        if row["role"] == role_name
        and (role.of is None or row["unit_id"] == unit)
        and holds(row, snapshot.today)
    }


def _those_of(snapshot: Snapshot, field: str) -> set[str | None]:
    """The people with any grant on a unit the case names."""
    stored = snapshot.stored(field)
    units = {stored} if isinstance(stored, str) else set(stored or ())
    return {
        row["person_id"]
        for row in _grants(snapshot)
        if row["unit_id"] is not None and row["unit_id"] in units and holds(row, snapshot.today)
    }


def _grants(snapshot: Snapshot) -> Iterator[Row]:
    return chain(snapshot.grants, snapshot.holders, snapshot.kin)
