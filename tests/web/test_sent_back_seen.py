"""A report that was sent back, as people meet it: the choice, the mail, the base's page, the office's way on."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import time_machine

from tests.schedules.test_delivery import postbox
from tests.university import Founding
from tests.web.browsing import chromium, faults_of, served, signed_in, widths
from tests.web.conftest import hidden, text_of
from tests.web.programs import program
from tests.web.signing_in import PASSWORD, Site
from tests.web.test_mail_links import Post, link_to
from tests.workflow.routing import founded
from tests.workflow.test_sent_back import BACK, asked, hand_in, in_midterm, sent_back

__all__ = ["postbox"]

WHY = "figures of 2026 are missing"


@pytest.fixture
def founding() -> Founding:
    return partial(founded, midterm_experts_on=False)


def test_college_finds_the_choice_on_its_form(lite: Site) -> None:
    case_id = in_midterm(lite.university)
    hand_in(lite.university, case_id)

    page = lite.browser("head").get(f"/bases/{case_id}/acts/midterm_college")

    assert f'value="{BACK}"' in page.get_data(as_text=True)
    assert "退回至“进展报告”" in text_of(page)


def test_leader_is_led_to_the_report_and_reads_why(
    lite: Site, postbox: Post, at_ten: time_machine.Traveller
) -> None:
    case_id = sent_back(lite.university)
    at_ten.move_to(lite.university.at)
    leader = lite.browser("leader")

    link = link_to(lite, postbox, "leader").removeprefix("http://base.example.org")

    assert link == f"/bases/{case_id}/acts/progress_report"
    form = text_of(leader.get(link))
    assert WHY in form
    assert "退回意见" in form
    assert link in text_of(leader.get("/"))
    assert WHY in text_of(leader.get(f"/bases/{case_id}"))


def test_reason_is_not_shown_once_the_report_is_handed_in_anew(lite: Site) -> None:
    case_id = sent_back(lite.university)
    hand_in(lite.university, case_id)

    form = text_of(lite.browser("leader").get(f"/bases/{case_id}/acts/progress_report"))

    assert WHY not in form


def test_office_goes_on_from_the_page(lite: Site) -> None:
    case_id = sent_back(lite.university)
    browser, address = lite.browser("office"), f"/bases/{case_id}/reopen"
    shown = text_of(browser.get(f"/bases/{case_id}"))

    answer = browser.client.post(
        address, data={**hidden(browser.get(address)), "step": "midterm_college", "reason": "it will do"}
    )

    assert address in shown
    assert answer.status_code == 303
    assert asked(lite.university, case_id) == {("midterm_college", "college_head")}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_fit_the_screen_and_axe_finds_nothing(
    lite: Site, language: str, tmp_path: Path, at_ten: time_machine.Traveller
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    case_id = sent_back(lite.university)
    at_ten.move_to(lite.university.at)
    pages = {
        "leader": ("/", f"/bases/{case_id}/acts/progress_report"),
        "office": (f"/bases/{case_id}", f"/bases/{case_id}/reopen"),
    }
    found: list[str] = []

    with served(lite.app) as root, chromium() as browser:
        for login, paths in pages.items():
            for width in widths(language):
                page = signed_in(browser, root, login, password=PASSWORD, language=language, width=width)
                for path in paths:
                    page.goto(root + path)
                    name = f"{login}{path.replace(case_id, 'one').replace('/', '-')}-{language}-{width}.png"
                    found += faults_of(page, Axe(), f"{path} {width}", tmp_path / name)
                page.context.close()

    assert found == []


def test_program_sends_back(lite: Site) -> None:
    case_id = in_midterm(lite.university)
    hand_in(lite.university, case_id)
    version = lite.university.case(case_id).version

    done = program(lite, "head").send(
        f"/cases/{case_id}/acts/midterm_college",
        {"outcome": BACK, "values": {"comment": WHY}},
        key="k1",
        version=version,
    )

    assert done.status_code == 200, done.json
    assert asked(lite.university, case_id) == {("progress_report", "project_leader")}
