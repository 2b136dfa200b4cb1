"""What can go wrong that is no refusal. A refusal is a list of blockers; a bug is an exception.

Errors carry codes and identifiers; text is made at the edge.
"""

from __future__ import annotations

from typing import Any

from workflow.blockers import Fault


class WorkflowError(Exception):
    """Base of all errors of the engine."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code, params)
        self.code = code
        self.params = params


class NotFound(WorkflowError):
    """There is no such thing, or the actor may not know of it; both answer alike."""


class BadInput(WorkflowError):
    """Values that cannot be read. `faults` says what is wrong, field by field."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("bad_input", faults=[fault.code for fault in faults])
        self.faults = faults


class EditionConflict(WorkflowError):
    """The database holds an edition of the same label with other bytes."""
