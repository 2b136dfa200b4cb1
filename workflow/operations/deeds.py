"""What every act outside a case has in common: who may do it, how it is stated, and its one entry.

An act of the office is a deed: it changes rows of the installation and leaves exactly one entry with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Grant, Person
from models.changes import Change, write
from workflow import entries
from workflow.blockers import Fault
from workflow.context import Context
from workflow.errors import BadInput, NotFound, WorkflowError
from workflow.in_force import grant_holds
from workflow.operations.answers import Answer

LINE_LONGEST = 200
REASON_LONGEST = 2000
KEY = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
EARLIEST, LATEST = date(1990, 1, 1), date(2100, 12, 31)
CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")
CONTROL_BUT_LINES = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")


def is_key(text: str) -> bool:
    """Whether a text can be an identifier; a database with a type for them refuses to compare any other."""
    return KEY.fullmatch(text) is not None


class Role(StrEnum):
    """The roles of the installation, there whatever lifecycles are published; their files add others."""

    PROJECT_LEADER = "project_leader"
    COLLEGE_OFFICER = "college_officer"
    COLLEGE_HEAD = "college_head"
    BASE_OFFICE = "base_office"
    LEADING_GROUP = "leading_group"
    LEADING_GROUP_CHAIR = "leading_group_chair"
    EXPERT = "expert"
    PARTNER_CONTACT = "partner_contact"
    BASE_MENTOR = "base_mentor"
    CAMPUS_MENTOR = "campus_mentor"
    STUDENT = "student"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


OFFICE = (Role.ADMINISTRATOR, Role.BASE_OFFICE)
"""Who keeps people, units, rights, calls and settings (Art. 8 gives the daily business to the office)."""

READERS_OF_THE_LOG = (Role.AUDITOR, Role.ADMINISTRATOR, Role.BASE_OFFICE, Role.LEADING_GROUP)

GUARDED = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})
"""Roles that watch over the office or its installation: only an administrator gives or takes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Answer):
    """A deed that took effect: the row it was about, and its place in the log."""

    subject: str
    stream: str
    seq: int
    hash: str
    recorded_at: datetime
    counts: Mapping[str, int] = field(default_factory=dict)
    """How much followed from it, where anything did."""


# ───────────────────────────── Who may


def held_roles(session: Session, person: str | None, *, today: date) -> frozenset[str]:
    """The roles a person holds by grant on a day, wherever they hold them."""
    if person is None:
        return frozenset()
    rows = session.scalars(
        select(Grant.role).where(
            Grant.person_id == person,
            grant_holds(today),
        )
    )
    return frozenset(rows)


def demand(session: Session, ctx: Context, *roles: str) -> None:
    """Raise WorkflowError `not_your_role` unless the actor holds one of the roles now; the command line may always."""
    if ctx.actor.system is None and not held_roles(session, ctx.actor.person, today=ctx.today) & {*roles}:
        raise WorkflowError("not_your_role", roles=[str(role) for role in roles])


# ───────────────────────────── What was stated


class Faults:
    """Collects what is wrong with what was stated, so that a person hears all of it at once."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(self, name: str, code: str, **params: Any) -> None:
        self.found.append(Fault(field=name, code=code, params=params))

    def done(self) -> None:
        """Raise BadInput when anything was wrong."""
        if self.found:
            raise BadInput(tuple(self.found))

    def line(
        self, name: str, value: str | None, *, longest: int = LINE_LONGEST, required: bool = True
    ) -> str | None:
        """Read one line of text; blanks at its ends do not count."""
        return self._text(name, value, longest=longest, required=required, forbidden=CONTROL)

    def reason(self, value: str | None) -> str:
        """Read the reason every deed needs."""
        text = (value or "").replace("\r\n", "\n")
        return (
            self._text("reason", text, longest=REASON_LONGEST, required=True, forbidden=CONTROL_BUT_LINES)
            or ""
        )

    def day(self, name: str, value: date | None, *, required: bool = True) -> date | None:
        """Check that a day lies within what the installation may speak of."""
        if value is None:
            if required:
                self.add(name, "missing")
        elif not EARLIEST <= value <= LATEST:
            self.add(name, "date_out_of_range", first=EARLIEST, last=LATEST)
        return value

    def _text(
        self, name: str, value: str | None, *, longest: int, required: bool, forbidden: re.Pattern[str]
    ) -> str | None:
        text = (value or "").strip()
        if forbidden.search(text):
            self.add(name, "control_characters")
        elif len(text) > longest:
            self.add(name, "too_long", longest=longest, length=len(text))
        elif not text and required:
            self.add(name, "missing")
        return text or None


def known_people(session: Session, name: str, people: Iterable[str]) -> None:
    """Raise BadInput for the field `name` unless every key is a person's."""
    wanted = {*people}
    if wanted and wanted - set(session.scalars(select(Person.id).where(Person.id.in_(sorted(wanted))))):
        raise BadInput((Fault(field=name, code="unknown_choice"),))


# ───────────────────────────── The entry


def record(
    session: Session,
    stream: str,
    *,
    kind: str,
    subject: str,
    changes: Sequence[Change],
    ctx: Context,
    content: Mapping[str, Any] | None = None,
    unit_id: str | None = None,
) -> Done:
    """Write the rows of a deed with its one entry in the stream."""
    planned = entries.append(
        session, stream, kind=kind, content=content or {}, changes=changes, ctx=ctx, unit_id=unit_id
    )
    write(session, planned)
    row = next(change.values for change in planned if change.table == "entries")
    return Done(subject=subject, stream=stream, seq=row["seq"], hash=row["hash"], recorded_at=ctx.at)


R = TypeVar("R")


def found(row: R | None, **ids: str) -> R:
    """Return the row, or raise NotFound when there is none."""
    if row is None:
        raise NotFound("no_such_row", **ids)
    return row
