"""Plan an act without touching the database: may it happen, and if so what exactly will be written.

The same plan draws the button, fills the consequences page and is carried out by `workflow.operations`. A plan is a
chain of steps, one per log entry: the act itself, and every timer it lets take effect at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from models import new_key
from models.changes import INSERT, UPDATE, Change, merged, plain
from workflow import machine, tasks, timers
from workflow.blockers import Blocker, Rank, in_order
from workflow.context import Actor, Context, Source
from workflow.definition.values import TO_UNDO, Act, ActKind, FieldType, Held
from workflow.effects import EFFECTS, impose_bans
from workflow.errors import NotFound
from workflow.guards import GUARDS, View, barred
from workflow.periods import beijing_day
from workflow.snapshot import KEPT, VOIDABLE, Row, Snapshot, held_roles

CHAIN_LIMIT = 20
"""More timers than this taking effect at one instant on one case is a fault of the lifecycle, not of time."""

CHANNELS = ("app", "mail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a person stated: field values, the outcome, an effective day, and the warnings they confirmed."""

    values: Mapping[str, Any] = field(default_factory=dict)
    outcome: str | None = None
    effective_on: date | None = None
    confirmed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One log entry to be: what it says, and the rows it brings about."""

    seq: int
    kind: str
    act: str
    outcome: str | None
    from_state: str | None
    to_state: str
    actor: Actor
    proposed_by: str | None
    source: Source
    effective_on: date
    basis: str
    by_basis: str
    form: Mapping[str, Any]
    before: Snapshot
    changes: tuple[Change, ...]
    """Rows of the typed tables, the case and the subject."""
    armed: tuple[Change, ...]
    ended: tuple[Change, ...]
    """Timer rows that began, and timer rows whose status moved."""
    turns: tuple[Change, ...]
    notices: tuple[Change, ...]
    corrects: int | None = None
    ground: str | None = None
    """The entry this act rests on, as `stream#seq`; a correction of that entry is then refused."""
    confirmed: tuple[str, ...] = ()
    """The codes of the warnings that were shown and confirmed."""
    due_at: datetime | None = None
    """For an act of the clock, the instant its timer was due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The answer to "may I, and what happens": blockers and unconfirmed warnings, or the steps to write."""

    act: Act
    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[Blocker, ...] = ()
    steps: tuple[Step, ...] = ()
    after: Snapshot | None = None
    proposes: bool = False
    """The act only becomes a proposal: another person must confirm it."""

    @property
    def allowed(self) -> bool:
        return not self.blockers

    @property
    def changes(self) -> list[Change]:
        """Everything the steps write, entries excepted."""
        return merged(
            change
            for step in self.steps
            for change in (*step.changes, *step.ended, *step.armed, *step.turns, *step.notices)
        )


# ───────────────────────────── May I?


def probe(snapshot: Snapshot, name: str, ctx: Context) -> Plan:
    """Say what stands in the way of an act before its form is filled in."""
    act = _act(snapshot, name)
    view = _view(snapshot, act, Form(), ctx)
    blockers, warnings = _reasons(view, ctx.actor, confirmer=None)
    return Plan(act=act, blockers=in_order(blockers), warnings=in_order(warnings))


def decide(snapshot: Snapshot, name: str, form: Form, ctx: Context, *, proposed_by: Actor | None) -> Plan:
    """Plan an act with its form. With `proposed_by`, the context's actor confirms what that person proposed.

    Raises NotFound when the edition knows no such act.
    """
    act = _act(snapshot, name)
    form = _settled(snapshot, act, form)
    view = _view(snapshot, act, form, ctx)
    actor = proposed_by or ctx.actor
    blockers, warnings = _reasons(view, actor, confirmer=ctx.actor if proposed_by else None)
    blockers += list(_missing(view)) + list(_effective_day(view, actor))
    open_warnings = [warning for warning in warnings if warning.code not in form.confirmed]
    confirmed = tuple(sorted({warning.code for warning in warnings} & form.confirmed))
    needs_second = act.second is not None or _too_far_back(view)
    if blockers or not _from_here(view):
        return Plan(act=act, blockers=in_order(blockers), warnings=in_order(warnings))
    step = _step(view, form, ctx, proposed_by=proposed_by.person if proposed_by else None)
    step = replace(step, confirmed=confirmed)
    after = _moved(snapshot, step)
    late = [
        b
        for need in act.needs
        if need.guard == "nothing_overdue_after"
        for b in GUARDS[need.guard](replace(view, after=after), need)
    ]
    if late:
        return Plan(act=act, blockers=in_order(late), warnings=in_order(warnings))
    if needs_second and proposed_by is None and ctx.actor.person is not None:
        step = replace(_proposal(view, form, ctx), confirmed=confirmed)
        return Plan(
            act=act,
            warnings=in_order(open_warnings),
            steps=(step,),
            proposes=True,
            after=_moved(snapshot, step),
        )
    chain, after = _chain(after, ctx)
    return Plan(act=act, warnings=in_order(open_warnings), steps=(step, *chain), after=after)


def _act(snapshot: Snapshot, name: str) -> Act:
    act = snapshot.definition.acts.get(name)
    if act is None:
        raise NotFound("unknown_act", act=name)
    return act


def _view(snapshot: Snapshot, act: Act, form: Form, ctx: Context) -> View:
    return View(
        snapshot=snapshot,
        act=act,
        form=form.values,
        outcome=form.outcome,
        effective_on=form.effective_on or ctx.today,
        at=ctx.at,
    )


def _settled(snapshot: Snapshot, act: Act, form: Form) -> Form:
    """Fill in what follows by itself: the only possible outcome, the partner a name and code stand for, a changed fact."""
    values = {**_emptied(act), **form.values}
    if act.facts and isinstance(values.get("fact"), Mapping):
        values[values["fact"]["name"]] = values["fact"]["value"]
    if isinstance(values.get("partner"), Mapping):
        values["partner"] = _resolved_partner(snapshot, values["partner"])
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


def _resolved_partner(snapshot: Snapshot, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The partner row meant by a name and a code: the code decides, then the canonical name; else it is a new one.

    A partner known by name alone keeps the code it now comes with, so that it is known by it under any other name.
    """
    code, name = entry.get("code_identity"), entry["name_identity"]
    by_code = next((row for row in snapshot.partners if code and row["code_identity"] == code), None)
    by_name = next(
        (
            row
            for row in snapshot.partners
            if row["name_identity"] == name and (not code or not row["code_identity"])
        ),
        None,
    )
    found = by_code or by_name
    if found is None:
        return {"id": new_key(), **entry, "new": True}
    if code and not found["code_identity"]:
        return {**found, "credit_code": entry["credit_code"], "code_identity": code, "learnt": True}
    return dict(found)


def _reasons(view: View, actor: Actor, *, confirmer: Actor | None) -> tuple[list[Blocker], list[Blocker]]:
    """All blockers and warnings, evaluated together so that a person sees every reason at once."""
    blockers = [*_state(view), *_rights(view, actor, confirmer), *_too_soon(view)]
    warnings: list[Blocker] = []
    for need in view.act.needs:
        if need.guard != "nothing_overdue_after":
            (warnings if need.confirm else blockers).extend(GUARDS[need.guard](view, need))
    for ban in view.snapshot.definition.bans.values():
        if view.act.name in ban.blocks:
            for blocker in barred(view, ban):
                held = blocker.code == "ban_near"
                cleared = held and ban.finding is not None and bool(view.form.get(ban.finding))
                asks_finding = any(ask.field == ban.finding for ask in view.act.asks)
                if held and (cleared or not asks_finding):
                    warnings.append(blocker)
                else:
                    blockers.append(blocker)
    return blockers, warnings


def _from_here(view: View) -> bool:
    return view.snapshot.state in view.act.source


def _state(view: View) -> Iterator[Blocker]:
    if not _from_here(view):
        yield Blocker(
            code="not_from_here",
            basis=view.act.basis,
            rank=Rank.FINAL,
            params={"state": view.snapshot.state, "from": sorted(view.act.source)},
        )


def _rights(view: View, actor: Actor, confirmer: Actor | None) -> Iterator[Blocker]:
    """The actor holds a role that may; a confirmer holds the second role and is somebody else; nobody judges their own."""
    act, snapshot = view.act, view.snapshot
    if actor.system is not None:
        if not act.by_timer and actor.system != "demonstration":
            yield Blocker(code="not_by_timer", basis=act.by_basis, rank=Rank.ROLE)
        return
    if not act.by:
        yield Blocker(code="only_by_timer", basis=act.by_basis, rank=Rank.ROLE)
    elif not held_roles(snapshot, actor.person) & set(act.by):
        yield Blocker(
            code="not_your_role",
            basis=act.by_basis,
            rank=Rank.ROLE,
            params={"roles": list(act.by)},
            mend=act.by,
        )
    else:
        yield from _conflicts(view, actor, act.by)
    if confirmer is not None:
        second = act.second or "base_office"
        if confirmer.person == actor.person:
            yield Blocker(
                code="confirm_by_another",
                basis="local",
                rank=Rank.ROLE,
                params={"roles": [second]},
                mend=(second,),
            )
        elif second not in held_roles(snapshot, confirmer.person):
            yield Blocker(
                code="not_your_role",
                basis="local",
                rank=Rank.ROLE,
                params={"roles": [second]},
                mend=(second,),
            )
        else:
            yield from _conflicts(view, confirmer, (second,))


def _conflicts(view: View, actor: Actor, roles: tuple[str, ...]) -> Iterator[Blocker]:
    """Declared conflicts of interest, compared by person across every role and account."""
    snapshot = view.snapshot
    held = held_roles(snapshot, actor.person)
    for conflict in snapshot.definition.conflicts.values():
        if conflict.when is not None and not snapshot.setting(conflict.when):
            continue
        usable = (held & set(roles)) - set(conflict.nobody)
        if (
            not usable
            and conflict.who_is is not None
            and conflict.who_is in held
            and conflict.who_is not in roles
        ):
            yield Blocker(
                code="conflict",
                basis=conflict.basis,
                rank=Rank.ROLE,
                params={"conflict": conflict.name, "who_is": conflict.who_is},
            )


def _too_soon(view: View) -> Iterator[Blocker]:
    """A year's data are complete only when the year is over."""
    row = _waiting(view)
    if row is not None and row["period"] is not None and view.effective_on.year <= row["period"]:
        ripe = date(row["period"] + 1, 1, 1)
        yield Blocker(code="too_early", basis="local", rank=Rank.TIME, params={"day": ripe}, from_on=ripe)


def _waiting(view: View) -> Row | None:
    """The deadline a hand-in answers: the earliest still unanswered."""
    rows = [
        row
        for row in view.snapshot.table("timers")
        if row["name"] == view.act.timer and row["ended_seq"] is None
    ]
    return min(rows, key=lambda row: row["due_at"], default=None)


def _missing(view: View) -> Iterator[Blocker]:
    """Fields the form still wants."""
    act, values = view.act, view.form
    for ask in act.asks:
        if ask.required and _empty(values.get(ask.field)):
            yield Blocker(
                code="field_missing",
                basis=view.snapshot.definition.fields[ask.field].basis,
                rank=Rank.MATERIAL,
                params={"field": ask.field},
            )
    if act.either and sum(not _empty(values.get(name)) for name in act.either) != 1:
        yield Blocker(
            code="exactly_one", basis=act.basis, rank=Rank.MATERIAL, params={"fields": list(act.either)}
        )
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


def _empty(value: Any) -> bool:
    return value is None or value == "" or value == () or value == [] or value == {}


def _effective_day(view: View, actor: Actor) -> Iterator[Blocker]:
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


def _too_far_back(view: View) -> bool:
    days = (beijing_day(view.at) - view.effective_on).days
    if days <= 0 or "backdate_limit" not in view.snapshot.definition.settings:
        return False
    return days > view.snapshot.length("backdate_limit").days


# ───────────────────────────── And what happens?


def _step(view: View, form: Form, ctx: Context, *, proposed_by: str | None) -> Step:
    """The act itself: the case moves, its form is kept, effects and bans follow, timers and tasks are compared."""
    snapshot, act = view.snapshot, view.act
    seq = snapshot.case["log_seq"] + 1
    changes = list(_moves(view, seq)) + list(_keeps(view)) + list(_pins(view))
    for name in act.does:
        changes += EFFECTS[name](replace(view, snapshot=snapshot.after(changes)), seq)
    if act.kind is ActKind.TASK:
        changes.append(_hand_in(view, seq, ctx))
    else:
        changes += impose_bans(view, seq)
        if act.to == TO_UNDO:
            changes += _undo(view, seq)
    changes += _settle_pending(view, ctx, confirmed=proposed_by is not None)
    return _completed(
        view,
        form,
        ctx,
        changes,
        seq=seq,
        kind=str(act.kind),
        proposed_by=proposed_by,
        corrects=_undone_seq(view) if act.to == TO_UNDO else None,
    )


def _completed(
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
    timer_changes = timers.reconcile(after, seq=seq, at=view.since or ctx.at)
    after = after.after(timer_changes)
    return Step(
        seq=seq,
        kind=kind,
        act=act.name,
        outcome=form.outcome,
        from_state=snapshot.state,
        to_state=after.state,
        actor=ctx.actor,
        proposed_by=proposed_by,
        source=ctx.source,
        effective_on=view.effective_on,
        basis=act.basis,
        by_basis=act.by_basis,
        form={
            ask.field: view.form.get(ask.field) for ask in act.asks if not _empty(view.form.get(ask.field))
        },
        before=snapshot,
        changes=tuple(merged(changes)),
        armed=tuple(change for change in timer_changes if change.op == INSERT),
        ended=tuple(change for change in timer_changes if change.op == UPDATE),
        turns=tuple(tasks.reconcile(after, at=ctx.at)),
        notices=tuple(
            _notices(view, after, seq, ctx, template="asked_to_confirm" if kind == "proposal" else "act")
        ),
        corrects=corrects,
    )


def _moved(snapshot: Snapshot, step: Step) -> Snapshot:
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


def _keeps(view: View) -> Iterator[Change]:
    """Keep the form's values where they belong: the subject's columns, else the case's facts.

    An amendment keeps the changed fact alone; an undoing keeps none, the facts are those of before.
    """
    snapshot = view.snapshot
    subject: dict[str, Any] = {}
    facts = dict(snapshot.case["facts"] or {})
    asked = view.act.facts or tuple(ask.field for ask in view.act.asks)
    names = [name for name in asked if name in view.form] if view.act.to != TO_UNDO else []
    for name in names:
        value: Any = view.form.get(name)
        column = None if name in KEPT else snapshot.subject_column(name)
        if _empty(value):
            if column is None:
                facts.pop(name, None)
            elif snapshot.subject[column]:
                subject[column] = None
            continue
        if snapshot.definition.fields[name].type is FieldType.FACT:
            continue
        if name in KEPT:
            if view.act.facts:
                yield from _amended(view, name, value)
            continue
        if name == "partner":
            yield from _partner_kept(value, view)
            subject[column or name] = value["id"]
        elif column is not None:
            subject[column] = plain(value) if isinstance(value, (list, tuple)) else value
        elif view.act.kind is ActKind.TRANSITION and not snapshot.definition.fields[name].personal:
            facts[name] = plain(value)
    if subject:
        yield Change(table=snapshot.definition.subject, op=UPDATE, key=snapshot.id, values=subject)
    if facts != (snapshot.case["facts"] or {}):
        yield Change(table="cases", op=UPDATE, key=snapshot.id, values={"facts": facts})


def _amended(view: View, name: str, value: Any) -> Iterator[Change]:
    """Change one kept fact in its own row."""
    table, column = KEPT[name]
    row = (
        view.snapshot.agreement
        if table == "agreements"
        else next(iter(view.snapshot.duty("partner_contact")), None)
    )
    if row is not None:
        yield Change(table=table, op=UPDATE, key=row["id"], values={column: value})


def _partner_kept(value: Mapping[str, Any], view: View) -> Iterator[Change]:
    """Keep a partner nobody knew, or the code of one known by name alone."""
    if value.get("new"):
        yield _new_partner(value, view)
    elif value.get("learnt"):
        codes = {name: value[name] for name in ("credit_code", "code_identity")}
        yield Change(table="partners", op=UPDATE, key=value["id"], values=codes)


def _new_partner(value: Mapping[str, Any], view: View) -> Change:
    row = {
        "id": value["id"],
        "name": value["name"],
        "kind": value["kind"],
        "credit_code": value["credit_code"],
        "name_identity": value["name_identity"],
        "code_identity": value["code_identity"],
        "succeeded_by": None,
        "created_at": view.at,
    }
    return Change(table="partners", op=INSERT, key=row["id"], values=row)


def _pins(view: View) -> Iterator[Change]:
    """Copy onto the case the settings this act pins; later changes of them do not reach it."""
    snapshot = view.snapshot
    pins = {
        name: snapshot.setting(name)
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
    snapshot, row = view.snapshot, _waiting(view)
    names = {ask.field for ask in view.act.asks} | set(view.act.either)
    values = {
        "id": new_key(),
        "case_id": snapshot.id,
        "seq": seq,
        "task": view.act.name,
        "stay": snapshot.case["stay"],
        "period": row["period"] if row else None,
        "form": {name: plain(view.form[name]) for name in sorted(names) if not _empty(view.form.get(name))},
        "person_id": ctx.actor.person,
        "handed_in_on": view.effective_on,
        "late": bool(row and row["due_at"] <= view.at),
        "voided_seq": None,
    }
    return Change(table="hand_ins", op=INSERT, key=str(values["id"]), values=values)


# ───────────────────────────── The second person


def _proposal(view: View, form: Form, ctx: Context) -> Step:
    """The act as a proposal: nothing moves but the version, and another person is asked."""
    snapshot = view.snapshot
    seq, version = snapshot.case["log_seq"] + 1, snapshot.case["version"]
    row = {
        "id": new_key(),
        "case_id": snapshot.id,
        "act": view.act.name,
        "case_version": version + 1,
        "form": {
            "values": plain(dict(view.form)),
            "outcome": form.outcome,
            "effective_on": plain(view.effective_on),
            "confirmed": sorted(form.confirmed),
        },
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
        *_settle_pending(view, ctx, confirmed=False),
        Change(table="pending_acts", op=INSERT, key=str(row["id"]), values=row),
    ]
    told = replace(view, act=replace(view.act, tell=(view.act.second or "base_office",)))
    step = _completed(told, form, ctx, changes, seq=seq, kind="proposal", proposed_by=ctx.actor.person)
    return replace(step, act=view.act.name)


def _settle_pending(view: View, ctx: Context, *, confirmed: bool) -> list[Change]:
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


# ───────────────────────────── Undoing


def _undone_seq(view: View) -> int | None:
    return view.snapshot.undone["seq"] if view.snapshot.undone else None


def _undo(view: View, seq: int) -> Iterator[Change]:
    """Back to the state before the last transition, with its dates: updates are reversed, new rows marked as undone."""
    snapshot = view.snapshot
    body = snapshot.undone
    if body is None:
        return
    for change in body["changes"]:
        if change["table"] == "cases":
            back = {
                name: value
                for name, value in change["was"].items()
                if name in ("state", "stay", "pins", "dates")
            }
            if "facts" in change["was"]:
                back["facts"] = _facts_back(
                    snapshot.case["facts"], new=change["set"]["facts"], old=change["was"]["facts"]
                )
            back["entered_on"] = date.fromisoformat(change["was"].get("entered_on") or body["effective_on"])
            yield Change(table="cases", op=UPDATE, key=snapshot.id, values={**back, "closed_at": None})
        elif change["op"] == INSERT and change["table"] in VOIDABLE:
            yield Change(table=change["table"], op=UPDATE, key=change["key"], values={"voided_seq": seq})
        elif change["op"] == UPDATE and change["table"] == snapshot.definition.subject:
            yield Change(table=change["table"], op=UPDATE, key=change["key"], values=_dated(change["was"]))


def _facts_back(now: Mapping[str, Any], *, new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as they are, those an act changed set back; what was amended since stays amended."""
    back = dict(now)
    for name in {*new, *old}:
        if new.get(name) != old.get(name) and now.get(name) == new.get(name):
            back.pop(name, None)
            if name in old:
                back[name] = old[name]
    return back


def _dated(was: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: date.fromisoformat(value) if name.endswith("_on") and isinstance(value, str) else value
        for name, value in was.items()
    }


# ───────────────────────────── Notices


def recipients(snapshot: Snapshot, role_name: str) -> list[str]:
    """The people a role stands for on this case; while a duty names nobody linked, those who stand in."""
    role = snapshot.definition.roles[role_name]
    if role.held is Held.DUTY:
        linked = [row["person_id"] for row in snapshot.duty(role_name) if row["person_id"]]
        return linked or [person for name in role.stand_in for person in recipients(snapshot, name)]
    unit = snapshot.stored(role.of) if role.of else None
    return [
        row["person_id"]
        for row in snapshot.holders
        if row["role"] == role_name and (role.of is None or row["unit_id"] == unit)
    ]


def _notices(view: View, after: Snapshot, seq: int, ctx: Context, *, template: str) -> Iterator[Change]:
    """One row per person and channel; whoever acted is not told of their own act."""
    act = view.act
    people = dict.fromkeys(person for role in act.tell for person in recipients(after, role))
    people.pop(ctx.actor.person or "", None)
    for person in people:
        yield from notice(
            after,
            person,
            key=f"{after.id}:{seq}",
            template=template,
            at=ctx.at,
            params={
                "act": act.name,
                "outcome": view.outcome,
                "from": view.snapshot.state,
                "to": after.state,
                "day": plain(view.effective_on),
                "basis": act.basis,
            },
        )


def notice(
    snapshot: Snapshot, person: str, *, key: str, template: str, at: Any, params: Mapping[str, Any]
) -> Iterator[Change]:
    """The outbox rows that tell one person one thing; mail waits to be sent, the page shows its row at once."""
    for channel in CHANNELS:
        row = {
            "id": new_key(),
            "stable_key": f"{key}:{person}:{channel}",
            "case_id": snapshot.id,
            "person_id": person,
            "channel": channel,
            "template": template,
            "params": dict(params),
            "queued_at": at,
            "next_try_at": at if channel == "mail" else None,
            "sent_at": None,
            "read_at": None,
            "attempts": 0,
            "parked_at": None,
            "failure": None,
        }
        yield Change(table="notices", op=INSERT, key=str(row["id"]), values=row)


# ───────────────────────────── The clock's own acts


def _chain(snapshot: Snapshot, ctx: Context) -> tuple[tuple[Step, ...], Snapshot]:
    """Let the timers that are due after an act take effect, in due order, until none is left."""
    return catch_up(snapshot, ctx)


def catch_up(snapshot: Snapshot, ctx: Context) -> tuple[tuple[Step, ...], Snapshot]:
    """Plan every timer of the case that is due at the context's instant, each as a step of its own.

    Missed deadlines are among them: what they mean for an act must not depend on when the sweep last ran. Reminders
    are left to the sweep. Raises RuntimeError when a lifecycle lets timers fire one another without end.
    """
    steps: list[Step] = []
    for _ in range(CHAIN_LIMIT):
        row = timers.due(snapshot, ctx.at)
        if row is None:
            return tuple(steps), snapshot
        step = _take_effect(snapshot, row, ctx)
        steps.append(step)
        snapshot = _moved(snapshot, step)
    raise RuntimeError(f"timers of case {snapshot.id} fire one another without end")


def _take_effect(snapshot: Snapshot, row: Row, ctx: Context) -> Step:
    """One due timer: it fires its transition, is held in a state that holds it, or records that its day has passed."""
    timer = snapshot.definition.timers[row["name"]]
    system = replace(ctx, actor=Actor(system=timer.name), source=Source.TIMER)
    if timer.fires is None:
        return _noted(
            snapshot, row, system, {"status": timers.FIRED, "fired_at": ctx.at}, kind="deadline_passed"
        )
    if timers.is_held_now(row, snapshot):
        return _noted(
            snapshot, row, system, {"status": timers.HELD, "hold": timers.HELD_BY_STATE}, kind="timer_held"
        )
    effective_on = max(beijing_day(row["due_at"]), snapshot.case["entered_on"])
    act = snapshot.definition.acts[timer.fires]
    view = replace(_view(snapshot, act, Form(effective_on=effective_on), system), since=row["due_at"])
    if any(True for need in act.needs if not need.confirm for _ in GUARDS[need.guard](view, need)):
        return _noted(
            snapshot, row, system, {"status": timers.HELD, "hold": timers.HELD_BY_GUARD}, kind="timer_held"
        )
    fired = Change(
        table="timers",
        op=UPDATE,
        key=row["id"],
        values={
            "status": timers.FIRED,
            "fired_at": ctx.at,
            "ended_seq": snapshot.case["log_seq"] + 1,
            "wake_at": None,
        },
    )
    step = _step(
        replace(view, snapshot=snapshot.after([fired])),
        Form(effective_on=effective_on),
        system,
        proposed_by=None,
    )
    ended = (fired, *(change for change in step.ended if change.key != row["id"]))
    return replace(step, before=snapshot, ended=ended, due_at=row["due_at"])


def _noted(snapshot: Snapshot, row: Row, ctx: Context, values: dict[str, Any], *, kind: str) -> Step:
    """A timer whose day has come without moving the case: its status is recorded, and turns may change hands.

    When it is looked at next stays as it is, so that the sweep still finds the reminders that have come.
    """
    timer = snapshot.definition.timers[row["name"]]
    seq = snapshot.case["log_seq"] + 1
    change = Change(table="timers", op=UPDATE, key=row["id"], values=values)
    case = Change(
        table="cases",
        op=UPDATE,
        key=snapshot.id,
        values={"version": snapshot.case["version"] + 1, "log_seq": seq},
        seen=snapshot.case["version"],
    )
    moved = (case, *voided(snapshot, ctx))
    after = snapshot.after([*moved, change])
    followed = timers.reconcile(after, seq=seq, at=row["due_at"])
    after = after.after(followed)
    return Step(
        seq=seq,
        kind=kind,
        act=timer.name,
        outcome=None,
        from_state=snapshot.state,
        to_state=snapshot.state,
        actor=ctx.actor,
        proposed_by=None,
        source=ctx.source,
        effective_on=beijing_day(row["due_at"]),
        basis=timer.basis,
        by_basis=timer.basis,
        form={},
        before=snapshot,
        changes=moved,
        armed=tuple(c for c in followed if c.op == INSERT),
        ended=(change, *(c for c in followed if c.op == UPDATE and c.key != row["id"])),
        turns=tuple(tasks.reconcile(after, at=ctx.at)),
        notices=(),
        due_at=row["due_at"],
    )
