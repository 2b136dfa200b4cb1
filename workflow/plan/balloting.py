"""Taking part in a decision: a ballot as a step of a plan, and a motion that others are to vote on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from models import new_key
from models.changes import INSERT, UPDATE, Change, merged, plain
from workflow import routes
from workflow.context import Context
from workflow.definition.values.routes import CONFIDENTIAL, Choice
from workflow.guards.view import View
from workflow.plan.blocking import is_empty
from workflow.plan.following import Followed, follow
from workflow.plan.moving import acting, settled_pending, stated
from workflow.plan.notices import aside_notices, asked, copy_notices, moved_deadlines
from workflow.plan.values import Form, Step
from workflow.snapshot import Row, Snapshot


def ballot(view: View, form: Form, ctx: Context) -> Step:
    """One ballot: kept, counted, and with it the rounds that follow. Only one that closes a round moves the case's version.

    So fifteen people may vote at once on the case as they saw it, and whoever comes after the closing is told.
    """
    snapshot = view.snapshot
    here = routes.standing(snapshot)
    assert here.step is not None
    assert here.round is not None
    seq = snapshot.case["log_seq"] + 1
    voter = view.on_behalf_of or ctx.actor.person
    changes = [
        _counted(snapshot, seq, moves=False),
        *_cast(view, here.round, seq=seq, voter=str(voter), cast_by=str(ctx.actor.person)),
    ]
    after = snapshot.after(changes)
    follows = follow(after, seq=seq, day=view.effective_on, since=ctx.at, at=ctx.at)
    if follows.rounds:
        changes = [
            _counted(snapshot, seq, moves=True),
            *changes[1:],
            *settled_pending(view, ctx, confirmed=False),
        ]
    confidential = here.step.kind in CONFIDENTIAL and view.outcome != Choice.RECUSE
    told = _told_at_closing(follows, here.round)
    step = _step(
        view,
        form,
        ctx,
        [*changes, *follows.rounds],
        follows,
        seq=seq,
        confidential=confidential,
        details={**told, "copies": list(form.copies)} if form.copies else told,
    )
    copied = copy_notices(view, form.copies, seq, ctx, outcome=None if confidential else view.outcome)
    aside = tuple(aside_notices(view, here.step, follows.after, seq, ctx))
    asked_now = {
        change.values["person_id"] for change in step.notices
    }  # of the panel that now lacks an expert
    aside = tuple(change for change in aside if change.values["person_id"] not in asked_now)
    return replace(step, notices=(*step.notices, *copied, *aside))


def motion(view: View, form: Form, ctx: Context) -> Step:
    """The act as a motion: what it would do is kept, and the steps after it decide."""
    snapshot = view.snapshot
    here = routes.standing(snapshot)
    assert here.step is not None
    seq = snapshot.case["log_seq"] + 1
    kept = {"act": view.act.name, **replace(form, values=view.form).stored}
    row = routes.opened(snapshot, here.step, seq=seq, day=view.effective_on, motion=kept)
    row |= {"result": str(routes.Result.PASSED), "closed_seq": seq, "closed_on": view.effective_on}
    changes = [
        _counted(snapshot, seq, moves=True),
        *settled_pending(view, ctx, confirmed=False),
        Change(table="rounds", op=INSERT, key=str(row["id"]), values=row),
    ]
    follows = follow(snapshot.after(changes), seq=seq, day=view.effective_on, since=ctx.at, at=ctx.at)
    step = _step(view, form, ctx, [*changes, *follows.rounds], follows, seq=seq, details={})
    return replace(step, kind="motion")


def _counted(snapshot: Snapshot, seq: int, *, moves: bool) -> Change:
    """The case's own row: its chain grows by one, and with a closing its version."""
    version = snapshot.case["version"]
    values: dict[str, Any] = {"log_seq": seq}
    if moves:
        values["version"] = version + 1
    return Change(table="cases", op=UPDATE, key=snapshot.id, values=values, seen=version)


def _cast(view: View, run: Row, *, seq: int, voter: str, cast_by: str) -> Iterator[Change]:
    """The ballot, and in a secret vote a slip that nothing links to it. Who stands aside says so openly."""
    secret = bool(run["rules"] and run["rules"].get("secret")) and view.outcome != Choice.RECUSE
    asked_for = {ask.field for ask in view.act.asks}
    row = {
        "id": new_key(),
        "case_id": view.snapshot.id,
        "round_id": run["id"],
        "person_id": voter,
        "cast_by": cast_by,
        "choice": None if secret else view.outcome,
        "form": {
            name: plain(view.form[name]) for name in sorted(asked_for) if not is_empty(view.form.get(name))
        },
        "seq": seq,
        "cast_on": view.effective_on,
        "voided_seq": None,
    }
    yield Change(table="ballots", op=INSERT, key=str(row["id"]), values=row)
    if secret:
        slip = {"id": str(uuid4()), "round_id": run["id"], "choice": view.outcome}
        yield Change(table="slips", op=INSERT, key=slip["id"], values=slip)


def _told_at_closing(follows: Followed, run: Row) -> Mapping[str, Any]:
    """What the entry that closes a round reveals: of an open vote or a panel every ballot, of a secret one the choices shuffled."""
    if not any(change.key == run["id"] for change in follows.rounds):
        return {}
    return routes.revealed(follows.after, run["id"])


def _step(
    view: View,
    form: Form,
    ctx: Context,
    changes: list[Change],
    follows: Followed,
    *,
    seq: int,
    details: Mapping[str, Any],
    confidential: bool = False,
) -> Step:
    act = view.act
    return Step(
        seq=seq,
        kind="ballot",
        act=act.name,
        outcome=form.outcome,
        from_state=view.snapshot.state,
        to_state=view.snapshot.state,
        actor=acting(view, ctx),
        source=ctx.source,
        effective_on=view.effective_on,
        basis=act.basis,
        by_basis=act.by_basis,
        form=stated(view),
        before=view.snapshot,
        changes=tuple(merged(changes)),
        armed=follows.armed,
        ended=follows.ended,
        turns=follows.turns,
        notices=(
            *asked(view.snapshot, follows.after, seq, ctx),
            *moved_deadlines(view.snapshot, follows, seq, ctx, why=act.name),
        ),
        confidential=confidential,
        details=details,
    )
