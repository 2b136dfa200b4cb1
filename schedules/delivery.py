"""Send what waits in the outbox, at least once, each under a stable Message-ID.

A row is leased before it is sent and marked after it, each in a short transaction of its own: no lock is held while
the mail server takes its time, and a process that dies in between leaves a row whose lease runs out.
"""

from __future__ import annotations

import hashlib
import logging
import smtplib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models import Case, Database, JointBase, Notice, PendingAct, Person
from workflow import clock
from workflow.definition.values import Definition
from workflow.messages import About, Message, compose
from workflow.operations.invitations import Link, invite
from workflow.periods import beijing_day
from workflow.tasks import CONFIRM, NAME_PANEL
from workflow.world import editions_in_use

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
PARK_AFTER = 8
"""Failures after which a notice waits for a person."""
FIRST_PAUSE = timedelta(minutes=1)
PATIENCE = 20.0
"""Seconds a mail server may take for one step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail goes. `url` is `smtp://[user:password@]host[:port]` or `smtps://…`; `?starttls=yes` upgrades."""

    url: str
    sender: str
    base_url: str

    def send(self, message: EmailMessage) -> None:
        """Hand one message over. Raises OSError or smtplib.SMTPException when the server did not take it."""
        parts = urlsplit(self.url)
        kind = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
        with kind(
            parts.hostname or "localhost",
            parts.port or (465 if parts.scheme == "smtps" else 25),
            timeout=PATIENCE,
        ) as server:
            if "starttls=yes" in parts.query:
                server.starttls()
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What one round of delivery did."""

    sent: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A leased notice with everything its message needs."""

    notice_id: str
    stable_key: str
    address: str | None
    message: Message
    queued_at: datetime


def deliver(database: Database, server: MailServer | None, *, stop: Callable[[], bool]) -> Delivered:
    """Send every waiting mail, one by one, until none is left or `stop` says so. Without a server nothing is tried."""
    sent = failed = 0
    while server is not None and not stop():
        letter = _lease(database, server)
        if letter is None:
            break
        failure = _send(letter, server)
        _record(database, letter, failure)
        sent, failed = sent + (failure is None), failed + (failure is not None)
    return Delivered(sent=sent, failed=failed)


def _send(letter: Letter, server: MailServer) -> str | None:
    """Send; return what went wrong, or None."""
    if letter.address is None:
        return "no_address"
    try:
        server.send(envelope(letter, server))
    except (OSError, smtplib.SMTPException, ValueError) as error:
        log.warning("notice %s was not delivered: %s", letter.notice_id, error)
        return f"{type(error).__name__}: {error}"[:500]
    return None


def envelope(letter: Letter, server: MailServer) -> EmailMessage:
    """The mail of a letter. Its Message-ID follows from the notice's key, so a second copy is known as one."""
    message = EmailMessage(policy=SMTP)
    message["From"] = server.sender
    message["To"] = letter.address or ""
    message["Subject"] = letter.message.subject
    message["Date"] = format_datetime(letter.queued_at)
    message["Message-ID"] = message_id(letter.stable_key, server.sender)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.message.text)
    return message


def message_id(stable_key: str, sender: str) -> str:
    domain = sender.rpartition("@")[2].strip("> ") or "localhost"
    return f"<{hashlib.sha256(stable_key.encode()).hexdigest()[:32]}@{domain}>"


def _lease(database: Database, server: MailServer) -> Letter | None:
    with database.transaction() as session:
        now = clock.now(session)
        row = session.execute(
            select(Notice)
            .where(Notice.next_try_at <= now, Notice.channel == "mail")
            .order_by(Notice.next_try_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).scalar_one_or_none()
        if row is None:
            return None
        row.next_try_at = now + LEASE
        person = session.get_one(Person, row.person_id)
        return Letter(
            notice_id=row.id,
            stable_key=row.stable_key,
            address=person.email,
            message=_message(session, row, person, server, now),
            queued_at=row.queued_at,
        )


def _message(session: Session, row: Notice, person: Person, server: MailServer, now: datetime) -> Message:
    case = session.get_one(Case, row.case_id)
    base = session.get(JointBase, row.case_id)
    definition = editions_in_use(session)[case.edition_id]
    proposer = session.scalar(
        select(Person.name)
        .join(PendingAct, PendingAct.proposed_by == Person.id)
        .where(PendingAct.case_id == row.case_id, PendingAct.status == "open")
    )
    link = _invitation(session, row, now)
    about = About(
        definition=definition,
        base=(base.base_name if base else None) or definition.label.zh,
        name=person.name,
        language=person.language,
        link=server.base_url + (f"/invitations/{link.token}" if link else _place(row, definition)),
        link_until=beijing_day(link.expires_at) if link else None,
        today=beijing_day(now),
        proposer=proposer or "",
        by=_name_of(session, row.params.get("by")),
    )
    return compose(row.template, row.params, about)


INVITING = frozenset({"your_turn", "urged"})
"""Templates whose mail asks for an act: it leads to its form, an expert of a panel there by a link of their own."""


def _place(row: Notice, definition: Definition) -> str:
    """Where what the notice asks for is done; the base's page where it only tells. Opening it does nothing yet."""
    base, act = f"/bases/{row.case_id}", str(row.params.get("act"))
    if row.template == "asked_to_confirm" or act == CONFIRM:
        return f"{base}/proposal"
    if row.template not in INVITING:
        return base
    if act == NAME_PANEL:
        return f"{base}/round/name_experts"
    return f"{base}/acts/{act}" if act in definition.acts else f"{base}/steps/{act}"


def _invitation(session: Session, row: Notice, now: datetime) -> Link | None:
    if row.template not in INVITING or row.case_id is None:
        return None
    return invite(session, row.case_id, row.person_id, str(row.params["act"]), at=now)


def _name_of(session: Session, person_id: str | None) -> str:
    return session.scalar(select(Person.name).where(Person.id == person_id)) or "" if person_id else ""


def _record(database: Database, letter: Letter, failure: str | None) -> None:
    with database.transaction() as session:
        now = clock.now(session)
        if failure is None:
            values: dict[str, Any] = {"sent_at": now, "next_try_at": None, "failure": None}
        else:
            attempts = (session.scalar(select(Notice.attempts).where(Notice.id == letter.notice_id)) or 0) + 1
            parked = attempts >= PARK_AFTER or failure == "no_address"
            values = {
                "attempts": attempts,
                "failure": failure,
                "parked_at": now if parked else None,
                "next_try_at": None if parked else now + FIRST_PAUSE * 2 ** (attempts - 1),
            }
        session.execute(update(Notice).where(Notice.id == letter.notice_id).values(**values))
