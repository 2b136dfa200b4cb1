"""The secret addresses of deadlines: whose one is, and what stands in the calendar it gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import String, cast, func, or_, select
from sqlalchemy.orm import Session

from models import Account, CalendarLink, Case, Entry, Person, Timer
from workflow.operations.tokens import digest
from workflow.queries.deadlines import concerns, listed
from workflow.queries.rights import Rights, visible_to
from workflow.snapshot import Row

REMEMBERED = timedelta(days=30)
"""How long a deadline that is over is told to be over; a calendar program that asks less often keeps it."""
PAST, AHEAD = timedelta(days=400), timedelta(days=800)
MOST = 2000
"""Deadlines in one calendar, those that run first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Whom a link stands for, and whether it gives all they may see or only their own."""

    person_id: str
    language: str
    everything: bool


def subscriber_of(session: Session, secret: str) -> Subscriber | None:
    """Whom a secret stands for; None for an unknown or ended one, and while its account is disabled."""
    row = session.execute(
        select(Person.id.label("person_id"), Person.language, CalendarLink.everything)
        .select_from(CalendarLink)
        .join(Account, Account.id == CalendarLink.account_id)
        .join(Person, Person.id == Account.person_id)
        .where(
            CalendarLink.sha256 == digest(secret),
            CalendarLink.revoked_at.is_(None),
            Account.disabled_at.is_(None),
        )
    ).first()
    return Subscriber(**row._mapping) if row is not None else None


def living_link(session: Session, account_id: str) -> Row | None:
    """The link an account has: everything, created_at; or None."""
    row = session.execute(
        select(CalendarLink.everything, CalendarLink.created_at).where(
            CalendarLink.account_id == account_id, CalendarLink.revoked_at.is_(None)
        )
    ).first()
    return dict(row._mapping) if row is not None else None


def calendar_rows(session: Session, rights: Rights, *, mine: bool, at: datetime) -> tuple[Row, ...]:
    """The deadlines that run and those that ended lately, each once: the last timer of each promise.

    Rows as those of the list of deadlines, and changed_at: when its day was set, or it ended.
    """
    since, today = at - REMEMBERED, rights.today
    place = func.coalesce(Timer.ended_seq, Timer.armed_seq)
    changed = (Entry.stream == "case:" + cast(Case.id, String)) & (Entry.seq == place)
    statement = (
        listed()
        .add_columns(Entry.recorded_at.label("changed_at"))
        .join(Entry, changed)
        .where(
            visible_to(rights),
            Timer.due_on.between(today - PAST, today + AHEAD),
            or_(Timer.ended_seq.is_(None), Entry.recorded_at >= since),
        )
        .order_by(Timer.ended_seq.is_not(None), Timer.due_on, Timer.id)
        .limit(MOST)
    )
    if mine:
        statement = statement.where(concerns(session, rights))
    return _last_of_each(dict(row) for row in session.execute(statement).mappings())


def _last_of_each(rows: Iterable[Row]) -> tuple[Row, ...]:
    """One row per promise: the timer that runs, else the one that ended last."""
    found: dict[tuple[str, str, int | None], Row] = {}
    for row in rows:
        key = (row["case_id"], row["name"], row["period"])
        known = found.get(key)
        if known is None or (known["ended_seq"] is not None and known["ended_seq"] < row["ended_seq"]):
            found[key] = row
    return tuple(found.values())
