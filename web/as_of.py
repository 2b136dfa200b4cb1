"""A base as it stood on a day, read from the log alone: only to look at, seen by whoever sees the base."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from web import pages
from web.audit.values import Values, column_text
from web.words import t
from workflow import queries
from workflow.errors import NotFound
from workflow.explain.names import badge_of, headed
from workflow.operations.deeds import EARLIEST as FIRST
from workflow.operations.deeds import LATEST as LAST
from workflow.queries.as_of import Standing, standing
from workflow.world import editions_in_use

blueprint = Blueprint("as_of", __name__)


SHOWN: Mapping[str, tuple[str, ...]] = {
    "agreements": ("number", "signed_on", "first_day", "last_day"),
    "timers": ("name", "due_on", "status"),
    "rounds": ("step", "opened_on", "closed_on", "result"),
    "duties": ("role", "person_id", "contact_name", "from_on", "until_on"),
    "grades": ("outcome", "decided_on"),
    "bans": ("name", "decided_on", "last_day"),
}
"""The rows the page tells, and of each the columns; ballots are nobody's business here."""


@blueprint.get("/bases/<uuid:case_id>/as-of")
def choose(case_id: UUID) -> Response:
    """Go to the day that was typed. Raises NotFound for no day."""
    return redirect(url_for("as_of.show", case_id=case_id, day=_day(pages.asked("on")).isoformat()))


@blueprint.get("/bases/<uuid:case_id>/as-of/<day>")
def show(case_id: UUID, day: str) -> str:
    """The base at the end of the day, as the log says."""
    on = _day(day)
    with pages.looking() as look:
        queries.seen(look.session, look.rights, str(case_id))
        found = standing(look.session, str(case_id), on)
        return render_template(
            "bases/as_of.html",
            case_id=case_id,
            on=on,
            first=FIRST,
            last=LAST,
            found=found,
            **_told(look, found),
        )


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise NotFound("no_such_page") from None
    if not FIRST <= day <= LAST or text != day.isoformat():
        raise NotFound("no_such_page")
    return day


def _told(look: pages.Look, found: Standing) -> dict[str, Any]:
    """The base in words; nothing of one that did not exist yet."""
    case = found.case
    if case is None:
        return {"badge": None, "facts": [], "tables": []}
    definition = editions_in_use(look.session)[case["edition_id"]]
    rows = {**found.tables, "timers": found.running(), "rounds": found.rounds()}
    held = Values.of_rows(look, definition, rows)
    subject = next(iter(found.tables.get(definition.subject, ())), {})
    facts = [
        *_facts(
            held,
            definition.subject,
            subject,
            ("base_name", "application_number", "base_number", "level", "plaque_number"),
        ),
        *_facts(held, "cases", case, ("dates", "version", "closed_at")),
    ]
    tables = [
        {
            "caption": t(f"as_of.{name}", look.language),
            "columns": [
                {"name": one, "label": headed(column_text(one, look.language), look.language)}
                for one in columns
            ],
            "rows": [
                {one: _cell(held, name, one, row, look.language) for one in columns}
                for row in _standing(rows.get(name, ()))
            ],
        }
        for name, columns in SHOWN.items()
    ]
    return {
        "badge": badge_of(definition, case["state"], look.language),
        "facts": [(headed(column_text(name, look.language), look.language), value) for name, value in facts],
        "tables": [table for table in tables if table["rows"]],
    }


def _facts(held: Values, table: str, row: Mapping[str, Any], names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, held.cell(table, name, row)) for name in names if row.get(name)]


def _cell(held: Values, table: str, column: str, row: Mapping[str, Any], language: str) -> str:
    """A value in words; the first of a row is its heading."""
    text = held.cell(table, column, row)
    return headed(text, language) if column == SHOWN[table][0] else text


def _standing(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in rows if row.get("voided_seq") is None]
