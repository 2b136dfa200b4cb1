"""No two living cases of the same partner, college and the like; a partner is the same under a former name, too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workflow.blockers import Blocker, Rank
from workflow.definition.values.acts import Need
from workflow.guards.view import View, blocker
from workflow.snapshot import Row


def no_twin(view: View, need: Need) -> Iterator[Blocker]:
    """No other living case has the same values of the fields `same`."""
    wanted_values = {field: _identity(view, field) for field in need.params["same"]}
    if any(value is None for value in wanted_values.values()):
        return
    states = view.snapshot.definition.groups.get(need.params["among"], frozenset())
    for twin in view.snapshot.twins:
        if twin["state"] in states and all(
            _shares(view, twin, field, value) for field, value in wanted_values.items()
        ):
            number = twin.get("base_number") or twin.get("application_number")
            yield blocker(
                need, "twin", Rank.RULE, number=number, name=twin.get("base_name"), case=twin["case_id"]
            )


def _shares(view: View, twin: Row, field: str, value: Any) -> bool:
    """Say whether another case has the value; a partner is the same by its canonical name, too."""
    same: bool = twin.get(f"{field}_id") == value
    if field != "partner" or same or view.partner is None:
        return same
    return twin["partner_name_identity"] == view.partner["name_identity"] or _by_former_name(view, twin)


def _by_former_name(view: View, twin: Row) -> bool:
    """Say whether one of two partners bears a name the other bore. Two codes tell them apart: a name may pass on."""
    partner, before = view.partner or {}, view.snapshot.world.lineage.names_before
    if partner["code_identity"] and twin["partner_code_identity"]:
        return False
    return partner["name_identity"] in {name.identity for name in before(twin["partner_id"])} or twin[
        "partner_name_identity"
    ] in {name.identity for name in before(partner["id"])}


def _identity(view: View, field: str) -> Any:
    if field == "partner":
        return view.partner["id"] if view.partner else None
    return view.value(field)
