"""Units with the names they bore and the unit each was merged into."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import url_for

from web import door, pages
from web.admin import blueprint
from web.admin.lists import Cell, Listing, borne_text, cell, listed
from web.admin.organisations import about, acts_on, adding, renamed
from web.admin.sheets import Answer, ask, choices, filled, reason
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
    return (
        cell(row["name"]),
        cell(t(f"unit_kind.{row['kind']}", language)),
        cell(borne_text(row["borne"], language)),
        cell(row["successor"]),
        acts_on("unit", row["id"], language),
    )


@blueprint.route("/units/new", methods=["GET", "POST"])
def add_unit() -> Answer:
    """Add a college or another unit."""
    language = door.language()
    asks = (
        ask("name", label=t("admin.field.unit_name", language), longest=200),
        ask("kind", "choice", options=choices(deeds.UNIT_KINDS, "unit_kind."), value="college"),
        reason(),
    )
    return filled(
        adding("unit", language),
        asks,
        lambda session, ctx, typed: deeds.add_unit(
            session, name=typed.text("name"), kind=typed.text("kind"), reason=typed.text("reason"), ctx=ctx
        ),
    )


@blueprint.route("/units/<uuid:unit_id>/rename", methods=["GET", "POST"])
def rename_unit(unit_id: UUID) -> Answer:
    """Give a unit a new name from a day on."""
    with pages.looking() as look:
        row, today = office.unit_of(look.session, str(unit_id)), look.ctx.today
    return renamed("unit", row, deeds.rename_unit, today=today)


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
        about("succeed", "unit", row, language),
        (successor, reason()),
        lambda session, ctx, typed: succession.succeed_unit(
            session, key, successor_id=typed.given("successor"), reason=typed.text("reason"), ctx=ctx
        ),
    )
