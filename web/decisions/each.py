"""Carrying out a decision on several bases, each by itself, and saying what became of each.

Each base is decided in a transaction of its own and with a key derived from the request's: what stops one does not stop
the others, and a request sent twice acts once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from flask import redirect, render_template, request, url_for

from web import pages
from web.decisions import results, selection
from web.decisions.carrying import attempted
from web.decisions.results import Result, Results
from web.decisions.routing import Answer, blueprint
from web.decisions.selection import MOST
from web.decisions.sent import Sent, sent_form
from web.pages import Look
from workflow import queries
from workflow.blockers import Fault
from workflow.errors import BadInput, NotFound
from workflow.explain.names import act_label, headed
from workflow.operations import Receipt
from workflow.queries.editions import editions_of
from workflow.world import editions_in_use

MARK = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) ([0-9]{1,9}) ([0-9]{1,9}) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One base as the page of consequences showed it: its version and last entry, and a hash of what was shown."""

    case_id: str
    version: int
    seq: int
    shown: str


# ───────────────────────────── The decision


@blueprint.post("/tasks/selected/<act>")
def carry_out_together(act: str) -> Answer:
    """Carry out what was shown, base by base, each by itself; then say what became of each."""
    key, marks = pages.sent_key(), _marks()
    with pages.looking() as look:
        known = results.kept_results(look, key)
        chosen = selection.selected_for(look, [mark.case_id for mark in marks], act)
        sent = sent_form(chosen[0].case.definition)
    if known is None:
        rows = tuple(_decided(mark, act, sent, key=key) for mark in marks)
        results.keep(Results(act=act, rows=rows), key=key)
    return redirect(url_for("decisions.results_of", key=key, back=pages.back()), code=303)


def _marks() -> tuple[Mark, ...]:
    """The bases as they were shown. Raises BadInput for what no page of ours sends."""
    found = [MARK.fullmatch(text) for text in request.form.getlist("row")]
    marks = {
        match[1]: Mark(case_id=match[1], version=int(match[2]), seq=int(match[3]), shown=match[4])
        for match in found
        if match is not None
    }
    if None in found or not 0 < len(marks) <= MOST:
        raise BadInput((Fault(field="row", code="unreadable"),))
    return tuple(marks.values())


def _decided(mark: Mark, act: str, sent: Sent, *, key: str) -> results.RowResult:
    """Decide one base. The confirmed warnings are those ticked beside it."""
    ticked = (text.partition(" ") for text in request.form.getlist("confirmed"))
    confirmed = tuple(code for case_id, _, code in ticked if case_id == mark.case_id)
    mine, own_key = replace(sent, confirmed=confirmed), f"{key}:{mark.case_id}"
    try:
        answer = attempted(mark.case_id, act, mine, key=own_key, version=mark.version, shown=mark.shown)
        if isinstance(answer, Receipt):
            return results.done(answer)
        with pages.looking() as look:
            return results.not_done(look, mark.case_id, answer, seq=mark.seq)
    except NotFound:  # The reader lost sight of this base since the request began; the others go on.
        return results.RowResult(case_id=mark.case_id, result=Result.REFUSED, reasons={})


# ───────────────────────────── What became of each


@blueprint.get("/tasks/results/<key>")
def results_of(key: str) -> Answer:
    """The result base by base, as it was when the request was carried out."""
    with pages.looking() as look:
        known = results.kept_results(look, key) if pages.KEY.fullmatch(key) else None
        if known is None:
            raise NotFound("no_such_results", key=key)
        definition = editions_of(look.session).knowing(known.act)
        return render_template(
            "decisions/results.html",
            label_of_act=headed(act_label(definition, known.act, look.language), look.language),
            rows=list(_result_rows(look, known)),
            done=known.done,
            open=len(known.rows) - known.done,
            back=pages.back(),
        )


def _result_rows(look: Look, known: Results) -> Iterator[dict[str, Any]]:
    """The rows as they are read; of a base the reader may not see any more nothing is said."""
    subjects = queries.subjects_of(look.session, look.rights, [row.case_id for row in known.rows])
    editions = editions_in_use(look.session)
    for row in known.rows:
        if row.case_id in subjects:
            case_id, back = row.case_id, pages.back()
            yield {
                "subject": pages.subject(subjects[row.case_id], editions, look.language),
                "result": str(row.result),
                "receipt": url_for("decisions.receipt", case_id=case_id, seq=row.seq, back=back)
                if row.seq
                else "",
                "form": url_for("decisions.form", case_id=case_id, act=known.act, back=back),
                "seq": row.seq,
                "reasons": row.reasons.get(look.language, ()),
            }
