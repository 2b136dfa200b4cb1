"""What the office keeps: people, units, rights, calls, the outbox and incidents. Every change is one entry with its reason.

People and their rights are told of in the person's own stream, everything else in a `system:` stream. Article 8 gives
the daily business to the office; its rights are asked here, so that every door asks them alike.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from models import Call, Grant, Incident, Notice, Person, Unit, UnitName, new_key
from models.changes import INSERT, UPDATE, Change
from workflow.addresses import is_address
from workflow.context import Context
from workflow.errors import WorkflowError
from workflow.messages import TEMPLATES
from workflow.operations.deeds import (
    GUARDED,
    OFFICE,
    ON_A_UNIT,
    Done,
    Faults,
    Role,
    demand,
    found,
    is_key,
    record,
)
from workflow.operations.organisations import days_borne, last_day_borne
from workflow.operations.parking import INCIDENTS
from workflow.plan.notices import notice
from workflow.world import bump

LANGUAGES = ("zh", "en")
UNIT_KINDS = ("college", "office", "group", "university")
WORD_LONGEST = 60

_PHONE = re.compile(r"[+\d][\d ()/-]{4,}", re.ASCII)
_STAFF_NUMBER = re.compile(r"[\w.-]+")


# ───────────────────────────── People


def add_person(
    session: Session,
    *,
    name: str,
    staff_number: str | None,
    email: str | None,
    phone: str | None,
    language: str,
    external: bool,
    reason: str,
    ctx: Context,
) -> Done:
    """Enter a human being; an external has no staff number. Raises BadInput with every fault."""
    demand(session, ctx, *OFFICE)
    faults = Faults()
    values = _person(faults, name=name, email=email, phone=phone, language=language)
    number = faults.line("staff_number", staff_number, longest=WORD_LONGEST, required=not external)
    number = unicodedata.normalize("NFKC", number) if number else None
    if number and not _STAFF_NUMBER.fullmatch(number):
        faults.add("staff_number", "not_a_staff_number")
    if number and session.scalar(select(Person.id).where(Person.staff_number == number)) is not None:
        faults.add("staff_number", "taken")
    why = faults.reason(reason)
    faults.done()
    row = {"id": new_key(), "staff_number": number, "external": external, "created_at": ctx.at, **values}
    change = Change(table="people", op=INSERT, key=str(row["id"]), values=row)
    return record(
        session,
        f"person:{row['id']}",
        kind="person_added",
        subject=str(row["id"]),
        changes=[change],
        ctx=ctx,
        content={"reason": why},
    )


def change_person(
    session: Session,
    person_id: str,
    *,
    name: str,
    email: str | None,
    phone: str | None,
    language: str,
    reason: str,
    ctx: Context,
) -> Done:
    """Correct a person's name, addresses or language. Raises BadInput, also when nothing would change."""
    demand(session, ctx, *OFFICE)
    columns = Person.__table__.c
    old = found(
        session.execute(
            select(columns.name, columns.email, columns.phone, columns.language)
            .where(columns.id == person_id)
            .with_for_update()
        )
        .mappings()
        .first(),
        person=person_id,
    )
    faults = Faults()
    values = _person(faults, name=name, email=email, phone=phone, language=language)
    changed = {column: value for column, value in values.items() if old[column] != value}
    if not faults.found and not changed:
        faults.add("name", "nothing_changed")
    why = faults.reason(reason)
    faults.done()
    change = Change(table="people", op=UPDATE, key=person_id, values=changed)
    return record(
        session,
        f"person:{person_id}",
        kind="person_changed",
        subject=person_id,
        changes=[change],
        ctx=ctx,
        content={"reason": why},
    )


def _person(
    faults: Faults, *, name: str, email: str | None, phone: str | None, language: str
) -> dict[str, Any]:
    address = faults.line("email", email, required=False)
    if address and not is_address(address):
        faults.add("email", "not_an_address")
    number = faults.line("phone", phone, longest=WORD_LONGEST, required=False)
    if number and not _PHONE.fullmatch(number):
        faults.add("phone", "not_a_phone")
    if language not in LANGUAGES:
        faults.add("language", "unknown_choice")
    return {"name": faults.line("name", name), "email": address, "phone": number, "language": language}


# ───────────────────────────── Units


def add_unit(session: Session, *, name: str, kind: str, reason: str, ctx: Context) -> Done:
    """Add a college or another unit. Raises BadInput for a name in use."""
    demand(session, ctx, *OFFICE)
    faults = Faults()
    title = _free_name(session, faults, name)
    if kind not in UNIT_KINDS:
        faults.add("kind", "unknown_choice")
    why = faults.reason(reason)
    faults.done()
    row = {"id": new_key(), "kind": kind, "name": title, "succeeded_by": None}
    change = Change(table="units", op=INSERT, key=str(row["id"]), values=row)
    return record(
        session,
        "system:units",
        kind="unit_added",
        subject=str(row["id"]),
        changes=[change],
        ctx=ctx,
        content={"reason": why},
    )


def rename_unit(
    session: Session, unit_id: str, *, name: str, from_on: date | None, reason: str, ctx: Context
) -> Done:
    """Give a unit a new name from a day on; the name it bore until then is kept with its days.

    Raises BadInput for a name in use, a day to come, and a day not after the last change of name.
    """
    demand(session, ctx, *OFFICE)
    old = found(
        session.execute(select(Unit.name).where(Unit.id == unit_id).with_for_update()).first(), unit=unit_id
    )
    faults = Faults()
    title = _free_name(session, faults, name)
    last = last_day_borne(session, UnitName.until_on, UnitName.unit_id == unit_id)
    days = days_borne(faults, last, from_on, ctx)
    why = faults.reason(reason)
    faults.done()
    borne = {"id": new_key(), "unit_id": unit_id, "name": old.name, **days}
    changes = [
        Change(table="units", op=UPDATE, key=unit_id, values={"name": title}),
        Change(table="unit_names", op=INSERT, key=str(borne["id"]), values=borne),
    ]
    done = record(
        session,
        "system:units",
        kind="unit_renamed",
        subject=unit_id,
        changes=changes,
        ctx=ctx,
        unit_id=unit_id,
        content={"reason": why},
    )
    bump(session)
    return done


def _free_name(session: Session, faults: Faults, name: str) -> str | None:
    title = faults.line("name", name)
    if title and session.scalar(select(Unit.id).where(Unit.name == title)) is not None:
        faults.add("name", "taken")
    return title


# ───────────────────────────── Rights


def give_grant(
    session: Session,
    *,
    person_id: str,
    role: str,
    unit_id: str | None,
    from_on: date | None,
    until_on: date | None,
    reason: str,
    ctx: Context,
) -> Done:
    """Give a person a role from a day on, on a unit where the role is bound to one; both days are inclusive.

    Nobody gives a right to themselves, in whichever account; roles that watch over the office are an administrator's
    to give. Raises BadInput, WorkflowError `own_grant` or `not_your_role`.
    """
    demand(session, ctx, *OFFICE)
    _not_to_oneself(person_id, ctx)
    faults = Faults()
    if not is_key(person_id) or session.scalar(select(Person.id).where(Person.id == person_id)) is None:
        faults.add("person", "unknown_choice")
    if role not in list(Role):
        faults.add("role", "unknown_choice")
    elif role in GUARDED:
        demand(session, ctx, Role.ADMINISTRATOR)
    _right_unit(session, faults, role, unit_id)
    begins, ends = faults.day("from_on", from_on), faults.day("until_on", until_on, required=False)
    if begins and ends and ends < begins:
        faults.add("until_on", "before_beginning")
    if not faults.found and _holds_already(session, person_id, role, unit_id, begins, ends):
        faults.add("role", "held_already")
    why = faults.reason(reason)
    faults.done()
    row = {
        "id": new_key(),
        "person_id": person_id,
        "role": role,
        "unit_id": unit_id,
        "from_on": begins,
        "until_on": ends,
        "revoked_at": None,
        "reason": why,
    }
    change = Change(table="grants", op=INSERT, key=str(row["id"]), values=row)
    return record(
        session,
        f"person:{person_id}",
        kind="grant_given",
        subject=str(row["id"]),
        changes=[change],
        ctx=ctx,
        unit_id=unit_id,
        content={"reason": why},
    )


def revoke_grant(session: Session, grant_id: str, *, reason: str, ctx: Context) -> Done:
    """End a right at once. Raises NotFound, WorkflowError `already_revoked`, and as `give_grant` does."""
    demand(session, ctx, *OFFICE)
    grant = found(
        session.execute(
            select(Grant.person_id, Grant.role, Grant.unit_id, Grant.revoked_at)
            .where(Grant.id == grant_id)
            .with_for_update()
        ).first(),
        grant=grant_id,
    )
    if grant.role in GUARDED:
        demand(session, ctx, Role.ADMINISTRATOR)
    if grant.revoked_at is not None:
        raise WorkflowError("already_revoked", at=grant.revoked_at)
    faults = Faults()
    why = faults.reason(reason)
    faults.done()
    change = Change(table="grants", op=UPDATE, key=grant_id, values={"revoked_at": ctx.at})
    return record(
        session,
        f"person:{grant.person_id}",
        kind="grant_revoked",
        subject=grant_id,
        changes=[change],
        ctx=ctx,
        unit_id=grant.unit_id,
        content={"reason": why},
    )


def _not_to_oneself(person_id: str, ctx: Context) -> None:
    if ctx.actor.person == person_id:
        raise WorkflowError("own_grant")


def _right_unit(session: Session, faults: Faults, role: str, unit_id: str | None) -> None:
    if unit_id is None:
        if role in ON_A_UNIT:
            faults.add("unit", "missing")
    elif not is_key(unit_id) or session.scalar(select(Unit.id).where(Unit.id == unit_id)) is None:
        faults.add("unit", "unknown_choice")


def _holds_already(
    session: Session, person_id: str, role: str, unit_id: str | None, begins: date | None, ends: date | None
) -> bool:
    """Whether a grant of the same role on the same unit covers every day of the new one."""
    same_unit: ColumnElement[bool] = Grant.unit_id == unit_id if unit_id else Grant.unit_id.is_(None)
    covers = Grant.until_on.is_(None) if ends is None else Grant.until_on.is_(None) | (Grant.until_on >= ends)
    held = select(Grant.id).where(
        Grant.person_id == person_id,
        Grant.role == role,
        same_unit,
        Grant.revoked_at.is_(None),
        Grant.from_on <= begins,
        covers,
    )
    return session.execute(held.limit(1)).first() is not None


# ───────────────────────────── Calls (Art. 4)


def open_call(
    session: Session,
    *,
    lifecycle: str,
    year: int,
    opens_on: date | None,
    closes_on: date | None,
    reason: str,
    ctx: Context,
) -> Done:
    """Open the yearly call for proposals; both days are inclusive. Raises BadInput when it overlaps another."""
    demand(session, ctx, *OFFICE)
    faults = Faults()
    _call_days(session, faults, lifecycle, opens_on, closes_on, other_than=None)
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        faults.add("year", "not_a_year")
    why = faults.reason(reason)
    faults.done()
    row = {
        "id": new_key(),
        "lifecycle": lifecycle,
        "year": year,
        "opens_on": opens_on,
        "closes_on": closes_on,
    }
    change = Change(table="calls", op=INSERT, key=str(row["id"]), values=row)
    done = record(
        session,
        "system:calls",
        kind="call_opened",
        subject=str(row["id"]),
        changes=[change],
        ctx=ctx,
        content={"reason": why},
    )
    bump(session)
    return done


def change_call(
    session: Session,
    call_id: str,
    *,
    opens_on: date | None,
    closes_on: date | None,
    reason: str,
    ctx: Context,
) -> Done:
    """Move the days of a call. Raises BadInput when it overlaps another or nothing would change."""
    demand(session, ctx, *OFFICE)
    old = found(
        session.execute(
            select(Call.lifecycle, Call.opens_on, Call.closes_on).where(Call.id == call_id).with_for_update()
        ).first(),
        call=call_id,
    )
    faults = Faults()
    _call_days(session, faults, old.lifecycle, opens_on, closes_on, other_than=call_id)
    if (opens_on, closes_on) == (old.opens_on, old.closes_on):
        faults.add("opens_on", "nothing_changed")
    why = faults.reason(reason)
    faults.done()
    change = Change(
        table="calls", op=UPDATE, key=call_id, values={"opens_on": opens_on, "closes_on": closes_on}
    )
    done = record(
        session,
        "system:calls",
        kind="call_changed",
        subject=call_id,
        changes=[change],
        ctx=ctx,
        content={"reason": why},
    )
    bump(session)
    return done


EARLIEST_YEAR, LATEST_YEAR = 1990, 2100


def _call_days(
    session: Session,
    faults: Faults,
    lifecycle: str,
    opens_on: date | None,
    closes_on: date | None,
    *,
    other_than: str | None,
) -> None:
    opens, closes = faults.day("opens_on", opens_on), faults.day("closes_on", closes_on)
    if opens is None or closes is None:
        return
    if closes < opens:
        faults.add("closes_on", "before_beginning")
        return
    overlapping = select(Call.year).where(
        Call.lifecycle == lifecycle,
        Call.opens_on <= closes,
        Call.closes_on >= opens,
        Call.id != other_than if other_than else Call.id.is_not(None),
    )
    year = session.scalar(overlapping.limit(1))
    if year is not None:
        faults.add("opens_on", "overlaps", year=year)


# ───────────────────────────── Outbox and incidents


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
