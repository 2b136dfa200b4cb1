"""Taking part in a decision on the pages: what is decided, what one's ballot brings about, the receipt, the sheet."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
import time_machine

from models import Database
from tests.university import Founding, University
from tests.web.conftest import Walk, text_of
from tests.web.programs import program
from tests.web.signing_in import Site, site_over
from tests.workflow.routing import EXPERTS, MEMBERS, at_vote, do, founded
from workflow.operations.rounds import name_experts


@pytest.fixture
def founding() -> Founding:
    return founded


def walk(site: Site, who: str, case_id: str, act: str) -> Walk:
    return Walk(browser=site.browser(who), case_id=case_id, act=act)


def in_final(here: University) -> str:
    """A base whose panel at the final assessment has been named."""
    case_id = at_vote(here)
    for who in MEMBERS:
        here.done(case_id, "selection", who, outcome="agree")
    here.done(case_id, "sign_agreement", "office", **here.agreement(case_id))
    here.tick(case_id, date(2027, 9, 10))
    report = here.document(case_id, "progress_report_file")
    here.done(case_id, "progress_report", "leader", progress_report_file=report)
    here.done(case_id, "midterm_college", "head", outcome="agree", comment="中期良好")
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who="office")
    for name in EXPERTS[:3]:
        here.done(case_id, "midterm_experts", name, outcome="seal", assessment=sheet(here))
    here.done(case_id, "conclude_midterm", "office", outcome="passed", opinion="良好")
    here.tick(case_id, date(2028, 12, 10))
    final = here.document(case_id, "final_report_file")
    here.done(case_id, "final_report", "leader", final_report_file=final)
    here.done(case_id, "final_college", "head", outcome="agree", comment="成效显著")
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who="office")
    for name in EXPERTS[:3]:
        here.declare(case_id, name)
    return case_id


def sheet(here: University) -> dict[str, Any]:
    return {name: {"mark": 80, "remark": "扎实"} for name in here.definition.sheets["assessment"]}


def typed(here: University, mark: str = "80") -> dict[str, str]:
    return {
        name: value
        for heading in here.definition.sheets["assessment"]
        for name, value in (
            (f"assessment.{heading}.mark", mark),
            (f"assessment.{heading}.remark", f"评价{heading}"),
        )
    }


def test_act_that_only_its_form_can_allow_is_offered(lite: Site) -> None:
    case_id = at_vote(lite.university)
    step = walk(lite, MEMBERS[0], case_id, "send_back")

    page, form = text_of(step.browser.get(f"/bases/{case_id}")), step.form()
    empty = step.preview({}, form=form)

    assert f'href="{step.address}"' in page
    assert "至少填写一项" not in page + text_of(form)
    assert "以下各项至少填写一项：退回原因、意见" in text_of(empty)


def test_ballot_goes_from_what_is_decided_to_its_receipt(site: Site) -> None:
    here = site.university
    case_id = at_vote(here)
    step = walk(site, MEMBERS[0], case_id, "selection")

    form = step.form()
    consequences = step.preview({"outcome": "agree"}, form=form)
    answer = step.carry_out(consequences)
    receipt = text_of(step.browser.get(answer.location))

    assert "cooperation_plan.pdf" in text_of(form)
    assert "责任学院意见" in text_of(form)
    assert " checked" not in text_of(form)
    assert "“领导小组表决”仍待4人。" in text_of(consequences)
    assert "“领导小组表决”的表态已记录" in receipt
    assert here.state(case_id) == "proposed"


@pytest.mark.parametrize("secret", [False, True])
def test_last_vote_tells_nothing_of_the_others_before_it_is_cast(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, at_ten: object, secret: bool
) -> None:
    """Whoever tries both choices sees the same page but for their own; the receipt tells what it came to."""
    here = founded(sqlite_database, secret_ballot=secret)
    lite = site_over(sqlite_database, monkeypatch, university=here)
    case_id = at_vote(here)
    for who in MEMBERS[:4]:
        here.done(case_id, "selection", who, outcome="agree")
    step = walk(lite, MEMBERS[4], case_id, "selection")
    form = step.form()

    pages = {choice: step.preview({"outcome": choice}, form=form) for choice in ("agree", "refuse")}

    text = text_of(pages["agree"])
    assert "此项使“领导小组表决”结束；其后如何，由全部表态共同决定，提交后显示。" in text
    assert "批准立项" not in text.partition("<main")[2]
    assert "期限不变" not in text
    assert _impersonal(pages["agree"]) == _impersonal(pages["refuse"])
    receipt = step.browser.get(step.carry_out(pages["refuse"]).location)
    assert "确定立项" in text_of(receipt).partition("<main")[2]
    assert here.state(case_id) == "approved"


def _impersonal(answer: Any) -> str:
    """A page of consequences without the reader's own choice and the hash of what it shows."""
    text = re.sub(r'(name="shown" value=")[0-9a-f]{64}', r"\1", text_of(answer))
    for own in ('value="agree"', 'value="refuse"', "不同意", "同意"):
        text = text.replace(own, "…")
    return text


def test_program_is_told_no_more_than_the_page(lite: Site) -> None:
    here = lite.university
    case_id = at_vote(here)
    for who in MEMBERS[:4]:
        here.done(case_id, "selection", who, outcome="agree")
    asks = program(lite, MEMBERS[4])

    told = {
        choice: asks.send(f"/cases/{case_id}/acts/selection/preview", {"outcome": choice}).json
        for choice in ("agree", "refuse")
    }

    for answer in told.values():
        assert answer.pop("changes")
    assert told["agree"] == told["refuse"]
    assert [step["act"]["name"] for step in told["agree"]["steps"]] == ["selection"]
    assert "decided by all the ballots together" in told["agree"]["undisclosed"]


def test_signature_says_who_comes_next_by_name(lite: Site) -> None:
    here = lite.university
    case_id = here.open()
    here.done(case_id, "submit", "leader", **here.proposal(case_id))

    page = text_of(walk(lite, "head", case_id, "college_opinion").preview({"outcome": "agree"}))

    assert "此项使“责任学院意见”结束：同意。" in page
    assert "接下来由office、second_office办理“形式审查”。" in page


def test_ballot_that_became_the_last_meanwhile_is_shown_again(lite: Site) -> None:
    """Others' ballots do not make a form stale; what one's own would bring about is compared before it is cast."""
    here = lite.university
    case_id = at_vote(here)
    for who in MEMBERS[:3]:
        here.done(case_id, "selection", who, outcome="agree")
    step = walk(lite, MEMBERS[4], case_id, "selection")
    consequences = step.preview({"outcome": "agree"})
    here.done(case_id, "selection", MEMBERS[3], outcome="agree")

    answer = step.carry_out(consequences)

    assert answer.status_code == 409
    assert "此项使“领导小组表决”结束；其后如何" in text_of(answer)
    assert here.state(case_id) == "proposed"
    assert step.carry_out(answer).status_code == 303
    assert here.state(case_id) == "approved"


def test_refusal_without_a_reason_is_asked_for_it(lite: Site) -> None:
    here = lite.university
    case_id = here.open()
    here.done(case_id, "submit", "leader", **here.proposal(case_id))

    answer = walk(lite, "head", case_id, "college_opinion").preview({"outcome": "refuse"})

    assert answer.status_code == 422
    assert "选择“不同意”时须填写“意见”" in text_of(answer)


def test_running_vote_is_not_told_on_the_page_or_in_its_history(lite: Site) -> None:
    case_id = at_vote(lite.university)
    lite.university.done(case_id, "selection", MEMBERS[0], outcome="refuse", comment="条件不足")

    pages = {
        who: text_of(lite.browser(who).get(f"/bases/{case_id}")) for who in ("office", MEMBERS[1], "leader")
    }

    for page in pages.values():
        assert "条件不足" not in page
        assert "已收到1份，共5份" in page
    assert "条件不足" in text_of(lite.browser(MEMBERS[0]).get(f"/bases/{case_id}"))


@pytest.fixture
def panel(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> tuple[Site, str]:
    here = founded(sqlite_database)
    case_id = in_final(here)
    return site_over(sqlite_database, monkeypatch, university=here), case_id


def test_sheet_is_read_back_before_it_is_sealed(panel: tuple[Site, str]) -> None:
    site, case_id = panel

    with time_machine.travel(site.university.at, tick=False):
        step = walk(site, EXPERTS[0], case_id, "final_experts")
        form = text_of(step.form())
        consequences = step.preview({"outcome": "seal", **typed(site.university)})
        sealed = step.carry_out(consequences)
        receipt = step.browser.get(sealed.location)

    assert "省级以上奖励" in form
    assert "系统统计：0，需3" in form
    assert "成效显著" in form
    page = text_of(consequences)
    assert "保障条件：— → 80分；评价conditions" in page
    assert "创新举措与成效：— → 80分；评价innovation" in page
    assert "“专家结项考核”仍待2人。" in page
    assert sealed.status_code == 303
    assert receipt.status_code == 200


def test_sheet_is_kept_as_a_draft_and_beside_its_faults(panel: tuple[Site, str]) -> None:
    site, case_id = panel

    with time_machine.travel(site.university.at, tick=False):
        step = walk(site, EXPERTS[0], case_id, "final_experts")
        step.preview(
            {"do": "save", "assessment.conditions.mark": "91", "assessment.conditions.remark": "先存"}
        )
        saved = text_of(step.form())
        wrong = step.preview({"outcome": "seal", **typed(site.university, "101")})
        half = step.preview({"outcome": "seal", "assessment.conditions.mark": "91"})

    assert 'value="91"' in saved
    assert "先存</textarea>" in saved
    assert wrong.status_code == 400
    assert "“考核评分表”的分数须为0至100的整数" in text_of(wrong)
    assert 'value="101"' in text_of(wrong)
    assert half.status_code == 422
    assert "未评分或评价" in text_of(half)


def test_motion_is_shown_to_those_who_vote_on_it(panel: tuple[Site, str]) -> None:
    site, case_id = panel
    here = site.university

    for name in EXPERTS[:3]:
        here.done(case_id, "final_experts", name, outcome="seal", assessment=sheet(here))
    here.tick(case_id, date(2029, 5, 9))
    with time_machine.travel(here.at, tick=False):
        office = walk(site, "office", case_id, "order_rectification")
        moved = office.preview({"outcome": "unqualified", "reason": "学生偏少", "rectify_by": "2029-09-01"})
        receipt = office.browser.get(office.carry_out(moved).location)
        form = text_of(walk(site, MEMBERS[0], case_id, "final_vote").form())

    assert "此项不立即生效：由“领导小组对等次表决”表决。" in text_of(moved)
    assert "已提出“责令限期整改”" in text_of(receipt)
    assert here.state(case_id) == "final"
    assert "提出：责令限期整改（不合格）" in form
    assert "学生偏少" in form
    assert "平均80.0分" in form
