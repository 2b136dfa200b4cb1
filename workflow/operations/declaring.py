"""Conflict of interest, declared by an expert before anything else: none, or one, which means standing aside."""

from __future__ import annotations

from dataclasses import replace

from models.changes import UPDATE, Change
from workflow import routes
from workflow.blockers import Blocker, Rank
from workflow.definition.values.forms import FieldType
from workflow.definition.values.routes import Choice, StepKind
from workflow.operations.open_round import Here, Wanted, barrier, only
from workflow.operations.seats import seat_of
from workflow.plan import Form, Step
from workflow.plan.balloting import ballot
from workflow.plan.blocking import view_of


def may_declare(here: Here) -> Blocker | None:
    """Why the actor has nothing to declare: no panel here, no seat on it, or an opinion given already."""
    actor = here.ctx.actor.person
    if here.step.kind is not StepKind.SCORE:
        return barrier("no_panel_here", Rank.TIME, step=here.step.name)
    cast = routes.ballot_of(here.snapshot, here.row, actor)
    if cast is not None:
        return barrier("already_cast", Rank.FINAL, day=cast["cast_on"], step=here.step.name)
    return None if any(seat.person == actor for seat in here.seated) else only(*here.step.by)


def may_declare_none(here: Here) -> Blocker | None:
    """The same, and why not a second time."""
    found = may_declare(here)
    if found is not None:
        return found
    seat = seat_of(here, str(here.ctx.actor.person), "panel")
    return barrier("declared_already", Rank.FINAL) if seat is not None and seat["declared_seq"] else None


def declaring_none(here: Here) -> Wanted | Blocker:
    """Declare that the actor has no conflict of interest; the version stays, for experts work side by side."""
    found = may_declare_none(here)
    seat = seat_of(here, str(here.ctx.actor.person), "panel")
    if found is not None or seat is None:
        return found or only(*here.step.by)
    change = Change(table="seats", op=UPDATE, key=seat["id"], values={"declared_seq": here.seq})
    return Wanted(kind="declared", changes=[change], form={}, moves=False)


def declaring_conflict(here: Here, *, reason: str) -> Step | Blocker:
    """Declare a conflict of interest: the actor stands aside (回避), and the office is asked to name another expert.

    The reason is kept with the ballot where the step asks for a text, and with its entry in any case.
    """
    found = may_declare(here)
    if found is not None:
        return found
    definition = here.snapshot.definition
    act = definition.acts[here.step.name]
    texts = (ask.field for ask in act.asks if definition.fields[ask.field].type is FieldType.TEXT)
    text = next(texts, None)
    form = Form(outcome=Choice.RECUSE, values={text: reason} if text else {})
    step = ballot(view_of(here.snapshot, act, form, here.ctx), form, here.ctx)
    return replace(step, details={**step.details, "reason": reason})
