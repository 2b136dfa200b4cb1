"""The one importer of `transitions`: a shared machine per edition that says where a transition leads.

Reasons are the engine's (`workflow.guards`); the machine only knows which state follows which. It holds no case:
each firing borrows a small object for its state, so memory does not grow with the cases touched.
"""

from __future__ import annotations

from typing import Any

from transitions import Machine, MachineError

from workflow.definition.values.acts import TO_SAME, TO_UNDO, ActKind
from workflow.definition.values.edition import Definition


class _Token:
    """Carries one state through one firing."""

    __slots__ = ("state",)

    def __init__(self, state: str) -> None:
        self.state = state


class NotFromHere(Exception):
    """The edition has no such transition from this state."""


_machines: dict[str, Machine] = {}


def _machine(definition: Definition) -> Machine:
    """The machine of an edition, built once per process and told apart by the edition's bytes."""
    machine = _machines.get(definition.sha256)
    if machine is None:
        machine = _machines[definition.sha256] = _build(definition)
    return machine


def _build(definition: Definition) -> Machine:
    rules: list[dict[str, Any]] = []
    for act in definition.acts.values():
        if act.kind is not ActKind.TRANSITION or act.to == TO_UNDO:
            continue
        for source in sorted(act.source):
            rules.append(
                {"trigger": act.name, "source": source, "dest": source if act.to == TO_SAME else act.to}
            )
    return Machine(
        model=None,
        states=list(definition.states),
        initial=definition.initial,
        transitions=rules,
        auto_transitions=False,
        send_event=True,
        queued=False,
    )


def fire(definition: Definition, state: str, transition: str) -> str:
    """Return the state a transition leads to. Raises NotFromHere when the edition does not list it from `state`."""
    token = _Token(state)
    event = _machine(definition).events.get(transition)
    if event is None:
        raise NotFromHere(transition)
    try:
        event.trigger(token)
    except MachineError as error:
        raise NotFromHere(transition) from error
    return token.state
