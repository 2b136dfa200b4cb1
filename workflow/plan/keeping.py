"""Where a form's values go: columns of the subject, facts of the case, rows of their own, a partner nobody knew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models.changes import UPDATE, Change, plain
from workflow.definition.values.acts import TO_UNDO, ActKind
from workflow.definition.values.forms import FieldType
from workflow.guards.view import View
from workflow.plan.blocking import is_empty
from workflow.plan.partners import partner_kept
from workflow.snapshot import KEPT


def kept(view: View) -> Iterator[Change]:
    """Keep the form's values where they belong: the subject's columns, else the case's facts.

    An amendment keeps the changed fact alone; an undoing keeps none, the facts are those of before.
    """
    snapshot = view.snapshot
    subject: dict[str, Any] = {}
    facts = dict(snapshot.case["facts"] or {})
    asked = view.act.facts or tuple(ask.field for ask in view.act.asks)
    names = [name for name in asked if name in view.form] if view.act.to != TO_UNDO else []
    for name in names:
        value: Any = view.form.get(name)
        column = None if name in KEPT else snapshot.subject_column(name)
        if is_empty(value):
            if column is None:
                facts.pop(name, None)
            elif snapshot.subject[column]:
                subject[column] = None
            continue
        if snapshot.definition.fields[name].type is FieldType.FACT:
            continue
        if name in KEPT:
            if view.act.facts:
                yield from _amended(view, name, value)
            continue
        if name == "partner":
            yield from partner_kept(value, view.at)
            subject[column or name] = value["id"]
        elif column is not None:
            subject[column] = plain(value) if isinstance(value, (list, tuple)) else value
        elif view.act.kind is ActKind.TRANSITION and not snapshot.definition.fields[name].personal:
            facts[name] = plain(value)
    if subject:
        yield Change(table=snapshot.definition.subject, op=UPDATE, key=snapshot.id, values=subject)
    if facts != (snapshot.case["facts"] or {}):
        yield Change(table="cases", op=UPDATE, key=snapshot.id, values={"facts": facts})


def _amended(view: View, name: str, value: Any) -> Iterator[Change]:
    """Change one kept fact in its own row."""
    table, column = KEPT[name]
    row = view.snapshot.kept_row(table)
    if row is not None:
        yield Change(table=table, op=UPDATE, key=row["id"], values={column: value})
