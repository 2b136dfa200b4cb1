"""The deadlines that run, over all cases a person may see: counted by day, a few of each day, and as a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, case, cast, false, func, or_, select, true
from sqlalchemy.orm import Session

from models import Case, JointBase, Rung, Task, Timer
from workflow.definition.values.edition import Definition
from workflow.definition.values.people import Held, Role
from workflow.periods import Kind
from workflow.queries.inbox import NEVER, SUBJECT, with_subject
from workflow.queries.paging import Order, Page, key_mark, page
from workflow.queries.rights import Rights, on_duty, visible_to
from workflow.snapshot import Row
from workflow.timers import CANCELLED, HELD_BY_PEOPLE, answering_roles
from workflow.world import editions_in_use

BATCH = 500
"""Rows an export reads at a time."""

TIMER = (
    Timer.id, Timer.name, Timer.kind, Timer.basis, Timer.nominal_on, Timer.due_on, Timer.due_at, Timer.provisional,
    Timer.period, Timer.status, Timer.hold, Timer.armed_seq, Timer.ended_seq,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineFilter:
    """What the reader asked to see of the deadlines; empty parts narrow nothing."""

    mine: bool = False
    """Only those the reader has to meet, or is reminded of."""
    college: str = ""
    lifecycle: str = ""
    kind: Kind | None = None
    overdue: bool = False
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCount:
    """How many deadlines fall on a day, and how many of them have passed unmet."""

    total: int
    overdue: int


def deadline_counts(
    session: Session, rights: Rights, wanted: DeadlineFilter, *, at: datetime
) -> dict[date, DayCount]:
    """How many deadlines each day has that has any."""
    overdue = func.sum(case((_overdue(at), 1), else_=0))
    statement = _from_cases(select(Timer.due_on, func.count().label("total"), overdue.label("overdue")))
    rows = session.execute(
        statement.where(*_narrowed(session, wanted, rights, at)).group_by(Timer.due_on)
    ).all()
    return {row.due_on: DayCount(total=row.total, overdue=row.overdue) for row in rows}


def first_of_each_day(
    session: Session, rights: Rights, wanted: DeadlineFilter, *, at: datetime, most: int
) -> tuple[Row, ...]:
    """At most so many deadlines of each day, in order: what a month has room for. Rows as those of the list."""
    place = func.row_number().over(partition_by=Timer.due_on, order_by=Timer.id)
    numbered = _from_cases(select(Timer.id, place.label("place"))).where(
        *_narrowed(session, wanted, rights, at)
    )
    chosen = numbered.subquery()
    statement = listed().where(Timer.id.in_(select(chosen.c.id).where(chosen.c.place <= most)))
    rows = session.execute(statement.order_by(Timer.due_on, Timer.id)).mappings()
    return tuple(dict(row) for row in rows)


def deadlines_page(
    session: Session,
    rights: Rights,
    wanted: DeadlineFilter,
    *,
    at: datetime,
    after: str | None = None,
    before: str | None = None,
    size: int = 30,
) -> Page:
    """The deadlines a person may see, the earliest first.

    Rows: the case's subject, and of the timer id, name, kind, basis, nominal_on, due_on, due_at, provisional, period,
    status, hold, armed_seq, ended_seq.
    """
    statement = listed().where(*_narrowed(session, wanted, rights, at))
    order = Order(column=Timer.due_on, then=Timer.id, name="mark", read=deadline_mark, descending=False)
    return page(session, statement, order, after=after, before=before, size=size)


def deadline_rows(session: Session, rights: Rights, wanted: DeadlineFilter, *, at: datetime) -> Iterator[Row]:
    """The same rows for an export, all of them, read batch by batch."""
    after = None
    while True:
        batch = deadlines_page(session, rights, wanted, at=at, after=after, size=BATCH)
        yield from batch.rows
        after = batch.older
        if after is None:
            return


def deadline_mark(text: str) -> tuple[date, str]:
    """Read a mark of the list: a day and an identifier. Raises ValueError for anything else."""
    return date.fromisoformat(text[: len(NEVER)]), key_mark(text[len(NEVER) :])


def roles_asked(session: Session, rows: Iterable[Row]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Whose turn it is on the cases of the rows: the roles each act is expected of now, by case and act."""
    cases = sorted({row["case_id"] for row in rows})
    if not cases:
        return {}
    found: dict[tuple[str, str], list[str]] = {}
    statement = select(Task.case_id, Task.act, Task.role).where(
        Task.case_id.in_(cases), Task.closed_at.is_(None)
    )
    for row in session.execute(statement.order_by(Task.id)):
        found.setdefault((row.case_id, row.act), []).append(row.role)
    return {key: tuple(dict.fromkeys(roles)) for key, roles in found.items()}


# ───────────────────────────── All deadlines of one case


def timers_of(session: Session, case_id: str) -> tuple[Row, ...]:
    """Every timer a case ever had, in the order in which they were set. Rows as those of the list, and fired_at, wake_at."""
    statement = (
        select(*TIMER, Timer.fired_at, Timer.wake_at)
        .where(Timer.case_id == case_id)
        .order_by(Timer.armed_seq, Timer.due_on, Timer.id)
    )
    return tuple(dict(row) for row in session.execute(statement).mappings())


def reminders_of(session: Session, case_id: str) -> dict[str, tuple[Row, ...]]:
    """The reminders that went out, or gave way to a later one, by timer: days, due_at, recorded_at, coalesced."""
    found: dict[str, list[Row]] = {}
    statement = (
        select(Rung.timer_id, Rung.days, Rung.due_at, Rung.recorded_at, Rung.coalesced)
        .join(Timer, Timer.id == Rung.timer_id)
        .where(Timer.case_id == case_id)
        .order_by(Rung.days)
    )
    for row in session.execute(statement).mappings():
        found.setdefault(row["timer_id"], []).append(dict(row))
    return {timer: tuple(rows) for timer, rows in found.items()}


def chains(rows: Iterable[Row]) -> tuple[tuple[Row, ...], ...]:
    """The timers of a case by what they promise: one that took the place of another, by the same entry, follows it."""
    found: list[list[Row]] = []
    latest: dict[tuple[str, int | None], list[Row]] = {}
    for row in rows:
        key = (row["name"], row["period"])
        chain = latest.get(key)
        if chain is None or chain[-1]["status"] != CANCELLED or chain[-1]["ended_seq"] != row["armed_seq"]:
            chain = []
            found.append(chain)
        chain.append(row)
        latest[key] = chain
    return tuple(tuple(chain) for chain in found)


# ───────────────────────────── What is asked for


def _from_cases(statement: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return (
        statement.select_from(Timer)
        .join(Case, Case.id == Timer.case_id)
        .join(JointBase, JointBase.case_id == Case.id)
    )


def listed() -> Select[*tuple[Any, ...]]:
    """Every timer with its case's subject, to be narrowed."""
    mark = (cast(Timer.due_on, String) + cast(Timer.id, String)).label("mark")
    return with_subject(
        select(*TIMER, mark, *SUBJECT, Case.lifecycle).select_from(Timer).join(Case, Case.id == Timer.case_id)
    )


def _narrowed(
    session: Session, wanted: DeadlineFilter, rights: Rights, at: datetime
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Timer.ended_seq.is_(None), visible_to(rights)]
    if wanted.first is not None:
        conditions.append(Timer.due_on >= wanted.first)
    if wanted.last is not None:
        conditions.append(Timer.due_on <= wanted.last)
    if wanted.lifecycle:
        conditions.append(Case.lifecycle == wanted.lifecycle)
    if wanted.college:
        conditions.append(JointBase.lead_college_id == wanted.college)
    if wanted.kind is not None:
        conditions.append(Timer.kind == str(wanted.kind))
    if wanted.overdue:
        conditions.append(_overdue(at))
    if wanted.mine:
        conditions.append(concerns(session, rights))
    return conditions


def _overdue(at: datetime) -> ColumnElement[bool]:
    """What somebody should have acted by; what opens by itself, or stands still, is none."""
    runs = Timer.hold.is_distinct_from(HELD_BY_PEOPLE)
    return and_(Timer.due_at <= at, Timer.kind != str(Kind.OPENS), runs)


def concerns(session: Session, rights: Rights) -> ColumnElement[bool]:
    """The condition that a person has to meet a deadline or is reminded of it, in a role of theirs or lent to them."""
    asked = [
        and_(or_(*places), _holds(role, rights))
        for role, places in _by_role(editions_in_use(session).items()).items()
        if role.held is Held.DUTY or role.name in rights.usable
    ]
    return or_(false(), *asked)


def _by_role(editions: Iterable[tuple[str, Definition]]) -> dict[Role, list[ColumnElement[bool]]]:
    """Each role of the editions with the timers it is concerned by."""
    found: dict[Role, list[ColumnElement[bool]]] = {}
    for edition, definition in editions:
        for role in definition.roles.values():
            names = [
                timer.name
                for timer in definition.timers.values()
                if role.name in (*timer.tell, *answering_roles(timer, definition))
            ]
            if names:
                found.setdefault(role, []).append(and_(Case.edition_id == edition, Timer.name.in_(names)))
    return found


def _holds(role: Role, rights: Rights) -> ColumnElement[bool]:
    """That the person holds a role on the case: by a duty, by a grant on its unit, or by a grant that counts everywhere."""
    if role.held is Held.DUTY:
        return on_duty(rights, role.name)
    if role.of is None:
        return true()
    units = {*rights.units_of(role.name), *(right.unit for right in rights.lent if right.role == role.name)}
    return JointBase.lead_college_id.in_(sorted(unit for unit in units if unit))
