"""Units with the names they bore, and the yearly calls for proposals (Art. 4)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import url_for

from web import door, pages
from web.admin import blueprint
from web.admin.lists import Cell, Listing, borne_text, cell, listed
from web.admin.sheets import Answer, Page, ask, choices, filled, reason
from web.words import t
from workflow import queries
from workflow.operations import office as deeds
from workflow.operations import organisations as succession
from workflow.queries import office


@blueprint.get("/units")
def units() -> str:
    """Every unit with its former names."""
    language = door.language()
    with pages.looking() as look:
        rows = office.units_with_names(look.session)
    return listed(
        Listing(
            title=t("admin.place.units", language),
            columns=("unit", "unit_kind", "borne", "successor", "act"),
            rows=tuple(_unit_row(row, language) for row in rows),
            actions=((t("admin.units.add", language), url_for("admin.add_unit")),),
            empty=t("admin.units.none", language),
        )
    )


def _unit_row(row: Any, language: str) -> tuple[Cell, ...]:
    acts = tuple(
        (t(f"admin.organisation.{act}", language), url_for(f"admin.{act}_unit", unit_id=row["id"]))
        for act in ("rename", "succeed")
    )
    return (
        cell(row["name"]),
        cell(t(f"unit_kind.{row['kind']}", language)),
        cell(borne_text(row["borne"], language)),
        cell(row["successor"]),
        Cell(links=acts),
    )


@blueprint.route("/units/new", methods=["GET", "POST"])
def add_unit() -> Answer:
    """Add a college or another unit."""
    language = door.language()
    page = Page(
        title=t("admin.units.add", language),
        action=t("admin.units.add", language),
        back=url_for("admin.units"),
    )
    asks = (
        ask("name", label=t("admin.field.unit_name", language), longest=200),
        ask("kind", "choice", options=choices(deeds.UNIT_KINDS, "unit_kind."), value="college"),
        reason(),
    )
    return filled(
        page,
        asks,
        lambda session, ctx, typed: deeds.add_unit(
            session, name=typed.text("name"), kind=typed.text("kind"), reason=typed.text("reason"), ctx=ctx
        ),
    )


@blueprint.route("/units/<uuid:unit_id>/rename", methods=["GET", "POST"])
def rename_unit(unit_id: UUID) -> Answer:
    """Give a unit a new name from a day on."""
    language, key = door.language(), str(unit_id)
    with pages.looking() as look:
        row, today = office.unit_of(look.session, key), look.ctx.today
    asks = (
        ask("name", label=t("admin.field.unit_name", language), longest=200),
        ask("from_on", "date", value=today),
        reason(),
    )
    return filled(
        _page("rename", row, language),
        asks,
        lambda session, ctx, typed: deeds.rename_unit(
            session,
            key,
            name=typed.text("name"),
            from_on=typed.day("from_on"),
            reason=typed.text("reason"),
            ctx=ctx,
        ),
    )


@blueprint.route("/units/<uuid:unit_id>/successor", methods=["GET", "POST"])
def succeed_unit(unit_id: UUID) -> Answer:
    """Record into which unit of its kind one was merged."""
    language, key = door.language(), str(unit_id)
    with pages.looking() as look:
        row = office.unit_of(look.session, key)
        alike = queries.units_by_id(look.session, kind=row["kind"]).values()
    options = tuple({"value": one["id"], "label": one["name"]} for one in alike if one["id"] != key)
    successor = ask(
        "successor",
        "unit",
        required=False,
        options=options,
        value=row["succeeded_by"],
        hint=t("admin.hint.unit_successor", language),
    )
    return filled(
        _page("succeed", row, language),
        (successor, reason()),
        lambda session, ctx, typed: succession.succeed_unit(
            session, key, successor_id=typed.given("successor"), reason=typed.text("reason"), ctx=ctx
        ),
    )


def _page(act: str, row: Any, language: str) -> Page:
    return Page(
        title=t(f"admin.organisation.{act}", language),
        action=t(f"admin.organisation.{act}", language),
        back=url_for("admin.units"),
        intro=t(f"admin.organisation.{act}_intro", language),
        facts=((t("admin.column.unit", language), row["name"]),),
    )


# ───────────────────────────── Calls


@blueprint.get("/calls")
def calls() -> str:
    """Every call, the latest first."""
    language = door.language()
    with pages.looking() as look:
        rows, today = office.calls(look.session), look.ctx.today
    return listed(
        Listing(
            title=t("admin.place.calls", language),
            columns=("year", "opens_on", "closes_on", "status", "act"),
            rows=tuple(_call_row(row, today, language) for row in rows),
            intro=t("admin.calls.intro", language),
            actions=((t("admin.calls.add", language), url_for("admin.open_call")),),
            empty=t("admin.calls.none", language),
        )
    )


def _call_row(row: Any, today: Any, language: str) -> tuple[Cell, ...]:
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
    """Open the call of a year."""
    language = door.language()
    with pages.looking() as look:
        year = look.ctx.today.year
    page = Page(
        title=t("admin.calls.add", language),
        action=t("admin.calls.add", language),
        back=url_for("admin.calls"),
    )
    asks = (ask("year", "count", value=year), ask("opens_on", "date"), ask("closes_on", "date"), reason())
    return filled(
        page,
        asks,
        lambda session, ctx, typed: deeds.open_call(
            session, lifecycle=pages.LIFECYCLE, year=typed.number("year"), opens_on=typed.day("opens_on"),
            closes_on=typed.day("closes_on"), reason=typed.text("reason"), ctx=ctx,
        ),
    )  # fmt: skip


@blueprint.route("/calls/<uuid:call_id>", methods=["GET", "POST"])
def change_call(call_id: UUID) -> Answer:
    """Move the days of a call."""
    language, key = door.language(), str(call_id)
    with pages.looking() as look:
        row = office.call_of(look.session, key)
    page = Page(
        title=t("admin.calls.edit", language),
        action=t("admin.calls.edit", language),
        back=url_for("admin.calls"),
        facts=((t("admin.column.year", language), row["year"]),),
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
