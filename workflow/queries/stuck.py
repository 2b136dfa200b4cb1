"""What does not go on by itself, as incidents of the office: steps nobody can act on, and decisions that were carried and wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Case, Grant, Round, Task
from workflow import routes
from workflow.blockers import Blocker
from workflow.context import Context
from workflow.definition.values.acts import Act
from workflow.definition.values.routes import Step, StepKind
from workflow.in_force import grant_holds
from workflow.plan.concluding import held_up
from workflow.queries.acting import cases_for
from workflow.queries.rights import Rights
from workflow.routes import Lack
from workflow.snapshot import Snapshot, held_roles
from workflow.world import editions_in_use

BATCH = 200
"""Cases read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """A step nobody can act on, and why."""

    snapshot: Snapshot
    step: Step
    lack: Lack


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A transition that was decided on and has not taken effect, and what stands in its way."""

    snapshot: Snapshot
    act: Act
    blockers: tuple[Blocker, ...]


def stuck_steps(session: Session, rights: Rights, *, ctx: Context) -> tuple[Stuck, ...]:
    """The steps nobody can act on, of the cases of which the person is the office; nothing for anybody else.

    Worked out from the rights of the day, for a right is taken away without any case being touched.
    """
    if not _is_office(session, rights):
        return ()
    rows = select(Round.case_id).join(Case, Case.id == Round.case_id)
    still_open = rows.where(
        Round.closed_seq.is_(None), Round.voided_seq.is_(None), Round.stay == Case.stay
    ).order_by(Round.case_id)
    return tuple(_found(session, list(session.scalars(still_open)), _pool(session, ctx), ctx))


def _is_office(session: Session, rights: Rights) -> bool:
    return bool(rights.roles & {definition.import_.by for definition in editions_in_use(session).values()})


def decisions_held_up(session: Session, rights: Rights, *, ctx: Context) -> tuple[Waiting, ...]:
    """What routes came to and something stands in the way of, of the cases of which the person is the office."""
    if not _is_office(session, rights):
        return ()
    carried = {
        name
        for definition in editions_in_use(session).values()
        for route in definition.routes.values()
        if route.has_ballots
        for name in route.concludes
    }
    rows = select(Task.case_id).where(Task.act.in_(carried), Task.closed_at.is_(None)).distinct()
    return tuple(_waiting(session, list(session.scalars(rows.order_by(Task.case_id))), ctx))


def _waiting(session: Session, case_ids: list[str], ctx: Context) -> Iterator[Waiting]:
    for start in range(0, len(case_ids), BATCH):
        for case in cases_for(session, case_ids[start : start + BATCH], ctx=ctx):
            found = held_up(case.snapshot, ctx)
            if found is not None and case.definition.import_.by in held_roles(
                case.snapshot, ctx.actor.person
            ):
                yield Waiting(snapshot=case.snapshot, act=found.act, blockers=found.blockers)


def _pool(session: Session, ctx: Context) -> tuple[str, ...]:
    """Whoever may be named for a panel: what else they hold says whether they stand too near."""
    steps = (
        step
        for definition in editions_in_use(session).values()
        for step in definition.steps
        if step.kind is StepKind.SCORE
    )
    roles = {role for step in steps for role in step.by}
    named = select(Grant.person_id).where(Grant.role.in_(roles), grant_holds(ctx.today))
    return tuple(session.scalars(named.distinct()))


def _found(session: Session, case_ids: list[str], pool: tuple[str, ...], ctx: Context) -> Iterator[Stuck]:
    for start in range(0, len(case_ids), BATCH):
        for case in cases_for(session, case_ids[start : start + BATCH], ctx=ctx, people=pool):
            found = _stuck(case.snapshot, ctx.actor.person)
            if found is not None:
                yield found


def _stuck(snapshot: Snapshot, reader: str | None) -> Stuck | None:
    here = routes.standing(snapshot)
    if here.step is None or here.round is None:
        return None
    if snapshot.definition.import_.by not in held_roles(snapshot, reader):
        return None
    lack = routes.lack(snapshot, here.step, here.round)
    return Stuck(snapshot=snapshot, step=here.step, lack=lack) if lack is not None else None
