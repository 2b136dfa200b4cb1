"""What the sorting of the outbox and the page of a person's choices read: paces, hours, and who is responsible."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from models import Case, Duty, MailChoice, Notice
from workflow.hours import ON_WORKING_DAYS, QUIET_HOURS, Hours, Quiet
from workflow.in_force import duty_holds
from workflow.mailing import USUAL, NoticeKind, Pace, kind_of
from workflow.operations.settings import value_on
from workflow.periods import beijing_day, start_of
from workflow.world import current_edition


def paces_of(session: Session, person_id: str) -> dict[NoticeKind, Pace]:
    """How a person wants the mails of each kind."""
    rows = session.execute(select(MailChoice.kind, MailChoice.pace).where(MailChoice.person_id == person_id))
    return {**USUAL, **{NoticeKind(kind): Pace(pace) for kind, pace in rows}}


def hours_of(session: Session, lifecycle: str, today: date) -> Hours:
    """The hours of a lifecycle as its current edition and the office have them on a day."""
    _, definition = current_edition(session, lifecycle)
    quiet, working = (
        value_on(session, definition, name, today) if name in definition.settings else None
        for name in (QUIET_HOURS, ON_WORKING_DAYS)
    )
    return Hours(quiet=Quiet.parse(quiet) if quiet else None, on_working_days=bool(working))


def is_responsible(session: Session, person_id: str, *, today: date, case_id: str | None = None) -> bool:
    """Whether a person has a duty on a case, or on any that is not closed: its deadlines are theirs to know.

    Where a case has nobody linked, everybody who stands in is responsible.
    """
    in_force = duty_holds(today)
    mine = select(Duty.id).join(Case, Case.id == Duty.case_id).where(
        Duty.person_id == person_id, Case.closed_at.is_(None), in_force
    )  # fmt: skip
    if case_id is None:
        return session.execute(mine.limit(1)).first() is not None
    anybody = exists().where(Duty.case_id == case_id, Duty.person_id.is_not(None), in_force)
    return (
        session.execute(mine.where(Duty.case_id == case_id).limit(1)).first() is not None
        or session.execute(select(~anybody)).scalar_one()
    )


def daily_letter_today(session: Session, person_id: str, *, at: datetime) -> bool:
    """Whether a person has already had the one mail of the Beijing day that tells what can wait."""
    paces = paces_of(session, person_id)
    templates = session.scalars(
        select(Notice.template).where(
            Notice.person_id == person_id,
            Notice.channel == "mail",
            Notice.letter_at >= start_of(beijing_day(at)),
        )
    )
    return any(paces[kind_of(template)] is Pace.DAILY for template in templates)
