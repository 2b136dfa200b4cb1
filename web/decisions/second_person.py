"""The second person: what another proposed, to confirm or to decline."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from flask import render_template, request
from sqlalchemy.orm import Session

from web import door, pages
from web.decisions.consequences import following
from web.decisions.receipts import to_receipt
from web.decisions.routing import Answer, blueprint
from web.decisions.saying import reasons_shown
from web.decisions.showing import Wrong, frame
from web.pages import Look
from workflow import queries
from workflow.blockers import Fault
from workflow.context import Actor, Context
from workflow.errors import NotFound
from workflow.explain.standing import standing
from workflow.forms import CONTROL
from workflow.operations import Receipt, Refusal, confirm, decline
from workflow.plan import Form, Plan, foresee, form_of
from workflow.queries import Case
from workflow.snapshot import Row

LONGEST_REASON = 1000


@blueprint.get("/bases/<uuid:case_id>/proposal")
def pending(case_id: UUID) -> Answer:
    """What another person proposed and what it will do, to confirm or to decline."""
    with pages.looking() as look:
        return pending_page(look, str(case_id), Wrong())


def pending_page(look: Look, case_id: str, wrong: Wrong, *, reason: str = "") -> Answer:
    queries.seen(look.session, look.rights, case_id)
    waiting = queries.pending_of(look.session, case_id)
    if waiting is None:
        case = queries.case_for(look.session, case_id, ctx=look.ctx)
        page = render_template(
            "decisions/no_proposal.html", name=case.snapshot.subject.get("base_name") or "", case_id=case_id,
            standing=standing(case.snapshot, look.language),
        )  # fmt: skip
        return page, 409 if wrong.meanwhile is not None else 404
    case, read, plan = proposed_plan(look, case_id, waiting)
    own = waiting["proposed_by"] == look.rights.person
    page = render_template(
        "decisions/pending.html",
        **frame(look, case, plan),
        following=following(look, case, plan, read),
        proposer=waiting["proposer"],
        proposed_at=waiting["proposed_at"],
        pending_id=waiting["id"],
        own=own,
        reasons=reasons_shown([b for b in plan.blockers if not own], case.definition, look.language),
        wrong=wrong,
        reason=reason,
        key=pages.new_request_key(),
        back=pages.back(),
    )
    return page, 422 if wrong.faults else 200


def proposed_plan(look: Look, case_id: str, waiting: Row) -> tuple[Case, Form, Plan]:
    first = queries.case_for(look.session, case_id, ctx=look.ctx)
    read = form_of(waiting["form"], first.definition.fields)
    case = queries.case_for(
        look.session,
        case_id,
        ctx=look.ctx,
        act=waiting["act"],
        values=read.values,
        people=(waiting["proposed_by"],),
    )
    plan = foresee(
        case.snapshot, waiting["act"], read, look.ctx, proposed_by=Actor(person=waiting["proposed_by"])
    )
    asked = {ask.field for ask in plan.act.asks}
    return (
        case,
        replace(read, values={name: value for name, value in read.values.items() if name in asked}),
        plan,
    )


@blueprint.post("/bases/<uuid:case_id>/proposal/<uuid:pending_id>/confirm")
def confirm_pending(case_id: UUID, pending_id: UUID) -> Answer:
    """Let what another person proposed take effect."""
    key, version = pages.sent_key(), pages.sent_number("version")
    answer = door.act(
        lambda session, ctx: _confirmed(session, ctx, str(case_id), str(pending_id), version=version), key=key
    )
    return _settled(str(case_id), answer)


def _confirmed(
    session: Session, ctx: Context, case_id: str, pending_id: str, *, version: int
) -> Receipt | Refusal:
    _is_of(session, ctx, case_id, pending_id)
    return confirm(session, pending_id, version=version, ctx=ctx)


def _is_of(session: Session, ctx: Context, case_id: str, pending_id: str) -> None:
    """Raise NotFound unless the proposal belongs to a case the person may see."""
    rights = pages.look_at(session, ctx).rights
    if queries.case_of_proposal(session, rights, pending_id)["case_id"] != case_id:
        raise NotFound("no_such_proposal", pending=pending_id)


@blueprint.post("/bases/<uuid:case_id>/proposal/<uuid:pending_id>/decline")
def decline_pending(case_id: UUID, pending_id: UUID) -> Answer:
    """Turn a proposal down with a reason, or take back one's own."""
    reason = request.form.get("reason", "").strip()
    if not reason or len(reason) > LONGEST_REASON or CONTROL.search(reason):
        wrong = Wrong(faults=(Fault(field="reason", code="reason_wanted"),))
        with pages.looking() as look:
            return pending_page(look, str(case_id), wrong, reason=reason)
    answer = door.act(
        lambda session, ctx: _declined(session, ctx, str(case_id), str(pending_id), reason=reason)
    )
    return _settled(str(case_id), answer)


def _declined(
    session: Session, ctx: Context, case_id: str, pending_id: str, *, reason: str
) -> Receipt | Refusal:
    _is_of(session, ctx, case_id, pending_id)
    return decline(session, pending_id, reason=reason, ctx=ctx)


def _settled(case_id: str, answer: Receipt | Refusal) -> Answer:
    if isinstance(answer, Receipt):
        return to_receipt(answer)
    wrong = Wrong(blockers=answer.blockers, meanwhile=answer.stale)
    with pages.looking() as look:
        page = pending_page(look, case_id, wrong)
        return (page[0], 409 if answer.stale is not None else 403) if isinstance(page, tuple) else page
