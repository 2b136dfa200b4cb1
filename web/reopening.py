"""Reopening a route that is over: the office chooses a step and says why; everybody from there on decides anew."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from web import door, pages
from web.bases.heading import top
from web.decisions.saying import reasons_shown
from web.pages import Look
from web.words import t
from workflow import queries
from workflow.blockers import Rank
from workflow.context import Context
from workflow.errors import NotFound
from workflow.explain.names import title_of
from workflow.operations import Receipt, Refusal
from workflow.operations.reopening import may_reopen, offered, reopen
from workflow.operations.repeats import once
from workflow.queries import Case

blueprint = Blueprint("reopening", __name__)

Answer = Response | str | tuple[str, int]


@blueprint.get("/bases/<uuid:case_id>/reopen")
def form(case_id: UUID) -> Answer:
    """The steps to choose from, and the reason. Whoever may not reopen finds no such page."""
    with pages.looking() as look:
        return _page(look, _case(look, case_id), key=pages.new_request_key())


@blueprint.post("/bases/<uuid:case_id>/reopen")
def carry_out(case_id: UUID) -> Answer:
    """Reopen the route once; what stands in the way is said with what was typed."""
    key, version = pages.sent_key(), pages.sent_number("version")
    step, reason = request.form.get("step", ""), request.form.get("reason", "")[:4000]
    with pages.looking() as look:
        queries.seen(look.session, look.rights, str(case_id))

    def work(session: Session, ctx: Context) -> Receipt | Refusal:
        return once(
            session,
            what=["reopen", str(case_id), step, reason],
            ctx=ctx,
            kind=Receipt,
            work=lambda: reopen(session, str(case_id), step, reason=reason, version=version, ctx=ctx),
        )

    answer = door.act(work, key=key)
    if isinstance(answer, Receipt):
        return redirect(url_for("decisions.receipt", case_id=case_id, seq=answer.seq), code=303)
    with pages.looking() as look:
        case = pages.case_seen(look, str(case_id), None)
        stale = answer.stale is not None
        by_role = any(blocker.rank is Rank.ROLE for blocker in answer.blockers)
        page = _page(look, case, key=key, refused=answer)
        return page, 409 if stale else 403 if by_role else 422


def _case(look: Look, case_id: UUID) -> Case:
    """The case, whose route may be reopened by the reader. Raises NotFound."""
    case = pages.case_seen(look, str(case_id), None)
    if may_reopen(case.snapshot, look.rights.person) is not None or not offered(case.snapshot):
        raise NotFound("no_such_page")
    return case


def _page(look: Look, case: Case, *, key: str, refused: Refusal | None = None) -> str:
    definition, language = case.definition, look.language
    route = definition.routes.get(case.snapshot.state)
    labels = {step.name: step.label for step in route.steps} if route is not None else {}
    problems = reasons_shown(refused.blockers, definition, language) if refused is not None else []
    return render_template(
        "bases/reopen.html",
        case_id=case.snapshot.id,
        **top(look, case),
        steps=[{"value": name, "label": title_of(labels[name], language)} for name in offered(case.snapshot)],
        chosen=request.form.get("step", ""),
        reason=request.form.get("reason", ""),
        reasons=problems,
        stale=t("decision.stale", language) if refused is not None and refused.stale is not None else "",
        version=case.version,
        key=key,
    )
