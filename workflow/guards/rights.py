"""The unit a person names must be one they hold the role on."""

from __future__ import annotations

from collections.abc import Iterator

from workflow.blockers import Blocker, Rank
from workflow.definition.values.acts import Need
from workflow.guards.view import View, blocker
from workflow.snapshot import held_roles


def granted_on(view: View, need: Need) -> Iterator[Blocker]:
    """Whoever acts holds a role by a grant on the unit they name; somebody who may not act at all is told only that."""
    role, field = need.params["role"], need.params["unit"]
    unit = view.value(field)
    if unit is None or view.person is None or not held_roles(view.snapshot, view.person) & set(view.act.by):
        return
    granted = {
        grant["unit_id"]
        for grant in view.snapshot.grants
        if grant["person_id"] == view.person and grant["role"] == role
    }
    if unit not in granted:
        yield blocker(need, "not_granted_on", Rank.RULE, field=field, roles=[role], mend=view.office)
