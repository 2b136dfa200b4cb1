"""What an act brings about: the case moves, effects follow, timers, turns and notices are compared with what is wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from models import new_key
from models.changes import INSERT, UPDATE, Change, merged, plain
from workflow import machine, routes
from workflow.context import Actor, Context
from workflow.definition.values.acts import TO_UNDO, ActKind
from workflow.definition.values.routes import MORE_TIME_FOR
from workflow.effects import EFFECTS, impose_bans
from workflow.guards.view import View
from workflow.plan.blocking import deadline_answered, is_empty
from workflow.plan.following import Followed, follow
from workflow.plan.keeping import kept
from workflow.plan.notices import act_notices, lifted_notices
from workflow.plan.undoing import undone, undone_seq
from workflow.plan.values import Form, Step
from workflow.snapshot import Snapshot
from workflow.timers import has_passed


def act_step(view: View, form: Form, ctx: Context, *, proposed_by: str | None) -> Step:
    """The act itself: the case moves, its form is kept, effects and bans follow, timers and tasks are compared."""
    snapshot, act = view.snapshot, view.act
    seq = snapshot.case["log_seq"] + 1
    changes = list(_moves(view, seq)) + list(kept(view)) + list(_pins(view))
    for name in act.does:
        changes += EFFECTS[name](replace(view, snapshot=snapshot.after(changes)), seq)
    if act.kind is ActKind.TASK:
        changes.append(_hand_in(view, seq, ctx))
    else:
        changes += impose_bans(view, seq)
        if act.to == TO_UNDO:
            changes += undone(view, seq)
    changes += settled_pending(view, ctx, confirmed=proposed_by is not None)
    step = completed(
        view,
        form,
        ctx,
        changes,
        seq=seq,
        kind=str(act.kind),
        proposed_by=proposed_by,
        corrects=undone_seq(view) if act.to == TO_UNDO else None,
    )
    return replace(step, notices=(*step.notices, *lifted_notices(view, ctx))) if act.to == TO_UNDO else step


def completed(
    view: View,
    form: Form,
    ctx: Context,
    changes: list[Change],
    *,
    seq: int,
    kind: str,
    proposed_by: str | None,
    corrects: int | None = None,
) -> Step:
    """Add what follows from the changes: the dates, the timers, the tasks, the notices."""
    snapshot, act = view.snapshot, view.act
    after = snapshot.after(changes)
    dates = {name: plain(day) for name, day in after.dates().items()}
    if dates != after.case["dates"]:
        dated = Change(table="cases", op=UPDATE, key=snapshot.id, values={"dates": dates})
        changes = [*changes, dated]
        after = after.after([dated])
    follows = follow(after, seq=seq, day=view.effective_on, since=view.since or ctx.at, at=ctx.at)
    template = "asked_to_confirm" if kind == "proposal" else "act"
    return Step(
        seq=seq,
        kind=kind,
        act=act.name,
        outcome=form.outcome,
        from_state=snapshot.state,
        to_state=after.state,
        actor=acting(view, ctx),
        proposed_by=proposed_by,
        source=ctx.source,
        effective_on=view.effective_on,
        basis=act.basis,
        by_basis=act.by_basis,
        form=stated(view),
        before=snapshot,
        changes=tuple(merged([*changes, *follows.rounds])),
        armed=follows.armed,
        ended=follows.ended,
        turns=follows.turns,
        notices=tuple(act_notices(view, follows, seq, ctx, template=template)),
        corrects=corrects,
        details=_told_of_ended(follows),
    )


def stated(view: View) -> dict[str, Any]:
    """What the form says, its empty fields left out."""
    said = {ask.field: view.form.get(ask.field) for ask in view.act.asks}
    return {name: value for name, value in said.items() if not is_empty(value)}


def _told_of_ended(follows: Followed) -> Mapping[str, Any]:
    """What the entry makes known of a round that ended because the deadline it went on without runs again: its ballots."""
    for change in follows.rounds:
        if change.op == UPDATE and change.values["result"].startswith(MORE_TIME_FOR):
            return routes.revealed(follows.after, change.key)
    return {}


def acting(view: View, ctx: Context) -> Actor:
    """The actor, with the person for whom they act."""
    return replace(ctx.actor, on_behalf_of=view.on_behalf_of) if view.on_behalf_of else ctx.actor


def moved(snapshot: Snapshot, step: Step) -> Snapshot:
    """The snapshot after a step, its entry counted."""
    after = snapshot.after((*step.changes, *step.ended, *step.armed, *step.turns))
    return replace(after, case={**after.case, "log_seq": step.seq})


def _moves(view: View, seq: int) -> Iterator[Change]:
    """The case's own row, and the passage of a transition."""
    snapshot, act = view.snapshot, view.act
    version = snapshot.case["version"]
    values: dict[str, Any] = {"version": version + 1, "log_seq": seq}
    if act.kind is ActKind.TRANSITION and act.to != TO_UNDO:
        target = machine.fire(snapshot.definition, snapshot.state, act.name)
        place = max((row["place"] for row in snapshot.table("passages")), default=0) + 1
        values["entered_on"] = view.effective_on
        if target != snapshot.state:
            ended = snapshot.definition.states[target].end
            values |= {"state": target, "stay": place, "closed_at": view.at if ended else None}
        yield _insert_passage(view, seq, place, target)
    yield Change(table="cases", op=UPDATE, key=snapshot.id, values=values, seen=version)


def _insert_passage(view: View, seq: int, place: int, target: str) -> Change:
    row: dict[str, Any] = {
        "id": new_key(),
        "case_id": view.snapshot.id,
        "place": place,
        "seq": seq,
        "transition": view.act.name,
        "from_state": view.snapshot.state,
        "to_state": target,
        "outcome": view.outcome,
        "effective_on": view.effective_on,
        "recorded_at": view.at,
        "voided_seq": None,
    }
    return Change(table="passages", op=INSERT, key=row["id"], values=row)


def _pins(view: View) -> Iterator[Change]:
    """Copy onto the case the settings in force that this act pins; later changes of them do not reach it."""
    snapshot = view.snapshot
    pins = {
        name: snapshot.setting_in_force(name)
        for name, setting in snapshot.definition.settings.items()
        if setting.pinned_by == view.act.name
    }
    if pins:
        yield Change(
            table="cases",
            op=UPDATE,
            key=snapshot.id,
            values={"pins": {**(snapshot.case["pins"] or {}), **pins}},
        )


def _hand_in(view: View, seq: int, ctx: Context) -> Change:
    """What was handed in on a task, for this stay or, where the deadline comes back yearly, for its year."""
    snapshot, row = view.snapshot, deadline_answered(view)
    names = {ask.field for ask in view.act.asks} | set(view.act.either)
    values = {
        "id": new_key(),
        "case_id": snapshot.id,
        "seq": seq,
        "task": view.act.name,
        "stay": snapshot.case["stay"],
        "period": row["period"] if row else None,
        "form": {name: plain(view.form[name]) for name in sorted(names) if not is_empty(view.form.get(name))},
        "person_id": ctx.actor.person,
        "handed_in_on": view.effective_on,
        "late": bool(row and has_passed(row, view.at)),
        "voided_seq": None,
    }
    return Change(table="hand_ins", op=INSERT, key=str(values["id"]), values=values)


def settled_pending(view: View, ctx: Context, *, confirmed: bool) -> list[Change]:
    """Any change of the case settles a waiting proposal: the confirmed one is carried out, any other is void."""
    if not confirmed:
        return voided(view.snapshot, ctx)
    decided = {"status": "confirmed", "decided_by": ctx.actor.person, "decided_at": ctx.at}
    return [
        Change(table="pending_acts", op=UPDATE, key=row["id"], values=decided)
        for row in view.snapshot.table("pending_acts")
        if row["status"] == "open"
    ]


def voided(snapshot: Snapshot, ctx: Context) -> list[Change]:
    """The waiting proposal of a case that moves on without it."""
    return [
        Change(
            table="pending_acts", op=UPDATE, key=row["id"], values={"status": "void", "decided_at": ctx.at}
        )
        for row in snapshot.table("pending_acts")
        if row["status"] == "open"
    ]
