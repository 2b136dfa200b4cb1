"""Partners through time: the names they bore and who came after them, so that a ban is recognised (Art. 18)."""

from __future__ import annotations

from uuid import UUID

from flask import request, url_for

from web import door, pages
from web.admin import blueprint
from web.admin.lists import Cell, Listing, borne_text, cell, listed
from web.admin.organisations import about, acts_on, adding, renamed
from web.admin.sheets import Answer, ask, choices, filled, reason
from web.words import t
from workflow.forms import PARTNER_KINDS
from workflow.operations import organisations as deeds
from workflow.queries import organisations
from workflow.snapshot import Row


@blueprint.get("/partners")
def partners() -> str:
    """Every partner, or those whose name, name of before or code holds a text."""
    language, text = door.language(), pages.asked("q")
    with pages.looking() as look:
        found = organisations.partners_page(
            look.session, text=text, after=request.args.get("after"), before=request.args.get("before")
        )
        borne = organisations.names_before(look.session, [row["id"] for row in found.rows])
    return listed(
        Listing(
            title=t("admin.place.partners", language),
            columns=("partner", "partner_kind", "credit_code", "borne", "successor", "act"),
            rows=tuple(_row(row, borne.get(row["id"], []), language) for row in found.rows),
            intro=t("admin.partners.intro", language),
            actions=((t("admin.partners.add", language), url_for("admin.add_partner")),),
            search=(ask("q", label=t("admin.field.partner_sought", language), required=False, value=text),),
            turn=pages.turn(found, "admin.partners", q=text),
            empty=t("admin.partners.none", language),
        )
    )


def _row(row: Row, borne: list[Row], language: str) -> tuple[Cell, ...]:
    return (
        cell(row["name"]),
        cell(t(f"partner_kind.{row['kind']}", language)),
        cell(row["credit_code"]),
        cell(borne_text(borne, language)),
        cell(row["successor"]),
        acts_on("partner", row["id"], language),
    )


@blueprint.route("/partners/new", methods=["GET", "POST"])
def add_partner() -> Answer:
    """Enter a partner nobody has proposed with, such as a successor."""
    language = door.language()
    asks = (
        ask("name", label=t("admin.field.partner_name", language), longest=200),
        ask("kind", "choice", options=choices(PARTNER_KINDS, "partner_kind.")),
        ask("credit_code", required=False, longest=60),
        reason(),
    )
    return filled(
        adding("partner", language, intro=t("admin.partners.add_intro", language)),
        asks,
        lambda session, ctx, typed: deeds.add_partner(
            session,
            name=typed.text("name"),
            kind=typed.text("kind"),
            credit_code=typed.given("credit_code"),
            reason=typed.text("reason"),
            ctx=ctx,
        ),
    )


@blueprint.route("/partners/<uuid:partner_id>/rename", methods=["GET", "POST"])
def rename_partner(partner_id: UUID) -> Answer:
    """Give a partner a new name from a day on."""
    with pages.looking() as look:
        row, today = organisations.partner_of(look.session, str(partner_id)), look.ctx.today
    return renamed("partner", row, deeds.rename_partner, today=today)


@blueprint.route("/partners/<uuid:partner_id>/successor", methods=["GET", "POST"])
def succeed_partner(partner_id: UUID) -> Answer:
    """Record which partner came after one."""
    language, key = door.language(), str(partner_id)
    with pages.looking() as look:
        row = organisations.partner_of(look.session, key)
    successor = ask(
        "successor",
        required=False,
        longest=200,
        value=row["successor"],
        hint=t("admin.hint.partner_successor", language),
    )
    return filled(
        about("succeed", "partner", row, language),
        (successor, reason()),
        lambda session, ctx, typed: deeds.succeed_partner(
            session, key, successor=typed.given("successor"), reason=typed.text("reason"), ctx=ctx
        ),
    )
