"""Whole lives of a base in a real browser, by the people of the demonstration and its clock."""

from __future__ import annotations

from datetime import timedelta

import pytest
from dateutil.relativedelta import relativedelta

from tests.web.browsing import Visitor
from tests.web.town import (
    Town,
    agree,
    assessment,
    criteria,
    in_final,
    judge,
    moved,
    proposed,
    signed,
    troubles,
)

pytestmark = pytest.mark.xdist_group("journey")


def test_base_goes_from_proposal_to_certification(town: Town) -> None:
    town.set(expert_review_on="yes", midterm_experts_on="yes")
    case_id, _ = in_final(town, "聊城未来机器人有限公司", by_experts=True)

    receipt = moved(
        town,
        case_id,
        "certify",
        {
            "plaque_number": "P-901",
            "outcome": "qualified",
            "override_reason": "年度数据已补交",
            **criteria("qualified"),
        },
        vote="final_vote",
    )

    assert town.state(case_id) == "certified"
    assert "第" in receipt
    assert troubles(town.database) == []


def test_unrenewed_agreement_lapses_on_the_day_after_its_last(town: Town) -> None:
    case_id = signed(town, "聊城短约科技有限公司", years=1)
    last_day = town.today + relativedelta(years=1, days=-1)

    town.wait_until(last_day)
    before = town.state(case_id)
    town.wait_until(last_day + timedelta(days=1))

    assert (before, town.state(case_id)) == ("agreement_signed", "lapsed")
    assert troubles(town.database) == []


def test_revoked_pair_may_not_propose_again(town: Town) -> None:
    partner = "聊城Future机器人（集团）有限公司"
    case_id, end = in_final(town, partner)
    moved(
        town, case_id, "order_rectification",
        {"outcome": "unqualified", "reason": "成效不足", "rectify_by": end + timedelta(days=60)},
        vote="final_vote",
    )  # fmt: skip
    assert town.state(case_id) == "rectification"
    town.wait_until(end + timedelta(days=90))
    agree(town, case_id, "evidence_check", "office")
    judge(town, case_id, "rectification_experts", assessment())
    moved(
        town, case_id, "revoke",
        {"reason": "整改不到位", "clawback": "no"},
        vote="rectification_vote",
    )  # fmt: skip
    assert town.state(case_id) == "rectification"
    second = town.visitor("office2")
    second.open(f"/bases/{case_id}")
    confirm(second)
    assert town.state(case_id) == "revoked"
    decided = town.today

    again = proposed(town, "聊城ＦＵＴＵＲＥ 机器人(集团)有限公司")

    assert town.state(again) == "draft"
    text = town.visitor("leader").open(f"/proposals/{again}/review")
    possible = decided + relativedelta(years=3, days=1)
    assert f"{possible.year}年{possible.month}月{possible.day}日" in text
    assert troubles(town.database) == []


def confirm(visitor: Visitor) -> None:
    """Follow the base page to the proposal that waits, and confirm it."""
    visitor.page.click("main a[href$='/proposal']")
    visitor.page.wait_for_url("**/proposal")
    for box in visitor.page.locator("main form [name=confirmed]").all():
        box.check()
    visitor.press("button.btn-primary")


def test_base_is_extended_once(town: Town) -> None:
    start = town.today
    case_id = signed(town, "聊城延期试验有限公司")
    town.wait_until(start + relativedelta(months=22))
    agree(town, case_id, "midterm_college", "head")
    town.visitor("office").decide(case_id, "conclude_midterm", {"outcome": "not_held", "reason": "未开展"})
    end = start + relativedelta(years=3)
    town.wait_until(end - timedelta(days=80))
    town.visitor("leader").decide(case_id, "final_report", {"extension_application": "延期申请.pdf"})
    agree(town, case_id, "final_college", "head")
    judge(town, case_id, "final_experts", assessment())

    moved(town, case_id, "extend", {}, vote="final_vote")

    assert town.state(case_id) == "extended"
    town.wait_until(end + relativedelta(years=1) - timedelta(days=89))
    assert town.state(case_id) == "final"
    assert troubles(town.database) == []
