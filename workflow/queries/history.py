"""The entries of one case, newest first."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from models import Entry, Person
from workflow.queries.paging import Order, Page, page, place_mark
from workflow.snapshot import Row

COLUMNS = (
    Entry.id, Entry.stream, Entry.seq, Entry.kind, Entry.act, Entry.outcome, Entry.from_state, Entry.to_state, Entry.actor,
    Entry.actor_id, Entry.source, Entry.effective_on, Entry.recorded_at, Entry.body, Entry.hash, Entry.case_id,
    Person.name.label("actor_name"),
)  # fmt: skip


def _entries(case_id: str) -> Select[*tuple[Any, ...]]:
    return (
        select(*COLUMNS)
        .select_from(Entry)
        .outerjoin(Person, Person.id == Entry.actor_id)
        .where(Entry.stream == f"case:{case_id}")
    )


def history_page(
    session: Session, case_id: str, *, after: str | None = None, before: str | None = None
) -> Page:
    """One page of a case's entries; `body` is read into a mapping."""
    found = page(
        session,
        _entries(case_id),
        Order(column=Entry.seq, name="seq", read=place_mark),
        after=after,
        before=before,
    )
    rows = tuple({**row, "body": json.loads(row["body"])} for row in found.rows)
    return Page(rows=rows, newer=found.newer, older=found.older)


def entry_of(session: Session, case_id: str, seq: int) -> Row | None:
    """One entry of a case, or None."""
    return _one(session, _entries(case_id).where(Entry.seq == seq))


def latest_entry(session: Session, case_id: str) -> Row | None:
    """The end of a case's chain."""
    return _one(session, _entries(case_id).order_by(Entry.seq.desc()).limit(1))


def entries_since(session: Session, case_id: str, seq: int, *, limit: int = 5) -> tuple[Row, ...]:
    """The entries after a place in the chain, newest first: what happened meanwhile."""
    statement = _entries(case_id).where(Entry.seq > seq).order_by(Entry.seq.desc()).limit(limit)
    return tuple(_read(row) for row in session.execute(statement).mappings())


def _one(session: Session, statement: Select[*tuple[Any, ...]]) -> Row | None:
    row = session.execute(statement).mappings().first()
    return _read(row) if row is not None else None


def _read(row: Any) -> Row:
    return {**row, "body": json.loads(row["body"])}
