"""What the form must say and what must have been handed in, or not yet."""

from __future__ import annotations

from collections.abc import Iterator

from workflow.blockers import Blocker, Rank
from workflow.definition.values.acts import ActKind, Need
from workflow.guards.view import View, blocker
from workflow.timers import FIRED, is_answered


def given(view: View, need: Need) -> Iterator[Blocker]:
    """A field is given, for the outcomes that ask for it."""
    only, but = need.params.get("if_outcome"), need.params.get("unless_outcome")
    if view.outcome is None or (only and view.outcome != only) or (but and view.outcome == but):
        return
    if not view.form.get(need.params["field"]):
        yield blocker(need, "field_wanted", Rank.MATERIAL, field=need.params["field"], outcome=view.outcome)


def any_of(view: View, need: Need) -> Iterator[Blocker]:
    """At least one of some fields of the form is filled in."""
    if not any(view.form.get(field) for field in need.params["fields"]):
        yield blocker(need, "one_of_wanted", Rank.MATERIAL, fields=list(need.params["fields"]))


def handed_in(view: View, need: Need) -> Iterator[Blocker]:
    """A field has been handed in during this stay in the state, before a step was first opened where one is named."""
    field, before = need.params["field"], need.params.get("before")
    rows = [row for row in view.of_this_stay("hand_ins") if row["form"].get(field)]
    opened = min(
        (row["opened_seq"] for row in view.of_this_stay("rounds") if row["step"] == before), default=None
    )
    if any(opened is None or row["seq"] < opened for row in rows):
        return
    if rows:
        yield blocker(need, "handed_in_too_late", Rank.FINAL, field=field, step=before)
    else:
        mend = _handed_in_by(view, field)
        yield blocker(need, "not_handed_in", Rank.MATERIAL, field=field, mend=mend)


def _handed_in_by(view: View, field: str) -> tuple[str, ...]:
    """The roles whose task it is to hand a field in."""
    tasks = [act for act in view.snapshot.definition.acts.values() if act.kind is ActKind.TASK]
    return tuple(
        dict.fromkeys(role for act in tasks for role in act.by if any(ask.field == field for ask in act.asks))
    )


def not_handed_in(view: View, need: Need) -> Iterator[Blocker]:
    """Nothing that answers a task has been handed in during this stay in the state."""
    timer = view.snapshot.definition.timers[need.params["task"]]
    if is_answered(timer, view.snapshot):
        yield blocker(need, "answered_already", Rank.FINAL, task=timer.name)


def yearly_data_on_time(view: View, need: Need) -> Iterator[Blocker]:
    """No year's data came late or is missing (Art. 18), unless the leading group recorded an override."""
    if view.form.get(need.params.get("unless", "")):
        return
    for row in view.snapshot.living("hand_ins"):
        if row["period"] is not None and row["late"]:
            yield blocker(need, "yearly_data_late", Rank.RULE, year=row["period"])
    for row in view.snapshot.table("timers"):
        if row["period"] is not None and row["status"] == FIRED and row["ended_seq"] is None:
            mend = view.snapshot.definition.acts[row["name"]].by
            yield blocker(need, "yearly_data_missing", Rank.RULE, year=row["period"], mend=mend)
