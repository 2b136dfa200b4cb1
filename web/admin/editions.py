"""Editions: the lifecycle files as they were published, with their SHA-256, in words and as a diagram."""

from __future__ import annotations

from uuid import UUID

from flask import render_template, url_for

from web import door, pages
from web.admin import blueprint
from web.admin.lists import Cell, Listing, cell, listed
from web.words import t
from workflow.check import draw, summary
from workflow.explain.names import title_of
from workflow.queries import office
from workflow.world import current_edition, definition_of, editions_in_use

SHORT = 12
"""Signs of a hash shown in a list."""


@blueprint.get("/editions")
def editions() -> str:
    """Every published edition; new cases follow the one published last."""
    language = door.language()
    with pages.looking() as look:
        rows = office.editions(look.session)
        known = editions_in_use(look.session)
        current = {current_edition(look.session, row["lifecycle"])[0] for row in rows}
    return listed(
        Listing(
            title=t("admin.place.editions", language),
            columns=("edition", "sha256", "published_at", "status"),
            rows=tuple(
                (
                    Cell(
                        text=row["label"],
                        href=url_for("admin.edition", edition_id=row["id"]),
                        note=title_of(known[row["id"]].label, language),
                    ),
                    cell(row["sha256"][:SHORT]),
                    cell(row["published_at"]),
                    cell(t("admin.editions.current", language) if row["id"] in current else ""),
                )
                for row in rows
            ),
            intro=t("admin.editions.intro", language),
            empty=t("admin.editions.none", language),
        )
    )


@blueprint.get("/editions/<uuid:edition_id>")
def edition(edition_id: UUID) -> str:
    """One edition: its digest, what it says, its diagram as Mermaid text, its file."""
    language = door.language()
    with pages.looking() as look:
        row = office.edition_of(look.session, str(edition_id))
        definition = definition_of(look.session, row["sha256"])
    return render_template(
        "admin/edition.html",
        row=row,
        summary=summary(definition, language),
        drawing=draw(definition, language),
    )
