"""Acts: what may be done with a case and why not, what would follow, doing it, and the second person's word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from models.changes import Overtaken
from web.api import wording
from web.api.problems import Refused
from web.api.routing import Call, Desk, Reply, Seen, operation, tag
from web.api.shapes.acts import (
    ActList,
    ActView,
    Change,
    DeadlineChange,
    Decline,
    Form,
    Preview,
    Receipt,
    Reopening,
    Step,
    Told,
)
from web.api.shapes.entries import Entry
from web.api.shapes.inbox import PendingPage, PendingView
from web.api.shapes.parts import KeyPaging
from web.api.shapes.problems import Kind
from workflow import gather
from workflow.blockers import Rank
from workflow.definition.values.acts import Act
from workflow.definition.values.edition import Definition
from workflow.errors import BadInput, NotFound
from workflow.explain.consequences import finals_of, lines_of, told_of
from workflow.explain.deadlines import deadlines_of
from workflow.explain.route import undisclosed_text
from workflow.forms import read_form
from workflow.operations import Receipt as Written
from workflow.operations import Refusal, confirm, decline, perform
from workflow.operations.deeds import known_people
from workflow.operations.reopening import reopen
from workflow.operations.repeats import once
from workflow.plan import Form as Stated
from workflow.plan import Plan, catch_up, foresee, probe
from workflow.queries import Rights, case_for, history_page, names_of, seen, told, units_by_id
from workflow.queries.proposals import case_of_proposal, proposals_page
from workflow.snapshot import Row, Snapshot
from workflow.words import article_text, label_text
from workflow.world import definition_of, editions_in_use

SHOWN_SINCE = 5
"""Entries shown with a stale version."""

# ───────────────────────────── What may be done


@operation("GET", "/cases/<case_id>/acts", answer=ActList, tagged=True)
def list_acts(call: Call, case_id: str) -> Reply:
    with call.reading() as desk:
        seen(desk.session, desk.rights, case_id)
        case = case_for(desk.session, case_id, ctx=desk.ctx)
        units = units_by_id(desk.session, kind="college")
        plans = [probe(case.snapshot, act.name, desk.ctx) for act in case.acts]
    items = [_act_view(plan, case.snapshot, units, desk.rights, call.language) for plan in plans]
    listed = ActList(version=case.version, items=items)
    return Reply(body=listed, headers=tag(case.version))


def _act_view(
    plan: Plan, snapshot: Snapshot, units: Mapping[str, Row], rights: Rights, language: str
) -> ActView:
    definition, act = snapshot.definition, plan.act
    outcomes = act.outcomes_by_state.get(snapshot.state, act.outcomes)
    return ActView(
        name=act.name,
        text=label_text(act.label, language),
        kind=act.kind.value,
        basis=act.basis,
        basis_text=article_text(act.basis, language),
        by=[wording.role(definition, role) for role in act.by],
        second=wording.role(definition, act.second) if act.second else None,
        allowed=plan.allowed,
        blockers=wording.reasons(plan.blockers, definition),
        warnings=wording.reasons(plan.warnings, definition),
        fields=wording.form_fields(definition, act, units, rights),
        either=list(act.either),
        outcomes=[wording.called(name, definition.outcomes[name].label) for name in outcomes],
    )


# ───────────────────────────── What would follow


@operation(
    "POST", "/cases/<case_id>/acts/<act>/preview", answer=Preview, body=Form, seen=Seen.WELCOME, tagged=True
)
def preview_act(call: Call, case_id: str, act: str, *, body: Form) -> Reply:
    with call.reading() as desk:
        seen(desk.session, desk.rights, case_id)
        definition, known = _known_act(desk, case_id, act)
        form = _form(desk, definition, known, body)
        case = case_for(desk.session, case_id, ctx=desk.ctx, act=act, values=form.values)
        _, snapshot = catch_up(case.snapshot, desk.ctx)
        if call.version is not None and snapshot.case["version"] != call.version:
            raise Refused(Kind.STALE, version=snapshot.case["version"])
        plan = foresee(snapshot, act, form, desk.ctx, proposed_by=None)
        preview = preview_of(desk, call, plan, snapshot, form)
    return Reply(body=preview, headers=tag(preview.version))


def preview_of(desk: Desk, call: Call, plan: Plan, snapshot: Snapshot, form: Stated) -> Preview:
    """What a plan would do, in the caller's language."""
    definition = snapshot.definition
    names = names_of(
        desk.session, people=told(plan), documents=snapshot.table("documents"), partners=snapshot.partners
    )
    return Preview(
        version=int(snapshot.case["version"]),
        allowed=plan.allowed,
        proposes=plan.proposes,
        blockers=wording.reasons(plan.blockers, definition),
        warnings=wording.reasons(plan.warnings, definition),
        steps=steps_of(plan, definition),
        changes=[
            Change(text=line.name, old=line.old, new=line.new)
            for line in (lines_of(plan, snapshot, form, names, call.language) if plan.steps else ())
        ],
        deadlines=[
            DeadlineChange(
                text=it.label,
                on=it.on,
                basis_text=it.basis,
                ends=it.ends,
                suspended=it.suspended,
                note=it.note,
            )
            for it in deadlines_of(plan, snapshot, call.language)
        ],
        told=[Told(who=it.who, how=it.what) for it in told_of(plan, names, call.language)],
        final=finals_of(plan, snapshot, call.language) if plan.steps else [],
        undisclosed=undisclosed_text(plan, call.language),
    )


def steps_of(plan: Plan, definition: Definition) -> list[Step]:
    return [
        Step(
            act=wording.act(definition, step.act),
            from_state=wording.state_or_none(definition, step.from_state),
            to_state=wording.state(definition, step.to_state),
            effective_on=step.effective_on,
        )
        for step in plan.steps
    ]


# ───────────────────────────── Doing it


@operation(
    "POST",
    "/cases/<case_id>/acts/<act>",
    answer=Receipt,
    body=Form,
    key=True,
    seen=Seen.WANTED,
    decides=True,
    tagged=True,
)
def perform_act(call: Call, case_id: str, act: str, *, body: Form) -> Reply:
    def work(desk: Desk) -> Written | Refusal:
        seen(desk.session, desk.rights, case_id)
        definition, known = _known_act(desk, case_id, act)
        form = _form(desk, definition, known, body)
        version = call.version or 0
        return perform(desk.session, case_id, act, form=form, version=version, ctx=desk.ctx)

    return answered(call, case_id, work)


def _known_act(desk: Desk, case_id: str, act: str) -> tuple[Definition, Act]:
    definition = edition_of(desk, case_id)
    if act not in definition.acts:
        raise NotFound("unknown_act", act=act)
    return definition, definition.acts[act]


def _form(desk: Desk, definition: Definition, act: Act, body: Form) -> Stated:
    """The body as a form of the act. Raises Refused with every fault of its values."""
    day = body.effective_on.isoformat() if body.effective_on else None
    try:
        form = read_form(
            definition, act, body.values, outcome=body.outcome, effective_on=day, confirmed=body.confirmed
        )
        known_people(desk.session, "copies", body.copies)
        return replace(form, copies=tuple(body.copies))
    except BadInput as bad:
        raise Refused(Kind.BAD_INPUT, faults=wording.faults(bad, definition)) from None


def answered(call: Call, case_id: str, work: Callable[[Desk], Written | Refusal]) -> Reply:
    """Do the work and show its receipt. Raises Refused for a refusal, once what it left in the log is kept."""

    def done(desk: Desk) -> tuple[Definition, Written | Refusal, int]:
        answer = work(desk)
        row, sha256 = gather.look(desk.session, case_id)
        return definition_of(desk.session, sha256), answer, row["version"]

    try:
        definition, answer, version = call.act(done)
    except Overtaken:
        raise Refused(Kind.STALE) from None
    except BadInput as bad:
        raise Refused(Kind.BAD_INPUT, faults=wording.faults(bad, None)) from None
    if isinstance(answer, Written):
        return Reply(body=wording.receipt(answer, definition), headers=tag(answer.version))
    if answer.stale is not None:
        raise Refused(Kind.STALE, since=_since(call, definition, case_id), version=version)
    blockers = wording.reasons(answer.blockers, definition)
    warnings = wording.reasons(answer.warnings, definition) or None
    if not answer.blockers:
        raise Refused(Kind.UNCONFIRMED, warnings=warnings)
    by_role = answer.blockers[0].rank is Rank.ROLE
    raise Refused(Kind.NOT_ALLOWED if by_role else Kind.REFUSED, blockers=blockers, warnings=warnings)


def _since(call: Call, definition: Definition, case_id: str) -> list[Entry]:
    """The latest entries of the case: what happened while the caller looked at an older version."""
    with call.reading() as desk:
        rows = history_page(desk.session, case_id).rows[:SHOWN_SINCE]
    return [
        wording.entry(row, definition, actor=wording.actor_name(row, row["actor_name"], definition))
        for row in rows
    ]


@operation(
    "POST",
    "/cases/<case_id>/reopen",
    answer=Receipt,
    body=Reopening,
    key=True,
    seen=Seen.WANTED,
    decides=True,
    tagged=True,
)
def reopen_route(call: Call, case_id: str, *, body: Reopening) -> Reply:
    def work(desk: Desk) -> Written | Refusal:
        seen(desk.session, desk.rights, case_id)
        return once(
            desk.session, what=["reopen", case_id, body.step, body.reason], ctx=desk.ctx, kind=Written,
            work=lambda: reopen(
                desk.session, case_id, body.step, reason=body.reason, version=call.version or 0, ctx=desk.ctx
            ),
        )  # fmt: skip

    return answered(call, case_id, work)


# ───────────────────────────── The second person


@operation("GET", "/pending", answer=PendingPage, query=KeyPaging)
def list_pending(call: Call, *, query: KeyPaging) -> PendingPage:
    with call.reading() as desk:
        found = proposals_page(desk.session, desk.rights, after=query.after, before=query.before)
        editions = editions_in_use(desk.session)
    return PendingPage(
        items=[_pending(row, editions[row["edition_id"]], call) for row in found.rows],
        newer=found.newer,
        older=found.older,
    )


def _pending(row: Row, definition: Definition, call: Call) -> PendingView:
    second = definition.acts[row["act"]].second or definition.import_.by
    return PendingView(
        id=row["id"],
        case_id=row["case_id"],
        act=wording.act(definition, row["act"]),
        case_version=row["case_version"],
        proposed_by=row["proposer"],
        proposed_at=row["proposed_at"],
        mine=row["proposed_by"] == call.bearer.person_id,
        confirmed_by=wording.role(definition, second),
        base_name=row["base_name"],
    )


@operation(
    "POST",
    "/pending/<pending_id>/confirm",
    answer=Receipt,
    key=True,
    seen=Seen.WANTED,
    decides=True,
    tagged=True,
)
def confirm_pending(call: Call, pending_id: str) -> Reply:
    case_id = _case_of(call, pending_id)

    def work(desk: Desk) -> Written | Refusal:
        case_of_proposal(desk.session, desk.rights, pending_id)
        return confirm(desk.session, pending_id, version=call.version or 0, ctx=desk.ctx)

    return answered(call, case_id, work)


@operation(
    "POST",
    "/pending/<pending_id>/decline",
    answer=Receipt,
    body=Decline,
    key=True,
    decides=True,
    tagged=True,
)
def decline_pending(call: Call, pending_id: str, *, body: Decline) -> Reply:
    case_id = _case_of(call, pending_id)

    def work(desk: Desk) -> Written | Refusal:
        case_of_proposal(desk.session, desk.rights, pending_id)
        what = ["decline", pending_id, body.reason]
        return once(
            desk.session, what=what, ctx=desk.ctx, kind=Written,
            work=lambda: decline(desk.session, pending_id, reason=body.reason, ctx=desk.ctx),
        )  # fmt: skip

    return answered(call, case_id, work)


def _case_of(call: Call, pending_id: str) -> str:
    with call.reading() as desk:
        return str(case_of_proposal(desk.session, desk.rights, pending_id)["case_id"])


def edition_of(desk: Desk, case_id: str) -> Definition:
    return definition_of(desk.session, gather.look(desk.session, case_id)[1])
