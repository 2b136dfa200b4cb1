"""Urging those whose turn it is (催办), and sending a copy of a ballot (抄送): on the pages, by the API, in the outbox."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from models import Notice
from tests.university import Founding
from tests.web.browsing import chromium, faults_of, served, signed_in, widths
from tests.web.conftest import Walk, hidden, text_of
from tests.web.programs import NOBODYS, program
from tests.web.signing_in import PASSWORD, Site
from tests.workflow.routing import EXPERTS, MEMBERS, at_vote, do, founded, proposed
from workflow.doctor import examine
from workflow.operations.rounds import add_signer, name_experts, reassign


@pytest.fixture
def founding() -> Founding:
    return founded


def urge(site: Site, who: str, case_id: str, act: str) -> Any:
    """Open the page and confirm; return the answer, or the page that says why not."""
    browser, address = site.browser(who), f"/bases/{case_id}/urge/{act}"
    page = browser.get(address)
    return page if page.status_code != 200 else browser.client.post(address, data=hidden(page))


def told(site: Site, template: str) -> list[tuple[str, str]]:
    """Who was told, by name, and how."""
    names = {key: name for name, key in site.university.people.items()}
    with site.database.reading() as session:
        rows = session.scalars(select(Notice).where(Notice.template == template)).all()
        return sorted((names[row.person_id], row.channel) for row in rows)


# ───────────────────────────── Urging


def test_applicant_urges_those_whose_turn_it_is(site: Site) -> None:
    here, case_id = site.university, proposed(site.university)
    version = here.case(case_id).version

    answer = urge(site, "leader", case_id, "college_opinion")

    assert answer.status_code == 303
    assert told(site, "urged") == [("head", "app"), ("head", "mail")]
    assert [entry.kind for entry in site.entries("urged")] == ["urged"]
    assert here.case(case_id).version == version
    assert "催办：请办理“责任学院意见”" in text_of(site.browser("head").get("/?list=copied"))
    with site.database.reading() as session:
        assert examine(session) == []


def test_second_time_on_a_day_is_refused_with_the_day_it_is_possible_again(
    site: Site, at_ten: time_machine.Traveller
) -> None:
    case_id = proposed(site.university)
    urge(site, "leader", case_id, "college_opinion")

    again = urge(site, "office", case_id, "college_opinion")
    base = text_of(site.browser("leader").get(f"/bases/{case_id}"))
    at_ten.move_to(datetime(2026, 3, 20, 15, 59, tzinfo=UTC))
    last_minute = urge(site, "leader", case_id, "college_opinion")
    at_ten.move_to(datetime(2026, 3, 20, 16, 0, tzinfo=UTC))
    next_day = urge(site, "leader", case_id, "college_opinion")

    assert (again.status_code, last_minute.status_code, next_day.status_code) == (409, 409, 303)
    assert "此项今天（2026年3月20日）已催办，每天最多一次" in text_of(again)
    assert "最早可于2026年3月21日办理" in text_of(again)
    assert "此项今天（2026年3月20日）已催办，每天最多一次" in base
    assert len(told(site, "urged")) == 4


def test_turn_of_somebody_else_is_another_task(lite: Site) -> None:
    here, case_id = lite.university, proposed(lite.university)
    urge(lite, "leader", case_id, "college_opinion")
    do(here, reassign, case_id, to=here.people["officer"], reason="出差", who="head")

    answer = urge(lite, "leader", case_id, "college_opinion")

    assert answer.status_code == 303
    assert told(lite, "urged")[-2:] == [("officer", "app"), ("officer", "mail")]


@pytest.mark.parametrize(
    ("who", "act", "status"),
    [
        ("leader", "college_opinion", 200),
        ("office", "college_opinion", 200),
        ("head", "college_opinion", 403),
        ("member", "college_opinion", 403),
        ("auditor", "college_opinion", 403),
        ("leader", "form_check", 409),
        ("leader", "nonsense", 409),
        ("other_leader", "college_opinion", 404),
    ],
)
def test_whoever_waits_may_urge(lite: Site, who: str, act: str, status: int) -> None:
    case_id = proposed(lite.university)

    answer = lite.browser(who).get(f"/bases/{case_id}/urge/{act}")

    assert answer.status_code == status


def test_those_who_have_voted_are_not_urged_and_not_told_of(lite: Site) -> None:
    here, case_id = lite.university, at_vote(lite.university)
    for who in MEMBERS[:3]:
        here.done(case_id, "selection", who, outcome="agree")

    applicant = text_of(lite.browser("leader").get(f"/bases/{case_id}/urge/selection"))
    office = text_of(lite.browser("office").get(f"/bases/{case_id}/urge/selection"))
    urge(lite, "leader", case_id, "selection")

    assert "2人（结束前不公开姓名）" in applicant
    assert "fourth_member" not in applicant
    assert "fifth_member、fourth_member" in office
    assert {name for name, _ in told(lite, "urged")} == {"fourth_member", "fifth_member"}
    (entry,) = lite.entries("urged")
    assert '"form":{"count":2}' in entry.body


def test_urging_twice_with_one_form_is_done_once(site: Site) -> None:
    case_id = proposed(site.university)
    browser, address = site.browser("leader"), f"/bases/{case_id}/urge/college_opinion"
    page = browser.get(address)

    first = browser.client.post(address, data=hidden(page))
    again = browser.client.post(address, data=hidden(page))

    assert (first.status_code, again.status_code) == (303, 303)
    assert "repeated=1" in again.location
    assert len(site.entries("urged")) == 1


def test_urging_would_now_tell_somebody_else(lite: Site) -> None:
    here, case_id = lite.university, at_vote(lite.university)
    browser, address = lite.browser("leader"), f"/bases/{case_id}/urge/selection"
    page = browser.get(address)
    here.done(case_id, "selection", "member", outcome="agree")

    answer = browser.client.post(address, data=hidden(page))

    assert answer.status_code == 409
    assert told(lite, "urged") == []


def test_urging_on_a_case_that_moved_on_says_what_happened(lite: Site) -> None:
    here, case_id = lite.university, proposed(lite.university)
    browser, address = lite.browser("leader"), f"/bases/{case_id}/urge/college_opinion"
    page = browser.get(address)
    do(here, add_signer, case_id, here.people["officer"], side="after", comment="", who="head")

    answer = browser.client.post(address, data=hidden(page))

    assert answer.status_code == 409
    assert "情况已有变化，本次没有办理" in text_of(answer)
    assert told(lite, "urged") == []


def test_program_urges_and_is_refused_alike(lite: Site) -> None:
    case_id = proposed(lite.university)
    version = lite.university.case(case_id).version
    leader = program(lite, "leader")
    path = f"/cases/{case_id}/acts/college_opinion/urge"

    first = leader.send(path, key="u1", version=version)
    repeated = leader.send(path, key="u1", version=version)
    again = leader.send(path, key="u2", version=version)
    head = program(lite, "head").send(path, key="u3", version=version)

    assert (first.status_code, repeated.json["repeated"]) == (200, True)
    assert (again.status_code, again.json["blockers"][0]["code"]) == (422, "urged_already")
    assert again.json["blockers"][0]["from_on"] == "2026-03-21"
    assert (head.status_code, head.json["blockers"][0]["code"]) == (403, "not_your_role")


def test_panel_is_urged_to_be_named_and_then_to_be_done(lite: Site) -> None:
    here, case_id = lite.university, None
    with_panel = founded_panel(lite)
    case_id = with_panel

    office = urge(lite, "leader", case_id, "name_panel")
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who="office")
    experts = urge(lite, "office", case_id, "midterm_experts")

    assert (office.status_code, experts.status_code) == (303, 303)
    assert {name for name, channel in told(lite, "urged") if channel == "mail"} == {
        "office", "second_office", *EXPERTS[:3],
    }  # fmt: skip


def founded_panel(site: Site) -> str:
    """A base whose mid-term waits for its panel to be named."""
    from datetime import date

    here, case_id = site.university, at_vote(site.university)
    for who in MEMBERS:
        here.done(case_id, "selection", who, outcome="agree")
    here.done(case_id, "sign_agreement", "office", **here.agreement(case_id))
    here.tick(case_id, date(2027, 9, 10))
    report = here.document(case_id, "progress_report_file")
    here.done(case_id, "progress_report", "leader", progress_report_file=report)
    here.done(case_id, "midterm_college", "head", outcome="agree", comment="中期良好")
    return case_id


# ───────────────────────────── Copies


def ballot(site: Site, case_id: str, **typed: str) -> Any:
    walk = Walk(browser=site.browser("head"), case_id=case_id, act="college_opinion")
    page = walk.preview({"outcome": "agree", **typed})
    return page if page.status_code != 200 else walk.carry_out(page)


def test_signature_is_copied_to_the_people_named(site: Site) -> None:
    case_id = proposed(site.university)

    answer = ballot(site, case_id, copies="N-officer，auditor officer")

    assert answer.status_code == 303
    assert told(site, "copied") == [
        ("auditor", "app"),
        ("auditor", "mail"),
        ("officer", "app"),
        ("officer", "mail"),
    ]
    (entry,) = site.entries("ballot")
    people = site.university.people
    assert f'"copies":["{people["officer"]}","{people["auditor"]}"]' in entry.body
    assert "抄送：“责任学院意见”的意见" in text_of(site.browser("auditor").get("/?list=copied"))
    with site.database.reading() as session:
        assert examine(session) == []


def test_form_says_that_a_copy_gives_no_right_to_see_more(lite: Site) -> None:
    case_id = proposed(lite.university)
    page = text_of(lite.browser("head").get(f"/bases/{case_id}/acts/college_opinion"))
    ballot(lite, case_id, copies="stranger")

    assert "抄送只发通知，不改变查看权限" in page
    assert lite.browser("stranger").get(f"/bases/{case_id}").status_code == 404


def test_copy_to_nobody_is_refused_and_kept_as_typed(lite: Site) -> None:
    case_id = proposed(lite.university)

    answer = ballot(lite, case_id, copies="officer, nemo, Nihil")

    assert answer.status_code == 400
    assert "没有工号或账号为“nemo、Nihil”的人员" in text_of(answer)
    assert 'value="officer, nemo, Nihil"' in text_of(answer)
    assert told(lite, "copied") == []


def test_copy_is_shown_before_and_kept_in_a_draft(lite: Site) -> None:
    case_id = proposed(lite.university)
    walk = Walk(browser=lite.browser("head"), case_id=case_id, act="college_opinion")

    page = walk.preview({"outcome": "agree", "copies": "auditor"})
    walk.preview({"outcome": "agree", "copies": "auditor", "do": "save"})

    assert "auditor · 站内、邮件" in text_of(page)
    assert 'value="auditor"' in text_of(walk.form())


def test_copy_of_a_running_vote_does_not_tell_the_choice(lite: Site) -> None:
    case_id = at_vote(lite.university)
    walk = Walk(browser=lite.browser("member"), case_id=case_id, act="selection")

    walk.carry_out(walk.preview({"outcome": "refuse", "copies": "N-second_member"}))

    with lite.database.reading() as session:
        outcomes = set(
            session.scalars(select(Notice.params["outcome"].as_string()).where(Notice.template == "copied"))
        )
    assert told(lite, "copied")[0][0] == "second_member"
    assert outcomes == {None}


def test_program_sends_copies_and_is_refused_alike(lite: Site) -> None:
    case_id = proposed(lite.university)
    head, officer = program(lite, "head"), lite.university.people["officer"]

    nobody = head.act(case_id, "college_opinion", outcome="agree", copies=[NOBODYS])
    misplaced = program(lite, "leader").act(case_id, "withdraw", copies=[officer], key="k2")
    done = head.act(case_id, "college_opinion", outcome="agree", copies=[officer], key="k3")
    other = head.act(case_id, "college_opinion", outcome="agree", copies=[], key="k3")

    assert (nobody.status_code, nobody.json["faults"][0]["field"]) == (422, "copies")
    assert misplaced.json["blockers"][0]["code"] == "copies_with_ballots_only"
    assert (done.status_code, len(told(lite, "copied"))) == (200, 2)
    assert (other.status_code, other.json["type"]) == (422, "key_reused")


# ───────────────────────────── In a browser


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_fit_the_screen_and_axe_finds_nothing(lite: Site, language: str, tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    case_id, voting = proposed(lite.university), at_vote(lite.university)
    places = [
        ("leader", f"/bases/{case_id}/urge/college_opinion"),
        ("leader", f"/bases/{voting}/urge/selection"),
        ("leader", f"/bases/{case_id}/urge/nonsense"),
        ("leader", f"/bases/{case_id}"),
        ("head", f"/bases/{case_id}/acts/college_opinion"),
    ]
    found: list[str] = []
    with served(lite.app) as root, chromium() as browser:
        for width in widths(language):
            for number, (who, address) in enumerate(places):
                page = signed_in(browser, root, who, password=PASSWORD, language=language, width=width)
                page.goto(f"{root}{address}")
                picture = tmp_path / f"{number}-{language}-{width}.png"
                found += faults_of(page, Axe(), f"{address} {width}", picture)

    assert found == []
