"""The first page of the administration: its places, and what wants attention."""

from __future__ import annotations

from typing import Any

from flask import render_template, url_for

from web import pages
from web.admin import blueprint
from web.admin.calendar import wanted_text
from workflow.queries import calendar as loaded
from workflow.queries import office
from workflow.queries.schedulers import clock_work

PLACES = (
    ("people", ("people", "grants", "delegations", "accounts", "units", "partners")),
    ("rules", ("calls", "settings", "calendar", "editions")),
    ("works", ("outbox", "incidents", "scheduler")),
)


@blueprint.get("")
def index() -> str:
    """Every place with its figure where one wants attention."""
    with pages.looking() as look:
        work = clock_work(look.session)
        wanted = loaded.wanted_year(look.session, today=look.ctx.today)
        figures = {
            "outbox": office.parked_notices(look.session),
            "incidents": work.incidents,
            "scheduler": work.overdue,
        }
    groups: list[dict[str, Any]] = [
        {
            "name": group,
            "places": [
                {"name": name, "href": url_for(f"admin.{name}"), "figure": figures.get(name, 0)}
                for name in names
            ],
        }
        for group, names in PLACES
    ]
    waiting = wanted_text(wanted, look.language) if wanted is not None else ""
    return render_template("admin/index.html", groups=groups, alive=work.is_alive, waiting=waiting)
