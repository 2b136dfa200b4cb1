"""One's own tokens: hand one to a program, see what there is, end one. A token is shown once, on the page that made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from web import door, pages
from web.words import t
from workflow.context import Context
from workflow.errors import BadInput, WorkflowError
from workflow.operations import tokens
from workflow.operations.answers import Made
from workflow.operations.repeats import once
from workflow.queries.tokens import tokens_of

Answer = str | tuple[str, int] | Response

blueprint = Blueprint("tokens", __name__, url_prefix="/tokens")

LIVES = ("30", "90", "180", "366")
"""Days a token may be asked to last."""
LABELS = {"name": "tokens.name", "days": "tokens.lasts"}


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator]
def _signed_in() -> None:
    """Every page here is for people who have signed in."""


@blueprint.get("")
def index() -> str:
    return _page()


def _page(*, sent: Mapping[str, str] | None = None, faults: Mapping[str, str] | None = None) -> str:
    with pages.looking() as look:
        rows = tokens_of(look.session, current_user.account_id)
        at = look.ctx.at
    return render_template(
        "tokens/index.html",
        rows=[{**row, "status": _status(row, at)} for row in rows],
        fields=_fields(sent or {}, faults or {}),
        key=pages.new_request_key(),
    )


def _status(row: Mapping[str, Any], at: Any) -> str:
    if row["revoked_at"] is not None:
        return "revoked"
    return "expired" if row["expires_at"] <= at else "valid"


def _fields(sent: Mapping[str, str], faults: Mapping[str, str]) -> list[dict[str, Any]]:
    """The form, as `macros/field.html` draws it."""
    language = door.language()
    lives = [{"value": days, "label": t("tokens.days", language, count=int(days))} for days in LIVES]
    return [
        {
            "name": "name", "type": "line", "label": t("tokens.name", language), "hint": t("tokens.name_hint", language),
            "basis": "", "required": True, "errors": [faults["name"]] if "name" in faults else [],
            "longest": tokens.LONGEST_NAME, "value": sent.get("name", ""),
        },
        {
            "name": "days", "type": "choice", "label": t("tokens.lasts", language), "hint": "", "basis": "",
            "required": True, "errors": [faults["days"]] if "days" in faults else [], "options": lives,
            "value": sent.get("days", ""),
        },
    ]  # fmt: skip


@blueprint.post("")
def issue() -> Answer:
    """Make a token and show it, this once. The same form sent again makes no second one."""
    key, name, days = pages.sent_key(), request.form.get("name", ""), request.form.get("days", "")
    made: list[tokens.Issued] = []

    def work(session: Any, ctx: Context) -> bool:
        made.clear()

        def make() -> Made:
            made.append(tokens.issue(session, name=name, days=int(days) if days in LIVES else 0, ctx=ctx))
            return Made(id=made[0].id)

        return once(session, what=["token", name, days], ctx=ctx, kind=Made, work=make).repeated

    try:
        repeated = door.act(work, key=key)
    except BadInput as bad:
        return _again(bad, {"name": name, "days": days})
    except WorkflowError as error:
        if error.code != "key_reused":
            raise
        repeated = True
    if repeated or not made:
        flash(t("tokens.shown_before", door.language()), "info")
        return redirect(url_for("tokens.index"))
    return render_template("tokens/issued.html", token=made[0], name=name.strip())


def _again(bad: BadInput, sent: Mapping[str, str]) -> Answer:
    language = door.language()
    faults = {
        fault.field: t(
            f"fault.{fault.code}", language, field=t(LABELS[fault.field], language), **fault.params
        )
        for fault in bad.faults
    }
    return _page(sent=sent, faults=faults), 422


@blueprint.post("/<uuid:token_id>/revoke")
def revoke(token_id: UUID) -> Answer:
    """End a token at once. Doing so again changes nothing."""
    door.act(lambda session, ctx: tokens.revoke(session, str(token_id), ctx=ctx))
    flash(t("tokens.revoked_now", door.language()), "success")
    return redirect(url_for("tokens.index"))
