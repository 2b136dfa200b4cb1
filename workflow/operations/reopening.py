"""Reopening a route that is over, or that waits for what was sent back: everyone from a chosen step on decides anew."""

from __future__ import annotations

from sqlalchemy.orm import Session

from models.changes import INSERT, Change
from workflow import routes
from workflow.blockers import Blocker, Rank
from workflow.conflicts import conflict_of
from workflow.context import Context
from workflow.definition.values.routes import BACK_TO, REOPENED
from workflow.operations.answers import Receipt, Refusal
from workflow.operations.open_round import at_case, barrier, carried, only
from workflow.operations.steps import note
from workflow.plan import Step
from workflow.snapshot import Snapshot, held_roles

KIND = "reopened"
"""The kind of its entry."""


def reopen(
    session: Session, case_id: str, step: str, *, reason: str, version: int, ctx: Context
) -> Receipt | Refusal:
    """Return a case to a step its route came to, with the reason; the earlier rounds stay.

    The office may, where the transition the route came to did not follow: a ban imposed meanwhile, a guard that can no
    longer be met; and where what was handed in was sent back and nothing new comes. Refused while the route is at any
    other step, for a step that was not come to, and without a reason.
    """
    return at_case(
        session,
        case_id,
        lambda known: _planned(known, step, reason.strip(), ctx),
        version=version,
        ctx=ctx,
    )


def offered(snapshot: Snapshot) -> tuple[str, ...]:
    """The steps at which the route may be reopened: those come to at which people decide; none while somebody decides."""
    here, rows = routes.standing(snapshot), routes.rounds(snapshot)
    if here.route is None or not here.route.has_ballots or not rows:
        return ()
    if not here.is_over and routes.at_sent_back(snapshot) is None:
        return ()
    last = here.route.place(rows[-1]["step"])
    return tuple(step.name for step in here.route.steps[: last + 1] if step.kind in REOPENED)


def may_reopen(snapshot: Snapshot, person: str | None) -> Blocker | None:
    """Why a person may not reopen the route, None where they may."""
    office = snapshot.definition.import_.by
    if office not in held_roles(snapshot, person):
        return only(office)
    conflict = conflict_of(snapshot, person, (office,))
    if conflict is not None:
        params = {"conflict": conflict.name, "who_is": conflict.who_is}
        return Blocker(code="conflict", basis=conflict.basis, rank=Rank.ROLE, params=params)
    return None


def _planned(snapshot: Snapshot, step: str, reason: str, ctx: Context) -> tuple[Step, ...] | Blocker:
    found = may_reopen(snapshot, ctx.actor.person)
    if found is not None:
        return found
    steps = offered(snapshot)
    if not steps:
        return barrier("route_not_over", Rank.TIME)
    if step not in steps:
        return barrier("not_to_reopen_at", Rank.RULE, steps=list(steps))
    if not reason:
        return barrier("reopening_without_reason", Rank.MATERIAL)
    return carried(snapshot, _noted(snapshot, step, reason, ctx), ctx)


def _noted(snapshot: Snapshot, step: str, reason: str, ctx: Context) -> Step:
    """A further round of the last step, closed at once by a return: so the rounds still say where the case stands."""
    here, seq = routes.standing(snapshot), int(snapshot.case["log_seq"]) + 1
    last = snapshot.definition.step(snapshot.state, routes.rounds(snapshot)[-1]["step"])
    assert last is not None
    row = routes.opened(snapshot, last, seq=seq, day=ctx.today, motion=here.motion)
    row |= {"result": f"{BACK_TO}{step}", "closed_seq": seq, "closed_on": ctx.today}
    change = Change(table="rounds", op=INSERT, key=str(row["id"]), values=row)
    return note(snapshot, kind=KIND, act=step, changes=[change], form={"reason": reason}, ctx=ctx)
