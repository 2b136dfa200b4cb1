"""The filtered entries as a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from flask import Response, flash, redirect, request, stream_with_context, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from web import door, pages
from web.audit import blueprint
from web.audit.files import as_jsonl, as_xes
from web.audit.filters import as_address, wanted
from web.audit.wording import act_text, kind_text, who_text, word
from web.documents import disposition
from web.tables import EXPORTS, as_csv, as_xlsx, encoded
from web.words import t
from workflow.blockers import Fault
from workflow.context import Context
from workflow.definition.values.edition import Definition
from workflow.errors import BadInput
from workflow.operations.deeds import Done, record
from workflow.operations.repeats import once
from workflow.periods import BEIJING, beijing_day
from workflow.queries.editions import editions_of
from workflow.queries.log import LogFilter, any_entry, last_entry_id, log_rows, rows_by_case
from workflow.words import written

FILES = {
    **EXPORTS,
    "jsonl": "application/jsonl; charset=utf-8",
    "xes": "application/xml; charset=utf-8",
}
"""The kinds of file, and what each is called on the way."""

NAMED_BY_ACT = frozenset(
    ("import", "open", "transition", "task", "ballot", "proposal", "declined", "withdrawn")
)
"""Kinds of entries whose act says in the process what happened."""

COLUMNS = (
    "number", "stream", "seq", "recorded_at", "effective_on", "kind", "act", "outcome", "from", "to", "base", "base_number",
    "actor", "source", "unit", "reason", "hash",
)  # fmt: skip


@blueprint.post("/audit/export")
def export() -> Response | Redirect:
    """The filtered entries as a file, read as they are sent; taking them leaves one entry, written first."""
    chosen, language, file = wanted(), door.language(), request.form.get("file", "csv")
    if file not in FILES:
        raise BadInput((Fault(field="file", code="unknown_choice"),))
    if not _holds_anything(chosen, file):
        flash(t("audit.nothing_to_export", language), "warning")
        back: dict[str, Any] = as_address(chosen)
        return redirect(url_for("audit.index", **back), 303)
    done = door.act(
        lambda session, ctx: once(
            session, what=["audit", as_address(chosen), file], ctx=ctx, kind=Done,
            work=lambda: _taken(session, ctx, chosen, file),
        ),
        key=f"{pages.sent_key()}:{file}",  # a page that has given one file away stays open for the others
    )  # fmt: skip
    answer = Response(
        stream_with_context(_content(chosen, file, done.counts["until"], language)), content_type=FILES[file]
    )
    name = f"{t('audit.file_name', language)}-{beijing_day(done.recorded_at).isoformat()}.{file}"
    answer.headers["Content-Disposition"] = disposition(name)
    return answer


def _holds_anything(chosen: LogFilter, file: str) -> bool:
    with door.database().reading() as session:
        return any_entry(session, chosen, of_cases=file == "xes")


def _taken(session: Session, ctx: Context, chosen: LogFilter, file: str) -> Done:
    """The one entry of an export: what was asked, and up to which entry it reaches."""
    until = last_entry_id(session)
    content = {"act": "export", "filters": as_address(chosen), "until": until, "file": file}
    done = record(session, ctx.actor.text, kind="export", subject="", changes=[], ctx=ctx, content=content)
    return replace(done, counts={"until": until})


def _content(chosen: LogFilter, file: str, until: int, language: str) -> Iterator[bytes]:
    with door.database().reading() as session:
        of = editions_of(session).of_row
        if file == "xes":
            rows = rows_by_case(session, chosen, until=until)
            yield from encoded(as_xes(rows, lambda row: activity(row, of(row), language)))
        elif file == "jsonl":
            yield from encoded(as_jsonl(log_rows(session, chosen, until=until)))
        else:
            heads = [t(f"audit.column.{name}", language) for name in COLUMNS]
            cells = (_cells(row, of(row), language) for row in log_rows(session, chosen, until=until))
            title = t("audit.file_name", language)
            yield from encoded(as_csv(heads, cells)) if file == "csv" else as_xlsx(title, heads, cells)


def activity(row: Mapping[str, Any], definition: Definition, language: str) -> str:
    """What was done, told apart from whatever else was done about the same step: an upload, a declaration, a reminder."""
    kind = kind_text(row["kind"], language)
    if not row["act"]:
        return kind
    act = act_text(definition, row["act"], language)
    if row["kind"] == "duty":  # Its act is a role, and names nothing that was done.
        return t("audit.kind_of", language, kind=kind, what=act)
    return act if row["kind"] in NAMED_BY_ACT else f"{act} · {kind}"


def _cells(row: Mapping[str, Any], definition: Definition, language: str) -> list[str]:
    reason = (
        (row["body"].get("details") or {}).get("reason")
        or (row["body"].get("form") or {}).get("reason")
        or ""
    )
    states = [
        written(definition.states[name].label, language) if name in definition.states else ""
        for name in (row["from_state"], row["to_state"])
    ]
    values = [
        row["id"], row["stream"], row["seq"], f"{row['recorded_at'].astimezone(BEIJING):%Y-%m-%d %H:%M:%S}",
        row["effective_on"], kind_text(row["kind"], language), act_text(definition, row["act"], language) if row["act"] else "",
        written(definition.outcomes[row["outcome"]].label, language) if row["outcome"] in definition.outcomes else row["outcome"],
        *states, row["base_name"], row["base_number"], who_text(row, definition, language),
        word("entry.sources.", row["source"], language), row["unit_name"], reason if isinstance(reason, str) else "", row["hash"],
    ]  # fmt: skip
    return ["" if value is None else str(value) for value in values]
