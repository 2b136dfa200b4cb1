"""The calendar: the loaded years, and a notice that is shown with what it moves before it is loaded."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from models.changes import plain
from web import door, pages
from web.admin import blueprint
from web.admin.lists import Cell, Listing, cell, listed
from web.admin.sheets import (
    Answer,
    Ask,
    Page,
    Typed,
    as_typed,
    ask,
    do,
    others,
    reason,
    refusal,
    shown,
    tell,
    typed,
)
from web.words import t
from workflow.context import Context
from workflow.errors import BadInput, NotFound, WorkflowError
from workflow.explain.names import role_label
from workflow.holidays import LARGEST, Notice, read_notice, source_text, text_of, written
from workflow.operations.calendar import NOTHING_NEW, Preview, load_notice, loading_of, preview_notice
from workflow.operations.calendar_passes import Come, under_way
from workflow.operations.deeds import Done, Faults
from workflow.queries import calendar as loaded
from workflow.queries import office
from workflow.words import label_text
from workflow.words import written as listing_of
from workflow.world import editions_in_use

FILE = "file"
MOST_SHOWN = 200
"""Moved timers listed one by one; the figures count all."""
MOST_WORKED_OUT = 1000
"""Bases whose new days are worked out for the page; of more, it says how many there are besides."""


class _Overtaken(Exception):
    """What the notice moves is no longer what was shown."""


# ───────────────────────────── What is loaded


@blueprint.get("/calendar")
def calendar() -> str:
    """The loaded years, and whether the next one is waited for."""
    language = door.language()
    with pages.looking() as look:
        years = loaded.loaded_years(look.session)
        wanted = loaded.wanted_year(look.session, today=look.ctx.today)
        moving = under_way(look.session)
    intro = [*(_under_way_text(come, language) for come in moving), t("admin.calendar.intro", language)]
    if wanted is not None:
        intro.insert(0, wanted_text(wanted, language))
    return listed(
        Listing(
            title=t("admin.place.calendar", language),
            columns=("year", "rest_days", "work_days", "source", "loaded_at"),
            rows=tuple(_row(one) for one in years),
            intro=" ".join(intro),
            actions=((t("admin.calendar.load", language), url_for("admin.calendar_import")),),
        )
    )


def wanted_text(wanted: loaded.Wanted, language: str) -> str:
    """That a year's notice is waited for, and what hangs on it."""
    return t("admin.calendar.wanted", language, year=str(wanted.year), days=wanted.days, timers=wanted.timers)


def _under_way_text(come: Come, language: str) -> str:
    """How many bases a loading has come to, and how many deadlines it has moved."""
    figures = {"done": come.looked_at, "total": come.total, "timers": come.counts.timers}
    said = t("admin.calendar.under_way", language, year=str(come.year), **figures)
    return said + t("admin.calendar.failed", language, count=come.failed) if come.failed else said


def _row(one: loaded.LoadedYear) -> tuple[Cell, ...]:
    return (
        Cell(text=str(one.year), href=url_for("admin.calendar_year", year=one.year)),
        cell(one.rest_count),
        cell(one.work_count),
        cell(source_text(one.source, door.language())),
        cell(one.loaded_at),
    )


@blueprint.get("/calendar/<int:year>")
def calendar_year(year: int) -> str:
    """The announced days of one year."""
    language = door.language()
    with pages.looking() as look:
        if year not in {one.year for one in loaded.loaded_years(look.session)}:
            raise NotFound("no_such_row", year=str(year))
        days = [(row.day, row.kind, row.name) for row in loaded.days_of(look.session, year)]
    return listed(
        Listing(
            title=t("admin.calendar.year", language, year=str(year)),
            columns=("day", "day_kind", "holiday"),
            rows=tuple(
                (cell(day), cell(t(f"audit.holiday.{kind}", language)), cell(name))
                for day, kind, name in days
            ),
            actions=((t("admin.calendar.correct", language), url_for("admin.calendar_import", year=year)),),
            empty=t("admin.calendar.no_days", language),
        )
    )


# ───────────────────────────── Loading a notice


@blueprint.route("/calendar/import", methods=["GET", "POST"])
def calendar_import() -> Answer:
    """A notice is uploaded or pasted, shown with what it moves, then loaded."""
    page, asks = _page(), _asks()
    if request.method == "GET":
        return shown(page, asks, key=pages.new_request_key())
    key = pages.sent_key()
    try:
        return _sent(page, asks, key)
    except BadInput as bad:
        kept = _kept(as_typed(asks, bad.faults))
        return shown(page, kept, key=key, others=others(asks, bad.faults)), 422
    except WorkflowError as refused:
        return shown(page, _kept(as_typed(asks)), key=key, others=(refusal(refused),)), 422


def _sent(page: Page, asks: tuple[Ask, ...], key: str) -> Answer:
    """The first time the notice is shown with what it moves, the second time it is loaded."""
    if request.form.get("step") != "apply":
        return _consequences(page, typed(asks), key, overtaken=False)
    try:
        done = do(asks, _load, key=key)
    except _Overtaken:
        return _consequences(page, typed(asks), key, overtaken=True), 409
    tell(done, page.title)
    flash(t("admin.calendar.moving", door.language()), "info")
    return redirect(page.back)


def _load(session: Session, ctx: Context, read: Typed) -> Done:
    """Load the notice, if it still moves what was shown; the scheduler then moves it. What was cut off goes on."""
    notice = _stated(read)
    found = preview_notice(session, notice, ctx=ctx, most=MOST_WORKED_OUT)
    if _digest(found) != request.form.get("shown"):
        raise _Overtaken
    return load_notice(session, notice, reason=read.text("reason"), ctx=ctx) or _earlier(session, notice)


def _earlier(session: Session, notice: Notice) -> Done:
    """The deed of an earlier loading, whose deadlines are moved further. Raises BadInput where there is none."""
    row = loading_of(session, notice.year)
    if row is None:
        raise BadInput((NOTHING_NEW,))
    return Done(
        subject=str(notice.year),
        stream=row["stream"],
        seq=row["seq"],
        hash=row["hash"],
        recorded_at=row["recorded_at"],
    )


def _stated(read: Typed) -> Notice:
    """The notice that was uploaded or else pasted. Raises BadInput with everything wrong in it and around it."""
    faults = Faults()
    source = faults.line("source", read.text("source"))
    faults.reason(read.text("reason"))
    given = read.given("year")
    year = read.number("year") if given else None
    content = _upload() or read.text("notice").encode()
    if not content.strip():
        faults.add("notice", "missing")
    try:
        notice = read_notice(content, year=year, source=source or "") if content.strip() else None
    except BadInput as bad:
        faults.found += bad.faults
    faults.done()
    assert notice is not None
    return notice


def _upload() -> bytes:
    """The uploaded file, nothing where there is none. It is read once and put back for whoever reads it next."""
    sent = request.files.get(FILE)
    if sent is None or not sent.filename:
        return b""
    content = sent.stream.read(LARGEST + 1)
    sent.stream.seek(0)
    return content


def _kept(asks: tuple[Ask, ...]) -> tuple[Ask, ...]:
    """The form as it was sent: what was in the file stands in the field for pasting, where it can be corrected."""
    content = _upload()
    if not content:
        return asks
    try:
        text = text_of(content)
    except BadInput:
        return asks
    return tuple(replace(one, value=text) if one.name == "notice" else one for one in asks)


def _asks() -> tuple[Ask, ...]:
    language = door.language()
    year = request.args.get("year", "") if request.method == "GET" else ""
    return (
        ask("year", "count", required=False, value=year, hint=t("admin.calendar.year_hint", language)),
        ask("source", hint=t("admin.calendar.source_hint", language), longest=200),
        ask(FILE, "document", required=False),
        ask("notice", "text", required=False, longest=LARGEST),
        reason(),
    )


def _page() -> Page:
    language = door.language()
    return Page(
        title=t("admin.calendar.load", language),
        action=t("admin.settings.show_moves", language),
        back=url_for("admin.calendar"),
        intro=t("admin.calendar.how", language),
        uploads=True,
    )


def _digest(found: Preview) -> str:
    days = [[one.day.isoformat(), one.kind, one.name] for one in found.notice.days]
    moves = [[m.case_id, m.timer, plain(m.old_on), plain(m.new_on)] for m in found.moves]
    content = [found.notice.year, days, moves, found.total, dict(found.counts.by_name)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


# ───────────────────────────── What it will do


def _consequences(page: Page, read: Typed, key: str, *, overtaken: bool) -> str:
    """What the notice will do, computed as the loading itself computes it."""
    notice = _stated(read)
    with pages.looking() as look:
        found = preview_notice(look.session, notice, ctx=look.ctx, most=MOST_WORKED_OUT)
        if found.changes_nothing:
            raise BadInput((NOTHING_NEW,))
        lines = _lines(look, found)
    sent = {
        "year": str(notice.year),
        "source": notice.source,
        "notice": written(notice),
        "reason": read.text("reason"),
    }
    return render_template(
        "admin/calendar_preview.html",
        page=page,
        found=found,
        lines=lines,
        sent=sent,
        key=key,
        digest=_digest(found),
        overtaken=overtaken,
    )


def _lines(look: pages.Look, found: Preview) -> list[dict[str, Any]]:
    """The timers that move: of which base, whose they are, from which day to which."""
    moves = found.moves[:MOST_SHOWN]
    names = office.base_names(look.session, [move.case_id for move in moves])
    edition = {name: one for one in editions_in_use(look.session).values() for name in one.timers}
    return [
        {
            "base": names.get(move.case_id, ""),
            "href": url_for("bases.show", case_id=move.case_id),
            "timer": label_text(edition[move.timer].timers[move.timer].label, look.language),
            "whose": listing_of(
                [
                    role_label(edition[move.timer], role, look.language)
                    for role in edition[move.timer].timers[move.timer].tell
                ],
                look.language,
            ),
            "old": move.old_on,
            "new": move.new_on,
        }
        for move in moves
    ]
