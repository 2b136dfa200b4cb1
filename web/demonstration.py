"""The demonstration's clock: move it forward and see what the deadlines do. Any other database answers as if it were not there."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_login import login_required

from web import door, pages
from web.words import t
from workflow import clock
from workflow.context import Actor, Context, Source
from workflow.definition.values.edition import Definition
from workflow.definition.values.labels import Label
from workflow.errors import WorkflowError
from workflow.operations import fire_due
from workflow.operations.deeds import Done
from workflow.operations.demonstration import move_clock
from workflow.operations.repeats import once
from workflow.periods import BEIJING
from workflow.queries.clockwork import done_by_clock, log_end
from workflow.snapshot import Row
from workflow.world import editions_in_use

blueprint = Blueprint("demo", __name__, url_prefix="/demonstration")

STEPS = (1, 7, 30, 90, 365)
"""Days the buttons move the clock."""
BATCH = 100
LONGEST_STEP = 4000


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator]
def _demonstration_only() -> None:
    """Production has no such page, whatever its database says."""
    if door.config().is_production:
        abort(404)
    with door.database().reading() as session:
        if not clock.is_demonstration(session):
            abort(404)


@blueprint.get("/clock", endpoint="clock")
def show() -> str:
    return _page()


@blueprint.post("/clock")
def move() -> Any:
    """Move the clock, let everything due take effect, and show what happened."""
    with door.database().reading() as session:
        now, since = clock.now(session), log_end(session)
    target = _target(now)
    if target is None:
        return _page(fault="demonstration.unreadable"), 400
    try:
        door.act(partial(_move_once, to=target), key=pages.sent_key())
    except WorkflowError as refused:
        if refused.code not in ("clock_goes_back", "clock_too_far"):
            raise
        return _page(fault=f"demonstration.{refused.code}"), 400
    _work_off()
    return redirect(url_for("demo.clock", since=since))


def _target(now: datetime) -> datetime | None:
    """The instant asked for: so many days on, or eight in the morning of a day."""
    days, day = request.form.get("days", ""), request.form.get("day", "")
    if days.isascii() and days.isdigit() and 0 < int(days) <= LONGEST_STEP:
        return now + timedelta(days=int(days))
    try:
        return datetime.combine(date.fromisoformat(day), time(8, 0), BEIJING)
    except ValueError:
        return None


def _move_once(session: Any, ctx: Context, *, to: datetime) -> None:
    once(
        session, what=["clock", request.form.get("days"), request.form.get("day")], ctx=ctx,
        kind=Done, work=lambda: move_clock(session, to=to, ctx=ctx),
    )  # fmt: skip


def _work_off() -> None:
    """Do at once what a scheduler would do within its next ticks."""
    database = door.database()
    with database.reading() as session:
        ctx = Context(actor=Actor(system="sweep"), at=clock.now(session), source=Source.TIMER)
    while database.run(partial(fire_due, ctx=ctx, limit=BATCH)).cases:
        pass


def _page(*, fault: str | None = None) -> str:
    since = request.args.get("since", "")
    with door.database().reading() as session:
        rows, total = (
            done_by_clock(session, since=int(since)) if since.isdigit() and len(since) < 18 else ([], None)
        )
        editions = editions_in_use(session)
        now = clock.now(session)
    return render_template(
        "demonstration/clock.html", now=now, steps=STEPS, key=pages.new_request_key(), fault=fault, total=total,
        rows=[_line(row, editions[row["edition_id"]]) for row in rows],
    )  # fmt: skip


def _line(row: Row, definition: Definition) -> dict[str, Any]:
    return {
        **row,
        "what": t(f"entry.kinds.{row['kind']}", door.language()),
        "about": _label(definition, row["act"]),
        "to": definition.states[row["to_state"]],
        "moved": row["from_state"] != row["to_state"],
    }


def _label(definition: Definition, name: str) -> Label:
    return definition.acts[name].label if name in definition.acts else definition.timers[name].label
