"""Lifecycles as their newest edition states them."""

from __future__ import annotations

from web.api import wording
from web.api.routing import Call, operation
from web.api.shapes.lifecycles import ActRule, LifecycleView, StateView
from workflow.definition.values.acts import Act, State
from workflow.errors import NotFound
from workflow.queries import units_by_id
from workflow.words import label_text
from workflow.world import current_edition


@operation("GET", "/lifecycles/<name>", answer=LifecycleView)
def read_lifecycle(call: Call, name: str) -> LifecycleView:
    with call.reading() as desk:
        try:
            definition = current_edition(desk.session, name)[1]
        except LookupError:
            raise NotFound("no_such_lifecycle", lifecycle=name) from None
        units = units_by_id(desk.session, kind="college")
    return LifecycleView(
        name=definition.name,
        edition=definition.edition,
        sha256=definition.sha256,
        text=label_text(definition.label, call.language),
        initial=definition.initial,
        roles=[wording.role(definition, role) for role in definition.roles],
        states=[_state(state, call.language) for state in definition.states.values()],
        acts=[_act(act, call.language) for act in definition.acts.values()],
        fields=[
            wording.field_view(definition, field, required=False, units=units) for field in definition.fields
        ],
        outcomes=[wording.called(it.name, it.label) for it in definition.outcomes.values()],
        dates=[wording.called(it.name, it.label) for it in definition.dates.values()],
    )


def _state(state: State, language: str) -> StateView:
    return StateView(
        name=state.name,
        text=label_text(state.label, language),
        family=state.family,
        end=state.end,
        basis=state.basis,
    )


def _act(act: Act, language: str) -> ActRule:
    return ActRule(
        name=act.name,
        text=label_text(act.label, language),
        kind=act.kind.value,
        from_states=sorted(act.source),
        to_state=act.to,
        by=list(act.by),
        by_timer=act.by_timer,
        second=act.second,
        fields=[ask.field for ask in act.asks],
        optional=[ask.field for ask in act.asks if not ask.required],
        either=list(act.either),
        outcomes=list(act.outcomes),
        basis=act.basis,
        by_basis=act.by_basis,
    )
