"""What became of partners and units: the names they bore before, and who came after whom.

It changes by a deed of the office only. So it is part of the world, read once, and costs an act no statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple


class Succession(NamedTuple):
    """An organisation or unit, and the one that came after it; each by id and by its present name."""

    id: str
    name: str
    successor_id: str
    successor_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerName:
    """A name borne until a day, that day included, with its canonical form."""

    name: str
    identity: str
    until_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Former names by whoever bore them, lines of succession by each of their members, and the members' names."""

    former: Mapping[str, tuple[FormerName, ...]] = field(default_factory=dict)
    lines: Mapping[str, frozenset[str]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def names_before(self, key: str | None) -> tuple[FormerName, ...]:
        """The names somebody bore before."""
        return self.former.get(key or "", ())

    def relatives(self, key: str | None) -> frozenset[str]:
        """Everybody of the same line of succession; empty for whoever neither follows nor is followed."""
        return self.lines.get(key or "", frozenset()) - {key}


def lineage_of(former: Iterable[tuple[str, FormerName]], successions: Iterable[Succession]) -> Lineage:
    """Put the rows together. A line holds everybody whose succession ends in the same place."""
    names: dict[str, list[FormerName]] = {}
    for key, borne in former:
        names.setdefault(key, []).append(borne)
    rows = tuple(successions)
    return Lineage(
        former={key: tuple(borne) for key, borne in names.items()},
        lines=_lines({row.id: row.successor_id for row in rows}),
        names={row.id: row.name for row in rows} | {row.successor_id: row.successor_name for row in rows},
    )


def _lines(after: Mapping[str, str]) -> dict[str, frozenset[str]]:
    members: dict[str, set[str]] = {}
    for key in (*after, *after.values()):
        members.setdefault(_last(key, after), set()).add(key)
    return {key: frozenset(line) for line in members.values() for key in line}


def _last(key: str, after: Mapping[str, str]) -> str:
    """The end of a line. Rows that go in a circle, which no deed writes, end in the least of it and never hang."""
    passed: list[str] = []
    while key in after and key not in passed:
        passed.append(key)
        key = after[key]
    return min(passed[passed.index(key) :]) if key in passed else key
