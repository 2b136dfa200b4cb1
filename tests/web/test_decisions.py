"""From the form over its consequences to the receipt, and everything that can come in between."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
import time_machine
from sqlalchemy import func, select

from models import Draft, Entry, Person
from tests.university import University
from tests.web.conftest import Walk, hidden, text_of
from tests.web.signing_in import Site
from workflow.words import day_text

Walking = Callable[[str, str, str], Walk]

PDF = b"%PDF-1.4\n1 0 obj << >> endobj\n%%EOF\n"


def _agreement() -> dict[str, object]:
    return {
        "agreement_number": "XY-1",
        "signed_on": "2026-03-20",
        "agreement_first_day": "2026-03-20",
        "agreement_last_day": "2030-03-19",
        "agreement_scan": (io.BytesIO(PDF), "协议扫描件.pdf"),
        "contact_person": "张三",
        "contact_phone": "13000000000",
    }


def test_approval_goes_from_form_to_receipt(university: University, walk: Walking) -> None:
    case_id = university.proposed()
    step = walk("member", case_id, "approve")

    consequences = step.preview({})
    before = university.state(case_id)
    answer = step.carry_out(consequences)
    receipt = step.browser.get(answer.location)

    assert (consequences.status_code, before) == (200, "proposed")
    assert "基地编号：— → LP2026-001" in text_of(consequences)
    assert "签订协议期限" in text_of(consequences)
    assert (answer.status_code, university.state(case_id)) == (303, "approved")
    assert "第3号" in text_of(receipt)


def test_looking_at_the_form_changes_nothing(university: University, site: Site, walk: Walking) -> None:
    case_id = university.proposed()
    before = site.entry_count()

    walk("member", case_id, "approve").form()

    assert (site.entry_count(), university.state(case_id)) == (before, "proposed")


def test_nothing_is_chosen_before_the_reader_chooses(university: University, walk: Walking) -> None:
    case_id = university.proposed()

    page = text_of(walk("member", case_id, "approve").form())

    assert " checked" not in page


def test_double_submit_shows_the_first_receipt(university: University, site: Site, walk: Walking) -> None:
    case_id = university.proposed()
    step = walk("member", case_id, "approve")
    consequences = step.preview({})
    step.carry_out(consequences)
    entries = site.entry_count()

    again = step.carry_out(consequences)
    receipt = step.browser.get(again.location)

    assert (again.status_code, site.entry_count()) == (303, entries)
    assert "已于2026年3月20日 10:00办理，无需重复" in text_of(receipt)


def test_double_submit_of_a_proposal_with_a_new_partner_files_it_once(
    university: University, site: Site, walk: Walking
) -> None:
    case_id = university.open()
    typed = {
        "base_name": "甲基地",
        "partner.name": "某某单位",
        "partner.kind": "enterprise",
        "lead_college": university.units["计算机学院"],
        "cooperation_plan": (io.BytesIO(PDF), "计划.pdf"),
    }
    for name in university.definition.lists["eligibility"]:
        typed |= {f"eligibility.{name}.met": "yes", f"eligibility.{name}.note": "见附件"}
    step = walk("leader", case_id, "submit")
    section = step.browser.get(f"/proposals/{case_id}/basics")
    version = university.case(case_id).version
    start = {**hidden(section), "version": str(version), "seq": "1", "key": "k" * 20}
    consequences = step.browser.client.post(f"{step.address}/preview", data={**start, **typed})
    first = step.carry_out(consequences)
    entries = site.entry_count()

    second = step.carry_out(consequences)

    assert (first.status_code, second.status_code) == (303, 303)
    assert site.entry_count() == entries


def test_stale_page_says_who_did_what_and_keeps_the_text(university: University, walk: Walking) -> None:
    case_id = university.proposed()
    step = walk("member", case_id, "reject")
    form = step.form()
    university.done(case_id, "send_back", "head", reasons_by_field={"base_name": "请写全称"})

    answer = step.preview({"reason": "材料 <不足>"}, form=form)

    page = text_of(answer)
    assert answer.status_code == 409
    assert "head · 退回修改" in page
    assert "材料 <不足></textarea>" in page
    assert university.state(case_id) == "draft"


def test_decision_overtaken_after_its_consequences_were_shown_does_not_happen(
    university: University, walk: Walking
) -> None:
    case_id = university.proposed()
    step = walk("member", case_id, "reject")
    consequences = step.preview({"reason": "不具备条件"})
    university.done(case_id, "send_back", "head", reasons_by_field={"base_name": "请写全称"})

    answer = step.carry_out(consequences)

    assert answer.status_code == 409
    assert "本次没有办理" in text_of(answer)
    assert university.state(case_id) == "draft"


def test_decision_with_other_consequences_than_were_shown_does_not_happen(
    university: University, site: Site, walk: Walking
) -> None:
    case_id = university.proposed()
    step = walk("member", case_id, "approve")
    consequences = step.preview({})
    _let_sign_within(university, "30 days")

    answer = step.carry_out(consequences)

    assert answer.status_code == 409
    assert "2026年4月20日" in text_of(answer)
    assert university.state(case_id) == "proposed"


def _let_sign_within(university: University, value: str) -> None:
    from models import Setting, new_key
    from workflow.world import bump

    with university.database.transaction() as session:
        session.add(
            Setting(
                id=new_key(), lifecycle="base", name="sign_within", value=value, from_on=university.at.date(),
                reason="test", recorded_at=university.at,
            )
        )  # fmt: skip
        bump(session)


def test_text_is_kept_beside_every_fault(university: University, walk: Walking) -> None:
    case_id = university.approved()
    step = walk("office", case_id, "sign_agreement")

    answer = step.preview({**_agreement(), "signed_on": "2026-02-30", "contact_person": ""})

    page = text_of(answer)
    assert answer.status_code == 400
    assert "“签订日期”所填日期不存在" in page
    assert 'value="XY-1"' in page
    assert 'name="agreement_scan.kept"' in page


def test_missing_fields_are_named_beside_them(university: University, walk: Walking) -> None:
    case_id = university.approved()

    answer = walk("office", case_id, "sign_agreement").preview({"agreement_number": "XY-1"})

    assert answer.status_code == 422
    assert "未填写“协议最后一日”" in text_of(answer)


def test_file_uploaded_with_a_form_belongs_to_the_act(
    university: University, site: Site, walk: Walking
) -> None:
    case_id = university.approved()
    step = walk("office", case_id, "sign_agreement")

    answer = step.carry_out(step.preview(_agreement()))

    entry = next(entry for entry in site.entries("transition") if entry.act == "sign_agreement")
    assert (answer.status_code, university.state(case_id)) == (303, "agreement_signed")
    assert "documents" in entry.body
    assert "张三" not in entry.body


def test_unknown_field_is_refused_and_not_kept(university: University, walk: Walking) -> None:
    case_id = university.proposed()

    answer = walk("member", case_id, "approve").preview({"state": "certified"})

    assert answer.status_code == 400
    assert university.state(case_id) == "proposed"


def test_warning_must_be_ticked(university: University, walk: Walking) -> None:
    case_id = university.approved()
    step = walk("office", case_id, "sign_agreement")
    consequences = step.preview({**_agreement(), "agreement_last_day": "2028-03-19"})

    unticked = step.carry_out(consequences)
    ticked = step.carry_out(consequences, confirmed="agreement_ends_before")

    assert (unticked.status_code, ticked.status_code) == (422, 303)
    assert university.state(case_id) == "agreement_signed"


@pytest.mark.parametrize("who", ["leader", "head", "auditor"])
def test_reader_without_the_role_gets_the_reason_instead_of_the_form(
    university: University, walk: Walking, who: str
) -> None:
    case_id = university.proposed()

    answer = walk(who, case_id, "approve").form()

    assert answer.status_code == 403
    assert "此项由领导小组成员办理" in text_of(answer)
    assert "<textarea" not in text_of(answer)


def test_act_of_a_base_one_may_not_see_is_answered_like_a_missing_one(
    university: University, site: Site
) -> None:
    case_id = university.proposed()
    browser = site.browser("stranger")
    missing = "01900000-0000-7000-8000-000000000000"

    hidden_one = browser.get(f"/bases/{case_id}/acts/approve")
    missing_one = browser.get(f"/bases/{missing}/acts/approve")

    assert (hidden_one.status_code, missing_one.status_code) == (404, 404)
    assert text_of(hidden_one).replace(case_id, "") == text_of(missing_one).replace(missing, "")


def test_draft_is_kept_for_the_one_who_typed_it(university: University, site: Site, walk: Walking) -> None:
    case_id = university.proposed()
    mine, other = walk("member", case_id, "reject"), walk("second_member", case_id, "reject")

    saved = mine.preview({"reason": "想一想", "do": "save"})

    assert saved.status_code == 302
    assert "想一想" in text_of(mine.form())
    assert "想一想" not in text_of(other.form())


def test_draft_is_gone_once_it_was_sent(university: University, site: Site, walk: Walking) -> None:
    case_id = university.proposed()
    step = walk("member", case_id, "reject")
    step.preview({"reason": "想一想", "do": "save"})

    step.carry_out(step.preview({"reason": "不具备条件"}))

    with site.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Draft)) == 0


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("zh", "将更正第{seq}号记录：“批准立项”，由{who}办理，生效日为{day}。"),
        ("en", "This would undo entry {seq}: “Approve”, done by {who}, effective on {day}."),
    ],
)
def test_form_of_a_correction_names_what_it_would_undo(
    university: University, site: Site, language: str, said: str
) -> None:
    case_id = university.approved()
    with university.database.reading() as session:
        row = session.execute(
            select(Entry.seq, Entry.effective_on, Person.name)
            .join(Person, Person.id == Entry.actor_id)
            .where(Entry.stream == f"case:{case_id}", Entry.act == "approve")
        ).one()

    office = site.browser("office")
    office.client.set_cookie("lang", language)

    form = text_of(office.get(f"/bases/{case_id}/acts/correct"))
    other = text_of(office.get(f"/bases/{case_id}/acts/amend?fact=base_name"))

    line = said.format(seq=row.seq, who=row.name, day=day_text(row.effective_on, language))
    assert line in form
    assert line not in other


def test_amendment_waits_for_another_person(university: University, site: Site, walk: Walking) -> None:
    case_id = university.signed()
    step = walk("office", case_id, "amend")
    form = step.browser.get(f"{step.address}?fact=base_name")
    proposed = step.carry_out(step.preview({"fact.value": "新名称", "reason": "笔误"}, form=form))
    own = step.browser.get(f"/bases/{case_id}/proposal")
    second = site.browser("second_office")
    page = second.get(f"/bases/{case_id}/proposal")

    sent = {**hidden(page), "reason": ""}
    action = _action(text_of(page), "confirm")
    answer = second.client.post(action, data=sent)

    assert proposed.status_code == 303
    assert "复核确认更正事实</button>" not in text_of(own)
    assert "新名称" in text_of(page)
    assert answer.status_code == 303
    with site.database.reading() as session:
        from models import JointBase

        assert session.get_one(JointBase, case_id).base_name == "新名称"


def test_proposal_is_declined_with_a_reason_only(university: University, site: Site, walk: Walking) -> None:
    case_id = university.signed()
    step = walk("office", case_id, "amend")
    form = step.browser.get(f"{step.address}?fact=base_name")
    step.carry_out(step.preview({"fact.value": "新名称", "reason": "笔误"}, form=form))
    second = site.browser("second_office")
    page = second.get(f"/bases/{case_id}/proposal")
    action = _action(text_of(page), "decline")

    without = second.client.post(action, data={**hidden(page), "reason": " "})
    given = second.client.post(action, data={**hidden(page), "reason": "名称没有错"})

    assert (without.status_code, given.status_code) == (422, 303)
    assert site.entries("declined")[0].act == "amend"


def _action(page: str, verb: str) -> str:
    import re

    found = re.search(rf'action="([^"]+/{verb})"', page)
    assert found is not None, page
    return found.group(1)


def test_receipt_is_titled_by_its_base_and_its_whole_hash_can_be_copied(
    university: University, site: Site
) -> None:
    case_id = university.approved()
    with university.database.reading() as session:
        digest = session.scalar(select(Entry.hash).where(Entry.stream == f"case:{case_id}", Entry.seq == 3))

    page = text_of(site.browser("office").get(f"/bases/{case_id}/receipts/3"))

    assert "<title>已记录 · 水城人民医院研究生联合培养基地" in page
    assert f'data-text="{digest}"' in page


def test_receipt_of_an_entry_that_is_not_there_is_missing(university: University, site: Site) -> None:
    case_id = university.proposed()

    assert site.browser("member").get(f"/bases/{case_id}/receipts/99").status_code == 404


def test_back_address_never_leaves_the_site(university: University, walk: Walking) -> None:
    case_id = university.proposed()
    step = walk("member", case_id, "approve")

    page = step.browser.get(f"{step.address}?back=//evil.example/x")

    assert "evil.example" not in text_of(page).replace(f"{step.address}?back=//evil.example/x", "")


# ───────────────────────────── Bad input


NUL = "一\x00二"


@pytest.mark.parametrize(
    "path",
    [
        "/?q=%00",
        "/?after=%00%00",
        "/?after=2026-99-99x",
        "/?state=%00&overdue=%00",
        "/?list=done&after=99999999999999999999",
        "/?list=copied&before=zz",
        "/bases?q=%00&college=%00&state=%00&deadline=%00",
        "/bases?after=%00",
        "/bases/export.csv?q=%00",
    ],
)
def test_bad_address_is_answered_without_a_fault(university: University, site: Site, path: str) -> None:
    university.proposed()

    assert site.browser("office").get(path).status_code == 200


def test_entry_number_beyond_every_chain_is_missing(university: University, site: Site) -> None:
    case_id = university.proposed()

    assert site.browser("office").get(f"/bases/{case_id}/receipts/99999999999999999999").status_code == 404


@pytest.mark.parametrize("do", ["preview", "save"])
def test_sign_no_database_keeps_is_refused_or_kept_visible(
    university: University, walk: Walking, do: str
) -> None:
    case_id = university.proposed()
    step = walk("member", case_id, "reject")

    answer = step.preview({"reason": NUL, "外\x00来": NUL, "do": do})

    assert answer.status_code == {"preview": 400, "save": 302}[do]
    assert "\x00" not in text_of(step.form())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key", "short"),
        ("key", "x" * 200),
        ("version", "-1"),
        ("version", "1e3"),
        ("seq", "９"),
        ("version", ""),
    ],
)
def test_forged_frame_of_a_form_is_refused(
    university: University, walk: Walking, name: str, value: str
) -> None:
    case_id = university.proposed()
    step = walk("member", case_id, "approve")

    answer = step.preview({name: value})

    assert answer.status_code == 400
    assert university.state(case_id) == "proposed"


def test_forged_digest_of_what_was_shown_is_refused(university: University, walk: Walking) -> None:
    case_id = university.proposed()
    step = walk("member", case_id, "approve")

    answer = step.carry_out(step.preview({}), shown="0" * 64)

    assert answer.status_code == 409
    assert university.state(case_id) == "proposed"


def test_request_without_its_token_is_refused(university: University, walk: Walking) -> None:
    case_id = university.proposed()
    step = walk("member", case_id, "approve")

    answer = step.carry_out(step.preview({}), csrf_token="forged")

    assert answer.status_code == 400
    assert university.state(case_id) == "proposed"


def test_typed_markup_comes_back_as_text(university: University, walk: Walking) -> None:
    case_id = university.proposed()

    answer = walk("member", case_id, "reject").preview({"reason": '"><script>alert(1)</script>'})

    page = answer.get_data(as_text=True)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_unknown_act_is_missing(university: University, site: Site) -> None:
    case_id = university.proposed()

    assert site.browser("member").get(f"/bases/{case_id}/acts/promote").status_code == 404


# ───────────────────────────── A deadline asked about


def test_late_opening_is_asked_about_in_the_inbox_and_answered_there(
    university: University, site: Site, walk: Walking, at_ten: time_machine.Traveller
) -> None:
    case_id = university.signed(last=date(2031, 3, 9))
    university.sweep(datetime(2027, 9, 30, tzinfo=UTC))
    at_ten.move_to(datetime(2027, 9, 30, 2, 0, tzinfo=UTC))
    step = walk("office", case_id, "set_report_deadline")
    inbox = text_of(step.browser.get("/"))
    told = text_of(step.browser.get("/?list=copied"))
    typed = {"report_by": "2027-11-30", "reason": "服务中断"}

    consequences = step.preview(typed)
    answer = step.carry_out(consequences)

    assert f"/bases/{case_id}/acts/set_report_deadline?back=/" in inbox
    assert "启动迟了20天，请确定报告期限" in told
    assert "2027年11月30日" in text_of(consequences)
    assert (answer.status_code, university.state(case_id)) == (303, "midterm")
    assert "确定报告期限</a>" not in text_of(step.browser.get("/"))
