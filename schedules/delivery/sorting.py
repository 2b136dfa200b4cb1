"""Sort what waits in the outbox: what may go out now, together with what, and until when the rest is held.

One person is sorted in one transaction, under a lock on that person, so that two schedulers never make two letters of
what belongs into one. A letter's set is fixed there: sent again, it is the same under the same Message-ID.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from models import Case, Database, Notice, Person
from workflow import clock
from workflow.addresses import is_address
from workflow.hours import Hours
from workflow.mailing import NoticeKind, Pace, kind_of
from workflow.periods import Calendar, beijing_day, end_of
from workflow.queries.mailing import daily_letter_today, hours_of, is_responsible, paces_of
from workflow.world import world

MANY = 3
"""So many mails that ask for an act, waiting at once, are one mail."""

MAIL = "mail"


def sort_mail(database: Database, *, stop: Callable[[], bool]) -> int:
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
                _sort(session, person, now)
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


def _sort(session: Session, person: Person, now: datetime) -> None:
    rows = session.scalars(
        select(Notice).where(*_unsorted(now), Notice.person_id == person.id).order_by(Notice.id)
    ).all()
    fault = (
        None if person.email and is_address(person.email) else "bad_address" if person.email else "no_address"
    )
    if fault is not None:
        for row in rows:
            row.next_try_at, row.parked_at, row.failure = None, now, fault
        return
    sorter = Sorter.of(session, person.id, now)
    ready: dict[Pace, list[Notice]] = {Pace.AT_ONCE: [], Pace.DAILY: []}
    for row in rows:
        pace = sorter.pace(row)
        if pace is Pace.OFF:
            row.next_try_at, row.failure = None, "switched_off"
            continue
        opens = sorter.opening(row, pace)
        if opens > now:
            row.next_try_at = opens
        else:
            ready[pace].append(row)
    for letter in letters(ready[Pace.AT_ONCE], ready[Pace.DAILY]):
        for row in letter:
            row.letter, row.letter_at = letter[0].id, now


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
