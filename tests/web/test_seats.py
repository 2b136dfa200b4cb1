"""The pages and the API about an open round: experts named and replaced, signers, a turn passed on, a ballot taken back."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from models import Ballot, Grant, Notice, Seat
from tests.university import Founding
from tests.web.browsing import chromium, faults_of, served, signed_in, widths
from tests.web.conftest import Walk, hidden, text_of
from tests.web.programs import NOBODYS, program
from tests.web.signing_in import PASSWORD, Site
from tests.workflow.routing import EXPERTS, MEMBERS, at_vote, do, founded, proposed, rounds
from workflow.operations.rounds import add_signer, name_experts


@pytest.fixture
def founding() -> Founding:
    return partial(founded, expert_review_on=True)


def at_panel(site: Site) -> str:
    """A proposal that waits for its experts to be named."""
    return at_vote(site.university)


def walk(site: Site, who: str, case_id: str, act: str, fields: dict[str, Any], **more: Any) -> Any:
    """The form, what it will do, the act; return the last answer."""
    browser, address = site.browser(who), f"/bases/{case_id}/round/{act}"
    page = browser.get(address)
    if fields and page.status_code == 200:
        page = browser.client.post(f"{address}/preview", data={**hidden(page), **fields})
    if page.status_code != 200:
        return page
    return browser.client.post(address, data={**hidden(page), **more})


def seats(site: Site, case_id: str) -> list[Seat]:
    with site.database.reading() as session:
        rows = select(Seat).where(Seat.case_id == case_id, Seat.voided_seq.is_(None)).order_by(Seat.id)
        return list(session.scalars(rows))


def people(site: Site, *names: str) -> list[str]:
    return [site.university.people[name] for name in names]


# ───────────────────────────── A panel


def test_office_names_the_experts_of_a_panel(site: Site) -> None:
    case_id = at_panel(site)

    answer = walk(site, "office", case_id, "name_experts", {"people": people(site, *EXPERTS[:3])})

    receipt = text_of(site.browser("office").get(answer.location))
    assert answer.status_code == 303
    assert "确定专家" in receipt
    assert sorted(seat.person_id for seat in seats(site, case_id)) == sorted(people(site, *EXPERTS[:3]))
    assert "人员：expert_1、expert_2、expert_3" in text_of(site.browser("office").get(f"/bases/{case_id}"))


@pytest.mark.parametrize(
    ("language", "following", "receipt"),
    [
        ("zh", "接下来由联培基地办公室办理“确定评审专家”。", "下一步：联培基地办公室办理“确定评审专家”。"),
        ("en", "Next: “name the experts”, by base office.", "Next: “name the experts”, by base office."),
    ],
)
def test_whoever_opens_a_panel_is_told_that_its_experts_are_named_next(
    lite: Site, language: str, following: str, receipt: str
) -> None:
    """The page of consequences, the receipt and the pages after it name the same people as next."""
    case_id = proposed(lite.university)
    lite.university.done(case_id, "college_opinion", "head", outcome="agree")
    step = Walk(browser=lite.browser("office"), case_id=case_id, act="form_check")
    step.browser.client.set_cookie("lang", language)

    consequences = step.preview({"outcome": "agree"})
    done = step.carry_out(consequences)

    assert following in text_of(consequences)
    assert receipt in text_of(step.browser.get(done.location))


def test_form_says_how_many_are_wanted_and_who_is_kept_out(lite: Site) -> None:
    case_id = at_panel(lite)

    page = text_of(lite.browser("office").get(f"/bases/{case_id}/round/name_experts"))

    assert "3名，其中校外行业专家至少1名" in page
    assert "expert_1（校外）" in page
    chosen, _, kept_out = page.partition("专家库中不能选择的人员")
    assert "near_expert" not in chosen
    assert "near_expert" in kept_out


def test_consequences_name_who_is_invited_before_anything_is_written(lite: Site) -> None:
    case_id = at_panel(lite)
    browser, address = lite.browser("office"), f"/bases/{case_id}/round/name_experts"

    page = browser.client.post(
        f"{address}/preview",
        data={**hidden(browser.get(address)), "people": people(lite, *EXPERTS[:3])},
    )

    text = text_of(page)
    assert page.status_code == 200
    assert "expert_2 · 站内、邮件" in text
    assert seats(lite, case_id) == []


def test_whoever_is_named_is_told(lite: Site) -> None:
    case_id = at_panel(lite)

    walk(lite, "office", case_id, "name_experts", {"people": people(lite, *EXPERTS[:3])})

    with lite.database.reading() as session:
        rows = session.scalars(
            select(Notice).where(
                Notice.template == "your_turn", Notice.params["act"].as_string() == "expert_review"
            )
        ).all()
    assert len(rows) == 6
    inbox = text_of(lite.browser("expert_2").get("/?list=copied"))
    assert "请办理“专家评审”" in inbox


def test_panel_without_anybody_from_outside_is_refused_and_kept_as_typed(lite: Site) -> None:
    case_id = at_panel(lite)
    chosen = people(lite, *EXPERTS[1:4])

    answer = walk(lite, "office", case_id, "name_experts", {"people": chosen})

    assert answer.status_code == 422
    assert "行业专家有0名，至少需1名" in text_of(answer)
    assert answer.get_data(as_text=True).count(" checked") == 3


def test_nobody_chosen_is_said(lite: Site) -> None:
    answer = walk(lite, "office", at_panel(lite), "name_experts", {"people": []})

    assert answer.status_code == 400
    assert "未填写“专家”" in text_of(answer)


def test_expert_is_replaced_with_a_reason(lite: Site) -> None:
    here, case_id = lite.university, at_panel(lite)
    do(here, name_experts, case_id, people(lite, *EXPERTS[:3]), who="office")
    old, new = people(lite, "expert_2", "expert_5")

    without = walk(lite, "office", case_id, "replace_expert", {"person": old, "to": new, "reason": " "})
    answer = walk(lite, "office", case_id, "replace_expert", {"person": old, "to": new, "reason": "出国"})

    assert (without.status_code, answer.status_code) == (400, 303)
    assert "未填写“理由”" in text_of(without)
    assert f'value="{new}" checked' in without.get_data(as_text=True)
    assert sorted(seat.person_id for seat in seats(lite, case_id)) == sorted(
        people(lite, "expert_1", "expert_3", "expert_5")
    )


def test_replacing_the_last_expert_from_outside_is_refused(lite: Site) -> None:
    here, case_id = lite.university, at_panel(lite)
    do(here, name_experts, case_id, people(lite, *EXPERTS[:3]), who="office")
    old, new = people(lite, "expert_1", "expert_5")

    answer = walk(lite, "office", case_id, "replace_expert", {"person": old, "to": new, "reason": "出国"})

    assert answer.status_code == 422
    assert "行业专家有0名，至少需1名" in text_of(answer)


# ───────────────────────────── Signers


def test_signer_is_added_and_taken_back(site: Site) -> None:
    case_id = proposed(site.university)

    added = walk(
        site, "head", case_id, "add_signer", {"to": "N-officer", "side": "before", "reason": "请先审"}
    )
    waits = text_of(site.browser("head").get(f"/bases/{case_id}"))
    officer = people(site, "officer")[0]
    removed = walk(site, "head", case_id, "remove_signer", {"person": officer, "reason": "出差"})

    assert (added.status_code, removed.status_code) == (303, 303)
    assert "等待：officer" in waits
    assert seats(site, case_id) == []


def test_signer_is_named_by_staff_number_or_account(lite: Site) -> None:
    case_id = proposed(lite.university)
    typed = {"to": "nobody-such", "side": "after", "reason": "请一并签署"}

    unknown = walk(lite, "head", case_id, "add_signer", typed)
    known = walk(lite, "head", case_id, "add_signer", {**typed, "to": "officer"})

    assert (unknown.status_code, known.status_code) == (400, 303)
    assert "没有工号或账号为此的人员" in text_of(unknown)
    assert "请一并签署" in text_of(unknown)


def test_turn_is_passed_on_with_a_reason(lite: Site) -> None:
    case_id = proposed(lite.university)

    answer = walk(lite, "head", case_id, "reassign", {"to": "N-officer", "reason": "出差"})

    assert answer.status_code == 303
    assert lite.browser("head").get(f"/bases/{case_id}/acts/college_opinion").status_code == 403
    assert lite.browser("officer").get(f"/bases/{case_id}/acts/college_opinion").status_code == 200


def test_office_passes_on_anothers_turn(lite: Site) -> None:
    case_id = proposed(lite.university)
    head = people(lite, "head")[0]

    answer = walk(lite, "office", case_id, "reassign", {"person": head, "to": "N-officer", "reason": "调离"})

    assert answer.status_code == 303
    assert lite.browser("officer").get(f"/bases/{case_id}/acts/college_opinion").status_code == 200


def test_office_passes_on_a_turn_nobody_is_left_to_take(lite: Site) -> None:
    here, case_id = lite.university, proposed(lite.university)
    with lite.database.transaction() as session:
        head = Grant.person_id == here.people["head"]
        session.execute(update(Grant).where(head).values(revoked_at=here.at))

    answer = walk(lite, "office", case_id, "reassign", {"to": "N-officer", "reason": "负责人空缺"})
    here.done(case_id, "college_opinion", "officer", outcome="agree")

    assert answer.status_code == 303
    assert rounds(here, case_id)[0] == ("college_opinion", "passed")


# ───────────────────────────── Ballots


def test_ballot_is_taken_back_and_cast_again(site: Site) -> None:
    here, case_id = site.university, proposed(site.university)
    do(here, add_signer, case_id, here.people["officer"], side="after", comment="", who="head")
    here.done(case_id, "college_opinion", "head", outcome="agree")

    answer = walk(site, "head", case_id, "withdraw_ballot", {})
    here.done(case_id, "college_opinion", "head", outcome="agree")

    assert answer.status_code == 303
    with site.database.reading() as session:
        rows = session.scalars(select(Ballot).where(Ballot.case_id == case_id)).all()
    assert [row.voided_seq is None for row in sorted(rows, key=lambda row: row.seq)] == [False, True]


def test_vote_is_closed_early_with_its_result_shown_before(lite: Site) -> None:
    here, case_id = lite.university, at_panel(lite)
    do(here, name_experts, case_id, people(lite, *EXPERTS[:3]), who="office")
    for name in EXPERTS[:3]:
        here.done(case_id, "expert_review", name, outcome="seal", eligibility_opinion=opinion(lite))
    for who in MEMBERS[:4]:
        here.done(case_id, "selection", who, outcome="agree")

    page = text_of(lite.browser("office").get(f"/bases/{case_id}/round/close_vote"))
    answer = walk(lite, "office", case_id, "close_vote", {})

    assert "此项使“领导小组表决”结束：通过" in page
    assert "随即自动生效：批准立项" in page
    assert answer.status_code == 303
    assert here.state(case_id) == "approved"


def test_vote_that_would_now_end_otherwise_is_not_closed_unseen(lite: Site) -> None:
    here, case_id = lite.university, at_panel(lite)
    do(here, name_experts, case_id, people(lite, *EXPERTS[:3]), who="office")
    for name in EXPERTS[:3]:
        here.done(case_id, "expert_review", name, outcome="seal", eligibility_opinion=opinion(lite))
    for who in MEMBERS[:3]:
        here.done(case_id, "selection", who, outcome="agree")
    browser, address = lite.browser("office"), f"/bases/{case_id}/round/close_vote"
    page = browser.get(address)
    here.done(case_id, "selection", MEMBERS[3], outcome="agree")

    answer = browser.client.post(address, data=hidden(page))

    assert answer.status_code == 409
    assert "办理后果与您看到的不同，本次没有办理" in text_of(answer)
    assert here.state(case_id) == "proposed"
    assert browser.client.post(address, data=hidden(answer)).status_code == 303


def opinion(site: Site) -> dict[str, Any]:
    return {name: {"met": True, "note": "seen"} for name in site.university.definition.lists["eligibility"]}


# ───────────────────────────── Who may, repeats, and what came in between


@pytest.mark.parametrize(
    ("who", "act", "status"),
    [
        ("head", "add_signer", 200),
        ("office", "add_signer", 403),
        ("leader", "add_signer", 403),
        ("office", "reassign", 200),
        ("leader", "reassign", 403),
        ("head", "remove_signer", 409),
        ("office", "name_experts", 409),
        ("head", "name_experts", 403),
        ("office", "close_vote", 409),
        ("head", "withdraw_ballot", 409),
        ("head", "nonsense", 404),
        ("other_head", "add_signer", 404),
        ("stranger", "reassign", 404),
    ],
)
def test_pages_are_open_to_those_who_may(lite: Site, who: str, act: str, status: int) -> None:
    case_id = proposed(lite.university)

    answer = lite.browser(who).get(f"/bases/{case_id}/round/{act}")

    assert answer.status_code == status


def test_base_offers_what_one_may_and_says_why_not(lite: Site) -> None:
    case_id = proposed(lite.university)

    head = text_of(lite.browser("head").get(f"/bases/{case_id}"))
    leader = text_of(lite.browser("leader").get(f"/bases/{case_id}"))

    assert f"/bases/{case_id}/round/add_signer" in head
    assert "没有您可以减签的人员" in head
    assert "/round/" not in leader
    assert "当前步骤中您暂不能办理的4项" in leader


def test_act_sent_twice_is_done_once(site: Site) -> None:
    case_id = proposed(site.university)
    browser, address = site.browser("head"), f"/bases/{case_id}/round/reassign"
    page = browser.client.post(
        f"{address}/preview",
        data={**hidden(browser.get(address)), "to": "N-officer", "reason": "出差"},
    )

    first = browser.client.post(address, data=hidden(page))
    again = browser.client.post(address, data=hidden(page))

    assert (first.status_code, again.status_code) == (303, 303)
    assert "repeated=1" in again.location
    assert len(seats(site, case_id)) == 1


def test_act_on_a_round_that_moved_on_keeps_what_was_typed(lite: Site) -> None:
    here, case_id = lite.university, proposed(lite.university)
    browser, address = lite.browser("head"), f"/bases/{case_id}/round/add_signer"
    typed = {"to": "N-officer", "side": "after", "reason": "请一并签署"}
    page = browser.client.post(f"{address}/preview", data={**hidden(browser.get(address)), **typed})
    do(here, add_signer, case_id, here.people["member"], side="after", comment="", who="head")

    answer = browser.client.post(address, data=hidden(page))

    assert answer.status_code == 409
    assert "您填写期间，情况已有变化，本次没有办理" in text_of(answer)
    assert "请一并签署" in text_of(answer)
    assert len(seats(lite, case_id)) == 1


def test_field_the_form_does_not_have_is_refused(lite: Site) -> None:
    case_id = proposed(lite.university)
    browser, address = lite.browser("head"), f"/bases/{case_id}/round/reassign"

    answer = browser.client.post(
        f"{address}/preview",
        data={**hidden(browser.get(address)), "to": "N-officer", "reason": "x", "state": "y"},
    )

    assert answer.status_code == 400


# ───────────────────────────── The same by the API


def test_program_reads_the_round_and_names_experts(site: Site) -> None:
    case_id = at_panel(site)
    office = program(site, "office")

    told = office.get(f"/cases/{case_id}/round").json
    body = {"people": people(site, *EXPERTS[:3])}
    shown = office.send(f"/cases/{case_id}/round/name_experts/preview", body)
    answer = office.send(f"/cases/{case_id}/round/name_experts", body, key="n1", version=told["version"])
    again = office.send(f"/cases/{case_id}/round/name_experts", body, key="n1", version=told["version"])

    assert [(one["name"], one["allowed"]) for one in told["items"]] == [
        ("declare_no_conflict", False),
        ("declare_conflict", False),
        ("name_experts", True),
        ("replace_expert", True),
        ("withdraw_ballot", False),
    ]
    kept_out = [one["name"] for one in told["pool"] if not one["allowed"]]
    assert kept_out == ["near_expert"]
    assert (shown.status_code, shown.json["allowed"], len(shown.json["told"])) == (200, True, 3)
    assert (answer.status_code, again.status_code, again.json["repeated"]) == (200, 200, True)
    assert len(seats(site, case_id)) == 3


def test_pool_is_told_to_whoever_names_the_experts_only(lite: Site) -> None:
    case_id = at_panel(lite)

    told = program(lite, "head").get(f"/cases/{case_id}/round").json

    assert (told["step"]["name"], told["pool"]) == ("expert_review", [])


@pytest.mark.parametrize(
    ("who", "act", "body", "status", "code"),
    [
        ("office", "add_signer", {"to": "officer", "side": "after"}, 403, "not_your_role"),
        ("head", "add_signer", {"to": "leader", "side": "after"}, 422, "their_conflict"),
        ("head", "add_signer", {"to": "head", "side": "after"}, 422, "seated_already"),
        ("head", "reassign", {"to": "leader", "reason": "出差"}, 422, "their_conflict"),
        ("head", "remove_signer", {"person": "officer", "reason": "出差"}, 422, "no_such_seat"),
        ("head", "withdraw_ballot", {}, 422, "no_ballot_of_yours"),
        ("office", "name_experts", {"people": ["expert_1"]}, 422, "no_panel_here"),
        ("office", "close_vote", {}, 422, "no_vote_here"),
    ],
)
def test_page_and_program_are_refused_with_the_same_reason(
    lite: Site, who: str, act: str, body: dict[str, Any], status: int, code: str
) -> None:
    here = lite.university
    case_id = proposed(here)
    keyed = {
        name: [here.people[one] for one in value] if name == "people" else here.people.get(value, value)
        for name, value in body.items()
    }

    answer = program(lite, who).send(
        f"/cases/{case_id}/round/{act}", keyed, key="r1", version=here.case(case_id).version
    )
    typed = {**keyed, **({"to": f"N-{body['to']}"} if "to" in body else {})}
    page = walk(lite, who, case_id, act, typed)

    assert answer.status_code == status
    assert [one["code"] for one in answer.json["blockers"]] == [code]
    assert page.status_code in (403, 409, 422)
    said = program(lite, who).call(
        "POST",
        f"/cases/{case_id}/round/{act}",
        headers={
            "Accept-Language": "zh",
            "Idempotency-Key": "r2",
            "If-Match": f'"{here.case(case_id).version}"',
        },
        json=keyed,
    )
    if act != "remove_signer":  # The page says already that there is nobody to take back.
        assert said.json["blockers"][0]["text"] in text_of(page)


@pytest.mark.parametrize(
    ("act", "body", "field", "code"),
    [
        ("add_signer", {"side": "after"}, "to", "missing"),
        ("add_signer", {"to": NOBODYS, "side": "after"}, "to", "unknown_choice"),
        ("reassign", {"to": NOBODYS, "reason": " "}, "reason", "missing"),
        ("reassign", {"to": NOBODYS, "side": "after", "reason": "x"}, "side", "unknown_field"),
        ("withdraw_ballot", {"reason": "x"}, "reason", "unknown_field"),
        ("name_experts", {}, "people", "missing"),
    ],
)
def test_program_hears_what_is_wrong_with_what_it_stated(
    lite: Site, act: str, body: dict[str, Any], field: str, code: str
) -> None:
    case_id = proposed(lite.university)

    answer = program(lite, "head").send(f"/cases/{case_id}/round/{act}", body, key="f1", version=1)

    assert answer.status_code == 422
    assert (field, code) in [(one["field"], one["code"]) for one in answer.json["faults"]]


def test_program_on_an_older_version_is_stale(lite: Site) -> None:
    case_id = proposed(lite.university)
    body = {"to": people(lite, "officer")[0], "reason": "出差"}

    answer = program(lite, "head").send(f"/cases/{case_id}/round/reassign", body, key="s1", version=0)

    assert (answer.status_code, answer.json["type"]) == (409, "stale")
    assert seats(lite, case_id) == []


# ───────────────────────────── In a browser


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_fit_the_screen_and_axe_finds_nothing(lite: Site, language: str, tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    here, signed = lite.university, proposed(lite.university)
    do(here, add_signer, signed, here.people["officer"], side="after", comment="", who="head")
    panel = at_panel(lite)
    do(here, name_experts, panel, people(lite, "expert_1"), who="office")
    places = [
        ("head", f"/bases/{signed}"),
        *(("head", f"/bases/{signed}/round/{act}") for act in ("add_signer", "remove_signer", "reassign")),
        ("head", f"/bases/{signed}/round/name_experts"),
        ("office", f"/bases/{panel}/round/name_experts"),
        ("office", f"/bases/{panel}/round/replace_expert"),
    ]
    found: list[str] = []
    with served(lite.app) as root, chromium() as browser:
        for width in widths(language):
            for number, (who, address) in enumerate(places):
                page = signed_in(browser, root, who, password=PASSWORD, language=language, width=width)
                page.goto(f"{root}{address}")
                found += faults_of(
                    page, Axe(), f"{address} {width}", tmp_path / f"{number}-{language}-{width}.png"
                )
                if "/round/name_experts" in address and who == "office":
                    page.check(f"main [name=people][value='{here.people['expert_2']}']")
                    with page.expect_navigation():
                        page.click("main form .btn-primary")
                    found += faults_of(
                        page, Axe(), f"check {width}", tmp_path / f"check-{language}-{width}.png"
                    )

    assert found == []
