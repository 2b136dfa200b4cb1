"""Count what happened in a simulation, year by year, from the rows the engine wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Case, Database, Duty, Edition, Entry, Grant, Incident, Notice, Passage, Task
from workflow.definition.names import CERTIFYING, PUNISHING
from workflow.definition.values.acts import ActKind
from workflow.definition.values.edition import Definition
from workflow.gather import TIMER_FAILED
from workflow.periods import Kind, beijing_day
from workflow.world import definition_of


class What(StrEnum):
    """What is counted."""

    OPENING = "opening"
    """A state the clock opened."""
    LAPSE = "lapse"
    """An end that came by itself."""
    CERTIFICATION = "certification"
    REVOCATION = "revocation"
    PASSAGE = "passage"
    """Any other transition."""
    MISSED = "missed"
    """A deadline that passed without the act."""
    NOTICE = "notice"
    TURN = "turn"
    """Something that was expected of a role."""
    ACT = "act"
    """Something done in a role."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Count:
    """How often something happened in a year; `name` is of the lifecycle file or a message's, `role` whose it was."""

    year: int
    what: What
    name: str
    role: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The day of a year on which most was done and told, the first of them where several are alike."""

    day: date
    acts: int
    notices: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A case that could not be run to the end: since which day, and why."""

    case_id: str
    since: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What happened when: the counts, the fullest day of each year, the turns nobody could take, the cases that failed."""

    counts: tuple[Count, ...]
    peaks: tuple[Peak, ...]
    stuck: int
    failed: tuple[Failed, ...]


Place = tuple[int, What, str, str]


def counted(database: Database, *, since: datetime, stuck: int) -> Report:
    """Count everything recorded from an instant on."""
    found: Counter[Place] = Counter()
    days: dict[date, Counter[What]] = {}
    with database.reading() as session:
        roles = _Roles(session)
        for happened in (_passages, _missed, _notices, _turns, _acts):
            for at, what, name, role in happened(session, since, roles):
                found[beijing_day(at).year, what, name, role] += 1
                if what in (What.NOTICE, What.ACT):
                    days.setdefault(beijing_day(at), Counter())[what] += 1
        failed = tuple(_failed(session))
    counts = (
        Count(year=year, what=what, name=name, role=role, count=count)
        for (year, what, name, role), count in found.items()
    )
    return Report(
        counts=tuple(sorted(counts)),
        peaks=tuple(_peaks(days)),
        stuck=stuck,
        failed=failed,
    )


def _peaks(days: Mapping[date, Counter[What]]) -> Iterator[Peak]:
    for _, of_year in groupby(sorted(days), key=lambda day: day.year):
        day = max(of_year, key=lambda one: (days[one].total(), -one.toordinal()))
        yield Peak(day=day, acts=days[day][What.ACT], notices=days[day][What.NOTICE])


def _failed(session: Session) -> Iterator[Failed]:
    """The cases that are parked in the end, the first to fail first; one that went well again is none of them."""
    rows = session.scalars(
        select(Incident)
        .where(Incident.kind == TIMER_FAILED, Incident.closed_at.is_(None), Incident.case_id.is_not(None))
        .order_by(Incident.opened_at, Incident.case_id)
    )
    for row in rows:
        yield Failed(
            case_id=str(row.case_id), since=beijing_day(row.opened_at), reason=str(row.params["failure"])
        )


Happened = Iterator[tuple[datetime, What, str, str]]


class _Roles:
    """In which role a person is told of a case, or acts on it: the first of the file that they hold."""

    def __init__(self, session: Session) -> None:
        self._grants: dict[str, set[str]] = {}
        for row in session.execute(select(Grant.person_id, Grant.role)):
            self._grants.setdefault(row.person_id, set()).add(row.role)
        self._duties: dict[tuple[str, str], set[str]] = {}
        for duty in session.execute(select(Duty.case_id, Duty.person_id, Duty.role)):
            if duty.person_id is not None:
                self._duties.setdefault((duty.case_id, duty.person_id), set()).add(duty.role)
        self.definitions: dict[str, Definition] = {
            row.id: definition_of(session, row.sha256)
            for row in session.execute(
                select(Case.id, Edition.sha256).join(Edition, Edition.id == Case.edition_id)
            )
        }

    def of(self, case_id: str | None, person: str) -> str:
        definition = self.definitions.get(case_id or "")
        if definition is None:
            return ""
        held = self._duties.get((case_id or "", person), set()) | {
            role for role in self._grants.get(person, ()) if role != definition.opens
        }
        return next((role for role in definition.roles if role in held), "")


def _passages(session: Session, since: datetime, roles: _Roles) -> Happened:
    rows = session.execute(
        select(Passage).where(Passage.recorded_at >= since, Passage.voided_seq.is_(None))
    ).scalars()
    for row in rows:
        definition = roles.definitions[row.case_id]
        if row.from_state != row.to_state:
            yield row.recorded_at, _kind_of(row, definition), row.transition, ""


def _kind_of(row: Passage, definition: Definition) -> What:
    family = definition.states[row.to_state].family
    kinds = {timer.kind for timer in definition.timers.values() if timer.fires == row.transition}
    if family == PUNISHING:
        return What.REVOCATION
    if family == CERTIFYING and definition.states[row.from_state or row.to_state].family != CERTIFYING:
        return What.CERTIFICATION
    if Kind.OPENS in kinds:
        return What.OPENING
    return What.LAPSE if Kind.ENDS in kinds else What.PASSAGE


def _missed(session: Session, since: datetime, roles: _Roles) -> Happened:
    query = select(Entry.recorded_at, Entry.act).where(
        Entry.recorded_at >= since, Entry.kind == "deadline_passed"
    )
    for row in session.execute(query):
        yield row.recorded_at, What.MISSED, row.act or "", ""


def _notices(session: Session, since: datetime, roles: _Roles) -> Happened:
    """Each person told once, by however many channels."""
    query = select(Notice.queued_at, Notice.template, Notice.case_id, Notice.person_id).where(
        Notice.queued_at >= since, Notice.channel == "app"
    )
    for row in session.execute(query):
        yield row.queued_at, What.NOTICE, row.template, roles.of(row.case_id, row.person_id)


def _turns(session: Session, since: datetime, roles: _Roles) -> Happened:
    for row in session.execute(select(Task.opened_at, Task.act, Task.role).where(Task.opened_at >= since)):
        yield row.opened_at, What.TURN, row.act, row.role


def _acts(session: Session, since: datetime, roles: _Roles) -> Happened:
    kinds = (*map(str, ActKind), "motion", "proposal")
    query = select(Entry.recorded_at, Entry.act, Entry.case_id, Entry.actor_id).where(
        Entry.recorded_at >= since, Entry.actor_id.is_not(None), Entry.kind.in_(kinds)
    )
    for row in session.execute(query):
        yield row.recorded_at, What.ACT, row.act or "", roles.of(row.case_id, row.actor_id)
