"""Urging (催办): whoever waits asks those whose turn it is to go ahead, at most once a day for each task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import chain

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Notice
from models.changes import Change, plain
from workflow import gather, routes
from workflow.blockers import Blocker, Rank
from workflow.context import Context
from workflow.definition.values.routes import CONFIDENTIAL
from workflow.operations.acts import since
from workflow.operations.answers import Receipt, Refusal
from workflow.operations.open_round import barrier, only, read
from workflow.operations.repeats import once
from workflow.operations.steps import caught_up, note, write_steps
from workflow.plan import Step, recipients
from workflow.plan.notices import notice
from workflow.snapshot import Row, Snapshot, held_roles
from workflow.tasks import CONFIRM

TEMPLATE = "urged"
KEY = "{case}:{task}-urged-{day}"
"""The stable key of a task's notices of one day: the database keeps no two of them."""


def urge(session: Session, case_id: str, act: str, *, version: int, ctx: Context) -> Receipt | Refusal:
    """Ask everybody whose turn it is in an act to go ahead, once for the context's key; the case's version stays.

    Refused to whoever neither opened the case nor keeps the office, where nobody else is waited for, and a second time
    on the same day (in Beijing), with the day it is possible again. Raises NotFound, WorkflowError `key_reused`.
    """

    def work() -> Receipt | Refusal:
        located = gather.lock(session, case_id)
        snapshot = caught_up(session, located, read(session, located, people=(), ctx=ctx), ctx)
        if snapshot.case["version"] != version:
            return Refusal(stale=since(session, case_id, version))
        step = urging(snapshot, act, urged=urged_today(session, case_id, ctx.today), ctx=ctx)
        if isinstance(step, Blocker):
            return Refusal(blockers=(step,))
        return write_steps(session, located, (step,), ctx)

    return once(session, what=["urge", case_id, act], ctx=ctx, kind=Receipt, work=work)


def urged_today(session: Session, case_id: str, today: date) -> frozenset[str]:
    """The tasks of a case whose people were urged on a day."""
    rows = session.scalars(
        select(Notice.stable_key).where(Notice.case_id == case_id, Notice.template == TEMPLATE)
    )
    marks = (key.split(":")[1] for key in rows)
    mine = f"-urged-{today.isoformat()}"
    return frozenset(mark.removesuffix(mine) for mark in marks if mark.endswith(mine))


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A task, and the people whose turn it is in it, the actor aside."""

    task: Row
    people: tuple[str, ...]


def urging(snapshot: Snapshot, act: str, *, urged: Iterable[str], ctx: Context) -> Step | Blocker:
    """The step that urges, or why nobody can be urged now. It moves nothing."""
    found = barred(snapshot, act, urged=urged, ctx=ctx)
    if found is not None:
        return found
    asked = [one for one in awaited(snapshot, act, ctx) if one.task["id"] not in {*urged}]
    if not asked:
        return barrier("nobody_waited_for", Rank.FINAL)
    step = note(snapshot, kind=TEMPLATE, act=act, changes=[], form=_said(asked), ctx=ctx, moves=False)
    told = chain.from_iterable(_notices(snapshot, one, ctx) for one in asked)
    return replace(step, notices=(*step.notices, *told))


def _said(asked: list[Awaited]) -> dict[str, int]:
    """How many were urged; who they are is told by the notices, for who has not voted yet is nobody's to read."""
    return {"count": sum(len(one.people) for one in asked)}


def barred(snapshot: Snapshot, act: str, *, urged: Iterable[str], ctx: Context) -> Blocker | None:
    """Why the actor cannot urge in an act; whether anybody but them is waited for is seen when the people are read."""
    may = (snapshot.definition.import_.by, snapshot.definition.opens)
    if not held_roles(snapshot, ctx.actor.person) & {*may}:
        return only(*may)
    tasks = _tasks(snapshot, act)
    if not tasks:
        return barrier("nobody_waited_for", Rank.FINAL)
    if all(task["id"] in {*urged} for task in tasks):
        tomorrow = ctx.today + timedelta(days=1)
        return Blocker(
            code="urged_already", basis="local", rank=Rank.TIME, params={"day": ctx.today}, from_on=tomorrow
        )
    return None


def awaited(snapshot: Snapshot, act: str, ctx: Context) -> list[Awaited]:
    """The open tasks of an act in which somebody besides the actor is waited for, each person once."""
    found, seen = [], {ctx.actor.person}
    for task in _tasks(snapshot, act):
        people = tuple(p for p in dict.fromkeys(_asked_in(snapshot, task)) if p not in seen)
        seen |= {*people}
        if people:
            found.append(Awaited(task=task, people=people))
    return found


def _tasks(snapshot: Snapshot, act: str) -> list[Row]:
    return [row for row in snapshot.table("tasks") if row["act"] == act and row["closed_at"] is None]


def _asked_in(snapshot: Snapshot, task: Row) -> list[str]:
    """Whose turn a task is: one person's, that of the seats of its role in the open round, or of whoever holds the role."""
    if task["person_id"] is not None:
        return [task["person_id"]]
    here = routes.standing(snapshot)
    if here.step is not None and here.round is not None and here.step.name == task["act"]:
        turns = routes.in_turn(snapshot, here.step, here.round)
        return [seat.person for seat in turns if seat.role == task["role"] and seat.kind == "role"]
    people = recipients(snapshot, task["role"])
    if task["act"] == CONFIRM and snapshot.pending is not None:
        return [person for person in people if person != snapshot.pending["proposed_by"]]
    return people


def is_told_whom(snapshot: Snapshot, ctx: Context) -> bool:
    """Whether the actor may read who is urged: in a vote or panel under way, only the office knows who has not acted."""
    here = routes.standing(snapshot)
    if here.step is None or here.round is None or here.step.kind not in CONFIDENTIAL:
        return True
    return snapshot.definition.import_.by in held_roles(snapshot, ctx.actor.person)


def _notices(snapshot: Snapshot, one: Awaited, ctx: Context) -> Iterable[Change]:
    params = {"act": one.task["act"], "due": plain(one.task["due_on"]), "by": ctx.actor.person}
    key = KEY.format(case=snapshot.id, task=one.task["id"], day=ctx.today.isoformat())
    for person in one.people:
        yield from notice(snapshot.id, person, key=key, template=TEMPLATE, at=ctx.at, params=params)
