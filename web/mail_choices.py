"""How one wants to be told by mail: at once, in one mail a day, or not; everything stays on the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from web import door, pages
from web.words import t
from workflow.errors import BadInput
from workflow.mailing import NoticeKind, Pace
from workflow.operations.mailing import choose_mail
from workflow.queries.mailing import is_responsible, paces_of

Answer = str | tuple[str, int] | Response

blueprint = Blueprint("mail_choices", __name__, url_prefix="/account/notices")


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator]
def _signed_in() -> None:
    """Every page here is for people who have signed in."""


@blueprint.get("")
def index() -> str:
    return _page()


@blueprint.post("")
def choose() -> Answer:
    """Keep what was chosen; choosing the same again changes nothing."""
    sent = {str(kind): request.form.get(kind, "") for kind in NoticeKind}
    try:
        done = door.act(lambda session, ctx: choose_mail(session, sent, ctx=ctx))
    except BadInput as bad:
        faults = {fault.field: fault.code for fault in bad.faults}
        return _page(sent=sent, faults=faults), 422
    said = "mail_choices.kept" if done is not None else "mail_choices.unchanged"
    flash(t(said, door.language()), "success")
    return redirect(url_for("mail_choices.index"), code=303)


def _page(*, sent: Mapping[str, str] | None = None, faults: Mapping[str, str] | None = None) -> str:
    with pages.looking() as look:
        person = current_user.person_id
        values: Mapping[Any, str] = sent if sent is not None else paces_of(look.session, person)
        is_locked = is_responsible(look.session, person, today=look.ctx.today)
    fields = [_field(kind, values.get(kind, ""), faults or {}, is_locked=is_locked) for kind in NoticeKind]
    return render_template("account/notices.html", fields=fields)


def _field(kind: NoticeKind, value: str, faults: Mapping[str, str], *, is_locked: bool) -> dict[str, Any]:
    """The choice of one kind, as `macros/field.html` draws it; what is locked says why."""
    language = door.language()
    label = t(f"mail_choices.kind.{kind}", language)
    is_locked = is_locked and kind is NoticeKind.DEADLINES
    paces = [pace for pace in Pace if not (is_locked and pace is Pace.OFF)]
    hint = t("mail_choices.locked" if is_locked else f"mail_choices.about.{kind}", language)
    errors = [t(f"fault.{faults[kind]}", language, field=label)] if kind in faults else []
    return {
        "name": str(kind), "type": "choice", "label": label, "hint": hint, "basis": "", "required": True,
        "errors": errors, "value": str(value),
        "options": [{"value": str(pace), "label": t(f"mail_choices.pace.{pace}", language)} for pace in paces],
    }  # fmt: skip
