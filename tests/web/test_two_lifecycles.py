"""Two lifecycles in one installation: each shows in lists, inbox and meetings, and each keeps its own office and voters."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from models import Call, Edition, Grant, Meeting, Setting, new_key
from tests.university import Founding, University
from tests.web.conftest import hidden, text_of
from tests.web.programs import program
from tests.web.signing_in import Site
from tests.web.test_cli import Shell
from tests.workflow.routing import at_vote, founded
from tests.workflow.test_meetings import called, refused
from tests.workflow.test_station import COMMITTEE, PEOPLE, STATION, applied
from workflow.definition import load
from workflow.doctor import examine
from workflow.errors import BadInput
from workflow.operations.deeds import Role
from workflow.operations.editions import publish
from workflow.operations.office import open_call
from workflow.world import bump

TITLE = "研究生工作站"


@pytest.fixture
def founding() -> Founding:
    return partial(founded, others=PEOPLE)


@pytest.fixture
def stations(lite: Site) -> University:
    """The same university, acting under the lifecycle of stations, which is published beside that of bases."""
    source = STATION.read_bytes()
    here = replace(lite.university, definition=load(source))
    with lite.database.transaction() as session:
        edition = Edition(
            id=new_key(), lifecycle=here.definition.name, label=here.definition.edition, sha256=here.definition.sha256,
            source=source.decode(), published_at=datetime(2021, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        session.add(edition)
        session.add(
            Call(
                id=new_key(), lifecycle=here.definition.name, year=2026, opens_on=date(2026, 3, 1),
                closes_on=date(2026, 12, 31),
            )
        )  # fmt: skip
        bump(session)
    return here


def at_committee(stations: University) -> str:
    case_id = applied(stations)
    stations.done(case_id, "deans_word", "dean", outcome="agree")
    return case_id


def met(here: University, *cases: str, who: str = "secretary", **more: Any) -> Any:
    people = [here.people[name] for name in COMMITTEE]
    return called(here, *cases, who=who, role="committee", chair=people[0], **{"present": COMMITTEE, **more})


# ───────────────────────────── Lists


def test_one_lifecycle_needs_no_choice(lite: Site) -> None:
    at_vote(lite.university)

    assert "按类别查看" not in text_of(lite.browser("office").get("/bases"))


def test_list_shows_the_lifecycle_that_is_chosen(lite: Site, stations: University) -> None:
    base, station = at_vote(lite.university), applied(stations)
    give(lite, "office", "secretariat")
    office = lite.browser("office")

    bases, both = text_of(office.get("/bases")), text_of(office.get("/bases?lifecycle=station"))

    assert (f"/bases/{base}" in bases, f"/bases/{station}" in bases) == (True, False)
    assert (f"/bases/{base}" in both, f"/bases/{station}" in both) == (False, True)
    assert 'href="/bases?lifecycle=station"' in bases
    assert "评审中" in both
    narrowed = text_of(office.get("/bases?lifecycle=station&state=applied"))
    assert f"/bases/{station}" in narrowed
    exported = office.get("/bases/export.csv?lifecycle=station").get_data().decode("utf-8-sig")
    assert ("水城机床厂工作站" in exported, "水城人民医院" in exported) == (True, False)


def test_lifecycle_there_is_none_of_shows_the_sites_own(lite: Site, stations: University) -> None:
    base = at_vote(lite.university)

    assert f"/bases/{base}" in text_of(lite.browser("office").get("/bases?lifecycle=x"))


def test_inbox_shows_what_waits_under_the_other_lifecycle(lite: Site, stations: University) -> None:
    case_id = applied(stations)
    dean = lite.browser("dean")

    page = text_of(dean.get("/"))

    assert "学院意见</a>" in page
    assert '<option value="applied">' in page
    assert f"/bases/{case_id}" in text_of(dean.get("/?state=applied"))
    assert f"/bases/{case_id}" not in text_of(dean.get("/?state=proposed"))
    assert f"/bases/{case_id}" in text_of(lite.browser("applicant").get("/?list=opened"))


# ───────────────────────────── Meetings


def test_office_of_the_other_lifecycle_convenes_its_voters(lite: Site, stations: University) -> None:
    case_id, base = at_committee(stations), at_vote(lite.university)
    browser, people = lite.browser("secretary"), stations.people
    form = text_of(browser.get("/meetings/new"))

    answer = browser.send(
        "/meetings/new",
        {
            "held_on": "2026-03-20",
            "place": "行政楼301",
            "chair": people["judge_1"],
            "present": [people[name] for name in COMMITTEE],
            "agenda": [case_id],
        },
    )

    address = answer.headers["Location"]
    assert (f'value="{case_id}"' in form, f'value="{base}"' in form) == (True, False)
    assert (f'value="{people["judge_1"]}"' in form, f'value="{people["member"]}"' in form) == (True, False)
    assert "评审委员会委员" in text_of(browser.get(address))
    assert [lite.browser(who).get(address).status_code for who in ("judge_1", "auditor", "stranger")] == [
        200,
        200,
        404,
    ]


def test_meeting_is_kept_by_its_own_office_alone(lite: Site, stations: University) -> None:
    case_id = at_committee(stations)
    address = f"/meetings/{met(stations, case_id).subject}"

    kept = {who: lite.browser(who).get(f"{address}/close").status_code for who in ("secretary", "office")}

    assert kept == {"secretary": 200, "office": 404}
    assert refused(lambda: met(stations, case_id, who="office")) == "not_your_role"


def test_committee_votes_in_its_meeting(lite: Site, stations: University) -> None:
    case_id = at_committee(stations)
    meeting = met(stations, case_id).subject
    for who in COMMITTEE:
        caller = program(lite, who)
        row = caller.get(f"/meetings/{meeting}").get_json()["rows"][0]
        vote = {"item_id": row["id"], "version": row["version"], "outcome": "agree"}

        told = caller.send(f"/meetings/{meeting}/votes", {"rows": [vote]}, key=f"k-{who}")

        assert told.status_code == 200, told.get_json()
    with lite.database.reading() as session:
        found = examine(session)
    assert stations.case(case_id).state == "applied"
    assert "公示" in text_of(lite.browser("secretary").get(f"/bases/{case_id}"))
    assert found == []


def test_whoever_convenes_both_says_whose_meeting(lite: Site, stations: University) -> None:
    case_id, base = at_committee(stations), at_vote(lite.university)
    give(lite, "office", "secretariat")
    office = lite.browser("office")

    asked = text_of(office.get("/meetings/new"))
    forms = {
        role: text_of(office.get(f"/meetings/new?body={role}")) for role in ("committee", "leading_group")
    }

    assert "召集哪一机构的会议" in asked
    assert 'name="body" value="committee"' in asked
    assert f'value="{case_id}"' in forms["committee"]
    assert f'value="{base}"' in forms["leading_group"]
    assert f'value="{base}"' not in forms["committee"]


def test_interface_asks_whose_meeting_likewise(lite: Site, stations: University) -> None:
    case_id = at_committee(stations)
    at_vote(lite.university)
    give(lite, "office", "secretariat")
    caller = program(lite, "office")
    judges = [stations.people[name] for name in COMMITTEE]
    body = {
        "held_on": "2026-03-20", "place": "301", "chair_id": judges[0], "present": judges, "agenda": [case_id],
    }  # fmt: skip

    untold = caller.send("/meetings", body, key="k1")
    told = caller.send("/meetings", {**body, "role": "committee"}, key="k2")

    assert (untold.status_code, told.status_code) == (422, 201)
    assert caller.get("/meetings/votable").status_code == 400
    assert caller.get("/meetings/votable?role=leading_group").status_code == 200
    listed = caller.get("/meetings").get_json()["items"]
    assert [(one["role"]["name"], one["role"]["text"]) for one in listed] == [
        ("committee", "member of the committee")
    ]
    with lite.database.reading() as session:
        assert session.scalars(select(Meeting.role)).all() == ["committee"]


# ───────────────────────────── Roles


def options_of(page: str, field: str) -> list[str]:
    """The values a field of a form, or a filter, offers."""
    (select,) = re.findall(rf'<select [^>]*name="{field}"[^>]*>(.*?)</select>', page, re.DOTALL)
    return [value for value in re.findall(r'<option value="([^"]*)"', select) if value]


def test_one_lifecycle_offers_the_installations_roles_alone(lite: Site) -> None:
    stranger = lite.university.people["stranger"]

    form = text_of(lite.browser("administrator").get(f"/admin/people/{stranger}/grants/new"))

    assert options_of(form, "role") == [str(role) for role in Role]
    assert ">培养单位负责人</option>" in form


def test_role_of_the_other_lifecycle_is_given_and_shown(lite: Site, stations: University) -> None:
    stranger, college = lite.university.people["stranger"], lite.university.units["药学院"]
    address = f"/admin/people/{stranger}/grants/new"
    admin = lite.browser("administrator")
    stated = {"role": "dean", "from_on": "2026-03-01", "until_on": "", "reason": "elected"}

    form = text_of(admin.get(address))
    without = admin.send(address, {**stated, "unit": ""})
    given = admin.send(address, {**stated, "unit": college})

    assert {"dean", "committee", "college_head"} < {*options_of(form, "role")}
    assert ">研究生工作站 · 院长</option>" in form
    assert (without.status_code, given.status_code) == (422, 302)
    assert "研究生工作站 · 院长（药学院）" in text_of(admin.get(f"/admin/people/{stranger}"))
    listed = text_of(admin.get("/admin/grants?role=dean"))
    assert f"/admin/people/{stranger}" in listed
    assert "研究生工作站 · 院长（药学院）" in text_of(admin.get("/admin/people?q=stranger"))


def test_role_there_is_none_of_is_refused_with_those_there_are(lite: Site, stations: University) -> None:
    stranger = lite.university.people["stranger"]
    stated = {"role": "rector", "unit": "", "from_on": "2026-03-01", "until_on": "", "reason": "elected"}

    answer = lite.browser("administrator").send(f"/admin/people/{stranger}/grants/new", stated)

    assert answer.status_code == 422
    told, *_ = re.findall("没有这个角色，可用：([a-z_、]+)", text_of(answer))
    assert told.split("、") == [*map(str, Role), "applicant", "dean", "secretariat", "assessor", "committee"]


def test_command_line_gives_it_too_and_names_the_roles_there_are(lite: Site, stations: University) -> None:
    shell = Shell(str(lite.database.engine.url))

    unknown = shell("user", "grant", "stranger", "rector")
    given = shell("user", "grant", "stranger", "dean", "--unit", "药学院")
    without = shell("user", "grant", "stranger", "applicant")

    assert (unknown.exit_code, given.exit_code, without.exit_code) == (2, 0, 1)
    assert all(role in unknown.output for role in ("administrator", "applicant", "dean", "committee"))


def test_interface_names_a_role_of_the_other_lifecycle(lite: Site, stations: University) -> None:
    dean = program(lite, "dean")

    assert [one["role"] for one in dean.get("/me").get_json()["roles"]] == [{"name": "dean", "text": "dean"}]


def test_role_of_the_other_lifecycle_is_delegated(lite: Site, stations: University) -> None:
    dean = lite.browser("dean")
    (scope,) = re.findall(r'name="role" value="([^"]+)"', text_of(dean.get("/delegations/new")))

    answer = dean.send(
        "/delegations/new",
        {
            "delegate": "N-stranger",
            "role": scope,
            "from_on": "2026-03-20",
            "until_on": "2026-03-30",
            "reason": "away",
        },
    )

    assert answer.status_code == 302, text_of(answer)
    assert "研究生工作站 · 院长 (计算机学院)" in text_of(dean.get("/delegations"))
    assert "研究生工作站 · 院长 (计算机学院)" in text_of(lite.browser("office").get("/admin/delegations"))
    (shown,) = program(lite, "dean").get("/delegations").get_json()["items"]
    assert shown["role"] == {"name": "dean", "text": "dean"}


def test_refusal_names_who_convenes_the_other_body(lite: Site, stations: University) -> None:
    case_id = at_committee(stations)
    judges = [stations.people[name] for name in COMMITTEE]
    body = {
        "role": "committee", "held_on": "2026-03-20", "place": "301", "chair_id": judges[0], "present": judges, "agenda": [case_id],
    }  # fmt: skip

    answer = program(lite, "office").send("/meetings", body, key="k1")

    assert answer.status_code == 403
    assert answer.get_json()["blockers"][0]["mend"] == [
        {"name": "secretariat", "text": "graduate station · secretariat"}
    ]


# ───────────────────────────── Proposals


def test_one_lifecycle_has_one_proposal(lite: Site) -> None:
    page = text_of(lite.browser("leader").get("/proposals/new"))

    assert "申报新基地" in page
    assert "lifecycle=" not in page


def test_whoever_opens_one_kind_is_asked_nothing(lite: Site, stations: University) -> None:
    applicant, leader = lite.browser("applicant"), lite.browser("leader")

    theirs, bases = text_of(applicant.get("/proposals/new")), text_of(leader.get("/proposals/new"))

    assert "申报：研究生工作站" in theirs
    assert 'action="/proposals/new?lifecycle=station"' in theirs
    assert "这里列出您担任申请人的学院" in theirs
    assert 'action="/proposals/new"' in bases
    assert "按类别查看" not in theirs + bases
    assert "新的申报" in text_of(applicant.get("/"))


def test_whoever_opens_both_kinds_chooses(lite: Site, stations: University) -> None:
    give(lite, "leader", "applicant", unit="药学院")
    leader = lite.browser("leader")

    first, second = (text_of(leader.get(f"/proposals/new{wanted}")) for wanted in ("", "?lifecycle=station"))

    assert 'href="/proposals/new?lifecycle=station"' in first
    assert ("计算机学院" in first, "药学院" in first) == (True, False)
    assert ("计算机学院" in second, "药学院" in second) == (False, True)


def test_proposal_of_a_kind_one_may_not_open_is_refused(lite: Site, stations: University) -> None:
    leader, college = lite.browser("leader"), lite.university.units["计算机学院"]

    shown = leader.get("/proposals/new?lifecycle=station")
    sent = leader.send("/proposals/new?lifecycle=station", {"unit": college}, form="/proposals/new")
    unknown = leader.send("/proposals/new?lifecycle=x", {"unit": college}, form="/proposals/new")

    assert (shown.status_code, sent.status_code, unknown.status_code) == (403, 403, 404)
    assert "只有登记为申请人的人员可以申报。请联系本学院或秘书处登记。" in text_of(shown)
    assert lite.entries("open") == []


def test_college_not_chosen_leads_back_to_the_same_kind(lite: Site, stations: University) -> None:
    answer = lite.browser("applicant").send("/proposals/new?lifecycle=station", {"unit": ""})

    assert answer.headers["Location"] == "/proposals/new?lifecycle=station"


def test_application_sent_back_is_mended_section_by_section(lite: Site, stations: University) -> None:
    case_id = applied(stations)
    stations.done(case_id, "return", "dean", note="the plan is thin")
    applicant = lite.browser("applicant")

    inbox = text_of(applicant.get("/"))
    form = applicant.get(f"/bases/{case_id}/acts/apply")

    assert f'href="/proposals/{case_id}"' in inbox
    assert form.headers["Location"] == f"/proposals/{case_id}"
    assert "水城机床厂工作站" in text_of(applicant.get(f"/proposals/{case_id}/review"))


# ───────────────────────────── Calls and settings


@pytest.mark.parametrize("place", ["calls", "settings"])
def test_place_of_one_lifecycle_offers_no_choice(lite: Site, place: str) -> None:
    assert "lifecycle=" not in text_of(lite.browser("office").get(f"/admin/{place}"))


@pytest.mark.parametrize("place", ["calls", "settings"])
def test_place_of_two_shows_the_one_the_address_names(lite: Site, stations: University, place: str) -> None:
    office = lite.browser("office")

    page = text_of(office.get(f"/admin/{place}"))

    assert f'href="/admin/{place}?lifecycle=station"' in page
    assert office.get(f"/admin/{place}?lifecycle=x").status_code == 404


def test_call_is_opened_and_moved_for_the_lifecycle_chosen(lite: Site, stations: University) -> None:
    office = lite.browser("office")
    days = {"opens_on": "2027-03-01", "closes_on": "2027-04-30", "reason": "yearly"}

    opened = office.send("/admin/calls/new?lifecycle=station", {"year": "2027", **days})
    listed = text_of(office.get("/admin/calls?lifecycle=station"))
    (latest, *_) = re.findall(r'href="(/admin/calls/[0-9a-f-]{36})"', listed)
    form = text_of(office.get(latest))
    moved = office.send(latest, {**days, "closes_on": "2027-05-31"})

    assert [answer.headers["Location"] for answer in (opened, moved)] == [
        "/admin/calls?lifecycle=station"
    ] * 2
    assert "研究生工作站" in form
    with lite.database.reading() as session:
        rows = session.execute(select(Call.lifecycle, Call.closes_on).where(Call.year == 2027)).all()
    assert rows == [("station", date(2027, 5, 31))]
    assert "2027" not in re.sub(r"<[^>]+>", "", text_of(office.get("/admin/calls")).partition("<main")[2])


def test_call_of_a_lifecycle_there_is_none_of_is_refused(lite: Site) -> None:
    def deed(session: Any) -> Any:
        return open_call(
            session, lifecycle="x", year=2027, opens_on=date(2027, 3, 1), closes_on=date(2027, 3, 2), reason="r",
            ctx=lite.university.ctx("office"),
        )  # fmt: skip

    with pytest.raises(BadInput) as bad:
        lite.database.run(deed)

    assert [(fault.field, fault.code) for fault in bad.value.faults] == [("lifecycle", "unknown_choice")]


def test_setting_is_shown_and_changed_for_the_lifecycle_chosen(lite: Site, stations: University) -> None:
    office = lite.browser("office")
    page = text_of(office.get("/admin/settings?lifecycle=station"))
    address = "/admin/settings/panel_size?lifecycle=station"
    stated = {"value": "5", "from_on": "2026-03-20", "reason": "more eyes"}

    preview = office.send(address, stated)
    changed = office.client.post(address, data=hidden(preview))

    assert f'href="{address}"' in page
    assert text_of(preview).count(f'href="{address}"') == 2  # the way back, and to state it again
    assert changed.headers["Location"] == "/admin/settings?lifecycle=station"
    with lite.database.reading() as session:
        rows = session.execute(
            select(Setting.lifecycle, Setting.name, Setting.value).where(Setting.reason == "more eyes")
        )
        assert rows.all() == [("station", "panel_size", 5)]
    assert office.get("/admin/settings/notice_time").status_code == 404


# ───────────────────────────── The log


def test_log_is_narrowed_by_what_either_lifecycle_names(lite: Site, stations: University) -> None:
    base, station = at_vote(lite.university), applied(stations)
    auditor = lite.browser("auditor")

    page = text_of(auditor.get("/audit"))
    narrowed = text_of(auditor.get("/audit?act=apply"))

    assert {"submit", "apply", "review_opens"} < {*options_of(page, "act")}
    assert "研究生工作站 1</option>" in page
    assert "事项：提交申请" in narrowed
    assert (f"/bases/{base}" in narrowed, f"/bases/{station}" in narrowed) == (False, True)


def test_log_of_one_lifecycle_calls_editions_by_their_label(lite: Site) -> None:
    definition = lite.university.definition

    page = text_of(lite.browser("auditor").get("/audit"))

    assert f">{definition.edition}</option>" in page
    assert options_of(page, "act") == list(dict.fromkeys([*definition.acts, *definition.timers]))


def test_act_both_name_is_offered_once_by_both_names(lite: Site, stations: University) -> None:
    source = STATION.read_text(encoding="utf-8").replace('"1"', '"2"', 1).replace("turn_down", "reject")
    with lite.database.transaction() as session:
        publish(session, source.encode(), ctx=stations.ctx("office"))

    page = text_of(lite.browser("auditor").get("/audit?act=reject"))

    assert options_of(page, "act").count("reject") == 1
    assert ">不予立项、不予设站</option>" in page
    assert "事项：不予立项、不予设站" in page


def test_entry_of_no_case_speaks_the_words_of_its_lifecycle(lite: Site, stations: University) -> None:
    office, auditor = lite.browser("office"), lite.browser("auditor")
    stated = {"value": "45", "value.unit": "days", "from_on": "2026-03-20", "reason": "sooner"}
    address = "/admin/settings/account_time?lifecycle=station"
    office.client.post(address, data=hidden(office.send(address, stated)))
    office.send(
        f"/admin/people/{stations.people['stranger']}/grants/new",
        {"role": "committee", "unit": "", "from_on": "2026-03-01", "until_on": "", "reason": "elected"},
    )
    office.get("/bases/export.csv?lifecycle=station&state=draft")

    (setting,), (grant,), (export,) = (
        lite.entries(kind) for kind in ("setting_changed", "grant_given", "export")
    )

    changed = text_of(auditor.get(f"/audit/{setting.id}"))
    assert "总结报告时限" in changed
    assert "45天" in changed
    assert "评审委员会委员" in text_of(auditor.get(f"/audit/{grant.id}"))
    said = text_of(auditor.get(f"/audit/{export.id}"))
    assert "流程：研究生工作站" in said
    assert "状态：填报中" in said


def give(lite: Site, who: str, role: str, *, unit: str | None = None) -> None:
    """Set down a right of a person, on a unit or anywhere."""
    here = lite.university
    with lite.database.transaction() as session:
        session.add(
            Grant(
                id=new_key(), person_id=here.people[who], role=role, unit_id=here.units[unit] if unit else None,
                from_on=date(2020, 1, 1),
            )
        )  # fmt: skip
