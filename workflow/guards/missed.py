"""What a missed day means once the route has gone on without what was due on it."""

from __future__ import annotations

from collections.abc import Iterator

from workflow.blockers import Blocker, Rank
from workflow.definition.values.acts import Need
from workflow.definition.values.timers import Timer
from workflow.guards.view import View, blocker
from workflow.routes import conclusion, is_missed


def decided_without(view: View, need: Need, timer: Timer) -> Iterator[Blocker]:
    """A day that was missed comes no more once the route has come to its decision without what was due on it."""
    found = conclusion(view.snapshot) if is_missed(view.snapshot, timer.name) else None
    if found is not None:
        office = (view.snapshot.definition.import_.by,)
        params = {"task": timer.name, "transition": found.act}
        yield blocker(need, "decided_without", Rank.FINAL, mend=office, **params)
