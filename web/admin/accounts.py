"""Accounts and their sessions: disable, open again, sign out everywhere, give another password."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request, url_for

from web import door, pages
from web.admin import blueprint
from web.admin.lists import Cell, Listing, cell, listed
from web.admin.people import show_password
from web.admin.sheets import Answer, Page, ask, filled, reason
from web.words import t
from workflow.operations import accounts as deeds
from workflow.queries import office

DEEDS = {
    "disable": deeds.disable_account,
    "enable": deeds.enable_account,
    "sign_out": deeds.end_sessions,
}


@blueprint.get("/accounts")
def accounts() -> str:
    """Every account, or those whose login, name or number holds a text."""
    language, text = door.language(), pages.asked("q")
    with pages.looking() as look:
        found = office.accounts_page(
            look.session, text=text, after=request.args.get("after"), before=request.args.get("before")
        )
        now = look.ctx.at
    return listed(
        Listing(
            title=t("admin.place.accounts", language),
            columns=("login", "name", "last_login_at", "status", "act"),
            rows=tuple(_row(row, now, language) for row in found.rows),
            search=(ask("q", required=False, value=text),),
            turn=pages.turn(found, "admin.accounts", q=text),
            empty=t("admin.accounts.none", language),
        )
    )


def _row(row: Any, now: Any, language: str) -> tuple[Cell, ...]:
    return (
        cell(row["login"]),
        cell(
            row["name"],
            href=url_for("admin.person", person_id=row["person_id"]),
            note=row["staff_number"] or "",
        ),
        cell(row["last_login_at"]),
        _status(row, now, language),
        Cell(links=_links(row, language)),
    )


def _status(row: Any, now: Any, language: str) -> Cell:
    if row["disabled_at"]:
        return Cell(text=t("admin.accounts.is.disabled", language), at=row["disabled_at"])
    if row["locked_until"] and row["locked_until"] > now:
        return Cell(text=t("admin.accounts.is.locked", language), at=row["locked_until"])
    return Cell(text=t("admin.accounts.is.open", language))


def _links(row: Any, language: str) -> tuple[tuple[str, str], ...]:
    names = ["enable"] if row["disabled_at"] else ["disable", "sign_out"]
    links = [
        (
            t(f"admin.accounts.{name}", language),
            url_for("admin.change_account", account_id=row["id"], deed=name),
        )
        for name in names
    ]
    reset = (t("admin.accounts.reset", language), url_for("admin.reset_password", account_id=row["id"]))
    return (*links, reset)


@blueprint.route(
    "/accounts/<uuid:account_id>/<any('disable', 'enable', 'sign_out'):deed>", methods=["GET", "POST"]
)
def change_account(account_id: UUID, deed: str) -> Answer:
    """Disable an account, open it again, or end its sessions."""
    key, work = str(account_id), DEEDS[deed]
    page = _page(key, t(f"admin.accounts.{deed}", door.language()))
    return filled(
        page,
        (reason(),),
        lambda session, ctx, typed: work(session, key, reason=typed.text("reason"), ctx=ctx),
    )


@blueprint.route("/accounts/<uuid:account_id>/password", methods=["GET", "POST"])
def reset_password(account_id: UUID) -> Answer:
    """Give another first password, shown once on the answer."""
    key, password = str(account_id), deeds.new_password()
    page = _page(key, t("admin.accounts.reset", door.language()))
    return filled(
        page,
        (reason(),),
        lambda session, ctx, typed: deeds.set_password(
            session, key, password=password, reason=typed.text("reason"), ctx=ctx
        ),
        after=lambda done: show_password(done, page, password),
    )


def _page(key: str, title: str) -> Page:
    language = door.language()
    with pages.looking() as look:
        row = office.account_of(look.session, key)
    return Page(
        title=title,
        action=title,
        back=url_for("admin.accounts"),
        facts=(
            (t("admin.column.login", language), row["login"]),
            (t("admin.column.name", language), row["name"]),
        ),
    )
