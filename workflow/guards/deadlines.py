"""Deadlines of the case: whether one may be moved, stand still or run again, and whether it is over unanswered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from workflow.blockers import Blocker, Rank
from workflow.deadlines import asked_about, movable, resumed_by, room, suspended_by
from workflow.definition.values.acts import Need
from workflow.definition.values.days import Day
from workflow.definition.values.timers import Timer
from workflow.guards.missed import decided_without
from workflow.guards.view import View, blocker
from workflow.periods import beijing_day
from workflow.timers import FIRED, falls_due, is_answered, running, stands_still


def deadline_movable(view: View, need: Need) -> Iterator[Blocker]:
    """The deadline that runs may be moved: it is unanswered, and the new day lies within the bounds.

    A day left empty says that it stays, which is said only where somebody is asked.
    """
    name, snapshot = need.params["day"].anchor, view.snapshot
    if view.act.facts and name not in view.form:
        return
    timer = movable(snapshot)
    if timer is None or (view.act.facts and snapshot.stored(name) is None):
        yield blocker(need, "no_deadline_to_move", Rank.FINAL, state=snapshot.state)
        return
    if still := list(_stands_still(view, need, timer)):
        yield from still
        return
    day, asked = view.form.get(name), asked_about(snapshot) is not None
    if day is None and view.form and not asked:
        yield blocker(need, "field_missing", Rank.MATERIAL, field=name)
    if day is not None or not asked:
        yield from decided_without(view, need, timer)
    found = room(timer, snapshot, most=snapshot.length(need.params["most"]), today=beijing_day(view.at))
    if found is not None and found.last < found.first and (day is not None or not asked):
        yield blocker(need, "moved_to_the_last", Rank.FINAL, task=timer.name, day=found.last)
    elif found is not None and day is not None and not found.first <= day <= found.last:
        yield blocker(
            need, "outside_bounds", Rank.RULE, name=name, day=day, first=found.first, last=found.last
        )


def deadline_suspendable(view: View, need: Need) -> Iterator[Blocker]:
    """The deadline the act suspends runs: it is neither answered, nor over, nor suspended already."""
    snapshot = view.snapshot
    timer = suspended_by(snapshot, view.act.name)
    row = running(snapshot, timer) if timer is not None else None
    if timer is not None and is_answered(timer, snapshot):
        yield blocker(need, "answered_already", Rank.FINAL, task=timer.name)
    elif timer is None or row is None:
        yield blocker(need, "no_deadline_to_suspend", Rank.FINAL, state=snapshot.state)
    elif stands_still(row):
        yield from _stands_still(view, need, timer)
    elif row["status"] == FIRED or row["due_at"] <= view.at:
        yield blocker(need, "deadline_over", Rank.FINAL, task=timer.name, day=row["due_on"])


def deadline_resumable(view: View, need: Need) -> Iterator[Blocker]:
    """The deadline the act lets run again stands still, and would not be over before anybody could meet it."""
    snapshot = view.snapshot
    timer = resumed_by(snapshot, view.act.name)
    suspension = snapshot.suspension(timer.name) if timer is not None else None
    if timer is not None and is_answered(timer, snapshot):
        yield blocker(need, "answered_already", Rank.FINAL, task=timer.name)
    elif timer is None or running(snapshot, timer) is None:
        yield blocker(need, "no_deadline_to_suspend", Rank.FINAL, state=snapshot.state)
    elif suspension is None:
        yield blocker(need, "not_suspended", Rank.FINAL, task=timer.name)
    else:
        first = beijing_day(view.at) - timedelta(days=suspension["days_left"])
        if view.effective_on < first:
            yield blocker(
                need, "resumed_too_early", Rank.RULE, task=timer.name, day=view.effective_on, first=first
            )


def overdue(view: View, need: Need) -> Iterator[Blocker]:
    """A task was not handed in and its deadline has passed; asked for one outcome only."""
    only = need.params.get("if_outcome")
    if only and view.outcome != only:
        return
    task = need.params["task"]
    if is_answered(view.snapshot.definition.timers[task], view.snapshot):
        yield blocker(need, "was_handed_in", Rank.RULE, task=task)
    else:
        yield from _not_over(view, need, task, "deadline_not_passed", task=task)


def second_chance_used(view: View, need: Need) -> Iterator[Blocker]:
    """Revoke only after the second chance of Art. 18: an extension that has ended, or a rectification that failed."""
    if view.snapshot.state == "rectification":
        if not view.snapshot.hand_ins("evidence", in_this_stay=True):
            yield from _not_over(view, need, "evidence", "rectification_running")
        return
    if not view.snapshot.times("extend"):
        yield blocker(need, "no_second_chance_yet", Rank.RULE)
        return
    end = view.snapshot.dates().get("cycle_end")
    if end is not None and view.effective_on <= end:
        yield blocker(
            need, "not_yet_over", Rank.TIME, name="cycle_end", day=end, from_on=end + timedelta(days=1)
        )


def _not_over(view: View, need: Need, timer: str, code: str, **told: Any) -> Iterator[Blocker]:
    """What stands in the way of an act that wants a deadline to have passed: it stands still, or its day is still to come."""
    if still := list(_stands_still(view, need, view.snapshot.definition.timers[timer])):
        yield from still
        return
    last = _last_day(view, timer)
    if last is not None and view.effective_on <= last:
        yield blocker(need, code, Rank.TIME, day=last, from_on=last + timedelta(days=1), **told)


def _stands_still(view: View, need: Need, timer: Timer) -> Iterator[Blocker]:
    """A deadline that is suspended neither moves nor passes until it runs again."""
    suspension = view.snapshot.suspension(timer.name)
    if suspension is not None:
        mend = view.snapshot.definition.acts[timer.resumed_by].by if timer.resumed_by else ()
        yield blocker(
            need, "stands_still", Rank.RULE, task=timer.name, day=suspension["decided_on"],
            left=suspension["days_left"], mend=mend,
        )  # fmt: skip


def _last_day(view: View, timer: str) -> date | None:
    """The last day of a deadline as it stands, moved to a working day."""
    for row in view.snapshot.table("timers"):
        if row["name"] == timer:
            due_on: date = row["due_on"]
            return due_on
    rule = view.snapshot.definition.timers.get(timer)
    if rule is None or not isinstance(rule.day, Day):
        return None
    falls = falls_due(rule, rule.day, view.snapshot)
    return falls.day if falls is not None else None
