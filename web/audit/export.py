"""The filtered entries as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from flask import Response, stream_with_context
from sqlalchemy.orm import Session

from web import door, pages
from web.audit import blueprint
from web.audit.filters import as_address, wanted
from web.audit.wording import act_text, kind_text, who_text, word
from web.words import t
from workflow.context import Context
from workflow.definition.values import Definition
from workflow.operations.deeds import Done, record
from workflow.operations.repeats import once
from workflow.periods import BEIJING, beijing_day
from workflow.queries.log import LogFilter, last_entry_id, log_rows
from workflow.words import written
from workflow.world import current_edition, editions_in_use

FORMULA = tuple("=+-@\t\r\n" + "".join(map(chr, (0xFF1D, 0xFF0B, 0xFF0D, 0xFF20))))
"""How a text begins that a spreadsheet program would compute, full-width forms too."""

COLUMNS = (
    "number", "stream", "seq", "recorded_at", "effective_on", "kind", "act", "outcome", "from", "to", "base", "base_number",
    "actor", "source", "unit", "reason", "hash",
)  # fmt: skip
BYTE_ORDER_MARK = "\ufeff"


@blueprint.post("/audit/export")
def export() -> Response:
    """The filtered entries as CSV, read as they are sent; taking them leaves one entry, written first."""
    chosen, language = wanted(), door.language()
    asked = ["audit", as_address(chosen)]
    done = door.act(
        lambda session, ctx: once(
            session, what=asked, ctx=ctx, kind=Done, work=lambda: _taken(session, ctx, chosen)
        ),
        key=pages.sent_key(),
    )
    lines = stream_with_context(_lines(chosen, done.counts["until"], language))
    answer = Response(lines, content_type="text/csv; charset=utf-8")
    name = f"{t('audit.file_name', language)}-{beijing_day(done.recorded_at).isoformat()}.csv"
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


def _taken(session: Session, ctx: Context, chosen: LogFilter) -> Done:
    """The one entry of an export: what was asked, and up to which entry it reaches."""
    until = last_entry_id(session)
    content = {"act": "export", "filters": as_address(chosen), "until": until, "file": "csv"}
    done = record(session, ctx.actor.text, kind="export", subject="", changes=[], ctx=ctx, content=content)
    return replace(done, counts={"until": until})


def _lines(chosen: LogFilter, until: int, language: str) -> Iterator[str]:
    yield BYTE_ORDER_MARK + _csv([t(f"audit.column.{name}", language) for name in COLUMNS])
    with door.database().reading() as session:
        _, current = current_edition(session, pages.LIFECYCLE)
        editions = editions_in_use(session)
        for row in log_rows(session, chosen, until=until):
            yield _csv(_cells(row, editions.get(row["edition_id"], current), language))


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


def _csv(cells: list[str]) -> str:
    """One line; a text that would be computed is led by an apostrophe."""
    out = io.StringIO(newline="")
    csv.writer(out).writerow([f"'{text}" if text.startswith(FORMULA) else text for text in cells])
    return out.getvalue()
