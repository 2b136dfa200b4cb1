"""What an operation answers: where it stands in the log, or why it did not happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self

from models.changes import plain
from workflow.blockers import Blocker, Rank
from workflow.snapshot import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that a repeated request gets again. It holds plain values, rows of them, and instants (`…_at`)."""

    repeated: bool = False
    """Shown again for a repeated request, not done again."""

    def kept(self) -> dict[str, Any]:
        """The answer in JSON's own types, as it waits for a repeat."""
        return {
            each.name: plain(getattr(self, each.name)) for each in fields(self) if each.name != "repeated"
        }

    @classmethod
    def read_back(cls, kept: Mapping[str, Any]) -> Self:
        """The answer as it was kept, now of a repeat."""
        return cls(**{name: _read(name, value) for name, value in kept.items()}, repeated=True)


def _read(name: str, value: Any) -> Any:
    if name.endswith("_at") and value is not None:
        return datetime.fromisoformat(value)
    return _rows(value)


def _rows(value: Any) -> Any:
    return tuple(_rows(item) for item in value) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Made(Answer):
    """Something that was made and has a page of its own."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(Answer):
    """An act that took effect: its place in the log and what the case became."""

    case_id: str
    act: str
    seq: int
    hash: str
    recorded_at: datetime
    state: str
    version: int
    proposed: bool = False
    """Another person must still confirm it."""
    entries: tuple[tuple[int, str, str], ...] = ()
    """Place, act and hash of every entry written, the act's own first; timers it let take effect follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An act that did not happen, with every reason. `stale` lists what happened since the version that was seen."""

    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[Blocker, ...] = ()
    """Warnings nobody confirmed; the act is possible once they are."""
    stale: tuple[Row, ...] | None = None


def only_for(role: str) -> Refusal:
    """The refusal of what one role alone may do."""
    blocker = Blocker(
        code="not_your_role", basis="local", rank=Rank.ROLE, params={"roles": [role]}, mend=(role,)
    )
    return Refusal(blockers=(blocker,))
