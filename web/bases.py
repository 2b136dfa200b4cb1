"""The bases: the list with its filters and exports, and the page of one base."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from openpyxl import Workbook
from werkzeug.wrappers import Response as Redirect

from web import decisions, door, pages
from web.pages import Look
from web.words import t
from workflow import explain, queries
from workflow.blockers import Fault
from workflow.definition.values import Definition, Held
from workflow.errors import BadInput
from workflow.operations import Receipt
from workflow.operations.duties import link_duty
from workflow.operations.papers import note_taken
from workflow.plan import probe
from workflow.queries import BaseFilter, Case, Deadline, Names, Page
from workflow.reasons import reasons_of
from workflow.snapshot import Row, Snapshot, held_roles
from workflow.timers import FIRED, HELD
from workflow.words import article_text, days_left_text, label_text
from workflow.world import current_edition, editions_in_use

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
        current = current_edition(look.session, pages.LIFECYCLE)[1]
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
            filters=filters,
            states=_state_links(current, counts, filters, look.language),
            total=sum(counts.values()),
            all_href=_address(filters, state=None),
            colleges=queries.lead_colleges(look.session, look.rights),
            exports={kind: _address(filters, "bases.export", kind=kind) for kind in EXPORTS},
        )


def _wanted(current: Definition) -> BaseFilter:
    state, deadline = pages.asked("state"), pages.asked("deadline")
    return BaseFilter(
        lifecycle=pages.LIFECYCLE,
        state=state if state in current.states else "",
        college=_key_or_nothing(pages.asked("college")),
        text=pages.asked("q"),
        deadline=Deadline(deadline) if deadline in set(Deadline) else None,
        leader=current.opens,
    )


def _key_or_nothing(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def _as_filters(wanted: BaseFilter) -> dict[str, str]:
    given = {
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
            "label": label_text(current.states[state].label, language) if state in current.states else state,
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
        "due_name": label_text(timer.label, look.language) if timer else "",
        "left": days_left_text(due_on, look.ctx.today, look.language) if due_on else "",
        "overdue": bool(due_on and due_on < look.ctx.today),
        "href": url_for("bases.show", case_id=row["case_id"]),
    }


# ───────────────────────────── Exports


@blueprint.get("/bases/export.<any(csv, xlsx):kind>")
def export(kind: str) -> Response:
    """The list as a file, every row the reader may see and the filters leave; taking it leaves an entry."""
    with pages.looking() as look:
        wanted = _wanted(current_edition(look.session, pages.LIFECYCLE)[1])
        editions = editions_in_use(look.session)
        rows = [
            _export_row(row, editions[row["edition_id"]], look.language)
            for row in queries.base_rows(look.session, look.rights, wanted, at=look.ctx.at)
        ]
        heads = [t(f"bases.column.{name}", look.language) for name in COLUMNS]
        name = f"{t('bases.file_name', look.language)}-{look.ctx.today.isoformat()}.{kind}"
    content = as_csv(heads, rows) if kind == "csv" else as_xlsx(heads, rows)
    taken = {"act": "bases", "filters": _as_filters(wanted), "count": len(rows), "file": kind}
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
    return [_plain(values[name]) for name in COLUMNS]


def _plain(value: Any) -> str:
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
        case = decisions.case_seen(look, str(case_id), None)
        marks = {"after": request.args.get("after"), "before": request.args.get("before")}
        history = queries.history_page(look.session, str(case_id), **marks)
        verdicts = queries.verdicts_of(look.session, str(case_id))
        snapshot = case.snapshot
        people = [row["person_id"] for row in (*snapshot.table("duties"), *snapshot.table("hand_ins"))]
        people += [row["uploaded_by"] for row in snapshot.table("documents")]
        names = queries.names_of(
            look.session, people=people, documents=snapshot.table("documents"), partners=snapshot.partners
        )
        may_link = case.definition.import_.by in held_roles(snapshot, look.rights.person)
        return render_template(
            "bases/show.html",
            case_id=str(case_id),
            **_top(look, case),
            **_acts(look, case),
            cycle=_cycle(look, snapshot),
            deadlines=_deadlines(look, snapshot),
            way=_way(look, case),
            facts=_facts(look, case, names),
            verdicts=_verdicts(look, case.definition, verdicts),
            documents=_documents(look, case.definition, snapshot, names),
            duties=_duties(look, case, names),
            may_link=may_link,
            found=queries.people_found(look.session, pages.asked("person")) if may_link else [],
            person_text=pages.asked("person"),
            version=case.version,
            history=_history(look, case.definition, names, history),
            turn=pages.turn(history, "bases.show", case_id=case_id),
        )


def _top(look: Look, case: Case) -> dict[str, Any]:
    snapshot, subject = case.snapshot, case.snapshot.subject
    return {
        "name": subject.get("base_name") or "",
        "number": subject.get("base_number") or "",
        "application_number": subject.get("application_number") or "",
        "badge": explain.badge_of(case.definition, snapshot.state, look.language),
        "standing": explain.standing(snapshot, look.language),
        "stand_ins": explain.stand_ins(snapshot, look.language),
        "is_draft": snapshot.state == case.definition.initial,
    }


def _acts(look: Look, case: Case) -> dict[str, Any]:
    """Every act the state offers, beside those that are not possible now with all their reasons, from one snapshot."""
    allowed, refused = [], []
    expected = {row["act"]: row for row in case.snapshot.table("tasks") if row["closed_at"] is None}
    if case.snapshot.pending is not None:
        allowed.append(_pending_act(look, case))
    for act in case.acts:
        plan = probe(case.snapshot, act.name, look.ctx)
        label = label_text(act.label, look.language)
        if plan.allowed:
            allowed.append(
                {
                    "label": label,
                    "href": url_for("decisions.form", case_id=case.snapshot.id, act=act.name),
                    "note": _note(look, expected.get(act.name), article_text(act.basis, look.language)),
                    "expected": act.name in expected,
                }
            )
        else:
            refused.append(
                {"label": label, "reasons": reasons_of(plan.blockers, case.definition, look.language)}
            )
    allowed.sort(key=lambda item: not item["expected"])
    return {"allowed": allowed, "refused": refused}


def _note(look: Look, task: Row | None, ground: str) -> str:
    if task is None or task["due_on"] is None:
        return ground
    left = days_left_text(task["due_on"], look.ctx.today, look.language)
    return f"{ground} {t('bases.due', look.language, day=task['due_on'], left=left)}"


def _pending_act(look: Look, case: Case) -> dict[str, Any]:
    pending = case.snapshot.pending
    name = pending["act"] if pending else ""
    return {
        "label": explain.act_label(case.definition, explain.CONFIRM, look.language, pending=name),
        "href": url_for("decisions.pending", case_id=case.snapshot.id),
        "note": t("bases.waits_for_second", look.language),
        "expected": True,
    }


# ── the cycle and its deadlines


def _cycle(look: Look, snapshot: Snapshot) -> dict[str, Any] | None:
    """The bar of `macros/cycle.html`, or None while no cycle runs."""
    dates = snapshot.dates()
    start, end = dates.get("cycle_start"), dates.get("cycle_end")
    if start is None or end is None:
        return None
    today, span = look.ctx.today, max((end - start).days, 1)

    def place(day: date) -> float:
        return round(min(max((day - start).days / span, 0), 1) * 100, 2)

    agreement = snapshot.agreement
    last_day = agreement["last_day"] if agreement else None
    return {
        "sentence": explain.cycle_sentence(start, end, today, look.language),
        "starts_on": start,
        "ends_on": end,
        "done": place(today),
        "today": place(today) if start <= today <= end else None,
        "agreement": {"at": place(last_day), "on": last_day} if last_day and last_day != end else None,
        "milestones": [
            {**mark, "at": place(mark["on"])} for mark in _milestones(look, snapshot) if mark["on"] <= end
        ],
    }


def _milestones(look: Look, snapshot: Snapshot) -> list[dict[str, Any]]:
    """The passages that moved the base since its cycle began, then the timers that run, each on its day."""
    definition, language = snapshot.definition, look.language
    marks = [
        {
            "label": explain.act_label(definition, row["transition"], language),
            "on": row["effective_on"],
            "state": "done",
            "left": "",
            "basis": "",
        }
        for row in _since_start(snapshot)
        if row["from_state"] != row["to_state"]
    ]
    coming = sorted((row for row in snapshot.table("timers")), key=lambda row: row["due_at"])
    first = next((row["id"] for row in coming if row["due_at"] > look.ctx.at), None)
    return [*marks, *(_mark(look, definition, row, is_next=row["id"] == first) for row in coming)]


def _since_start(snapshot: Snapshot) -> list[Row]:
    """The passages from the one that stands at the beginning of the cycle on."""
    passages = list(snapshot.passages())
    start = snapshot.dates().get("cycle_start")
    first = next((place for place, row in enumerate(passages) if start and row["effective_on"] >= start), 0)
    same_day = [place for place, row in enumerate(passages) if row["effective_on"] == start]
    anchor = [place for place in same_day if passages[place]["transition"] == snapshot.setting("cycle_starts")]
    return passages[anchor[0] if anchor else first :]


def _mark(look: Look, definition: Definition, row: Row, *, is_next: bool) -> dict[str, Any]:
    state = _timer_state(look, row)
    return {
        "label": _timer_label(definition, row, look.language),
        "on": row["due_on"],
        "state": "next" if state == "coming" and is_next else state,
        "left": days_left_text(row["due_on"], look.ctx.today, look.language),
        "basis": article_text(row["basis"], look.language),
    }


def _timer_state(look: Look, row: Row) -> str:
    if row["status"] == HELD:
        return "held"
    if row["status"] == FIRED or row["due_at"] <= look.ctx.at:
        return "overdue"
    return "coming"


def _deadlines(look: Look, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Every timer that runs, with its nominal and its moved day and what is to be known about it."""
    rows = sorted(snapshot.table("timers"), key=lambda row: (row["due_at"], row["name"]))
    definition = snapshot.definition
    return [
        {
            "label": _timer_label(definition, row, look.language),
            "on": row["due_on"],
            "nominal": row["nominal_on"],
            "left": days_left_text(row["due_on"], look.ctx.today, look.language),
            "overdue": _timer_state(look, row) == "overdue",
            "state": _timer_state(look, row),
            "notes": explain.day_notes(row, look.language),
            "kind": str(row["kind"]),
            "hold": row["hold"] or "",
            "basis": article_text(row["basis"], look.language),
        }
        for row in rows
    ]


def _timer_label(definition: Definition, row: Row, language: str) -> str:
    label = label_text(definition.timers[row["name"]].label, language)
    return t("bases.of_year", language, what=label, year=row["period"]) if row["period"] else label


# ── the way through the states


def _way(look: Look, case: Case) -> dict[str, Any]:
    """The states the base went through, the one it is in, and those an act or the clock can lead to from here."""
    snapshot, definition = case.snapshot, case.definition
    past = [
        row["from_state"] for row in snapshot.passages() if row["from_state"] not in (None, row["to_state"])
    ]
    targets: dict[str, list[str]] = {}
    for act in case.acts:
        if act.to in definition.states and act.to != snapshot.state:
            targets.setdefault(str(act.to), []).append(label_text(act.label, look.language))
    return {
        "past": [explain.badge_of(definition, state, look.language) for state in past],
        "now": explain.badge_of(definition, snapshot.state, look.language),
        "next": [
            {"badge": explain.badge_of(definition, state, look.language), "acts": acts}
            for state, acts in targets.items()
        ],
    }


# ── what is known of the base


def _facts(look: Look, case: Case, names: Names) -> list[dict[str, str]]:
    """The fields that have a value, except files, which have a list of their own, and what is personal."""
    snapshot, definition = case.snapshot, case.definition
    lines = []
    for field in definition.fields.values():
        value = snapshot.stored(field.name)
        if (
            value in (None, "", [], {})
            or field.personal
            or field.type in ("document", "reasons", "text", "fact")
        ):
            continue
        value = snapshot.partner if field.type == "partner" else value
        lines.append(
            {
                "name": label_text(field.label, look.language),
                "value": explain.value_text(definition, field, value, names, look.language),
            }
        )
    return lines


def _verdicts(
    look: Look, definition: Definition, verdicts: dict[str, tuple[Row, ...]]
) -> list[dict[str, Any]]:
    """The grades given and the bans imposed, with their days."""
    lines = [
        {
            "what": explain.act_label(definition, row["transition"], look.language),
            "value": label_text(definition.outcomes[row["outcome"]].label, look.language),
            "on": row["decided_on"],
            "note": row["opinion"] or row["reason"] or "",
        }
        for row in verdicts["grades"]
        if row["outcome"] in definition.outcomes
    ]
    lines += [
        {
            "what": label_text(definition.bans[row["name"]].label, look.language),
            "value": t("explain.ban", look.language, day=row["last_day"]),
            "on": row["decided_on"],
            "note": "",
        }
        for row in verdicts["bans"]
        if row["name"] in definition.bans
    ]
    return lines


def _documents(look: Look, definition: Definition, snapshot: Snapshot, names: Names) -> list[dict[str, Any]]:
    """Every version of every file, newest first."""
    rows = sorted(snapshot.table("documents"), key=lambda row: row["uploaded_at"], reverse=True)
    return [
        {
            "name": row["name"],
            "field": explain.act_label(definition, row["field"], look.language),
            "size": t("bases.kilobytes", look.language, count=max(1, round(row["size"] / 1024))),
            "hash": row["sha256"],
            "at": row["uploaded_at"],
            "by": names.person(row["uploaded_by"]),
            "href": url_for("documents.download", document_id=row["id"]),
        }
        for row in rows
    ]


def _duties(look: Look, case: Case, names: Names) -> list[dict[str, Any]]:
    """Who holds which duty; a contact nobody has linked can be linked by the office."""
    snapshot, definition = case.snapshot, case.definition
    rows = sorted(snapshot.table("duties"), key=lambda row: (row["from_on"], row["id"]), reverse=True)
    current = {
        row["id"]
        for role in definition.roles.values()
        if role.held is Held.DUTY
        for row in snapshot.duty(role.name)
    }
    return [
        {
            "id": row["id"],
            "role": explain.role_label(definition, row["role"], look.language),
            "who": names.person(row["person_id"]) or row["contact_name"] or "",
            "contact": row["contact_name"] if row["person_id"] else "",
            "linked": row["person_id"] is not None,
            "linkable": row["person_id"] is None and bool(definition.roles[row["role"]].stand_in),
            "from_on": row["from_on"],
            "until_on": row["until_on"],
            "current": row["id"] in current,
        }
        for row in rows
        if row["role"] in definition.roles
    ]


# ── what happened


def _history(look: Look, definition: Definition, names: Names, history: Page) -> list[dict[str, Any]]:
    """The entries in runs: decisions stand open, routine between them is folded."""
    groups: list[dict[str, Any]] = []
    for row in history.rows:
        routine = row["kind"] not in explain.DECIDED
        if not groups or groups[-1]["routine"] != routine:
            groups.append({"routine": routine, "label": "", "entries": []})
        groups[-1]["entries"].append(_entry(look, definition, names, row))
    for group in groups:
        group["label"] = t("bases.routine", look.language, count=len(group["entries"]))
    return groups


def _entry(look: Look, definition: Definition, names: Names, row: Row) -> dict[str, Any]:
    language = look.language
    moved = row["from_state"] != row["to_state"]
    recorded = row["recorded_at"]
    effective = row["effective_on"]
    return {
        "number": row["seq"],
        "at": recorded,
        "effective_on": effective if effective != explain.beijing_day(recorded) else None,
        "who": decisions.who_of(row, definition, language),
        "what": explain.entry_title(row, definition, language),
        "from_state": _state_word(definition, row["from_state"], language) if moved else "",
        "to_state": _state_word(definition, row["to_state"], language) if moved else "",
        "basis": article_text(row["body"]["basis"], language) if row["body"].get("basis") else "",
        "note": explain.entry_note(row, definition, language),
        "changes": explain.entry_lines(row, definition, names, language),
        "hash": row["hash"][:12],
        "href": url_for("decisions.receipt", case_id=row["case_id"], seq=row["seq"]),
    }


def _state_word(definition: Definition, state: str | None, language: str) -> str:
    return label_text(definition.states[state].label, language) if state else ""


# ───────────────────────────── Who an imported name is


@blueprint.post("/bases/<uuid:case_id>/duties/<uuid:duty_id>/link")
def link(case_id: UUID, duty_id: UUID) -> Redirect | tuple[str, int]:
    """Link an imported name to a person."""
    person, version = request.form.get("person", ""), pages.sent_number("version")
    if not _key_or_nothing(person):
        raise BadInput((Fault(field="person", code="unreadable"),))
    with pages.looking() as look:
        queries.seen(look.session, look.rights, str(case_id))
    answer = door.act(
        lambda session, ctx: link_duty(
            session, str(case_id), str(duty_id), person_id=_key_or_nothing(person), version=version, ctx=ctx
        )
    )
    if isinstance(answer, Receipt):
        return redirect(url_for("decisions.receipt", case_id=case_id, seq=answer.seq), code=303)
    if answer.stale is not None:
        return render_template("error.html", code=409, key="stale"), 409
    return render_template("error.html", code=403, key="refused"), 403
