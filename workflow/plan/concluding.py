"""What a route comes to: the transition its last round decided on, as a further step of the same plan."""

from __future__ import annotations

from dataclasses import dataclass, replace

from workflow import routes
from workflow.blockers import Blocker, in_order
from workflow.context import Context
from workflow.definition.values.acts import Act
from workflow.guards.view import View
from workflow.plan.blocking import is_from_here, missing, unmet_needs, view_of
from workflow.plan.moving import act_step
from workflow.plan.proposing import proposal
from workflow.plan.values import Form, Step, form_of
from workflow.snapshot import Snapshot


def concluding(snapshot: Snapshot, ctx: Context) -> Step | None:
    """The step of the transition that was decided on, or None when none was or something stands in its way.

    What stands in the way is no reason to undo the last ballot: the transition then waits for somebody to carry it
    out, with every reason shown. One that wants a second person becomes a proposal.
    """
    carried = _carried(snapshot, ctx)
    if carried is None or _in_the_way(carried):
        return None
    view, form = carried.view, carried.form
    act = view.act
    if act.second is not None and ctx.actor.person is None:
        return None
    step = act_step(view, form, ctx, proposed_by=None) if act.second is None else proposal(view, form, ctx)
    _, warnings = unmet_needs(view)
    codes = {warning.code for warning in warnings}
    return replace(
        step, ground=f"case:{snapshot.id}#{carried.ground}", confirmed=tuple(sorted(codes & form.confirmed))
    )


def held_up(snapshot: Snapshot, ctx: Context) -> HeldUp | None:
    """The transition a route came to that has not taken effect, with everything that stands in its way; None where none waits."""
    carried = _carried(snapshot, ctx)
    if carried is None or snapshot.pending is not None:
        return None
    blockers = in_order(_in_the_way(carried))
    return HeldUp(act=carried.view.act, blockers=blockers) if blockers else None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldUp:
    """What was decided and waits, and why."""

    act: Act
    blockers: tuple[Blocker, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Carried:
    """The transition that was decided on, with what was moved as its form, and the entry that decided."""

    view: View
    form: Form
    ground: int


def _carried(snapshot: Snapshot, ctx: Context) -> _Carried | None:
    found = routes.conclusion(snapshot)
    if found is None:
        return None
    act = snapshot.definition.acts[found.act]
    form = form_of(
        {"values": found.values, "outcome": found.outcome, "confirmed": found.confirmed},
        snapshot.definition.fields,
    )
    form = replace(form, values={ask.field: form.values.get(ask.field) for ask in act.asks})
    view = replace(view_of(snapshot, act, form, ctx), on_behalf_of=None)
    return _Carried(view=view, form=form, ground=found.ground) if is_from_here(view) else None


def _in_the_way(carried: _Carried) -> list[Blocker]:
    blockers, warnings = unmet_needs(carried.view)
    unconfirmed = [warning for warning in warnings if warning.code not in carried.form.confirmed]
    return [*blockers, *missing(carried.view), *unconfirmed]
