"""The pages of the administration, of the log and of one's own account, looked at one by one in a real browser.

Each in both languages, wide and narrow: no barrier, nothing beside the screen, everything to be touched large enough,
and no code of a program where a word belongs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from models import (
    Account,
    Call,
    Case,
    Database,
    Delegation,
    Edition,
    Entry,
    Grant,
    Incident,
    Notice,
    Partner,
    Person,
    Timer,
    Unit,
    new_key,
)
from models.changes import INSERT, Change, write
from models.schema import upgrade
from tests.web.browsing import BESIDE, SCREENS, SMALL, Visitor, chromium, served
from tests.web.test_admin import PAGES
from tests.web.test_admin_calendar import NOTICE as HOLIDAYS
from web.app import create_app
from web.config import Config, Environment
from web.demo.loading import load_demonstration

in_the_browser = pytest.mark.xdist_group("browser")
AT = datetime(2026, 3, 20, 2, 0, tzinfo=UTC)
OWN = (
    "/tokens", "/password", "/calendar?month=2027-02", "/calendar?month=2031-01", "/calendar?view=list",
    "/bases/{held}/deadlines", "/bases/{held}/timeline", "/bases/{held}/as-of/2026-12-31",
    "/account/calendar", "/account/notices", "/verify",
)  # fmt: skip
PEOPLE_GONE = ("/admin/people/{gone}", "/admin/people/{gone}/erase")
LOG = (
    "/audit",
    "/audit?case={held}",
    "/audit/checkpoints",
    "/audit?who=王&kind=transition&refused=yes",
    "/audit?who=nobody",
)

CODES = r"""() => {
  const main = document.querySelector("main").cloneNode(true);
  main.querySelectorAll("pre, .hash, option, input, textarea").forEach(e => e.remove());
  return main.textContent.match(/\b[a-z]+_[a-z_]+\b|\{"|\b(true|false|null|None|undefined)\b/g) || [];
}"""
"""Names and values as programs spell them."""
FOREIGN = """latin => [...document.querySelectorAll("label, legend, button, dt, thead th, summary, .trail")]
  .filter(e => e.closest("main"))
  .map(e => e.textContent.trim())
  .filter(text => latin ? /[a-z]{4,}/.test(text) : /[\\u3400-\\u9fff]/.test(text))"""
"""What stands around the values in the other language."""

UNEVEN = """() => [...document.querySelectorAll("main .list tr")].filter(row => {
  const feet = [...row.cells].map(cell => cell.getBoundingClientRect().bottom);
  return Math.max(...feet) - Math.min(...feet) > 1;
}).map(row => row.textContent.trim().slice(0, 80))"""
"""Rows of a table whose cells do not end at one line."""


@dataclass(kw_only=True)
class Town:
    """The demonstration with something in every list, served."""

    address: str
    browser: Any
    keys: dict[str, str] = field(default_factory=dict)
    entries: list[int] = field(default_factory=list)
    """One entry of each kind."""

    @property
    def pages(self) -> Iterator[str]:
        for page in (*PAGES, *PEOPLE_GONE, *OWN, *LOG):
            yield page.format(**self.keys)
        for entry in self.entries:
            yield f"/audit/{entry}"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    url = f"sqlite:///{tmp_path_factory.mktemp('looks') / 'town.sqlite3'}"
    database = Database(url)
    upgrade(database)
    load_demonstration(database)
    keys, entries = _furnish(database)
    app = create_app(Config(environment=Environment.DEMONSTRATION, database_url=url), database=database)
    with chromium() as browser, served(app) as address:
        yield Town(address=address, browser=browser, keys=keys, entries=entries)
    database.dispose()


def _furnish(database: Database) -> tuple[dict[str, str], list[int]]:
    """A mail that did not go out and an open incident; then the keys of a row of each kind."""
    with database.transaction() as session:
        leader = session.scalars(select(Account).where(Account.login == "leader")).one()
        notice: dict[str, Any] = {
            "id": new_key(), "stable_key": "looks", "case_id": session.scalar(select(Case.id)), "person_id": leader.person_id,
            "channel": "mail", "template": "act", "params": {}, "queued_at": AT, "next_try_at": None, "sent_at": None,
            "read_at": None, "attempts": 8, "parked_at": AT, "failure": "no_address",
        }  # fmt: skip
        incident: dict[str, Any] = {
            "id": new_key(), "case_id": notice["case_id"], "kind": "timer_failed", "params": {"failure": "no such day"},
            "opened_at": AT, "closed_at": None,
        }  # fmt: skip
        write(session, [Change(table="notices", op=INSERT, key=notice["id"], values=notice)])
        write(session, [Change(table="incidents", op=INSERT, key=incident["id"], values=incident)])
        head = session.scalars(select(Account).where(Account.login == "head")).one()
        lent: dict[str, Any] = {
            "id": new_key(), "person_id": head.person_id, "delegate_id": leader.person_id, "role": "college_head",
            "unit_id": None, "from_on": AT.date(), "until_on": AT.date(), "reason": "出差", "granted_at": AT, "revoked_at": None,
        }  # fmt: skip
        write(session, [Change(table="delegations", op=INSERT, key=lent["id"], values=lent)])
        gone = Person(id=new_key(), name="李四", email="l@example.org", created_at=AT)
        session.add(gone)
        keys = {
            "person": leader.person_id,
            "gone": gone.id,
            "account": leader.id,
            "grant": str(session.scalar(select(Grant.id).where(Grant.person_id == leader.person_id))),
            "unit": str(session.scalar(select(Unit.id))),
            "partner": str(session.scalar(select(Partner.id))),
            "delegation": str(session.scalar(select(Delegation.id))),
            "call": str(session.scalar(select(Call.id))),
            "edition": str(session.scalar(select(Edition.id))),
            "notice": str(session.scalar(select(Notice.id).where(Notice.parked_at.is_not(None)))),
            "incident": str(session.scalar(select(Incident.id))),
            "held": str(session.scalar(select(Timer.case_id).where(Timer.hold.is_not(None)))),
        }
        kinds = session.scalars(select(Entry.kind).distinct()).all()
        entries = [
            session.scalars(select(Entry.id).where(Entry.kind == kind).order_by(Entry.id.desc())).first() or 0
            for kind in sorted(kinds)
        ]
    return keys, entries


# ───────────────────────────── Looking


def faults(page: Any, *, language: str, width: int) -> list[Any]:
    """Everything that is wrong with the page as it stands."""
    from axe_playwright_python.sync_playwright import Axe

    found = [violation["id"] for violation in Axe().run(page).response["violations"]]
    found += page.evaluate(CODES)
    found += page.evaluate(FOREIGN, language == "zh")
    if width == 320:
        found += page.evaluate(BESIDE) + page.evaluate(SMALL)
    else:
        found += page.evaluate(UNEVEN)
    return found


@in_the_browser
@pytest.mark.parametrize(("language", "width"), SCREENS)
def test_every_page_can_be_read_by_everybody(town: Town, language: str, width: int) -> None:
    visitor = Visitor(town.browser, town.address, "admin", language=language, width=width)
    found: dict[str, list[Any]] = {}

    for address in town.pages:
        visitor.open(address)
        found[address] = faults(visitor.page, language=language, width=width)

    assert {address: wrong for address, wrong in found.items() if wrong} == {}
    visitor.close()


@in_the_browser
@pytest.mark.parametrize(("language", "width"), SCREENS)
def test_every_answer_to_a_form_can_be_read_by_everybody(town: Town, language: str, width: int) -> None:
    visitor = Visitor(town.browser, town.address, "admin", language=language, width=width)
    found: dict[str, list[Any]] = {}

    def look(what: str) -> None:
        found[what] = faults(visitor.page, language=language, width=width)

    for address in ("/admin/people/new", "/admin/settings/sign_within", "/password"):
        visitor.open(address)
        visitor.page.eval_on_selector_all("main [required]", "all => all.forEach(e => e.required = false)")
        visitor.press("button.btn-primary")
        look(f"refused {address}")
    visitor.open("/admin/settings/sign_within")
    visitor.fill({"value": "120", "reason": "r"})
    visitor.press("button.btn-primary")
    look("what a setting moves")
    visitor.open("/admin/calendar/import")
    visitor.fill({"source": "s", "notice": "2027-02-01,off,x", "reason": "r"})
    visitor.press("button.btn-primary")
    look("a notice at fault")
    visitor.fill({"notice": HOLIDAYS})
    visitor.press("button.btn-primary")
    look("what a notice moves")
    visitor.open(f"/admin/accounts/{town.keys['account']}/password")
    visitor.fill({"reason": "r"})
    visitor.press("button.btn-primary")
    look("a first password")
    visitor.open("/tokens")
    visitor.fill({"name": f"{language} {width}", "days": "30"})
    visitor.press("button.btn-primary")
    look("a token")
    visitor.open("/tokens")
    look("the list of tokens")

    assert {what: wrong for what, wrong in found.items() if wrong} == {}
    visitor.close()


@in_the_browser
def test_picture_of_the_cycle_is_printed_whole(town: Town) -> None:
    visitor = Visitor(town.browser, town.address, "admin")
    visitor.open("/bases?state=certified")
    visitor.follow("main a[href^='/bases/0']")
    visitor.page.emulate_media(media="print")

    edges = visitor.page.evaluate(
        """() => {
          const paper = document.querySelector("main .inner").getBoundingClientRect();
          return [...document.querySelectorAll(".cycle circle, .cycle path")].map(e => e.getBoundingClientRect())
            .map(e => e.left >= paper.left && e.right <= paper.right);
        }"""
    )

    assert edges
    assert all(edges)
    visitor.close()


@in_the_browser
def test_calendar_is_printed_without_its_controls(town: Town) -> None:
    visitor = Visitor(town.browser, town.address, "admin")
    visitor.open("/calendar?month=2027-02")
    visitor.page.emulate_media(media="print")

    shown = {
        part: visitor.page.locator(part).first.is_visible()
        for part in (".month", ".month .mark", ".filters", ".months", ".tabs", ".exports")
    }

    assert shown == {
        ".month": True, ".month .mark": True, ".filters": False, ".months": False, ".tabs": False, ".exports": False,
    }  # fmt: skip
    visitor.close()
