"""Reads day expressions: `anchor + period − period`, `old(field)`, `every setting`."""

from __future__ import annotations

import re

from workflow.definition.values.days import Addend, Day, Every
from workflow.periods import Period, PeriodError

NAME = r"[a-z][a-z0-9_]*"
LONGEST = 200

_EVERY = re.compile(rf"every +(?P<setting>{NAME})")
_ANCHOR = re.compile(rf" *(?:old\( *(?P<old>{NAME}) *\)|(?!every\b)(?P<anchor>{NAME}))")
_ADDEND = re.compile(
    rf" *(?P<sign>[+\-−]) *(?:(?P<literal>\d{{1,7}} +(?:working +)?[a-z]+)|(?P<name>{NAME}))"
    rf"(?: *\* *times\( *(?P<times>{NAME}) *\))?",
    re.ASCII,
)


class DayError(ValueError):
    """A text that is no day expression."""


def parse_day(text: str) -> Day | Every:
    """Read a day expression; its names are not looked up here.

    Raises DayError for anything but an anchor with signed periods, or `every` and a setting.
    """
    if len(text) > LONGEST:
        raise DayError(text[:LONGEST])
    if found := _EVERY.fullmatch(text.strip()):
        return Every(setting=found["setting"])
    found = _ANCHOR.match(text)
    if found is None:
        raise DayError(text)
    return Day(
        anchor=found["old"] or found["anchor"],
        old=found["old"] is not None,
        addends=_addends(text, found.end()),
    )


def _addends(text: str, place: int) -> tuple[Addend, ...]:
    addends = []
    while text[place:].strip():
        found = _ADDEND.match(text, place)
        if found is None:
            raise DayError(text)
        addends.append(_addend(text, found))
        place = found.end()
    return tuple(addends)


def _addend(text: str, found: re.Match[str]) -> Addend:
    try:
        period = Period.parse(found["literal"]) if found["literal"] else found["name"]
    except PeriodError as error:
        raise DayError(text) from error
    return Addend(sign=1 if found["sign"] == "+" else -1, period=period, times=found["times"])
