"""The receipt: what was recorded, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from web import door, pages
from web.decisions.routing import Answer, blueprint
from web.pages import Look
from web.words import t
from workflow import queries
from workflow.errors import NotFound
from workflow.explain.entries import entry_title
from workflow.explain.names import act_label
from workflow.explain.standing import standing
from workflow.operations import Receipt
from workflow.queries import Case
from workflow.snapshot import Row

DONE: Mapping[str, str] = {
    "transition": "decision.done",
    "task": "decision.done",
    "proposal": "decision.proposed_done",
    "ballot": "decision.ballot_done",
    "motion": "decision.motion_done",
}
"""The sentence of a receipt by the kind of its entry; anything else is said to be recorded."""

LAST_ENTRY = 10**9
"""No chain is longer, and no database compares a larger number."""


@blueprint.get("/bases/<uuid:case_id>/receipts/<int:seq>")
def receipt(case_id: UUID, seq: int) -> Answer:
    """What was recorded: its number, time and hash, and what comes next."""
    with pages.looking() as look:
        case = pages.case_seen(look, str(case_id), None)
        row = queries.entry_of(look.session, str(case_id), seq) if seq < LAST_ENTRY else None
        if row is None:
            raise NotFound("no_such_entry", case=str(case_id), seq=seq)
        return render_template("decisions/receipt.html", **receipt_of(look, case, row))


def receipt_of(look: Look, case: Case, row: Row) -> dict[str, Any]:
    definition, language = case.definition, look.language
    key = DONE.get(row["kind"], "decision.noted_done")
    plainly = row["kind"] in DONE
    what = act_label(definition, row["act"], language) if plainly else entry_title(row, definition, language)
    name = case.snapshot.subject.get("base_name") or case.snapshot.subject.get("application_number") or ""
    state = definition.states[row["to_state"] or case.snapshot.state].label
    return {
        "case_id": case.snapshot.id,
        "name": name,
        "paper": {
            "sentence": t(key, language, act=what, base=name, state=state),
            "number": t("entry.number", language, seq=row["seq"]),
            "at": row["recorded_at"],
            "hash": row["hash"],
            "lines": [*_for_whom(row, language), standing(case.snapshot, language)],
            "href": "" if door.is_guest() else pages.back() or url_for("inbox.index"),
            "action": t("decision.back_to_list" if pages.back() else "decision.to_inbox", language),
            "repeated": request.args.get("repeated") == "1",
        },
    }


def _for_whom(row: Row, language: str) -> list[str]:
    """Both names, where somebody acted for another."""
    if not row["for_name"]:
        return []
    return [t("decision.done_for", language, actor=row["actor_name"], who=row["for_name"])]


def to_receipt(receipt: Receipt) -> Response:
    repeated = 1 if receipt.repeated else None
    return redirect(
        url_for(
            "decisions.receipt",
            case_id=receipt.case_id,
            seq=receipt.seq,
            repeated=repeated,
            back=pages.back(),
        ),
        code=303,
    )
