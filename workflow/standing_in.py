"""Who is asked in the stead of a duty that nobody is linked as."""

from __future__ import annotations

from workflow.definition.values.edition import Definition
from workflow.definition.values.people import Held
from workflow.snapshot import Snapshot


def is_linked(snapshot: Snapshot, role: str) -> bool:
    """Whether somebody with an account holds a duty; a role held by grant is nobody's in particular."""
    held = snapshot.definition.roles[role].held
    return held is not Held.DUTY or any(row["person_id"] for row in snapshot.duty(role))


def stand_ins(definition: Definition, role: str) -> frozenset[str]:
    """The roles that stand in for one, and those that stand in for them."""
    near = frozenset(definition.roles[role].stand_in)
    return near.union(*(stand_ins(definition, name) for name in near))


def stood_in_for(definition: Definition, act: str, role: str) -> tuple[str, ...]:
    """The roles in whose stead a role is asked for an act of the lifecycle; none where the act is its own."""
    steps = [step for step in definition.steps if step.name == act]
    by = (
        definition.acts[act].by
        if act in definition.acts
        else tuple(name for step in steps for name in step.by)
    )
    return () if role in by else tuple(name for name in by if role in stand_ins(definition, name))
