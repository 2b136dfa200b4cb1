"""A second lifecycle from its file to its first decision, with nothing but the product: command line and pages.

Nothing is set down in the database by the test, and no line of code knows the lifecycle.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine

from models import Database
from tests.web.conftest import Walk, hidden, text_of
from tests.web.signing_in import Browser, build
from tests.web.test_cli import Shell
from tests.workflow.test_station import STATION
from workflow.doctor import examine

COLLEGE = "计算机学院"
PDF = b"%PDF-1.4\n1 0 obj << >> endobj\n%%EOF\n"
APPLIED = datetime(2026, 3, 10, 2, tzinfo=UTC)
NOTICE_OVER = datetime(2026, 3, 18, 2, tzinfo=UTC)
"""The public notice lasts five working days after the day of the vote."""
PEOPLE = {
    "applicant": "applicant",
    "dean": "dean",
    "secretary": "secretariat",
    "judge-1": "committee",
    "judge-2": "committee",
    "judge-3": "committee",
}
"""login → role."""
ON_THE_COLLEGE = ("applicant", "dean")


class Place:
    """An installation as it is delivered, and whoever signs in to it."""

    def __init__(self, url: str, database: Database, patch: pytest.MonkeyPatch) -> None:
        self.shell, self.database = Shell(url), database
        self._app = build(database, patch)
        self._browsers: dict[str, Browser] = {}

    def told(self, *words: str) -> str:
        answer = self.shell(*words)
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    def sign_in(self, login: str, password: str) -> None:
        browser = Browser(client=self._app.test_client())
        answer = browser.send("/login", {"login": login, "password": password})
        assert answer.status_code == 302, text_of(answer)
        self._browsers[login] = browser

    def browser(self, login: str) -> Browser:
        return self._browsers[login]

    def sent(self, who: str, address: str, /, **fields: Any) -> str:
        """Fill in a form and send it; return the address it leads to, or the page it shows."""
        answer = self.browser(who).send(address, fields)
        assert answer.status_code in (200, 302, 303), text_of(answer)
        return answer.headers.get("Location") or text_of(answer)

    def found(self, login: str, address: str, pattern: str) -> str:
        """What a page holds at a pattern's first group."""
        page = text_of(self.browser(login).get(address))
        match = re.search(pattern, page)
        assert match is not None, page
        return match[1]

    def done(self, login: str, case_id: str, act: str, **fields: Any) -> None:
        """Decide: form, consequences, receipt."""
        walk = Walk(browser=self.browser(login), case_id=case_id, act=act)
        consequences = walk.preview(fields)
        assert consequences.status_code == 200, text_of(consequences)
        receipt = walk.carry_out(consequences)
        assert receipt.status_code == 303, text_of(receipt)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(APPLIED, tick=False) as traveller:
        yield traveller


@pytest.fixture
def place(
    database_url: str, database: Database, monkeypatch: pytest.MonkeyPatch, clock: time_machine.Traveller
) -> Place:
    place = Place(database_url, database, monkeypatch)
    place.told("db", "upgrade")
    password = place.told("user", "add", "chief", "--name", "系统管理员", "--staff-number", "C1").split()[-1]
    place.told("user", "grant", "chief", "administrator")
    place.sign_in("chief", password)
    return place


def enter(place: Place, login: str, unit: str) -> None:
    """Let the administrator enter a person, give them an account and their role."""
    place.sent(
        "chief", "/admin/people/new", name=login, staff_number=login, external="no", language="zh", reason="入职",
    )  # fmt: skip
    person = place.found("chief", f"/admin/people?q={login}", r'href="/admin/people/([0-9a-f-]{36})"')
    shown = place.sent("chief", f"/admin/people/{person}/account", login=login, reason="入职")
    place.sent(
        "chief", f"/admin/people/{person}/grants/new", role=PEOPLE[login],
        unit=unit if login in ON_THE_COLLEGE else "", from_on="2026-03-01", until_on="", reason="聘任",
    )  # fmt: skip
    found = re.search(r'id="one-time-password">([^<]+)<', shown)
    assert found is not None, shown
    place.sign_in(login, found[1])


def staffed(place: Place) -> str:
    """Publish the file, enter the college and everybody; return the college's id."""
    place.told("publish", str(STATION))
    place.sent("chief", "/admin/units/new", name=COLLEGE, kind="college", reason="成立")
    unit = place.found("chief", "/admin/units", r"/admin/units/([0-9a-f-]{36})/rename")
    for login in PEOPLE:
        enter(place, login, unit)
    place.sent(
        "chief", "/admin/calls/new?lifecycle=station", year="2026", opens_on="2026-03-01", closes_on="2026-12-31",
        reason="年度通知",
    )  # fmt: skip
    return unit


def proposed(place: Place, unit: str) -> str:
    """Let the applicant write an application section by section and send it in; return the case's id."""
    form = "/proposals/new?lifecycle=station"
    begun = place.browser("applicant").client.post(
        form, data={**hidden(place.browser("applicant").get(form)), "unit": unit}
    )
    case_id = str(begun.headers["Location"]).rsplit("/", 1)[1]
    typed: dict[str, dict[str, Any]] = {
        "basics": {"base_name": "水城机床厂工作站", "plan": (io.BytesIO(PDF), "计划.pdf")},
        "partner": {"partner.name": "水城机床厂", "partner.kind": "enterprise", "partner.credit_code": ""},
        "colleges": {"lead_college": unit},
    }
    for section, fields in typed.items():
        place.sent("applicant", f"/proposals/{case_id}/{section}", **fields)
    review = place.browser("applicant").get(f"/proposals/{case_id}/review")
    walk = Walk(browser=place.browser("applicant"), case_id=case_id, act="apply")
    sent = walk.carry_out(walk.preview({}, form=review))
    assert sent.status_code == 303, text_of(sent)
    return case_id


def test_second_lifecycle_needs_its_file_and_the_product_only(
    place: Place, clock: time_machine.Traveller
) -> None:
    case_id = proposed(place, staffed(place))

    place.done("dean", case_id, "deans_word", outcome="agree")
    for judge in ("judge-1", "judge-2", "judge-3"):
        place.done(judge, case_id, "committee_vote", outcome="agree")
    clock.move_to(NOTICE_OVER)
    place.told("sweep")

    page = text_of(place.browser("applicant").get(f"/bases/{case_id}"))
    assert "自2026年3月18日起为“首期有效”" in page
    with place.database.reading() as session:
        assert examine(session) == []


def test_setting_of_the_second_lifecycle_is_changed_on_its_page(place: Place) -> None:
    unit = staffed(place)
    address = "/admin/settings/notice_time?lifecycle=station"
    stated = {"value": "3", "value.unit": "working_days", "from_on": "2026-03-10", "reason": "缩短公示"}
    preview = place.browser("chief").client.post(
        address, data={**hidden(place.browser("chief").get(address)), **stated}
    )

    changed = place.browser("chief").client.post(address, data=hidden(preview))

    assert changed.headers["Location"] == "/admin/settings?lifecycle=station"
    assert "3个工作日" in text_of(place.browser("chief").get("/admin/settings?lifecycle=station"))
    case_id = proposed(place, unit)
    place.done("dean", case_id, "deans_word", outcome="agree")
    for judge in ("judge-1", "judge-2", "judge-3"):
        place.done(judge, case_id, "committee_vote", outcome="agree")
    assert date(2026, 3, 13).isoformat() in text_of(place.browser("secretary").get(f"/bases/{case_id}"))
