"""What a timer is called on the pages, and why it waits."""

from __future__ import annotations

from web.words import t
from workflow.definition.values.edition import Definition
from workflow.explain.names import title_of
from workflow.snapshot import Row


def timer_label(definition: Definition, row: Row, language: str) -> str:
    label = title_of(definition.timers[row["name"]].label, language)
    return t("bases.of_year", language, what=label, year=row["period"]) if row["period"] else label


def hold_text(hold: str | None, language: str) -> str:
    """Why a timer waits, by the word of its hold; nothing for one that does not."""
    return t(f"bases.hold.{hold}", language) if hold else ""
