"""What each act about a round asks for: the fields with the people to choose from, and what was sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from web.admin.sheets import Ask, fault_text
from web.pages import Look, key_in, storable
from web.words import t
from workflow import queries
from workflow.blockers import Fault
from workflow.errors import BadInput
from workflow.operations.open_round import Here
from workflow.operations.rounds import ASKED, RoundAct, Stated
from workflow.operations.seats import SIDES, removable, seat_of
from workflow.queries.delegations import person_called
from workflow.queries.rounds import Candidate, pool_of
from workflow.routes import recused

BY_NUMBER = frozenset({RoundAct.ADD_SIGNER, RoundAct.REASSIGN})
"""Acts that name a person by staff number or account."""
LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The form of an act about a round, and the pool it chooses from where it is a panel's."""

    fields: tuple[Ask, ...]
    pool: tuple[Candidate, ...] = ()


def asked_by(look: Look, here: Here, act: RoundAct) -> Asked:
    """The fields of an act's form, with nothing chosen."""
    is_panel = act in (RoundAct.NAME_EXPERTS, RoundAct.REPLACE_EXPERT)
    pool = pool_of(look.session, here) if is_panel else ()
    names = _names(look, here)
    fields = [_field(look, here, act, name, pool, names) for name in ASKED[act]]
    return Asked(fields=tuple(one for one in fields if one is not None), pool=pool)


def _names(look: Look, here: Here) -> queries.Names:
    people = {seat.person for seat in here.seated} | {row["person_id"] for row in removable(here)}
    people |= recused(here.snapshot, here.row)
    return queries.names_of(look.session, people=people)


def _field(
    look: Look, here: Here, act: RoundAct, name: str, pool: tuple[Candidate, ...], names: queries.Names
) -> Ask | None:
    required, name = not name.endswith("?"), name.removesuffix("?")
    label = t(f"seats.field.{act}.{name}", look.language)
    blank = Ask(name=name, type="line", label=label, required=required)
    match name:
        case "people":
            return replace(blank, type="units", options=_fit(pool, look.language), value=[])
        case "to" if act not in BY_NUMBER:
            return replace(blank, type="choice", options=_fit(pool, look.language))
        case "to":
            return replace(blank, hint=t("seats.by_number", look.language), longest=60)
        case "person":
            options = tuple(
                {"value": key, "label": names.person(key)}
                for key in sorted(_whose(here, act), key=names.person)
            )
            return replace(blank, type="choice", options=options) if options else None
        case "side":
            sides = tuple({"value": side, "label": t(f"seats.side.{side}", look.language)} for side in SIDES)
            return replace(blank, type="choice", options=sides)
    return replace(blank, type="text", longest=LONGEST_REASON)


def _fit(pool: tuple[Candidate, ...], language: str) -> tuple[Mapping[str, str], ...]:
    return tuple(
        {
            "value": one.person,
            "label": t("seats.external", language, name=one.name) if one.external else one.name,
        }
        for one in pool
        if one.barred is None
    )


def _whose(here: Here, act: RoundAct) -> Iterator[str]:
    """The people whose seat the act may be about; one's own turn is passed on without naming it."""
    if act is RoundAct.REMOVE_SIGNER:
        yield from (row["person_id"] for row in removable(here))
    elif act is RoundAct.REPLACE_EXPERT:
        yield from (seat.person for seat in here.turns if seat_of(here, seat.person, "panel"))
    elif here.is_office():
        others = {seat.person for seat in here.turns} | recused(here.snapshot, here.row)
        yield from others if others - {here.ctx.actor.person} else ()


# ───────────────────────────── What was sent


def typed(act: RoundAct) -> Mapping[str, Any]:
    """The values of the sent form as they were typed. Raises BadInput for a name the form does not have."""
    known = {name.removesuffix("?") for name in ASKED[act]}
    ours = {"csrf_token", "key", "version", "seq", "shown", "do", "back"}
    strangers = [name for name in request.form if name not in known | ours]
    if strangers:
        raise BadInput(tuple(Fault(field=storable(name)[:60], code="unknown_field") for name in strangers))
    return {
        name: request.form.getlist(name) if name == "people" else storable(request.form.get(name, ""))
        for name in known
    }


def as_typed(asked: Asked, values: Mapping[str, Any], faults: tuple[Fault, ...] = ()) -> tuple[Ask, ...]:
    """The fields as they were typed, each with what is wrong with it."""
    return tuple(
        replace(
            one,
            value=values.get(one.name, one.value),
            errors=tuple(fault_text(fault, one.label) for fault in faults if fault.field == one.name),
        )
        for one in asked.fields
    )


def stated_by(session: Session, act: RoundAct, values: Mapping[str, Any]) -> Stated:
    """What was typed, people as keys. Raises BadInput for a staff number or account that nobody has, and for no key."""
    to = str(values.get("to", "")).strip()
    if to and act in BY_NUMBER:
        found = person_called(session, to)
        if found is None:
            raise BadInput((Fault(field="to", code="nobody_called"),))
        to = found
    keys = [*values.get("people", ()), to, values.get("person", "")]
    if any(key and not key_in(key) for key in keys):
        raise BadInput((Fault(field="people" if values.get("people") else "to", code="unknown_choice"),))
    return Stated(
        people=tuple(values.get("people", ())),
        person=values.get("person") or None,
        to=to or None,
        side=values.get("side", ""),
        reason=values.get("reason", ""),
    )


def read_back(look: Look, asked: Asked, values: Mapping[str, Any], stated: Stated) -> list[dict[str, Any]]:
    """What was stated, in words, to be read again before it counts."""
    people = queries.names_of(look.session, people=(*stated.people, stated.to, stated.person))
    named = {
        "people": [people.person(key) for key in stated.people],
        "to": people.person(stated.to),
        "person": people.person(stated.person),
        "side": t(f"seats.side.{stated.side}", look.language) if stated.side else "",
        "reason": stated.reason,
    }
    return [{"name": one.label, "value": named[one.name]} for one in asked.fields if named[one.name]]
