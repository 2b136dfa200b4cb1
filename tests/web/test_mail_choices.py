"""How one wants to be told by mail: kept, logged, and never without the mails about a deadline one is responsible for."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models import Database, Entry, MailChoice
from tests.web.conftest import text_of
from tests.web.signing_in import Browser, Site, site_over
from workflow.doctor import examine
from workflow.mailing import USUAL
from workflow.verify import verify

USUALLY = {str(kind): str(pace) for kind, pace in USUAL.items()}
PAGE = "/account/notices"


@pytest.fixture(autouse=True)
def only_ours() -> None:
    """All places of the site are in."""


@pytest.fixture
def site(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    return site_over(sqlite_database, monkeypatch)


def chosen(site: Site) -> dict[str, str]:
    with site.database.reading() as session:
        return {row.kind: row.pace for row in session.scalars(select(MailChoice))}


def entries(site: Site, who: str) -> int:
    stream = f"person:{site.university.people[who]}"
    with site.database.reading() as session:
        kinds = session.scalars(select(Entry.kind).where(Entry.stream == stream))
        return list(kinds).count("mail_chosen")


def choose(browser: Browser, **paces: str) -> int:
    return browser.send(PAGE, {**USUALLY, **paces}, form=PAGE).status_code


def test_choice_is_kept_and_leaves_one_entry(site: Site) -> None:
    browser = site.browser("leader")

    answers = [choose(browser, decisions="off"), choose(browser, decisions="off")]
    choose(browser, decisions="at_once", copies="off")

    assert answers == [303, 303]
    assert chosen(site) == {"decisions": "at_once", "copies": "off"}
    assert entries(site, "leader") == 2
    with site.database.reading() as session:
        assert list(examine(session)) == []
        assert verify(session).sound


def test_mails_about_deadlines_cannot_be_switched_off_by_whoever_is_responsible(site: Site) -> None:
    site.university.open("leader")
    browser = site.browser("leader")

    page = text_of(browser.get(PAGE))
    answer = choose(browser, deadlines="off", decisions="off")

    assert "期限提醒不能关闭" in page
    assert answer == 422
    assert chosen(site) == {}


def test_mails_about_deadlines_of_others_can_be_switched_off(site: Site) -> None:
    site.university.open("leader")

    assert choose(site.browser("head"), deadlines="off") == 303
    assert chosen(site) == {"deadlines": "off"}


@pytest.mark.parametrize("pace", ["", "never", "AT_ONCE"])
def test_pace_there_is_none_of_is_refused_and_changes_nothing(site: Site, pace: str) -> None:
    browser = site.browser("head")

    assert choose(browser, turns=pace, copies="off") == 422
    assert chosen(site) == {}


def test_page_is_for_people_who_have_signed_in(site: Site) -> None:
    assert site.browser().get(PAGE).status_code == 302
