"""The whole log, for those who audit it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Case, Entry, Person
from workflow.queries.paging import Order, Page, number_mark, page

COLUMNS: tuple[Any, ...] = (
    Entry.id, Entry.stream, Entry.seq, Entry.kind, Entry.act, Entry.outcome, Entry.from_state, Entry.to_state, Entry.actor,
    Entry.actor_id, Entry.source, Entry.effective_on, Entry.recorded_at, Entry.hash, Entry.case_id,
    Person.name.label("actor_name"), Case.edition_id,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """What is asked of the log; empty parts narrow nothing."""

    kind: str = ""
    case: str = ""
    actor: str = ""


def log_page(
    session: Session, wanted: LogFilter, *, after: str | None = None, before: str | None = None
) -> Page:
    """One page of the entries of every stream, newest first. Whether the reader may is asked before."""
    statement = (
        select(*COLUMNS)
        .select_from(Entry)
        .outerjoin(Person, Person.id == Entry.actor_id)
        .outerjoin(Case, Case.id == Entry.case_id)
    )
    for column, value in (
        (Entry.kind, wanted.kind),
        (Entry.case_id, wanted.case),
        (Entry.actor_id, wanted.actor),
    ):
        if value:
            statement = statement.where(column == value)
    order = Order(column=Entry.id, name="id", read=number_mark)
    return page(session, statement, order, after=after, before=before)
