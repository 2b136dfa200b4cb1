"""The whole way of a base that goes wrong wherever it can and is certified all the same, walked by more than eight people."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from dateutil.relativedelta import relativedelta

from tests.web.town import (
    MEMBERS,
    Town,
    agree,
    assessment,
    criteria,
    declare,
    moved,
    opinion,
    proposed,
    seal,
    sign,
    submitted_again,
    troubles,
)

pytestmark = pytest.mark.xdist_group("journey")


def test_base_is_certified_after_every_detour(town: Town) -> None:
    town.set(expert_review_on="yes", midterm_experts_on="yes")
    case_id = approved_at_last(town)
    start = town.today
    sign(town, case_id)
    midterm_with_a_return(town, case_id, start)
    certified_at_last(town, case_id, start + relativedelta(years=3))

    assert town.state(case_id) == "certified"
    assert troubles(town.database) == []


def approved_at_last(town: Town) -> str:
    """Withdrawn once and returned at each step; a signer added, an expert who stands aside and one who is replaced, a
    missed quorum, a tie, a delegate."""
    withdrawn = proposed(town, "聊城曲折试验有限公司")
    town.visitor("leader").decide(withdrawn, "withdraw")
    assert town.state(withdrawn) == "withdrawn"
    case_id = proposed(town, "聊城曲折试验有限公司")
    town.visitor("head").decide(case_id, "send_back", {"comment": "请补充合作内容"})
    submitted_again(town, case_id)

    town.visitor("head").about_round(
        case_id, "add_signer", {"to": "officer", "side": "前", "reason": "请先核对"}
    )
    agree(town, case_id, "college_opinion", "officer", "head")
    town.visitor("office").decide(
        case_id, "form_check", {"outcome": "back_to_college_opinion", "comment": "意见太简"}
    )
    agree(town, case_id, "college_opinion", "head")
    town.visitor("office").decide(case_id, "send_back", {"comment": "附件不清"})
    submitted_again(town, case_id)

    signed_up_to_the_experts(town, case_id)
    name(town, case_id, "expert1", "expert2")
    declare(town, case_id, "expert2")
    town.visitor("expert2").decide(case_id, "send_back", {"comment": "条件未说明"})
    submitted_again(town, case_id)

    signed_up_to_the_experts(town, case_id)
    name(town, case_id, "expert1", "expert2")
    stand_aside(town, case_id, "expert2")
    name(town, case_id, "expert3")
    town.visitor("office").about_round(
        case_id,
        "replace_expert",
        {"person": town.called("expert3"), "to": town.called("expert4"), "reason": "出差"},
    )
    for expert in ("expert1", "expert4"):
        seal(town, case_id, "expert_review", opinion(), expert)

    town.visitor("member2").decide(case_id, "send_back", {"comment": "再议"})
    submitted_again(town, case_id)
    signed_up_to_the_experts(town, case_id)
    name(town, case_id, "expert1", "expert4")
    for expert in ("expert1", "expert4"):
        seal(town, case_id, "expert_review", opinion(), expert)

    vote(town, case_id, "selection", agree=["chair"])
    town.visitor("office").about_round(case_id, "close_vote")
    assert "未达法定人数" in town.said(case_id)
    vote(
        town,
        case_id,
        "selection",
        agree=["chair", "member"],
        refuse=["member2", "member3"],
        abstain=["member4"],
    )
    assert "票数相等" in town.said(case_id)
    lend(town, "member4", to="head2")
    vote(town, case_id, "selection", agree=MEMBERS[:-1])
    on_behalf(town, "head2", case_id)
    assert town.state(case_id) == "approved"
    return case_id


def signed_up_to_the_experts(town: Town, case_id: str) -> None:
    agree(town, case_id, "college_opinion", "head")
    agree(town, case_id, "form_check", "office")


def name(town: Town, case_id: str, *logins: str) -> None:
    town.visitor("office").about_round(
        case_id, "name_experts", {"people": [town.called(one) for one in logins]}
    )


def stand_aside(town: Town, case_id: str, login: str) -> None:
    """Declare a conflict of interest, which takes an expert off the panel."""
    expert = town.visitor(login)
    expert.open(f"/bases/{case_id}/round/declare")
    expert.follow("main a[href*='declare_conflict']")
    expert.choose({"reason": "曾任该公司顾问"})
    expert.press("button.btn-primary")
    expert.press("button.btn-primary")


def vote(town: Town, case_id: str, step: str, **choices: list[str] | tuple[str, ...]) -> None:
    for choice, logins in choices.items():
        for login in logins:
            town.visitor(login).decide(case_id, step, {"outcome": choice})


def lend(town: Town, login: str, *, to: str) -> None:
    """Let somebody vote in a member's place for a week."""
    member = town.visitor(login)
    member.open("/delegations/new")
    member.choose(
        {"delegate": to, "role": "领导小组", "until_on": town.today + timedelta(days=7), "reason": "出差"}
    )
    member.press("button.btn-primary")


def on_behalf(town: Town, login: str, case_id: str) -> None:
    """Vote in the place of the member whose turn it is, as one's inbox offers it."""
    delegate = town.visitor(login)
    delegate.open("/")
    delegate.follow(f"main a[href*='{case_id}'][href*='for=']")
    delegate.fill({"outcome": "agree"})
    delegate.press("button[value=preview]")
    delegate.press("button.btn-primary")


def midterm_with_a_return(town: Town, case_id: str, start: date) -> None:
    """The college sends the progress report back, and the leader hands in another."""
    town.wait_until(start + relativedelta(months=18))
    leader, head = town.visitor("leader"), town.visitor("head")
    leader.decide(case_id, "progress_report", {"progress_report_file": "进展报告.pdf"})
    head.decide(case_id, "midterm_college", {"outcome": "back_to_progress_report", "comment": "数据不全"})
    leader.decide(case_id, "progress_report", {"progress_report_file": "进展报告二.pdf"})
    agree(town, case_id, "midterm_college", "head")
    name(town, case_id, "expert1", "expert2")
    for expert in ("expert1", "expert2"):
        seal(town, case_id, "midterm_experts", assessment(), expert)
    town.visitor("office").decide(case_id, "conclude_midterm", {"outcome": "passed", "opinion": "进展良好"})
    assert town.state(case_id) == "midterm_assessed"


def certified_at_last(town: Town, case_id: str, end: date) -> None:
    town.wait_until(end - timedelta(days=89))
    town.visitor("leader").decide(case_id, "final_report", {"final_report_file": "结项报告.pdf"})
    agree(town, case_id, "final_college", "head")
    name(town, case_id, "expert1", "expert2")
    for expert in ("expert1", "expert2"):
        seal(town, case_id, "final_experts", assessment(), expert)
    town.wait_until(end + timedelta(days=1))
    certificate = {"plaque_number": "P-902", "override_reason": "年度数据已补交", **criteria("qualified")}
    office = town.visitor("office")
    office.decide(case_id, "certify", {**certificate, "outcome": "qualified"})
    vote(town, case_id, "final_vote", refuse=MEMBERS)
    assert town.state(case_id) == "final"
    moved(town, case_id, "certify", {**certificate, "outcome": "qualified"}, vote="final_vote")
