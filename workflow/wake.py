"""What may follow by itself in the wake of any act: what the case's route comes to, and what a timer fires.

It commits with the act, so the bans it is held to are read with the act's own. So are its numbers, but unlocked
(`workflow.operations.numbering`): few ballots are the last, and none may wait for a counter that all cases share.
"""

from __future__ import annotations

from workflow.definition.values.acts import Act
from workflow.definition.values.edition import Definition

_followers: dict[tuple[str, str], tuple[Act, ...]] = {}


def in_its_wake(definition: Definition, state: str) -> tuple[Act, ...]:
    """The transitions that may take effect without an act of their own while a case is in a state."""
    key = definition.sha256, state
    if key not in _followers:
        route = definition.routes.get(state)
        names = {timer.fires for timer in definition.timers.values()}
        if route is not None and route.has_ballots:
            names |= route.concludes
        _followers[key] = tuple(act for act in definition.acts.values() if act.name in names)
    return _followers[key]
