"""What one act wants to know of a case's surroundings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain
from typing import Any

from workflow.definition.values.acts import TO_SAME, TO_UNDO, Act, ActKind
from workflow.definition.values.edition import Definition
from workflow.gather.parts import ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an act needs around the case: who acts, whom it may tell, and whether bans and twins matter."""

    people: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    parts: tuple[str, ...] = ALWAYS
    partner_name: str | None = None
    partner_code: str | None = None
    units: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    """The counters the act draws a number from; they are locked."""
    foreseen: tuple[str, ...] = ()
    """The counters that what follows may draw from."""
    since: date | None = None
    """The day of effect, where it lies before today: a ban in force on either day bars."""
    holds: bool = False
    """Whether what was lent stays as it is read until the transaction ends: then it is used before it is revoked, or not at all."""
    key: str | None = None
    """The stored name of the request's key, to find the answer given to it before."""

    @property
    def all_parts(self) -> tuple[str, ...]:
        wanted = {"numbers": self.counters, "foreseen": self.foreseen, "answered": self.key}
        return (*self.parts, *(name for name, value in wanted.items() if value))

    def answering(self, act: Act) -> Wish:
        """The same with the reminders that went out, where the act is a hand-in that a deadline may wait for."""
        return replace(self, parts=(*self.parts, "reminded")) if act.kind is ActKind.TASK else self

    @classmethod
    def for_acts(
        cls,
        definition: Definition,
        acts: Iterable[Act],
        *,
        people: Iterable[str | None],
        values: Mapping[str, Any],
    ) -> Wish:
        """The wish of one act, or of all acts a page shows side by side; `values` are the form's."""
        chosen = tuple(acts)
        guards = {need.guard for act in chosen for need in act.needs}
        names = {act.name for act in chosen}
        blocked = any(names & set(ban.blocks) for ban in definition.bans.values())
        parts = list(ALWAYS)
        if blocked or "new_identity_allowed" in guards:
            parts.append("bars")
        if "no_twin" in guards:
            parts.append("twins")
        fact = values.get("fact") or {}
        fact_value = {fact["name"]: fact.get("value")} if fact.get("name") else {}
        given = {**values, **fact_value}
        partner = given.get("partner") or {}
        units = [given.get("lead_college"), *(given.get("other_colleges") or ())]
        return cls(
            people=tuple(dict.fromkeys(person for person in people if person)),
            roles=_told(definition, chosen),
            parts=tuple(parts),
            partner_name=partner.get("name_identity"),
            partner_code=partner.get("code_identity"),
            units=tuple(unit for unit in units if unit),
        )


def _may_move_a_deadline(definition: Definition, act: Act) -> bool:
    """Whether a deadline can go on to another day by an act: one that leaves the case in its stay, a hand-in aside."""
    return act.to in (TO_SAME, TO_UNDO) or act.to in act.source


_clock_roles: dict[str, frozenset[str]] = {}


def _told_by_clock(definition: Definition) -> frozenset[str]:
    """The roles told by transitions that a timer may fire in the wake of any act, and those asked when it ran late."""
    known = _clock_roles.get(definition.sha256)
    if known is None:
        fired = [definition.acts[timer.fires].tell for timer in definition.timers.values() if timer.fires]
        asked = [definition.acts[timer.moved_by].by for timer in definition.timers.values() if timer.moved_by]
        known = _clock_roles[definition.sha256] = frozenset(chain(*fired, *asked))
    return known


_electing_roles: dict[str, frozenset[str]] = {}


def _electing(definition: Definition) -> frozenset[str]:
    """The roles whose holders have a turn in a decision, those that keep somebody from one, and who names a panel."""
    known = _electing_roles.get(definition.sha256)
    if known is None:
        roles: set[str] = set()
        if definition.has_ballots:
            roles |= {role for step in definition.steps for role in step.by}
            roles |= {conflict.who_is for conflict in definition.conflicts.values() if conflict.who_is}
            roles |= {definition.import_.by}
        known = _electing_roles[definition.sha256] = frozenset(roles)
    return known


def _told(definition: Definition, acts: Sequence[Act]) -> tuple[str, ...]:
    """The roles any of the acts tells, those a timer following at once tells, and whoever stands in for them."""
    roles = {role for act in acts for role in (*act.tell, act.second or "")}
    roles |= _told_by_clock(definition)
    if any(_may_move_a_deadline(definition, act) for act in acts):
        roles |= {role for timer in definition.timers.values() for role in timer.tell}
    roles |= _electing(definition)
    roles |= {
        stand_in for role in roles if role in definition.roles for stand_in in definition.roles[role].stand_in
    }
    return tuple(sorted(role for role in roles if role in definition.roles))
