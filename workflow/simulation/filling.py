"""Fill in the form of an act by the types of its fields: what a person of good will would state.

Every item is met, every count suffices, the first choice is taken, and a day with a limit is the last that is possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from workflow.days import evaluate
from workflow.definition.values.acts import Act, Need
from workflow.definition.values.days import Day
from workflow.definition.values.forms import Field, FieldType
from workflow.forms import PARTNER_KINDS
from workflow.periods import add
from workflow.snapshot import Snapshot

WORDS = "as simulated"
COUNT = 30
MARK = 85

NEVER_FILLED = (FieldType.FACT, FieldType.REASONS, FieldType.UNITS)
"""What nobody states who has no need to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """Who fills in a form: the case, the day, the number of the case, and how a file is handed in."""

    snapshot: Snapshot
    today: date
    number: int
    unit: str | None
    store: Callable[[str], str]


def filled(act: Act, hand: Hand, *, optional: bool) -> dict[str, Any]:
    """The values of an act's form: what it demands, of fields of which one is given the first, and perhaps the rest."""
    names = [
        ask.field
        for ask in act.asks
        if ask.required or ask.field in act.either[:1] or (optional and ask.field not in act.either)
    ]
    fields = hand.snapshot.definition.fields
    given = [name for name in names if optional is False or fields[name].type not in NEVER_FILLED]
    values: dict[str, Any] = {}
    for name in sorted(given, key=lambda name: _is_bounded(act, name)):
        values[name] = _value(act, fields[name], hand, values)
    return values


def _value(act: Act, field: Field, hand: Hand, values: Mapping[str, Any]) -> Any:
    definition = hand.snapshot.definition
    match field.type:
        case FieldType.LINE | FieldType.PERSON | FieldType.TEXT:
            return f"{WORDS} {hand.number}"[: field.longest]
        case FieldType.DATE:
            return _day(act, field.name, hand, values)
        case FieldType.COUNT:
            return COUNT
        case FieldType.MONEY:
            return "0"
        case FieldType.YES_NO:
            return False
        case FieldType.CHOICE:
            return next(iter(field.one_of))
        case FieldType.DOCUMENT:
            return hand.store(field.name)
        case FieldType.PARTNER:
            return {"name": f"partner {hand.number}", "kind": PARTNER_KINDS[0]}
        case FieldType.UNIT:
            return hand.snapshot.stored(field.name) or hand.unit
        case FieldType.CHECKLIST:
            items = (item for listed in field.lists for item in definition.lists[listed])
            return {item: {"met": True, "note": WORDS} for item in items}
        case FieldType.SHEET:
            return {item: {"mark": MARK} for sheet in field.sheets for item in definition.sheets[sheet]}
        case FieldType.REASONS:
            return {next(iter(definition.fields)): WORDS}
        case _:
            return None


# ───────────────────────────── Days


def _about(act: Act, name: str) -> Iterable[Need]:
    """The guards that bound a day of the form."""
    return (
        need
        for need in act.needs
        if need.guard in LATEST
        and isinstance(need.params.get("day"), Day)
        and need.params["day"].anchor == name
    )


def _is_bounded(act: Act, name: str) -> bool:
    return any(True for _ in _about(act, name))


def _day(act: Act, name: str, hand: Hand, values: Mapping[str, Any]) -> date:
    """The last day that the guards allow; today where none bounds it."""
    found = (LATEST[need.guard](need, hand, values) for need in _about(act, name))
    return min((day for day in found if day is not None), default=hand.today)


def _limit(need: Need, hand: Hand, values: Mapping[str, Any]) -> date | None:
    return evaluate(need.params["limit"], hand.snapshot.scope({**values, "today": hand.today}))


def _longest(need: Need, hand: Hand, values: Mapping[str, Any]) -> date | None:
    start = (
        evaluate(need.params["from"], hand.snapshot.scope({"today": hand.today}))
        if "from" in need.params
        else None
    )
    return add(start or hand.today, hand.snapshot.length(need.params["max"]), hand.snapshot.calendar)


LATEST: Mapping[str, Callable[[Need, Hand, Mapping[str, Any]], date | None]] = {
    "at_most": _limit,
    "days_ahead": _longest,
}
"""The guards that bound a day, and the last day each allows."""
