"""Deciding: a form, then what it will do, then the act. Nothing is pre-selected and nothing happens by a link."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from flask import flash, redirect, request, url_for

from web import door, pages
from web.decisions.carrying import Changed, attempted
from web.decisions.consequences import consequences_page
from web.decisions.receipts import to_receipt
from web.decisions.routing import Answer, blueprint
from web.decisions.sent import Sent, from_draft, keep_uploads, sent_form
from web.decisions.showing import Wrong, form_page, refused_page, stale_page
from web.pages import Look
from web.words import t
from workflow import queries
from workflow.blockers import Fault, Rank
from workflow.errors import BadInput, WorkflowError
from workflow.operations import Receipt, Refusal
from workflow.operations.papers import save_draft
from workflow.plan import Plan, foresee, probe

HOPELESS = frozenset({Rank.ROLE, Rank.TIME, Rank.FINAL})
"""Reasons that no value of the form can remove."""


@blueprint.get("/bases/<uuid:case_id>/acts/<act>")
def form(case_id: UUID, act: str) -> Answer:
    """The form of an act, or every reason why it cannot be filled in now."""
    with pages.looking() as look:
        case = pages.case_seen(look, str(case_id), act)
        if pages.is_proposal(case.definition, case.snapshot.state, act):
            return redirect(url_for("proposals.show", case_id=case_id))
        plan = probe(case.snapshot, act, look.ctx, on_behalf_of=pages.asked_for())
        if is_hopeless(plan):
            return refused_page(look, case, plan), 403
        if any(blocker.code == "not_declared" for blocker in plan.blockers):
            return redirect(url_for("seats.declare", case_id=case_id))
        draft = queries.draft_of(look.session, str(case_id), act, person=look.rights.person)
        sent = from_draft(draft)
        return form_page(look, case, plan, sent, Wrong(), saved_at=draft["saved_at"] if draft else None)


def is_hopeless(plan: Plan) -> bool:
    return any(blocker.rank in HOPELESS for blocker in plan.blockers)


@blueprint.post("/bases/<uuid:case_id>/acts/<act>/preview")
def preview(case_id: UUID, act: str) -> Answer:
    """Keep the files, read the form, and show what the act will do; or show the form again with everything that is wrong."""
    key, version, seq = pages.sent_key(), pages.sent_number("version"), pages.sent_number("seq")
    with pages.looking() as look:
        case = pages.case_seen(look, str(case_id), act)
        plan = probe(case.snapshot, act, look.ctx, on_behalf_of=pages.asked_for())
        if any(blocker.rank is Rank.ROLE for blocker in plan.blockers):
            return refused_page(look, case, plan), 403
        sent = sent_form(case.definition)
    sent, upload_faults = keep_uploads(str(case_id), plan.act, case.definition, sent)
    if request.form.get("do") == "save":
        return _save(str(case_id), act, sent)
    with pages.looking() as look:
        return _previewed(look, str(case_id), act, sent, upload_faults, key=key, version=version, seq=seq)


def _save(case_id: str, act: str, sent: Sent) -> Answer:
    kept = {
        "raw": sent.raw,
        "outcome": sent.outcome,
        "effective_on": sent.effective_on,
        "copies": sent.copies,
    }
    door.act(lambda session, ctx: save_draft(session, case_id, act, form=kept, ctx=ctx))
    if request.headers.get("HX-Request") == "true":
        return "", 204  # Saved as it was typed; the page stays.
    flash(t("decision.saved", door.language()), "success")
    return redirect(url_for("decisions.form", case_id=case_id, act=act, back=pages.back(), **sent.address))


def _previewed(
    look: Look,
    case_id: str,
    act: str,
    sent: Sent,
    faults: tuple[Fault, ...],
    *,
    key: str,
    version: int,
    seq: int,
) -> Answer:
    case = pages.case_seen(look, case_id, act)
    plan = probe(case.snapshot, act, look.ctx, on_behalf_of=pages.asked_for())
    if case.version != version:
        return stale_page(look, case, plan, sent, seq=seq)
    try:
        read = sent.read(look.session, case.definition, plan.act)
    except BadInput as bad:
        return form_page(look, case, plan, sent, Wrong(faults=(*bad.faults, *faults)), key=key), 400
    if faults or request.form.get("do") == "edit":
        return form_page(look, case, plan, sent, Wrong(faults=faults), key=key), 400 if faults else 200
    case = pages.case_seen(look, case_id, act, values=read.values)
    plan = foresee(case.snapshot, act, replace(read, confirmed=frozenset()), look.ctx, proposed_by=None)
    if plan.blockers:
        return form_page(look, case, plan, sent, Wrong(blockers=plan.blockers), key=key), 422
    return consequences_page(look, case, plan, read, sent, key=key)


@blueprint.post("/bases/<uuid:case_id>/acts/<act>")
def carry_out(case_id: UUID, act: str) -> Answer:
    """Carry out what was shown, once; anything in between stops it, and the page says what."""
    key, version, seq = pages.sent_key(), pages.sent_number("version"), pages.sent_number("seq")
    with pages.looking() as look:
        sent = sent_form(pages.case_seen(look, str(case_id), act).definition)
    answer = attempted(str(case_id), act, sent, key=key, version=version, shown=request.form.get("shown", ""))
    if isinstance(answer, Receipt):
        return to_receipt(answer)
    with pages.looking() as look:
        return _not_done(look, str(case_id), act, sent, answer, key=key, seq=seq)


def _not_done(
    look: Look,
    case_id: str,
    act: str,
    sent: Sent,
    answer: Refusal | Changed | WorkflowError,
    *,
    key: str,
    seq: int,
) -> Answer:
    """Nothing took effect: the reasons, with everything that was typed."""
    case = pages.case_seen(look, case_id, act)
    plan = probe(case.snapshot, act, look.ctx, on_behalf_of=pages.asked_for())
    if isinstance(answer, BadInput):
        return form_page(look, case, plan, sent, Wrong(faults=answer.faults), key=key), 400
    if isinstance(answer, WorkflowError):
        return form_page(look, case, plan, sent, Wrong(key_reused=True)), 409
    if isinstance(answer, Refusal) and answer.stale is not None:
        return stale_page(look, case, plan, sent, seq=seq)
    if isinstance(answer, Refusal) and answer.blockers:
        if is_hopeless(plan):
            return refused_page(look, case, plan), 403
        return form_page(look, case, plan, sent, Wrong(blockers=answer.blockers), key=key), 422
    read = sent.read(look.session, case.definition, plan.act)
    case = pages.case_seen(look, case_id, act, values=read.values)
    plan = foresee(case.snapshot, act, replace(read, confirmed=frozenset()), look.ctx, proposed_by=None)
    changed = isinstance(answer, Changed)
    page = consequences_page(look, case, plan, read, sent, key=key, changed=changed)
    return page, 409 if changed else 422
