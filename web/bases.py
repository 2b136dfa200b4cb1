"""The bases: the list with its filters and exports, and the page of one base."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from openpyxl import Workbook
from werkzeug.wrappers import Response as Redirect

from web import base_page, door, pages, route_page
from web.decisions.saying import reasons_shown
from web.pages import Look
from web.seats.offering import about_round
from web.words import t
from workflow import queries, way
from workflow.blockers import Fault
from workflow.definition.values.edition import Definition
from workflow.errors import BadInput, NotFound
from workflow.explain.names import title_of
from workflow.explain.seats import people_of
from workflow.operations import Receipt, release_held
from workflow.operations.duties import link_duty
from workflow.operations.papers import note_taken
from workflow.operations.reopening import may_reopen, offered
from workflow.queries import BaseFilter, Deadline
from workflow.snapshot import Row, held_roles
from workflow.words import article_text, days_left_text, label_text
from workflow.world import editions_in_use, lifecycles_in_use

blueprint = Blueprint("bases", __name__)

EXPORTS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
COLUMNS = (
    "number", "application_number", "name", "partner", "college", "state", "level", "leader", "programmes",
    "agreement_last_day", "due_name", "due_on",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a text for a formula."""


# ───────────────────────────── The list


@blueprint.get("/bases")
def index() -> str:
    """The bases the reader may see, narrowed by the filters of the address."""
    with pages.looking() as look:
        known = lifecycles_in_use(look.session)
        current = _asked_for(known)
        wanted = _wanted(current)
        marks = {"after": request.args.get("after"), "before": request.args.get("before")}
        found = queries.bases_page(look.session, look.rights, wanted, at=look.ctx.at, **marks)
        counts = queries.counts_by_state(look.session, look.rights, wanted, at=look.ctx.at)
        filters = _as_filters(wanted)
        return render_template(
            "bases/index.html",
            rows=_listed(look, found.rows),
            turn=pages.turn(found, "bases.index", **filters),
            wanted=wanted,
            lifecycles=_lifecycle_links(known, current, look.language),
            filters=filters,
            states=_state_links(current, counts, filters, look.language),
            total=sum(counts.values()),
            all_href=_address(filters, state=None),
            colleges=queries.lead_colleges(look.session, look.rights),
            exports={kind: _address(filters, "bases.export", kind=kind) for kind in EXPORTS},
        )


def _asked_for(known: Mapping[str, Definition]) -> Definition:
    """The lifecycle the address names, the site's own where it names none there is."""
    return known.get(pages.asked("lifecycle")) or known[pages.LIFECYCLE]


def _lifecycle_links(
    known: Mapping[str, Definition], current: Definition, language: str
) -> list[dict[str, Any]]:
    """Each lifecycle as a link; none where there is only one."""
    if len(known) == 1:
        return []
    return [
        {
            "label": title_of(one.label, language),
            "href": url_for("bases.index", lifecycle=name),
            "current": name == current.name,
        }
        for name, one in known.items()
    ]


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


def _as_filters(wanted: BaseFilter) -> dict[str, str]:
    given = {
        "lifecycle": wanted.lifecycle if wanted.lifecycle != pages.LIFECYCLE else "",
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
        wanted = _wanted(_asked_for(lifecycles_in_use(look.session)))
        editions = editions_in_use(look.session)
        rows = [
            _export_row(row, editions[row["edition_id"]], look.language)
            for row in queries.base_rows(look.session, look.rights, wanted, at=look.ctx.at)
        ]
        heads = [t(f"bases.column.{name}", look.language) for name in COLUMNS]
        name = f"{t('bases.file_name', look.language)}-{look.ctx.today.isoformat()}.{kind}"
    taken = {"act": "bases", "filters": _as_filters(wanted), "count": len(rows), "file": kind}
    return taken_out(heads, rows, name=name, kind=kind, taken=taken)


def taken_out(
    heads: list[str], rows: list[list[str]], *, name: str, kind: str, taken: dict[str, Any]
) -> Response:
    """Leave the entry of an export, which says what was `taken`, and send the rows as a file of a kind of `EXPORTS`."""
    content = as_csv(heads, rows) if kind == "csv" else as_xlsx(heads, rows)
    door.act(lambda session, ctx: note_taken(session, kind="export", content=taken, ctx=ctx))
    answer = Response(content, mimetype=None, content_type=EXPORTS[kind])
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


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


def plain(value: Any) -> str:
    """A value as a cell of an exported file has it; days as ISO text."""
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date) else str(value)


def as_csv(heads: list[str], rows: list[list[str]]) -> bytes:
    """The rows as CSV with a byte-order mark; a text that a spreadsheet would compute is led by an apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(heads)
    writer.writerows([[f"'{text}" if text.startswith(FORMULA) else text for text in row] for row in rows])
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(heads: list[str], rows: list[list[str]]) -> bytes:
    """The rows as a workbook in which every cell is text."""
    book = Workbook()
    sheet = book.worksheets[0]
    for values in (heads, *rows):
        sheet.append(values)
    for line in sheet.iter_rows():
        for cell in line:
            cell.data_type = "s"
    sheet.freeze_panes = "A2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


# ───────────────────────────── One base


@blueprint.get("/bases/<uuid:case_id>")
def show(case_id: UUID) -> str:
    """Where a base stands, what may be done, its cycle, its states, its papers, its people and its history."""
    with pages.looking() as look:
        case = pages.case_seen(look, str(case_id), None)
        marks = {"after": request.args.get("after"), "before": request.args.get("before")}
        history = queries.history_page(look.session, str(case_id), **marks)
        verdicts = queries.verdicts_of(look.session, str(case_id))
        snapshot = case.snapshot
        people = [row["person_id"] for row in (*snapshot.table("duties"), *snapshot.table("hand_ins"))]
        people += [row["uploaded_by"] for row in snapshot.table("documents")]
        shown, before = route_page.stops_of(look, case)
        people += [*way.people_named((*shown, *before)), *people_of(history.rows)]
        names = queries.names_of(
            look.session, people=people, documents=snapshot.table("documents"), partners=snapshot.partners
        )
        may_link = case.definition.import_.by in held_roles(snapshot, look.rights.person)
        return render_template(
            "bases/show.html",
            case_id=str(case_id),
            **base_page.top(look, case),
            **base_page.acts(look, case),
            route=route_page.route(look, case, names, shown, before),
            offer=about_round(look, case),
            cycle=base_page.cycle(look, snapshot),
            deadlines=base_page.deadlines(look, snapshot),
            way=base_page.way(look, case),
            facts=base_page.facts(look, case, names),
            verdicts=base_page.verdicts_in_words(look, case.definition, verdicts),
            agreements=base_page.agreements(look, snapshot),
            hand_ins=base_page.hand_ins(look, case.definition, snapshot, names),
            documents=base_page.documents(look, case.definition, snapshot, names),
            duties=base_page.duties(look, case, names),
            may_link=may_link,
            may_reopen=may_reopen(snapshot, look.rights.person) is None and bool(offered(snapshot)),
            found=queries.people_found(look.session, pages.asked("person")) if may_link else [],
            person_text=pages.asked("person"),
            version=case.version,
            history=base_page.history_in_words(look, case.definition, names, history),
            turn=pages.turn(history, "bases.show", case_id=case_id),
        )


# ───────────────────────────── A step that chooses


@blueprint.get("/bases/<uuid:case_id>/steps/<name>")
def step(case_id: UUID, name: str) -> str | Redirect:
    """What a step of the route can choose; where it can choose only one transition, that one's form.

    A mail leads here as well: of a state the case has left, the base's page says what became of it.
    """
    with pages.looking() as look:
        case = pages.case_seen(look, str(case_id), None)
        found = case.definition.step(case.snapshot.state, name)
        known = case.definition.any_step(name)
        if found is None and known is not None and known.choices:
            return redirect(url_for("bases.show", case_id=case_id))
        if found is None or not found.choices:
            raise NotFound("no_such_step", step=name)
        if len(set(found.choices.values())) == 1:
            only = next(iter(found.choices.values()))
            return redirect(url_for("decisions.form", case_id=case_id, act=only, back=pages.back()))
        return render_template(
            "bases/step.html",
            case_id=str(case_id),
            label_of_step=title_of(found.label, look.language),
            ground=article_text(found.basis, look.language),
            **base_page.top(look, case),
            **base_page.choices(look, case, found),
        )


# ───────────────────────────── Deadlines an import found past


@blueprint.get("/bases/<uuid:case_id>/past-deadlines")
def past_deadlines(case_id: UUID) -> str | tuple[str, int]:
    """The deadlines that were past when the ledger came in, and what confirming them brings about."""
    with pages.looking() as look:
        case = pages.case_seen(look, str(case_id), None)
        held = base_page.held_by_import(look, case.snapshot)
        may = case.definition.import_.by in held_roles(case.snapshot, look.rights.person)
        page = render_template(
            "bases/past_deadlines.html", case_id=str(case_id), held=held, **base_page.top(look, case), may=may
        )
        return page if may else (page, 403)


@blueprint.post("/bases/<uuid:case_id>/past-deadlines")
def release(case_id: UUID) -> Redirect | tuple[str, int]:
    """Let the past deadlines of an imported base take effect, in due order."""
    with pages.looking() as look:
        queries.seen(look.session, look.rights, str(case_id))
    answer = door.act(lambda session, ctx: release_held(session, str(case_id), ctx=ctx))
    if isinstance(answer, Receipt):
        return redirect(url_for("decisions.receipt", case_id=case_id, seq=answer.seq), code=303)
    with pages.looking() as look:
        case = pages.case_seen(look, str(case_id), None)
        reasons = reasons_shown(answer.blockers, case.definition, look.language)
        page = render_template(
            "bases/past_deadlines.html",
            case_id=str(case_id),
            held=[],
            **base_page.top(look, case),
            may=False,
            reasons=reasons,
        )
    return page, 409


# ───────────────────────────── Who an imported name is


@blueprint.post("/bases/<uuid:case_id>/duties/<uuid:duty_id>/link")
def link(case_id: UUID, duty_id: UUID) -> Redirect | tuple[str, int]:
    """Link an imported name to a person."""
    person, version = pages.key_in(request.form.get("person", "")), pages.sent_number("version")
    if not person:
        raise BadInput((Fault(field="person", code="unreadable"),))
    with pages.looking() as look:
        queries.seen(look.session, look.rights, str(case_id))
    answer = door.act(
        lambda session, ctx: link_duty(
            session, str(case_id), str(duty_id), person_id=person, version=version, ctx=ctx
        )
    )
    if isinstance(answer, Receipt):
        return redirect(url_for("decisions.receipt", case_id=case_id, seq=answer.seq), code=303)
    if answer.stale is not None:
        return render_template("error.html", code=409, key="stale"), 409
    return render_template("error.html", code=403, key="refused"), 403
