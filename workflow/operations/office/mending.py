"""What the office mends by hand: mails that were not delivered, incidents that were dealt with."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from models import Incident, Notice, Person, new_key
from models.changes import UPDATE, Change
from workflow.context import Context
from workflow.errors import WorkflowError
from workflow.messages import TEMPLATES
from workflow.operations.deeds import (
    OFFICE,
    Done,
    Faults,
    demand,
    found,
    record,
)
from workflow.operations.parking import INCIDENTS
from workflow.plan.notices import notice


def resend_notice(session: Session, notice_id: str, *, reason: str, ctx: Context) -> Done:
    """Let what is parked try again at once, with everything in the same letter. Raises WorkflowError `not_parked`."""
    demand(session, ctx, *OFFICE)
    parked = found(
        session.execute(
            select(Notice.parked_at, Notice.stable_key, Notice.letter)
            .where(Notice.id == notice_id)
            .with_for_update()
        ).first(),
        notice=notice_id,
    )
    if parked.parked_at is None:
        raise WorkflowError("not_parked")
    faults = Faults()
    why = faults.reason(reason)
    faults.done()
    together = Notice.letter == parked.letter if parked.letter else Notice.id == notice_id
    changes = _tried_again(session, together, ctx)
    content = {"reason": why, "notice": parked.stable_key}
    return record(
        session,
        "system:outbox",
        kind="notice_resent",
        subject=notice_id,
        changes=changes,
        ctx=ctx,
        content=content,
    )


MOST_RESENT = 1000
"""Notices let try again in one act."""


def resend_parked(session: Session, template: str, *, reason: str, ctx: Context) -> Done:
    """Let every parked notice of one kind try again, in one act. Raises WorkflowError `not_parked` where there is none."""
    demand(session, ctx, *OFFICE)
    faults = Faults()
    if template not in TEMPLATES:
        faults.add("template", "unknown_choice")
    why = faults.reason(reason)
    faults.done()
    changes = _tried_again(session, Notice.template == template, ctx)
    if not changes:
        raise WorkflowError("not_parked")
    content = {"reason": why, "template": template, "count": len(changes)}
    done = record(
        session,
        "system:outbox",
        kind="notices_resent",
        subject=template,
        changes=changes,
        ctx=ctx,
        content=content,
    )
    return replace(done, counts={"notices": len(changes)})


def _tried_again(session: Session, which: ColumnElement[bool], ctx: Context) -> list[Change]:
    ids = session.scalars(
        select(Notice.id).where(which, Notice.parked_at.is_not(None)).limit(MOST_RESENT).with_for_update()
    )
    values = {"parked_at": None, "next_try_at": ctx.at, "attempts": 0}
    return [Change(table="notices", op=UPDATE, key=key, values=dict(values)) for key in ids]


def try_mail(session: Session, *, ctx: Context) -> Done:
    """Queue a test mail to the actor; it takes the way of every mail. Raises WorkflowError `no_mail_address`."""
    demand(session, ctx, *OFFICE)
    person = str(ctx.actor.person)
    if session.scalar(select(Person.email).where(Person.id == person)) is None:
        raise WorkflowError("no_mail_address")
    queued = [
        change
        for change in notice(None, person, key=f"test:{new_key()}", template="test", at=ctx.at, params={})
        if change.values["channel"] == "mail"
    ]
    return record(
        session, "system:outbox", kind="mail_tried", subject=person, changes=queued, ctx=ctx, content={}
    )


def close_incident(session: Session, incident_id: str, *, reason: str, ctx: Context) -> Done:
    """Say that an incident is dealt with, and how; a case it had parked goes on at once.

    Raises WorkflowError `already_closed`.
    """
    demand(session, ctx, *OFFICE)
    incident = found(
        session.execute(
            select(Incident.closed_at, Incident.kind, Incident.case_id)
            .where(Incident.id == incident_id)
            .with_for_update()
        ).first(),
        incident=incident_id,
    )
    if incident.closed_at is not None:
        raise WorkflowError("already_closed", at=incident.closed_at)
    faults = Faults()
    why = faults.reason(reason)
    faults.done()
    change = Change(table="incidents", op=UPDATE, key=incident_id, values={"closed_at": ctx.at})
    return record(
        session,
        INCIDENTS,
        kind="incident_closed",
        subject=incident_id,
        changes=[change],
        ctx=ctx,
        content={"reason": why, "incident": incident.kind, "case": incident.case_id},
    )
