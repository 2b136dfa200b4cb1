"""What the text fixes and what the office chose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from workflow.definition.values.labels import Label
from workflow.periods import Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A length or number fixed by the regulation; changes only with an edition."""

    name: str
    value: Period | int
    basis: str
    label: Label


class SettingType(StrEnum):
    """What a setting holds; it follows from its default."""

    PERIOD = "period"
    COUNT = "count"
    YES_NO = "yes_no"
    CHOICE = "choice"
    DAYS = "days"
    """A ladder of day numbers before a deadline."""
    ESCALATION = "escalation"
    """Days after a missed deadline -> the role told."""
    MONTH_DAY = "month_day"
    HOURS = "hours"
    """Hours of a day, such as `20:00-08:00`, or `none`."""
    FRACTION = "fraction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A local choice of the office. Its value is kept as plain JSON (`"90 days"`, `3`, `[30, 7, 0]`, `{"1": "project_leader"}`)."""

    name: str
    type: SettingType
    default: Any
    label: Label
    one_of: tuple[str, ...] = ()
    choices: Mapping[str, Label] = field(default_factory=dict)
    """For a choice: each value of `one_of` -> its label; a name of the file brings its own."""
    pinned_by: str | None = None
    """The transition that copies the value onto the case; later changes of the setting do not reach that case."""
