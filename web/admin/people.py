"""People: find, enter, correct, and give an account."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from flask import render_template, request, url_for

from web import door, pages
from web.admin import blueprint
from web.admin.lists import Listing, cell, listed
from web.admin.sheets import Answer, Page, ask, filled, reason
from web.words import t
from workflow.explain.names import headed
from workflow.operations import office as deeds
from workflow.operations.accounts import create_account, new_password
from workflow.operations.deeds import Done
from workflow.operations.erasing import erase, erasing
from workflow.queries import office
from workflow.queries.roles import Roles, roles_of
from workflow.words import written


@blueprint.get("/people")
def people() -> str:
    """Everybody, or those whose name, number, mail or login holds a text."""
    language, text = door.language(), pages.asked("q")
    with pages.looking() as look:
        found = office.people_page(
            look.session, text=text, after=request.args.get("after"), before=request.args.get("before")
        )
        held = office.roles_by_person(look.session, [row["id"] for row in found.rows], today=look.ctx.today)
        roles = roles_of(look.session)
    rows = tuple(
        (
            cell(row["name"], href=url_for("admin.person", person_id=row["id"])),
            cell(row["staff_number"] or t("admin.external", language)),
            cell(row["email"]),
            cell(written([_role_text(grant, roles) for grant in held.get(row["id"], ())], language)),
        )
        for row in found.rows
    )
    return listed(
        Listing(
            title=t("admin.place.people", language),
            columns=("name", "staff_number", "email", "roles"),
            rows=rows,
            actions=((t("admin.people.add", language), url_for("admin.add_person")),),
            search=(ask("q", required=False, value=text),),
            turn=pages.turn(found, "admin.people", q=text),
            empty=t("admin.people.none", language),
        )
    )


def _role_text(grant: Any, roles: Roles) -> str:
    """A role with its unit."""
    role = roles.text(grant["role"], door.language())
    if not grant["unit"]:
        return role
    return t("admin.people.role_at", door.language(), role=role, unit=grant["unit"])


@blueprint.get("/people/<uuid:person_id>")
def person(person_id: UUID) -> str:
    """One person: addresses, rights, accounts."""
    with pages.looking() as look:
        found = office.person_of(look.session, str(person_id))
        grants = office.grants_page(look.session, office.GrantFilter(person=str(person_id))).rows
        roles = roles_of(look.session)
        accounts = office.accounts_of(look.session, str(person_id))
        comings = office.sign_ins_of(look.session, str(person_id))
        today = look.ctx.today
    return render_template(
        "admin/person.html", person=found, grants=grants, accounts=accounts, comings=comings, today=today,
        role_text=partial(_role_text, roles=roles), tongue=TONGUES[found["language"]],
    )  # fmt: skip


TONGUES = {"zh": "admin.chinese", "en": "admin.english"}


def _languages() -> tuple[dict[str, str], ...]:
    language = door.language()
    return tuple({"value": value, "label": t(key, language)} for value, key in TONGUES.items())


def _fields(row: Any = None) -> tuple[Any, ...]:
    given = row or {"name": "", "email": "", "phone": "", "language": "zh"}
    return (
        ask("name", longest=200, value=given["name"]),
        ask("email", required=False, longest=200, value=given["email"]),
        ask("phone", required=False, longest=60, value=given["phone"]),
        ask("language", "choice", options=_languages(), value=given["language"]),
    )


@blueprint.route("/people/new", methods=["GET", "POST"])
def add_person() -> Answer:
    """Enter a human being."""
    language = door.language()
    page = Page(
        title=t("admin.people.add", language),
        action=t("admin.people.add", language),
        back=url_for("admin.people"),
    )
    asks = (
        ask("staff_number", required=False, longest=60),
        ask("external", "yes_no", value="no"),
        *_fields(),
        reason(),
    )
    return filled(
        page,
        asks,
        lambda session, ctx, typed: deeds.add_person(
            session, name=typed.text("name"), staff_number=typed.given("staff_number"), email=typed.given("email"),
            phone=typed.given("phone"), language=typed.text("language"), external=typed.yes("external"),
            reason=typed.text("reason"), ctx=ctx,
        ),
    )  # fmt: skip


@blueprint.route("/people/<uuid:person_id>/edit", methods=["GET", "POST"])
def edit_person(person_id: UUID) -> Answer:
    """Correct a name, an address, a language."""
    language, key = door.language(), str(person_id)
    with pages.looking() as look:
        row = office.person_of(look.session, key)
    page = Page(
        title=t("admin.people.edit", language),
        action=t("admin.people.edit", language),
        back=url_for("admin.person", person_id=key),
        facts=(
            (t("admin.column.staff_number", language), row["staff_number"] or t("admin.external", language)),
        ),
    )
    return filled(
        page,
        (*_fields(row), reason()),
        lambda session, ctx, typed: deeds.change_person(
            session, key, name=typed.text("name"), email=typed.given("email"), phone=typed.given("phone"),
            language=typed.text("language"), reason=typed.text("reason"), ctx=ctx,
        ),
    )  # fmt: skip


@blueprint.route("/people/<uuid:person_id>/erase", methods=["GET", "POST"])
def erase_person(person_id: UUID) -> Answer:
    """Erase somebody on lawful demand; what it does, and what stands in its way, is shown before."""
    language, key = door.language(), str(person_id)
    with pages.looking() as look:
        row = office.person_of(look.session, key)
        ahead = erasing(look.session, key, ctx=look.ctx)
    told = {
        "values": ahead.values,
        "accounts": ahead.accounts,
        "duties": ahead.duties,
        "drafts": ahead.drafts,
    }
    held = [
        t("audit.named", language, name=t(f"admin.erased.{name}", language), value=count)
        for name, count in ahead.in_use.items()
    ]
    page = Page(
        title=t("admin.people.erase", language),
        action=t("admin.people.erase", language),
        back=url_for("admin.person", person_id=key),
        intro=t("admin.people.erasing", language),
        facts=(
            (t("admin.column.name", language), row["name"]),
            *((headed(t(f"admin.erased.{name}", language), language), count) for name, count in told.items()),
            *(((t("admin.people.in_use", language), written(held, language)),) if held else ()),
        ),
    )
    return filled(
        page,
        (reason(),),
        lambda session, ctx, typed: erase(session, key, reason=typed.text("reason"), ctx=ctx),
    )


@blueprint.route("/people/<uuid:person_id>/account", methods=["GET", "POST"])
def add_account(person_id: UUID) -> Answer:
    """Make an account; its first password is shown once, on the answer."""
    language, key, password = door.language(), str(person_id), new_password()
    with pages.looking() as look:
        row = office.person_of(look.session, key)
    page = Page(
        title=t("admin.accounts.add", language),
        action=t("admin.accounts.add", language),
        back=url_for("admin.person", person_id=key),
        facts=((t("admin.column.name", language), row["name"]),),
    )
    return filled(
        page,
        (ask("login", longest=60), reason()),
        lambda session, ctx, typed: create_account(
            session,
            person_id=key,
            login=typed.text("login"),
            password=password,
            reason=typed.text("reason"),
            ctx=ctx,
        ),
        after=lambda done: show_password(done, page, password),
    )


def show_password(done: Done, page: Page, password: str) -> str:
    """The only page that ever shows a password; a repeated request does not."""
    return render_template(
        "admin/password.html", page=page, done=done, password=None if done.repeated else password
    )
