"""Who may not decide on which case: declared conflicts of interest, compared by person across roles, accounts and duties."""

from __future__ import annotations

from workflow.definition.values import Conflict, Held
from workflow.snapshot import Snapshot, holds


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
        if any(_belongs_to(snapshot, person, field) for field in conflict.who_is_of):
            return conflict
    return None


def is_one(snapshot: Snapshot, person: str | None, role_name: str) -> bool:
    """Whether a person holds a role on this case, by duty or by a grant that was read with it."""
    role = snapshot.definition.roles[role_name]
    if role.held is Held.DUTY:
        return any(row["person_id"] == person for row in snapshot.duty(role_name))
    unit = snapshot.stored(role.of) if role.of else None
    return any(
        row["person_id"] == person
        and row["role"] == role_name
        and holds(row, snapshot.today)
        and (role.of is None or row["unit_id"] == unit)
        for row in (*snapshot.grants, *snapshot.holders, *snapshot.kin)
    )


def _belongs_to(snapshot: Snapshot, person: str | None, field: str) -> bool:
    """Whether a person holds any grant on a unit the case names."""
    stored = snapshot.stored(field)
    units = {stored} if isinstance(stored, str) else set(stored or ())
    return any(
        row["person_id"] == person and row["unit_id"] in units and holds(row, snapshot.today)
        for row in (*snapshot.grants, *snapshot.holders, *snapshot.kin)
        if row["unit_id"] is not None
    )
