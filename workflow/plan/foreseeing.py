"""What of a plan may be shown before it is carried out: all of it, or what a confidential round leaves to be shown."""

from __future__ import annotations

from dataclasses import replace

from models.changes import UPDATE
from workflow import routes
from workflow.context import Actor, Context
from workflow.definition.values.routes import CONFIDENTIAL, MORE_TIME_FOR
from workflow.plan.deciding import decide
from workflow.plan.values import Form, Plan, Step
from workflow.snapshot import Snapshot


def foresee(snapshot: Snapshot, name: str, form: Form, ctx: Context, *, proposed_by: Actor | None) -> Plan:
    """Plan an act as `decide` does, for showing it: a true part of what the act will write.

    A ballot that closes a round whose choices are confidential is shown without what the ballots come to, for whoever
    casts the last one could otherwise try each choice and learn how the others voted.
    """
    return foreseen(decide(snapshot, name, form, ctx, proposed_by=proposed_by))


def foreseen(plan: Plan) -> Plan:
    """A plan without what must not be known before it is carried out."""
    if not plan.steps or not closes_confidential(plan.steps[0]):
        return plan
    step = plan.steps[0]
    own = tuple(change for change in step.changes if change.table != "rounds")
    copied = tuple(change for change in step.notices if change.values["template"] == "copied")
    step = replace(step, changes=own, armed=(), ended=(), turns=(), notices=copied, details={})
    return replace(plan, steps=(step,), after=step.before.after(own), undisclosed=step.act)


def closes_confidential(step: Step) -> bool:
    """Whether a ballot closes a round whose choices must not be known before it is cast. One that ends uncounted is shown."""
    here = routes.standing(step.before)
    if here.step is None or here.round is None or here.step.kind not in CONFIDENTIAL:
        return False
    closing = (change for change in step.changes if change.table == "rounds" and change.op == UPDATE)
    return any(
        change.key == here.round["id"] and not change.values["result"].startswith(MORE_TIME_FOR)
        for change in closing
    )
