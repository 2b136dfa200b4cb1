"""May I, and if not, why: every reason that stands in the way of an act, collected together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from workflow.barring import HELD
from workflow.blockers import Blocker, Rank
from workflow.context import Actor, Context
from workflow.definition.values.acts import Act, ActKind
from workflow.definition.values.forms import FieldType
from workflow.definition.values.routes import BACK_TO, Choice, StepKind
from workflow.errors import NotFound
from workflow.guards import GUARDS
from workflow.guards.bans import barred
from workflow.guards.view import View
from workflow.periods import beijing_day
from workflow.plan.rights import lender_for, rights, route_open
from workflow.plan.values import Form
from workflow.snapshot import Row, Snapshot, held_roles

OF_THE_FORM = frozenset({"one_of_wanted"})
"""Reasons that only the form removes: nothing of the case stands in the way, so they count once the form is sent."""


def act_of(snapshot: Snapshot, name: str) -> Act:
    act = snapshot.definition.acts.get(name)
    if act is None:
        raise NotFound("unknown_act", act=name)
    return act


def view_of(snapshot: Snapshot, act: Act, form: Form, ctx: Context) -> View:
    return View(
        snapshot=snapshot,
        act=act,
        form=form.values,
        outcome=form.outcome,
        effective_on=form.effective_on or ctx.today,
        at=ctx.at,
        person=ctx.actor.person,
        on_behalf_of=form.on_behalf_of or lender_for(snapshot, act, ctx.actor),
    )


def reasons(view: View, actor: Actor, *, confirmer: Actor | None) -> tuple[list[Blocker], list[Blocker]]:
    """All blockers and warnings, evaluated together so that a person sees every reason at once."""
    unmet, warnings = unmet_needs(view)
    blockers = [
        *_state(view),
        *rights(view, actor, confirmer),
        *route_open(view),
        *_too_soon(view),
        *unmet,
    ]
    return blockers, warnings


def unmet_needs(view: View) -> tuple[list[Blocker], list[Blocker]]:
    """What the act's own guards and the bans say, whoever acts."""
    blockers: list[Blocker] = []
    warnings: list[Blocker] = []
    for need in view.act.needs:
        if need.guard != "nothing_overdue_after":
            (warnings if need.confirm else blockers).extend(GUARDS[need.guard](view, need))
    for ban in view.snapshot.definition.bans.values():
        if view.act.name in ban.blocks:
            for blocker in barred(view, ban):
                held = blocker.code in HELD
                cleared = held and ban.finding is not None and bool(view.form.get(ban.finding))
                asks_finding = any(ask.field == ban.finding for ask in view.act.asks)
                if held and (cleared or not asks_finding):
                    warnings.append(blocker)
                else:
                    blockers.append(blocker)
    return blockers, warnings


def is_from_here(view: View) -> bool:
    return view.snapshot.state in view.act.source


def _state(view: View) -> Iterator[Blocker]:
    if not is_from_here(view):
        yield Blocker(
            code="not_from_here",
            basis=view.act.basis,
            rank=Rank.FINAL,
            params={"state": view.snapshot.state, "from": sorted(view.act.source)},
        )


def _too_soon(view: View) -> Iterator[Blocker]:
    """A year's data are complete only when the year is over."""
    row = deadline_answered(view)
    if row is not None and row["period"] is not None and view.effective_on.year <= row["period"]:
        ripe = date(row["period"] + 1, 1, 1)
        yield Blocker(code="too_early", basis="local", rank=Rank.TIME, params={"day": ripe}, from_on=ripe)


def deadline_answered(view: View) -> Row | None:
    """The deadline a hand-in answers: the earliest still unanswered."""
    rows = [
        row
        for row in view.snapshot.table("timers")
        if row["name"] == view.act.timer and row["ended_seq"] is None
    ]
    return min(rows, key=lambda row: row["due_at"], default=None)


def copies_misplaced(act: Act, form: Form) -> Iterator[Blocker]:
    """Only a ballot is copied to others; an act tells those its lifecycle names."""
    if form.copies and act.kind is not ActKind.BALLOT:
        yield Blocker(code="copies_with_ballots_only", basis="local", rank=Rank.RULE)


def missing(view: View) -> Iterator[Blocker]:
    """Fields the form still wants."""
    act, values = view.act, view.form
    standing_aside = view.outcome == Choice.RECUSE
    for ask in act.asks:
        if ask.required and not standing_aside and is_empty(values.get(ask.field)):
            yield Blocker(
                code="field_missing",
                basis=view.snapshot.definition.fields[ask.field].basis,
                rank=Rank.MATERIAL,
                params={"field": ask.field},
            )
    if act.either and sum(not is_empty(values.get(name)) for name in act.either) != 1:
        yield Blocker(
            code="exactly_one", basis=act.basis, rank=Rank.MATERIAL, params={"fields": list(act.either)}
        )
    if act.kind is ActKind.BALLOT:
        yield from _reasons_of_refusal(view)
        yield from _lines_of_sheets(view)
    outcomes = act.outcomes_by_state.get(view.snapshot.state, act.outcomes)
    if outcomes and view.outcome is None:
        yield Blocker(
            code="outcome_missing", basis=act.basis, rank=Rank.MATERIAL, params={"outcomes": list(outcomes)}
        )
    elif view.outcome is not None and view.outcome not in outcomes:
        yield Blocker(
            code="outcome_unknown", basis=act.basis, rank=Rank.RULE, params={"outcomes": list(outcomes)}
        )
    if act.facts:
        fact = values.get("fact")
        if isinstance(fact, Mapping) and fact.get("name") not in act.facts:
            yield Blocker(
                code="fact_unknown", basis="local", rank=Rank.RULE, params={"facts": list(act.facts)}
            )
    known = {row["id"] for row in view.snapshot.table("documents")}
    for name in {ask.field for ask in act.asks} | {*act.either, *act.facts}:
        kind = view.snapshot.definition.fields[name].type
        value = values.get(name)
        if kind is FieldType.DOCUMENT and value and value not in known:
            yield Blocker(code="document_unknown", basis="local", rank=Rank.MATERIAL, params={"field": name})
        units = [value] if kind is FieldType.UNIT else list(value or ()) if kind is FieldType.UNITS else []
        if any(unit and view.snapshot.units.get(unit, {}).get("kind") != "college" for unit in units):
            yield Blocker(code="unit_unknown", basis="local", rank=Rank.MATERIAL, params={"field": name})


def _reasons_of_refusal(view: View) -> Iterator[Blocker]:
    """Whoever refuses or sends back alone says why, in whatever text the step asks for; a vote against needs no reason."""
    step = view.snapshot.definition.step(view.snapshot.state, view.act.name)
    if step is not None and step.kind is StepKind.VOTE:
        return
    if view.outcome not in (Choice.REFUSE, Choice.OBJECT) and not str(view.outcome).startswith(BACK_TO):
        return
    fields = view.snapshot.definition.fields
    texts = [
        ask.field for ask in view.act.asks if fields[ask.field].type in (FieldType.TEXT, FieldType.REASONS)
    ]
    if texts and all(is_empty(view.form.get(name)) for name in texts):
        yield Blocker(
            code="field_wanted",
            basis="local",
            rank=Rank.MATERIAL,
            params={"field": texts[0], "outcome": view.outcome},
        )


def _lines_of_sheets(view: View) -> Iterator[Blocker]:
    """A sheet is sealed whole: every heading has a mark or a remark."""
    definition = view.snapshot.definition
    for ask in view.act.asks:
        field = definition.fields[ask.field]
        given = view.form.get(ask.field)
        if field.type is not FieldType.SHEET or not given:
            continue
        items = [name for sheet in field.sheets for name in definition.sheets[sheet]]
        if lacking := [name for name in items if not given.get(name)]:
            yield Blocker(
                code="sheet_incomplete",
                basis=field.basis,
                rank=Rank.MATERIAL,
                params={"field": field.name, "items": lacking},
            )


def is_empty(value: Any) -> bool:
    return value is None or value == "" or value == () or value == [] or value == {}


def effective_day(view: View, actor: Actor) -> Iterator[Blocker]:
    """An effective day is not before the case's previous one, not in the future, and stated only by those who may."""
    if view.effective_on == beijing_day(view.at):
        return
    allowed = view.snapshot.definition.backdating
    if actor.person is not None and not held_roles(view.snapshot, actor.person) & set(allowed):
        yield Blocker(
            code="effective_day_not_yours",
            basis="local",
            rank=Rank.ROLE,
            params={"roles": list(allowed)},
            mend=allowed,
        )
    if view.effective_on > beijing_day(view.at):
        yield Blocker(
            code="effective_in_future", basis="local", rank=Rank.RULE, params={"day": view.effective_on}
        )
    previous = view.snapshot.case["entered_on"]
    if view.effective_on < previous:
        yield Blocker(
            code="effective_before_previous",
            basis="local",
            rank=Rank.RULE,
            params={"day": view.effective_on, "previous": previous},
        )


def is_too_far_back(view: View) -> bool:
    days = (beijing_day(view.at) - view.effective_on).days
    if days <= 0 or "backdate_limit" not in view.snapshot.definition.settings:
        return False
    return days > view.snapshot.length("backdate_limit").days
