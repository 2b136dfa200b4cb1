"""The calendar in the browser: what is loaded, a notice shown with what it moves, loaded once, corrected."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from html import unescape
from io import BytesIO
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from models import CalendarYear, Database, Timer
from schedules.holidays import move_deadlines
from tests.schedules.test_sweep import rename_timer
from tests.web.signing_in import Browser, Site, site_over
from workflow.operations.calendar_passes import under_way

AT = datetime(2026, 11, 28, 4, tzinfo=UTC)
PLACE = "/admin/calendar/import"
NOTICE = """首日,末日,类型,名称
2027/1/1,2027/1/3,休,元旦
2027/1/31,,班,春节
2027/2/5,2027/2/11,休,春节
2027/4/3,2027/4/5,休,清明
2027/5/1,2027/5/5,休,劳动节
2027/6/9,,休,端午
2027/9/15,,休,中秋
2027/10/1,2027/10/7,休,国庆节
"""
"""31 January 2027, a Sunday, becomes a working day: the yearly data are due then, not on 1 February."""


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with time_machine.travel(AT, tick=True):
        yield site_over(database, monkeypatch)


@pytest.fixture
def lite(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with time_machine.travel(AT, tick=True):
        yield site_over(sqlite_database, monkeypatch)


def stated(browser: Browser, **fields: Any) -> Any:
    given = {"source": "国办发明电〔2026〕7号", "notice": NOTICE, "reason": "已公布", **fields}
    return browser.send(PLACE, given)


def hidden(answer: Any) -> dict[str, str]:
    page = answer.get_data(as_text=True)
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page[page.index("<main") :])
    return {name: unescape(value) for name, value in found}


def due(site: Site, case_id: str) -> tuple[date, bool]:
    with site.database.reading() as session:
        row = session.scalars(
            select(Timer).where(
                Timer.case_id == case_id, Timer.name == "yearly_data", Timer.ended_seq.is_(None)
            )
        ).one()
        return row.due_on, row.provisional


def looked_at(site: Site) -> int:
    with site.database.reading() as session:
        return sum(come.looked_at for come in under_way(session))


def test_notice_is_shown_with_what_it_moves_then_loaded_once_and_moved_by_the_scheduler(site: Site) -> None:
    case_id = site.university.signed()
    browser = site.browser("office")
    before = site.entry_count()

    shown = stated(browser)
    page = shown.get_data(as_text=True)
    untouched = site.entry_count()
    done = browser.client.post(PLACE, data=hidden(shown))
    again = browser.client.post(PLACE, data=hidden(shown))
    stored = [(entry.kind, entry.stream) for entry in site.entries()[before:]]
    under_way = browser.get("/admin/calendar").get_data(as_text=True)
    move_deadlines(site.database, stop=lambda: False)
    after = browser.get("/admin/calendar").get_data(as_text=True)

    assert (shown.status_code, untouched) == (200, before)
    assert "涉及1个基地，调整期限1项" in page
    assert "2027-02-01" in page
    assert "2027-01-31" in page
    assert "项目负责人" in page
    assert (done.status_code, done.location) == (302, "/admin/calendar")
    assert again.status_code == 302
    assert stored == [("calendar_loaded", "system:calendar")]
    assert "2027年的放假安排正在调整期限：已处理0个基地，共1个，已调整期限0项。" in under_way
    assert "正在调整期限" not in after
    assert [(entry.kind, entry.stream) for entry in site.entries()[before:]] == [
        ("calendar_loaded", "system:calendar"),
        ("calendar_moved", f"case:{case_id}"),
    ]
    assert due(site, case_id) == (date(2027, 1, 31), False)
    assert "已记录" in under_way
    assert "国办发明电〔2026〕7号" in after


def test_page_says_how_many_bases_are_left_to_be_worked_out(
    lite: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        lite.university.signed(partner=f"合作单位{number}")
    monkeypatch.setattr("web.admin.calendar.MOST_WORKED_OUT", 2)
    browser = lite.browser("office")

    shown = stated(browser)
    done = browser.client.post(PLACE, data=hidden(shown))

    assert "以上为前2个基地的情况；可能涉及的基地共3个" in shown.get_data(as_text=True)
    assert done.status_code == 302


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("zh", "已处理3个基地，共3个，已调整期限2项。有1个基地未能调整，已列入“待处理的异常”。"),
        (
            "en",
            "3 of 3 bases done, 2 deadlines moved so far. 1 base failed and is among the incidents.",
        ),
    ],
)
def test_page_tells_how_far_a_loading_has_come(lite: Site, language: str, line: str) -> None:
    cases = sorted(lite.university.signed(partner=f"合作单位{number}") for number in range(3))
    browser = lite.browser("office")
    browser.client.post(PLACE, data=hidden(stated(browser)))
    rename_timer(lite.university, cases[1], "midterm_opens", "no_such_timer")
    move_deadlines(lite.database, stop=lambda: looked_at(lite) == 3)
    browser.client.set_cookie("lang", language)

    page = browser.get("/admin/calendar").get_data(as_text=True)

    assert line in page


def test_file_in_gbk_is_taken_as_well_as_what_is_pasted(lite: Site) -> None:
    browser = lite.browser("administrator")

    shown = stated(browser, notice="", file=(BytesIO(NOTICE.encode("gb18030")), "2027.csv"))
    done = browser.client.post(PLACE, data=hidden(shown))

    assert (shown.status_code, done.status_code) == (200, 302)
    with lite.database.reading() as session:
        assert session.get(CalendarYear, 2027) is not None


def test_faults_are_told_by_row_and_the_file_can_be_corrected_on_the_page(lite: Site) -> None:
    browser = lite.browser("office")
    before = lite.entry_count()
    wrong = NOTICE + "2027/2/30,,休,春节\n2027/11/1,,班,国庆节\n"

    answer = stated(browser, notice="", file=(BytesIO(wrong.encode("gb18030")), "2027.csv"))

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "第10行：“2027/2/30”不是日期" in page
    assert "第11行：2027年11月1日本来就是工作日" in page
    assert "2027/2/5,2027/2/11,休,春节" in page
    assert lite.entry_count() == before


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"reason": ""}, "未填写“理由”"),
        ({"source": ""}, "未填写“来源”"),
        ({"notice": ""}, "未填写"),
        ({"year": "2028"}, "不在2028年"),
        ({"year": "x"}, "不在2004年至2099年之间"),
        ({"surplus": "1"}, "surplus"),
    ],
)
def test_what_cannot_be_loaded_keeps_what_was_typed(lite: Site, fields: dict[str, str], told: str) -> None:
    answer = stated(lite.browser("office"), **fields)

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert told in page
    assert ("2027/2/5,2027/2/11" in page) is ("notice" not in fields)


def test_same_notice_again_says_that_it_changes_nothing(lite: Site) -> None:
    browser = lite.browser("office")
    browser.client.post(PLACE, data=hidden(stated(browser)))
    move_deadlines(lite.database, stop=lambda: False)
    before = lite.entry_count()

    answer = stated(browser)

    assert answer.status_code == 422
    assert "与已载入的内容相同" in answer.get_data(as_text=True)
    assert lite.entry_count() == before


def test_notice_whose_consequences_changed_is_shown_again(lite: Site) -> None:
    browser = lite.browser("office")
    shown = stated(browser)
    lite.university.signed()
    before = lite.entry_count()

    answer = browser.client.post(PLACE, data=hidden(shown))
    then = browser.client.post(PLACE, data=hidden(answer))

    assert answer.status_code == 409
    assert "情况有变化" in answer.get_data(as_text=True)
    assert (lite.entry_count() > before, then.status_code) == (True, 302)


def test_office_is_asked_for_the_next_year_until_it_is_loaded(lite: Site) -> None:
    browser = lite.browser("office")

    asked = browser.get("/admin").get_data(as_text=True)
    browser.client.post(PLACE, data=hidden(stated(browser)))
    later = browser.get("/admin").get_data(as_text=True)

    assert "还有34天到2027年，该年放假安排尚未载入" in asked
    assert "尚未载入；有" not in later


def test_days_of_a_year_are_listed_without_those_taken_back(lite: Site) -> None:
    browser = lite.browser("office")
    browser.client.post(PLACE, data=hidden(stated(browser)))
    corrected = NOTICE.replace("2027/1/31,,班,春节\n", "")
    browser.client.post(PLACE, data=hidden(stated(browser, notice=corrected)))

    page = browser.get("/admin/calendar/2027").get_data(as_text=True)

    assert "2027-10-07" in page
    assert "2027-01-31" not in page
