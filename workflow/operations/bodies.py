"""Bodies: the roles that vote in some lifecycle, and who convenes their meetings; no role is one by its name."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from workflow.definition.values.edition import Definition
from workflow.definition.values.labels import Label
from workflow.definition.values.routes import StepKind
from workflow.world import editions_in_use


def bodies(session: Session) -> Mapping[str, frozenset[str]]:
    """Each role that votes, with the roles that convene its meetings: the office of every lifecycle in which it votes."""
    found: dict[str, frozenset[str]] = {}
    for definition in editions_in_use(session).values():
        for role in voting_roles(definition):
            found[role] = found.get(role, frozenset()) | {definition.import_.by}
    return found


def voting_roles(definition: Definition) -> tuple[str, ...]:
    """The roles of a lifecycle's votes, in the order of its routes."""
    return tuple(dict.fromkeys(step.by[0] for step in definition.steps if step.kind is StepKind.VOTE))


def offices(session: Session) -> frozenset[str]:
    """Whoever convenes any body."""
    return frozenset().union(*bodies(session).values())


def body_label(session: Session, role: str) -> Label:
    """What the members of a body are called, by the latest edition that knows the role."""
    known = [
        definition.roles[role] for definition in editions_in_use(session).values() if role in definition.roles
    ]
    return known[-1].label if known else Label(zh=role, en=role)
