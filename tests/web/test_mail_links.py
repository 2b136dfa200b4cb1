"""A mail that asks for something leads to where it is done, in few clicks; opening the link does nothing yet."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from models import Ballot, Database, Person, Round
from schedules.delivery import MailServer, deliver
from tests.schedules.test_delivery import Postbox, body, never, postbox
from tests.university import Founding
from tests.web.browsing import chromium, served, signed_in
from tests.web.conftest import text_of
from tests.web.signing_in import PASSWORD, Site, site_over
from tests.workflow.routing import at_vote, founded, proposed

__all__ = ["postbox"]

Post = tuple[Postbox, MailServer]
LINK = re.compile(r"http://\S+/bases/\S+")
MOST_CLICKS, MOST_PAGES = 4, 3


@pytest.fixture
def founding() -> Founding:
    return founded


def link_to(site: Site, post: Post, who: str, *, root: str = "http://base.example.org") -> str:
    """The address in the newest mail somebody gets, once everything that waits is sent."""
    box, server = post
    with site.database.reading() as session:
        address = session.get_one(Person, site.university.people[who]).email
    deliver(site.database, replace(server, base_url=root), stop=never)
    newest = [message for message in box.received if message["To"] == address][-1]
    (link,) = LINK.findall(body(newest))
    return str(link)


def ballots(site: Site, step: str) -> list[Ballot]:
    with site.database.reading() as session:
        return list(session.scalars(select(Ballot).join(Round).where(Round.step == step)))


# ───────────────────────────── Counted in a browser


class Hand:
    """Counts the clicks of one person, the one on the mail's link included, and the pages they bring."""

    def __init__(self, page: Any) -> None:
        self.page, self.clicks, self.pages = page, 0, 0
        page.on("load", lambda _: self._loaded())

    def _loaded(self) -> None:
        self.pages += 1

    def open(self, link: str) -> None:
        self.clicks += 1
        self.page.goto(link)

    def click(self, target: str) -> None:
        self.clicks += 1
        self.page.locator(target).first.click()
        self.page.wait_for_load_state("load")


@pytest.mark.parametrize(
    ("who", "login", "act", "bring"),
    [
        ("head", "head", "college_opinion", proposed),
        ("fifth_member", "fifth-member", "selection", at_vote),
    ],
)
def test_ballot_is_recorded_from_the_mail_in_four_clicks_and_three_pages(
    lite: Site, postbox: Post, who: str, login: str, act: str, bring: Any
) -> None:
    """The session lives: signing in, where it has ended, comes on top. The third page is the receipt."""
    case_id = bring(lite.university)

    with served(lite.app) as root, chromium() as browser:
        page = signed_in(browser, root, login, password=PASSWORD)
        hand = Hand(page)
        hand.open(link_to(lite, postbox, who, root=root))
        hand.click("main form label:has-text('同意')")
        for _ in range(2):
            with page.expect_navigation():
                hand.click("main form .btn-primary")
        came_to = page.url

    assert f"/bases/{case_id}/receipts/" in came_to
    assert [row.choice for row in ballots(lite, act)] == ["agree"]
    assert hand.clicks <= MOST_CLICKS
    assert hand.pages <= MOST_PAGES


# ───────────────────────────── Where it leads


@pytest.mark.parametrize(
    ("who", "bring", "place"),
    [
        ("head", proposed, "/acts/college_opinion"),
        ("member", at_vote, "/acts/selection"),
    ],
)
def test_mail_of_a_turn_opens_its_form(site: Site, postbox: Post, who: str, bring: Any, place: str) -> None:
    case_id = bring(site.university)

    link = link_to(site, postbox, who).removeprefix("http://base.example.org")

    answer = site.browser(who).get(link)
    assert link == f"/bases/{case_id}{place}"
    assert answer.status_code == 200
    assert "同意" in text_of(answer)
    assert ballots(site, place.rpartition("/")[2]) == []


def test_panel_to_be_named_is_reached_from_mail_and_inbox(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, at_ten: object, postbox: Post
) -> None:
    here = founded(sqlite_database, expert_review_on=True)
    site = site_over(sqlite_database, monkeypatch, university=here)
    place = f"/bases/{at_vote(here)}/round/name_experts"
    office = site.browser("second_office")

    link = link_to(site, postbox, "second_office")

    assert link.endswith(place)
    assert f'href="{place}"' in text_of(office.get("/"))
    assert office.get(place).status_code == 200


def test_link_to_a_turn_that_is_over_says_why_and_leads_to_the_base(lite: Site, postbox: Post) -> None:
    case_id = proposed(lite.university)
    link = link_to(lite, postbox, "head").removeprefix("http://base.example.org")
    lite.university.done(case_id, "college_opinion", "head", outcome="agree")

    answer = lite.browser("head").get(link)

    assert answer.status_code == 403
    assert f'href="/bases/{case_id}"' in text_of(answer)


def test_link_to_a_choice_of_a_state_the_base_has_left_leads_to_the_base(lite: Site) -> None:
    case_id = proposed(lite.university)
    browser = lite.browser("office")

    answer = browser.get(f"/bases/{case_id}/steps/grading")

    assert (answer.status_code, answer.headers["Location"]) == (302, f"/bases/{case_id}")
    assert browser.get(f"/bases/{case_id}/steps/nothing").status_code == 404
