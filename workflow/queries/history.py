"""The entries of one case, newest first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Select, or_, select
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
    """One page of a case's entries; `body` is read into a mapping, `for_name` is the person on whose behalf one acted."""
    found = page(
        session,
        _entries(case_id),
        Order(column=Entry.seq, name="seq", read=place_mark),
        after=after,
        before=before,
    )
    return Page(rows=_read(session, found.rows), newer=found.newer, older=found.older)


def entry_of(session: Session, case_id: str, seq: int) -> Row | None:
    """One entry of a case, or None."""
    return _one(session, _entries(case_id).where(Entry.seq == seq))


def entries_at(session: Session, case_id: str, seqs: Iterable[int | None]) -> dict[int, Row]:
    """The entries at some places of a case's chain, by their places."""
    wanted = sorted({seq for seq in seqs if seq is not None})
    rows = session.execute(_entries(case_id).where(Entry.seq.in_(wanted))).mappings().all()
    return {row["seq"]: row for row in _read(session, rows)}


def moves_of(session: Session, case_id: str) -> tuple[Row, ...]:
    """The entries that moved a case from one state to another, its beginning among them, oldest first."""
    moved = or_(Entry.from_state.is_(None), Entry.from_state != Entry.to_state)
    statement = _entries(case_id).where(Entry.to_state.is_not(None), moved).order_by(Entry.seq)
    return _read(session, session.execute(statement).mappings().all())


def latest_entry(session: Session, case_id: str) -> Row | None:
    """The end of a case's chain."""
    return _one(session, _entries(case_id).order_by(Entry.seq.desc()).limit(1))


def entries_since(session: Session, case_id: str, seq: int, *, limit: int = 5) -> tuple[Row, ...]:
    """The entries after a place in the chain, newest first: what happened meanwhile."""
    statement = _entries(case_id).where(Entry.seq > seq).order_by(Entry.seq.desc()).limit(limit)
    return _read(session, session.execute(statement).mappings().all())


def _one(session: Session, statement: Select[*tuple[Any, ...]]) -> Row | None:
    rows = session.execute(statement.limit(1)).mappings().all()
    return next(iter(_read(session, rows)), None)


def _read(session: Session, rows: Sequence[Any]) -> tuple[Row, ...]:
    """The rows with their bodies read, and the names of those on whose behalf somebody acted, looked up at once."""
    bodies = [json.loads(row["body"]) for row in rows]
    lenders = {body["on_behalf_of"] for body in bodies if body["on_behalf_of"]}
    names: dict[str, str] = {}
    if lenders:
        found = session.execute(select(Person.id, Person.name).where(Person.id.in_(lenders)))
        names = {person.id: person.name for person in found}
    return tuple(
        {**row, "body": body, "for_name": names.get(body["on_behalf_of"])}
        for row, body in zip(rows, bodies, strict=True)
    )
