"""Closing a meeting: what closing brings about on every row, then each row in a transaction of its own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from web import door, pages
from web.admin.sheets import refusal
from web.meetings import blueprint
from web.meetings.showing import Sight, majority_text, quorum_text, row_of, sight_of
from web.meetings.voting import Changed, attempted, following, results_page
from web.words import t
from workflow import gather, routes
from workflow.blockers import Blocker
from workflow.context import Context
from workflow.errors import NotFound, WorkflowError
from workflow.operations import Receipt, Refusal
from workflow.operations.meetings import close_meeting, close_row
from workflow.operations.open_round import planned
from workflow.operations.rounds import closing
from workflow.queries.meetings import Agendum

Answer = Response | str | tuple[str, int]


@blueprint.get("/<uuid:meeting_id>/close")
def close(meeting_id: UUID) -> Answer:
    """What closing does on each row that is still open, with its count; nothing is done yet."""
    with pages.looking() as look:
        sight = sight_of(look, str(meeting_id))
        _only_the_office(sight)
        rows = [_shown(sight, item) for item in sight.agenda]
    return render_template(
        "meetings/close.html", meeting=sight.meeting, rows=rows, key=pages.new_request_key()
    )


def _only_the_office(sight: Sight) -> None:
    if not sight.is_office or not sight.is_open:
        raise NotFound("no_such_page")


def _shown(sight: Sight, item: Agendum) -> dict[str, Any]:
    language = sight.look.language
    row = row_of(sight, item)
    if not item.is_open:
        return row
    steps = planned(item.snapshot, closing, sight.look.ctx)
    if isinstance(steps, Blocker):
        return row
    result = routes.vote_result(item.snapshot, item.step, item.round)
    return {
        **row,
        "quorum": quorum_text(item.count, language),
        "majority": majority_text(item.count, language, told=True),
        "result": t(f"meetings.result.{result}", language),
        "follows": following(steps[1:], item, language),
    }


@blueprint.post("/<uuid:meeting_id>/close")
def close_all(meeting_id: UUID) -> Answer:
    """Close every open row as it was shown, then the meeting; a row that changed meanwhile stays open, and with it the meeting."""
    key, meeting = pages.sent_key(), str(meeting_id)
    with pages.looking() as look:
        sight = sight_of(look, meeting)
        if not sight.is_office:
            raise NotFound("no_such_page")
    done = [
        (item, attempted(lambda session, ctx, it=item: _as_shown(session, ctx, meeting, it), key, item))
        for item in sight.agenda
        if item.is_open
    ]
    if all(isinstance(outcome, Receipt) for _, outcome in done):
        try:
            door.act(lambda session, ctx: close_meeting(session, meeting, ctx=ctx))
        except WorkflowError as error:
            flash(refusal(error), "warning")
            return redirect(url_for("meetings.show", meeting_id=meeting_id), code=303)
    return results_page(meeting, done, title="meetings.closed_rows")


def _as_shown(session: Session, ctx: Context, meeting: str, item: Agendum) -> Receipt | Refusal | Changed:
    """A ballot cast since leaves the version alone, but not the case's log: its place says whether the count is the one shown."""
    version, seq = pages.sent_number(f"version.{item.id}"), pages.sent_number(f"seq.{item.id}")
    now = gather.lock(session, item.snapshot.id).row
    if now["version"] == version and now["log_seq"] != seq:
        return Changed()
    return close_row(session, meeting, item.id, version=version, ctx=ctx)
