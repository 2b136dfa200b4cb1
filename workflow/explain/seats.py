"""Entries about the seats of a round in words: who was added, replaced or taken out, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from workflow.explain.names import NO_VALUE
from workflow.queries.names import Names
from workflow.snapshot import Row
from workflow.words import say

SAID = frozenset({"person", "to", "side"})
"""What the form of such an entry holds besides a reason, and `seats_text` puts into words."""

KINDS = frozenset({"seated", "signer_added", "signer_removed", "reassigned"})


def people_of(rows: Iterable[Row]) -> Iterator[str]:
    """The people whose names such entries want."""
    for row in rows:
        if row["kind"] in KINDS:
            form = row["body"].get("form") or {}
            yield from filter(None, (form.get("person"), form.get("to"), *form.get("people", ())))


def seats_text(row: Row, names: Names, language: str) -> str:
    """Whose seat an entry gives or takes; nothing for any other entry."""
    if row["kind"] not in KINDS:
        return ""
    form = row["body"].get("form") or {}
    key = f"{row['kind']}_{form['side']}" if row["kind"] == "signer_added" else row["kind"]
    if row["kind"] == "reassigned" and "person" not in form:
        key = "seated_in_stead"
    named: dict[str, Any] = {
        name: names.person(form[name]) or NO_VALUE for name in ("person", "to") if name in form
    }
    if "people" in form:
        named["people"] = [names.person(one) or NO_VALUE for one in form["people"]]
    return say(f"entry.seats.{key}", language, **named)
