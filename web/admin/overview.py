"""The first page of the administration: its places, and what wants attention."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import render_template, url_for

from web import pages
from web.admin import blueprint
from workflow import clock
from workflow.queries import office

LATE = timedelta(minutes=1)

PLACES = (
    ("people", ("people", "grants", "delegations", "accounts", "units", "partners")),
    ("rules", ("calls", "settings", "editions")),
    ("works", ("outbox", "incidents", "scheduler")),
)


@blueprint.get("")
def index() -> str:
    """Every place with its figure where one wants attention."""
    with pages.looking() as look:
        late = office.late_timers(look.session, since=look.ctx.at - LATE)
        beats = office.heartbeats(look.session)
        figures = {
            "outbox": office.parked_notices(look.session),
            "incidents": office.open_incidents(look.session),
            "scheduler": late,
        }
    alive = bool(beats) and clock.machine_time() - beats[0]["ticked_at"] <= LATE
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
    return render_template("admin/index.html", groups=groups, alive=alive)
