"""The inbox shows a turn to those who have it and to nobody else; a step nobody can act on is shown to the office."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from models import Ban, Database, Grant, new_key
from tests.university import Founding, University
from tests.web.conftest import Statements, text_of
from tests.web.programs import program
from tests.web.signing_in import Site, site_over
from tests.workflow.routing import EXPERTS, MEMBERS, at_vote, do, founded, proposed
from tests.workflow.test_conclusions import ban_partner_of
from workflow.operations.rounds import add_signer, name_experts, reassign


@pytest.fixture
def founding() -> Founding:
    return founded


def shown(site: Site, *people: str, what: str) -> set[str]:
    """The people in whose inbox something waits."""
    return {who for who in people if f"{what}</a>" in text_of(site.browser(who).get("/"))}


def give(here: University, who: str, role: str, unit: str | None = None) -> None:
    with here.database.transaction() as session:
        row = Grant(
            id=new_key(), person_id=here.people[who], role=role, unit_id=here.units[unit] if unit else None,
            from_on=here.at.date().replace(year=2020), reason="test",
        )  # fmt: skip
        session.add(row)


def take(here: University, who: str, role: str) -> None:
    with here.database.transaction() as session:
        held = select(Grant).where(Grant.person_id == here.people[who], Grant.role == role)
        for grant in session.scalars(held):
            grant.revoked_at = here.at


def test_turn_passed_on_is_shown_to_the_other_alone(site: Site) -> None:
    case_id = proposed(site.university)
    assert shown(site, "head", "officer", what="责任学院意见") == {"head"}

    do(site.university, reassign, case_id, to=site.university.people["officer"], reason="出差", who="head")

    assert shown(site, "head", "officer", what="责任学院意见") == {"officer"}


def test_whoever_stood_aside_is_not_shown_the_turn(site: Site) -> None:
    case_id = at_vote(site.university)

    site.university.done(case_id, "selection", MEMBERS[0], outcome="recuse")

    assert shown(site, *MEMBERS, what="领导小组表决") == {*MEMBERS[1:]}


def test_whoever_leads_the_base_is_not_shown_the_turn(site: Site) -> None:
    give(site.university, "leader", "leading_group")
    at_vote(site.university)

    assert shown(site, "leader", *MEMBERS, what="领导小组表决") == {*MEMBERS}


def test_head_of_the_applying_college_is_not_shown_the_vote(site: Site) -> None:
    give(site.university, "head", "leading_group")
    give(site.university, "other_head", "leading_group")
    at_vote(site.university)

    assert shown(site, "head", "other_head", what="领导小组表决") == {"other_head"}


def test_those_who_wait_for_an_added_signer_are_not_shown_the_turn(lite: Site) -> None:
    here = lite.university
    case_id = proposed(here)
    here.done(case_id, "college_opinion", "head", outcome="agree")
    do(here, add_signer, case_id, here.people["officer"], side="before", comment="", who="office")
    people = ("office", "second_office", "officer")
    interrupted = shown(lite, *people, what="形式审查")

    here.done(case_id, "form_check", "officer", outcome="agree")

    assert interrupted == {"officer"}
    assert shown(lite, *people, what="形式审查") == {"office", "second_office"}


def test_office_is_shown_that_a_panel_is_to_be_named(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, at_ten: object
) -> None:
    here = founded(sqlite_database, expert_review_on=True)
    site = site_over(sqlite_database, monkeypatch, university=here)
    case_id = at_vote(here)
    before = "确定评审专家" in text_of(site.browser("office").get("/"))

    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who="office")

    assert before
    assert "确定评审专家" not in text_of(site.browser("office").get("/"))
    assert shown(site, *EXPERTS, what="专家评审") == {*EXPERTS[:3]}


# ───────────────────────────── Steps nobody can act on


def stuck(site: Site, who: str = "office") -> str:
    page = text_of(site.browser(who).get("/"))
    return page.partition('id="stuck"')[2].partition("</section>")[0]


def stand_aside(here: University) -> str:
    case_id = proposed(here)
    here.done(case_id, "college_opinion", "head", outcome="recuse")
    return case_id


def leave(here: University) -> str:
    case_id = proposed(here)
    take(here, "head", "college_head")
    return case_id


@pytest.mark.parametrize("way", [stand_aside, leave])
def test_step_without_a_signer_is_the_offices_incident(site: Site, way: Any) -> None:
    assert stuck(site) == ""

    way(site.university)

    told = stuck(site)
    assert "责任学院意见" in told
    assert "无人可以办理" in told
    assert "指定他人代为办理" in told
    assert stuck(site, "head") == stuck(site, "leader") == ""


def test_pool_without_enough_experts_is_the_offices_incident(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, at_ten: object
) -> None:
    here = founded(sqlite_database, expert_review_on=True, panel_size=3)
    site = site_over(sqlite_database, monkeypatch, university=here)
    at_vote(here)
    assert stuck(site) == ""

    for who in ("expert", *EXPERTS[2:], "expert_6"):
        take(here, who, "expert")

    assert "可选专家不足" in stuck(site)


def test_office_reads_as_much_for_one_open_step_as_for_ten(lite: Site) -> None:
    counted = []
    for count in (1, 9):
        for _ in range(count):
            proposed(lite.university)
        browser = lite.browser("office")
        browser.get("/")
        with Statements(lite.database) as statements:
            browser.get("/")
        counted.append(len(statements.texts))

    assert counted[0] == counted[1]


# ───────────────────────────── Decisions that were carried and wait


def held_up(site: Site, who: str = "office") -> str:
    page = text_of(site.browser(who).get("/"))
    return page.partition('id="held-up"')[2].partition("</section>")[0]


def carried_under_a_ban(here: University) -> str:
    case_id = at_vote(here)
    ban_partner_of(here, case_id)
    for who in MEMBERS:
        here.done(case_id, "selection", who, outcome="agree")
    return case_id


def test_carried_decision_that_a_ban_holds_is_the_offices_incident(site: Site) -> None:
    case_id = carried_under_a_ban(site.university)

    told = held_up(site)

    assert f'href="/bases/{case_id}"' in told
    assert "批准立项" in told
    assert "在重新申报限制期内，至2027年3月9日" in told
    assert held_up(site, "member") == held_up(site, "leader") == ""


def test_carried_decision_is_no_incident_once_nothing_holds_it(lite: Site) -> None:
    """It still waits for whoever carries it out, whose task it is."""
    case_id = carried_under_a_ban(lite.university)
    with lite.database.transaction() as session:
        session.execute(update(Ban).values(voided_seq=1))

    assert held_up(lite) == ""
    assert "批准立项" in text_of(lite.browser("member").get("/"))
    lite.university.done(case_id, "approve", "member")
    assert held_up(lite) == ""


def test_open_vote_and_a_plain_approval_are_no_incident(lite: Site) -> None:
    here = lite.university
    at_vote(here)
    approved = at_vote(here)
    for who in MEMBERS:
        here.done(approved, "selection", who, outcome="agree")

    assert held_up(lite) == ""


def test_interface_lists_what_is_held_up(lite: Site) -> None:
    case_id = carried_under_a_ban(lite.university)

    found = program(lite, "office").get("/tasks/stuck").get_json()

    assert [(one["case_id"], one["act"]["name"]) for one in found["held_up"]] == [(case_id, "approve")]
    assert [blocker["code"] for blocker in found["held_up"][0]["blockers"]] == ["banned"]
    assert program(lite, "member").get("/tasks/stuck").get_json()["held_up"] == []
