"""What is alike in partners and units: each is entered, renamed from a day on, and followed by another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Literal

from flask import url_for

from web import door
from web.admin.lists import Cell
from web.admin.sheets import Answer, Page, ask, filled, reason
from web.words import t
from workflow.operations.deeds import Done
from workflow.snapshot import Row

Sort = Literal["partner", "unit"]


def adding(sort: Sort, language: str, *, intro: str = "") -> Page:
    """The page on which one is entered."""
    title = t(f"admin.{sort}s.add", language)
    return Page(title=title, action=title, back=url_for(f"admin.{sort}s"), intro=intro)


def acts_on(sort: Sort, key: str, language: str) -> Cell:
    """The links of a row of the list."""
    which: dict[str, Any] = {f"{sort}_id": key}
    links = tuple(
        (t(f"admin.organisation.{act}", language), url_for(f"admin.{act}_{sort}", **which))
        for act in ("rename", "succeed")
    )
    return Cell(links=links)


def about(act: str, sort: Sort, row: Row, language: str) -> Page:
    """The page of an act on one of them."""
    title = t(f"admin.organisation.{act}", language)
    return Page(
        title=title,
        action=title,
        back=url_for(f"admin.{sort}s"),
        intro=t(f"admin.organisation.{act}_intro", language),
        facts=((t(f"admin.column.{sort}", language), row["name"]),),
    )


def renamed(sort: Sort, row: Row, deed: Callable[..., Done], *, today: date) -> Answer:
    """The form of a new name from a day on, and what it does."""
    language = door.language()
    asks = (
        ask("name", label=t(f"admin.field.{sort}_name", language), longest=200),
        ask("from_on", "date", value=today),
        reason(),
    )
    return filled(
        about("rename", sort, row, language),
        asks,
        lambda session, ctx, typed: deed(
            session, row["id"], name=typed.text("name"), from_on=typed.day("from_on"),
            reason=typed.text("reason"), ctx=ctx,
        ),
    )  # fmt: skip
