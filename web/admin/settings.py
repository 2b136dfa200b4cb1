"""Settings: what the office chose, from a day on. A change is shown with what it moves before it is made."""

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
from web.admin.setting_values import setting_text, stated_in, value_asks
from web.admin.sheets import (
    Answer,
    Ask,
    Page,
    Typed,
    as_typed,
    ask,
    do,
    lifecycle_fact,
    others,
    reason,
    refusal,
    tell,
    typed,
)
from web.words import t
from workflow.blockers import Fault
from workflow.context import Context
from workflow.definition.values.edition import Definition
from workflow.definition.values.settings import Setting
from workflow.errors import BadInput, NotFound, WorkflowError
from workflow.operations.deeds import Done
from workflow.operations.settings import Preview, change_setting, preview_setting, value_on
from workflow.queries import office
from workflow.words import label_text, written

MOST_SHOWN = 200
"""Moved timers listed one by one; the figures count all."""


class _Overtaken(Exception):
    """What the change moves is no longer what was shown."""


# ───────────────────────────── The list


@blueprint.get("/settings")
def settings() -> str:
    """Every setting of a lifecycle's current edition: what counts today, what the edition began with."""
    language = door.language()
    with pages.looking() as look:
        among = pages.lifecycles(look)
        definition = among.current
        coming = [
            row
            for row in office.setting_rows(look.session, definition.name)
            if row["from_on"] > look.ctx.today
        ]
        rows = tuple(_row(look, among, one, coming, language) for one in definition.settings.values())
    return listed(
        Listing(
            title=t("admin.place.settings", language),
            columns=("setting", "value", "default", "basis", "coming"),
            rows=rows,
            intro=t("admin.settings.intro", language),
            tabs=among.links("admin.settings", language),
        )
    )


def _row(
    look: pages.Look, among: pages.Lifecycles, one: Setting, coming: list[Any], language: str
) -> tuple[Cell, ...]:
    definition = among.current
    now = value_on(look.session, definition, one.name, look.ctx.today)
    to_come = [
        t(
            "admin.settings.from",
            language,
            day=row["from_on"],
            value=setting_text(definition, one, row["value"], language),
        )
        for row in coming
        if row["name"] == one.name
    ]
    address = url_for("admin.setting", name=one.name, lifecycle=among.in_address)
    pinned = (
        t("admin.settings.pinned", language, act=definition.acts[one.pinned_by].label)
        if one.pinned_by
        else ""
    )
    return (
        Cell(text=label_text(one.label, language), href=address, note=pinned),
        cell(setting_text(definition, one, now, language)),
        cell(setting_text(definition, one, one.default, language)),
        Cell(text=t("basis.local", language), unbroken=True),
        cell(written(to_come, language) if to_come else ""),
    )


# ───────────────────────────── One setting


@blueprint.route("/settings/<name>", methods=["GET", "POST"])
def setting(name: str) -> Answer:
    """One setting with its history; a change is stated, shown with what it moves, then made."""
    with pages.looking() as look:
        among = pages.lifecycles(look)
        definition = among.current
        if name not in definition.settings:
            raise NotFound("no_such_setting", setting=name)
        now = value_on(look.session, definition, name, look.ctx.today)
        asks = _asks(definition, definition.settings[name], now, look.ctx)
        history = _history(look, definition, definition.settings[name])
    page = _page(among, definition.settings[name], now)
    if request.method == "GET":
        return _form(page, asks, history, key=pages.new_request_key())
    key = pages.sent_key()
    try:
        return _sent(page, definition, name, asks, key)
    except BadInput as bad:
        return _form(
            page, as_typed(asks, _placed(bad, asks)), history, key=key, other=others(asks, _placed(bad, asks))
        ), 422
    except NotFound:
        raise
    except WorkflowError as refused:
        return _form(page, as_typed(asks), history, key=key, other=(refusal(refused),)), 422


def _sent(page: Page, definition: Definition, name: str, asks: tuple[Ask, ...], key: str) -> Answer:
    """The first time what was stated is shown with what it moves, the second time it is done."""
    if request.form.get("step") != "apply":
        with pages.looking() as look:
            found = _preview(look.session, look.ctx, definition, name, typed(asks))
            return _consequences(page, look, definition, found, asks, key, overtaken=False)
    try:
        done = do(asks, lambda session, ctx, read: _change(session, ctx, definition, name, read), key=key)
    except _Overtaken:
        with pages.looking() as look:
            found = _preview(look.session, look.ctx, definition, name, typed(asks))
            return _consequences(page, look, definition, found, asks, key, overtaken=True), 409
    tell(done, page.title)
    return _moved(page, done)


def _moved(page: Page, done: Done) -> Answer:
    flash(t("admin.settings.moved", door.language(), **done.counts), "info")
    return redirect(page.back)


def _change(session: Session, ctx: Context, definition: Definition, name: str, read: Typed) -> Done:
    """Make the change, if it still moves what was shown."""
    if _digest(_preview(session, ctx, definition, name, read)) != request.form.get("shown"):
        raise _Overtaken
    return change_setting(
        session, lifecycle=definition.name, name=name, value=stated_in(definition, name, read),
        from_on=read.day("from_on"), reason=read.text("reason"), ctx=ctx,
    )  # fmt: skip


def _preview(session: Session, ctx: Context, definition: Definition, name: str, read: Typed) -> Preview:
    if not read.text("reason").strip():
        raise BadInput((Fault(field="reason", code="missing"),))
    return preview_setting(
        session,
        lifecycle=definition.name,
        name=name,
        value=stated_in(definition, name, read),
        from_on=read.day("from_on"),
        ctx=ctx,
    )


def _digest(found: Preview) -> str:
    content = [found.value, [[m.case_id, m.timer, plain(m.old_on), plain(m.new_on)] for m in found.moves]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


# ───────────────────────────── Its form


def _asks(definition: Definition, one: Setting, now: Any, ctx: Context) -> tuple[Ask, ...]:
    return (*value_asks(definition, one, now), ask("from_on", "date", value=ctx.today), reason())


def _placed(bad: BadInput, asks: tuple[Ask, ...]) -> list[Any]:
    """Faults of the value, at the first field in which it is stated."""
    first = asks[0].name
    return [replace(fault, field=first) if fault.field == "value" else fault for fault in bad.faults]


def _page(among: pages.Lifecycles, one: Setting, now: Any) -> Page:
    definition, language = among.current, door.language()
    facts = [
        (t("admin.column.value", language), setting_text(definition, one, now, language)),
        (t("admin.column.default", language), setting_text(definition, one, one.default, language)),
        (t("admin.column.basis", language), t("basis.local", language)),
    ]
    intro = ""
    if one.pinned_by:
        intro = t("admin.settings.pinned_intro", language, act=definition.acts[one.pinned_by].label)
    return Page(
        title=label_text(one.label, language),
        action=t("admin.settings.show_moves", language),
        back=url_for("admin.settings", lifecycle=among.in_address),
        facts=(*facts, *lifecycle_fact(among)),
        intro=intro,
    )


def _form(page: Page, asks: tuple[Ask, ...], history: Any, *, key: str, other: tuple[str, ...] = ()) -> str:
    return render_template(
        "admin/setting.html", page=page, fields=asks, history=history, key=key, others=other
    )


def _history(look: pages.Look, definition: Definition, one: Setting) -> list[dict[str, Any]]:
    return [
        {**row, "text": setting_text(definition, one, row["value"], look.language)}
        for row in office.setting_rows(look.session, definition.name, one.name)
    ]


def _consequences(
    page: Page,
    look: pages.Look,
    definition: Definition,
    found: Preview,
    asks: tuple[Ask, ...],
    key: str,
    *,
    overtaken: bool,
) -> str:
    """What the change will do, computed as the change itself computes it."""
    moves = found.moves[:MOST_SHOWN]
    names = office.base_names(look.session, [move.case_id for move in moves])
    lines = [
        {
            "base": names.get(move.case_id, ""),
            "href": url_for("bases.show", case_id=move.case_id),
            "timer": label_text(definition.timers[move.timer].label, look.language),
            "old": move.old_on,
            "new": move.new_on,
        }
        for move in moves
    ]
    sent = [(one.name, request.form.get(one.name, "")) for one in asks]
    return render_template(
        "admin/preview.html", page=page, found=found, lines=lines, sent=sent, key=key, digest=_digest(found),
        value=setting_text(definition, found.setting, found.value, look.language), overtaken=overtaken, from_on=typed(asks).day("from_on"),
        reason=request.form.get("reason", ""), address=pages.here(),
    )  # fmt: skip
