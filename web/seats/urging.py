"""Urging those whose turn it is: whom it tells, then the act."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from flask import render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from web import door, pages
from web.decisions.receipts import to_receipt
from web.decisions.saying import reasons_shown, told_meanwhile
from web.pages import Look
from web.seats import blueprint
from web.seats.showing import about
from web.words import t
from workflow import gather, queries
from workflow.blockers import Blocker, Rank
from workflow.context import Context
from workflow.errors import WorkflowError
from workflow.explain.names import act_label
from workflow.log import canonical
from workflow.operations import Receipt, Refusal
from workflow.operations.urging import barred, is_told_whom, urge, urged_today, urging
from workflow.plan import Step
from workflow.queries import Case
from workflow.queries.rounds import case_at_round
from workflow.words import article_text

Answer = Response | str | tuple[str, int]


def offers(look: Look, case: Case) -> list[dict[str, Any]]:
    """What is waited for, each with the address to urge it or the reason why not; for the page of a base."""
    urged = urged_today(look.session, case.snapshot.id, look.ctx.today)
    acts = dict.fromkeys(row["act"] for row in case.snapshot.table("tasks") if row["closed_at"] is None)
    offered = []
    for act in acts:
        found = barred(case.snapshot, act, urged=urged, ctx=look.ctx)
        offered.append(
            {
                "label": t("seats.urge", look.language, act=act_label(case.definition, act, look.language)),
                "href": "" if found else url_for("seats.urge_form", case_id=case.snapshot.id, act=act),
                "reasons": reasons_shown([found] if found else [], case.definition, look.language),
            }
        )
    return offered


@blueprint.get("/urge/<act>")
def urge_form(case_id: UUID, act: str) -> Answer:
    """Whom urging tells, or why nobody can be urged now."""
    with pages.looking() as look:
        return _page(look, str(case_id), act, key=pages.new_request_key())


def _page(
    look: Look, case_id: str, act: str, *, key: str, changed: bool = False, since: int | None = None
) -> Answer:
    queries.seen(look.session, look.rights, case_id)
    case, step = _planned(look.session, look.ctx, case_id, act)
    if isinstance(step, Blocker):
        return _refused(look, case, act, step)
    names = queries.names_of(look.session, people=_people(step))
    is_told = is_told_whom(case.snapshot, look.ctx)
    meanwhile = queries.entries_since(look.session, case_id, since) if since is not None else None
    page = render_template(
        "seats/urge.html",
        **_head(look, case, act),
        told=sorted(names.person(person) for person in _people(step)) if is_told else [],
        count=len(_people(step)),
        key=key,
        shown=_shown(step),
        changed=changed,
        meanwhile=told_meanwhile(look, case, meanwhile),
    )
    return (page, 409) if changed or since is not None else page


def _planned(session: Session, ctx: Context, case_id: str, act: str) -> tuple[Case, Step | Blocker]:
    case = case_at_round(session, case_id, ctx=ctx)
    urged = urged_today(session, case_id, ctx.today)
    return case, urging(case.snapshot, act, urged=urged, ctx=ctx)


def _people(step: Step) -> list[str]:
    return sorted({change.values["person_id"] for change in step.notices})


def _shown(step: Step) -> str:
    """A hash of whom the page said it tells."""
    return hashlib.sha256(canonical(_people(step)).encode()).hexdigest()


def _head(look: Look, case: Case, act: str) -> dict[str, Any]:
    label = act_label(case.definition, act, look.language)
    return {
        **about(look, case),
        "act": act,
        "label_of_act": t("seats.urge", look.language, act=label),
        "ground": article_text("local", look.language),
    }


def _refused(look: Look, case: Case, act: str, blocker: Blocker) -> Answer:
    reasons = reasons_shown([blocker], case.definition, look.language)
    page = render_template("decisions/refused.html", **_head(look, case, act), reasons=reasons)
    return page, 403 if blocker.rank is Rank.ROLE else 409


@blueprint.post("/urge/<act>")
def urge_now(case_id: UUID, act: str) -> Answer:
    """Urge those the page named, once."""
    key, version, seq = pages.sent_key(), pages.sent_number("version"), pages.sent_number("seq")
    shown, case = request.form.get("shown", ""), str(case_id)
    try:
        answer = door.act(
            lambda session, ctx: _as_shown(session, ctx, case, act, version=version, shown=shown), key=key
        )
    except WorkflowError as error:
        if error.code != "key_reused":
            raise
        answer = None
    if isinstance(answer, Receipt):
        return to_receipt(answer)
    with pages.looking() as look:
        if isinstance(answer, Refusal) and answer.stale is not None:
            return _page(look, case, act, key=pages.new_request_key(), since=seq)
        return _page(look, case, act, key=pages.new_request_key(), changed=True)


def _as_shown(
    session: Session, ctx: Context, case_id: str, act: str, *, version: int, shown: str
) -> Receipt | Refusal | None:
    """Urge if it still tells those who were shown; None where it would tell others."""
    look = pages.look_at(session, ctx)
    queries.seen(session, look.rights, case_id)
    if gather.lock(session, case_id).row["version"] == version:
        _, step = _planned(session, ctx, case_id, act)
        if not isinstance(step, Blocker) and _shown(step) != shown:
            return None
    return urge(session, case_id, act, version=version, ctx=ctx)
