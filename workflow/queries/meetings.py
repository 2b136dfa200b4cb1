"""Meetings for pages: the list, one with its agenda as the engine sees it, and what could be put on the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from models import AgendaItem, Attendance, Case, JointBase, Meeting, Person, Round
from workflow import gather, routes
from workflow.context import Context
from workflow.definition.values.edition import Definition
from workflow.definition.values.routes import Step
from workflow.errors import NotFound
from workflow.operations.bodies import bodies, offices
from workflow.operations.meetings import OPEN, open_votes
from workflow.queries.inbox import SUBJECT, with_subject
from workflow.queries.paging import Order, Page, key_mark, page
from workflow.queries.rights import WATCHERS
from workflow.snapshot import Row, Snapshot
from workflow.world import definition_of

Convener = aliased(Person)


def concerned_with_meetings(session: Session) -> frozenset[str]:
    """The roles that may look at meetings: whoever votes, whoever convenes, and those who watch over both."""
    return WATCHERS | bodies(session).keys() | offices(session)


def meetings_page(session: Session, *, after: str | None = None, before: str | None = None) -> Page:
    """Every meeting, the latest first: number, role of its members, held_on, place, status, chair, and how many rows it has (count)."""
    count = select(func.count()).where(AgendaItem.meeting_id == Meeting.id).scalar_subquery().label("count")
    statement = select(
        Meeting.id, Meeting.number, Meeting.role, Meeting.held_on, Meeting.place, Meeting.status,
        Person.name.label("chair"), count,
    ).join(Person, Person.id == Meeting.chair_id)  # fmt: skip
    return page(
        session, statement, Order(column=Meeting.id, name="id", read=key_mark), after=after, before=before
    )


def meeting_of(session: Session, meeting_id: str) -> Row:
    """One meeting with the names of its chair and of whoever convened it. Raises NotFound."""
    row = (
        session.execute(
            select(*Meeting.__table__.c, Person.name.label("chair"), Convener.name.label("convener"))
            .join(Person, Person.id == Meeting.chair_id)
            .join(Convener, Convener.id == Meeting.convened_by)
            .where(Meeting.id == meeting_id)
        )
        .mappings()
        .first()
    )
    if row is None:
        raise NotFound("no_such_row", meeting=meeting_id)
    return dict(row)


def attendance_of(session: Session, meeting_id: str) -> tuple[Row, ...]:
    """The members of a meeting by name: person_id, name, present."""
    rows = session.execute(
        select(Attendance.person_id, Attendance.present, Person.name)
        .join(Person, Person.id == Attendance.person_id)
        .where(Attendance.meeting_id == meeting_id)
        .order_by(Person.name, Person.id)
    )
    return tuple(dict(row) for row in rows.mappings())


def open_meetings_of(session: Session, person: str) -> tuple[Row, ...]:
    """The open meetings a person is present at: id, number, held_on."""
    rows = session.execute(
        select(Meeting.id, Meeting.number, Meeting.held_on)
        .join(Attendance, Attendance.meeting_id == Meeting.id)
        .where(Meeting.status == OPEN, Attendance.person_id == person, Attendance.present)
        .order_by(Meeting.number)
    )
    return tuple(dict(row) for row in rows.mappings())


def votable(session: Session, role: str) -> tuple[Row, ...]:
    """The cases at a vote of a body that are on no open meeting's agenda, by their names."""
    votes = [vote for vote in open_votes(session).values() if vote.role == role]
    taken = set(
        session.scalars(
            select(AgendaItem.round_id)
            .join(Meeting, Meeting.id == AgendaItem.meeting_id)
            .where(Meeting.status == OPEN)
        )
    )
    cases = [vote.case_id for vote in votes if vote.round_id not in taken]
    statement = with_subject(select(*SUBJECT).select_from(Case)).where(Case.id.in_(cases))
    order = (JointBase.application_number, JointBase.base_number, Case.id)
    return tuple(dict(row) for row in session.execute(statement.order_by(*order)).mappings())


# ───────────────────────────── The agenda


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """The count of a vote by the rules of its opening."""

    rules: Mapping[str, Any]
    members: int
    agree: int
    refuse: int
    abstain: int
    quorum: int

    @property
    def ballots(self) -> int:
        return self.agree + self.refuse + self.abstain


@dataclass(frozen=True, slots=True, kw_only=True)
class Agendum:
    """A row of the agenda: the case as the engine decides on it, and the round that is voted on."""

    id: str
    place: int
    snapshot: Snapshot
    step: Step
    round: Row

    @property
    def definition(self) -> Definition:
        return self.snapshot.definition

    @property
    def is_open(self) -> bool:
        """Whether ballots are still cast: the round is open, and the case has not gone on without it."""
        here = routes.standing(self.snapshot)
        return here.round is not None and here.round["id"] == self.round["id"]

    @property
    def electorate(self) -> tuple[str, ...]:
        """The people who may vote, or could when the round closed."""
        if self.round["electorate"] is not None:
            return tuple(self.round["electorate"])
        return tuple(seat.person for seat in routes.seats(self.snapshot, self.step, self.round))

    @property
    def ballots(self) -> tuple[Row, ...]:
        return tuple(routes.ballots(self.snapshot, self.round))

    @property
    def count(self) -> Count:
        counts = self.round["tally"] or routes.tally(self.snapshot, self.step, self.round).counts
        return Count(rules=self.round["rules"], **counts)


def agenda_of(session: Session, meeting_id: str, *, ctx: Context) -> tuple[Agendum, ...]:
    """The rows of a meeting in order, all their cases read side by side."""
    items = session.execute(
        select(AgendaItem.id, AgendaItem.place, AgendaItem.case_id, AgendaItem.round_id)
        .where(AgendaItem.meeting_id == meeting_id)
        .order_by(AgendaItem.place)
    ).all()
    columns = Round.__table__.c
    found = session.execute(select(*columns).where(columns.id.in_([item.round_id for item in items])))
    rounds = {row["id"]: dict(row) for row in found.mappings()}
    snapshots = _snapshots(session, [item.case_id for item in items], ctx)
    return tuple(
        Agendum(
            id=item.id,
            place=item.place,
            snapshot=snapshots[item.case_id],
            step=_step_of(snapshots[item.case_id].definition, rounds[item.round_id]["step"]),
            round=rounds[item.round_id],
        )
        for item in items
    )


def _snapshots(session: Session, case_ids: list[str], ctx: Context) -> dict[str, Snapshot]:
    located = gather.look_at(session, case_ids)
    roles = {role for _, sha256 in located for role in definition_of(session, sha256).roles}
    people = tuple(filter(None, [ctx.actor.person]))
    wish = gather.Wish(people=people, roles=tuple(sorted(roles)))
    return gather.gather(session, located, wish=wish, today=ctx.today)


def _step_of(definition: Definition, name: str) -> Step:
    return next(step for step in definition.steps if step.name == name)
