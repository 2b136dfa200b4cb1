"""Every route that changes something: one valid request to each, and exactly the entries it must leave, no more and no fewer.

A new route that is posted to, or that takes something out, joins the tables; until then a test fails.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import time_machine
from flask import request
from sqlalchemy import select, update

from models import (
    Account,
    ApiToken,
    Delegation,
    Installation,
    PendingAct,
    StoredDocument,
    Timer,
)
from tests.university import Founding, University
from tests.web.conftest import Walk, hidden
from tests.web.programs import Program, program
from tests.web.signing_in import PASSWORD, Browser, Site
from tests.web.test_admin import _filled, _with_rows
from tests.web.test_admin_calendar import NOTICE
from tests.web.test_api_together import rows_of
from tests.web.test_api_together import stated as convening
from tests.web.test_delegations import body as delegating
from tests.web.test_delegations import given
from tests.web.test_invitations import mailed, named
from tests.web.test_meetings import (
    PDF,
    all_agree,
    close,
    items,
    meeting_over,
    paper_check,
    sent_papers,
    set_aside,
)
from tests.web.test_urging import founded_panel
from tests.web.test_verifying import one
from tests.workflow.routing import MEMBERS, at_vote, founded, proposed
from tests.workflow.sealed import SealedLog
from workflow import clock
from workflow.log import is_known
from workflow.mailing import USUAL

Send = Callable[[], Any]
"""Sends one valid request; everything before it has been got ready."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """What a request to a route leaves in the log, and how such a request is got ready."""

    kinds: tuple[str, ...]
    ready: Callable[[Site], Send]


def posted(browser: Browser, address: str, form: str, **fields: Any) -> Send:
    """A form as a browser sends it; what is hidden in it was fetched before."""
    sent = {**hidden(browser.get(form)), **fields}
    return lambda: browser.client.post(address, data=sent, content_type="multipart/form-data")


def looked_at(walk: Walk, **typed: Any) -> Send:
    """The last of the three pages of a decision."""
    page = walk.preview(typed)
    return lambda: walk.carry_out(page)


def about(site: Site, who: str, case_id: str, act: str, **fields: Any) -> tuple[Browser, str, dict[str, Any]]:
    browser, address = site.browser(who), f"/bases/{case_id}/round/{act}"
    return browser, address, {**hidden(browser.get(address)), **fields}


# ───────────────────────────── Pages


def _office_form(kind: str) -> Callable[[Site], Send]:
    def ready(site: Site) -> Send:
        address, fields, _ = _filled(_with_rows(site), kind)
        return posted(site.browser("administrator"), address, address, **fields)

    return ready


def _office_page(address: str, **fields: str) -> Callable[[Site], Send]:
    def ready(site: Site) -> Send:
        there = address.format(**site.university.people, account=site.accounts["head"])
        return posted(site.browser("administrator"), there, there, reason="asked for", **fields)

    return ready


def _try_mail(site: Site) -> Send:
    return posted(site.browser("administrator"), "/admin/outbox/test", "/admin/outbox/test")


def _choose_mail(site: Site) -> Send:
    address, chosen = "/account/notices", {str(kind): str(pace) for kind, pace in USUAL.items()}
    return posted(site.browser("head"), address, address, **{**chosen, "copies": "off"})


def _erase(site: Site) -> Send:
    address = f"/admin/people/{site.university.people['stranger']}/erase"
    return posted(site.browser("administrator"), address, address, reason="the law")


def _enable(site: Site) -> Send:
    key = site.accounts["head"]
    with site.database.transaction() as session:
        session.execute(update(Account).where(Account.id == key).values(disabled_at=site.university.at))
    address = f"/admin/accounts/{key}/enable"
    return posted(site.browser("administrator"), address, address, reason="back")


def _setting(site: Site) -> Send:
    browser, address = site.browser("office"), "/admin/settings/sign_within"
    typed = {**hidden(browser.get(address)), "value": "80 days", "from_on": "2026-03-20", "reason": "r"}
    page = browser.client.post(address, data=typed)
    sent = {**typed, **hidden(page)}
    return lambda: browser.client.post(address, data=sent)


def _delegated(site: Site) -> str:
    site.browser("head").send("/delegations/new", given(site))
    with site.database.reading() as session:
        return str(session.scalar(select(Delegation.id)))


def _revoke_for(site: Site) -> Send:
    address = f"/admin/delegations/{_delegated(site)}/revoke"
    return posted(site.browser("office"), address, address, reason="back")


def _revoke_own(site: Site) -> Send:
    address = f"/delegations/{_delegated(site)}/revoke"
    return posted(site.browser("head"), address, address, reason="back")


def _give_for(site: Site) -> Send:
    address = f"/admin/people/{site.university.people['head']}/delegations/new"
    return posted(site.browser("office"), address, address, **given(site))


def _give(site: Site) -> Send:
    return posted(site.browser("head"), "/delegations/new", "/delegations/new", **given(site))


def _login(site: Site) -> Send:
    return posted(site.browser(), "/login", "/login", login="office", password=PASSWORD)


def _password(site: Site) -> Send:
    fields = {"old": PASSWORD, "new": "another river 0815", "again": "another river 0815"}
    return posted(site.browser("office"), "/password", "/password", **fields)


def _logout(site: Site) -> Send:
    browser = site.browser("office")
    token = hidden(browser.get("/password"))["csrf_token"]
    return lambda: browser.client.post("/logout", data={"csrf_token": token})


def _audit_export(site: Site) -> Send:
    proposed(site.university)
    return posted(site.browser("auditor"), "/audit/export", "/audit")


def _packet(site: Site) -> Send:
    proposed(site.university)
    return posted(site.browser("auditor"), "/audit/packet", "/audit")


def _holidays(site: Site) -> Send:
    browser, address = site.browser("office"), "/admin/calendar/import"
    typed = {"source": "a notice", "notice": NOTICE, "reason": "announced"}
    page = browser.client.post(
        address, data={**hidden(browser.get(address)), **typed}, content_type="multipart/form-data"
    )
    sent = hidden(page)
    return lambda: browser.client.post(address, data=sent, content_type="multipart/form-data")


def _feed(site: Site) -> Send:
    return posted(site.browser("leader"), "/account/calendar", "/account/calendar", scope="mine")


def _no_feed(site: Site) -> Send:
    _feed(site)()
    return posted(site.browser("leader"), "/account/calendar/revoke", "/account/calendar")


def _verify(site: Site) -> Send:
    with TemporaryDirectory() as folder:
        entry, proof = one(SealedLog.made(site.database, Path(folder), entries=3), 1)
    return posted(site.browser(), "/verify", "/verify", receipt=f"{entry}\n\n{proof}")


def _link(site: Site) -> Send:
    from tests.web.test_bases import _forget_the_leader

    case_id = proposed(site.university)
    duty = _forget_the_leader(site.university, case_id)
    page = f"/bases/{case_id}?person=other_leader"
    address = f"/bases/{case_id}/duties/{duty}/link"
    return posted(site.browser("office"), address, page, person=site.university.people["other_leader"])


def _release(site: Site) -> Send:
    case_id = approved(site.university)
    with site.database.transaction() as session:
        session.execute(update(Timer).where(Timer.case_id == case_id).values(status="held", hold="import"))
    address = f"/bases/{case_id}/past-deadlines"
    return posted(site.browser("office"), address, address)


def approved(here: University) -> str:
    case_id = at_vote(here)
    for who in MEMBERS:
        here.done(case_id, "selection", who, outcome="agree")
    assert here.state(case_id) == "approved"
    return case_id


def _act(site: Site) -> Send:
    case_id = proposed(site.university)
    return looked_at(
        Walk(browser=site.browser("head"), case_id=case_id, act="college_opinion"), outcome="agree"
    )


def _preview(site: Site) -> Send:
    walk = Walk(browser=site.browser("head"), case_id=proposed(site.university), act="college_opinion")
    form = walk.form()
    return lambda: walk.preview({"outcome": "agree"}, form=form)


def _together(*, carry_out: bool) -> Callable[[Site], Send]:
    def ready(site: Site) -> Send:
        cases = [proposed(site.university) for _ in range(2)]
        browser, address = site.browser("head"), "/tasks/selected/send_back"
        form = hidden(browser.get(f"{address}?" + "&".join(f"case={case_id}" for case_id in cases)))
        typed = {**form, "comment": "thin"}
        if not carry_out:
            return lambda: browser.client.post(f"{address}/preview", data=typed)
        sent = hidden(browser.client.post(f"{address}/preview", data=typed))
        return lambda: browser.client.post(address, data=sent)

    return ready


def _pending(here: University) -> tuple[str, str]:
    case_id = proposed(here)
    here.done(case_id, "amend", "office", fact={"name": "base_name", "value": "另一名称"}, reason="misspelt")
    with here.database.reading() as session:
        return case_id, str(session.scalar(select(PendingAct.id).where(PendingAct.case_id == case_id)))


def _second(deed: str, **fields: str) -> Callable[[Site], Send]:
    def ready(site: Site) -> Send:
        case_id, pending = _pending(site.university)
        page = f"/bases/{case_id}/proposal"
        return posted(site.browser("second_office"), f"{page}/{pending}/{deed}", page, **fields)

    return ready


def _move_clock(site: Site) -> Send:
    with site.database.transaction() as session:
        session.add(Installation(name=clock.DEMONSTRATION, value=True))
        session.add(Installation(name=clock.OFFSET, value=0))
    clock._real.clear()
    return posted(site.browser("leader"), "/demonstration/clock", "/demonstration/clock", days="1")


def _read_notices(site: Site) -> Send:
    proposed(site.university)
    return posted(site.browser("head"), "/notices/read", "/?list=copied")


def _invited(site: Site) -> Send:
    case_id = founded_panel(site)
    with time_machine.travel(site.university.at, tick=False):
        named(site, case_id)
        link = mailed(site)["expert_1"]
        send = posted(site.browser(), link, link, conflict="no")

    def later() -> Any:
        with time_machine.travel(site.university.at, tick=False):
            return send()

    return later


def _votes(*, cast: bool) -> Callable[[Site], Send]:
    def ready(site: Site) -> Send:
        address = meeting_over(site, 2)
        browser = site.browser("member")
        sent = {**hidden(browser.get(address)), **{f"choice.{item.id}": "agree" for item in items(site)}}
        if not cast:
            return lambda: browser.client.post(f"{address}/votes/check", data=sent)
        check = hidden(browser.client.post(f"{address}/votes/check", data=sent))
        return lambda: browser.client.post(f"{address}/votes", data=check)

    return ready


def _paper_check(site: Site) -> Send:
    address, office = meeting_over(site, 1), site.browser("office")
    page = f"{address}/papers/{site.university.people[MEMBERS[1]]}"
    chosen = {f"choice.{item.id}": "agree" for item in items(site)}
    return posted(office, f"{page}/check", page, **chosen, scan=(io.BytesIO(PDF), "纸质票.pdf"))


def _paper(site: Site) -> Send:
    address, office = meeting_over(site, 1), site.browser("office")
    sent = hidden(paper_check(site, address, MEMBERS[1], ["agree"], office=office))
    return lambda: office.client.post(f"{address}/papers/{site.university.people[MEMBERS[1]]}", data=sent)


def _close_meeting(site: Site) -> Send:
    address = meeting_over(site, 1)
    all_agree(site, address, *MEMBERS[:4], choices=["agree"])
    return posted(site.browser("office"), f"{address}/close", f"{address}/close")


def _minutes(site: Site) -> Send:
    address = meeting_over(site, 1)
    close(site, address)
    return posted(site.browser("office"), f"{address}/minutes", address)


def _convene(site: Site) -> Send:
    people = site.university.people
    fields = {
        "held_on": "2026-03-20", "place": "301", "chair": people["member"], "present": [people[one] for one in MEMBERS],
        "agenda": [at_vote(site.university)],
    }  # fmt: skip
    return posted(site.browser("office"), "/meetings/new", "/meetings/new", **fields)


def _present(site: Site) -> Send:
    address = meeting_over(site, 1, present=MEMBERS[:2])
    there = [site.university.people[name] for name in MEMBERS[:4]]
    return posted(site.browser("office"), f"{address}/present", f"{address}/present", present=there)


def _language(site: Site) -> Send:
    return posted(site.browser("leader"), "/preferences", "/password", lang="en")


def _begin(site: Site) -> Send:
    unit = site.university.units["计算机学院"]
    return posted(site.browser("leader"), "/proposals/new", "/proposals/new", unit=unit)


def _section(address: str, **fields: Any) -> Callable[[Site], Send]:
    def ready(site: Site) -> Send:
        case_id = site.university.open()
        form = f"/proposals/{case_id}/{address.partition('/')[0]}"
        return posted(site.browser("leader"), f"/proposals/{case_id}/{address}", form, **fields)

    return ready


def _upload(site: Site) -> Send:
    return _section("plan", cooperation_plan=(io.BytesIO(b"%PDF-1.4\n%%EOF\n"), "计划.pdf"))(site)


def _reopen(site: Site) -> Send:
    case_id = carried(site)
    address = f"/bases/{case_id}/reopen"
    return posted(site.browser("office"), address, address, step="selection", reason="r")


def carried(site: Site) -> str:
    """A proposal whose route is over and whose decision a ban keeps from taking effect."""
    from tests.workflow.test_conclusions import ban_partner_of

    here = site.university
    case_id = at_vote(here)
    ban_partner_of(here, case_id)
    for who in MEMBERS:
        here.done(case_id, "selection", who, outcome="agree")
    return case_id


def _pass_on(*, carry_out: bool) -> Callable[[Site], Send]:
    def ready(site: Site) -> Send:
        case_id = proposed(site.university)
        browser, address, sent = about(site, "head", case_id, "reassign", to="N-officer", reason="出差")
        if not carry_out:
            return lambda: browser.client.post(f"{address}/preview", data=sent)
        page = hidden(browser.client.post(f"{address}/preview", data=sent))
        return lambda: browser.client.post(address, data=page)

    return ready


def _urge(site: Site) -> Send:
    address = f"/bases/{proposed(site.university)}/urge/college_opinion"
    return posted(site.browser("leader"), address, address)


def _token(site: Site) -> Send:
    return posted(site.browser("leader"), "/tokens", "/tokens", name="n", days="30")


def _end_token(site: Site) -> Send:
    site.browser("leader").send("/tokens", {"name": "n", "days": "30"})
    with site.database.reading() as session:
        token = session.scalar(select(ApiToken.id))
    return posted(site.browser("leader"), f"/tokens/{token}/revoke", "/tokens")


PAGES: Mapping[str, tuple[Way, ...]] = {
    "admin.add_account": (
        Way(
            kinds=("account_created",), ready=_office_page("/admin/people/{stranger}/account", login="newone")
        ),
    ),
    "admin.add_partner": (Way(kinds=("partner_added",), ready=_office_form("partner_added")),),
    "admin.add_person": (Way(kinds=("person_added",), ready=_office_form("person_added")),),
    "admin.add_unit": (Way(kinds=("unit_added",), ready=_office_form("unit_added")),),
    "admin.calendar_import": (Way(kinds=("calendar_loaded",), ready=_holidays),),
    "admin.change_account": (
        Way(kinds=("account_disabled",), ready=_office_form("account_disabled")),
        Way(kinds=("account_enabled",), ready=_enable),
        Way(kinds=("sessions_ended",), ready=_office_form("sessions_ended")),
    ),
    "admin.change_call": (Way(kinds=("call_changed",), ready=_office_form("call_changed")),),
    "admin.close_incident": (Way(kinds=("incident_closed",), ready=_office_form("incident_closed")),),
    "admin.edit_person": (Way(kinds=("person_changed",), ready=_office_form("person_changed")),),
    "admin.erase_person": (Way(kinds=("person_erased",), ready=_erase),),
    "admin.give_delegation_for": (Way(kinds=("delegation_given",), ready=_give_for),),
    "admin.give_grant": (Way(kinds=("grant_given",), ready=_office_form("grant_given")),),
    "admin.open_call": (Way(kinds=("call_opened",), ready=_office_form("call_opened")),),
    "admin.rename_partner": (Way(kinds=("partner_renamed",), ready=_office_form("partner_renamed")),),
    "admin.rename_unit": (Way(kinds=("unit_renamed",), ready=_office_form("unit_renamed")),),
    "admin.resend": (Way(kinds=("notice_resent",), ready=_office_form("notice_resent")),),
    "admin.resend_kind": (Way(kinds=("notices_resent",), ready=_office_form("notices_resent")),),
    "admin.reset_password": (
        Way(kinds=("password_set",), ready=_office_page("/admin/accounts/{account}/password")),
    ),
    "admin.revoke_delegation_of": (Way(kinds=("delegation_revoked",), ready=_revoke_for),),
    "admin.revoke_grant": (Way(kinds=("grant_revoked",), ready=_office_form("grant_revoked")),),
    "admin.setting": (Way(kinds=("setting_changed",), ready=_setting),),
    "admin.succeed_partner": (Way(kinds=("partner_succeeded",), ready=_office_form("partner_succeeded")),),
    "admin.succeed_unit": (Way(kinds=("unit_succeeded",), ready=_office_form("unit_succeeded")),),
    "audit.export": (Way(kinds=("export",), ready=_audit_export),),
    "audit.packet": (Way(kinds=("export",), ready=_packet),),
    "auth.login": (Way(kinds=("signed_in",), ready=_login),),
    "auth.logout": (Way(kinds=("signed_out",), ready=_logout),),
    "auth.password": (Way(kinds=("password_changed",), ready=_password),),
    "bases.link": (Way(kinds=("duty",), ready=_link),),
    "bases.release": (Way(kinds=("released",), ready=_release),),
    "decisions.carry_out": (Way(kinds=("ballot",), ready=_act),),
    "feeds.issue": (Way(kinds=("calendar_link_issued",), ready=_feed),),
    "feeds.revoke": (Way(kinds=("calendar_link_revoked",), ready=_no_feed),),
    "verifying.verify": (Way(kinds=(), ready=_verify),),
    "decisions.carry_out_together": (
        Way(kinds=("transition", "transition"), ready=_together(carry_out=True)),
    ),
    "decisions.confirm_pending": (Way(kinds=("transition",), ready=_second("confirm")),),
    "decisions.decline_pending": (Way(kinds=("declined",), ready=_second("decline", reason="no need")),),
    "decisions.preview": (Way(kinds=(), ready=_preview),),
    "decisions.preview_together": (Way(kinds=(), ready=_together(carry_out=False)),),
    "delegations.give": (Way(kinds=("delegation_given",), ready=_give),),
    "delegations.revoke": (Way(kinds=("delegation_revoked",), ready=_revoke_own),),
    "demo.move": (Way(kinds=("clock_moved",), ready=_move_clock),),
    "inbox.read": (Way(kinds=(), ready=_read_notices),),
    "invitations.answer": (Way(kinds=("declared", "invitation_used"), ready=_invited),),
    "admin.try_mail": (Way(kinds=("mail_tried",), ready=_try_mail),),
    "mail_choices.choose": (Way(kinds=("mail_chosen",), ready=_choose_mail),),
    "meetings.cast_votes": (Way(kinds=("ballot", "ballot"), ready=_votes(cast=True)),),
    "meetings.check_papers": (Way(kinds=(), ready=_paper_check),),
    "meetings.check_votes": (Way(kinds=(), ready=_votes(cast=False)),),
    "meetings.close_all": (Way(kinds=("vote_closed", "transition", "meeting_closed"), ready=_close_meeting),),
    "meetings.enter": (Way(kinds=("document", "transcribed"), ready=_paper),),
    "meetings.minutes": (Way(kinds=("export",), ready=_minutes),),
    "meetings.new": (Way(kinds=("meeting_convened",), ready=_convene),),
    "meetings.present": (Way(kinds=("attendance_noted",), ready=_present),),
    "preferences.set": (Way(kinds=(), ready=_language),),
    "proposals.begin": (Way(kinds=("open",), ready=_begin),),
    "proposals.check_partner": (
        Way(
            kinds=(),
            ready=_section("partner/check", **{"partner.name": "某某单位", "partner.kind": "enterprise"}),
        ),
    ),
    "proposals.save": (
        Way(kinds=(), ready=_section("basics", base_name="某某基地")),
        Way(kinds=("document",), ready=_upload),
    ),
    "reopening.carry_out": (Way(kinds=("reopened",), ready=_reopen),),
    "seats.carry_out": (Way(kinds=("reassigned",), ready=_pass_on(carry_out=True)),),
    "seats.preview": (Way(kinds=(), ready=_pass_on(carry_out=False)),),
    "seats.urge_now": (Way(kinds=("urged",), ready=_urge),),
    "tokens.issue": (Way(kinds=("token_issued",), ready=_token),),
    "tokens.revoke": (Way(kinds=("token_revoked",), ready=_end_token),),
}
"""Every route of a page that is posted to. What is only typed, looked at or kept for oneself leaves nothing."""


# ───────────────────────────── Programs


def _call(
    who: str, path: str, body: Callable[[Site], Any] = lambda _site: {}, *, version: bool = False
) -> Callable[[Site], Send]:
    """A call about a proposal that has just been handed in."""

    def ready(site: Site) -> Send:
        case_id, caller = proposed(site.university), program(site, who)
        seen = site.university.case(case_id).version if version else None
        sent = body(site)
        return lambda: caller.send(path.format(case=case_id), sent, key="k1", version=seen)

    return ready


def _api_end_delegation(site: Site) -> Send:
    head = program(site, "head")
    key = head.send("/delegations", delegating(site.university), key="k1").json["id"]
    return lambda: head.send(f"/delegations/{key}/revoke", {"reason": "back"}, key="k2")


def _api_meeting(site: Site, *, present: tuple[str, ...] = MEMBERS) -> tuple[Program, str]:
    office = program(site, "office")
    body = {
        **convening(site, at_vote(site.university)),
        "present": [site.university.people[one] for one in present],
    }
    answer = office.send("/meetings", body, key="convene")
    return office, f"/meetings/{answer.json['id']}"


def _api_convene(site: Site) -> Send:
    office, body = program(site, "office"), convening(site, at_vote(site.university))
    return lambda: office.send("/meetings", body, key="convene")


def _api_votes(site: Site) -> Send:
    _, address = _api_meeting(site)
    member = program(site, "member")
    rows = [
        {"item_id": row["id"], "version": row["version"], "outcome": "agree"}
        for row in member.get(address).json["rows"]
    ]
    return lambda: member.send(f"{address}/votes", {"rows": rows}, key="votes")


def _api_scan(site: Site) -> Send:
    address, office = meeting_over(site, 1), program(site, "office")
    return lambda: set_aside(site, address, office)


def _api_papers(site: Site) -> Send:
    address = meeting_over(site, 1)
    office = program(site, "office")
    scan = set_aside(site, address, office).json["scan"]
    return lambda: sent_papers(site, address, MEMBERS[1], scan, ["agree"], office)


def _api_close_rows(site: Site) -> Send:
    office, address = _api_meeting(site)
    all_agree(site, address, *MEMBERS[:4], choices=["agree"])
    return _closing(office, address)


def _closing(office: Program, address: str) -> Send:
    shown = [
        {name: row[name] for name in ("item_id", "version", "seq")}
        for row in office.get(f"{address}/closing").json["rows"]
    ]
    return lambda: office.send(f"{address}/close-rows", {"rows": shown}, key="rows")


def _api_close(site: Site) -> Send:
    office, address = _api_meeting(site)
    _closing(office, address)()
    return lambda: office.send(f"{address}/close", key="over")


def _api_present(site: Site) -> Send:
    office, address = _api_meeting(site)
    there = [site.university.people[name] for name in MEMBERS[1:]]
    return lambda: office.send(f"{address}/present", {"present": there}, key="p")


def _api_second(deed: str, body: Mapping[str, str]) -> Callable[[Site], Send]:
    def ready(site: Site) -> Send:
        case_id, pending = _pending(site.university)
        second, version = program(site, "second_office"), site.university.case(case_id).version
        seen = version if deed == "confirm" else None
        return lambda: second.send(f"/pending/{pending}/{deed}", dict(body), key="c", version=seen)

    return ready


def _api_draft(site: Site) -> Send:
    leader, unit = program(site, "leader"), site.university.units["计算机学院"]
    return lambda: leader.send("/cases", {"lifecycle": "base", "unit": unit}, key="a")


def _api_act(site: Site) -> Send:
    case_id, head = proposed(site.university), program(site, "head")
    return lambda: head.act(case_id, "college_opinion", outcome="agree")


def _api_together(site: Site) -> Send:
    cases, head = [proposed(site.university) for _ in range(2)], program(site, "head")
    body = {"rows": rows_of(site, *cases), "form": {"values": {"comment": "thin"}}}
    return lambda: head.send("/acts/send_back", body, key="k")


def _api_upload(site: Site) -> Send:
    case_id, leader = site.university.open(), program(site, "leader")
    return lambda: leader.upload(case_id, "cooperation_plan")


def _api_reopen(site: Site) -> Send:
    case_id, office = carried(site), program(site, "office")
    version = site.university.case(case_id).version
    body = {"step": "selection", "reason": "r"}
    return lambda: office.send(f"/cases/{case_id}/reopen", body, key="k", version=version)


def _passing_on(site: Site) -> dict[str, str]:
    return {"to": site.university.people["officer"], "reason": "r"}


API: Mapping[str, tuple[Way, ...]] = {
    "api.act_about_round": (
        Way(
            kinds=("reassigned",),
            ready=_call("head", "/cases/{case}/round/reassign", _passing_on, version=True),
        ),
    ),
    "api.add_delegation": (
        Way(
            kinds=("delegation_given",),
            ready=_call("head", "/delegations", lambda site: delegating(site.university)),
        ),
    ),
    "api.cast_ballots": (Way(kinds=("ballot",), ready=_api_votes),),
    "api.close_rows": (Way(kinds=("vote_closed", "transition"), ready=_api_close_rows),),
    "api.confirm_pending": (Way(kinds=("transition",), ready=_api_second("confirm", {})),),
    "api.convene_meeting": (Way(kinds=("meeting_convened",), ready=_api_convene),),
    "api.decline_pending": (Way(kinds=("declined",), ready=_api_second("decline", {"reason": "no"})),),
    "api.end_delegation": (Way(kinds=("delegation_revoked",), ready=_api_end_delegation),),
    "api.end_meeting": (Way(kinds=("meeting_closed",), ready=_api_close),),
    "api.enter_papers": (Way(kinds=("document", "transcribed"), ready=_api_papers),),
    "api.note_present": (Way(kinds=("attendance_noted",), ready=_api_present),),
    "api.open_draft": (Way(kinds=("open",), ready=_api_draft),),
    "api.perform_act": (Way(kinds=("ballot",), ready=_api_act),),
    "api.perform_together": (Way(kinds=("transition", "transition"), ready=_api_together),),
    "api.preview_act": (
        Way(
            kinds=(),
            ready=_call(
                "head", "/cases/{case}/acts/college_opinion/preview", lambda _site: {"outcome": "agree"}
            ),
        ),
    ),
    "api.preview_round_act": (
        Way(kinds=(), ready=_call("head", "/cases/{case}/round/reassign/preview", _passing_on)),
    ),
    "api.reopen_route": (Way(kinds=("reopened",), ready=_api_reopen),),
    "api.set_scan_aside": (Way(kinds=(), ready=_api_scan),),
    "api.upload_document": (Way(kinds=("document",), ready=_api_upload),),
    "api.urge_act": (
        Way(kinds=("urged",), ready=_call("leader", "/cases/{case}/acts/college_opinion/urge", version=True)),
    ),
}
"""Every route a program posts to."""


# ───────────────────────────── What is taken out


def _document(site: Site) -> str:
    case_id = proposed(site.university)
    with site.database.reading() as session:
        return str(session.scalar(select(StoredDocument.id).where(StoredDocument.case_id == case_id)))


def _download(site: Site) -> Send:
    address, browser = f"/documents/{_document(site)}", site.browser("leader")
    return lambda: browser.get(address)


def _api_download(site: Site) -> Send:
    path, leader = f"/documents/{_document(site)}", program(site, "leader")
    return lambda: leader.get(path)


def _list_export(site: Site) -> Send:
    proposed(site.university)
    browser = site.browser("leader")
    return lambda: browser.get("/bases/export.csv")


def _api_minutes(site: Site) -> Send:
    office, address = _api_meeting(site)
    _closing(office, address)()
    office.send(f"{address}/close", key="over")
    return lambda: office.get(f"{address}/minutes")


TAKEN_OUT: Mapping[str, tuple[Way, ...]] = {
    "documents.download": (Way(kinds=("download",), ready=_download),),
    "bases.export": (Way(kinds=("export",), ready=_list_export),),
    "api.read_document": (Way(kinds=("download",), ready=_api_download),),
    "api.read_minutes": (Way(kinds=("export",), ready=_api_minutes),),
}
"""The routes that are only read and yet leave an entry: something leaves the house."""

WAYS: Mapping[str, tuple[Way, ...]] = {**PAGES, **API, **TAKEN_OUT}


# ───────────────────────────── The tests


@pytest.fixture
def founding() -> Founding:
    return founded


def test_every_route_that_is_posted_to_is_in_the_table(lite: Site) -> None:
    mutating = {
        rule.endpoint
        for rule in lite.app.url_map.iter_rules()
        if (rule.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"}
    }

    assert mutating ^ {*PAGES, *API} == set(), (
        "say in the table what a request to the route leaves in the log"
    )


@pytest.mark.parametrize(
    ("endpoint", "number"), [(name, number) for name, ways in WAYS.items() for number in range(len(ways))]
)
def test_request_leaves_exactly_its_entries(lite: Site, endpoint: str, number: int) -> None:
    way = WAYS[endpoint][number]
    send = way.ready(lite)
    before, routed = lite.entry_count(), _routed(lite)

    answer = send()

    assert answer.status_code < 400, answer.get_data(as_text=True)
    assert endpoint in routed
    left = lite.entries()[before:]
    assert tuple(entry.kind for entry in left) == way.kinds
    assert all(is_known(entry.kind, entry.stream) for entry in left)
    assert {entry.source for entry in left} <= {"page", "api"}


def _routed(site: Site) -> list[str]:
    """The endpoints requests come to from now on."""
    seen: list[str] = []
    site.app.before_request_funcs.setdefault(None, []).insert(0, lambda: seen.append(str(request.endpoint)))
    return seen


def test_reading_a_page_leaves_nothing(lite: Site) -> None:
    """Every address without a part to fill in, read by those who may; what takes something out is in its own table."""
    proposed(lite.university)
    plain = [
        rule
        for rule in lite.app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.arguments and not rule.rule.startswith("/api/")
    ]
    before, browser = lite.entry_count(), lite.browser("administrator")

    statuses = [browser.get(rule.rule).status_code for rule in plain]

    assert statuses.count(200) > 20
    assert lite.entry_count() == before


REFUSED: Mapping[str, Callable[[Site], Send]] = {
    "denied by role": lambda site: _denied(site),
    "a page of the office": lambda site: lambda: site.browser("leader").get("/admin/people"),
    "the log": lambda site: lambda: site.browser("leader").get("/audit"),
    "a form of the office": lambda site: (
        lambda: site.browser("leader").send("/admin/units/new", {}, form="/password")
    ),
    "another's deed": lambda site: _another(site),
    "an unknown login": lambda site: posted(
        site.browser(), "/login", "/login", login="nobody", password="x" * 12
    ),
    "a token that opens nothing": lambda site: (
        lambda: site.app.test_client().get("/api/v1/me", headers={"Authorization": "Bearer lp_nobodys"})
    ),
    "a wrong password": lambda site: posted(
        site.browser(), "/login", "/login", login="office", password="x" * 12
    ),
    "a wrong old password": lambda site: posted(
        site.browser("office"),
        "/password",
        "/password",
        old="x" * 12,
        new="river 0815 a",
        again="river 0815 a",
    ),
}


def _denied(site: Site) -> Send:
    case_id, office = proposed(site.university), program(site, "office")
    return lambda: office.act(case_id, "college_opinion", outcome="agree")


def _another(site: Site) -> Send:
    case_id, member = proposed(site.university), program(site, "member")
    return lambda: member.act(case_id, "submit")


@pytest.mark.parametrize("what", REFUSED)
def test_refusal_that_matters_leaves_exactly_its_denial(lite: Site, what: str) -> None:
    send = REFUSED[what](lite)
    before = lite.entry_count()

    answer = send()

    assert 400 <= answer.status_code < 500
    assert [entry.kind for entry in lite.entries()[before:]] in (["denied"], ["sign_in_failed"])
