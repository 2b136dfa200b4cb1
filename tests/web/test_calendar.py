"""The calendar of deadlines: whose deadlines it shows, how a month begins and ends, what it costs, what leaves it as a file."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime

import pytest
import time_machine
from openpyxl import load_workbook
from sqlalchemy import select, update

from models import JointBase, Timer
from tests.university import University
from tests.web.conftest import Statements, text_of
from tests.web.signing_in import Site

SIGN_BY = "/calendar?month=2026-06"
"""The month in which an agreement approved on 10 March 2026 must be signed."""


def _due(university: University, case_id: str, day: date, **more: object) -> None:
    """Put the one running deadline of a case on another day."""
    with university.database.transaction() as session:
        session.execute(
            update(Timer)
            .where(Timer.case_id == case_id, Timer.ended_seq.is_(None))
            .values(due_on=day, nominal_on=day, **more)
        )


def _day(university: University, case_id: str) -> date:
    with university.database.reading() as session:
        return session.scalars(
            select(Timer.due_on).where(Timer.case_id == case_id, Timer.ended_seq.is_(None))
        ).one()


# ───────────────────────────── Who sees what


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("office", True),
        ("auditor", True),
        ("head", True),
        ("leader", True),
        ("other_head", False),
        ("other_leader", False),
        ("stranger", False),
    ],
)
def test_deadline_is_seen_by_whoever_sees_its_base(
    university: University, site: Site, who: str, sees: bool
) -> None:
    case_id = university.approved()
    month = f"{_day(university, case_id):%Y-%m}"
    browser = site.browser(who)

    month_page = text_of(browser.get(f"/calendar?month={month}"))
    list_page = text_of(browser.get("/calendar?view=list"))
    file = browser.get("/calendar/export.csv?view=list").get_data(as_text=True)

    name = "水城人民医院研究生联合培养基地"
    assert [name in page for page in (month_page, list_page, file)] == [sees] * 3
    assert ("没有正在计时的期限" in month_page) is not sees


def test_my_own_are_those_i_meet_or_am_reminded_of(lite: Site) -> None:
    lite.university.approved()

    seen = {
        who: "签订协议期限" in text_of(lite.browser(who).get("/calendar?view=list&mine=1"))
        for who in ("office", "leader", "head", "auditor", "stranger")
    }

    assert seen == {"office": True, "leader": True, "head": False, "auditor": False, "stranger": False}


def test_filters_narrow_the_list(lite: Site) -> None:
    first = lite.university.approved()
    lite.university.approved(who="other_leader", unit="药学院")
    _due(lite.university, first, date(2026, 3, 1), due_at=datetime(2026, 3, 1, 16, tzinfo=UTC))
    browser, college = lite.browser("office"), lite.university.units["药学院"]

    counted = {
        query: text_of(browser.get(f"/calendar?view=list&{query}")).count("/bases/")
        for query in (
            "",
            "overdue=1",
            f"college={college}",
            "sort=due",
            "sort=ends",
            "day=2026-03-01",
            "college=x",
        )
    }

    assert counted == {
        "": 2, "overdue=1": 1, f"college={college}": 1, "sort=due": 2, "sort=ends": 0, "day=2026-03-01": 1, "college=x": 2,
    }  # fmt: skip


# ───────────────────────────── Months


@pytest.mark.parametrize(
    ("day", "month", "neighbours"),
    [
        (date(2026, 12, 31), "2026-12", ("2026-11", "2027-01")),
        (date(2028, 2, 29), "2028-02", ("2028-01", "2028-03")),
        (date(2027, 1, 1), "2027-01", ("2026-12", "2027-02")),
    ],
)
def test_day_stands_in_its_month_and_in_no_other(
    lite: Site, day: date, month: str, neighbours: tuple[str, str]
) -> None:
    case_id = lite.university.approved()
    _due(lite.university, case_id, day)
    browser = lite.browser("office")

    pages = {one: text_of(browser.get(f"/calendar?month={one}")) for one in (month, *neighbours)}

    assert [case_id in page for page in pages.values()] == [True, False, False]
    assert all(f"month={one}" in pages[month] for one in neighbours)


def test_month_begins_at_midnight_in_beijing(lite: Site, at_ten: time_machine.Traveller) -> None:
    browser = lite.browser("office")

    at_ten.move_to(datetime(2026, 3, 31, 15, 59, tzinfo=UTC))
    before = text_of(browser.get("/calendar"))
    at_ten.move_to(datetime(2026, 3, 31, 16, 0, tzinfo=UTC))
    after = text_of(browser.get("/calendar"))

    assert "2026年3月没有" in before
    assert "2026年4月没有" in after


@pytest.mark.parametrize("month", ["0000-00", "2026-13", "9999-12", "x", "2026-2", "", "２０２６-03"])
def test_month_that_is_none_shows_this_one(lite: Site, month: str) -> None:
    page = lite.browser("office").client.get("/calendar", query_string={"month": month})

    assert page.status_code == 200
    assert "2026年3月没有" in text_of(page)


def test_month_marks_rest_days_and_make_up_days(lite: Site) -> None:
    page = text_of(lite.browser("office").get("/calendar?month=2026-10"))

    assert "国庆节" in page
    assert "调休上班" in page


def test_provisional_and_moved_days_say_so(lite: Site) -> None:
    case_id = lite.university.approved()
    _due(lite.university, case_id, date(2027, 5, 10), provisional=True)
    with lite.database.transaction() as session:
        session.execute(update(Timer).where(Timer.case_id == case_id).values(nominal_on=date(2027, 5, 8)))
    browser = lite.browser("office")

    for address in ("/calendar?month=2027-05", "/calendar?view=list"):
        page = text_of(browser.get(address))
        assert "暂定" in page
        assert "原为2027年5月8日" in page
    assert "尚未全部公布" in text_of(browser.get("/calendar?month=2027-05"))


def test_how_far_a_day_is_is_said_in_words(lite: Site) -> None:
    case_id = lite.university.approved()
    browser = lite.browser("office")
    said = []

    for day in (10, 20, 19):
        at = datetime(2026, 3, day, 16, tzinfo=UTC)
        _due(lite.university, case_id, date(2026, 3, day), due_at=at)
        page = text_of(browser.get("/calendar?view=list"))
        said.append(next(word for word in ("已逾期10天", "今天到期", "已逾期1天") if word in page))

    assert said == ["已逾期10天", "今天到期", "已逾期1天"]
    assert "其中1项已逾期" in text_of(browser.get("/calendar?month=2026-03"))


# ───────────────────────────── Many


def test_full_day_shows_a_few_and_leads_to_the_others(lite: Site) -> None:
    for _ in range(5):
        _due(lite.university, lite.university.approved(), date(2026, 6, 8))
    browser = lite.browser("office")

    month = text_of(browser.get(SIGN_BY))
    day = text_of(browser.get("/calendar?view=list&day=2026-06-08"))

    assert "2026年6月有5项" in month
    assert "还有2项" in month
    assert month.count("</strong></div>") == 3
    assert "view=list&day=2026-06-08" in month
    assert day.count("/bases/") == 5


def test_calendar_costs_the_same_for_one_and_for_thirty(university: University, site: Site) -> None:
    first = university.approved()
    day = date(2026, 6, 8)
    _due(university, first, day)
    browser = site.browser("head")
    costs = []

    for count in (0, 29):
        for _ in range(count):
            _due(university, university.approved(), day)
        for address in (SIGN_BY, "/calendar?view=list"):
            browser.get(address)
            with Statements(university.database) as sent:
                browser.get(address)
            costs.append(len(sent.texts))

    assert costs[:2] == costs[2:]


def test_list_is_turned_over_without_losing_or_repeating(university: University, site: Site) -> None:
    cases = {university.approved() for _ in range(33)}
    for case_id in sorted(cases)[:20]:
        _due(university, case_id, date(2026, 6, 8))
    program = site.browser("office")
    found: list[str] = []
    address = "/calendar?view=list"

    while address:
        page = text_of(program.get(address))
        found += [one.split("#")[0] for one in page.split("/bases/")[1:]]
        links = [part.split('"')[0] for part in page.split('href="') if 'rel="next"' in part.split(">")[0]]
        address = next((link for link in links if "after=" in link), "")

    assert sorted(one[:36] for one in found) == sorted(cases)


# ───────────────────────────── Files


def test_export_holds_what_the_list_shows_and_is_logged(university: University, site: Site) -> None:
    case_id = university.approved()
    with university.database.transaction() as session:
        session.execute(update(JointBase).where(JointBase.case_id == case_id).values(base_name="=1+1"))
    browser = site.browser("office")

    sent = browser.get("/calendar/export.csv?view=list&sort=due&mine=1")
    book = browser.get("/calendar/export.xlsx?view=list")

    lines = list(csv.reader(io.StringIO(sent.get_data().decode("utf-8-sig"))))
    sheet = load_workbook(io.BytesIO(book.get_data())).worksheets[0]
    assert [line[1] for line in lines] == ["基地名称", "'=1+1"]
    assert [row[4].value for row in sheet.iter_rows()] == ["期限", "签订协议期限"]
    entries = [json.loads(entry.body)["details"] for entry in site.entries("export")]
    assert [entry["filters"] for entry in entries] == [{"day_kind": "due", "mine": "1"}, {}]
    assert [entry["count"] for entry in entries] == [1, 1]


@pytest.mark.parametrize(
    "address",
    [
        "/calendar/export.csv?view=list&sort=due&mine=1&overdue=1&month=2026-03&college={college}&lifecycle=base",
        "/bases/export.csv?q=x&state=approved&deadline=overdue&college={college}",
    ],
)
def test_entry_of_an_export_can_be_read(lite: Site, address: str) -> None:
    lite.browser("office").get(address.format(college=lite.university.units["药学院"]))
    entry = lite.entries("export")[0]

    page = lite.browser("auditor").get(f"/audit/{entry.id}")

    assert page.status_code == 200
    assert "责任学院：药学院" in text_of(page)


def test_both_languages_show_every_view(lite: Site) -> None:
    lite.university.approved()

    page = text_of(lite.browser("office").get("/calendar?view=list", **{"Accept-Language": "en"}))

    assert "Calendar of deadlines" in page
    assert "days left" in page
