"""Carry out what people decide about a case: perform an act, confirm or decline what another proposed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Entry, PendingAct
from models.changes import INSERT, UPDATE, Change, write
from workflow import entries, gather
from workflow.context import Actor, Context
from workflow.definition.values.acts import TO_UNDO, Act
from workflow.effects import counters
from workflow.errors import NotFound
from workflow.operations.answers import Receipt, Refusal, only_for
from workflow.operations.deeds import known_people
from workflow.operations.numbering import numbered, take_turns
from workflow.operations.repeats import fingerprint_of, first_answer, kept_under
from workflow.operations.steps import caught_up, note, planned, steps_as_changes, write_steps
from workflow.operations.turned_away import DENIAL, with_turned_away
from workflow.plan import Form, Plan, decide, form_of
from workflow.snapshot import Row, Snapshot, held_roles
from workflow.wake import in_its_wake
from workflow.world import definition_of

DENIED = frozenset(
    {"not_your_role", "not_delegated", "banned", "conflict", "confirm_by_another", "only_by_timer"}
)
"""Refusals that matter to an auditor: they are logged in the stream of the person who tried."""


def perform(
    session: Session, case_id: str, act: str, *, form: Form, version: int, ctx: Context
) -> Receipt | Refusal:
    """Carry out an act on the case as it stood at `version`, or say everything that stands in the way.

    Before it, the case's due timers take effect; where one did, the act was decided on an older case and is stale. A
    refusal leaves the case untouched. Raises NotFound for a case or act that does not exist, and `key_reused` when the
    context's key was used for something else; BadInput for a copy to nobody there is.
    """
    known_people(session, "copies", form.copies)
    row = gather.lock(session, case_id)
    fingerprint = _fingerprint(case_id, act, form)
    snapshot = _read(session, row, act, form, people=(ctx.actor.person,), ctx=ctx)
    repeated = _answered(snapshot, ctx, fingerprint)
    if repeated is not None:
        return repeated
    snapshot = caught_up(session, row, snapshot, ctx)
    if snapshot.case["version"] != version:
        return Refusal(stale=since(session, case_id, version))
    snapshot, plan = numbered(
        session,
        snapshot,
        lambda known: decide(known, act, form, ctx, proposed_by=None),
        lambda made: planned(made.steps),
    )
    if plan.blockers or plan.warnings:
        _log_denial(session, snapshot, act, plan, ctx)
        return Refusal(blockers=plan.blockers, warnings=plan.warnings)
    return _carry_out(session, row, snapshot, plan, ctx, fingerprint=fingerprint)


def confirm(session: Session, pending_id: str, *, version: int, ctx: Context) -> Receipt | Refusal:
    """Carry out what another person proposed. The proposer's right is checked again; any change voided the proposal.

    Raises NotFound when there is no such open proposal.
    """
    pending = session.get(PendingAct, pending_id)
    if pending is None:
        raise NotFound("no_such_proposal", pending=pending_id)
    row = gather.lock(session, pending.case_id)
    fingerprint = _fingerprint(pending.case_id, f"confirm:{pending_id}", Form())
    form = form_of(pending.form, definition_of(session, row[1]).fields)
    people = (ctx.actor.person, pending.proposed_by)
    snapshot = _read(session, row, pending.act, form, people=people, ctx=ctx)
    repeated = _answered(snapshot, ctx, fingerprint)
    if repeated is not None:
        return repeated
    snapshot = caught_up(session, row, snapshot, ctx)
    waiting = snapshot.pending
    if waiting is None or waiting["id"] != pending_id or snapshot.case["version"] != version:
        return Refusal(stale=since(session, pending.case_id, version))
    proposer = Actor(person=pending.proposed_by)
    snapshot, plan = numbered(
        session,
        snapshot,
        lambda known: decide(known, pending.act, form, ctx, proposed_by=proposer),
        lambda made: planned(made.steps),
    )
    if plan.blockers or plan.warnings:
        _log_denial(session, snapshot, pending.act, plan, ctx)
        return Refusal(blockers=plan.blockers, warnings=plan.warnings)
    return _carry_out(session, row, snapshot, plan, ctx, fingerprint=fingerprint)


def decline(session: Session, pending_id: str, *, reason: str, ctx: Context) -> Receipt | Refusal:
    """Turn down a proposal, or take back one's own; the case moves on without it. Raises NotFound as `confirm` does."""
    pending = session.get(PendingAct, pending_id)
    if pending is None:
        raise NotFound("no_such_proposal", pending=pending_id)
    row = gather.lock(session, pending.case_id)
    snapshot = _read(session, row, pending.act, Form(), people=(ctx.actor.person,), ctx=ctx)
    waiting = snapshot.pending
    if waiting is None or waiting["id"] != pending_id:
        return Refusal(stale=since(session, pending.case_id, snapshot.case["version"]))
    act = snapshot.definition.acts[pending.act]
    own = pending.proposed_by == ctx.actor.person
    second = act.second or snapshot.definition.import_.by
    if not own and second not in held_roles(snapshot, ctx.actor.person):
        return only_for(second)
    status = "withdrawn" if own else "declined"
    decided = {"status": status, "decided_by": None if own else ctx.actor.person, "decided_at": ctx.at}
    change = Change(table="pending_acts", op=UPDATE, key=pending_id, values=decided)
    step = note(snapshot, kind=status, act=pending.act, changes=[change], form={"reason": reason}, ctx=ctx)
    return write_steps(session, row, (step,), ctx)


# ───────────────────────────── Reading


def _read(
    session: Session, row: gather.Located, act: str, form: Form, *, people: Iterable[str | None], ctx: Context
) -> Snapshot:
    """The snapshot an act needs, its counters locked and, for a correction, the entry it would undo."""
    definition = definition_of(session, row[1])
    known = definition.acts.get(act)
    if known is None:
        raise NotFound("unknown_act", act=act)
    follow = in_its_wake(definition, row.row["state"])
    year = (form.effective_on or ctx.today).year
    wish = replace(
        gather.Wish.for_acts(definition, (known, *follow), people=people, values=form.values).answering(
            known
        ),
        counters=counters(known.does, year),
        foreseen=tuple(name for after in follow for name in counters(after.does, year)),
        key=kept_under(ctx),
        since=form.effective_on,
        holds=True,
    )
    if "twins" in wish.parts:
        gather.hold_identities(session, str(row.row["id"]), definition.subject, wish)
    snapshot = gather.gather(session, [row], wish=wish, today=ctx.today)[str(row[0]["id"])]
    if not snapshot.held >= {*wish.counters}:
        take_turns(session, wish.counters)
        snapshot = gather.gather(session, [row], wish=wish, today=ctx.today)[str(row[0]["id"])]
    return with_turned_away(session, with_undone(session, snapshot, known))


def with_undone(session: Session, snapshot: Snapshot, act: Act) -> Snapshot:
    """Read the entry a correction would undo: that of the last passage that moved the case and still stands."""
    if act.to != TO_UNDO:
        return snapshot
    moved = [row for row in snapshot.passages() if row["from_state"] not in (None, row["to_state"])]
    if not moved:
        return snapshot
    stream = f"case:{snapshot.id}"
    body = session.scalar(select(Entry.body).where(Entry.stream == stream, Entry.seq == moved[-1]["seq"]))
    built_on = session.scalar(select(Entry.id).where(Entry.ground == f"{stream}#{moved[-1]['seq']}").limit(1))
    return replace(snapshot, undone=json.loads(body) if body else None, built_on=built_on is not None)


def since(session: Session, case_id: str, version: int) -> tuple[Row, ...]:
    """The latest entries of a case, for the page that says what happened meanwhile; newest first."""
    rows = session.execute(
        select(Entry.seq, Entry.kind, Entry.act, Entry.actor, Entry.to_state, Entry.recorded_at)
        .where(Entry.stream == f"case:{case_id}")
        .order_by(Entry.seq.desc())
        .limit(5)
    ).mappings()
    return tuple(dict(row) for row in rows)


# ───────────────────────────── Writing


def _carry_out(
    session: Session, row: gather.Located, snapshot: Snapshot, plan: Plan, ctx: Context, *, fingerprint: str
) -> Receipt:
    changes, written, _ = steps_as_changes(row, plan.steps, ctx)
    after = plan.after or snapshot
    receipt = Receipt(
        case_id=snapshot.id,
        act=plan.act.name,
        seq=written[0].seq,
        hash=written[0].hash,
        recorded_at=ctx.at,
        state=after.state,
        version=after.case["version"],
        proposed=plan.proposes,
        entries=tuple((entry.seq, entry.act or "", entry.hash) for entry in written),
    )
    write(session, [*changes, *_answer(receipt, ctx, fingerprint)])
    return receipt


# ───────────────────────────── Repeats and denials


def _fingerprint(case_id: str, act: str, form: Form) -> str:
    said = [case_id, act, dict(form.values), form.outcome, form.effective_on, form.on_behalf_of]
    return fingerprint_of([*said, list(form.copies)] if form.copies else said)


def _answered(snapshot: Snapshot, ctx: Context, fingerprint: str) -> Receipt | None:
    """The first answer to a repeated request. Raises `key_reused` when the key came with something else."""
    row = snapshot.answered
    return None if row is None else first_answer(row, Receipt, fingerprint=fingerprint, ctx=ctx)


def _answer(receipt: Receipt, ctx: Context, fingerprint: str) -> list[Change]:
    name = kept_under(ctx)
    if name is None:
        return []
    values = {"name": name, "fingerprint": fingerprint, "answer": receipt.kept(), "recorded_at": ctx.at}
    return [Change(table="idempotency_keys", op=INSERT, key=name, values=values)]


def _log_denial(session: Session, snapshot: Snapshot, act: str, plan: Plan, ctx: Context) -> None:
    """Keep refusals that matter, in the stream of the person; the case's own chain stays as it is."""
    codes = sorted({blocker.code for blocker in plan.blockers} & DENIED)
    if not codes or ctx.actor.person is None:
        return
    content: dict[str, Any] = {"act": act, "case": snapshot.id, "refused": codes}
    bans = sorted({blocker.params["ban"] for blocker in plan.blockers if blocker.code == "banned"})
    if bans:
        content["bans"] = bans
    write(session, entries.append(session, ctx.actor.text, kind=DENIAL, content=content, changes=[], ctx=ctx))
