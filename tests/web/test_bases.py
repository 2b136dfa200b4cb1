"""The list of bases and the page of one: who sees what, what it says, what it costs."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime

import pytest
from openpyxl import load_workbook

from models import Duty, JointBase
from tests.university import University
from tests.web.conftest import Statements, hidden, text_of
from tests.web.signing_in import TOKEN, Browser, Site

MISSING = "01900000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("office", True),
        ("member", True),
        ("auditor", True),
        ("administrator", True),
        ("head", True),
        ("officer", True),
        ("leader", True),
        ("other_head", False),
        ("other_leader", False),
        ("stranger", False),
    ],
)
def test_base_is_seen_by_whom_it_concerns(university: University, site: Site, who: str, sees: bool) -> None:
    case_id = university.signed()
    browser = site.browser(who)

    page, listed = browser.get(f"/bases/{case_id}"), browser.get("/bases")

    assert page.status_code == (200 if sees else 404)
    assert (case_id in text_of(listed)) is sees


def test_participating_college_sees_the_base_and_does_not_act(university: University, site: Site) -> None:
    case_id = university.proposed(others=("药学院",))
    browser = site.browser("other_head")

    listed, page = browser.get("/bases"), browser.get(f"/bases/{case_id}")
    form = browser.get(f"/bases/{case_id}/acts/send_back")
    sent = {"key": "k" * 24, "version": "2", "seq": "2", "reasons_by_field.partner": "full name"}
    decided = browser.send(f"/bases/{case_id}/acts/send_back", sent, form="/?list=copied")

    assert case_id in text_of(listed)
    assert page.status_code == 200
    assert f"/bases/{case_id}/acts/" not in text_of(page)
    assert (form.status_code, decided.status_code) == (403, 403)
    assert university.state(case_id) == "proposed"
    assert "没有等待您办理的事项" in text_of(browser.get("/"))


def test_hidden_base_is_answered_like_a_missing_one(university: University, site: Site) -> None:
    case_id = university.signed()
    browser = site.browser("stranger")

    pages = {
        path: (browser.get(path.format(case_id)), browser.get(path.format(MISSING)))
        for path in (
            "/bases/{}",
            "/bases/{}/past-deadlines",
            "/bases/{}/proposal",
            "/proposals/{}",
            "/bases/{}/receipts/1",
        )
    }

    for path, (there, missing) in pages.items():
        assert (there.status_code, missing.status_code) == (404, 404), path
        assert text_of(there).replace(case_id, "") == text_of(missing).replace(MISSING, ""), path


def test_address_that_holds_no_identifier_is_missing(site: Site) -> None:
    assert site.browser("office").get("/bases/1%20OR%201=1").status_code == 404


def test_page_says_where_the_base_stands_and_what_comes_next(university: University, site: Site) -> None:
    case_id = university.approved()

    page = text_of(site.browser("office").get(f"/bases/{case_id}"))

    assert "自2026年3月10日起为“确定立项（待签协议）”。" in page
    assert "下一步：联培基地办公室办理“登记协议签订”，期限2026年6月8日（含当日），还剩80天。" in page


@pytest.mark.parametrize(
    ("who", "writes"), [("leader", True), ("office", False), ("head", False), ("auditor", False)]
)
def test_draft_leads_to_its_proposal_whoever_writes_it(
    university: University, site: Site, who: str, writes: bool
) -> None:
    case_id = university.open()
    browser = site.browser(who)

    page = browser.get(f"/bases/{case_id}")

    assert page.status_code == 200
    assert (f'href="/proposals/{case_id}"' in text_of(page)) is writes
    assert (browser.get(f"/proposals/{case_id}").status_code == 200) is writes


def test_page_shows_refused_acts_with_every_reason(university: University, site: Site) -> None:
    case_id = university.signed()

    page = text_of(site.browser("office").get(f"/bases/{case_id}"))

    assert "未到2029年9月10日" in page
    assert "最早可于2029年9月10日办理" in page
    assert "此项到期由系统自动办理，任何人不能手工办理" in page
    assert "〔办法第五条〕" in page


def test_page_shows_the_moved_day_beside_the_nominal_one(university: University, site: Site) -> None:
    case_id = university.signed()

    page = text_of(site.browser("office").get(f"/bases/{case_id}"))

    assert "原为2027年1月31日，遇休息日顺延" in page
    assert "暂定：该年放假安排尚未公布，日期可能顺延" in page


def test_pictures_are_complete_as_lists(university: University, site: Site) -> None:
    case_id = university.signed()

    page = text_of(site.browser("office").get(f"/bases/{case_id}"))

    assert "可能进入“中期考核中”：启动中期考核" in page
    assert "建设周期2026年3月10日至2029年3月10日（含当日），今天是第11天" in page


def test_history_shows_decisions_newest_first(university: University, site: Site) -> None:
    case_id = university.signed()

    page = text_of(site.browser("office").get(f"/bases/{case_id}")).partition("全部记录")[2]

    order = [page.index(word) for word in ("登记协议签订", "批准立项", "提交申报", "新建")]
    assert order == sorted(order)


def test_name_with_markup_is_shown_as_text(university: University, site: Site) -> None:
    case_id = university.proposed(partner="<script>alert(1)</script>单位")

    page = site.browser("office").get(f"/bases/{case_id}").get_data(as_text=True)

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_page_costs_the_same_with_more_history(university: University, site: Site) -> None:
    short, long = university.proposed(), university.signed(partner="另一单位")
    browser = site.browser("office")
    browser.get(f"/bases/{short}")

    with Statements(site.database) as few:
        browser.get(f"/bases/{short}")
    with Statements(site.database) as many:
        browser.get(f"/bases/{long}")

    assert (
        len(many.texts) <= len(few.texts) + 1
    )  # the undone entry of a correction is read where there is one


def test_list_costs_the_same_for_one_row_and_thirty(university: University, site: Site) -> None:
    university.proposed(partner="第一单位")
    browser = site.browser("office")
    browser.get("/bases")
    with Statements(site.database) as one:
        browser.get("/bases")
    for count in range(29):
        university.open("leader")
        del count

    with Statements(site.database) as thirty:
        browser.get("/bases")

    assert len(thirty.texts) == len(one.texts)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=水城", ["水城人民医院研究生联合培养基地"]),
        ("q=LP2026-001", ["水城人民医院研究生联合培养基地"]),
        ("q=lp2026-001", ["水城人民医院研究生联合培养基地"]),
        ("q=%25", []),
        ("q=_", []),
        ("state=proposed", ["鲁西研究院研究生联合培养基地"]),
        ("state=nonsense", ["水城人民医院研究生联合培养基地", "鲁西研究院研究生联合培养基地"]),
        ("deadline=soon", ["水城人民医院研究生联合培养基地"]),
        ("deadline=overdue", []),
    ],
)
def test_list_is_narrowed_by_the_address(
    university: University, site: Site, query: str, found: list[str]
) -> None:
    university.approved()
    university.proposed(partner="鲁西研究院")

    page = text_of(site.browser("office").get(f"/bases?{query}"))

    names = ("水城人民医院研究生联合培养基地", "鲁西研究院研究生联合培养基地")
    assert [name for name in names if name in page] == found


def test_overdue_deadline_is_found(university: University, site: Site) -> None:
    case_id = university.approved()
    university.sweep(datetime(2026, 6, 30, tzinfo=UTC))

    with site.database.reading() as session:
        from workflow.queries import BaseFilter, Deadline, bases_page, rights_of

        rights = rights_of(session, university.people["office"], today=date(2026, 6, 30))
        wanted = BaseFilter(lifecycle="base", deadline=Deadline.OVERDUE)
        rows = bases_page(session, rights, wanted, at=datetime(2026, 6, 30, tzinfo=UTC)).rows

    assert [row["case_id"] for row in rows] == [case_id]


def test_paging_goes_there_and_back_without_losing_a_row(university: University, site: Site) -> None:
    made = sorted(university.open("leader") for _ in range(35))
    browser = site.browser("office")

    first = text_of(browser.get("/bases"))
    onward = _link(first, "next")
    second = text_of(browser.get(onward))
    again = text_of(browser.get(_link(second, "prev")))

    assert [case_id for case_id in made if _lists(first, case_id)] == made[5:]
    assert [case_id for case_id in made if _lists(second, case_id)] == made[:5]
    assert [case_id for case_id in made if _lists(again, case_id)] == made[5:]


def _lists(page: str, case_id: str) -> bool:
    return f'href="/bases/{case_id}' in page


def _link(page: str, rel: str) -> str:
    import re

    found = re.search(rf'href="([^"]+)" rel="{rel}"', page)
    assert found is not None
    return found.group(1)


@pytest.mark.parametrize("start", ["=", "\uff1d"])
def test_csv_holds_the_rows_one_may_see_and_no_formula(
    university: University, site: Site, start: str
) -> None:
    university.proposed(partner=f"{start}1+1单位")
    university.proposed(who="other_leader", unit="药学院", partner="药厂")

    answer = site.browser("head").get("/bases/export.csv")
    rows = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))

    assert answer.get_data().startswith(b"\xef\xbb\xbf")
    assert [row[3] for row in rows[1:]] == [f"'{start}1+1单位"]
    assert "attachment" in answer.headers["Content-Disposition"]


def test_workbook_holds_no_formula(university: University, site: Site) -> None:
    university.proposed(partner="=1+1单位")

    answer = site.browser("office").get("/bases/export.xlsx")
    sheet = load_workbook(io.BytesIO(answer.get_data())).worksheets[0]

    cell = sheet["D2"]
    assert (cell.value, cell.data_type) == ("=1+1单位", "s")


def test_export_leaves_one_entry(university: University, site: Site) -> None:
    university.proposed()

    site.browser("office").get("/bases/export.csv")

    assert len(site.entries("export")) == 1


def test_imported_name_is_linked_by_the_office_alone(university: University, site: Site) -> None:
    case_id = university.signed()
    duty_id = _forget_the_leader(university, case_id)
    address = f"/bases/{case_id}/duties/{duty_id}/link"
    office, head = site.browser("office"), site.browser("head")
    page = office.get(f"/bases/{case_id}?person=other_leader")
    sent = {**hidden(page), "person": university.people["other_leader"]}

    refused = head.client.post(
        address, data={**hidden(head.get("/?list=copied")), **sent, "csrf_token": _token(head)}
    )
    linked = office.client.post(address, data=sent)

    with site.database.reading() as session:
        person = session.get_one(Duty, duty_id).person_id
    assert (refused.status_code, linked.status_code) == (403, 303)
    assert person == university.people["other_leader"]
    assert len(site.entries("duty")) == 1


def _token(browser: Browser) -> str:
    found = TOKEN.search(browser.get("/bases").get_data(as_text=True))
    assert found is not None
    return found.group(1)


def _forget_the_leader(university: University, case_id: str) -> str:
    """Make the leader a name nobody has linked, as an import would."""
    from sqlalchemy import select

    with university.database.transaction() as session:
        duty = session.scalars(
            select(Duty).where(Duty.case_id == case_id, Duty.role == "project_leader")
        ).one()
        duty.person_id, duty.contact_name = None, "李四"
        return duty.id


def test_base_of_a_college_that_moved_is_seen_by_its_new_head_alone(
    university: University, site: Site
) -> None:
    case_id = university.signed()
    with university.database.transaction() as session:
        session.get_one(JointBase, case_id).lead_college_id = university.units["药学院"]

    seen = {who: site.browser(who).get(f"/bases/{case_id}").status_code for who in ("head", "other_head")}

    assert seen == {"head": 404, "other_head": 200}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_page_speaks_the_readers_language(university: University, site: Site, lang: str) -> None:
    case_id = university.signed()
    browser = site.browser("office")
    browser.client.set_cookie("lang", lang)

    page = text_of(browser.get(f"/bases/{case_id}"))

    assert ("What you can do now" in page) is (lang == "en")
    assert ("可以办理" in page) is (lang == "zh")
