"""What the pages of a decision say in words: reasons, and who did what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import url_for

from web.pages import Look
from web.words import t
from workflow.blockers import Blocker
from workflow.definition.values.edition import Definition
from workflow.explain.names import act_label, headed, system_text
from workflow.queries import Case
from workflow.reasons import reason_of
from workflow.snapshot import Row
from workflow.words import label_text

MENDED_ON_THE_PAGE = {"duty_unlinked": "people"}
"""Reasons that are removed on the base's page, and the part of it where."""


def reason_shown(
    blocker: Blocker, definition: Definition, language: str, *, case_id: str = ""
) -> dict[str, str]:
    """A reason as a line of a list begins: with a capital letter in English, and with the place on the base's page that mends it."""
    reason = reason_of(blocker, definition, language)
    mend = "" if blocker.code == "not_your_role" else reason.mend  # The reason itself says whose act it is.
    texts = {"text": reason.text, "mend": mend, "from_on": reason.from_on}
    part = MENDED_ON_THE_PAGE.get(blocker.code) if case_id else None
    href = url_for("bases.show", case_id=case_id, _anchor=part) if part else ""
    return {
        "basis": reason.basis,
        "href": href,
        **{name: headed(text, language) for name, text in texts.items()},
    }


def reasons_shown(
    blockers: Iterable[Blocker], definition: Definition, language: str, *, case_id: str = ""
) -> list[dict[str, str]]:
    return [reason_shown(blocker, definition, language, case_id=case_id) for blocker in blockers]


def who_of(row: Row, definition: Definition, language: str) -> str:
    """Who an entry names: a person, for whom they acted if for another, or the system by what moved it."""
    if row["actor_name"] and row["for_name"]:
        return t("entry.acted_for", language, actor=row["actor_name"], who=row["for_name"])
    if row["actor_name"]:
        return str(row["actor_name"])
    return system_text(definition, row["actor"], language)


def told_meanwhile(look: Look, case: Case, rows: tuple[Row, ...] | None) -> list[dict[str, Any]] | None:
    """Who did what since the form was opened."""
    if rows is None:
        return None
    definition, language = case.definition, look.language
    return [
        {
            "at": row["recorded_at"],
            "who": who_of(row, case.definition, language),
            "what": act_label(definition, row["act"], language),
            "state": label_text(definition.states[row["to_state"]].label, language)
            if row["to_state"]
            else "",
        }
        for row in rows
    ]
