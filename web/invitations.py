"""The door for experts with a one-time link: the declaration on conflicts of interest, then the matter of their panel.

Opening the link shows the declaration and changes nothing. The declaration uses the link up and begins a session that
may see and do only the matter of that panel (`may_open`).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from web import auth, door
from web.decisions.saying import reasons_shown
from web.words import t
from workflow import clock, queries
from workflow.context import Actor, Context, Source
from workflow.errors import BadInput, NotFound
from workflow.explain.names import title_of
from workflow.operations import Receipt, Refusal
from workflow.operations.invitations import Invited, Validity, come_in, invited_by
from workflow.operations.rounds import RoundAct
from workflow.words import article_text

blueprint = Blueprint("invitations", __name__, url_prefix="/invitations")

Answer = Response | str | tuple[str, int]
LONGEST_REASON = 2000


@blueprint.get("/<token>")
def show(token: str) -> Answer:
    """Who is invited to what, and the declaration; or why the link does not work any more."""
    with door.database().reading() as session:
        invited = invited_by(session, token, at=clock.now(session))
        return _came_back(invited) or _turned_away(invited) or _page(session, invited)


def _came_back(invited: Invited) -> Response | None:
    """The matter, for somebody whose session the link began."""
    if getattr(current_user, "invitation_id", None) != invited.id:
        return None
    return redirect(_matter(invited))


def _matter(invited: Invited) -> str:
    return url_for("decisions.form", case_id=invited.case_id, act=invited.step)


def _turned_away(invited: Invited) -> Answer | None:
    """Why the link opens nothing: it is somebody else's, or its time is over."""
    if current_user.is_authenticated and current_user.person_id != invited.person_id:
        return _closed("foreign"), 403
    if invited.validity is not Validity.OPEN:
        return _closed(str(invited.validity)), 410
    return None


def _closed(why: str) -> str:
    return render_template("invitations/closed.html", why=why)


def _page(
    session: Session, invited: Invited, *, problem: str = "", reasons: Any = (), typed: str = ""
) -> str:
    language = door.language()
    ctx = Context(actor=Actor(person=invited.person_id), at=clock.now(session), source=Source.PAGE)
    case = queries.case_for(session, invited.case_id, ctx=ctx)
    step = case.definition.step(case.snapshot.state, invited.step)
    partner = case.snapshot.partner
    college = queries.units_by_id(session).get(case.snapshot.subject.get("lead_college_id") or "")
    return render_template(
        "invitations/show.html",
        invited=invited,
        step=title_of(step.label, language) if step else "",
        basis=article_text(step.basis, language) if step else "",
        base=case.snapshot.subject.get("base_name") or t("bases.unnamed", language),
        partner=partner["name"] if partner else "",
        college=college["name"] if college else "",
        problem=problem,
        reasons=reasons,
        reason=typed,
        longest=LONGEST_REASON,
    )


@blueprint.post("/<token>")
def answer(token: str) -> Answer:
    """Record the declaration, use the link up, and go on to the sheet, or say what follows from a conflict."""
    act = RoundAct.DECLARE_CONFLICT if request.form.get("conflict") == "yes" else RoundAct.DECLARE_NO_CONFLICT
    typed = request.form.get("reason", "").replace("\x00", "\ufffd")
    with door.database().reading() as session:
        invited = invited_by(session, token, at=clock.now(session))
        away = _came_back(invited) or _turned_away(invited)
        if away is not None:
            return away
    reason = typed if act is RoundAct.DECLARE_CONFLICT else ""
    try:
        invited, outcome = door.database().run(
            lambda session: come_in(session, token, act=act, reason=reason, at=clock.now(session))
        )
    except BadInput as bad:
        problem = t(
            f"fault.{bad.faults[0].code}",
            door.language(),
            **{**bad.faults[0].params, "field": t("invitations.reason", door.language())},
        )
        with door.database().reading() as session:
            return _page(session, invited, problem=problem, typed=typed), 422
    return _next(invited, act, outcome, typed)


def _next(invited: Invited, act: RoundAct, outcome: Receipt | Refusal | None, typed: str) -> Answer:
    if isinstance(outcome, Refusal):
        with door.database().reading() as session:
            case = queries.case_for(session, invited.case_id, ctx=_as(session, invited))
            reasons = reasons_shown(outcome.blockers, case.definition, door.language())
            return _page(session, invited, reasons=reasons, typed=typed), 409
    if invited.validity is not Validity.OPEN:
        return _closed(str(invited.validity)), 410
    if act is RoundAct.DECLARE_CONFLICT:
        return render_template("invitations/aside.html", receipt=outcome)
    if not current_user.is_authenticated:
        auth.begin_guest_session(invited.id)
    return redirect(_matter(invited), code=303)


def _as(session: Session, invited: Invited) -> Context:
    return Context(actor=Actor(person=invited.person_id), at=clock.now(session), source=Source.PAGE)


# ───────────────────────────── What such a session may see and do

MATTER = frozenset({"decisions.form", "decisions.preview", "decisions.carry_out"})
ASIDE = frozenset({"seats.form", "seats.preview", "seats.carry_out"})
ALWAYS = frozenset(
    {"static", "preferences.set", "auth.logout", "health.health", "invitations.show", "invitations.answer"}
)


def may_open(user: auth.User) -> bool:
    """Whether somebody who came by a link may open the page that is asked for: the matter of their panel and nothing else."""
    given = request.view_args or {}
    if request.endpoint in ALWAYS:
        return True
    if request.endpoint in MATTER:
        return str(given["case_id"]) == user.case_id and given["act"] == user.act
    if request.endpoint in ASIDE:
        return str(given["case_id"]) == user.case_id and given["act"] == RoundAct.DECLARE_CONFLICT
    with door.database().reading() as session:
        if request.endpoint == "decisions.receipt" and str(given["case_id"]) == user.case_id:
            row = queries.entry_of(session, user.case_id, min(given["seq"], 10**9 - 1))
            return row is not None and bool(row["actor_id"] == user.person_id)
        if request.endpoint == "documents.download":
            return queries.document_is_of(session, str(given["document_id"]), user.case_id)
    return False


@blueprint.before_app_request
def _only_the_matter() -> Response | None:
    """Keep a session begun by a link to its matter; the way home leads there, anything else is not found."""
    if request.blueprint in auth.OWN_DOOR or not door.is_guest() or may_open(current_user):
        return None
    if request.endpoint == "inbox.index":
        return redirect(url_for("decisions.form", case_id=current_user.case_id, act=current_user.act))
    raise NotFound("no_such_page")
