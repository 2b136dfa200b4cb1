"""What a form asks, and the lists and sheets an answer is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from workflow.definition.values.labels import Label


class FieldType(StrEnum):
    """What a form field holds, and so how it is read, shown and kept."""

    LINE = "line"
    TEXT = "text"
    DATE = "date"
    COUNT = "count"
    MONEY = "money"
    YES_NO = "yes_no"
    CHOICE = "choice"
    DOCUMENT = "document"
    PERSON = "person"
    PARTNER = "partner"
    UNIT = "unit"
    UNITS = "units"
    CHECKLIST = "checklist"
    SHEET = "sheet"
    REASONS = "reasons"
    FACT = "fact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    name: str
    type: FieldType
    label: Label
    basis: str
    personal: bool = False
    """The value enters the log only as a salted commitment and can be erased."""
    lists: tuple[str, ...] = ()
    """For a checklist: the lists it is judged by."""
    sheets: tuple[str, ...] = ()
    """For a sheet: the headings that are marked."""
    one_of: Mapping[str, Label] = field(default_factory=dict)
    """For a choice: value -> label."""
    hint: Label | None = None
    longest: int = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of a list (met or not) or a sheet (marks)."""

    name: str
    label: Label
    basis: str
    one_of: str | None = None
    """Items that share this word count as met when one of them is."""
    counted: str | None = None
    """The count or yearly field that measures it."""
    at_least: str | None = None
    """The term it is measured against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A number measured from yearly hand-ins: the sum of a field over the cycle."""

    name: str
    label: Label
    basis: str
    sums: str
    over: str
