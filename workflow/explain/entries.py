"""Entries of the log in words: what happened, why, and what it changed."""

from __future__ import annotations

from datetime import date
from typing import Any

from workflow.definition.values.edition import Definition
from workflow.definition.values.forms import FieldType
from workflow.explain.names import act_label, headed
from workflow.explain.seats import SAID, seats_text
from workflow.explain.values import Line
from workflow.queries.names import Names
from workflow.snapshot import Row
from workflow.words import day_text, label_text, say, shared, written

DECIDED = frozenset(
    {
        "transition", "task", "proposal", "import", "open", "released", "declined", "withdrawn",
        "ballot", "motion", "seated", "signer_added", "signer_removed", "reassigned", "vote_closed", "ballot_withdrawn", "reopened",
    }
)  # fmt: skip
"""Kinds of entries that are decisions; the others are routine and may be folded."""


def entry_title(row: Row, definition: Definition, language: str) -> str:
    """What an entry is of: the act by its name, and the kind of entry where that is not plainly an act."""
    what = headed(act_label(definition, row["act"], language), language)
    kind = f"entry.kinds.{row['kind']}"
    if row["kind"] in ("transition", "task") or row["act"] == row["kind"] or kind not in shared():
        return what
    return say("explain.kind_of", language, kind=headed(say(kind, language), language), what=what)


def entry_note(row: Row, definition: Definition, names: Names, language: str) -> str:
    """The reason or opinion an entry carries, whom it seats, and its outcome; personal values stay hidden."""
    form = row["body"].get("form") or {}
    seated = seats_text(row, names, language)
    parts = [seated] if seated else []
    if row["kind"] == "import":
        parts.append(say("entry.imported", language, sheet=form["sheet"], row=form["row"]))
        form = {}
    if row["outcome"] and row["outcome"] in definition.outcomes:
        parts.append(label_text(definition.outcomes[row["outcome"]].label, language))
    for name in form:
        field = definition.fields.get(name)
        if not form[name] or (seated and name in SAID):
            continue
        if isinstance(form[name], str) and (field is None or field.type is FieldType.TEXT):
            label = label_text(field.label, language) if field else act_label(definition, name, language)
            text = names.documents.get(form[name], form[name])
            parts.append(say("explain.reason_line", language, field=label, text=text))
    return say("blocked.between", language).join(parts)


def entry_lines(row: Row, definition: Definition, names: Names, language: str) -> list[Line]:
    """The one fact an amendment changed, and the numbers an act gave."""
    lines = []
    for change in row["body"].get("changes") or ():
        if change["table"] != definition.subject:
            continue
        was = change.get("was") or {}
        for column, value in change["set"].items():
            key = f"column.{column}"
            if key in shared() and value != was.get(column) and column != "level":
                lines.append(
                    Line(
                        name=say(key, language),
                        old=written(was.get(column), language),
                        new=_plain_text(value, language),
                    )
                )
    return lines


def _plain_text(value: Any, language: str) -> str:
    """A value as an entry keeps it; days are ISO text there."""
    try:
        return day_text(date.fromisoformat(value), language)
    except (TypeError, ValueError):
        return written(value, language)
