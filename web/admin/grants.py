"""Rights: who holds which role on which unit from when until when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from flask import request, url_for

from web import door, pages
from web.admin import blueprint
from web.admin.lists import Cell, Listing, cell, listed
from web.admin.sheets import Answer, Page, ask, filled, reason
from web.words import t
from workflow import queries
from workflow.operations import office as deeds
from workflow.queries import office
from workflow.queries.roles import Roles, roles_of


@blueprint.get("/grants")
def grants() -> str:
    """Grants by unit, role and day."""
    language = door.language()
    unit, role, day = pages.asked("unit"), pages.asked("role"), pages.asked("on")
    with pages.looking() as look:
        wanted = office.GrantFilter(unit=pages.key_in(unit), role=role, on=_read_day(day))
        found = office.grants_page(
            look.session, wanted, after=request.args.get("after"), before=request.args.get("before")
        )
        units, roles = unit_options(look), roles_of(look.session)
    return listed(
        Listing(
            title=t("admin.place.grants", language),
            columns=("name", "role", "unit", "from_on", "until_on", "status", "act"),
            rows=tuple(_row(row, roles, language) for row in found.rows),
            intro=t("admin.grants.intro", language),
            search=(
                ask("unit", "unit", required=False, options=units, value=unit),
                ask(
                    "role",
                    "choice",
                    required=False,
                    options=_options(roles, roles.known, language),
                    value=role,
                ),
                ask("on", "date", required=False, value=day),
            ),
            turn=pages.turn(found, "admin.grants", unit=unit, role=role, on=day),
            empty=t("admin.grants.none", language),
        )
    )


def _read_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def unit_options(look: pages.Look) -> tuple[dict[str, str], ...]:
    """Every unit, to choose from."""
    return tuple(
        {"value": row["id"], "label": row["name"]} for row in queries.units_by_id(look.session).values()
    )


def _unit_hint(roles: Roles, language: str) -> str:
    """Which roles ask for a unit."""
    asking = dict.fromkeys(roles.label(name, language) for name in roles.given if roles.known[name].on_a_unit)
    return t("admin.grants.unit_hint", language, roles=[*asking])


def _options(roles: Roles, names: Iterable[str], language: str) -> tuple[Mapping[str, str], ...]:
    """Roles to choose from."""
    return tuple({"value": name, "label": roles.text(name, language)} for name in names)


def _row(row: Any, roles: Roles, language: str) -> tuple[Cell, ...]:
    revoked = row["revoked_at"]
    acts = (
        ()
        if revoked
        else ((t("admin.grants.revoke", language), url_for("admin.revoke_grant", grant_id=row["id"])),)
    )
    status = t("admin.grants.revoked" if revoked else "admin.grants.given", language)
    return (
        cell(
            row["name"],
            href=url_for("admin.person", person_id=row["person_id"]),
            note=row["staff_number"] or "",
        ),
        cell(roles.text(row["role"], language)),
        cell(row["unit"]),
        cell(row["from_on"]),
        cell(row["until_on"]),
        Cell(text=status, at=revoked, note=row["reason"] or ""),
        Cell(links=acts),
    )


@blueprint.route("/people/<uuid:person_id>/grants/new", methods=["GET", "POST"])
def give_grant(person_id: UUID) -> Answer:
    """Give a person a role."""
    language, key = door.language(), str(person_id)
    with pages.looking() as look:
        person = office.person_of(look.session, key)
        units, roles, today = unit_options(look), roles_of(look.session), look.ctx.today
    page = Page(
        title=t("admin.grants.give", language),
        action=t("admin.grants.give", language),
        back=url_for("admin.person", person_id=key),
        facts=((t("admin.column.name", language), person["name"]),),
    )
    asks = (
        ask("role", "choice", options=_options(roles, roles.given, language)),
        ask("unit", "unit", required=False, options=units, hint=_unit_hint(roles, language)),
        ask("from_on", "date", value=today),
        ask("until_on", "date", required=False),
        reason(),
    )
    return filled(
        page,
        asks,
        lambda session, ctx, typed: deeds.give_grant(
            session, person_id=key, role=typed.text("role"), unit_id=typed.given("unit"), from_on=typed.day("from_on"),
            until_on=typed.day("until_on"), reason=typed.text("reason"), ctx=ctx,
        ),
    )  # fmt: skip


@blueprint.route("/grants/<uuid:grant_id>/revoke", methods=["GET", "POST"])
def revoke_grant(grant_id: UUID) -> Answer:
    """Take a role back, at once."""
    language, key = door.language(), str(grant_id)
    with pages.looking() as look:
        row, roles = office.grant_of(look.session, key), roles_of(look.session)
    page = Page(
        title=t("admin.grants.revoke", language),
        action=t("admin.grants.revoke", language),
        back=url_for("admin.person", person_id=row["person_id"]),
        intro=t("admin.grants.revoke_intro", language),
        facts=(
            (t("admin.column.name", language), row["name"]),
            (t("admin.column.role", language), roles.text(row["role"], language)),
            (t("admin.column.unit", language), row["unit"] or "—"),
        ),
    )
    return filled(
        page,
        (reason(),),
        lambda session, ctx, typed: deeds.revoke_grant(session, key, reason=typed.text("reason"), ctx=ctx),
    )
