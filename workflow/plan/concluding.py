"""What a route comes to: the transition its last round decided on, as a further step of the same plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from workflow import routes
from workflow.blockers import Blocker
from workflow.context import Context
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
    found = routes.conclusion(snapshot)
    if found is None:
        return None
    act = snapshot.definition.acts[found.act]
    form = form_of(
        {"values": found.values, "outcome": found.outcome, "confirmed": found.confirmed},
        snapshot.definition.fields,
    )
    asked = {ask.field: form.values.get(ask.field) for ask in act.asks}
    form = replace(form, values=asked)
    view = replace(view_of(snapshot, act, form, ctx), on_behalf_of=None)
    blockers, warnings = unmet_needs(view)
    if not is_from_here(view) or blockers or any(missing(view)) or _unconfirmed(form, warnings):
        return None
    if act.second is not None and ctx.actor.person is None:
        return None
    step = act_step(view, form, ctx, proposed_by=None) if act.second is None else proposal(view, form, ctx)
    codes = {warning.code for warning in warnings}
    return replace(
        step, ground=f"case:{snapshot.id}#{found.ground}", confirmed=tuple(sorted(codes & form.confirmed))
    )


def _unconfirmed(form: Form, warnings: Iterable[Blocker]) -> bool:
    return any(warning.code not in form.confirmed for warning in warnings)
