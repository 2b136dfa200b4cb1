"""What is assumed about people: how many of their turns they take in time, late, or never."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from random import Random

from workflow.errors import WorkflowError

WHOLE = 100
PROMPT = (1, 5)
"""Days after which a turn is taken in time, never past its day."""
TARDY = (1, 30)
"""Days after the day of a turn that is taken late."""
SLOW = (20, 60)
"""Days after which a turn without a day is taken late."""


class Manner(StrEnum):
    """How a turn is taken."""

    ON_TIME = "on-time"
    LATE = "late"
    NEVER = "never"


class BadAssumption(WorkflowError):
    """An assumption that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The shares of turns taken in each manner, in percent, and the seed by which they are dealt out."""

    shares: Mapping[Manner, int]
    seed: int

    @property
    def nobody_ever(self) -> bool:
        return self.shares.get(Manner.NEVER) == WHOLE

    def manner(self, turn: str) -> Manner:
        """How one turn is taken; the same turn is always taken alike."""
        drawn = self._dealt(turn).randrange(WHOLE)
        for manner in Manner:
            drawn -= self.shares.get(manner, 0)
            if drawn < 0:
                return manner
        return Manner.NEVER

    def day(self, turn: str, *, opened_on: date, due_on: date | None) -> date | None:
        """The day on which a turn is taken; None where it never is.

        What has no day is taken late rather than never, unless nobody ever acts: otherwise a few would stop everything.
        """
        manner, dealt = self.manner(turn), self._dealt(f"{turn}/day")
        if manner is Manner.NEVER and (due_on is not None or self.nobody_ever):
            return None
        if manner is Manner.ON_TIME:
            day = opened_on + timedelta(days=dealt.randint(*PROMPT))
            return day if due_on is None else max(min(day, due_on), opened_on)
        if due_on is None:
            return opened_on + timedelta(days=dealt.randint(*SLOW))
        return max(due_on, opened_on) + timedelta(days=dealt.randint(*TARDY))

    def _dealt(self, turn: str) -> Random:
        return Random(f"{self.seed}/{turn}")  # chance for a trial, no secret


def people_of(text: str, *, seed: int) -> People:
    """Read `on-time`, or shares such as `on-time=70,late=20,never=10`. Raises BadAssumption with what is wrong."""
    if "=" not in text:
        return People(shares={_manner(text): WHOLE}, seed=seed)
    shares: dict[Manner, int] = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        manner = _manner(name)
        if manner in shares:
            raise BadAssumption("said_twice", word=name.strip())
        if not number.strip().isascii() or not number.strip().isdigit():
            raise BadAssumption("no_share", word=part.strip())
        shares[manner] = int(number)
    if (total := sum(shares.values())) != WHOLE:
        raise BadAssumption("not_a_hundred", total=total)
    return People(shares=shares, seed=seed)


def _manner(word: str) -> Manner:
    try:
        return Manner(word.strip())
    except ValueError:
        raise BadAssumption("unknown_manner", word=word.strip(), words=", ".join(Manner)) from None
