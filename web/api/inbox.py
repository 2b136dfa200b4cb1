"""What waits for the caller, and who the caller is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from web.api import wording
from web.api.routing import Call, operation
from web.api.shapes.inbox import HeldUp, Me, Role, StuckList, StuckStep, TaskPage, TaskQuery, TaskView
from web.api.shapes.parts import Named, Unit
from web.api.tongue import language
from workflow.definition.values.edition import Definition
from workflow.explain.standing import stands_in_note
from workflow.queries import Stuck, Waiting, decisions_held_up, stuck_steps, to_do, units_by_id
from workflow.queries.inbox import TodoFilter
from workflow.queries.roles import roles_of
from workflow.snapshot import Row
from workflow.standing_in import stood_in_for
from workflow.words import say
from workflow.world import editions_in_use


@operation("GET", "/tasks", answer=TaskPage, query=TaskQuery)
def list_tasks(call: Call, *, query: TaskQuery) -> TaskPage:
    with call.reading() as desk:
        wanted = TodoFilter(state=query.state or "", text=query.q or "", overdue=query.overdue == "true")
        found = to_do(desk.session, desk.rights, wanted, after=query.after, before=query.before)
        editions = editions_in_use(desk.session)
        today = desk.ctx.today
    return TaskPage(
        items=[
            _task(row, editions[row["edition_id"]], overdue=wording.is_overdue(row["due_on"], today))
            for row in found.rows
        ],
        newer=found.newer,
        older=found.older,
    )


def _task(row: Row, definition: Definition, *, overdue: bool) -> TaskView:
    stands_for = stood_in_for(definition, row["act"], row["role"])
    return TaskView(
        id=row["id"],
        case_id=row["case_id"],
        act=wording.act(definition, row["act"], pending=row["pending_act"]),
        role=wording.role(definition, row["role"]),
        state=wording.state(definition, row["state"]),
        due_on=row["due_on"],
        overdue=overdue,
        provisional=bool(row["provisional"]),
        opened_at=row["opened_at"],
        asked_by=row["asked_by"],
        mine=row["own"],
        mend=stands_in_note(definition, stands_for, language()) or None,
        for_people=[lender["name"] for lender in row["lenders"]],
        base_name=row["base_name"],
        base_number=row["base_number"],
        partner=row["partner_name"],
        college=row["college_name"],
    )


@operation("GET", "/tasks/stuck", answer=StuckList)
def list_stuck(call: Call) -> StuckList:
    with call.reading() as desk:
        found = stuck_steps(desk.session, desk.rights, ctx=desk.ctx)
        waiting = decisions_held_up(desk.session, desk.rights, ctx=desk.ctx)
    return StuckList(
        items=[_stuck(one, call.language) for one in found], held_up=[_held_up(one) for one in waiting]
    )


def _held_up(waiting: Waiting) -> HeldUp:
    definition = waiting.snapshot.definition
    return HeldUp(
        case_id=waiting.snapshot.id,
        base_name=waiting.snapshot.subject.get("base_name"),
        act=wording.act(definition, waiting.act.name),
        blockers=wording.reasons(waiting.blockers, definition),
    )


def _stuck(stuck: Stuck, language: str) -> StuckStep:
    definition = stuck.snapshot.definition
    roles = [definition.roles[role].label for role in stuck.step.by]
    return StuckStep(
        case_id=stuck.snapshot.id,
        base_name=stuck.snapshot.subject.get("base_name"),
        step=wording.called(stuck.step.name, stuck.step.label),
        reason=Named(name=str(stuck.lack), text=say(f"route.lack.{stuck.lack}", language, roles=roles)),
        mend=say(f"route.mend.{stuck.lack}", language, roles=roles),
    )


@operation("GET", "/me", answer=Me)
def read_me(call: Call) -> Me:
    with call.reading() as desk:
        units = units_by_id(desk.session)
        roles, grants = roles_of(desk.session), desk.rights.grants
    return Me(
        person_id=call.bearer.person_id,
        name=call.bearer.name,
        login=call.bearer.login,
        language="en" if call.bearer.language == "en" else "zh",
        roles=[
            Role(role=Named(name=role, text=roles.label(role, language())), unit=_unit(unit, units))
            for role, unit in sorted(grants, key=str)
        ],
        token_name=call.bearer.token_name,
        token_expires_at=call.bearer.expires_at,
    )


def _unit(key: str | None, units: Mapping[str, Any]) -> Unit | None:
    return Unit(id=key, name=units[key]["name"]) if key is not None and key in units else None
