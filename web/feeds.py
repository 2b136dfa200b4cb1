"""One's own deadlines in a calendar program: the page that gives out the secret address, and what is served there."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required
from werkzeug.wrappers import Response as Redirect

from web import door, pages
from web.bases.timers import timer_label
from web.words import t
from workflow import clock, ics
from workflow.context import Context
from workflow.definition.values.edition import Definition
from workflow.errors import WorkflowError
from workflow.explain.deadlines import day_notes
from workflow.operations import calendar_links
from workflow.operations.answers import Made
from workflow.operations.repeats import once
from workflow.periods import Kind, beijing_day
from workflow.queries import rights_of
from workflow.queries.calendar_links import Subscriber, calendar_rows, living_link, subscriber_of
from workflow.snapshot import Row
from workflow.timers import FIRED, stands_still
from workflow.words import article_text, say
from workflow.world import editions_in_use

blueprint = Blueprint("feeds", __name__)

FRESH = 15 * 60
"""Seconds for which a program need not ask again."""


@blueprint.get("/account/calendar")
@login_required  # type: ignore[untyped-decorator]
def index() -> str:
    """Whether there is a link, and the forms that make, replace and end one."""
    with pages.looking() as look:
        link = living_link(look.session, current_user.account_id)
    return render_template("feeds/index.html", link=link, key=pages.new_request_key())


@blueprint.post("/account/calendar")
@login_required  # type: ignore[untyped-decorator]
def issue() -> str | Redirect:
    """Make a link and show it, this once; the one before it ends. The same form sent again makes no second one."""
    key, everything = pages.sent_key(), request.form.get("everything") == "1"
    made: list[calendar_links.Address] = []

    def work(session: Any, ctx: Context) -> bool:
        made.clear()

        def make() -> Made:
            made.append(calendar_links.issue(session, everything=everything, ctx=ctx))
            return Made(id=made[0].id)

        return once(session, what=["calendar_link", everything], ctx=ctx, kind=Made, work=make).repeated

    try:
        repeated = door.act(work, key=key)
    except WorkflowError as error:
        if error.code != "key_reused":
            raise
        repeated = True
    if repeated or not made:
        flash(t("feeds.shown_before", door.language()), "info")
        return redirect(url_for("feeds.index"))
    address = f"{door.config().base_url.rstrip('/')}{url_for('feeds.feed', secret=made[0].secret)}"
    return render_template("feeds/issued.html", address=address, everything=everything)


@blueprint.post("/account/calendar/revoke")
@login_required  # type: ignore[untyped-decorator]
def revoke() -> Redirect:
    """End the link at once. Doing so again changes nothing."""
    door.act(lambda session, ctx: calendar_links.revoke(session, ctx=ctx))
    flash(t("feeds.revoked_now", door.language()), "success")
    return redirect(url_for("feeds.index"))


# ───────────────────────────── What a calendar program fetches


@blueprint.get("/ics/<secret>.ics")
def feed(secret: str) -> Response:
    """The deadlines as a calendar, under the rights of this moment. Whatever opens nothing is answered alike."""
    with door.database().reading() as session:
        subscriber = subscriber_of(session, secret)
        if subscriber is None:
            return Response("404\n", status=404, mimetype="text/plain")
        content = _calendar(session, subscriber)
    answer = Response(content, content_type=f"{ics.MIME_TYPE}; charset=utf-8")
    answer.headers["Cache-Control"] = f"private, max-age={FRESH}"
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def _calendar(session: Any, subscriber: Subscriber) -> bytes:
    at = clock.now(session)
    rights = rights_of(session, subscriber.person_id, today=beijing_day(at))
    editions = editions_in_use(session)
    rows = calendar_rows(session, rights, mine=not subscriber.everything, at=at)
    language = subscriber.language
    events = [_event(row, editions[row["edition_id"]], language) for row in rows]
    name = t("feeds.name" if subscriber.everything else "feeds.name_mine", language)
    return ics.calendar_bytes(events, name=name)


def _event(row: Row, definition: Definition, language: str) -> Any:
    """A deadline as an entry that tells of itself the day before; one that is over or stands still is taken off.

    It is put together from what its own log entry settled, so that nothing in it changes from fetch to fetch.
    """
    is_over = stands_still(row) or (
        row["ended_seq"] is not None and not (row["status"] == FIRED and definition.timers[row["name"]].fires)
    )
    what = timer_label(definition, row, language)
    base = row["base_name"] or row["partner_name"] or t("bases.unnamed", language)
    mark = "feeds.summary_provisional" if row["provisional"] else "feeds.summary"
    summary = t(mark, language, what=what, base=base)
    event = ics.deadline_event(
        ics.Deadline(
            case_id=row["case_id"],
            timer=row["name"],
            period=row["period"],
            day=row["due_on"],
            sequence=row["ended_seq"] or row["armed_seq"],
            summary=summary,
            text="\n".join(_lines(row, language)),
            link=f"{door.config().base_url.rstrip('/')}{url_for('deadlines.show', case_id=row['case_id'])}",
            cancelled=is_over,
        ),
        at=row["changed_at"],
    )
    return event if is_over else ics.told_the_day_before(event, summary)


def _lines(row: Row, language: str) -> list[str]:
    """What the entry says besides: its day, the number of the base, the basis, and what may still move it."""
    day = t("page.value", language, value=row["due_on"])
    number = row["base_number"] or row["application_number"]
    return [
        day if row["kind"] == Kind.OPENS else say("days.inclusive", language, day=day),
        t(f"bases.day.{row['kind']}", language),
        *([number] if number else []),
        article_text(row["basis"], language),
        *day_notes(row, language),
    ]
