"""The yearly calls for proposals (Art. 4)."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from flask import url_for

from web import door, pages
from web.admin import blueprint
from web.admin.lists import Cell, Listing, cell, listed
from web.admin.sheets import Answer, Page, ask, filled, lifecycle_fact, reason
from web.words import t
from workflow.definition.values.edition import Definition
from workflow.guards.calls import call_open
from workflow.operations import office as deeds
from workflow.queries import office
from workflow.snapshot import Row
from workflow.words import article_text


@blueprint.get("/calls")
def calls() -> str:
    """Every call of a lifecycle, the latest first."""
    language = door.language()
    with pages.looking() as look:
        among, today = pages.lifecycles(look), look.ctx.today
        rows = office.calls(look.session, among.current.name)
    return listed(
        Listing(
            title=t("admin.place.calls", language),
            columns=("year", "opens_on", "closes_on", "status", "act"),
            rows=tuple(_row(row, today, language) for row in rows),
            intro=_intro(among.current, language),
            actions=(
                (t("admin.calls.add", language), url_for("admin.open_call", lifecycle=among.in_address)),
            ),
            tabs=among.links("admin.calls", language),
            empty=t("admin.calls.none", language),
        )
    )


def _intro(definition: Definition, language: str) -> str:
    """What a call is for, with the ground of it; nothing where the lifecycle asks for none."""
    needs = (
        need for act in definition.acts.values() for need in act.needs if need.guard == call_open.__name__
    )
    need = next(needs, None)
    return t("admin.calls.intro", language, basis=article_text(need.basis, language)) if need else ""


def _row(row: Row, today: date, language: str) -> tuple[Cell, ...]:
    status = "coming" if today < row["opens_on"] else "over" if today > row["closes_on"] else "running"
    change = (t("admin.calls.edit", language), url_for("admin.change_call", call_id=row["id"]))
    return (
        cell(row["year"]),
        cell(row["opens_on"]),
        cell(row["closes_on"]),
        cell(t(f"admin.calls.is.{status}", language)),
        Cell(links=(change,)),
    )


@blueprint.route("/calls/new", methods=["GET", "POST"])
def open_call() -> Answer:
    """Open the call of a year for the lifecycle the address names."""
    language = door.language()
    with pages.looking() as look:
        among, year = pages.lifecycles(look), look.ctx.today.year
    page = Page(
        title=t("admin.calls.add", language),
        action=t("admin.calls.add", language),
        back=url_for("admin.calls", lifecycle=among.in_address),
        facts=lifecycle_fact(among),
    )
    asks = (ask("year", "count", value=year), ask("opens_on", "date"), ask("closes_on", "date"), reason())
    return filled(
        page,
        asks,
        lambda session, ctx, typed: deeds.open_call(
            session, lifecycle=among.current.name, year=typed.number("year"), opens_on=typed.day("opens_on"),
            closes_on=typed.day("closes_on"), reason=typed.text("reason"), ctx=ctx,
        ),
    )  # fmt: skip


@blueprint.route("/calls/<uuid:call_id>", methods=["GET", "POST"])
def change_call(call_id: UUID) -> Answer:
    """Move the days of a call."""
    language, key = door.language(), str(call_id)
    with pages.looking() as look:
        row = office.call_of(look.session, key)
        among = pages.lifecycles(look, named=row["lifecycle"])
    page = Page(
        title=t("admin.calls.edit", language),
        action=t("admin.calls.edit", language),
        back=url_for("admin.calls", lifecycle=among.in_address),
        facts=(*lifecycle_fact(among), (t("admin.column.year", language), row["year"])),
    )
    asks = (
        ask("opens_on", "date", value=row["opens_on"]),
        ask("closes_on", "date", value=row["closes_on"]),
        reason(),
    )
    return filled(
        page,
        asks,
        lambda session, ctx, typed: deeds.change_call(
            session,
            key,
            opens_on=typed.day("opens_on"),
            closes_on=typed.day("closes_on"),
            reason=typed.text("reason"),
            ctx=ctx,
        ),
    )
