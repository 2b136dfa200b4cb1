"""A proposal from an empty draft to its submission, and back again when a reviewer sends it back."""

from __future__ import annotations

import io
import re
from datetime import date, datetime
from typing import Any

import pytest

from models import Call
from tests.university import University
from tests.web.conftest import hidden, text_of
from tests.web.signing_in import Browser, Site

PDF = b"%PDF-1.4\n1 0 obj << >> endobj\n%%EOF\n"
CODE = "91371500MA3C000001"


def _begin(site: Site, who: str = "leader", unit: str = "计算机学院") -> tuple[Browser, str]:
    browser = site.browser(who)
    page = browser.get("/proposals/new")
    answer = browser.client.post("/proposals/new", data={**hidden(page), "unit": site.university.units[unit]})
    assert answer.status_code == 303, text_of(answer)
    return browser, answer.location.rsplit("/", 1)[1]


def _fill(browser: Browser, case_id: str, section: str, **typed: Any) -> Any:
    address = f"/proposals/{case_id}/{section}"
    page = browser.get(address)
    names = {name.replace("__", "."): value for name, value in typed.items()}
    return browser.client.post(address, data={**hidden(page), **names}, content_type="multipart/form-data")


def _fill_all(
    browser: Browser, site: Site, case_id: str, *, partner: str = "某某单位", code: str = ""
) -> None:
    _fill(browser, case_id, "basics", base_name=f"{partner}基地")
    _fill(
        browser,
        case_id,
        "partner",
        partner__name=partner,
        partner__credit_code=code,
        partner__kind="enterprise",
    )
    _fill(
        browser, case_id, "colleges", lead_college=site.university.units["计算机学院"], programmes="电子信息"
    )
    answers: dict[str, str] = {}
    for item in site.university.definition.lists["eligibility"]:
        answers |= {f"eligibility__{item}__met": "yes", f"eligibility__{item}__note": "见附件"}
    _fill(browser, case_id, "eligibility", **answers)
    _fill(browser, case_id, "plan", cooperation_plan=(io.BytesIO(PDF), "合作计划.pdf"))


def _submit(browser: Browser, case_id: str) -> Any:
    review = browser.get(f"/proposals/{case_id}/review")
    consequences = browser.client.post(f"/bases/{case_id}/acts/submit/preview", data=hidden(review))
    return browser.client.post(f"/bases/{case_id}/acts/submit", data=hidden(consequences))


def test_proposal_goes_from_an_empty_draft_to_its_submission(site: Site) -> None:
    browser, case_id = _begin(site)
    _fill_all(browser, site, case_id)

    answer = _submit(browser, case_id)

    assert answer.status_code == 303
    assert site.university.state(case_id) == "proposed"
    page = text_of(site.browser("member").get(f"/bases/{case_id}"))
    assert "SB-2026-001" in page
    assert "某某单位（企业）" in page
    assert "合作计划.pdf" in page


def test_draft_begun_twice_with_one_form_is_one(site: Site) -> None:
    browser = site.browser("leader")
    sent = {**hidden(browser.get("/proposals/new")), "unit": site.university.units["计算机学院"]}

    first, second = (browser.client.post("/proposals/new", data=sent) for _ in range(2))

    assert first.location == second.location
    assert len(site.entries("open")) == 1


def test_draft_is_opened_for_ones_own_college_only(site: Site) -> None:
    browser = site.browser("leader")
    sent = {**hidden(browser.get("/proposals/new")), "unit": site.university.units["药学院"]}

    answer = browser.client.post("/proposals/new", data=sent)

    assert answer.status_code == 403
    assert site.entries("open") == []


@pytest.mark.parametrize("who", ["office", "head", "stranger"])
def test_only_project_leaders_open_drafts(site: Site, who: str) -> None:
    answer = site.browser(who).get("/proposals/new")

    assert answer.status_code == 403
    assert "只有登记为项目负责人的人员可以申报" in text_of(answer)


def test_sections_say_how_far_they_have_come(site: Site) -> None:
    browser, case_id = _begin(site)
    _fill(browser, case_id, "basics", base_name="某某基地")
    _fill(browser, case_id, "partner", partner__name="某某单位")

    page = text_of(browser.get(f"/proposals/{case_id}"))

    states = re.findall(r'class="step-(\w+)"', page)
    assert states == ["filled", "wrong", "filled", "empty", "empty"]


def test_what_cannot_be_read_is_kept_as_it_was_typed(site: Site) -> None:
    browser, case_id = _begin(site)

    answer = _fill(
        browser,
        case_id,
        "partner",
        partner__name="某某单位",
        partner__credit_code="123",
        partner__kind="enterprise",
    )
    again = text_of(browser.get(f"/proposals/{case_id}/partner"))

    assert answer.status_code == 400
    assert "统一社会信用代码须为18位" in text_of(answer)
    assert 'value="123"' in again


def test_cleared_field_stays_cleared(site: Site) -> None:
    browser, case_id = _begin(site)
    _fill(
        browser, case_id, "colleges", lead_college=site.university.units["计算机学院"], programmes="电子信息"
    )

    _fill(browser, case_id, "colleges", lead_college=site.university.units["计算机学院"], programmes="")

    assert "电子信息" not in text_of(browser.get(f"/proposals/{case_id}/colleges"))


def test_draft_belongs_to_its_leader(site: Site) -> None:
    _, case_id = _begin(site)

    seen = {
        who: site.browser(who).get(f"/proposals/{case_id}/basics").status_code
        for who in ("other_leader", "office")
    }

    assert seen == {"other_leader": 404, "office": 403}


def test_submitted_proposal_is_no_draft_any_more(site: Site) -> None:
    browser, case_id = _begin(site)
    _fill_all(browser, site, case_id)
    _submit(browser, case_id)

    assert browser.get(f"/proposals/{case_id}/basics").status_code == 404
    assert browser.get(f"/proposals/{case_id}").location == f"/bases/{case_id}"


def test_form_of_the_submission_leads_to_the_sections(site: Site) -> None:
    browser, case_id = _begin(site)

    assert browser.get(f"/bases/{case_id}/acts/submit").location == f"/proposals/{case_id}"


def test_review_names_everything_that_is_missing(site: Site) -> None:
    browser, case_id = _begin(site)

    page = text_of(browser.get(f"/proposals/{case_id}/review"))

    assert all(f"未填写“{field}”" in page for field in ("基地名称", "合作单位", "基本条件", "合作计划"))
    assert "查看办理后果" not in page


def test_review_says_when_a_call_opens(site: Site) -> None:
    browser, case_id = _begin(site)
    _fill_all(browser, site, case_id)
    with site.database.transaction() as session:
        call = session.query(Call).one()
        call.opens_on = date(2026, 4, 1)
        from workflow.world import bump

        bump(session)

    page = text_of(browser.get(f"/proposals/{case_id}/review"))

    assert "当前没有开放的申报批次" in page
    assert "最早可于2026年4月1日办理" in page


# ───────────────────────────── The partner


def test_partner_without_a_ban_is_said_to_be_good(site: Site) -> None:
    browser, case_id = _begin(site)

    _fill(browser, case_id, "partner", partner__name="某某单位", partner__kind="enterprise", do="stay")

    assert "没有重新申报限制，也没有重复的基地" in text_of(browser.get(f"/proposals/{case_id}/partner"))


def test_partner_that_has_a_base_is_stopped_at_once(site: Site) -> None:
    site.university.signed(partner="水城人民医院")
    browser, case_id = _begin(site)
    sent = hidden(browser.get(f"/proposals/{case_id}/partner"))

    part = browser.client.post(
        f"/proposals/{case_id}/partner/check",
        data={
            **sent,
            "partner.name": "水城 人民醫院",
            "partner.kind": "public_institution",
            "partner.credit_code": "",
        },
    )

    assert part.status_code == 200
    assert "同一责任学院与合作单位已有基地：水城人民医院研究生联合培养基地（LP2026-001）" in text_of(part)
    assert "<html" not in text_of(part)


def test_partner_check_keeps_nothing(site: Site) -> None:
    browser, case_id = _begin(site)
    sent = hidden(browser.get(f"/proposals/{case_id}/partner"))

    browser.client.post(f"/proposals/{case_id}/partner/check", data={**sent, "partner.name": "某某单位"})

    assert "某某单位" not in text_of(browser.get(f"/proposals/{case_id}/partner"))


def test_wrong_check_digit_is_a_warning_only(site: Site) -> None:
    browser, case_id = _begin(site)

    answer = _fill(
        browser,
        case_id,
        "partner",
        partner__name="某某单位",
        partner__credit_code=CODE,
        partner__kind="enterprise",
    )

    assert answer.status_code == 303
    assert "校验位不符" in text_of(browser.get(f"/proposals/{case_id}/partner"))


def test_banned_partner_in_disguise_is_stopped_with_the_day_it_ends(site: Site) -> None:
    university = site.university
    base = university.signed(partner="水城某某科技有限公司")
    _revoke(university, base)
    browser, case_id = _begin(site)
    sent = hidden(browser.get(f"/proposals/{case_id}/partner"))

    part = browser.client.post(
        f"/proposals/{case_id}/partner/check",
        data={**sent, "partner.name": "水城　某某 科技有限公司", "partner.kind": "enterprise"},
    )

    assert "重新申报限制期内，至" in text_of(part)
    assert "最早可于" in text_of(part)


def _revoke(university: University, case_id: str) -> None:
    """Impose the ban of a revocation, as its effect writes it."""
    from models import Ban, JointBase, new_key

    with university.database.transaction() as session:
        base = session.get_one(JointBase, case_id)
        session.add(
            Ban(
                id=new_key(), case_id=case_id, seq=1, name="reapplication", subject="partner_and_any_college",
                partner_id=base.partner_id, college_ids=[base.lead_college_id], person_id=None,
                decided_on=date(2026, 3, 10), last_day=date(2029, 3, 10), voided_seq=None,
            )
        )  # fmt: skip


# ───────────────────────────── The lead college


def _choices(page: str, field: str) -> list[str]:
    """The texts one may choose from in a field, in order."""
    drawn = page.partition(f'name="{field}"')[2].partition("</select>")[0]
    return re.findall(r"<option[^>]*value=\"[^\"]+\"[^>]*>([^<]+)</option>", drawn)


def test_only_ones_own_colleges_are_offered_to_lead(site: Site) -> None:
    browser, case_id = _begin(site)

    page = text_of(browser.get(f"/proposals/{case_id}/colleges"))

    assert _choices(page, "lead_college") == ["计算机学院"]
    assert "药学院" in page.partition('name="other_colleges"')[2]


def test_lead_college_of_others_is_refused_beside_its_field(site: Site) -> None:
    browser, case_id = _begin(site)
    _fill_all(browser, site, case_id)
    forged = {
        **hidden(browser.get(f"/proposals/{case_id}/review")),
        "lead_college": site.university.units["药学院"],
    }
    _fill(browser, case_id, "colleges", lead_college=site.university.units["药学院"])

    review = browser.get(f"/proposals/{case_id}/review")
    shown = browser.client.post(f"/bases/{case_id}/acts/submit/preview", data=forged)
    sent = browser.client.post(f"/bases/{case_id}/acts/submit", data={**forged, "shown": "x"})

    for page in (review, shown, sent):
        assert "“责任学院”只能选择您担任项目负责人的单位" in text_of(page)
    assert (shown.status_code, sent.status_code) == (422, 422)
    assert site.university.state(case_id) == "draft"


# ───────────────────────────── Sent back


def test_returned_proposal_shows_each_reason_beside_its_field_and_keeps_what_was_filled_in(
    site: Site,
) -> None:
    browser, case_id = _begin(site)
    _fill_all(browser, site, case_id)
    _submit(browser, case_id)
    site.university.at = datetime.fromisoformat("2026-03-20T02:00:00+00:00")
    site.university.done(
        case_id, "send_back", "head", reasons_by_field={"partner": "请写全称"}, resubmit_by="2026-04-10"
    )

    listed = text_of(browser.get(f"/proposals/{case_id}"))
    section = text_of(browser.get(f"/proposals/{case_id}/partner"))

    assert "请于2026年4月10日（含当日）前重新提交" in listed
    assert "按退回意见修改" in listed
    assert "退回意见：请写全称" in section
    assert 'value="某某单位"' in section


def test_returned_proposal_is_sent_again_with_its_number(site: Site) -> None:
    browser, case_id = _begin(site)
    _fill_all(browser, site, case_id)
    _submit(browser, case_id)
    site.university.at = datetime.fromisoformat("2026-03-20T02:00:00+00:00")
    site.university.done(case_id, "send_back", "head", reasons_by_field={"base_name": "请写全称"})
    listed = text_of(browser.get(f"/proposals/{case_id}"))
    _fill(browser, case_id, "basics", base_name="某某单位联合培养基地")

    answer = _submit(browser, case_id)

    page = text_of(browser.get(f"/bases/{case_id}"))
    assert "请于2026年4月3日（含当日）前重新提交" in listed
    assert answer.status_code == 303
    assert "某某单位联合培养基地" in page
    assert "SB-2026-001" in page
