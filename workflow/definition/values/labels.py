"""What a thing is called."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One thing's name in both languages."""

    zh: str
    en: str
