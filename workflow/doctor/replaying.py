"""The entries of a stream, in their order; and a case as they had left it on a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Entry
from models.changes import key_column
from workflow.doctor.rows import PAGE
from workflow.periods import beijing_day
from workflow.replay import Fold, entry_of, moment


def as_of(session: Session, case_id: str, day: date) -> Mapping[str, tuple[Mapping[str, Any], ...]]:
    """The rows of a case as the log had left them at the end of a day in Beijing, by table; personal values as commitments."""
    fold = Fold()
    for row in session.execute(entries_of([f"case:{case_id}"])).all():
        body = entry_of(row.body)
        if beijing_day(moment(body["recorded_at"])) > day:
            break
        for change in body["changes"]:
            for _ in fold.take(change, place_of(row)):
                pass
    tables: dict[str, list[Mapping[str, Any]]] = {}
    for (table, key), values in fold.rows.items():
        tables.setdefault(table, []).append({key_column(table): key, **values})
    return {table: tuple(rows) for table, rows in tables.items()}


def entries_of(streams: Sequence[str]) -> Any:
    """The entries of some streams, in their order, some at a time."""
    query = select(Entry.id, Entry.stream, Entry.seq, Entry.body).where(Entry.stream.in_(streams))
    return query.order_by(Entry.stream, Entry.seq).execution_options(yield_per=PAGE)


def place_of(row: Any) -> str:
    """How an entry is called."""
    return f"{row.stream}#{row.seq}"
