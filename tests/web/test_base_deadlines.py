"""All deadlines of one base: what set, moved and ended each, why one waits, who was reminded and will be."""

from __future__ import annotations

import re
from datetime import date

import pytest
from sqlalchemy import select, update

from models import Timer
from tests.university import LATE_AGREEMENT_END, SIGNED, University
from tests.web.conftest import Statements, text_of
from tests.web.signing_in import Site

MISSING = "01900000-0000-7000-8000-000000000000"
TAGS = re.compile(r"<[^>]+>|\s+")


def _page(site: Site, case_id: str, who: str = "office") -> str:
    return text_of(site.browser(who).get(f"/bases/{case_id}/deadlines"))


def _said(page: str, what: str) -> str:
    """What the page says of one deadline, without its marks."""
    found = next(part for part in page.split("<li><h3>")[1:] if part.lstrip().startswith(what))
    return TAGS.sub("", found.split("</dl>")[0])


@pytest.mark.parametrize(
    ("who", "status"), [("leader", 200), ("auditor", 200), ("other_head", 404), ("stranger", 404)]
)
def test_hidden_base_is_like_one_that_does_not_exist(lite: Site, who: str, status: int) -> None:
    case_id = lite.university.approved()
    browser = lite.browser(who)

    hidden, missing = (browser.get(f"/bases/{one}/deadlines") for one in (case_id, MISSING))

    assert (hidden.status_code, missing.status_code) == (status, 404)
    assert status == 200 or text_of(hidden).replace(case_id, MISSING) == text_of(missing)


def test_met_deadline_names_the_entries_that_set_and_ended_it(university: University, site: Site) -> None:
    case_id = university.signed()

    said = _said(_page(site, case_id), "签订协议期限")

    assert "按期办结" in said
    assert re.search(r"起于批准立项·2026年3月10日·第\d+号止于登记协议签订·2026年3月10日·第\d+号", said), said


def test_moved_deadline_shows_its_chain_with_the_deciding_entry(university: University, site: Site) -> None:
    case_id = university.signed(last=LATE_AGREEMENT_END)
    university.yearly(case_id, 2026)
    university.tick(case_id, date(2027, 9, 10))
    university.done(case_id, "set_report_deadline", "office", report_by="2027-11-30", reason="asked for")

    page = _page(site, case_id)

    said = _said(page, "进展报告")
    assert "2027年11月9日→2027年11月30日" in said
    assert "变更经过" in said
    with university.database.reading() as session:
        moved = session.scalars(
            select(Timer.armed_seq).where(Timer.case_id == case_id, Timer.due_on == date(2027, 11, 30))
        ).one()
    assert f"/bases/{case_id}/receipts/{moved}" in page


def test_held_deadline_says_why_and_what_releases_it(lite: Site) -> None:
    case_id = lite.university.in_midterm()
    lite.university.tick(case_id, date(2028, 12, 11))

    said = _said(_page(lite, case_id), "结项考核启动")

    assert "当前状态下暂缓生效进入以下状态之一时生效" in said
    assert "启动结项考核" in said


def test_hold_without_words_of_release_is_shown_all_the_same(lite: Site) -> None:
    case_id = lite.university.approved()
    with lite.database.transaction() as session:
        session.execute(update(Timer).where(Timer.case_id == case_id).values(status="held", hold="guard"))

    assert "条件未具备" in _said(_page(lite, case_id), "签订协议期限")


def test_missed_deadline_still_waits(lite: Site) -> None:
    case_id = lite.university.approved()
    with lite.database.reading() as session:
        due = session.scalars(select(Timer.due_on).where(Timer.case_id == case_id)).one()
    lite.university.tick(case_id, date.fromordinal(due.toordinal() + 3))

    said = _said(_page(lite, case_id), "签订协议期限")

    assert "已逾期，仍待办理" in said
    assert "逾期后" in said


def test_reminders_sent_and_to_come_are_told_apart(lite: Site) -> None:
    case_id = lite.university.approved()
    with lite.database.reading() as session:
        due = session.scalars(select(Timer.due_on).where(Timer.case_id == case_id)).one()
    lite.university.tick(case_id, date.fromordinal(due.toordinal() - 30), 9)

    said = _said(_page(lite, case_id), "签订协议期限")

    sent, coming = re.findall(r"提前(\d+)天·已发送", said), re.findall(r"提前(\d+)天·待发送", said)
    assert "30" in sent
    assert set(sent) & set(coming) == set()
    assert coming
    assert "联培基地办公室、项目负责人" in said


def test_page_costs_the_same_however_long_the_life(lite: Site) -> None:
    young, old = lite.university.approved(), lite.university.on(SIGNED).extended()
    browser, costs = lite.browser("office"), []

    for case_id in (young, old):
        browser.get(f"/bases/{case_id}/deadlines")
        with Statements(lite.database) as sent:
            browser.get(f"/bases/{case_id}/deadlines")
        costs.append(len(sent.texts))

    assert costs[0] == costs[1]


def test_base_page_leads_to_its_deadlines(lite: Site) -> None:
    case_id = lite.university.approved()

    assert f"/bases/{case_id}/deadlines" in text_of(lite.browser("office").get(f"/bases/{case_id}"))
