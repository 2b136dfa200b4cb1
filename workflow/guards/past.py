"""What has happened already: what must not have, and what may still be undone."""

from __future__ import annotations

from collections.abc import Iterator

from workflow.blockers import Blocker, Rank
from workflow.definition.values.acts import Need
from workflow.guards.view import View, blocker
from workflow.periods import beijing_day
from workflow.timers import wanted


def never(view: View, need: Need) -> Iterator[Blocker]:
    """None of these transitions has happened."""
    for transition in need.params["happened"]:
        day = view.snapshot.happened_on(transition)
        if day is not None:
            yield blocker(need, "already_happened", Rank.FINAL, transition=transition, day=day)


def no_ballot_yet(view: View, need: Need) -> Iterator[Blocker]:
    """Nobody has cast a ballot in any round of a step during this stay in the state."""
    step = need.params["step"]
    begun = {row["id"] for row in view.of_this_stay("rounds") if row["step"] == step}
    if any(ballot["round_id"] in begun for ballot in view.snapshot.living("ballots")):
        yield blocker(need, "ballot_cast", Rank.FINAL, step=step)


def nothing_built_on(view: View, need: Need) -> Iterator[Blocker]:
    """There is a transition to undo, and no later act elsewhere names its entry as its ground."""
    if view.snapshot.undone is None:
        yield blocker(need, "nothing_to_undo", Rank.FINAL)
    elif view.snapshot.built_on:
        yield blocker(need, "built_on", Rank.FINAL, seq=view.snapshot.undone["seq"])


def nothing_overdue_after(view: View, need: Need) -> Iterator[Blocker]:
    """After the act no opening or end would be overdue at once; the missing fact must come with it."""
    if view.after is None:
        return
    for want in wanted(view.after):
        if want.timer.fires and view.after.state in want.timer.while_ and want.falls.at <= view.at:
            yield blocker(
                need,
                "overdue_after",
                Rank.RULE,
                timer=want.timer.name,
                day=want.falls.day,
                today=beijing_day(view.at),
            )
