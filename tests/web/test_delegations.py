"""Delegations on the pages and in the API: given, shown, used in somebody's name, revoked."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from models import Ballot, Delegation, Round
from tests.university import Founding, University
from tests.web.conftest import Walk, text_of
from tests.web.programs import program
from tests.web.signing_in import Site
from tests.workflow.routing import at_vote, founded, proposed

GIVEN = {
    "delegate": "N-stranger",
    "role": "college_head|",
    "from_on": "2026-03-20",
    "until_on": "2026-04-20",
    "reason": "出差",
}


@pytest.fixture
def founding() -> Founding:
    return founded


def given(site: Site, **more: str) -> dict[str, str]:
    unit = site.university.units["计算机学院"]
    return {**GIVEN, "role": f"college_head|{unit}", **more}


def delegations(site: Site) -> list[Delegation]:
    with site.database.reading() as session:
        return list(session.scalars(select(Delegation).order_by(Delegation.id)))


def test_head_delegates_and_the_delegate_signs_in_their_name(site: Site) -> None:
    case_id = proposed(site.university)
    site.browser("head").send("/delegations/new", given(site))
    delegate = site.browser("stranger")

    inbox = text_of(delegate.get("/"))
    walk = Walk(browser=delegate, case_id=case_id, act="college_opinion")
    address = re.search(r'href="([^"]*/acts/college_opinion[^"]*)"', inbox)
    assert address is not None
    form = delegate.get(address[1].replace("&amp;", "&"))
    consequences = walk.preview({"outcome": "agree"}, form=form)
    done = walk.carry_out(consequences)
    assert done.status_code == 303, text_of(done)
    receipt = delegate.get(done.headers["Location"])
    history = text_of(site.browser("head").get(f"/bases/{case_id}"))

    assert "代head：责任学院意见" in inbox
    assert "代head办理" in text_of(form)
    assert "代head办理" in text_of(consequences)
    assert "由stranger代head办理" in text_of(receipt)
    assert "stranger（代head）" in history


def test_own_page_lists_what_was_given_and_revokes_it(site: Site) -> None:
    head = site.browser("head")
    head.send("/delegations/new", given(site))
    (row,) = delegations(site)

    before = text_of(head.get("/delegations")), text_of(site.browser("stranger").get("/delegations"))
    head.send(f"/delegations/{row.id}/revoke", {"reason": "已返校"})

    assert all("有效" in page for page in before)
    assert "撤销委托" in before[0]
    assert "/revoke" not in before[1]
    assert "已撤销" in text_of(head.get("/delegations"))
    assert site.row(Delegation, row.id).revoked_at is not None


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("delegate", "N-head", "不能委托给本人"),
        ("delegate", "nobody", "没有工号或账号为此的人员"),
        ("from_on", "2026-03-19", "不能早于今天"),
        ("role", "base_office|", "委托人在开始日不担任该角色"),
        ("role", "college_head|x", "不在可选范围内"),
    ],
)
def test_refused_form_is_shown_again_with_the_reason(lite: Site, field: str, value: str, text: str) -> None:
    answer = lite.browser("head").send("/delegations/new", given(lite, **{field: value}))

    assert answer.status_code == 422
    assert text in text_of(answer)
    assert delegations(lite) == []


def test_everything_wrong_with_the_form_is_told_at_once(lite: Site) -> None:
    wrong = {"delegate": "nobody", "from_on": "2026-03-19", "until_on": "", "reason": ""}

    page = text_of(lite.browser("head").send("/delegations/new", given(lite, **wrong)))
    not_held = {"delegate": "nobody", "role": "base_office|", "reason": ""}
    other = text_of(lite.browser("head").send("/delegations/new", given(lite, **not_held)))

    for field in wrong:
        assert f'id="e-{field}"' in page, field
    for field in not_held:
        assert f'id="e-{field}"' in other, field


def test_delegation_of_somebody_else_is_hidden(lite: Site) -> None:
    lite.browser("head").send("/delegations/new", given(lite))
    (row,) = delegations(lite)

    answer = lite.browser("leader").get(f"/delegations/{row.id}/revoke")

    assert answer.status_code == 404


def test_office_delegates_for_somebody_absent_and_revokes(lite: Site) -> None:
    office, head = lite.browser("office"), lite.university.people["head"]

    office.send(f"/admin/people/{head}/delegations/new", given(lite))
    (row,) = delegations(lite)
    listed = text_of(office.get("/admin/delegations"))
    office.send(f"/admin/delegations/{row.id}/revoke", {"reason": "已返校"})

    assert row.person_id == head
    assert "N-" not in listed
    assert "head" in listed
    assert "stranger" in listed
    assert lite.row(Delegation, row.id).revoked_at is not None


def test_office_does_not_make_itself_the_delegate(lite: Site) -> None:
    head = lite.university.people["head"]

    answer = lite.browser("office").send(
        f"/admin/people/{head}/delegations/new", given(lite, delegate="N-office")
    )

    assert "不能委托给自己代他人办理" in text_of(answer)
    assert delegations(lite) == []


def test_form_sent_for_oneself_never_counts_for_somebody_else(lite: Site) -> None:
    here = lite.university
    case_id = at_vote(here)
    lite.browser("member").send(
        "/delegations/new", given(lite, role="leading_group|", delegate="N-second_member")
    )
    walk = Walk(browser=lite.browser("second_member"), case_id=case_id, act="selection")
    two = [walk.preview({"outcome": "agree"}) for _ in range(2)]

    answers = [walk.carry_out(page).status_code for page in two]

    with lite.database.reading() as session:
        voters = session.scalars(select(Ballot.person_id).join(Round).where(Round.step == "selection")).all()
    assert answers == [303, 409]
    assert voters == [here.people["second_member"]]


# ───────────────────────────── The API


def body(here: University, **more: str) -> dict[str, str]:
    return {
        "delegate_id": here.people["stranger"],
        "role": "college_head",
        "from_on": "2026-03-20",
        "until_on": "2026-04-20",
        "reason": "on leave",
        **more,
    }


def test_program_delegates_once_per_key_lists_and_revokes(site: Site) -> None:
    head = program(site, "head")

    first = head.send("/delegations", body(site.university), key="k1")
    again = head.send("/delegations", body(site.university), key="k1")
    (listed,) = program(site, "stranger").get("/delegations").json["items"]
    ended = head.send(f"/delegations/{first.json['id']}/revoke", {"reason": "back"}, key="k2")
    twice = head.send(f"/delegations/{first.json['id']}/revoke", {"reason": "back"}, key="k3")

    assert (first.status_code, again.status_code, again.json["repeated"]) == (201, 200, True)
    assert (listed["person"], listed["delegate"], listed["role"]["name"]) == (
        "head",
        "stranger",
        "college_head",
    )
    assert ended.status_code == 200
    assert (twice.status_code, twice.json["blockers"][0]["code"]) == (422, "delegation_revoked")
    assert len(delegations(site)) == 1


def test_program_hears_why_a_delegation_is_refused(lite: Site) -> None:
    here = lite.university
    head, leader = program(lite, "head"), program(lite, "leader")

    circle = head.send("/delegations", body(here, delegate_id=here.people["head"]), key="k1")
    not_theirs = leader.send("/delegations", body(here, person_id=here.people["head"]), key="k1")

    assert (circle.status_code, circle.json["faults"][0]["code"]) == (422, "to_oneself")
    assert (not_theirs.status_code, not_theirs.json["blockers"][0]["code"]) == (403, "not_your_role")
    assert delegations(lite) == []


def test_task_of_a_delegate_names_the_delegator(lite: Site) -> None:
    proposed(lite.university)
    program(lite, "head").send("/delegations", body(lite.university), key="k1")

    (task,) = program(lite, "stranger").get("/tasks").json["items"]

    assert (task["mine"], task["for_people"]) == (False, ["head"])
