"""The days a form states: in order, within limits, neither too early nor too late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from workflow.blockers import Blocker, Rank
from workflow.definition.values.acts import Need
from workflow.definition.values.days import Day
from workflow.guards.missed import decided_without
from workflow.guards.view import View, blocker
from workflow.periods import add, beijing_day


def in_order(view: View, need: Need) -> Iterator[Blocker]:
    """Each day is on or after the one before it; unknown days are passed over."""
    known = [(day, view.day(day)) for day in need.params["days"]]
    known = [(day, value) for day, value in known if value is not None]
    for (first, earlier), (second, later) in zip(known, known[1:], strict=False):
        if earlier is not None and later is not None and earlier > later:
            yield blocker(
                need,
                "out_of_order",
                Rank.RULE,
                first=first.anchor,
                first_day=earlier,
                second=second.anchor,
                second_day=later,
            )


def not_past(view: View, need: Need) -> Iterator[Blocker]:
    """The day has not passed yet."""
    day = view.day(need.params["day"])
    if day is not None and day < view.effective_on:
        yield blocker(need, "day_past", Rank.RULE, name=need.params["day"].anchor, day=day)


def at_most(view: View, need: Need) -> Iterator[Blocker]:
    """The day is not after a limit; unless a reason is given, where the rule allows one.

    A day the form asks for is judged once it is entered; the one the case has was judged when it was.
    """
    if _is_unentered(view, need.params["day"]):
        return
    day, limit = view.day(need.params["day"]), view.day(need.params["limit"])
    if day is None or limit is None or day <= limit:
        return
    unless = need.params.get("unless")
    name = need.params["day"].anchor
    if unless is None:
        yield blocker(need, "after_limit", Rank.RULE, name=name, day=day, limit=limit)
    elif not view.form.get(unless):
        yield blocker(need, "too_late_a_day", Rank.RULE, name=name, day=day, limit=limit, unless=unless)


def _is_unentered(view: View, day: Day) -> bool:
    """Whether the form asks for a day, and none is stated."""
    return view.form.get(day.anchor) is None and any(ask.field == day.anchor for ask in view.act.asks)


def covers(view: View, need: Need) -> Iterator[Blocker]:
    """The agreement reaches a day."""
    last, day = view.value("agreement_last_day"), view.day(need.params["day"])
    if last is not None and day is not None and last < day:
        yield blocker(
            need, "agreement_ends_before", Rank.RULE, day=last, until=day, mend=("renew_agreement",)
        )


def later_than_before(view: View, need: Need) -> Iterator[Blocker]:
    """The new day is after the one the case has."""
    name = need.params["day"].anchor
    new, before = view.form.get(name), view.snapshot.stored(name)
    if new is not None and before is not None and new <= before:
        yield blocker(need, "not_later", Rank.RULE, name=name, day=new, before=before)


def not_before(view: View, need: Need) -> Iterator[Blocker]:
    """Too early before a day."""
    day = view.day(need.params["day"])
    if day is not None and view.effective_on < day:
        yield blocker(need, "too_early", Rank.TIME, day=day, from_on=day)


def passed_day(view: View, need: Need) -> Iterator[Blocker]:
    """The day's end has come, unless something has happened that lifts it."""
    unless = need.params.get("unless_happened")
    if unless and view.snapshot.times(unless):
        return
    day = view.day(need.params["day"])
    if day is not None and view.effective_on <= day:
        ripe = day + timedelta(days=1)
        yield blocker(need, "not_yet_over", Rank.TIME, name=need.params["day"].anchor, day=day, from_on=ripe)


def days_ahead(view: View, need: Need) -> Iterator[Blocker]:
    """A deadline lies between a shortest and a longest time from the decision that set it, moves included.

    No decision sets one into the past; an amendment says what was decided, whenever that was.
    """
    name = need.params["day"].anchor
    day = view.form.get(name)
    start = (view.day(need.params["from"]) if "from" in need.params else None) or view.effective_on
    for timer in view.snapshot.definition.timers.values():
        if (
            isinstance(timer.day, Day)
            and timer.day.anchor == name
            and (day is not None or not view.act.facts)
        ):
            yield from decided_without(view, need, timer)
    if day is None:
        return
    calendar = view.snapshot.calendar
    first = add(start, view.snapshot.length(need.params["min"]), calendar)
    last = add(start, view.snapshot.length(need.params["max"]), calendar)
    if not view.act.facts:
        first = max(first, beijing_day(view.at))
    if last < first:
        yield blocker(need, "no_day_left", Rank.FINAL, name=name, day=last)
    elif not first <= day <= last:
        yield blocker(need, "outside_bounds", Rank.RULE, name=name, day=day, first=first, last=last)
