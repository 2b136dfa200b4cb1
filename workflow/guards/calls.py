"""When a case may be submitted: while a call is open, and so long after a return."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from workflow.blockers import Blocker, Rank
from workflow.definition.values.acts import Act, Need
from workflow.guards.view import View, blocker
from workflow.periods import add
from workflow.snapshot import Snapshot


def call_open(view: View, need: Need) -> Iterator[Blocker]:
    """Submit while a call is open, or until the day a reviewer named when sending back."""
    day = view.effective_on
    calls = [call for call in view.snapshot.world.calls if call["lifecycle"] == view.snapshot.definition.name]
    if any(call["opens_on"] <= day <= call["closes_on"] for call in calls):
        return
    until = _sent_back_until(view.snapshot, need)
    if until is not None and day <= until:
        return
    coming = min((call["opens_on"] for call in calls if call["opens_on"] > day), default=None)
    yield blocker(need, "call_closed", Rank.TIME, from_on=coming, mend=view.office, day=coming)


def last_day(snapshot: Snapshot, act: Act) -> date | None:
    """The last day its guards promise for an act that a return has asked for again, or None where none does."""
    days = (_sent_back_until(snapshot, need) for need in act.needs if need.guard == call_open.__name__)
    return next((day for day in days if day is not None), None)


def _sent_back_until(snapshot: Snapshot, need: Need) -> date | None:
    """The last day to send again after a return: the one the reviewer named, else so long after the return."""
    returns = [row for row in snapshot.passages() if row["to_state"] == snapshot.state != row["from_state"]]
    if not returns:
        return None
    returned_on: date = returns[-1]["effective_on"]
    named: date | None = snapshot.stored(need.params["or_until"]) if "or_until" in need.params else None
    if named is not None and named >= returned_on:
        return named
    if "or_within" not in need.params:
        return None
    return add(returned_on, snapshot.length(need.params["or_within"]), snapshot.calendar)
