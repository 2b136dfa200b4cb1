"""The open round of a case: what can be done about it besides casting a ballot, what would follow, and doing it."""

from __future__ import annotations

from web.api import wording
from web.api.acts import answered, preview_of
from web.api.problems import Refused
from web.api.routing import Call, Desk, Reply, Seen, operation, tag
from web.api.shapes.acts import Preview, Receipt
from web.api.shapes.problems import Kind
from web.api.shapes.rounds import CandidateView, RoundActView, RoundForm, RoundView
from web.api.tongue import t
from workflow.blockers import Blocker
from workflow.definition.values.edition import Definition
from workflow.errors import BadInput, NotFound
from workflow.operations import Receipt as Written
from workflow.operations import Refusal
from workflow.operations.open_round import Here, here_of, plan_of, planned
from workflow.operations.rounds import (
    ASKED,
    RoundAct,
    Stated,
    act_on_round,
    barred,
    concerned,
    offered,
    work_of,
)
from workflow.operations.urging import urge
from workflow.plan import Form, Plan
from workflow.queries import seen
from workflow.queries.rounds import case_at_round, pool_of


@operation("GET", "/cases/<case_id>/round", answer=RoundView, tagged=True)
def read_round(call: Call, case_id: str) -> Reply:
    with call.reading() as desk:
        seen(desk.session, desk.rights, case_id)
        case = case_at_round(desk.session, case_id, ctx=desk.ctx)
        here = here_of(case.snapshot, desk.ctx)
        shown = RoundView(
            version=case.version,
            step=wording.act(case.definition, here.step.name) if here is not None else None,
            items=[_act(here, act, case.definition) for act in offered(here)] if here is not None else [],
            pool=_pool(desk, here, case.definition),
        )
    return Reply(body=shown, headers=tag(case.version))


def _act(here: Here, act: RoundAct, definition: Definition) -> RoundActView:
    found = barred(here, act)
    return RoundActView(
        name=act.value,
        text=t(f"seats.act.{act}"),
        allowed=found is None,
        blockers=wording.reasons([found] if found is not None else [], definition),
        fields=[name.removesuffix("?") for name in ASKED[act]],
        optional=[name.removesuffix("?") for name in ASKED[act] if name.endswith("?")],
    )


def _pool(desk: Desk, here: Here | None, definition: Definition) -> list[CandidateView]:
    if here is None or barred(here, RoundAct.NAME_EXPERTS) is not None:
        return []
    return [
        CandidateView(
            person_id=one.person,
            name=one.name,
            external=one.external,
            allowed=one.barred is None,
            blockers=wording.reasons([one.barred] if one.barred is not None else [], definition),
        )
        for one in pool_of(desk.session, here)
    ]


@operation(
    "POST",
    "/cases/<case_id>/round/<round_act>/preview",
    answer=Preview,
    body=RoundForm,
    seen=Seen.WELCOME,
    tagged=True,
)
def preview_round_act(call: Call, case_id: str, round_act: str, *, body: RoundForm) -> Reply:
    act, stated = _known(round_act), _stated(body)
    with call.reading() as desk:
        seen(desk.session, desk.rights, case_id)
        case = case_at_round(desk.session, case_id, ctx=desk.ctx, people=concerned(stated))
        if call.version is not None and case.version != call.version:
            raise Refused(Kind.STALE, version=case.version)
        try:
            steps = planned(case.snapshot, work_of(desk.session, act, stated), desk.ctx)
        except BadInput as bad:
            raise Refused(Kind.BAD_INPUT, faults=wording.faults(bad, None)) from None
        if isinstance(steps, Blocker):
            plan = Plan(act=case.acts[0], blockers=(steps,))
        else:
            here = here_of(case.snapshot, desk.ctx)
            assert here is not None
            plan = plan_of(here, steps)
        shown = preview_of(desk, call, plan, case.snapshot, Form())
    return Reply(body=shown, headers=tag(case.version))


@operation(
    "POST",
    "/cases/<case_id>/round/<round_act>",
    answer=Receipt,
    body=RoundForm,
    key=True,
    seen=Seen.WANTED,
    decides=True,
    tagged=True,
)
def act_about_round(call: Call, case_id: str, round_act: str, *, body: RoundForm) -> Reply:
    act, stated = _known(round_act), _stated(body)

    def work(desk: Desk) -> Written | Refusal:
        seen(desk.session, desk.rights, case_id)
        version = call.version or 0
        return act_on_round(desk.session, case_id, act, stated, version=version, ctx=desk.ctx)

    return answered(call, case_id, work)


@operation(
    "POST",
    "/cases/<case_id>/acts/<act>/urge",
    answer=Receipt,
    key=True,
    seen=Seen.WANTED,
    decides=True,
    tagged=True,
)
def urge_act(call: Call, case_id: str, act: str) -> Reply:
    def work(desk: Desk) -> Written | Refusal:
        seen(desk.session, desk.rights, case_id)
        return urge(desk.session, case_id, act, version=call.version or 0, ctx=desk.ctx)

    return answered(call, case_id, work)


def _known(name: str) -> RoundAct:
    try:
        return RoundAct(name)
    except ValueError:
        raise NotFound("unknown_act", act=name) from None


def _stated(body: RoundForm) -> Stated:
    return Stated(
        people=tuple(body.people),
        person=body.person,
        to=body.to,
        side=body.side or "",
        reason=body.reason,
    )
