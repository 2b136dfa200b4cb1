"""Settings: what the office chose, from a day on. A change is shown with what it moves before it is made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
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
from workflow.definition.values.settings import Setting, SettingType
from workflow.errors import BadInput, NotFound, WorkflowError
from workflow.explain.names import role_label
from workflow.hours import NONE
from workflow.lifecycle_words import MORE_THAN
from workflow.operations.deeds import Done
from workflow.operations.settings import Preview, change_setting, preview_setting, value_on
from workflow.periods import Period
from workflow.queries import office
from workflow.words import label_text, month_day_text, written

UNITS = ("days", "working_days", "months", "years")
SHARES = ("least", "more")
MOST_SHOWN = 200
"""Moved timers listed one by one; the figures count all."""


class _Overtaken(Exception):
    """What the change moves is no longer what was shown."""


# ───────────────────────────── Values in words


def setting_text(definition: Definition, setting: Setting, value: Any, language: str) -> str:
    """A setting's value as people read it."""
    match setting.type:
        case SettingType.PERIOD:
            return period_text(value, language)
        case SettingType.CHOICE:
            return _choice_text(definition, setting, value, language)
        case SettingType.ESCALATION:
            steps = [
                t(
                    "admin.settings.ladder",
                    language,
                    day=int(day),
                    role=role_label(definition, role, language),
                )
                for day, role in value.items()
            ]
            return written(steps, language)
        case SettingType.HOURS:
            return t("admin.settings.no_hours", language) if value == NONE else value
        case SettingType.DAYS:
            return written(value, language) if value else t("admin.settings.no_days", language)
        case SettingType.FRACTION:
            return t(f"admin.share.{_kind_of(value)}", language, share=value.removeprefix(MORE_THAN))
        case SettingType.MONTH_DAY:
            month, day = map(int, value.split("-"))
            return month_day_text(month, day, language)
        case _:
            return written(value, language)


def _kind_of(share: str) -> str:
    """Whether a share itself suffices, or only more than it."""
    return "more" if share.startswith(MORE_THAN) else "least"


def period_text(value: str, language: str) -> str:
    """A length of time as people read it."""
    period = Period.parse(value)
    counts = {unit: getattr(period, unit) for unit in UNITS}
    parts = [t(f"check.length.{unit}", language, count=count) for unit, count in counts.items() if count]
    return " ".join(parts) or t("check.length.days", language, count=0)


def _choice_text(definition: Definition, setting: Setting, value: str, language: str) -> str:
    if value in setting.choices:
        return label_text(setting.choices[value], language)
    named: tuple[Mapping[str, Any], ...] = (definition.dates, definition.fields, definition.acts)
    for table in named:
        if value in table:
            return label_text(table[value].label, language)
    return value


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
        session, lifecycle=definition.name, name=name, value=_stated(definition, name, read),
        from_on=read.day("from_on"), reason=read.text("reason"), ctx=ctx,
    )  # fmt: skip


def _preview(session: Session, ctx: Context, definition: Definition, name: str, read: Typed) -> Preview:
    if not read.text("reason").strip():
        raise BadInput((Fault(field="reason", code="missing"),))
    return preview_setting(
        session,
        lifecycle=definition.name,
        name=name,
        value=_stated(definition, name, read),
        from_on=read.day("from_on"),
        ctx=ctx,
    )


def _digest(found: Preview) -> str:
    content = [found.value, [[m.case_id, m.timer, plain(m.old_on), plain(m.new_on)] for m in found.moves]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


# ───────────────────────────── Its form


def _asks(definition: Definition, one: Setting, now: Any, ctx: Context) -> tuple[Ask, ...]:
    return (*_value_asks(definition, one, now), ask("from_on", "date", value=ctx.today), reason())


def _value_asks(definition: Definition, one: Setting, now: Any) -> tuple[Ask, ...]:
    """The field, or fields, in which a value of the setting's type is stated."""
    language = door.language()
    match one.type:
        case SettingType.YES_NO:
            return (ask("value", "yes_no", value="yes" if now else "no"),)
        case SettingType.CHOICE:
            options = tuple(
                {"value": value, "label": _choice_text(definition, one, value, language)}
                for value in one.one_of
            )
            return (ask("value", "choice", options=options, value=now),)
        case SettingType.PERIOD:
            return _period_asks(now, language)
        case SettingType.ESCALATION:
            days = {role: day for day, role in now.items()}
            return tuple(
                ask(
                    f"value.{role}", "count", required=False, value=days.get(role, ""),
                    label=t("admin.settings.tell", language, role=role_label(definition, role, language)), hint="",
                )
                for role in definition.roles
            )  # fmt: skip
        case SettingType.DAYS:
            return (
                ask(
                    "value",
                    value=", ".join(map(str, now)),
                    required=False,
                    hint=t("admin.hint.days", language),
                ),
            )
        case SettingType.MONTH_DAY:
            return (ask("value", value=now, hint=t("admin.hint.month_day", language)),)
        case SettingType.FRACTION:
            return _share_asks(now, language)
        case SettingType.HOURS:
            return (ask("value", value=now, hint=t("admin.hint.hours", language)),)
        case _:
            return (ask("value", value=now),)


def _period_asks(now: str, language: str) -> tuple[Ask, ...]:
    """A count and its unit; a length of several units stays a text."""
    period = Period.parse(now)
    counts = {unit: getattr(period, unit) for unit in UNITS if getattr(period, unit)} or {"days": 0}
    if len(counts) > 1:
        return (ask("value", value=now),)
    ((unit, count),) = counts.items()
    options = tuple({"value": name, "label": t(f"admin.unit.{name}", language)} for name in UNITS)
    return (
        ask("value", "count", value=count),
        ask(
            "value.unit",
            "choice",
            options=options,
            value=unit,
            label=t("admin.field.unit_of_time", language),
            hint="",
        ),
    )


def _share_asks(now: str, language: str) -> tuple[Ask, ...]:
    """A fraction, and whether it suffices or more than it is needed."""
    options = tuple(
        {"value": kind, "label": t(f"admin.share.{kind}", language, share="").strip()} for kind in SHARES
    )
    return (
        ask(
            "value.kind",
            "choice",
            options=options,
            value=_kind_of(now),
            label=t("admin.field.kind_of_share", language),
            hint="",
        ),
        ask("value", value=now.removeprefix(MORE_THAN), hint=t("admin.hint.share", language)),
    )


def _stated(definition: Definition, name: str, read: Typed) -> Any:
    """What was stated, as `read_setting` reads it."""
    if definition.settings[name].type is SettingType.ESCALATION:
        return {
            field.removeprefix("value."): text
            for field, text in read.values.items()
            if field.startswith("value.")
        }
    value, unit = read.text("value").strip(), read.text("value.unit")
    if read.text("value.kind") == "more":
        return f"{MORE_THAN}{value}"
    return f"{value} {unit.replace('_', ' ')}" if unit else value


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
