"""Suspending a deadline in the browser and through the API: what is said before, on the page, and to programs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import time_machine

from models import Database
from tests.web.conftest import Walk, text_of
from tests.web.programs import program
from tests.web.signing_in import Site, site_over
from tests.workflow.still import founded


@pytest.fixture
def still_site(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at_ten: time_machine.Traveller
) -> Site:
    return site_over(sqlite_database, monkeypatch, university=founded(sqlite_database, tmp_path))


def test_office_suspends_and_resumes_a_deadline_page_by_page(
    still_site: Site, at_ten: time_machine.Traveller
) -> None:
    """Signing is due on 8 June 2026; suspended on 20 March with 80 days left, resumed on 1 April: 20 June, a Saturday."""
    here = still_site.university
    case_id = here.on(date(2026, 3, 10)).approved()
    browser = still_site.browser("office")
    step = Walk(browser=browser, case_id=case_id, act="suspend_deadline")

    consequences = text_of(step.preview({"reason": "对方搬迁"}))
    suspended = step.carry_out(step.preview({"reason": "对方搬迁"}))
    page = text_of(browser.get(f"/bases/{case_id}"))
    at_ten.move_to(datetime(2026, 4, 1, 2, 0, tzinfo=UTC))
    again = Walk(browser=browser, case_id=case_id, act="resume_deadline")
    goes_on = text_of(again.preview({"reason": "已搬迁"}))
    resumed = again.carry_out(again.preview({"reason": "已搬迁"}))
    after = text_of(browser.get(f"/bases/{case_id}"))

    assert "中止计时： 签订协议期限" in consequences
    assert (suspended.status_code, resumed.status_code) == (303, 303)
    assert "自2026年3月20日起中止：对方搬迁" in page
    assert "已中止，剩余80天" in page
    assert "“签订协议期限”自2026年3月20日起中止，剩余80天。" in page
    assert "2026年6月22日" in goes_on
    assert "累计中止12天" in after


def test_refusal_is_said_with_its_reason(still_site: Site) -> None:
    case_id = still_site.university.on(date(2026, 3, 10)).approved()

    page = text_of(still_site.browser("office").get(f"/bases/{case_id}/acts/resume_deadline"))

    assert "“签订协议期限”的期限正在计时，没有中止" in page


def test_programs_suspend_a_deadline_and_read_how_it_stands(still_site: Site) -> None:
    case_id = still_site.university.on(date(2026, 3, 10)).approved()
    office = program(still_site, "office")

    first = office.act(case_id, "suspend_deadline", values={"reason": "moving"})
    twice = office.act(case_id, "suspend_deadline", values={"reason": "moving"}, key="k2")
    (deadline,) = office.get(f"/cases/{case_id}/deadlines").json["items"]

    assert first.status_code in (200, 201)
    assert twice.status_code == 422
    assert [reason["code"] for reason in twice.json["blockers"]] == ["stands_still"]
    assert (deadline["status"], deadline["overdue"], deadline["days_suspended"]) == ("held", False, 0)
    assert deadline["suspended"] == {"since": "2026-03-20", "reason": "moving", "days_left": 80}


def test_lists_and_calendars_do_not_call_a_suspended_deadline_overdue(
    still_site: Site, at_ten: time_machine.Traveller
) -> None:
    """Long after 8 June 2026, the list of what is overdue is empty, and the day is marked as suspended."""
    here = still_site.university
    case_id = here.on(date(2026, 3, 10)).approved()
    step = Walk(browser=still_site.browser("office"), case_id=case_id, act="suspend_deadline")
    step.carry_out(step.preview({"reason": "对方搬迁"}))
    at_ten.move_to(datetime(2026, 9, 1, 2, 0, tzinfo=UTC))
    here.sweep(datetime(2026, 9, 1, 2, 0, tzinfo=UTC))
    browser = still_site.browser("office")

    overdue = text_of(browser.get("/calendar?view=list&overdue=1"))
    whole = text_of(browser.get("/calendar?view=list"))
    page = text_of(browser.get(f"/bases/{case_id}/deadlines"))

    assert "签订协议期限" not in overdue.partition("<main")[2].partition("<table")[2]
    assert "签订协议期限" in whole
    assert "已逾期" not in whole.partition("<main")[2].partition("<table")[2]
    assert "已逾期" not in page
    assert all('class="overdue"' not in said for said in (whole, page))
    assert "由联培基地办公室恢复后，按剩余天数继续计时。" in page
