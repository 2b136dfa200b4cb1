"""Several bases selected to be decided on at once: which acts can be, and what each would do to each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from flask import request

from web import fields
from web.decisions.sent import Sent
from web.pages import Look, Subject, subject
from workflow import queries
from workflow.blockers import Blocker, Fault
from workflow.definition.values.acts import TO_SAME, TO_UNDO, Act, ActKind
from workflow.definition.values.edition import Definition
from workflow.definition.values.forms import FieldType
from workflow.errors import BadInput, NotFound
from workflow.explain.names import title_of
from workflow.plan import Form, Plan, foresee, probe
from workflow.queries import Case
from workflow.world import editions_in_use

MOST = 50
"""Bases decided on at once, few enough for each to be looked at."""

SHARED = frozenset({FieldType.TEXT, FieldType.DATE, FieldType.CHOICE, FieldType.YES_NO})
"""What one value can say for several bases; a document, a partner or a number belongs to one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """One of the bases, with what a list says of it."""

    case: Case
    subject: Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What an act would do to one of the bases, or what stands in its way."""

    one: Selected
    form: Form
    plan: Plan


# ───────────────────────────── What can be decided together


def serves_all(definition: Definition, act: Act) -> bool:
    """Whether one form can answer the act for several bases.

    It is a transition that one person decides and that asks for nothing of a base's own.
    """
    wanted = (definition.fields[ask.field].type for ask in act.asks if ask.required)
    return (
        act.kind is ActKind.TRANSITION
        and act.second is None
        and act.to not in (TO_SAME, TO_UNDO)
        and all(kind in SHARED for kind in wanted)
    )


def shared_fields(definition: Definition, act: Act) -> tuple[str, ...]:
    """The fields of such an act that one value serves; a finding on a ban is made on its own base."""
    findings = {ban.finding for ban in definition.bans.values()}
    asked = (ask.field for ask in act.asks if ask.field not in findings)
    return tuple(name for name in asked if definition.fields[name].type in SHARED)


def may_be_selected(definition: Definition, *, state: str, asked: str) -> bool:
    """Whether what is asked for in a state, an act or a step that chooses one, can be decided together with others."""
    step = definition.step(state, asked)
    names = {asked} if step is None else {*step.choices.values()}
    return any(serves_all(definition, definition.acts[name]) for name in names & definition.acts.keys())


# ───────────────────────────── What was selected


def selected_ids() -> tuple[str, ...]:
    """The bases the request names, each once. Raises BadInput for what is no identifier."""
    try:
        return tuple(dict.fromkeys(str(UUID(text)) for text in request.values.getlist("case")))
    except ValueError:
        raise BadInput((Fault(field="case", code="unreadable"),)) from None


def selected(look: Look, case_ids: Sequence[str], *, act: str | None = None) -> tuple[Selected, ...]:
    """The bases as they stand. Raises NotFound where one does not exist or may not be seen, or the act is unknown."""
    rows = queries.subjects_of(look.session, look.rights, case_ids)
    for case_id in case_ids:
        if case_id not in rows:
            raise NotFound("no_such_case", case=case_id)
    editions = editions_in_use(look.session)
    return tuple(
        Selected(case=case, subject=subject(rows[case.snapshot.id], editions, look.language))
        for case in queries.cases_for(look.session, case_ids, ctx=look.ctx, act=act)
    )


def selected_for(look: Look, case_ids: Sequence[str], act: str) -> tuple[Selected, ...]:
    """The bases for an act. Raises NotFound as `selected` does, and for an act that is decided for one base at a time."""
    chosen = selected(look, case_ids, act=act)
    if not all(serves_all(one.case.definition, one.case.definition.acts[act]) for one in chosen):
        raise NotFound("unknown_act", act=act)
    return chosen


def common_acts(look: Look, chosen: Sequence[Selected]) -> Iterator[dict[str, Any]]:
    """The acts every selected base offers the reader and one form can answer, each with how many it is possible for now."""
    for act in chosen[0].case.acts:
        if all(_offers(one.case, act.name) for one in chosen):
            plans = [probe(one.case.snapshot, act.name, look.ctx) for one in chosen]
            if not any(_is_not_theirs(plan) for plan in plans):
                label, possible = title_of(act.label, look.language), sum(p.allowed for p in plans)
                yield {"name": act.name, "label": label, "possible": possible}


def _offers(case: Case, name: str) -> bool:
    return any(act.name == name and serves_all(case.definition, act) for act in case.acts)


def _is_not_theirs(plan: Plan) -> bool:
    return any(blocker.code == "not_your_role" for blocker in plan.blockers)


# ───────────────────────────── What it will do


def planned(look: Look, chosen: Iterable[Selected], act: str, sent: Sent) -> tuple[Planned, ...]:
    """The plan for each base with the one form, no warning confirmed yet. Raises BadInput as reading the form does."""
    return tuple(_planned(look, one, act, sent) for one in chosen)


def _planned(look: Look, one: Selected, act: str, sent: Sent) -> Planned:
    definition = one.case.definition
    read = sent.read(look.session, definition, definition.acts[act])
    form = replace(read, confirmed=frozenset())
    plan = foresee(one.case.snapshot, act, form, look.ctx, proposed_by=None)
    return Planned(one=one, form=form, plan=plan)


def about_the_form(plans: Iterable[Planned], asked: Iterable[str]) -> tuple[Blocker, ...]:
    """The reasons that are about a field of the one form, each once: they hold for every base alike."""
    names = {*asked, "outcome"}
    found: dict[tuple[str, str], Blocker] = {}
    for planned in plans:
        for blocker in planned.plan.blockers:
            name = fields.field_of(blocker, planned.plan.act)
            if name in names:
                found.setdefault((name, blocker.code), blocker)
    return tuple(found.values())
