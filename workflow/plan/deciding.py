"""Plan an act: what stands in its way or, step by step, what it will write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workflow import routes
from workflow.blockers import in_order
from workflow.context import Actor, Context
from workflow.definition.values.acts import TO_UNDO, Act, ActKind
from workflow.guards import GUARDS
from workflow.plan.balloting import ballot, motion
from workflow.plan.blocking import (
    OF_THE_FORM,
    act_of,
    copies_misplaced,
    effective_day,
    is_from_here,
    is_too_far_back,
    missing,
    reasons,
    view_of,
)
from workflow.plan.clock import catch_up
from workflow.plan.concluding import concluding
from workflow.plan.moving import act_step, moved
from workflow.plan.partners import resolved_partner
from workflow.plan.proposing import proposal
from workflow.plan.rights import is_motion
from workflow.plan.values import Form, Plan, Step
from workflow.snapshot import KEPT, Snapshot


def probe(snapshot: Snapshot, name: str, ctx: Context, *, on_behalf_of: str | None = None) -> Plan:
    """Say what stands in the way of an act before its form is filled in, also of one done for somebody else."""
    act = act_of(snapshot, name)
    view = view_of(snapshot, act, Form(on_behalf_of=on_behalf_of), ctx)
    found, warnings = reasons(view, ctx.actor, confirmer=None)
    blockers = in_order([blocker for blocker in found if blocker.code not in OF_THE_FORM])
    return Plan(act=act, blockers=blockers, warnings=in_order(warnings), on_behalf_of=view.on_behalf_of)


def decide(snapshot: Snapshot, name: str, form: Form, ctx: Context, *, proposed_by: Actor | None) -> Plan:
    """Plan an act with its form. With `proposed_by`, the context's actor confirms what that person proposed.

    Raises NotFound when the edition knows no such act.
    """
    act = act_of(snapshot, name)
    form = _settled(snapshot, act, form)
    actor = proposed_by or ctx.actor
    view = replace(view_of(snapshot, act, form, ctx), person=actor.person)
    blockers, warnings = reasons(view, actor, confirmer=ctx.actor if proposed_by else None)
    blockers += [*missing(view), *effective_day(view, actor), *copies_misplaced(act, form)]
    open_warnings = [warning for warning in warnings if warning.code not in form.confirmed]
    confirmed = tuple(sorted({warning.code for warning in warnings} & form.confirmed))
    needs_second = act.second is not None or is_too_far_back(view)
    if blockers or not is_from_here(view):
        return Plan(act=act, blockers=in_order(blockers), warnings=in_order(warnings))
    if act.kind is ActKind.BALLOT:
        return _carried(act, ballot(view, form, ctx), snapshot, ctx)
    if is_motion(snapshot, act):
        step = replace(motion(view, form, ctx), confirmed=confirmed)
        plan = _carried(act, step, snapshot, ctx)
        return replace(plan, warnings=in_order(open_warnings), moves=_next_step(moved(snapshot, step)))
    step = act_step(view, form, ctx, proposed_by=proposed_by.person if proposed_by else None)
    step = replace(step, confirmed=confirmed)
    after = moved(snapshot, step)
    late = [
        b
        for need in act.needs
        if need.guard == "nothing_overdue_after"
        for b in GUARDS[need.guard](replace(view, after=after), need)
    ]
    if late:
        return Plan(act=act, blockers=in_order(late), warnings=in_order(warnings))
    if needs_second and proposed_by is None and ctx.actor.person is not None:
        step = replace(proposal(view, form, ctx), confirmed=confirmed)
        return Plan(
            act=act,
            warnings=in_order(open_warnings),
            steps=(step,),
            proposes=True,
            after=moved(snapshot, step),
        )
    chain, after = catch_up(after, ctx)
    return Plan(act=act, warnings=in_order(open_warnings), steps=(step, *chain), after=after)


def _carried(act: Act, step: Step, snapshot: Snapshot, ctx: Context) -> Plan:
    """A step of a route, the transition it decides on, and the timers that then take effect."""
    steps, after = [step], moved(snapshot, step)
    decided = concluding(after, ctx)
    if decided is not None:
        steps.append(decided)
        after = moved(after, decided)
    chain, after = catch_up(after, ctx)
    return Plan(act=act, steps=(*steps, *chain), after=after)


def _next_step(snapshot: Snapshot) -> str | None:
    here = routes.standing(snapshot)
    return here.step.name if here.step is not None else None


def _settled(snapshot: Snapshot, act: Act, form: Form) -> Form:
    """Fill in what follows by itself: the only possible outcome, the partner a name and code stand for, a changed fact."""
    values = {**_emptied(act), **form.values}
    if act.facts and isinstance(values.get("fact"), Mapping):
        values[values["fact"]["name"]] = values["fact"]["value"]
    if isinstance(values.get("partner"), Mapping):
        values["partner"] = resolved_partner(snapshot.partners, values["partner"])
    outcomes = act.outcomes_by_state.get(snapshot.state, act.outcomes)
    outcome = form.outcome
    if outcome is None and len(outcomes) == 1:
        outcome = outcomes[0]
    return replace(form, values=values, outcome=outcome)


def _emptied(act: Act) -> Mapping[str, Any]:
    """A transition's form is stated whole: a field left empty is empty afterwards. An undoing only adds what it is given."""
    if act.kind is not ActKind.TRANSITION or act.to == TO_UNDO:
        return {}
    return {ask.field: None for ask in act.asks if ask.field not in KEPT}
