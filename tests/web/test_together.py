"""Several bases decided on at once: what is selected, what it will do, and what became of each."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
import time_machine
from sqlalchemy import delete, select
from werkzeug.test import TestResponse

from models import Duty, Entry
from tests.university import SIGNED, University
from tests.web.conftest import Statements, hidden, text_of
from tests.web.signing_in import TOKEN, Browser, Site
from workflow.operations.settings import change_setting

NOBODYS = "01900000-0000-7000-8000-000000000000"
RESULT = re.compile(r"<strong>([^<]+)</strong>")


def _query(case_ids: list[str]) -> str:
    return "&".join(f"case={case_id}" for case_id in case_ids)


def _consequences(browser: Browser, act: str, case_ids: list[str]) -> TestResponse:
    return browser.get(f"/tasks/selected/{act}?{_query(case_ids)}")


def _carry_out(browser: Browser, act: str, consequences: TestResponse, **more: Any) -> TestResponse:
    return browser.client.post(f"/tasks/selected/{act}", data={**hidden(consequences), **more})


def _results(browser: Browser, answer: TestResponse) -> list[str]:
    """The results row by row, as the page says them."""
    assert answer.status_code == 303, text_of(answer)
    return RESULT.findall(text_of(browser.get(answer.location)))


def _reasons(site: Site, case_ids: list[str]) -> list[str]:
    """The reasons that were recorded with the rejections."""
    with site.database.reading() as session:
        rows = session.scalars(select(Entry.body).where(Entry.case_id.in_(case_ids), Entry.act == "reject"))
        return [body for body in rows if "名额已满" in body]


# ───────────────────────────── Many at once


def test_twelve_proposals_are_approved_at_once_and_a_stale_one_does_not_stop_them(
    university: University, site: Site
) -> None:
    case_ids = [university.proposed() for _ in range(13)]
    browser = site.browser("member")
    consequences = _consequences(browser, "approve", case_ids)
    university.done(case_ids[4], "reject", "second_member", reason="not this year")

    answer = _carry_out(browser, "approve", consequences)
    page = text_of(browser.get(answer.location))

    assert "确认批准立项（13项）" in text_of(consequences)
    assert RESULT.findall(page) == ["已办理"] * 4 + ["未办理：期间情况已有变化"] + ["已办理"] * 8
    assert "共13项：已办理12项，未办理1项" in page
    assert page.count("/receipts/") == 12
    assert "second_member · 不予立项" in page
    states = [university.state(case_id) for case_id in case_ids]
    assert states == ["approved"] * 4 + ["not_approved"] + ["approved"] * 8


def test_each_base_is_its_own_entry_with_its_own_number(university: University, site: Site) -> None:
    case_ids = [university.proposed() for _ in range(3)]
    browser = site.browser("member")

    _carry_out(browser, "approve", _consequences(browser, "approve", case_ids))

    numbers = {text_of(browser.get(f"/bases/{case_id}")).partition("LP2026-")[2][:3] for case_id in case_ids}
    assert numbers == {"001", "002", "003"}
    assert [site.university.case(case_id).version for case_id in case_ids] == [3, 3, 3]


def test_request_sent_twice_shows_the_first_results(university: University, site: Site) -> None:
    case_ids = [university.proposed() for _ in range(2)]
    browser = site.browser("member")
    consequences = _consequences(browser, "approve", case_ids)
    university.done(case_ids[0], "reject", "second_member", reason="not this year")
    first = _carry_out(browser, "approve", consequences)
    entries = site.entry_count()

    again = _carry_out(browser, "approve", consequences)

    assert (again.location, site.entry_count()) == (first.location, entries)
    assert _results(browser, again) == ["未办理：期间情况已有变化", "已办理"]


def test_first_results_stand_even_where_it_has_become_possible(university: University, site: Site) -> None:
    case_id = university.proposed()
    browser = site.browser("member")
    consequences = _consequences(browser, "approve", [case_id])
    university.assign(case_id, "project_leader", "member")
    first = _results(browser, _carry_out(browser, "approve", consequences))
    with university.database.transaction() as session:
        session.execute(delete(Duty).where(Duty.person_id == university.people["member"]))

    again = _results(browser, _carry_out(browser, "approve", consequences))

    assert first == again == ["未办理：现在不能办理"]
    assert university.state(case_id) == "proposed"


def test_request_cut_off_halfway_is_finished_when_it_is_sent_again(
    university: University, site: Site
) -> None:
    """Each base has a key of its own, so what was done is not done again."""
    case_ids = [university.proposed() for _ in range(2)]
    browser = site.browser("member")
    consequences = _consequences(browser, "approve", case_ids)
    sent = hidden(consequences)
    university.act(case_ids[0], "approve", "member", key=f"{sent['key']}:{case_ids[0]}", version=2)

    answer = _carry_out(browser, "approve", consequences)

    assert _results(browser, answer) == ["已办理", "已办理"]


# ───────────────────────────── What it will do


def test_selection_is_shown_with_its_count_and_each_consequence(university: University, site: Site) -> None:
    case_ids = [university.proposed() for _ in range(2)]
    browser = site.browser("member")
    before = site.entry_count()

    page = text_of(_consequences(browser, "approve", case_ids))

    assert "核对：批准立项（2项）" in page
    assert page.count('签订协议期限 <time datetime="2026-06-18"') == 2
    assert page.count("→ <span") >= 2
    assert (site.entry_count(), university.state(case_ids[0])) == (before, "proposed")


def test_base_for_which_it_is_not_possible_is_left_out_with_its_reasons(
    university: University, site: Site
) -> None:
    case_ids = [university.proposed() for _ in range(3)]
    university.assign(case_ids[1], "project_leader", "member")
    browser = site.browser("member")

    consequences = _consequences(browser, "approve", case_ids)
    answer = _carry_out(browser, "approve", consequences)

    page = text_of(consequences)
    assert "确认批准立项（2项）" in page
    assert "您须回避：本人为项目负责人" in page.partition("以下1项现在不能办理")[2]
    assert _results(browser, answer) == ["已办理", "已办理"]
    assert [university.state(case_id) for case_id in case_ids] == ["approved", "proposed", "approved"]


def test_nothing_can_be_confirmed_where_none_is_possible(university: University, site: Site) -> None:
    case_ids = [university.proposed(), university.approved()]

    answer = _consequences(site.browser("office"), "approve", case_ids)

    assert answer.status_code == 422
    assert "所选各项现在都不能办理" in text_of(answer)
    assert "btn-primary" not in text_of(answer).partition("<main")[2]


def test_other_consequences_than_were_shown_do_not_happen(university: University, site: Site) -> None:
    case_ids = [university.proposed() for _ in range(2)]
    browser = site.browser("member")
    consequences = _consequences(browser, "approve", case_ids)
    with university.database.transaction() as session:
        change_setting(
            session, lifecycle="base", name="sign_within", value="30 days", from_on=date(2026, 3, 20),
            reason="sooner", ctx=university.ctx("office", at=university.at.replace(day=20)),
        )  # fmt: skip

    answer = _carry_out(browser, "approve", consequences)

    assert _results(browser, answer) == ["未办理：办理后果与您看到的不同"] * 2
    assert [university.state(case_id) for case_id in case_ids] == ["proposed"] * 2


def test_warning_is_confirmed_base_by_base(
    university: University, site: Site, at_ten: time_machine.Traveller
) -> None:
    last = date(2029, 4, 30)
    case_ids = [university.on(SIGNED).applied(last=last) for _ in range(2)]
    at_ten.move_to(university.at)
    browser = site.browser("member")

    consequences = _consequences(browser, "extend", case_ids)
    ticked = f"{case_ids[0]} agreement_ends_before"
    answer = _carry_out(browser, "extend", consequences, confirmed=ticked)

    assert text_of(consequences).count('name="confirmed"') == 2
    assert _results(browser, answer) == ["已办理", "未办理：以下提示尚未确认"]
    assert [university.state(case_id) for case_id in case_ids] == ["extended", "final"]


# ───────────────────────────── One form for all


def test_one_reason_serves_all(university: University, site: Site) -> None:
    case_ids = [university.proposed() for _ in range(2)]
    browser = site.browser("member")
    form = browser.get(f"/tasks/selected/reject?{_query(case_ids)}")
    sent = hidden(form)

    empty = browser.client.post("/tasks/selected/reject/preview", data=sent)
    consequences = browser.client.post("/tasks/selected/reject/preview", data={**sent, "reason": "名额已满"})
    answer = _carry_out(browser, "reject", consequences)

    assert "填写的内容适用于所选的全部2项" in text_of(form)
    assert (empty.status_code, consequences.status_code) == (422, 200)
    assert "未填写“理由”" in text_of(empty)
    assert _results(browser, answer) == ["已办理", "已办理"]
    assert len(_reasons(site, case_ids)) == 2


def test_form_comes_back_with_what_was_typed(university: University, site: Site) -> None:
    case_ids = [university.proposed() for _ in range(2)]
    browser = site.browser("member")
    sent = hidden(browser.get(f"/tasks/selected/reject?{_query(case_ids)}"))
    consequences = browser.client.post("/tasks/selected/reject/preview", data={**sent, "reason": "名额已满"})

    again = browser.client.post("/tasks/selected/reject/preview", data={**hidden(consequences), "do": "edit"})

    assert "名额已满</textarea>" in text_of(again)


# ───────────────────────────── What can be selected


def test_acts_in_common_are_offered_with_how_many_they_are_possible_for(
    university: University, site: Site
) -> None:
    case_ids = [university.proposed() for _ in range(3)]
    university.assign(case_ids[1], "project_leader", "member")
    browser = site.browser("member")

    page = text_of(browser.get(f"/tasks/selected?{_query(case_ids)}"))

    offered = re.findall(r"/tasks/selected/(\w+)\?", page)
    assert offered == ["approve", "reject"]
    assert "已选3项" in page
    assert "其中2项现在可以办理" in page


def test_bases_in_different_states_have_nothing_in_common(university: University, site: Site) -> None:
    case_ids = [university.proposed(), university.approved()]

    page = text_of(site.browser("office").get(f"/tasks/selected?{_query(case_ids)}"))

    assert "所选各项没有可以一并办理的相同事项" in page


def test_inbox_lets_select_what_can_be_decided_together(university: University, site: Site) -> None:
    case_id = university.proposed()
    university.approved()
    university.sent_back()

    member, ticked, office, leader = (
        text_of(site.browser(who).get(address))
        for who, address in (("member", "/"), ("member", "/?ticked=all"), ("office", "/"), ("leader", "/"))
    )

    assert f'name="case" value="{case_id}">' in member
    assert f'name="case" value="{case_id}" checked>' in ticked
    assert "登记协议签订</a>" in office
    assert "提交申报</a>" in leader
    assert 'name="case"' not in office + leader


def test_step_that_chooses_can_be_selected(
    university: University, site: Site, at_ten: time_machine.Traveller
) -> None:
    case_id = university.in_midterm()
    university.done(
        case_id,
        "progress_report",
        "leader",
        progress_report_file=university.document(case_id, "progress_report_file"),
    )
    at_ten.move_to(university.at)
    browser = site.browser("office")

    form = text_of(browser.get(f"/tasks/selected/conclude_midterm?{_query([case_id])}"))

    assert f'name="case" value="{case_id}"' in text_of(browser.get("/"))
    assert 'name="outcome" value="passed"' in form or '<option value="passed"' in form
    assert 'name="opinion"' in form


def test_list_one_comes_back_to_has_nothing_ticked(university: University, site: Site) -> None:
    university.proposed()

    page = hidden(site.browser("member").get("/?q=水城&ticked=all&endpoint=x&_scheme=ftp"))

    assert page["back"] == "/?q=%E6%B0%B4%E5%9F%8E"


@pytest.mark.parametrize("act", ["send_back", "amend", "correct", "revoke", "sign_agreement", "no_such_act"])
def test_act_that_needs_something_of_each_base_is_decided_alone(
    university: University, site: Site, act: str
) -> None:
    case_id = university.proposed()

    assert _consequences(site.browser("office"), act, [case_id]).status_code == 404


def test_hidden_base_among_the_selected_is_answered_like_a_missing_one(
    university: University, site: Site
) -> None:
    mine = university.proposed()
    theirs = university.proposed(who="other_leader", unit="药学院")
    browser = site.browser("head")

    there = browser.get(f"/tasks/selected?{_query([mine, theirs])}")
    missing = browser.get(f"/tasks/selected?{_query([mine, NOBODYS])}")

    assert (there.status_code, missing.status_code) == (404, 404)
    assert text_of(there).replace(theirs, "") == text_of(missing).replace(NOBODYS, "")


@pytest.mark.parametrize(("count", "said"), [(0, "请先在列表中选择要办理的事项"), (51, "一次最多办理50项")])
def test_selection_of_none_or_too_many_leads_back(site: Site, count: int, said: str) -> None:
    browser = site.browser("member")
    query = _query([f"01900000-0000-7000-8000-{number:012d}" for number in range(count)])

    answer = browser.get(f"/tasks/selected?{query}&back=/?q=x")

    assert (answer.status_code, answer.location) == (303, "/?q=x")
    assert said in text_of(browser.get(answer.location))


@pytest.mark.parametrize(
    "forged",
    [
        {"row": "1 OR 1=1"},
        {"row": f"{NOBODYS} 1 1 x"},
        {"row": [f"01900000-0000-7000-8000-{number:012d} 2 2 {'0' * 64}" for number in range(51)]},
        {"row": []},
        {"key": "short"},
    ],
)
def test_forged_request_is_refused(university: University, site: Site, forged: dict[str, Any]) -> None:
    case_id = university.proposed()
    browser = site.browser("member")
    sent = hidden(_consequences(browser, "approve", [case_id]))

    answer = browser.client.post("/tasks/selected/approve", data={**sent, **forged})

    assert answer.status_code == 400
    assert university.state(case_id) == "proposed"


def test_results_are_shown_to_whom_they_belong(university: University, site: Site) -> None:
    browser = site.browser("member")
    answer = _carry_out(browser, "approve", _consequences(browser, "approve", [university.proposed()]))

    assert browser.get(answer.location).status_code == 200
    assert site.browser("second_member").get(answer.location).status_code == 404
    assert browser.get("/tasks/results/abcdefghijklmnopqrstuvwx").status_code == 404


def test_pages_cost_the_same_for_one_base_and_twelve(university: University, site: Site) -> None:
    case_ids = [university.proposed() for _ in range(12)]
    browser = site.browser("member")
    _consequences(browser, "approve", case_ids)
    with Statements(site.database) as one:
        browser.get(f"/tasks/selected?{_query(case_ids[:1])}")
        _consequences(browser, "approve", case_ids[:1])

    with Statements(site.database) as twelve:
        browser.get(f"/tasks/selected?{_query(case_ids)}")
        _consequences(browser, "approve", case_ids)

    assert len(one.texts) == len(twelve.texts)


def test_request_without_its_token_is_refused(university: University, site: Site) -> None:
    case_id = university.proposed()
    browser = site.browser("member")
    sent = hidden(_consequences(browser, "approve", [case_id]))
    del sent["csrf_token"]

    assert TOKEN.search(text_of(_consequences(browser, "approve", [case_id])))
    assert browser.client.post("/tasks/selected/approve", data=sent).status_code == 400
    assert university.state(case_id) == "proposed"
