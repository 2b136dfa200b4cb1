"""The office reopens a route on its page or by a program; nobody else finds the page, and what was typed is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from models import Database
from tests.web.browsing import chromium, served, widths
from tests.web.conftest import hidden, text_of
from tests.web.programs import program
from tests.web.signing_in import Site, site_over
from tests.web.test_meetings import _signed_in
from tests.workflow.routing import proposed, rounds
from tests.workflow.test_reopening import approved_but_banned


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch, at_ten: object) -> tuple[Site, str]:
    here, case_id = approved_but_banned(database)
    return site_over(database, monkeypatch, university=here), case_id


def test_office_reopens_on_the_page_once(site: tuple[Site, str]) -> None:
    town, case_id = site
    browser, address = town.browser("office"), f"/bases/{case_id}/reopen"
    assert address in text_of(browser.get(f"/bases/{case_id}"))
    sent = {**hidden(browser.get(address)), "step": "selection", "reason": "限制期未满"}

    first = browser.client.post(address, data=sent)
    again = browser.client.post(address, data=sent)

    assert (first.status_code, again.status_code) == (303, 303)
    assert rounds(town.university, case_id)[-2:] == [("publicity", "back_to_selection"), ("selection", None)]
    assert "重新开启程序" in text_of(browser.get(first.location))
    assert address not in text_of(browser.get(f"/bases/{case_id}"))


def test_reason_that_is_missing_is_asked_for_and_the_choice_kept(site: tuple[Site, str]) -> None:
    town, case_id = site
    browser, address = town.browser("office"), f"/bases/{case_id}/reopen"

    answer = browser.client.post(
        address, data={**hidden(browser.get(address)), "step": "selection", "reason": " "}
    )

    assert answer.status_code == 422
    assert "重新开启须填写理由" in text_of(answer)
    assert 'value="selection" required checked' in text_of(answer)


@pytest.mark.parametrize("who", ["member", "head", "leader", "stranger"])
def test_nobody_else_reopens(site: tuple[Site, str], who: str) -> None:
    town, case_id = site
    sent = {
        **hidden(town.browser("office").get(f"/bases/{case_id}/reopen")),
        "step": "selection",
        "reason": "r",
    }
    browser = town.browser(who)
    own = {**sent, "csrf_token": hidden(browser.get("/")).get("csrf_token", "")}

    assert browser.get(f"/bases/{case_id}/reopen").status_code == 404
    assert browser.client.post(f"/bases/{case_id}/reopen", data=own).status_code in (400, 403, 404)
    assert rounds(town.university, case_id)[-1] == ("publicity", "skipped")


def test_program_reopens_and_is_told_why_not(site: tuple[Site, str]) -> None:
    town, case_id = site
    version, address = town.university.case(case_id).version, f"/cases/{case_id}/reopen"
    body = {"step": "selection", "reason": "ban"}
    refused = program(town, "member").send(address, body, key="k1", version=version)
    blank = program(town, "office").send(address, {**body, "reason": ""}, key="k2", version=version)
    office = program(town, "office")

    done = office.send(address, body, key="k3", version=version)
    again = office.send(address, body, key="k3", version=version)
    stale = office.send(address, body, key="k4", version=version)

    assert (refused.status_code, refused.json["blockers"][0]["code"]) == (403, "not_your_role")
    assert [one["code"] for one in blank.json["blockers"]] == ["reopening_without_reason"]
    assert (done.status_code, again.status_code, stale.status_code) == (200, 200, 409)
    assert done.json["seq"] == again.json["seq"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_fit_the_screen_and_axe_finds_nothing(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, at_ten: object, language: str, tmp_path: Path
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    here, case_id = approved_but_banned(sqlite_database)
    aside = proposed(here)
    here.done(aside, "college_opinion", "head", outcome="recuse")
    town = site_over(sqlite_database, monkeypatch, university=here)
    found, wide = [], []

    with served(town.app) as root, chromium() as browser:
        for width in widths(language):
            page = _signed_in(browser, root, "office", language=language, width=width)
            for path in ("/", f"/bases/{case_id}", f"/bases/{case_id}/reopen"):
                page.goto(root + path)
                name = path.replace(case_id, "one").replace("/", "-")
                page.screenshot(path=tmp_path / f"office{name}-{width}-{language}.png", full_page=True)
                found += [(path, violation["id"]) for violation in Axe().run(page).response["violations"]]
                wide += (
                    [(path, width)] if page.evaluate("document.documentElement.scrollWidth") > width else []
                )

    assert (found, wide) == ([], [])
