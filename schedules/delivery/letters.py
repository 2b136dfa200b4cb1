"""Letters under way: leased before they are sent and marked after it, each in a short transaction of its own.

No lock is held while a server takes its time, and a process that dies in between leaves rows whose lease runs out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models import Case, Database, JointBase, Notice, PendingAct, Person
from schedules.delivery.sorting import MAIL
from workflow import clock
from workflow.definition.values.edition import Definition
from workflow.ics import Deadline
from workflow.messages import About, Message, compose, entry_title
from workflow.operations.invitations import Link, invite
from workflow.periods import beijing_day
from workflow.tasks import CONFIRM, NAME_PANEL
from workflow.world import editions_in_use

LEASE = timedelta(minutes=5)
PARK_AFTER = 8
"""Failures after which a letter waits for a person."""
FIRST_PAUSE = timedelta(minutes=1)

INVITING = frozenset({"your_turn", "urged"})
"""Templates whose mail asks for an act: it leads to its form, an expert of a panel there by a link of their own."""

NAMES_A_DAY = frozenset({"reminder", "deadline_moved"})
"""Templates whose day belongs into a calendar."""

MET = "deadline_met"
"""The template whose deadline is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One notice of a letter, in words."""

    template: str
    message: Message
    base: str
    link: str
    day: date | None
    """The last day of what is asked for, where there is one."""
    deadline: Deadline | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """A letter taken in hand, not yet put into words."""

    letter_id: str
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter with everything its mail needs."""

    stable_key: str
    address: str
    language: str
    name: str
    external: bool
    written_at: datetime
    """When the letter was put together: its date, however often it is sent."""
    case_id: str | None
    """The one base it is about."""
    parts: tuple[Part, ...]


def lease(database: Database, *, channel: str = MAIL) -> Leased | None:
    """Take the letter of a channel in hand that has waited longest; None when none is due."""
    with database.transaction() as session:
        now = clock.now(session)
        lead = session.scalar(
            select(Notice.letter)
            .where(Notice.next_try_at <= now, Notice.channel == channel, Notice.id == Notice.letter)
            .order_by(Notice.next_try_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if lead is None:
            return None
        rows = session.scalars(
            update(Notice)
            .where(Notice.letter == lead, Notice.sent_at.is_(None))
            .values(next_try_at=now + LEASE)
            .returning(Notice.id)
        ).all()
        return Leased(letter_id=lead, notices=tuple(sorted(rows)))


def read(database: Database, leased: Leased, *, base_url: str) -> Letter:
    """Put a leased letter into words; whoever comes by a one-time link gets a fresh one."""
    with database.transaction() as session:
        now = clock.now(session)
        rows = session.scalars(select(Notice).where(Notice.id.in_(leased.notices)).order_by(Notice.id)).all()
        lead = session.get_one(Notice, leased.letter_id)
        person = session.get_one(Person, lead.person_id)
        cases = {row.case_id for row in rows}
        return Letter(
            stable_key=lead.stable_key,
            address=person.email or "",
            language=person.language,
            name=person.name,
            external=person.external,
            written_at=lead.letter_at or now,
            case_id=cases.pop() if len(cases) == 1 else None,
            parts=tuple(
                part_of(session, row, name=person.name, language=person.language, base_url=base_url, now=now)
                for row in rows
            ),
        )


def part_of(session: Session, row: Notice, *, name: str, language: str, base_url: str, now: datetime) -> Part:
    """One notice in words, in the language of whoever gets it."""
    definition = _definition(session, row)
    subject = session.get(JointBase, row.case_id) if row.case_id else None
    base = (subject.base_name if subject else None) or getattr(definition.label, language)
    link = _invitation(session, row, now)
    address = base_url + (f"/invitations/{link.token}" if link else _place(row, definition))
    about = About(
        definition=definition,
        base=base,
        name=name,
        language=language,
        link=address,
        link_until=beijing_day(link.expires_at) if link else None,
        today=beijing_day(now),
        proposer=_proposer(session, row),
        by=_name_of(session, row.params.get("by")),
    )
    message = compose(row.template, row.params, about)
    return Part(
        template=row.template,
        message=message,
        base=base if row.case_id else "",
        link=address,
        day=_day(row),
        deadline=_deadline(row, message, about),
    )


def _definition(session: Session, row: Notice) -> Definition:
    """The edition of the notice's case; any for what is about none."""
    known = editions_in_use(session)
    if row.case_id is None:
        return next(iter(known.values()))
    return known[session.get_one(Case, row.case_id).edition_id]


def _proposer(session: Session, row: Notice) -> str:
    name = session.scalar(
        select(Person.name)
        .join(PendingAct, PendingAct.proposed_by == Person.id)
        .where(PendingAct.case_id == row.case_id, PendingAct.status == "open")
    )
    return name or ""


def _day(row: Notice) -> date | None:
    named = row.params.get("due") if row.template == "urged" else row.params.get("day")
    return date.fromisoformat(named) if named and row.template in {"urged", "overdue", *NAMES_A_DAY} else None


def _deadline(row: Notice, message: Message, about: About) -> Deadline | None:
    """The entry for a calendar, where the notice names a day and what set it; one that is met takes its entry away."""
    params, is_met = row.params, row.template == MET
    if not is_met and row.template not in NAMES_A_DAY:
        return None
    if row.case_id is None or not {"timer", "day", "sequence"} <= params.keys():
        return None
    return Deadline(
        case_id=row.case_id,
        timer=params["timer"],
        period=params.get("period"),
        day=date.fromisoformat(params["until"] if is_met else params["day"]),
        cancelled=is_met,
        sequence=params["sequence"],
        summary=entry_title(row.params, about),
        text="\n".join(message.body.middle),
        link=about.link,
    )


def _place(row: Notice, definition: Definition) -> str:
    """Where what the notice asks for is done; the base's page where it only tells. Opening it does nothing yet."""
    if row.case_id is None:
        return "/"
    base, act = f"/bases/{row.case_id}", str(row.params.get("act"))
    if row.template == "asked_to_confirm" or act == CONFIRM:
        return f"{base}/proposal"
    if row.template not in INVITING:
        return base
    if act == NAME_PANEL:
        return f"{base}/round/name_experts"
    return f"{base}/acts/{act}" if act in definition.acts else f"{base}/steps/{act}"


def _invitation(session: Session, row: Notice, now: datetime) -> Link | None:
    if row.template not in INVITING or row.case_id is None or row.channel != MAIL:
        return None
    return invite(session, row.case_id, row.person_id, str(row.params["act"]), at=now)


def _name_of(session: Session, person_id: str | None) -> str:
    return session.scalar(select(Person.name).where(Person.id == person_id)) or "" if person_id else ""


# ───────────────────────────── What became of it


def record_sent(database: Database, notices: Sequence[str]) -> None:
    """Mark what went out."""
    with database.transaction() as session:
        now = clock.now(session)
        session.execute(
            update(Notice)
            .where(Notice.id.in_(notices))
            .values(sent_at=now, next_try_at=None, parked_at=None, failure=None)
        )


def record_failure(database: Database, notices: Sequence[str], failure: str, *, counts: bool) -> None:
    """Say why it did not go out. What counts against the letter lets it wait longer each time, in the end for a person;
    a server that cannot be reached counts against none.
    """
    with database.transaction() as session:
        now = clock.now(session)
        attempts = session.scalar(select(Notice.attempts).where(Notice.id == notices[0])) or 0
        attempts += counts
        parked = counts and attempts >= PARK_AFTER
        values: dict[str, Any] = {
            "attempts": attempts,
            "failure": failure[:500],
            "parked_at": now if parked else None,
            "next_try_at": None if parked else now + FIRST_PAUSE * 2 ** max(attempts - 1, 0),
        }
        session.execute(update(Notice).where(Notice.id.in_(notices)).values(**values))
