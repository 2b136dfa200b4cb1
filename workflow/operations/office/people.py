"""People the office knows: who they are and how they are reached. Told of in the person's own stream."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Person, new_key
from models.changes import INSERT, UPDATE, Change
from workflow.addresses import is_address
from workflow.context import Context
from workflow.operations.deeds import (
    OFFICE,
    Done,
    Faults,
    demand,
    found,
    record,
)

LANGUAGES = ("zh", "en")
WORD_LONGEST = 60

_PHONE = re.compile(r"[+\d][\d ()/-]{4,}", re.ASCII)
_STAFF_NUMBER = re.compile(r"[\w.-]+")


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
