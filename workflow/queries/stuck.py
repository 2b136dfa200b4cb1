"""Steps that nobody can act on: incidents of the office until somebody is seated or given the role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Case, Grant, Round
from workflow import routes
from workflow.context import Context
from workflow.definition.values import Step, StepKind
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


def stuck_steps(session: Session, rights: Rights, *, ctx: Context) -> tuple[Stuck, ...]:
    """The steps nobody can act on, of the cases of which the person is the office; nothing for anybody else.

    Worked out from the rights of the day, for a right is taken away without any case being touched.
    """
    offices = {definition.import_.by for definition in editions_in_use(session).values()}
    if not offices & rights.roles:
        return ()
    rows = select(Round.case_id).join(Case, Case.id == Round.case_id)
    still_open = rows.where(
        Round.closed_seq.is_(None), Round.voided_seq.is_(None), Round.stay == Case.stay
    ).order_by(Round.case_id)
    return tuple(_found(session, list(session.scalars(still_open)), _pool(session, ctx), ctx))


def _pool(session: Session, ctx: Context) -> tuple[str, ...]:
    """Whoever may be named for a panel: what else they hold says whether they stand too near."""
    steps = (
        step
        for definition in editions_in_use(session).values()
        for route in definition.routes.values()
        for step in route.steps
        if step.kind is StepKind.SCORE
    )
    roles = {role for step in steps for role in step.by}
    in_force = (
        Grant.revoked_at.is_(None),
        Grant.from_on <= ctx.today,
        Grant.until_on.is_(None) | (Grant.until_on >= ctx.today),
    )
    return tuple(session.scalars(select(Grant.person_id).where(Grant.role.in_(roles), *in_force).distinct()))


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
