"""Who decides, hands in or is told, and who may not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from workflow.definition.values.labels import Label


class Held(StrEnum):
    """How a role is held: by a dated grant (on a unit or everywhere) or by a duty on one case."""

    GRANT = "grant"
    DUTY = "duty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Someone who decides, hands in or is told."""

    name: str
    label: Label
    basis: str
    held: Held = Held.GRANT
    of: str | None = None
    """The unit field of the case a grant must be on; None: a grant of this role counts wherever it is."""
    stand_in: tuple[str, ...] = ()
    """Who is told and asked instead while a duty of this role names no linked person."""
    quorum: str | None = None
    majority: str | None = None
    secret: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Nobody may act in one of the roles `nobody` on a case on which the same person is `who_is`."""

    name: str
    basis: str
    label: Label
    nobody: tuple[str, ...]
    who_is: str | None = None
    who_is_of: tuple[str, ...] = ()
    when: str | None = None
    """A yes/no setting that switches the rule on; None: always."""
