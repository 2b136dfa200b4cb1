"""Experts who come by a one-time link: the declaration first, then their sheet, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from models import Ballot, Case, Database, Entry, Grant, Invitation, Notice, Seat, new_key
from schedules.delivery import MailServer, deliver
from tests.schedules.test_delivery import body
from tests.web.browsing import chromium, faults_of, served
from tests.web.conftest import hidden, text_of
from tests.web.programs import program
from tests.web.signing_in import Site, site_over
from tests.web.test_ballots import sheet, typed
from tests.web.test_seats import opinion
from tests.web.test_urging import founded_panel
from tests.workflow.routing import EXPERTS, at_vote, do, founded
from workflow.doctor import examine
from workflow.operations.invitations import Validity, come_in, invite
from workflow.operations.rounds import RoundAct, Stated, act_on_round, name_experts, replace_expert

LINK = re.compile(r"https://lianpei\.example(/invitations/[\w-]+)")


class Letters(MailServer):
    """A mail server that keeps what it is handed."""

    def __init__(self) -> None:
        super().__init__(url="smtp://mail", sender="office@example.org", base_url="https://lianpei.example")
        object.__setattr__(self, "sent", [])

    sent: list[tuple[str, str]]

    @contextmanager
    def open(self) -> Iterator[Any]:
        yield self

    def send(self, message: Any) -> None:
        self.sent.append((message["To"], body(message)))


def mailed(site: Site) -> dict[str, str]:
    """Send what waits; return the address of each link by the name of whom it was mailed to."""
    server = Letters()
    deliver(site.database, server, stop=lambda: False)
    found = {to.partition("@")[0]: LINK.search(text) for to, text in server.sent}
    return {who: match.group(1) for who, match in found.items() if match is not None}


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    return site_over(database, monkeypatch, university=founded(database))


@pytest.fixture
def lite(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    return site_over(sqlite_database, monkeypatch, university=founded(sqlite_database))


@pytest.fixture
def panel(lite: Site) -> Any:
    """A mid-term whose three experts have been named and invited, at the instant of it: (case, link of each)."""
    at_vote(lite.university)
    case_id = founded_panel(lite)
    with time_machine.travel(lite.university.at, tick=False) as clock:
        named(lite, case_id)
        yield case_id, mailed(lite), clock


def another(site: Site, case_id: str) -> str:
    """The other case there is."""
    with site.database.reading() as session:
        return str(session.scalar(select(Case.id).where(Case.id != case_id)))


def named(site: Site, case_id: str) -> None:
    here = site.university
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who="office")


def declare(browser: Any, address: str, *, page: Any = None, **fields: str) -> Any:
    page = page or browser.get(address)
    return browser.client.post(address, data={**hidden(page), "conflict": "no", **fields})


def ballots(site: Site, choice: str) -> list[Ballot]:
    with site.database.reading() as session:
        return list(
            session.scalars(select(Ballot).where(Ballot.choice == choice, Ballot.voided_seq.is_(None)))
        )


# ───────────────────────────── The link


def test_expert_goes_from_the_mail_to_a_sealed_sheet(site: Site) -> None:
    case_id = founded_panel(site)
    with time_machine.travel(site.university.at, tick=False):
        named(site, case_id)
        links = mailed(site)
        browser = site.browser()

        first = browser.get(links["expert_2"])
        form_address = declare(browser, links["expert_2"]).location
        form = browser.get(form_address)
        check = browser.client.post(
            f"{form_address}/preview", data={**hidden(form), **typed(site.university)}
        )
        sealed = browser.client.post(form_address, data=hidden(check))
        receipt = browser.get(sealed.location)
        with site.database.reading() as session:
            found = examine(session)

    assert set(links) == {*EXPERTS[:3]}
    assert "expert_2，您好：请您担任“专家中期考核”的专家。" in text_of(first)
    assert "保障条件：— → 80分；评价conditions" in text_of(check)
    assert (sealed.status_code, receipt.status_code) == (303, 200)
    (ballot,) = ballots(site, "seal")[-1:]
    assert ballot.person_id == ballot.cast_by == site.university.people["expert_2"]
    assert found == []


def test_link_is_nowhere_but_in_the_mail(panel: Any, lite: Site) -> None:
    _, links, _ = panel
    token = links["expert_1"].rpartition("/")[2]

    with lite.database.reading() as session:
        rows = session.scalars(select(Invitation)).all()
        kept = [
            str(vars(row))
            for row in (*rows, *session.scalars(select(Notice)), *session.scalars(select(Entry)))
        ]

    assert len(rows) == 3
    assert not any(token in text for text in kept)


def test_opening_the_link_uses_nothing_up(panel: Any, lite: Site) -> None:
    _, links, _ = panel

    opened = [lite.browser().get(links["expert_1"]).status_code for _ in range(3)]

    assert opened == [200, 200, 200]
    assert lite.entries("declared", "invitation_used") == []


def test_declaration_is_recorded_and_uses_the_link_up(panel: Any, lite: Site) -> None:
    case_id, links, _ = panel

    other = lite.browser()
    page = other.get(links["expert_1"])
    declare(lite.browser(), links["expert_1"])
    again = other.get(links["expert_1"])
    late = declare(other, links["expert_1"], page=page)

    assert [entry.kind for entry in lite.entries("declared", "invitation_used")] == [
        "declared",
        "invitation_used",
    ]
    assert (again.status_code, late.status_code) == (410, 410)
    assert "此链接已经使用过" in text_of(again)
    with lite.database.reading() as session:
        declared = select(Seat).where(Seat.case_id == case_id, Seat.declared_seq.is_not(None))
        assert len(session.scalars(declared).all()) == 1


def test_link_lets_one_in_once(panel: Any, lite: Site) -> None:
    _, links, _ = panel
    token = links["expert_1"].rpartition("/")[2]
    act, at = RoundAct.DECLARE_NO_CONFLICT, lite.university.at

    answers = [
        lite.database.run(lambda session: come_in(session, token, act=act, reason="", at=at))
        for _ in range(2)
    ]

    assert [invited.validity for invited, _ in answers] == [Validity.OPEN, Validity.USED]
    assert len(lite.entries("invitation_used")) == 1


def test_nobody_is_invited_to_a_sheet_that_is_sealed(panel: Any, lite: Site) -> None:
    case_id, _, _ = panel
    here = lite.university
    here.done(case_id, "midterm_experts", "expert_1", outcome="seal", assessment=sheet(here))

    with lite.database.transaction() as session:
        links = [
            invite(session, case_id, here.people[name], "midterm_experts", at=here.at)
            for name in ("expert_1", "expert_2", "expert_5")
        ]

    assert [link is not None for link in links] == [False, True, False]


def test_link_expires(panel: Any, lite: Site) -> None:
    _, links, clock = panel
    browser = lite.browser()
    clock.move_to(lite.university.at + timedelta(days=14) - timedelta(seconds=1))
    page = browser.get(links["expert_1"])
    clock.move_to(lite.university.at + timedelta(days=14))

    answer = browser.get(links["expert_1"])

    assert (page.status_code, answer.status_code) == (200, 410)
    assert "此链接已过期" in text_of(answer)
    assert declare(browser, links["expert_1"], page=page).status_code == 410
    assert lite.entries("declared") == []


def test_link_of_a_replaced_expert_is_over(panel: Any, lite: Site) -> None:
    case_id, links, _ = panel
    people = lite.university.people
    do(
        lite.university, replace_expert, case_id, people["expert_2"], by=people["expert_4"], reason="出国",
        who="office",
    )  # fmt: skip

    answer = lite.browser().get(links["expert_2"])

    assert answer.status_code == 410
    assert "已另行确定专家" in text_of(answer)


def test_link_of_a_closed_round_is_over(panel: Any, lite: Site) -> None:
    case_id, links, _ = panel
    here = lite.university
    for name in EXPERTS[:3]:
        here.done(case_id, "midterm_experts", name, outcome="seal", assessment=sheet(here))

    answer = lite.browser().get(links["expert_3"])

    assert answer.status_code == 410
    assert "本轮评审已经结束" in text_of(answer)


def test_link_of_somebody_else_opens_nothing(panel: Any, lite: Site) -> None:
    _, links, _ = panel
    browser = lite.browser("expert_2")

    own = browser.get(links["expert_2"])
    answer, sent = browser.get(links["expert_1"]), declare(browser, links["expert_1"], page=own)

    assert (answer.status_code, sent.status_code) == (403, 403)
    assert "此链接是发给另一个人的" in text_of(answer)
    assert lite.entries("declared") == []


@pytest.mark.parametrize("token", ["x", "0" * 43, "%F0%9F%98%80"])
def test_link_there_never_was_is_not_found(lite: Site, token: str) -> None:
    assert lite.browser().get(f"/invitations/{token}").status_code == 404


def test_urging_brings_a_fresh_link(panel: Any, lite: Site) -> None:
    case_id, links, _ = panel
    declare(lite.browser(), links["expert_1"])
    office = lite.browser("office")
    address = f"/bases/{case_id}/urge/midterm_experts"
    office.client.post(address, data=hidden(office.get(address)))

    fresh = mailed(lite)
    page = lite.browser().get(fresh["expert_1"])

    assert set(fresh) == {*EXPERTS[:3]}
    assert fresh["expert_1"] != links["expert_1"]
    assert "您已声明没有利害关系" in text_of(page)
    assert declare(lite.browser(), fresh["expert_1"]).status_code == 303


# ───────────────────────────── Conflicts


def test_declared_conflict_recuses_and_asks_the_office_for_another(panel: Any, lite: Site) -> None:
    case_id, links, _ = panel
    browser = lite.browser()

    without = declare(browser, links["expert_2"], conflict="yes", reason=" ")
    answer = declare(browser, links["expert_2"], conflict="yes", reason="本人持有合作单位股份")

    assert (without.status_code, answer.status_code) == (422, 200)
    assert "未填写“利害关系说明”" in text_of(without)
    assert "您已回避" in text_of(answer)
    (ballot,) = ballots(lite, "recuse")
    assert (ballot.person_id, ballot.form) == (
        lite.university.people["expert_2"],
        {"comment": "本人持有合作单位股份"},
    )
    assert "请办理“确定评审专家”" in text_of(lite.browser("office").get("/?list=copied"))
    assert "确定评审专家" in text_of(lite.browser("office").get("/"))
    assert browser.get(f"/bases/{case_id}/acts/midterm_experts").status_code == 302


def test_office_is_told_of_a_conflict_on_a_panel_that_lacked_experts_anyway(lite: Site) -> None:
    here, case_id = lite.university, founded_panel(lite)
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:2]], who="office")
    here.done(case_id, "midterm_experts", "expert_2", outcome="recuse", comment="本人持有合作单位股份")

    with time_machine.travel(here.at, tick=False):
        told = text_of(lite.browser("office").get("/?list=copied"))

    assert "专家回避，请另行确定专家" in told


def test_reason_typed_is_kept_after_an_error(panel: Any, lite: Site) -> None:
    _, links, _ = panel

    answer = declare(lite.browser(), links["expert_2"], conflict="yes", reason="长" * 2001)

    assert answer.status_code == 422
    assert "长" * 2001 in text_of(answer)


def test_sheet_is_not_sealed_without_a_declaration(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, at_ten: object
) -> None:
    here = founded(sqlite_database, expert_review_on=True)
    site, case_id = site_over(sqlite_database, monkeypatch, university=here), at_vote(here)
    named(site, case_id)
    version, expert = here.case(case_id).version, program(site, "expert_1")
    said: Any = {"outcome": "seal", "values": {"eligibility_opinion": opinion(site)}}

    answer = expert.act(case_id, "expert_review", **said)
    form = site.browser("expert_1").get(f"/bases/{case_id}/acts/expert_review")
    declared = expert.send(f"/cases/{case_id}/round/declare_no_conflict", key="d1", version=version)
    sealed = expert.act(case_id, "expert_review", **said, key="k2")

    assert (answer.status_code, [one["code"] for one in answer.json["blockers"]]) == (422, ["not_declared"])
    assert form.location.endswith("/round/declare")
    assert (declared.status_code, sealed.status_code) == (200, 200)


def test_expert_with_an_account_declares_on_the_page(panel: Any, lite: Site) -> None:
    case_id, _, _ = panel
    browser = lite.browser("expert_1")
    page = browser.get(f"/bases/{case_id}/round/declare")

    answer = browser.client.post(f"/bases/{case_id}/round/declare_no_conflict", data=hidden(page))

    assert answer.location.endswith("/acts/midterm_experts")
    assert "无利害关系的声明已记录" in text_of(browser.get(answer.location))
    assert lite.browser("head").get(f"/bases/{case_id}/round/declare").status_code == 403


def test_experts_declare_side_by_side(panel: Any, lite: Site) -> None:
    here, (case_id, _, _) = lite.university, panel
    version = here.case(case_id).version

    for name in EXPERTS[:3]:
        here.declare(case_id, name)
    again = here.database.run(
        lambda session: act_on_round(
            session,
            case_id,
            RoundAct.DECLARE_NO_CONFLICT,
            Stated(),
            version=version,
            ctx=here.ctx("expert_1"),
        )
    )

    assert here.case(case_id).version == version
    assert [blocker.code for blocker in again.blockers] == ["declared_already"]  # type: ignore[union-attr]


# ───────────────────────────── The session


@pytest.fixture
def guest(panel: Any, lite: Site) -> tuple[str, Any]:
    case_id, links, _ = panel
    browser = lite.browser()
    declare(browser, links["expert_2"])
    return case_id, browser


def test_guest_sees_and_does_only_the_matter(guest: tuple[str, Any], lite: Site) -> None:
    case_id, browser = guest
    other = another(lite, case_id)

    status = {
        path: browser.get(path).status_code
        for path in (
            f"/bases/{case_id}/acts/midterm_experts",
            f"/bases/{case_id}/acts/conclude_midterm",
            f"/bases/{case_id}",
            f"/bases/{case_id}/round/name_experts",
            f"/bases/{case_id}/receipts/1",
            f"/bases/{other}/acts/selection",
            f"/bases/{other}",
            "/bases",
            "/tokens",
            "/account/notices",
            "/delegations",
            "/meetings",
            "/password",
            "/audit/",
        )
    }

    assert status.pop(f"/bases/{case_id}/acts/midterm_experts") == 200
    assert set(status.values()) == {404}
    assert browser.get("/").location == f"/bases/{case_id}/acts/midterm_experts"


def test_guest_reads_the_papers_of_the_case_and_no_others(guest: tuple[str, Any], lite: Site) -> None:
    """Whatever else the expert could see with an account of theirs."""
    case_id, browser = guest
    with lite.database.transaction() as session:
        session.add(
            Grant(
                id=new_key(),
                person_id=lite.university.people["expert_2"],
                role="leading_group",
                from_on=date(2020, 1, 1),
            )
        )
    page = text_of(browser.get(f"/bases/{case_id}/acts/midterm_experts"))
    own = re.search(r"/documents/[0-9a-f-]+", page)
    other = lite.university.document(another(lite, case_id), "cooperation_plan")

    assert own is not None
    assert browser.get(own.group()).status_code == 200
    assert browser.get(f"/documents/{other}").status_code == 404
    assert f'href="/bases/{case_id}"' not in page


def test_guests_sheet_is_saved_as_it_is_typed(guest: tuple[str, Any]) -> None:
    case_id, browser = guest
    address = f"/bases/{case_id}/acts/midterm_experts"
    page = browser.get(address)

    saved = browser.client.post(
        f"{address}/preview",
        data={**hidden(page), "do": "save", "assessment.conditions.mark": "91"},
        headers={"HX-Request": "true"},
    )

    assert (saved.status_code, saved.get_data()) == (204, b"")
    again = text_of(browser.get(address))
    assert 'value="91"' in again
    assert "已暂存，只有您本人可见" not in again


def test_guest_may_still_declare_a_conflict(guest: tuple[str, Any], lite: Site) -> None:
    case_id, browser = guest
    address = f"/bases/{case_id}/round/declare_conflict"
    assert address in text_of(browser.get(f"/bases/{case_id}/acts/midterm_experts"))
    page = browser.client.post(
        f"{address}/preview", data={**hidden(browser.get(address)), "reason": "刚得知项目负责人是亲属"}
    )

    answer = browser.client.post(address, data=hidden(page))

    assert "office · 站内、邮件" in text_of(page)
    assert browser.get(answer.location).status_code == 200
    assert len(ballots(lite, "recuse")) == 1


def test_session_ends_with_logout_for_good(guest: tuple[str, Any], lite: Site) -> None:
    case_id, browser = guest
    address = f"/bases/{case_id}/acts/midterm_experts"
    with browser.client.session_transaction() as cookie:
        kept = dict(cookie)
    browser.send("/logout", {}, form=address)

    thief = lite.browser()
    with thief.client.session_transaction() as cookie:
        cookie.update(kept)

    assert browser.get(address).status_code == 302
    assert thief.get(address).status_code == 302


def test_session_ends_with_the_seat_for_the_matter(guest: tuple[str, Any], lite: Site) -> None:
    case_id, browser = guest
    people = lite.university.people
    do(
        lite.university, replace_expert, case_id, people["expert_2"], by=people["expert_6"], reason="出国",
        who="office",
    )  # fmt: skip

    answer = browser.get(f"/bases/{case_id}/acts/midterm_experts")

    assert answer.status_code == 302


# ───────────────────────────── In a browser

MOST_CLICKS, MOST_PAGES = 4, 3


def test_mail_link_leads_to_a_recorded_ballot_in_four_clicks_and_three_pages(panel: Any, lite: Site) -> None:
    """The click on the link is one of the four; the page after the last click is the receipt of what is recorded."""
    _, links, _ = panel
    clicks = pages = 0

    with served(lite.app) as root, chromium() as browser:
        page = browser.new_context(locale="zh-CN").new_page()

        def loaded(act: Any) -> None:
            nonlocal clicks, pages
            clicks, pages = clicks + 1, pages + 1
            act()

        loaded(lambda: page.goto(root + links["expert_1"]))
        for name in ("none", "preview"):
            with page.expect_navigation():
                loaded(lambda: page.click("main form .btn-primary"))
            if name == "none":
                for field, value in typed(lite.university).items():
                    page.fill(f"main [name='{field}']", value)
        with page.expect_navigation():
            clicks += 1
            page.click("main form .btn-primary")
        receipt = page.inner_text("main")

    assert "“专家中期考核”的表态已记录" in receipt
    assert len(ballots(lite, "seal")) == 1
    assert clicks <= MOST_CLICKS
    assert pages <= MOST_PAGES


def test_sheet_saves_itself_while_it_is_filled_in(panel: Any, lite: Site) -> None:
    _, links, _ = panel

    with served(lite.app) as root, chromium() as browser:
        page = browser.new_context(locale="zh-CN").new_page()
        page.goto(root + links["expert_1"])
        with page.expect_navigation():
            page.click("main form .btn-primary")
        with page.expect_response(lambda answer: answer.url.endswith("/preview")) as saved:
            page.fill("main [name='assessment.conditions.mark']", "91")
            page.press("main [name='assessment.conditions.mark']", "Tab")
        status = saved.value.status
        page.once("dialog", lambda dialog: dialog.accept())
        page.reload()
        value = page.input_value("main [name='assessment.conditions.mark']")

    assert (status, value) == (204, "91")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_fit_the_screen_and_axe_finds_nothing(
    panel: Any, lite: Site, language: str, tmp_path: Path
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    case_id, links, _ = panel
    found: list[str] = []
    with served(lite.app) as root, chromium() as browser:
        for width, name in ((1280, "expert_1"), (320, "expert_2")):
            context = browser.new_context(
                viewport={"width": width, "height": 900}, locale="zh-CN" if language == "zh" else "en-GB"
            )
            page = context.new_page()

            def look(what: str, width: int = width, page: Any = page) -> None:
                found.extend(
                    faults_of(page, Axe(), f"{what} {width}", tmp_path / f"{what}-{language}-{width}.png")
                )

            page.goto(root + links[name])
            page.click("main summary")
            look("declare")
            with page.expect_navigation():
                page.click("main form .btn-primary")
            look("sheet")
            page.goto(f"{root}/bases/{case_id}")
            look("hidden")
            context.clear_cookies()
            page.goto(root + links[name])
            look("used")
        page.goto(root + links["expert_3"])
        page.click("main summary")
        page.fill("main [name=reason]", "x")
        with page.expect_navigation():
            page.click("main details .btn-outline-primary")
        look("aside")

    assert found == []
