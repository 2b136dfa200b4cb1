"""Partners through time: the names they bore and who came after them, so that a ban is recognised (Art. 18)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request, url_for

from web import door, pages
from web.admin import blueprint
from web.admin.lists import Cell, Listing, borne_text, cell, listed
from web.admin.sheets import Answer, Page, ask, choices, filled, reason
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
    acts = tuple(
        (t(f"admin.organisation.{act}", language), url_for(f"admin.{act}_partner", partner_id=row["id"]))
        for act in ("rename", "succeed")
    )
    return (
        cell(row["name"]),
        cell(t(f"partner_kind.{row['kind']}", language)),
        cell(row["credit_code"]),
        cell(borne_text(borne, language)),
        cell(row["successor"]),
        Cell(links=acts),
    )


@blueprint.route("/partners/new", methods=["GET", "POST"])
def add_partner() -> Answer:
    """Enter a partner nobody has proposed with, such as a successor."""
    language = door.language()
    page = Page(
        title=t("admin.partners.add", language),
        action=t("admin.partners.add", language),
        back=url_for("admin.partners"),
        intro=t("admin.partners.add_intro", language),
    )
    asks = (
        ask("name", label=t("admin.field.partner_name", language), longest=200),
        ask("kind", "choice", options=choices(PARTNER_KINDS, "partner_kind.")),
        ask("credit_code", required=False, longest=60),
        reason(),
    )
    return filled(
        page,
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
    language, key = door.language(), str(partner_id)
    with pages.looking() as look:
        row, today = organisations.partner_of(look.session, key), look.ctx.today
    asks = (
        ask("name", label=t("admin.field.partner_name", language), longest=200),
        ask("from_on", "date", value=today),
        reason(),
    )
    return filled(
        _page("rename", row, language),
        asks,
        lambda session, ctx, typed: deeds.rename_partner(
            session,
            key,
            name=typed.text("name"),
            from_on=typed.day("from_on"),
            reason=typed.text("reason"),
            ctx=ctx,
        ),
    )


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
        _page("succeed", row, language),
        (successor, reason()),
        lambda session, ctx, typed: deeds.succeed_partner(
            session, key, successor=typed.given("successor"), reason=typed.text("reason"), ctx=ctx
        ),
    )


def _page(act: str, row: Any, language: str) -> Page:
    return Page(
        title=t(f"admin.organisation.{act}", language),
        action=t(f"admin.organisation.{act}", language),
        back=url_for("admin.partners"),
        intro=t(f"admin.organisation.{act}_intro", language),
        facts=((t("admin.column.partner", language), row["name"]),),
    )
