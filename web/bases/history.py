"""What happened to a base, with the routine between decisions folded."""

from __future__ import annotations

from typing import Any

from flask import url_for

from web.decisions.saying import who_of
from web.pages import Look
from web.words import t
from workflow.definition.values.edition import Definition
from workflow.explain.entries import DECIDED, entry_lines, entry_note, entry_title
from workflow.periods import beijing_day
from workflow.queries import Names, Page
from workflow.snapshot import Row
from workflow.words import article_text, label_text


def history_in_words(look: Look, definition: Definition, names: Names, history: Page) -> list[dict[str, Any]]:
    """The entries in runs: decisions stand open, routine between them is folded."""
    groups: list[dict[str, Any]] = []
    for row in history.rows:
        routine = row["kind"] not in DECIDED
        if not groups or groups[-1]["routine"] != routine:
            groups.append({"routine": routine, "label": "", "entries": []})
        groups[-1]["entries"].append(_entry(look, definition, names, row))
    for group in groups:
        group["label"] = t("bases.routine", look.language, count=len(group["entries"]))
    return groups


def _entry(look: Look, definition: Definition, names: Names, row: Row) -> dict[str, Any]:
    language = look.language
    moved = row["from_state"] != row["to_state"]
    recorded = row["recorded_at"]
    effective = row["effective_on"]
    return {
        "number": row["seq"],
        "at": recorded,
        "effective_on": effective if effective != beijing_day(recorded) else None,
        "who": who_of(row, definition, language),
        "what": entry_title(row, definition, language),
        "from_state": _state_word(definition, row["from_state"], language) if moved else "",
        "to_state": _state_word(definition, row["to_state"], language) if moved else "",
        "basis": article_text(row["body"]["basis"], language) if row["body"].get("basis") else "",
        "note": entry_note(row, definition, names, language),
        "changes": entry_lines(row, definition, names, language),
        "hash": row["hash"][:12],
        "href": url_for("decisions.receipt", case_id=row["case_id"], seq=row["seq"]),
    }


def _state_word(definition: Definition, state: str | None, language: str) -> str:
    return label_text(definition.states[state].label, language) if state else ""
