"""Who acts, when, and through which door. Required everywhere; never taken from input."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from workflow.periods import beijing_day


class Source(StrEnum):
    """The door an act came through."""

    PAGE = "page"
    API = "api"
    COMMAND = "command"
    IMPORT = "import"
    TIMER = "timer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A person (in one of their accounts), or the system under the name of what moved it."""

    person: str | None = None
    account: str | None = None
    on_behalf_of: str | None = None
    system: str | None = None

    def __post_init__(self) -> None:
        if (self.person is None) == (self.system is None):
            raise ValueError("an actor is either a person or the system")

    @property
    def text(self) -> str:
        """`person:<id>` or `system:<name>`, as the log keeps it."""
        return f"person:{self.person}" if self.person else f"system:{self.system}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The circumstances of one act: the actor, the instant, the door, and the key that makes a repeat harmless."""

    actor: Actor
    at: datetime
    source: Source
    key: str | None = None

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("an act happens at an aware instant")

    @property
    def today(self) -> date:
        """The day in Beijing."""
        return beijing_day(self.at)
