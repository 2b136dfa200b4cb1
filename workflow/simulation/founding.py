"""A made-up university for cases that are proposed one after the other: people in every role, two colleges, open calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

from sqlalchemy.orm import Session

from models import Call, Database, Grant, Person, Unit, new_key
from models.schema import create_all
from workflow.context import Actor, Context, Source
from workflow.definition.values.edition import Definition
from workflow.definition.values.people import Held, Role
from workflow.definition.values.routes import StepKind
from workflow.operations.editions import install, publish
from workflow.world import bump, current_edition

COLLEGES = 2
HOLDERS = 2
"""People in a role where one may act for all."""
BODY = 5
"""People in a role that votes."""
POOL = 9
"""People in a role whose holders sit on panels, every third of them from elsewhere."""
SPREAD = 180
"""Days over which the cases are proposed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A case to be proposed: by whom, on which unit, on which day."""

    person: str
    unit: str
    day: date


def found(
    folder: Path, *, source: bytes | None, lifecycle: str, cases: int, start: date, until: date, seed: int
) -> tuple[Database, tuple[Proposal, ...]]:
    """Set up a database with a lifecycle, the shipped one of that name or a file's, and say what is to be proposed."""
    database = Database(f"sqlite:///{folder / 'university.sqlite3'}")
    create_all(database)
    at = datetime(start.year, start.month, start.day, tzinfo=UTC)
    with database.transaction() as session:
        ctx = Context(actor=Actor(system="simulation"), at=at, source=Source.COMMAND)
        install(session, demonstration=False, ctx=ctx)
        if source is not None:
            publish(session, source, ctx=ctx)
        definition = current_edition(session, lifecycle)[1]
        openers = _people(session, definition, start)
        _calls(session, lifecycle, start, until)
        bump(session)
    dealt = Random(f"{seed}/proposals")  # chance for a trial, no secret
    proposals = (
        Proposal(person=person, unit=unit, day=start + timedelta(days=dealt.randrange(SPREAD)))
        for person, unit in (openers[number % len(openers)] for number in range(cases))
    )
    return database, tuple(sorted(proposals, key=lambda one: one.day))


def _people(session: Session, definition: Definition, start: date) -> list[tuple[str, str]]:
    """Units, and people in every role; return those who may open cases, with their units."""
    units = [Unit(id=new_key(), kind="college", name=f"college {place}") for place in range(1, COLLEGES + 1)]
    session.add_all(units)
    session.flush()
    openers: list[tuple[str, str]] = []
    for role in definition.roles.values():
        if role.held is Held.GRANT:
            places: list[str | None] = [unit.id for unit in units] if role.of else [None]
            for place in places:
                _hold(session, role.name, place, count=_size(role, definition), start=start)
    for unit in units:
        (person, *_) = _hold(session, definition.opens, unit.id, count=1, start=start)
        openers.append((person, unit.id))
    return openers


def _size(role: Role, definition: Definition) -> int:
    kinds = {step.kind for step in definition.steps if role.name in step.by}
    return POOL if StepKind.SCORE in kinds else BODY if StepKind.VOTE in kinds else HOLDERS


def _hold(session: Session, role: str, unit: str | None, *, count: int, start: date) -> list[str]:
    people = [
        Person(
            id=new_key(), name=f"{role} {number}", email=f"{role}{number}@example.org", external=number % 3 == 0,
            created_at=datetime(start.year, start.month, start.day, tzinfo=UTC),
        )
        for number in range(1, count + 1)
    ]  # fmt: skip
    session.add_all(people)
    session.flush()
    session.add_all(
        Grant(id=new_key(), person_id=person.id, role=role, unit_id=unit, from_on=start) for person in people
    )
    return [person.id for person in people]


def _calls(session: Session, lifecycle: str, start: date, until: date) -> None:
    """A call open all through every year."""
    session.add_all(
        Call(
            id=new_key(), lifecycle=lifecycle, year=year, opens_on=date(year, 1, 1), closes_on=date(year, 12, 31)
        )
        for year in range(start.year, until.year + 1)
    )  # fmt: skip
