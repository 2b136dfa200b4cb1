"""The second person: an act that only becomes a proposal, because another must confirm it."""

from __future__ import annotations

from dataclasses import replace

from models import new_key
from models.changes import INSERT, UPDATE, Change
from workflow.context import Context
from workflow.guards.view import View
from workflow.plan.moving import completed, settled_pending
from workflow.plan.values import Form, Step


def proposal(view: View, form: Form, ctx: Context) -> Step:
    """The act as a proposal: nothing moves but the version, and another person is asked."""
    snapshot = view.snapshot
    seq, version = snapshot.case["log_seq"] + 1, snapshot.case["version"]
    row = {
        "id": new_key(),
        "case_id": snapshot.id,
        "act": view.act.name,
        "case_version": version + 1,
        "form": replace(form, values=view.form, effective_on=view.effective_on).stored,
        "proposed_by": ctx.actor.person,
        "proposed_at": ctx.at,
        "status": "open",
        "decided_by": None,
        "decided_at": None,
    }
    changes = [
        Change(
            table="cases",
            op=UPDATE,
            key=snapshot.id,
            values={"version": version + 1, "log_seq": seq},
            seen=version,
        ),
        *settled_pending(view, ctx, confirmed=False),
        Change(table="pending_acts", op=INSERT, key=str(row["id"]), values=row),
    ]
    second = view.act.second or snapshot.definition.import_.by
    told = replace(view, act=replace(view.act, tell=(second,)))
    step = completed(told, form, ctx, changes, seq=seq, kind="proposal", proposed_by=ctx.actor.person)
    return replace(step, act=view.act.name)
