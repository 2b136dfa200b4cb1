"""The routes: the form of an act about a round, what it will do, the act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from flask import flash, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from web import door, pages
from web.decisions.receipts import to_receipt
from web.pages import Look
from web.seats import blueprint
from web.seats.asking import asked_by, stated_by, typed
from web.seats.showing import At, consequences_page, form_page, refused_page, shown_by
from web.words import t
from workflow import gather, queries
from workflow.blockers import Blocker, Rank
from workflow.context import Context
from workflow.errors import BadInput, NotFound, WorkflowError
from workflow.operations import Receipt, Refusal
from workflow.operations.open_round import Here, barrier, here_of, planned
from workflow.operations.rounds import (
    ASKED,
    RoundAct,
    Stated,
    act_on_round,
    barred,
    concerned,
    work_of,
)
from workflow.queries.rounds import case_at_round

Answer = Response | str | tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The act would now do something else than was shown; nothing happened."""


def known(name: str) -> RoundAct:
    """The act of a name. Raises NotFound."""
    try:
        return RoundAct(name)
    except ValueError:
        raise NotFound("unknown_act", act=name) from None


def _at(look: Look, case_id: str, act: RoundAct) -> At | Answer:
    """The look, or the page that says why the act is not possible. Raises NotFound for a case the reader may not see."""
    queries.seen(look.session, look.rights, case_id)
    case = case_at_round(look.session, case_id, ctx=look.ctx)
    here = here_of(case.snapshot, look.ctx)
    found = barrier("no_open_round", Rank.FINAL) if here is None else barred(here, act)
    if here is None or found is not None:
        page = refused_page(look, case, act, here, found or barrier("no_open_round", Rank.FINAL))
        return page, 403 if found is not None and found.rank is Rank.ROLE else 409
    return At(look=look, case=case, here=here, act=act, asked=asked_by(look, here, act))


@blueprint.get("/round/<act>")
def form(case_id: UUID, act: str) -> Answer:
    """The form of the act, or at once what it will do where it asks for nothing."""
    with pages.looking() as look:
        at = _at(look, str(case_id), known(act))
        if not isinstance(at, At):
            return at
        if ASKED[at.act]:
            return form_page(at, {})
        return _consequences(at, {}, key=pages.new_request_key())


@blueprint.post("/round/<act>/preview")
def preview(case_id: UUID, act: str) -> Answer:
    """What the act will do, or the form again with everything that is wrong."""
    key, version, seq = pages.sent_key(), pages.sent_number("version"), pages.sent_number("seq")
    with pages.looking() as look:
        at = _at(look, str(case_id), known(act))
        if not isinstance(at, At):
            return at
        values = typed(at.act)
        if at.case.version != version:
            return _stale(at, values, seq=seq)
        if request.form.get("do") == "edit":
            return form_page(at, values, key=key)
        return _consequences(at, values, key=key)


def _consequences(at: At, values: Mapping[str, Any], *, key: str, changed: bool = False) -> Answer:
    look = at.look
    try:
        stated = stated_by(look.session, at.act, values)
        steps, here = _steps(look.session, look.ctx, at.case.snapshot.id, at.act, stated)
    except BadInput as bad:
        page = form_page(at, values, faults=bad.faults, key=key)
        return page, 400
    if isinstance(steps, Blocker):
        return form_page(at, values, blockers=(steps,), key=key), 422
    return consequences_page(replace(at, here=here), steps, values, stated, key=key, changed=changed)


def _steps(session: Session, ctx: Context, case_id: str, act: RoundAct, stated: Stated) -> tuple[Any, Here]:
    """The steps the act comes to now, or why not, and the round it was worked out on. Raises BadInput."""
    work = work_of(session, act, stated)
    case = case_at_round(session, case_id, ctx=ctx, people=concerned(stated))
    here = here_of(case.snapshot, ctx)
    if here is None:
        raise NotFound("no_open_round", case=case_id)
    return planned(case.snapshot, work, ctx), here


@blueprint.post("/round/<act>")
def carry_out(case_id: UUID, act: str) -> Answer:
    """Carry out what was shown, once; anything in between stops it, and the page says what."""
    key, version, seq = pages.sent_key(), pages.sent_number("version"), pages.sent_number("seq")
    chosen = known(act)
    values = typed(chosen)
    try:
        answer = door.act(
            lambda session, ctx: _as_shown(session, ctx, str(case_id), chosen, values, version=version),
            key=key,
        )
    except BadInput as bad:
        return _again(str(case_id), chosen, values, key=key, seq=seq, faults=bad)
    except WorkflowError as error:
        if error.code != "key_reused":
            raise
        return _again(str(case_id), chosen, values, key=pages.new_request_key(), seq=seq)
    if isinstance(answer, Receipt) and chosen is RoundAct.DECLARE_NO_CONFLICT:
        flash(t("seats.declared", door.language(), seq=answer.seq, hash=answer.hash[:12]), "success")
        return redirect(url_for("decisions.form", case_id=case_id, act=answer.act), code=303)
    if isinstance(answer, Receipt):
        return to_receipt(answer)
    return _again(str(case_id), chosen, values, key=key, seq=seq, answer=answer)


def _as_shown(
    session: Session, ctx: Context, case_id: str, act: RoundAct, values: Mapping[str, Any], *, version: int
) -> Receipt | Refusal | Changed:
    look = pages.look_at(session, ctx)
    queries.seen(session, look.rights, case_id)
    stated = stated_by(session, act, values)
    now = gather.lock(session, case_id).row["version"]
    if now == version:
        steps, here = _steps(session, ctx, case_id, act, stated)
        if not isinstance(steps, Blocker) and shown_by(here, steps) != request.form.get("shown", ""):
            return Changed()
    return act_on_round(session, case_id, act, stated, version=version, ctx=ctx)


def _again(
    case_id: str,
    act: RoundAct,
    values: Mapping[str, Any],
    *,
    key: str,
    seq: int,
    faults: BadInput | None = None,
    answer: Refusal | Changed | None = None,
) -> Answer:
    """Nothing took effect: the reasons, with everything that was typed."""
    with pages.looking() as look:
        at = _at(look, case_id, act)
        if not isinstance(at, At):
            return at
        if isinstance(answer, Changed) or (faults is None and answer is None):
            page = _consequences(at, values, key=key, changed=True)
            return page if isinstance(page, tuple) else (str(page), 409)
        if isinstance(answer, Refusal) and answer.stale is not None:
            return _stale(at, values, seq=seq)
        blockers = answer.blockers if isinstance(answer, Refusal) else ()
        found = faults.faults if faults is not None else ()
        page = form_page(at, values, faults=found, blockers=blockers, key=key)
        return page, 400 if found else 422


def _stale(at: At, values: Mapping[str, Any], *, seq: int) -> Answer:
    """Somebody was faster: who did what meanwhile, and the form with everything typed."""
    meanwhile = queries.entries_since(at.look.session, at.case.snapshot.id, seq)
    page = form_page(at, values, meanwhile=meanwhile)
    return page, 409
