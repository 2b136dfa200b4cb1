"""Delegations: who acts for whom in which role; the office enters one for somebody absent, and ends any."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from flask import request, url_for
from sqlalchemy.orm import Session

from web import door, pages
from web.admin import blueprint
from web.admin.lists import Cell, Listing, cell, listed
from web.admin.sheets import Answer, Ask, Deed, Page, Typed, ask, filled, reason
from web.words import t
from workflow import queries
from workflow.blockers import Fault
from workflow.context import Context
from workflow.errors import BadInput
from workflow.operations.deeds import Done
from workflow.operations.delegations import give_delegation, revoke_delegation
from workflow.queries import delegations as asked
from workflow.queries import office
from workflow.queries.roles import Roles, roles_of
from workflow.snapshot import Row

COLUMNS = ("delegator", "delegate", "role", "from_on", "until_on", "status", "act")


@blueprint.get("/delegations")
def delegations() -> str:
    """Every delegation, the latest first."""
    language = door.language()
    with pages.looking() as look:
        found = asked.delegations_page(
            look.session, person=None, after=request.args.get("after"), before=request.args.get("before")
        )
        roles, today = roles_of(look.session), look.ctx.today
    return listed(
        Listing(
            title=t("admin.place.delegations", language),
            columns=COLUMNS,
            rows=tuple(_row(row, roles, today, language) for row in found.rows),
            intro=t("admin.delegations.intro", language),
            turn=pages.turn(found, "admin.delegations"),
            empty=t("admin.delegations.none", language),
        )
    )


def _row(row: Row, roles: Roles, today: date, language: str) -> tuple[Cell, ...]:
    status = standing_of(row, today)
    revoke = (
        t("admin.delegations.revoke", language),
        url_for("admin.revoke_delegation_of", delegation_id=row["id"]),
    )
    return (
        cell(row["name"], href=url_for("admin.person", person_id=row["person_id"])),
        cell(row["delegate_name"], href=url_for("admin.person", person_id=row["delegate_id"])),
        cell(scope_text(row, roles, language)),
        cell(row["from_on"]),
        cell(row["until_on"]),
        Cell(text=t(f"admin.delegations.is.{status}", language), at=row["revoked_at"], note=row["reason"]),
        Cell(links=(revoke,) if status in ("coming", "running") else ()),
    )


def standing_of(row: Row, today: date) -> str:
    """coming, running, over or revoked."""
    if row["revoked_at"] is not None:
        return "revoked"
    if today < row["from_on"]:
        return "coming"
    return "running" if today <= row["until_on"] else "over"


def scope_text(row: Row, roles: Roles, language: str) -> str:
    """The role with its unit."""
    role = roles.text(row["role"], language)
    return f"{role} ({row['unit']})" if row["unit"] else role


# ───────────────────────────── The form, here and on one's own page


def delegation_asks(session: Session, rights: queries.Rights) -> tuple[Ask, ...]:
    """What a delegation asks for; the roles to choose from are those the delegator holds today."""
    language = door.language()
    units, roles = queries.units_by_id(session), roles_of(session)
    options = tuple(
        {
            "value": f"{role}|{unit or ''}",
            "label": scope_text(
                {"role": role, "unit": units[unit]["name"] if unit else None}, roles, language
            ),
        }
        for role, unit in asked.delegable(session, rights)
    )
    return (
        ask("delegate", longest=60),
        ask("role", "choice", options=options),
        ask("from_on", "date", value=rights.today),
        ask("until_on", "date"),
        reason(),
    )


def giving(person_id: str) -> Deed:
    """The deed of the form: the delegate is named by staff number or account. Raises BadInput with every fault."""

    def give(session: Session, ctx: Context, typed: Typed) -> Done:
        delegate = asked.person_called(session, typed.text("delegate"))
        role, _, unit = typed.text("role").partition("|")
        return give_delegation(
            session, person_id=person_id, delegate_id=delegate, role=role, unit_id=_known_key(unit),
            from_on=typed.day("from_on"), until_on=typed.day("until_on"), reason=typed.text("reason"), ctx=ctx,
        )  # fmt: skip

    return give


def _known_key(text: str) -> str | None:
    """A unit's key. Raises BadInput for what is none."""
    if text and not pages.key_in(text):
        raise BadInput((Fault(field="role", code="unknown_choice"),))
    return pages.key_in(text) or None


def revoking(key: str, row: Row, scope: str, *, back: str) -> Answer:
    """The form that ends a delegation, with what it is."""
    language = door.language()
    facts: tuple[tuple[str, Any], ...] = (
        (t("admin.column.delegator", language), row["name"]),
        (t("admin.column.delegate", language), row["delegate_name"]),
        (t("admin.column.role", language), scope),
    )
    page = Page(
        title=t("admin.delegations.revoke", language),
        action=t("admin.delegations.revoke", language),
        back=back,
        intro=t("admin.delegations.revoke_intro", language),
        facts=facts,
    )
    return filled(
        page,
        (reason(),),
        lambda session, ctx, typed: revoke_delegation(session, key, reason=typed.text("reason"), ctx=ctx),
    )


@blueprint.route("/people/<uuid:person_id>/delegations/new", methods=["GET", "POST"])
def give_delegation_for(person_id: UUID) -> Answer:
    """Let somebody act for a person who is absent."""
    language, key = door.language(), str(person_id)
    with pages.looking() as look:
        person = office.person_of(look.session, key)
        asks = delegation_asks(look.session, queries.rights_of(look.session, key, today=look.ctx.today))
    page = Page(
        title=t("admin.delegations.give", language),
        action=t("admin.delegations.give", language),
        back=url_for("admin.person", person_id=key),
        intro=t("admin.delegations.give_intro", language),
        facts=((t("admin.column.delegator", language), person["name"]),),
    )
    return filled(page, asks, giving(key))


@blueprint.route("/delegations/<uuid:delegation_id>/revoke", methods=["GET", "POST"])
def revoke_delegation_of(delegation_id: UUID) -> Answer:
    """End a delegation at once."""
    with pages.looking() as look:
        row = asked.delegation_of(look.session, str(delegation_id))
        scope = scope_text(row, roles_of(look.session), look.language)
    return revoking(str(delegation_id), row, scope, back=url_for("admin.delegations"))
