"""How long a case was in which state, by the entries that moved it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from workflow.snapshot import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A time in one state. A stay that a correction has undone counts for nothing: the one before it lasted on."""

    state: str
    from_on: date
    until_on: date | None
    """The day the case left it; None while it is in it."""
    entry: Row
    """What brought it there."""
    undone_by: Row | None = None

    @property
    def counts(self) -> bool:
        return self.undone_by is None

    def days(self, today: date) -> int:
        """The days from its first to the day it was left, or to today."""
        return ((self.until_on or today) - self.from_on).days


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """All the time a case spent in one state."""

    state: str
    days: int
    times: int


def stays_of(moves: Iterable[Row]) -> tuple[Stay, ...]:
    """The stays of a case in order, those undone among them, from the entries that moved it, oldest first."""
    rows = list(moves)
    corrections = {row["body"]["corrects"]: row for row in rows if row["body"]["corrects"] is not None}
    taken = [row for row in rows if row["body"]["corrects"] is None]
    living = [row for row in taken if row["seq"] not in corrections]
    onward = {row["seq"]: _first_day(after) for row, after in zip(living, living[1:], strict=False)}
    return tuple(_stay(row, onward.get(row["seq"]), corrections.get(row["seq"])) for row in taken)


def _stay(row: Row, until_on: date | None, undone_by: Row | None) -> Stay:
    return Stay(
        state=row["to_state"],
        from_on=_first_day(row),
        until_on=undone_by["effective_on"] if undone_by else until_on,
        entry=row,
        undone_by=undone_by,
    )


def _first_day(row: Row) -> date:
    """The day from which a move counts; of a case an import placed in its state, the day the ledger gave."""
    if row["from_state"] is not None:
        day: date = row["effective_on"]
        return day
    begun: Mapping[str, Any] = next(one["set"] for one in row["body"]["changes"] if one["table"] == "cases")
    return date.fromisoformat(begun["entered_on"])


def time_spent(stays: Iterable[Stay], *, today: date, ends: frozenset[str]) -> tuple[Spent, ...]:
    """The days in each state, in the order in which it was first entered; a state that ends a case takes no time."""
    totals: dict[str, Spent] = {}
    for stay in stays:
        if stay.counts and stay.state not in ends:
            known = totals.get(stay.state, Spent(state=stay.state, days=0, times=0))
            totals[stay.state] = Spent(
                state=stay.state, days=known.days + stay.days(today), times=known.times + 1
            )
    return tuple(totals.values())
