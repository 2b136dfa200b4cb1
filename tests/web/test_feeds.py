"""The calendar link: secret, revocable, under the rights of the moment, and one entry per deadline however it moves."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime

import pytest
import time_machine
from icalendar import Calendar
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from models import Account, CalendarLink, Duty, Grant, IdempotencyKey, Person, Timer
from tests.university import LATE_AGREEMENT_END, University
from tests.web.conftest import Statements, text_of
from tests.web.signing_in import Browser, Site

SHOWN = re.compile(r"(/ics/[A-Za-z0-9_-]{43}\.ics)<")
PAGE = "/account/calendar"


def _address(browser: Browser, *, everything: bool = False) -> str:
    answer = browser.send(PAGE, {"everything": "1" if everything else ""})
    found = SHOWN.search(answer.get_data(as_text=True))
    assert found is not None, answer.get_data(as_text=True)
    return found[1]


def _fetch(site: Site, address: str, **headers: str) -> TestResponse:
    """Fetch as a calendar program does: no cookie, nothing but the address."""
    return site.app.test_client().get(address, headers=headers)


def _events(answer: TestResponse) -> dict[str, str]:
    """Deadlines by their names, with day and status."""
    assert answer.status_code == 200
    return {
        str(event["summary"])
        .partition("（")[0]
        .removeprefix("暂定："): f"{event.decoded('dtstart')} {event['status']}"
        for event in Calendar.from_ical(answer.get_data()).walk("VEVENT")
    }


# ───────────────────────────── The secret


def test_link_is_shown_once_and_kept_as_its_hash(lite: Site) -> None:
    browser = lite.browser("leader")
    secret = _address(browser).removeprefix("/ics/").removesuffix(".ics")

    with lite.database.reading() as session:
        kept = session.scalars(select(CalendarLink.sha256)).one()
        answers = "".join(str(row.answer) for row in session.scalars(select(IdempotencyKey)))

    assert kept == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in "".join(
        [*(entry.body for entry in lite.entries()), answers, text_of(browser.get(PAGE))]
    )


def test_making_replacing_and_ending_leave_one_entry_each(site: Site) -> None:
    browser = site.browser("leader")
    first, second = _address(browser), _address(browser, everything=True)
    replaced = _fetch(site, first).status_code

    browser.send(f"{PAGE}/revoke", {}, form=PAGE)
    browser.send(f"{PAGE}/revoke", {}, form=PAGE)

    kinds = [entry.kind for entry in site.entries("calendar_link_issued", "calendar_link_revoked")]
    assert kinds == ["calendar_link_issued", "calendar_link_issued", "calendar_link_revoked"]
    assert (replaced, _fetch(site, second).status_code) == (404, 404)


def test_same_form_twice_makes_one_link(lite: Site) -> None:
    browser = lite.browser("leader")
    page = text_of(browser.get(PAGE))
    sent = {name: re.findall(rf'name="{name}" value="([^"]+)"', page)[-1] for name in ("csrf_token", "key")}
    browser.client.post(PAGE, data=sent)

    again = browser.client.post(PAGE, data=sent)

    assert again.status_code == 302
    assert len(lite.entries("calendar_link_issued")) == 1


def test_whatever_opens_nothing_is_answered_alike(lite: Site) -> None:
    ended = _address(lite.browser("leader"))
    lite.browser("leader").send(f"{PAGE}/revoke", {}, form=PAGE)
    left = _address(lite.browser("officer"))
    with lite.database.transaction() as session:
        session.execute(
            update(Account)
            .where(Account.id == lite.accounts["officer"])
            .values(disabled_at=datetime(2026, 3, 1, tzinfo=UTC))
        )

    answers = [
        _fetch(lite, one) for one in (ended, left, f"/ics/{'x' * 43}.ics", "/ics/a%00b.ics", "/ics/中.ics")
    ]

    assert {(one.status_code, one.get_data(), one.headers.get("Set-Cookie")) for one in answers} == {
        (404, b"404\n", None)
    }


def test_page_asks_for_a_sign_in_and_the_feed_does_not(lite: Site) -> None:
    address = _address(lite.browser("leader"))
    stranger = lite.app.test_client()

    assert stranger.get(PAGE).status_code == 302
    assert stranger.get(address).status_code == 200


# ───────────────────────────── Whose deadlines


def test_feed_gives_what_its_person_may_see_and_no_more(university: University, site: Site) -> None:
    university.approved()
    found = {}

    for who in ("leader", "office", "auditor", "other_head", "stranger"):
        browser = site.browser(who)
        found[who] = [
            len(_events(_fetch(site, _address(browser, everything=everything))))
            for everything in (False, True)
        ]

    assert found == {
        "leader": [1, 1], "office": [1, 1], "auditor": [0, 1], "other_head": [0, 0], "stranger": [0, 0],
    }  # fmt: skip


def test_rights_are_asked_at_each_fetch(university: University, site: Site) -> None:
    case_id = university.approved()
    address = _address(site.browser("leader"), everything=True)
    before = len(_events(_fetch(site, address)))

    with university.database.transaction() as session:
        for table in (Grant, Duty):
            session.execute(
                update(table)
                .where(table.person_id == university.people["leader"])
                .values(until_on=date(2026, 3, 19))
            )

    assert (before, len(_events(_fetch(site, address)))) == (1, 0)
    assert university.state(case_id) == "approved"


def test_feed_speaks_the_language_of_its_person(lite: Site) -> None:
    lite.university.approved()
    with lite.database.transaction() as session:
        session.execute(
            update(Person).where(Person.id == lite.university.people["leader"]).values(language="en")
        )

    text = _fetch(lite, _address(lite.browser("leader")), **{"Accept-Language": "zh"}).get_data(as_text=True)

    assert "Sign the agreement by" in text
    assert "that day included" in text.replace("\r\n ", "")


# ───────────────────────────── One entry however it moves


def test_moved_deadline_is_the_same_entry_with_a_higher_sequence(university: University, site: Site) -> None:
    case_id = university.signed(last=LATE_AGREEMENT_END)
    university.yearly(case_id, 2026)
    university.tick(case_id, date(2027, 9, 10))
    with time_machine.travel(datetime(2027, 9, 11, 2, tzinfo=UTC), tick=False):
        address = _address(site.browser("leader"))
        before = _report(_fetch(site, address))
        university.done(case_id, "set_report_deadline", "office", report_by="2027-11-30", reason="asked for")
        after = _report(_fetch(site, address))

    assert before["uid"] == after["uid"]
    assert int(before["sequence"]) < int(after["sequence"])
    assert (before.decoded("dtstart"), after.decoded("dtstart")) == (date(2027, 11, 9), date(2027, 11, 30))
    assert after.decoded("last-modified") == university.at


def _report(answer: TestResponse) -> Calendar:
    events = Calendar.from_ical(answer.get_data()).walk("VEVENT")
    return next(event for event in events if "进展报告" in str(event["summary"]))


def test_met_deadline_is_taken_off_and_later_forgotten(
    university: University, site: Site, at_ten: time_machine.Traveller
) -> None:
    university.signed()
    address = _address(site.browser("leader"))

    lately = _events(_fetch(site, address))
    at_ten.move_to(datetime(2026, 4, 20, tzinfo=UTC))
    later = _events(_fetch(site, address))

    assert lately["签订协议期限"].endswith("CANCELLED")
    assert "签订协议期限" not in later
    assert "年度基本数据" in later


def test_entry_tells_of_itself_the_day_before(lite: Site) -> None:
    case_id = lite.university.approved()
    with lite.database.transaction() as session:
        session.execute(update(Timer).where(Timer.case_id == case_id).values(provisional=True))

    event = Calendar.from_ical(_fetch(lite, _address(lite.browser("leader"))).get_data()).walk("VEVENT")[0]

    assert [str(alarm["trigger"].to_ical(), "ascii") for alarm in event.walk("VALARM")] == ["-PT15H"]
    assert str(event["summary"]).startswith("暂定：签订协议期限（")
    assert str(event["url"]).endswith(f"/bases/{case_id}/deadlines")


# ───────────────────────────── What a fetch costs


def test_unchanged_calendar_is_not_sent_again(lite: Site) -> None:
    case_id = lite.university.approved()
    address = _address(lite.browser("leader"))
    first = _fetch(lite, address)
    tag = first.headers["ETag"]

    again = _fetch(lite, address, **{"If-None-Match": tag})
    lite.university.done(case_id, "sign_agreement", "office", **lite.university.agreement(case_id))
    changed = _fetch(lite, address, **{"If-None-Match": tag})

    assert (again.status_code, again.get_data(), changed.status_code) == (304, b"", 200)
    assert first.headers["Cache-Control"] == "private, max-age=900"
    assert "Set-Cookie" not in first.headers
    assert lite.app.test_client().head(address).status_code == 200


def test_fetch_writes_nothing_and_costs_the_same_for_one_and_for_ten(
    university: University, site: Site
) -> None:
    university.approved()
    address = _address(site.browser("office"), everything=True)
    costs = []

    for count in (0, 9):
        for _ in range(count):
            university.approved()
        _fetch(site, address)
        with Statements(university.database) as sent:
            _fetch(site, address)
        costs.append(len(sent.texts))
        assert not any(text.startswith(("INSERT", "UPDATE")) for text in sent.texts)

    assert costs[0] == costs[1]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_page_is_said_in_both_languages(lite: Site, language: str) -> None:
    page = text_of(lite.browser("leader").get(PAGE, **{"Accept-Language": language}))

    assert {"zh": "生成链接", "en": "Make the link"}[language] in page
