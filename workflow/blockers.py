"""Why something cannot be done: reasons as values, in the order they are shown. Text is made at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as default
from datetime import date
from enum import IntEnum
from typing import Any


class Rank(IntEnum):
    """The order in which reasons are shown."""

    ROLE = 1
    TIME = 2
    MATERIAL = 3
    RULE = 4
    FINAL = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """One reason. `mend` names the roles or the act that can remove it, `from_on` the day it goes away by itself."""

    code: str
    basis: str
    rank: Rank
    params: Mapping[str, Any] = default(default_factory=dict)
    mend: tuple[str, ...] = ()
    from_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A value of a form that cannot be read: which field, what is wrong with it."""

    field: str
    code: str
    params: Mapping[str, Any] = default(default_factory=dict)


def in_order(blockers: list[Blocker]) -> tuple[Blocker, ...]:
    """Sort reasons as they are shown, without repeating one."""
    unique: dict[tuple[str, str], Blocker] = {}
    for blocker in blockers:
        unique.setdefault(
            (blocker.code, repr(sorted(blocker.params.items(), key=lambda item: item[0]))), blocker
        )
    return tuple(sorted(unique.values(), key=lambda blocker: blocker.rank))
