"""The calendar of deadlines: a month as a table, the same as a list, and the list as a file."""

from __future__ import annotations

import re
from calendar import Calendar
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for

from web import pages
from web.bases.timers import hold_text, timer_label
from web.pages import Look
from web.tables import EXPORTS, plain, taken_out
from web.words import t
from workflow import queries
from workflow.explain.deadlines import day_left
from workflow.explain.names import headed, role_label, title_of
from workflow.periods import Kind
from workflow.queries import DeadlineFilter
from workflow.snapshot import Row
from workflow.timers import HELD, answering_roles, has_passed, stands_still
from workflow.words import article_text, day_text, label_text, month_text
from workflow.world import editions_in_use, holiday_names, world

blueprint = Blueprint("calendar", __name__)

VIEWS = ("month", "list")
PER_DAY = 3
"""Deadlines a day of the month shows; the rest are behind a link."""
MONTH = re.compile(r"(2\d{3})-(0[1-9]|1[0-2])", re.ASCII)
COLUMNS = (
    "number", "name", "college", "state", "what", "kind", "due_on", "nominal_on", "provisional", "left", "turn", "basis",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the address asks for: a view, a month or a day of it, and the filters."""

    view: str
    month: date
    """Its first day."""
    is_whole: bool
    """The list goes through all months."""
    day: date | None
    wanted: DeadlineFilter


@blueprint.get("/calendar")
def index() -> str:
    """The deadlines the reader may see, as a month or as a list."""
    with pages.looking() as look:
        wish = _wish(look)
        shown = _month(look, wish) if wish.view == "month" else _list(look, wish)
        return render_template(
            f"calendar/{wish.view}.html",
            wish=wish,
            views=[{"name": view, "href": _address(wish, view=view, day=None)} for view in VIEWS],
            months=_months(look, wish),
            month_text=_month_text(wish),
            when=_when(look, wish),
            per_day=PER_DAY,
            filters=_as_filters(wish),
            clear=url_for("calendar.index", view=wish.view, month=_month_text(wish)),
            colleges=queries.lead_colleges(look.session, look.rights),
            lifecycles=_lifecycles(look),
            kinds=list(Kind),
            exports={kind: _address(wish, "calendar.export", kind=kind, view="list") for kind in EXPORTS},
            **shown,
        )


# ───────────────────────────── What the address asks for


def _wish(look: Look) -> Wish:
    kind = pages.asked("sort")
    view = pages.asked("view") if pages.asked("view") in VIEWS else "month"
    month, day = _asked_month(), _asked_day()
    is_whole = view == "list" and month is None and day is None
    first = (day or month or look.ctx.today).replace(day=1)
    wanted = DeadlineFilter(
        mine=request.args.get("mine") == "1",
        college=pages.key_in(pages.asked("college")),
        lifecycle=pages.asked("lifecycle"),
        kind=Kind(kind) if kind in set(Kind) else None,
        overdue=request.args.get("overdue") == "1",
    )
    if not is_whole:
        wanted = replace(wanted, first=day or first, last=day or next_month(first) - timedelta(days=1))
    return Wish(view=view, month=first, is_whole=is_whole, day=day if view == "list" else None, wanted=wanted)


def _asked_month() -> date | None:
    found = MONTH.fullmatch(pages.asked("month"))
    return date(int(found[1]), int(found[2]), 1) if found else None


def _asked_day() -> date | None:
    """A day of the list. The month shows every day of its own."""
    text = pages.asked("day")
    if pages.asked("view") != "list" or not MONTH.fullmatch(text[:7]):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _last_month(first: date) -> date:
    return (first - timedelta(days=1)).replace(day=1)


def _month_text(wish: Wish) -> str | None:
    return None if wish.is_whole else f"{wish.month:%Y-%m}"


def _when(look: Look, wish: Wish) -> str:
    if wish.is_whole:
        return t("calendar.always", look.language)
    return day_text(wish.day, look.language) if wish.day else month_text(wish.month, look.language)


def _as_filters(wish: Wish) -> dict[str, str]:
    """The filters as the address has them, those that narrow nothing left out."""
    wanted = wish.wanted
    given = {
        "mine": "1" if wanted.mine else "",
        "college": wanted.college,
        "lifecycle": wanted.lifecycle,
        "sort": str(wanted.kind or ""),
        "overdue": "1" if wanted.overdue else "",
    }
    return {name: value for name, value in given.items() if value}


def _address(wish: Wish, endpoint: str = "calendar.index", **changed: str | None) -> str:
    place = {
        "view": wish.view,
        "month": _month_text(wish),
        "day": wish.day.isoformat() if wish.day else None,
    }
    values: dict[str, Any] = {**place, **_as_filters(wish), **changed}
    return url_for(endpoint, **values)


def _months(look: Look, wish: Wish) -> dict[str, Any]:
    """The months before and after, this one, and for the list all of them."""

    def of(first: date | None) -> str:
        return _address(wish, month=f"{first:%Y-%m}" if first else None, day=None)

    this = look.ctx.today.replace(day=1)
    return {
        "before": of(_last_month(wish.month)),
        "this": of(this),
        "is_this": wish.month == this and not wish.is_whole and wish.day is None,
        "after": of(next_month(wish.month)),
        "all": of(None) if wish.view == "list" else "",
    }


def _lifecycles(look: Look) -> list[dict[str, str]]:
    """The lifecycles there are to choose from; none while there is but one."""
    labels = {edition.name: edition.label for edition in editions_in_use(look.session).values()}
    if len(labels) == 1:
        return []
    return [{"value": name, "label": title_of(label, look.language)} for name, label in labels.items()]


# ───────────────────────────── The month


def _month(look: Look, wish: Wish) -> dict[str, Any]:
    counts = queries.deadline_counts(look.session, look.rights, wish.wanted, at=look.ctx.at)
    rows = queries.first_of_each_day(look.session, look.rights, wish.wanted, at=look.ctx.at, most=PER_DAY)
    by_day: dict[date, list[dict[str, Any]]] = {}
    for row, entry in zip(rows, entries_of(look, rows), strict=True):
        by_day.setdefault(row["due_on"], []).append(entry)
    rest = _rest_days(look, wish.month)
    weeks = Calendar().monthdatescalendar(wish.month.year, wish.month.month)
    return {
        "total": sum(count.total for count in counts.values()),
        "overdue_total": sum(count.overdue for count in counts.values()),
        "is_known": world(look.session, None).calendar.is_known(next_month(wish.month) - timedelta(days=1)),
        "weeks": [[_cell(look, wish, day, by_day, counts, rest) for day in week] for week in weeks],
    }


def _cell(
    look: Look,
    wish: Wish,
    day: date,
    by_day: Mapping[date, list[dict[str, Any]]],
    counts: Mapping[date, queries.DayCount],
    rest: Mapping[date, dict[str, str]],
) -> dict[str, Any]:
    """A day of the month: its deadlines as far as there is room, and a link to the others."""
    entries = by_day.get(day, [])
    more = counts[day].total - len(entries) if day in counts else 0
    return {
        "on": day,
        "is_inside": day.month == wish.month.month,
        "is_today": day == look.ctx.today,
        "rest": rest.get(day),
        "entries": entries,
        "more": more,
        "href": _address(wish, view="list", month=None, day=day.isoformat()) if more else "",
    }


def _rest_days(look: Look, month: date) -> dict[date, dict[str, str]]:
    """What the calendar says of the month's days: rest days by the week and by announcement, make-up working days."""
    last = next_month(month) - timedelta(days=1)
    named = holiday_names(look.session, month, last)
    calendar = world(look.session, None).calendar
    days = [month + timedelta(days=place) for place in range(last.day)]
    found = {day: {"kind": "rest", "name": named.get(day, "")} for day in days if calendar.is_rest_day(day)}
    return found | {day: {"kind": "work", "name": named.get(day, "")} for day in days if day in calendar.work}


# ───────────────────────────── The list


def _list(look: Look, wish: Wish) -> dict[str, Any]:
    after, before = request.args.get("after"), request.args.get("before")
    found = queries.deadlines_page(
        look.session, look.rights, wish.wanted, at=look.ctx.at, after=after, before=before
    )
    counts = queries.deadline_counts(look.session, look.rights, wish.wanted, at=look.ctx.at)
    place = {"month": _month_text(wish), "day": wish.day.isoformat() if wish.day else None}
    return {
        "rows": entries_of(look, found.rows),
        "turn": pages.turn(found, "calendar.index", view="list", **place, **_as_filters(wish)),
        "total": sum(count.total for count in counts.values()),
        "overdue_total": sum(count.overdue for count in counts.values()),
    }


def entries_of(look: Look, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """What a page says of each deadline: the base, what, whose turn, the day and what is to be known about it."""
    rows = tuple(rows)
    editions = editions_in_use(look.session)
    asked = queries.roles_asked(look.session, rows)
    return [_entry(look, row, editions, asked) for row in rows]


def _entry(
    look: Look, row: Row, editions: Any, asked: Mapping[tuple[str, str], tuple[str, ...]]
) -> dict[str, Any]:
    definition, language, still = editions[row["edition_id"]], look.language, stands_still(row)
    return {
        "subject": pages.subject(row, editions, language),
        "what": timer_label(definition, row, language),
        "kind": row["kind"],
        "basis": article_text(row["basis"], language),
        "on": row["due_on"],
        "nominal": row["nominal_on"] if row["nominal_on"] != row["due_on"] else None,
        "provisional": row["provisional"],
        "left": "" if still else day_left(row["kind"], row["due_on"], look.ctx.today, language),
        "overdue": row["kind"] != Kind.OPENS and has_passed(row, look.ctx.at),
        "hold": hold_text(row["hold"], language) if row["status"] == HELD else "",
        "turn": _turn(look, row, definition, asked),
        "href": url_for("deadlines.show", case_id=row["case_id"]),
    }


def _turn(look: Look, row: Row, definition: Any, asked: Mapping[tuple[str, str], tuple[str, ...]]) -> str:
    """Whose turn it is: the roles asked now, those that will be, or the clock."""
    timer = definition.timers[row["name"]]
    roles = asked.get((row["case_id"], timer.answer or ""), ()) or answering_roles(timer, definition)
    named = [role_label(definition, role, look.language) for role in roles]
    if not named:
        return t("calendar.by_itself", look.language)
    return headed(t("page.value", look.language, value=named), look.language)


# ───────────────────────────── Exports


@blueprint.get("/calendar/export.<any(csv, xlsx):kind>")
def export(kind: str) -> Response:
    """The list as a file, every deadline the filters leave; taking it leaves an entry."""
    with pages.looking() as look:
        wish = _wish(look)
        rows = tuple(queries.deadline_rows(look.session, look.rights, wish.wanted, at=look.ctx.at))
        lines = _export_lines(look, rows)
        heads = [t(f"calendar.column.{name}", look.language) for name in COLUMNS]
        title, on = t("calendar.file_name", look.language), look.ctx.today
    taken = {"act": "calendar", "filters": _in_the_log(wish), "count": len(lines), "file": kind}
    return taken_out(heads, lines, title=title, on=on, kind=kind, taken=taken)


def _export_lines(look: Look, rows: tuple[Row, ...]) -> list[list[str]]:
    editions = editions_in_use(look.session)
    lines = []
    for row, entry in zip(rows, entries_of(look, rows), strict=True):
        values = {
            "number": row["base_number"] or row["application_number"],
            "name": row["base_name"],
            "college": row["college_name"],
            "state": label_text(editions[row["edition_id"]].states[row["state"]].label, look.language),
            "what": entry["what"],
            "kind": t(f"calendar.kind.{row['kind']}", look.language),
            "due_on": row["due_on"],
            "nominal_on": row["nominal_on"],
            "provisional": t("calendar.provisional", look.language) if row["provisional"] else "",
            "left": entry["left"],
            "turn": entry["turn"],
            "basis": entry["basis"],
        }
        lines.append([plain(values[name]) for name in COLUMNS])
    return lines


def _in_the_log(wish: Wish) -> dict[str, str]:
    """The filters as the entry of an export keeps them."""
    kept = _as_filters(wish)
    kind = {"day_kind": kept.pop("sort")} if "sort" in kept else {}
    days = {"since": wish.wanted.first, "until": wish.wanted.last}
    return {**kept, **kind, **{name: day.isoformat() for name, day in days.items() if day}}
