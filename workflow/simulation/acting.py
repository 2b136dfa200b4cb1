"""Take one turn as the people whose turn it is would: the engine is asked who may, forms are filled in by their types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Case, Database, Duty, Grant, PendingAct, Person, Task
from workflow.blockers import Blocker, Rank
from workflow.context import Actor, Context, Source
from workflow.definition.values.acts import Act
from workflow.definition.values.routes import Choice, StepKind
from workflow.errors import BadInput, WorkflowError
from workflow.forms import read_form
from workflow.in_force import duty_holds, grant_holds
from workflow.operations import Receipt, Refusal, confirm, perform
from workflow.operations.open_round import here_of
from workflow.operations.papers import store_document
from workflow.operations.rounds import RoundAct, Stated, act_on_round, name_experts
from workflow.plan import probe
from workflow.queries.acting import case_for
from workflow.queries.rounds import case_at_round, pool_of
from workflow.simulation.filling import Hand, filled
from workflow.snapshot import Row
from workflow.tasks import CONFIRM, NAME_PANEL
from workflow.uploads import Upload

PAPER = Upload(name="paper.pdf", media_type="application/pdf", content=b"%PDF-1.4\n%%EOF\n")
WILLING = (Choice.AGREE, Choice.SCORE)
"""What somebody of good will says in a ballot, whichever of them the step offers."""

Answer = Receipt | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """An act expected of a role or of a person, on the case with a number."""

    task: str
    case_id: str
    number: int
    act: str
    role: str
    unit: str | None
    person: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a turn: whether anybody could act, and the day before which nobody can."""

    done: bool
    from_on: date | None = None


def take(database: Database, turn: Turn, *, at: datetime) -> Taken:
    """Let those whose turn it is act, one after the other, until nothing more is expected of them."""
    blockers: list[Blocker] = []
    done = False
    for person in _people(database, turn, at):
        by = By(database=database, turn=turn, person=person, at=at)
        answer = by.acts()
        if isinstance(answer, Receipt):
            done = True
        else:
            blockers += answer
        if not _is_open(database, turn):
            break
    days = [blocker.from_on for blocker in blockers if blocker.from_on is not None]
    return Taken(done=done, from_on=None if done else min(days, default=None))


def _is_open(database: Database, turn: Turn) -> bool:
    with database.reading() as session:
        return (
            session.scalar(select(Task.id).where(Task.id == turn.task, Task.closed_at.is_(None))) is not None
        )


def _people(database: Database, turn: Turn, at: datetime) -> list[str]:
    """Who holds the role of a turn today, by name; the one named, where one is."""
    if turn.person is not None:
        return [turn.person]
    today = Context(actor=Actor(system="simulation"), at=at, source=Source.COMMAND).today
    granted = select(Grant.person_id).where(
        Grant.role == turn.role,
        grant_holds(today),
        *([Grant.unit_id == turn.unit] if turn.unit else []),
    )
    dutiful = select(Duty.person_id).where(
        Duty.case_id == turn.case_id,
        Duty.role == turn.role,
        duty_holds(today),
    )
    held = select(Person.id).where(Person.id.in_(granted) | Person.id.in_(dutiful))
    with database.reading() as session:
        return list(session.scalars(held.order_by(Person.name, Person.id)))


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """One person at one turn."""

    database: Database
    turn: Turn
    person: str
    at: datetime

    @property
    def ctx(self) -> Context:
        return Context(actor=Actor(person=self.person), at=self.at, source=Source.PAGE)

    def acts(self) -> Receipt | list[Blocker]:
        """Do what the turn asks, or say what stands in the way."""
        try:
            if self.turn.act == CONFIRM:
                return _said(self._confirmed())
            if self.turn.act == NAME_PANEL:
                return _said(self._panel_named())
            return self._ways()
        except WorkflowError:
            return []

    def _ways(self) -> Receipt | list[Blocker]:
        """Try every way of acting, the file's first, each with as little in its form as is demanded."""
        blockers: list[Blocker] = []
        ways = list(self._acts_and_outcomes())
        for optional in (False, True):
            for act, outcome in ways:
                answer = _said(self._performed(act, outcome, optional=optional))
                if isinstance(answer, Receipt):
                    return answer
                blockers += answer
        return blockers

    def _acts_and_outcomes(self) -> Iterator[tuple[Act, str | None]]:
        case = self._read()
        definition, state = case.definition, case.snapshot.state
        step = definition.step(state, self.turn.act)
        if step is not None and step.kind is StepKind.DECIDE:
            yield from ((definition.acts[name], outcome) for outcome, name in step.choices.items())
            return
        act = definition.acts[self.turn.act]
        if step is not None and step.kind is StepKind.SCORE:
            self._run(partial(act_on_round, act=RoundAct.DECLARE_NO_CONFLICT, stated=Stated()))
        if step is not None and step.by_ballot:
            yield from ((act, str(choice)) for choice in WILLING if choice in act.outcomes)
            return
        outcomes = act.outcomes_by_state.get(state, act.outcomes)
        yield from ((act, outcome) for outcome in outcomes or (None,))

    def _read(self, act: str | None = None) -> Any:
        with self.database.reading() as session:
            return case_for(session, self.turn.case_id, ctx=self.ctx, act=act)

    def _performed(self, act: Act, outcome: str | None, *, optional: bool) -> Answer:
        case = self._read(act.name)
        about = probe(case.snapshot, act.name, self.ctx)
        if any(blocker.rank is Rank.ROLE for blocker in about.blockers):
            return Refusal(blockers=about.blockers)
        hand = Hand(
            snapshot=case.snapshot, today=self.ctx.today, number=self.turn.number, unit=self.turn.unit,
            store=self._stored,
        )  # fmt: skip
        raw = filled(act, hand, optional=optional)
        confirmed: tuple[str, ...] = ()
        for _ in range(2):
            try:
                form = read_form(case.definition, act, raw, outcome=outcome, confirmed=confirmed)
            except BadInput:
                return Refusal()
            answer = self._run(partial(perform, act=act.name, form=form))
            if isinstance(answer, Receipt) or answer.blockers or not answer.warnings:
                return answer
            confirmed = tuple(warning.code for warning in answer.warnings)
        return answer

    def _run(self, work: Callable[..., Answer]) -> Answer:
        """Carry out an operation on the case as it stands."""

        def now(session: Session) -> Answer:
            version = session.get_one(Case, self.turn.case_id).version
            return work(session, self.turn.case_id, version=version, ctx=self.ctx)

        return self.database.run(now)

    def _stored(self, field: str) -> str:
        return self.database.run(
            lambda session: store_document(
                session, self.turn.case_id, field=field, upload=PAPER, ctx=self.ctx
            )
        )

    def _confirmed(self) -> Answer:
        waiting = select(PendingAct.id).where(
            PendingAct.case_id == self.turn.case_id, PendingAct.status == "open"
        )

        def work(session: Session, case_id: str, *, version: int, ctx: Context) -> Answer:
            pending = session.scalar(waiting)
            return Refusal() if pending is None else confirm(session, pending, version=version, ctx=ctx)

        return self._run(work)

    def _panel_named(self) -> Answer:
        """Name as many experts of the pool as lack, those from elsewhere first."""
        with self.database.reading() as session:
            case = case_at_round(session, self.turn.case_id, ctx=self.ctx)
            here = here_of(case.snapshot, self.ctx)
            if here is None:
                return Refusal()
            free = [one for one in pool_of(session, here) if one.barred is None]
            lacking = int(here.row["rules"]["count"]) - len(here.seated)
        chosen = _first(free, key=lambda one: not one.external, count=lacking)
        return self._run(partial(name_experts, people=[one.person for one in chosen]))


def _first(people: Iterable[Any], *, key: Callable[[Any], bool], count: int) -> list[Any]:
    return sorted(people, key=key)[: max(count, 0)]


def _said(answer: Answer) -> Receipt | list[Blocker]:
    return answer if isinstance(answer, Receipt) else list(answer.blockers)


def turn_of(row: Row, number: int) -> Turn:
    """An open task as a turn."""
    return Turn(
        task=row["id"], case_id=row["case_id"], number=number, act=row["act"], role=row["role"],
        unit=row["unit_id"], person=row["person_id"],
    )  # fmt: skip
