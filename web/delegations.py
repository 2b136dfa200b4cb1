"""One's own delegations: whom one lets act in one's place, and for whom one may act."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request, url_for
from flask_login import login_required

from web import door, pages
from web.admin.delegations import delegation_asks, giving, revoking, scope_text, standing_of
from web.admin.sheets import Answer, Page, filled
from web.words import t
from workflow.errors import NotFound
from workflow.queries import delegations as asked
from workflow.queries.roles import Roles, roles_of
from workflow.snapshot import Row

blueprint = Blueprint("delegations", __name__, url_prefix="/delegations")


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator]
def _signed_in() -> None:
    """Every page here is for people who have signed in."""


@blueprint.get("")
def index() -> str:
    """What the reader has delegated, and what was delegated to them."""
    with pages.looking() as look:
        found = asked.delegations_page(
            look.session,
            person=look.rights.person,
            after=request.args.get("after"),
            before=request.args.get("before"),
        )
        may_give, roles = bool(asked.delegable(look.session, look.rights)), roles_of(look.session)
        return render_template(
            "delegations/index.html",
            rows=[_row(row, roles, look) for row in found.rows],
            turn=pages.turn(found, "delegations.index"),
            may_give=may_give,
        )


def _row(row: Row, roles: Roles, look: pages.Look) -> dict[str, Any]:
    status, mine = standing_of(row, look.ctx.today), row["person_id"] == look.rights.person
    return {
        **row,
        "scope": scope_text(row, roles, look.language),
        "status": status,
        "revoke": url_for("delegations.revoke", delegation_id=row["id"])
        if mine and status in ("coming", "running")
        else "",
    }


@blueprint.route("/new", methods=["GET", "POST"])
def give() -> Answer:
    """Let somebody act in one's place."""
    language = door.language()
    with pages.looking() as look:
        person, asks = look.rights.person, delegation_asks(look.session, look.rights)
    page = Page(
        title=t("delegations.give", language),
        action=t("delegations.give", language),
        back=url_for("delegations.index"),
        intro=t("delegations.give_intro", language),
    )
    return filled(page, asks, giving(person))


@blueprint.route("/<uuid:delegation_id>/revoke", methods=["GET", "POST"])
def revoke(delegation_id: UUID) -> Answer:
    """End a delegation of one's own at once. One of somebody else's answers like one that does not exist."""
    key = str(delegation_id)
    with pages.looking() as look:
        row = asked.delegation_of(look.session, key)
        if row["person_id"] != look.rights.person:
            raise NotFound("no_such_row", delegation=key)
        scope = scope_text(row, roles_of(look.session), look.language)
    return revoking(key, row, scope, back=url_for("delegations.index"))
