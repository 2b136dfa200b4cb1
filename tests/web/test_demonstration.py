"""The demonstration's clock: forward only, logged, everything due takes effect; no other database has one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from models import Entry, Installation
from tests.web.conftest import NOW, hidden
from tests.web.signing_in import Browser, Site
from workflow import clock


@pytest.fixture
def demonstration(site: Site) -> Site:
    with site.database.transaction() as session:
        session.add(Installation(name=clock.DEMONSTRATION, value=True))
        session.add(Installation(name=clock.OFFSET, value=0))
    clock._real.clear()
    return site


def moved(browser: Browser, **fields: str) -> TestResponse:
    return browser.send("/demonstration/clock", fields)


def test_clock_moves_and_the_midterm_opens(demonstration: Site) -> None:
    university = demonstration.university
    case_id = university.signed()

    moved(demonstration.browser("leader"), days="600")

    with demonstration.database.reading() as session:
        assert clock.now(session) == NOW + timedelta(days=600)
    assert university.state(case_id) == "midterm"


def test_clock_shows_what_happened(demonstration: Site) -> None:
    university = demonstration.university
    university.signed()
    browser = demonstration.browser("leader")
    moved(browser, days="600")

    page = browser.get("/demonstration/clock?since=0").get_data(as_text=True)

    assert "中期考核启动" in page or "启动中期考核" in page


def test_clock_never_goes_back(demonstration: Site) -> None:
    answer = moved(demonstration.browser("leader"), day="2020-01-01")

    assert answer.status_code == 400
    with demonstration.database.reading() as session:
        assert clock.now(session) == NOW


@pytest.mark.parametrize("days", ["", "0", "-5", "99999999999", "１２", "3.5", "x"])
def test_unreadable_number_of_days_moves_nothing(demonstration: Site, days: str) -> None:
    answer = moved(demonstration.browser("leader"), days=days)

    assert answer.status_code == 400


def test_move_leaves_one_entry_with_its_actor(demonstration: Site) -> None:
    moved(demonstration.browser("leader"), days="7")

    with demonstration.database.reading() as session:
        rows = session.execute(
            select(Entry.stream, Entry.kind, Entry.actor).where(Entry.kind == "clock_moved")
        ).all()
    person = demonstration.university.people["leader"]
    assert [tuple(row) for row in rows] == [("system:clock", "clock_moved", f"person:{person}")]


def test_double_submit_moves_once(demonstration: Site) -> None:
    browser = demonstration.browser("leader")
    key = hidden(browser.get("/demonstration/clock"))["key"][0]

    for _ in range(2):
        browser.send("/demonstration/clock", {"key": key, "days": "7"})

    with demonstration.database.reading() as session:
        assert clock.now(session) == NOW + timedelta(days=7)


def test_day_is_eight_in_the_morning_of_beijing(demonstration: Site) -> None:
    moved(demonstration.browser("leader"), day="2026-04-01")

    with demonstration.database.reading() as session:
        assert clock.now(session) == datetime(2026, 4, 1, 0, 0, tzinfo=UTC)


def test_real_database_has_no_clock(site: Site) -> None:
    browser = site.browser("administrator")

    assert browser.get("/demonstration/clock").status_code == 404
    assert browser.send("/demonstration/clock", {"days": "7"}).status_code == 404


def test_stranger_is_sent_to_the_login(demonstration: Site) -> None:
    assert demonstration.browser().get("/demonstration/clock").status_code == 302
