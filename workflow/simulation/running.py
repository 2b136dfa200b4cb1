"""The days of a simulation: what the clock brings about, then the turns people take; only days with something on are looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

from sqlalchemy import Select, func, select
from sqlalchemy.exc import DBAPIError

from models import Case, Database, Incident, Person, Task, Timer
from models.database import is_passing
from workflow import gather
from workflow.context import Actor, Context, Source
from workflow.operations import Receipt, open_case
from workflow.operations.parking import park
from workflow.periods import BEIJING, ONE_DAY, beijing_day
from workflow.queries.acting import case_for
from workflow.simulation.acting import By, Taken, Turn, take, turn_of
from workflow.simulation.assumptions import People
from workflow.simulation.founding import Proposal
from workflow.snapshot import Row

MORNING = time(9, 0)
"""When people act: after everything that takes effect, or is told, on a day."""
RETRY = timedelta(days=30)
"""When a turn nobody could take is tried again, where no day is known from which somebody can."""
AT_ONCE = 50
"""More turns than this after one another on one day wait for the next."""

Progress = Callable[[int, int], None]
"""Told how many days have passed, of how many."""

Sweep = Callable[[Database, datetime], object]
"""The scheduler's own: lets everything due take effect, and parks a case whose timer fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is run: from which day to which, with what people, and what they propose."""

    start: date
    until: date
    people: People
    lifecycle: str = ""
    """What is proposed; empty where nothing is."""
    proposals: Sequence[Proposal] = ()


@dataclass(slots=True, kw_only=True)
class _Run:
    database: Database
    outlook: Outlook
    sweep: Sweep
    numbers: dict[str, int] = field(default_factory=dict)
    """Each case -> its place among those there are; identifiers differ from run to run, places do not."""
    planned: dict[tuple[str, date | None], date | None] = field(default_factory=dict)
    """A task and its day -> when it is done."""
    waiting: list[Proposal] = field(default_factory=list)
    stuck: int = 0


def run(database: Database, outlook: Outlook, *, sweep: Sweep, progress: Progress) -> int:
    """Run a database forward, day by day; return how many turns nobody could take when it was due.

    Nothing is written but by what the engine's own operations write. A case that fails is parked as it would be in
    earnest, and nobody acts on it any more; the others go on.
    """
    state = _Run(database=database, outlook=outlook, sweep=sweep, waiting=list(outlook.proposals))
    _number(state)
    total, day = (outlook.until - outlook.start).days, outlook.start
    while day <= outlook.until:
        at = _instant(day)
        state.sweep(database, at)
        _propose(state, day, at)
        _work(state, day, at)
        progress((day - outlook.start).days, total)
        following = _next(state, day)
        if following is None:
            break
        day = following
    progress(total, total)
    return state.stuck


def _instant(day: date) -> datetime:
    return datetime.combine(day, MORNING, BEIJING).astimezone(UTC)


def _number(state: _Run) -> None:
    """Give cases that have none yet the next places, in the order they were opened in."""
    with state.database.reading() as session:
        for case_id in session.scalars(select(Case.id).order_by(Case.opened_at, Case.id)):
            state.numbers.setdefault(case_id, len(state.numbers) + 1)


# ───────────────────────────── People


def _propose(state: _Run, day: date, at: datetime) -> None:
    """Open and send in the cases whose day has come."""
    while state.waiting and state.waiting[0].day <= day:
        proposal = state.waiting.pop(0)
        ctx = Context(actor=Actor(person=proposal.person), at=at, source=Source.PAGE)
        opens = partial(open_case, lifecycle=state.outlook.lifecycle, unit_id=proposal.unit, ctx=ctx)
        case_id = state.database.run(opens)
        _number(state)
        _sent_in(state, case_id, proposal, at)


def _sent_in(state: _Run, case_id: str, proposal: Proposal, at: datetime) -> None:
    """Take the first way out of the draft that is open to whoever began it."""
    with state.database.reading() as session:
        ctx = Context(actor=Actor(person=proposal.person), at=at, source=Source.PAGE)
        definition = case_for(session, case_id, ctx=ctx).definition
    acts = [
        act
        for act in definition.acts.values()
        if definition.initial in act.source and definition.opens in act.by and act.to in definition.states
    ]
    for act in acts:
        turn = Turn(
            task="", case_id=case_id, number=state.numbers[case_id], act=act.name, role=definition.opens,
            unit=proposal.unit, person=proposal.person,
        )  # fmt: skip
        if isinstance(By(database=state.database, turn=turn, person=proposal.person, at=at).acts(), Receipt):
            return
    state.stuck += 1


def _work(state: _Run, day: date, at: datetime) -> None:
    """Let everybody act whose turn is planned for today, and whoever's turn that makes it, if theirs is today, too."""
    for _ in range(AT_ONCE):
        ready = [
            (row, key) for row, key in _open(state) if (on := state.planned[key]) is not None and on <= day
        ]
        if not ready:
            return
        for row, key in ready:
            taken = _taken(state, turn_of(row, state.numbers[row["case_id"]]), at)
            if taken is None:
                continue
            state.planned[key] = day + RETRY if taken.from_on is None else max(taken.from_on, day + ONE_DAY)
            state.stuck += not taken.done


def _taken(state: _Run, turn: Turn, at: datetime) -> Taken | None:
    """Take a turn; where the case fails under it, park the case and return None. A passing fault of the database is raised."""
    try:
        return take(state.database, turn, at=at)
    except Exception as failure:
        if isinstance(failure, DBAPIError) and is_passing(failure):
            raise
        reason = f"{type(failure).__name__}: {failure}"
    state.database.run(lambda session: park(session, turn.case_id, at=at, failure=reason))
    return None


def _parked() -> Select[str | None]:
    """The cases that failed and are not well again."""
    return select(Incident.case_id).where(
        Incident.kind == gather.TIMER_FAILED, Incident.closed_at.is_(None), Incident.case_id.is_not(None)
    )


def _open(state: _Run) -> list[tuple[Row, tuple[str, date | None]]]:
    """The open tasks, each with its plan, in an order that is the same in every run."""
    tasks, people = Task.__table__.c, Person.__table__.c
    query = (
        select(*tasks, people.name)
        .outerjoin(Person, people.id == tasks.person_id)
        .where(tasks.closed_at.is_(None), tasks.case_id.not_in(_parked()))
    )
    with state.database.reading() as session:
        rows = [dict(row) for row in session.execute(query).mappings()]
    rows.sort(key=lambda row: (state.numbers[row["case_id"]], row["act"], row["role"], row["name"] or ""))
    found: list[tuple[Row, tuple[str, date | None]]] = []
    for row in rows:
        key = (row["id"], row["due_on"])
        if key not in state.planned:
            opened = beijing_day(row["opened_at"])
            turn = "/".join(
                str(part)
                for part in (state.numbers[row["case_id"]], row["act"], row["role"], row["name"], opened)
            )
            state.planned[key] = state.outlook.people.day(
                turn, opened_on=max(opened, state.outlook.start), due_on=row["due_on"]
            )
        found.append((row, key))
    return found


def _next(state: _Run, day: date) -> date | None:
    """The next day on which something is on."""
    with state.database.reading() as session:
        wake = session.scalar(select(func.min(Timer.wake_at)).where(Timer.case_id.not_in(_parked())))
    days = [beijing_day(wake)] if wake is not None else []
    days += [on for _, key in _open(state) if (on := state.planned[key]) is not None]
    days += [state.waiting[0].day] if state.waiting else []
    following = [max(on, day + ONE_DAY) for on in days]
    return min(following, default=None)
