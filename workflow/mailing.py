"""Kinds of notice as people know them, and how fast the mails of each come. Defined once for page, sorting and log."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class NoticeKind(StrEnum):
    """What a notice is for whoever gets it."""

    TURNS = "turns"
    """It asks for an act now."""
    DEADLINES = "deadlines"
    """It is about a day by which something is due."""
    DECISIONS = "decisions"
    """It tells what was decided."""
    COPIES = "copies"


class Pace(StrEnum):
    """How the mails of a kind come."""

    AT_ONCE = "at_once"
    DAILY = "daily"
    """In one mail a day, the first of the day as soon as it may."""
    OFF = "off"


USUAL: Mapping[NoticeKind, Pace] = MappingProxyType(
    {
        NoticeKind.TURNS: Pace.AT_ONCE,
        NoticeKind.DEADLINES: Pace.DAILY,
        NoticeKind.DECISIONS: Pace.DAILY,
        NoticeKind.COPIES: Pace.DAILY,
    }
)
"""The pace of whoever has chosen none."""

_KINDS: Mapping[str, NoticeKind] = MappingProxyType(
    {
        "asked_to_confirm": NoticeKind.TURNS,
        "test": NoticeKind.TURNS,
        "urged": NoticeKind.TURNS,
        "your_turn": NoticeKind.TURNS,
        "deadline_met": NoticeKind.DEADLINES,
        "deadline_moved": NoticeKind.DEADLINES,
        "late_opening": NoticeKind.DEADLINES,
        "overdue": NoticeKind.DEADLINES,
        "reminder": NoticeKind.DEADLINES,
        "act": NoticeKind.DECISIONS,
        "ban_lifted": NoticeKind.DECISIONS,
        "turn_over": NoticeKind.DECISIONS,
        "copied": NoticeKind.COPIES,
        "stood_aside": NoticeKind.COPIES,
    }
)


def kind_of(template: str) -> NoticeKind:
    """The kind of a notice. Raises KeyError for a template nobody has put into a kind."""
    return _KINDS[template]
