"""The lists of the administration: rows of cells, what may be done with each, and the pages before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import render_template

from web import door
from web.words import t
from workflow.words import written


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What stands in one cell: a text, a day or an instant, or links."""

    text: str = ""
    href: str = ""
    on: date | None = None
    at: datetime | None = None
    note: str = ""
    unbroken: bool = False
    """Kept on one line where the screen is wide."""
    links: tuple[tuple[str, str], ...] = ()
    """Label and address of what may be done with the row."""


def cell(value: Any, *, href: str = "", note: str = "") -> Cell:
    """A cell for a value as the database has it."""
    if isinstance(value, datetime):
        return Cell(at=value, note=note)
    if isinstance(value, date):
        return Cell(on=value, note=note)
    return Cell(text="" if value is None else str(value), href=href, note=note)


def borne_text(names: Iterable[Mapping[str, Any]], language: str) -> str:
    """The names somebody bore before, each with its last day."""
    borne = [t("admin.until", language, name=row["name"], day=row["until_on"]) for row in names]
    return written(borne, language) if borne else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list with what stands around it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    intro: str = ""
    actions: tuple[tuple[str, str], ...] = ()
    search: tuple[Any, ...] = ()
    """Fields of the filter form, as `field` of a form shows them."""
    tabs: tuple[dict[str, Any], ...] = ()
    turn: dict[str, Any] | None = None
    empty: str = ""


def listed(listing: Listing) -> str:
    """The page of a list; a column's heading is `admin.column.<name>`."""
    language = door.language()
    columns = [{"name": name, "label": t(f"admin.column.{name}", language)} for name in listing.columns]
    return render_template("admin/list.html", listing=listing, columns=columns)
