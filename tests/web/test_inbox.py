"""The four lists: whose turn it is, what one did, what one opened, what one was told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.university import University
from tests.web.conftest import Statements, hidden, text_of
from tests.web.signing_in import Site

NAME = "水城人民医院研究生联合培养基地"


@pytest.mark.parametrize(
    ("who", "waits"),
    [
        ("member", True),
        ("second_member", True),
        ("office", False),
        ("head", False),
        ("leader", False),
        ("stranger", False),
    ],
)
def test_proposal_waits_for_the_leading_group(
    university: University, site: Site, who: str, waits: bool
) -> None:
    university.proposed()

    page = text_of(site.browser(who).get("/"))

    assert ("批准立项</a>" in page) is waits


def test_task_is_gone_once_somebody_did_it(university: University, site: Site) -> None:
    case_id = university.proposed()
    university.done(case_id, "approve", "second_member")

    page = text_of(site.browser("member").get("/"))

    assert "没有等待您办理的事项" in page


def test_deadline_is_said_in_days(university: University, site: Site) -> None:
    university.approved()

    page = text_of(site.browser("office").get("/"))

    assert "2026年6月8日" in page
    assert "还剩80天" in page


def test_deadline_that_may_still_move_is_said_to_be_provisional(university: University, site: Site) -> None:
    """The holidays of 2026 are announced, those of 2027 are not."""
    university.approved()
    known = text_of(site.browser("office").get("/"))
    university.in_midterm()

    todo = text_of(site.browser("leader").get("/"))
    opened = text_of(site.browser("leader").get("/?list=opened"))

    assert "暂定" not in known
    assert "2027年11月9日" in todo
    assert "，暂定" in todo
    assert "，暂定" in opened


def test_task_of_another_college_is_not_mine(university: University, site: Site) -> None:
    case_id = university.signed(who="other_leader", unit="药学院")
    university.sweep(datetime(2027, 9, 10, tzinfo=UTC))

    seen = {who: "进展报告</a>" in text_of(site.browser(who).get("/")) for who in ("leader", "other_leader")}

    assert (university.state(case_id), seen) == ("midterm", {"leader": False, "other_leader": True})


def test_own_proposal_does_not_wait_for_oneself(university: University, site: Site) -> None:
    case_id = university.signed()
    university.done(case_id, "amend", "office", fact={"name": "base_name", "value": "新名称"}, reason="笔误")

    seen = {
        who: "复核确认：更正事实" in text_of(site.browser(who).get("/"))
        for who in ("office", "second_office")
    }

    assert seen == {"office": False, "second_office": True}


def test_step_with_one_transition_leads_to_its_form(university: University, site: Site) -> None:
    case_id = university.signed()
    university.sweep(datetime(2027, 9, 10, tzinfo=UTC))
    university.at = datetime(2027, 9, 20, tzinfo=UTC)
    report = university.document(case_id, "progress_report_file")
    university.done(case_id, "progress_report", "leader", progress_report_file=report)
    browser = site.browser("office")

    page = text_of(browser.get("/"))
    answer = browser.get(f"/bases/{case_id}/steps/conclusion")

    assert "评定</a>" in page
    assert f"/bases/{case_id}/steps/conclusion?back=/" in page
    assert answer.location == f"/bases/{case_id}/acts/conclude_midterm"


def test_step_with_a_choice_shows_every_transition_with_its_reasons(
    university: University, site: Site
) -> None:
    case_id = _in_final(university)
    browser = site.browser("member")

    listed = text_of(browser.get("/"))
    page = text_of(browser.get(f"/bases/{case_id}/steps/grading"))

    assert "评定等次</a>" in listed
    assert "纳入基地库并授牌（优秀、合格）" in page
    assert "同意延期一年（未达要求拟延期）" in page
    assert "未提交“延期申请”" in page
    # No reason stated on a form makes the cycle end sooner, nor an application appear.
    assert f'href="/bases/{case_id}/acts/certify' not in page
    assert f'href="/bases/{case_id}/acts/extend' not in page


def _in_final(university: University) -> str:
    """A base whose final report has been handed in."""
    case_id = university.signed()
    university.sweep(datetime(2027, 9, 10, tzinfo=UTC))
    university.done(case_id, "conclude_midterm", "office", outcome="passed", opinion="良好")
    university.sweep(datetime(2028, 12, 11, tzinfo=UTC))
    report = university.document(case_id, "final_report_file")
    university.done(case_id, "final_report", "leader", final_report_file=report)
    return case_id


def test_task_links_back_to_the_filtered_list(university: University, site: Site) -> None:
    case_id = university.proposed()
    browser = site.browser("member")

    page = text_of(browser.get("/?q=水城"))

    assert f"/bases/{case_id}/acts/approve?back=/?q%3D" in page


@pytest.mark.parametrize(
    ("query", "there"),
    [
        ("q=水城", True),
        ("q=别的", False),
        ("state=proposed", True),
        ("state=final", False),
        ("overdue=1", False),
    ],
)
def test_tasks_are_narrowed_by_the_address(
    university: University, site: Site, query: str, there: bool
) -> None:
    university.proposed()

    page = text_of(site.browser("member").get(f"/?{query}"))

    assert (NAME in page) is there


def test_returned_proposal_waits_for_its_leader_and_leads_to_its_sections(
    university: University, site: Site
) -> None:
    case_id = university.sent_back()

    mine = text_of(site.browser("leader").get("/"))
    others = text_of(site.browser("other_leader").get("/"))

    assert f'href="/proposals/{case_id}"' in mine
    assert "提交申报</a>" in mine
    assert "2026年3月24日" in mine
    assert "没有等待您办理的事项" in others


def test_draft_never_submitted_waits_for_nobody(university: University, site: Site) -> None:
    university.open("leader")

    page = text_of(site.browser("leader").get("/"))

    assert "没有等待您办理的事项" in page


def test_done_lists_what_i_did_and_nothing_else(university: University, site: Site) -> None:
    case_id = university.proposed()
    university.done(case_id, "approve", "member")

    mine = text_of(site.browser("member").get("/?list=done"))
    others = text_of(site.browser("second_member").get("/?list=done"))

    assert "批准立项" in mine
    assert "提交申报" not in mine
    assert "没有您办理过的事项" in others


def test_opened_lists_my_drafts_and_bases(university: University, site: Site) -> None:
    draft, signed = university.open("leader"), university.signed()

    page = text_of(site.browser("leader").get("/?list=opened"))
    others = text_of(site.browser("other_leader").get("/?list=opened"))

    assert f"/proposals/{draft}" in page
    assert f"/bases/{signed}" in page
    assert "没有您发起的基地" in others


def test_notice_is_unread_until_it_is_marked(university: University, site: Site) -> None:
    university.proposed()
    browser = site.browser("head")
    page = browser.get("/?list=copied")
    before = text_of(browser.get("/?list=copied&unread=1"))

    browser.client.post("/notices/read", data={**hidden(page), "notice": _notice(text_of(page))})
    after = text_of(browser.get("/?list=copied&unread=1"))

    assert NAME in before
    assert "没有抄送给您的消息" in after


def test_notice_of_another_person_stays_unread(university: University, site: Site) -> None:
    university.proposed()
    head, office = site.browser("head"), site.browser("office")
    theirs = _notice(text_of(head.get("/?list=copied")))

    office.client.post("/notices/read", data={**hidden(office.get("/?list=copied")), "notice": theirs})

    assert NAME in text_of(head.get("/?list=copied&unread=1"))


def test_reading_the_list_marks_nothing(university: University, site: Site) -> None:
    university.proposed()
    browser = site.browser("head")

    browser.get("/?list=copied")

    assert NAME in text_of(browser.get("/?list=copied&unread=1"))


def test_all_notices_are_marked_at_once(university: University, site: Site) -> None:
    case_id = university.proposed()
    university.done(case_id, "approve", "member")
    browser = site.browser("head")

    browser.client.post("/notices/read", data={**hidden(browser.get("/?list=copied")), "all": "1"})

    assert "没有抄送给您的消息" in text_of(browser.get("/?list=copied&unread=1"))


def test_notice_that_is_no_identifier_is_refused(university: University, site: Site) -> None:
    university.proposed()
    browser = site.browser("head")

    answer = browser.client.post(
        "/notices/read", data={**hidden(browser.get("/?list=copied")), "notice": "1 OR 1=1"}
    )

    assert answer.status_code == 400


def test_inbox_costs_the_same_for_one_task_and_thirty(university: University, site: Site) -> None:
    university.proposed(partner="单位0")
    browser = site.browser("member")
    browser.get("/")
    with Statements(site.database) as one:
        browser.get("/")
    for count in range(1, 30):
        university.proposed(partner=f"单位{count}")

    with Statements(site.database) as thirty:
        page = text_of(browser.get("/"))

    assert page.count("批准立项</a>") == 30
    assert len(thirty.texts) == len(one.texts)


def _notice(page: str) -> str:
    import re

    found = re.search(r'name="notice" value="([^"]+)"', page)
    assert found is not None
    return found.group(1)
