"""The list of bases: filtered, counted, exported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from models import Agreement, Case, Duty, JointBase, Person, Timer, Unit
from workflow.in_force import duty_holds
from workflow.periods import Kind
from workflow.queries.inbox import SUBJECT, text_matches, with_subject
from workflow.queries.paging import Order, Page, key_mark, page
from workflow.queries.rights import Rights, visible_to
from workflow.snapshot import Row
from workflow.timers import HELD_BY_PEOPLE

SOON = timedelta(days=90)
BATCH = 500
"""Rows an export reads at a time."""


class Deadline(StrEnum):
    """Which deadlines the reader asked for."""

    OVERDUE = "overdue"
    SOON = "soon"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFilter:
    """What the reader asked to see of the bases; empty parts narrow nothing."""

    lifecycle: str
    state: str = ""
    college: str = ""
    text: str = ""
    deadline: Deadline | None = None
    leader: str = ""
    """The opening role, whose holder's name each row shows."""


def bases_page(
    session: Session,
    rights: Rights,
    wanted: BaseFilter,
    *,
    at: datetime,
    after: str | None = None,
    before: str | None = None,
) -> Page:
    """The cases a person may see, newest first.

    Rows: the subject, level, entered_on, closed_at, due_on and due_name of the next deadline, agreement_last_day.
    """
    statement = _listed(rights, wanted, at)
    return page(
        session, statement, Order(column=Case.id, name="case_id", read=key_mark), after=after, before=before
    )


def base_rows(session: Session, rights: Rights, wanted: BaseFilter, *, at: datetime) -> Iterator[Row]:
    """The same rows for an export, all of them, read batch by batch."""
    order = Order(column=Case.id, name="case_id", read=key_mark)
    after = None
    while True:
        batch = page(session, _listed(rights, wanted, at), order, after=after, before=None, size=BATCH)
        yield from batch.rows
        after = batch.older
        if after is None:
            return


def counts_by_state(session: Session, rights: Rights, wanted: BaseFilter, *, at: datetime) -> dict[str, int]:
    """How many cases of each state the other filters leave."""
    rows = session.execute(
        with_subject(select(Case.state, func.count().label("how_many")).select_from(Case))
        .where(visible_to(rights), *_narrowed(wanted, rights, at))
        .group_by(Case.state)
    )
    return {row.state: row.how_many for row in rows}


def lead_colleges(session: Session, rights: Rights) -> list[Row]:
    """The colleges a person can filter by: those that lead a case they may see."""
    led = exists().where(
        JointBase.lead_college_id == Unit.id, JointBase.case_id == Case.id, visible_to(rights)
    )
    rows = session.execute(select(Unit.id, Unit.name).where(led).order_by(Unit.name)).mappings()
    return [dict(row) for row in rows]


def _listed(rights: Rights, wanted: BaseFilter, at: datetime) -> Select[*tuple[Any, ...]]:
    statement = with_subject(
        select(
            *SUBJECT,
            JointBase.level,
            JointBase.programmes,
            JointBase.plaque_number,
            Case.entered_on,
            Case.closed_at,
            Case.dates,
            _next_deadline(Timer.due_on).label("due_on"),
            _next_deadline(Timer.name).label("due_name"),
            _agreement_end().label("agreement_last_day"),
            _leader(wanted.leader, rights.today).label("leader"),
        ).select_from(Case)
    ).where(visible_to(rights), *_narrowed(wanted, rights, at))
    return statement.where(Case.state == wanted.state) if wanted.state else statement


def _narrowed(wanted: BaseFilter, rights: Rights, at: datetime) -> list[ColumnElement[bool]]:
    """Every filter but the state, which the counts go through."""
    conditions: list[ColumnElement[bool]] = [Case.lifecycle == wanted.lifecycle]
    if wanted.college:
        conditions.append(JointBase.lead_college_id == wanted.college)
    if wanted.text:
        conditions.append(text_matches(wanted.text))
    if wanted.deadline is Deadline.OVERDUE:
        conditions.append(exists().where(_is_deadline(), Timer.due_at <= at))
    elif wanted.deadline is Deadline.SOON:
        last = rights.today + SOON
        conditions.append(exists().where(_is_deadline(), Timer.due_at > at, Timer.due_on <= last))
    return conditions


def _is_deadline() -> ColumnElement[bool]:
    """A running timer of the case by which somebody must have acted; what opens by itself, or stands still, is none."""
    running = (Timer.case_id == Case.id) & Timer.ended_seq.is_(None)
    return running & (Timer.kind != str(Kind.OPENS)) & Timer.hold.is_distinct_from(HELD_BY_PEOPLE)


def _next_deadline(column: Any) -> Any:
    return select(column).where(_is_deadline()).order_by(Timer.due_at, Timer.name).limit(1).scalar_subquery()


def _agreement_end() -> Any:
    living = (Agreement.case_id == Case.id) & Agreement.voided_seq.is_(None)
    return select(func.max(Agreement.last_day)).where(living).scalar_subquery()


def _leader(role: str, today: date) -> Any:
    """The name of the person who holds a duty on the case, or of the contact nobody has linked yet."""
    return (
        select(func.coalesce(Person.name, Duty.contact_name))
        .select_from(Duty)
        .outerjoin(Person, Person.id == Duty.person_id)
        .where(
            Duty.case_id == Case.id,
            Duty.role == role,
            duty_holds(today),
        )
        .order_by(Duty.from_on.desc(), Duty.id.desc())
        .limit(1)
        .scalar_subquery()
    )
