"""Sort what waits in the outbox: what may go out now, together with what, and until when the rest is held.

One person is sorted in one transaction, under a lock on that person, so that two schedulers never make two letters of
what belongs into one. A letter's set is fixed there: sent again, it is the same under the same Message-ID.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from models import Case, Database, Grant, Notice, Person, Unit, new_key
from models.database import insert_into
from schedules.delivery.robots import Robot
from workflow import clock
from workflow.addresses import is_address
from workflow.hours import Hours
from workflow.in_force import grant_holds
from workflow.mailing import NoticeKind, Pace, kind_of
from workflow.periods import Calendar, beijing_day, end_of
from workflow.queries.mailing import daily_letter_today, hours_of, is_responsible, paces_of
from workflow.world import world

MANY = 3
"""So many mails that ask for an act, waiting at once, are one mail."""

MAIL = "mail"


def sort_mail(database: Database, *, robots: Sequence[Robot] = (), stop: Callable[[], bool]) -> int:
    """Sort everybody for whom mail waits unsorted; say for how many. Whom another scheduler has in hand is left to it."""
    done: set[str] = set()
    while not stop():
        with database.transaction() as session:
            now = clock.now(session)
            person_id = _next_person(session, done, now)
            if person_id is None:
                break
            done.add(person_id)
            person = session.scalar(
                select(Person).where(Person.id == person_id).with_for_update(skip_locked=True, key_share=True)
            )
            if person is not None:
                _sort(session, person, now, robots)
    return len(done)


def _next_person(session: Session, done: set[str], now: datetime) -> str | None:
    found: str | None = session.scalar(
        select(Notice.person_id)
        .where(*_unsorted(now), Notice.person_id.not_in(sorted(done)))
        .order_by(Notice.next_try_at)
        .limit(1)
    )
    return found


def _unsorted(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Notice.next_try_at <= now, Notice.channel == MAIL, Notice.letter.is_(None)


def _sort(session: Session, person: Person, now: datetime, robots: Sequence[Robot]) -> None:
    rows = session.scalars(
        select(Notice).where(*_unsorted(now), Notice.person_id == person.id).order_by(Notice.id)
    ).all()
    sorter = Sorter.of(session, person.id, now)
    repeat(session, rows, robots, sorter)
    fault = _fault(person.email)
    ready: dict[Pace, list[Notice]] = {Pace.AT_ONCE: [], Pace.DAILY: []}
    for row in rows:
        pace = sorter.pace(row)
        opens = sorter.opening(row, pace)
        if fault is not None:
            row.next_try_at, row.parked_at, row.failure = None, now, fault
        elif pace is Pace.OFF:
            row.next_try_at, row.failure = None, "switched_off"
        elif opens > now:
            row.next_try_at = opens
        else:
            ready[pace].append(row)
    for letter in letters(ready[Pace.AT_ONCE], ready[Pace.DAILY]):
        for row in letter:
            row.letter, row.letter_at = letter[0].id, now


def _fault(address: str | None) -> str | None:
    """Why nothing can be mailed to an address."""
    if not address:
        return "no_address"
    return None if is_address(address) else "bad_address"


def repeat(session: Session, rows: Sequence[Notice], robots: Sequence[Robot], sorter: Sorter) -> None:
    """Queue each notice for the robots of its person's roles, once for all who get the same; a robot keeps quiet hours."""
    for robot in robots:
        if not _is_theirs(session, robot, sorter):
            continue
        for row in rows:
            if kind_of(row.template) is not NoticeKind.COPIES and row.case_id is not None:
                copy = insert_into(session, Notice).values(**_copied(row, robot, sorter))
                session.execute(copy.on_conflict_do_nothing(index_elements=["stable_key"]))


def _copied(row: Notice, robot: Robot, sorter: Sorter) -> dict[str, Any]:
    """The row of a robot; its key names the event and the robot, so that it is told of each event once."""
    key, event = new_key(), row.stable_key.rsplit(":", 2)[0]
    return {
        "id": key,
        "stable_key": f"{event}:{robot.name}:robot",
        "case_id": row.case_id,
        "person_id": row.person_id,
        "channel": robot.channel,
        "template": row.template,
        "params": row.params,
        "queued_at": row.queued_at,
        "next_try_at": sorter.opening(row, Pace.AT_ONCE),
        "attempts": 0,
        "letter": key,
        "letter_at": sorter.now,
    }


def _is_theirs(session: Session, robot: Robot, sorter: Sorter) -> bool:
    """Whether the person holds the robot's role, on its unit where it names one."""
    held = select(Grant.id).outerjoin(Unit, Unit.id == Grant.unit_id).where(
        Grant.person_id == sorter.person_id, Grant.role == robot.role, grant_holds(beijing_day(sorter.now))
    )  # fmt: skip
    if robot.unit is not None:
        held = held.where(Unit.name == robot.unit)
    return session.execute(held.limit(1)).first() is not None


def letters(at_once: Sequence[Notice], daily: Sequence[Notice]) -> Iterable[Sequence[Notice]]:
    """What goes in one mail: all that can wait; what asks for an act alone, unless it is many."""
    if len(at_once) >= MANY:
        yield at_once
    else:
        yield from ([row] for row in at_once)
    if daily:
        yield daily


@dataclass(slots=True, kw_only=True)
class Sorter:
    """What the mails of one person go by at one instant."""

    session: Session
    person_id: str
    now: datetime
    calendar: Calendar
    paces: dict[NoticeKind, Pace]
    has_had_daily: bool
    _hours: dict[str, Hours]

    @classmethod
    def of(cls, session: Session, person_id: str, now: datetime) -> Sorter:
        return cls(
            session=session,
            person_id=person_id,
            now=now,
            calendar=world(session, None).calendar,
            paces=paces_of(session, person_id),
            has_had_daily=daily_letter_today(session, person_id, at=now),
            _hours={},
        )

    def pace(self, row: Notice) -> Pace:
        """How the person wants it; nobody responsible goes without the mails about a deadline."""
        kind = kind_of(row.template)
        pace = self.paces[kind]
        if pace is Pace.OFF and kind is NoticeKind.DEADLINES and self._is_theirs(row):
            return Pace.DAILY
        return pace

    def _is_theirs(self, row: Notice) -> bool:
        today = beijing_day(self.now)
        return is_responsible(self.session, self.person_id, case_id=row.case_id, today=today)

    def opening(self, row: Notice, pace: Pace) -> datetime:
        """When it may go out; never after the day it reminds of has passed."""
        reminds = kind_of(row.template) is NoticeKind.DEADLINES
        hours = self._hours_for(row)
        opens = hours.opening(self.now, self.calendar, reminds=reminds)
        if pace is Pace.DAILY and self.has_had_daily:
            opens = max(opens, hours.opening_of_a_later_day(self.now, self.calendar, reminds=reminds))
        due_at = _due_at(row)
        return self.now if due_at is not None and self.now < due_at <= opens else opens

    def _hours_for(self, row: Notice) -> Hours:
        lifecycle = self.session.scalar(select(Case.lifecycle).where(Case.id == row.case_id))
        if lifecycle is None:
            return Hours()
        if lifecycle not in self._hours:
            self._hours[lifecycle] = hours_of(self.session, lifecycle, beijing_day(self.now))
        return self._hours[lifecycle]


def _due_at(row: Notice) -> datetime | None:
    """The instant a reminder must not come after."""
    return end_of(date.fromisoformat(row.params["day"])) if row.template == "reminder" else None
