"""The list of bases with its filters, and the list as a file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Response, render_template, request, url_for

from web import pages
from web.bases import blueprint
from web.pages import Look
from web.tables import EXPORTS, plain, taken_out
from web.words import t
from workflow import queries
from workflow.definition.values.edition import Definition
from workflow.explain.names import title_of
from workflow.queries import BaseFilter, Deadline
from workflow.snapshot import Row
from workflow.words import days_left_text, label_text
from workflow.world import editions_in_use, lifecycles_in_use

COLUMNS = (
    "number", "application_number", "name", "partner", "college", "state", "level", "leader", "programmes",
    "agreement_last_day", "due_name", "due_on",
)  # fmt: skip


@blueprint.get("/bases")
def index() -> str:
    """The bases the reader may see, narrowed by the filters of the address."""
    with pages.looking() as look:
        among = _asked_for(look)
        wanted = _wanted(among.current)
        marks = {"after": request.args.get("after"), "before": request.args.get("before")}
        found = queries.bases_page(look.session, look.rights, wanted, at=look.ctx.at, **marks)
        counts = queries.counts_by_state(look.session, look.rights, wanted, at=look.ctx.at)
        filters = _as_filters(wanted, among)
        return render_template(
            "bases/index.html",
            rows=_listed(look, found.rows),
            turn=pages.turn(found, "bases.index", **filters),
            wanted=wanted,
            lifecycles=among.links("bases.index", look.language),
            filters=filters,
            states=_state_links(among.current, counts, filters, look.language),
            total=sum(counts.values()),
            all_href=_address(filters, state=None),
            colleges=queries.lead_colleges(look.session, look.rights),
            exports={kind: _address(filters, "bases.export", kind=kind) for kind in EXPORTS},
        )


def _asked_for(look: Look) -> pages.Lifecycles:
    """The lifecycle the address names, the first where it names none there is: a filter that fits nothing narrows nothing."""
    known = lifecycles_in_use(look.session)
    name = pages.asked("lifecycle")
    return pages.Lifecycles(known=known, current=known[name if name in known else next(iter(known))])


def _wanted(current: Definition) -> BaseFilter:
    state, deadline = pages.asked("state"), pages.asked("deadline")
    return BaseFilter(
        lifecycle=current.name,
        state=state if state in current.states else "",
        college=pages.key_in(pages.asked("college")),
        text=pages.asked("q"),
        deadline=Deadline(deadline) if deadline in set(Deadline) else None,
        leader=current.opens,
    )


def _as_filters(wanted: BaseFilter, among: pages.Lifecycles) -> dict[str, str]:
    given = {
        "lifecycle": among.in_address or "",
        "state": wanted.state,
        "college": wanted.college,
        "q": wanted.text,
        "deadline": str(wanted.deadline or ""),
    }
    return {name: value for name, value in given.items() if value}


def _state_links(
    current: Definition, counts: dict[str, int], filters: dict[str, str], language: str
) -> list[dict[str, Any]]:
    """Each state with cases in it as a link, in the order of the file; states of older editions follow."""
    known = [*current.states, *(state for state in counts if state not in current.states)]
    return [
        {
            "value": state,
            "label": title_of(current.states[state].label, language) if state in current.states else state,
            "count": counts.get(state, 0),
            "href": _address(filters, state=state),
        }
        for state in known
        if counts.get(state) or filters.get("state") == state
    ]


def _address(filters: dict[str, str], endpoint: str = "bases.index", **changed: str | None) -> str:
    values: dict[str, Any] = {**filters, **changed}
    return url_for(endpoint, **values)


def _listed(look: Look, rows: Iterable[Row]) -> list[dict[str, Any]]:
    editions = editions_in_use(look.session)
    return [_list_row(look, row, editions) for row in rows]


def _list_row(look: Look, row: Row, editions: Any) -> dict[str, Any]:
    due_on, definition = row["due_on"], editions[row["edition_id"]]
    timer = definition.timers.get(row["due_name"]) if row["due_name"] else None
    return {
        "subject": pages.subject(row, editions, look.language),
        "partner": row["partner_name"] or "",
        "college": row["college_name"] or "",
        "leader": row["leader"] or "",
        "due_on": due_on,
        "due_name": title_of(timer.label, look.language) if timer else "",
        "left": days_left_text(due_on, look.ctx.today, look.language) if due_on else "",
        "overdue": bool(due_on and due_on < look.ctx.today),
        "href": url_for("bases.show", case_id=row["case_id"]),
    }


# ───────────────────────────── Exports


@blueprint.get("/bases/export.<any(csv, xlsx):kind>")
def export(kind: str) -> Response:
    """The list as a file, every row the reader may see and the filters leave; taking it leaves an entry."""
    with pages.looking() as look:
        among = _asked_for(look)
        wanted = _wanted(among.current)
        editions = editions_in_use(look.session)
        rows = [
            _export_row(row, editions[row["edition_id"]], look.language)
            for row in queries.base_rows(look.session, look.rights, wanted, at=look.ctx.at)
        ]
        heads = [t(f"bases.column.{name}", look.language) for name in COLUMNS]
        title, on = t("bases.file_name", look.language), look.ctx.today
    taken = {"act": "bases", "filters": _as_filters(wanted, among), "count": len(rows), "file": kind}
    return taken_out(heads, rows, title=title, on=on, kind=kind, taken=taken)


def _export_row(row: Row, definition: Definition, language: str) -> list[str]:
    timer = definition.timers.get(row["due_name"]) if row["due_name"] else None
    values = {
        "number": row["base_number"],
        "application_number": row["application_number"],
        "name": row["base_name"],
        "partner": row["partner_name"],
        "college": row["college_name"],
        "state": label_text(definition.states[row["state"]].label, language),
        "level": t(f"level.{row['level']}", language),
        "leader": row["leader"],
        "programmes": row["programmes"],
        "agreement_last_day": row["agreement_last_day"],
        "due_name": label_text(timer.label, language) if timer else None,
        "due_on": row["due_on"],
    }
    return [plain(values[name]) for name in COLUMNS]
