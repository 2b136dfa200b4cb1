"""The site over a small university, on both databases, with people signed in to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
import time_machine
from sqlalchemy import Engine, event
from werkzeug.test import TestResponse

from models import Database
from tests.university import Founding, University
from tests.web.signing_in import Browser, Site, site_over
from tests.web.town import town, town_browser, town_file

__all__ = ["town", "town_browser", "town_file"]

NOW = datetime(2026, 3, 20, 2, 0, tzinfo=UTC)
"""Ten in the morning in Beijing, while the call of 2026 is open."""

INPUT = re.compile(r"<input\b[^>]*>")
ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')


@pytest.fixture
def at_ten() -> Iterator[time_machine.Traveller]:
    """The clock stands at NOW; a test moves it with `move_to`."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch, at_ten: object, founding: Founding) -> Site:
    """The site over SQLite and over PostgreSQL; everybody of the university has an account."""
    return site_over(database, monkeypatch, university=founding(database))


@pytest.fixture
def lite(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, at_ten: object, founding: Founding
) -> Site:
    """The site over SQLite alone, for what does not depend on the database."""
    return site_over(sqlite_database, monkeypatch, university=founding(sqlite_database))


@pytest.fixture
def university(site: Site) -> University:
    return site.university


def text_of(answer: TestResponse) -> str:
    return unescape(answer.get_data(as_text=True))


def hidden(answer: TestResponse) -> dict[str, Any]:
    """The hidden fields of the forms in the page's main part, as a browser would send them back."""
    found: dict[str, Any] = {}
    for tag in INPUT.findall(answer.get_data(as_text=True).partition("<main")[2]):
        attributes = dict(ATTRIBUTE.findall(tag))
        if attributes.get("type") == "hidden" and "name" in attributes:
            name, value = unescape(attributes["name"]), unescape(attributes.get("value", ""))
            if name in found:
                known = found[name] if isinstance(found[name], list) else [found[name]]
                found[name] = [*known, value] if value not in known else found[name]
            else:
                found[name] = value
    return found


@dataclass(frozen=True, kw_only=True)
class Walk:
    """One person deciding in a browser, page by page."""

    browser: Browser
    case_id: str
    act: str

    @property
    def address(self) -> str:
        return f"/bases/{self.case_id}/acts/{self.act}"

    def form(self) -> TestResponse:
        return self.browser.get(self.address)

    def preview(self, typed: Mapping[str, Any], *, form: TestResponse | None = None) -> TestResponse:
        """Send the form; files are given as (stream, name)."""
        page = form or self.form()
        return self.browser.client.post(
            f"{self.address}/preview", data={**hidden(page), **typed}, content_type="multipart/form-data"
        )

    def carry_out(self, consequences: TestResponse, **more: Any) -> TestResponse:
        return self.browser.client.post(self.address, data={**hidden(consequences), **more})


@pytest.fixture
def walk(site: Site) -> Callable[[str, str, str], Walk]:
    """walk(who, case_id, act): that person at the form of an act."""
    return lambda who, case_id, act: Walk(browser=site.browser(who), case_id=case_id, act=act)


class Statements:
    """The statements a block sent to the database, by whichever engine: on SQLite readers have one of their own."""

    def __init__(self, database: Database) -> None:
        self._database = database.engine.url.database
        self.texts: list[str] = []

    def __enter__(self) -> Statements:
        event.listen(Engine, "before_cursor_execute", self._note)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(Engine, "before_cursor_execute", self._note)

    def _note(self, connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        is_ours = str(connection.engine.url.database).endswith(str(self._database))
        if is_ours and not statement.startswith(("PRAGMA", "BEGIN")):
            self.texts.append(statement)
