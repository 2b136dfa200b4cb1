"""The API: the same acts and lists as the pages, and no way around what they refuse."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
import time_machine
from sqlalchemy import event, select, update
from werkzeug.test import TestResponse

from models import Case, Database, Entry, Grant, IdempotencyKey, PendingAct
from tests.web.programs import COLLEGE, NOBODYS, NOW, PDF, Program, program, row_counts
from tests.web.signing_in import Site, site_over
from workflow.operations import Receipt


@pytest.fixture(autouse=True)
def only_ours() -> None:
    """All places of the site are in."""


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def site(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    return site_over(sqlite_database, monkeypatch)


@pytest.fixture
def either_site(database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The site on each kind of database in turn, for what writes."""
    return site_over(database, monkeypatch)


def problem(answer: TestResponse) -> dict[str, Any]:
    """The problem details of an answer, proved to be whole."""
    assert answer.content_type == "application/problem+json"
    told: dict[str, Any] = json.loads(answer.get_data())
    assert told["status"] == answer.status_code
    assert told["title"]
    assert told["detail"]
    return told


def said(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, problem(answer)["type"]


def codes(answer: TestResponse, part: str = "blockers") -> list[str]:
    return [item["code"] for item in problem(answer)[part]]


def _reads(case_id: str, document_id: str) -> dict[str, str]:
    """Every address with an identifier that can be read, by its operation."""
    return {
        "read_case": f"/cases/{case_id}",
        "list_acts": f"/cases/{case_id}/acts",
        "read_history": f"/cases/{case_id}/history",
        "read_deadlines": f"/cases/{case_id}/deadlines",
        "read_document": f"/documents/{document_id}",
    }


# ───────────────────────────── Who may come in


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer lp_nothing",
        "Basic bGVhZGVyOng=",
        "Token lp_x",
        "Bearer a b",
        "Bearer 令牌",
    ],
)
def test_call_without_a_valid_token_is_asked_for_one(site: Site, given: str) -> None:
    headers = {"Authorization": given.encode().decode("latin-1")} if given else {}

    answer = site.app.test_client().get("/api/v1/me", headers=headers)

    assert said(answer) == (401, "no_token")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="lianpei"'


def test_cookie_of_the_pages_opens_nothing_here(site: Site) -> None:
    case_id = site.university.proposed()
    browser = site.browser("member")

    read = browser.get("/api/v1/me")
    act = browser.client.post(
        f"/api/v1/cases/{case_id}/acts/approve", json={}, headers={"Idempotency-Key": "k", "If-Match": '"2"'}
    )

    assert (said(read), said(act)) == ((401, "no_token"), (401, "no_token"))
    assert site.university.state(case_id) == "proposed"


def test_token_in_the_address_opens_nothing(site: Site) -> None:
    token = program(site, "leader").token

    answer = site.app.test_client().get(f"/api/v1/me?access_token={token}")

    assert said(answer) == (401, "no_token")


def test_me_says_whom_the_token_speaks_for(site: Site) -> None:
    told = program(site, "leader").get("/me").json

    assert (told["name"], told["login"], told["person_id"]) == (
        "leader",
        "leader",
        site.university.people["leader"],
    )
    assert told["roles"] == [
        {
            "role": {"name": "project_leader", "text": "project leader"},
            "unit": {"id": site.university.units[COLLEGE], "name": COLLEGE},
        }
    ]


def test_texts_come_in_the_language_asked_for(site: Site) -> None:
    leader = program(site, "leader")

    chinese = leader.get("/me", **{"Accept-Language": "zh-CN"})
    english = leader.get("/me", **{"Accept-Language": "en-GB, zh;q=0.5"})
    neither = leader.get("/me", **{"Accept-Language": "fr"})

    assert [answer.json["roles"][0]["role"]["text"] for answer in (chinese, english, neither)] == [
        "项目负责人", "project leader", "项目负责人",
    ]  # fmt: skip
    assert [answer.headers["Content-Language"] for answer in (chinese, english)] == ["zh", "en"]


def test_revoked_grant_stops_at_once(site: Site) -> None:
    case_id = site.university.proposed()
    member = program(site, "member")
    before = member.get(f"/cases/{case_id}").status_code

    with site.database.transaction() as session:
        session.execute(update(Grant).where(Grant.role == "leading_group").values(revoked_at=NOW))

    assert (before, member.get(f"/cases/{case_id}").status_code) == (200, 404)
    assert said(member.act(case_id, "approve")) == (404, "not_found")


# ───────────────────────────── What one may see


@pytest.mark.parametrize(
    "operation", ["read_case", "list_acts", "read_history", "read_deadlines", "read_document"]
)
def test_hidden_and_missing_are_answered_alike(site: Site, operation: str) -> None:
    case_id = site.university.proposed()
    document_id = site.university.document(case_id, "cooperation_plan")
    hidden, missing = _reads(case_id, document_id)[operation], _reads(NOBODYS, NOBODYS)[operation]

    seen = program(site, "leader").get(hidden)
    to_stranger = program(site, "stranger").get(hidden)
    to_other = program(site, "other_leader").get(hidden)
    nothing = program(site, "stranger").get(missing)

    assert seen.status_code == 200
    assert said(nothing) == (404, "not_found")
    assert to_stranger.get_data() == to_other.get_data() == nothing.get_data()
    assert to_stranger.status_code == to_other.status_code == 404


def test_participating_college_reads_the_case_and_does_not_act(either_site: Site) -> None:
    case_id = either_site.university.proposed(others=("药学院",))
    head, leader = program(either_site, "other_head"), program(either_site, "other_leader")

    listed = [row["id"] for row in head.get("/cases").get_json()["items"]]
    read = head.get(f"/cases/{case_id}")
    acts = head.get(f"/cases/{case_id}/acts").get_json()["items"]
    answer = head.act(case_id, "send_back", values={"reasons_by_field": {"partner": "full name"}})

    assert listed == [case_id]
    assert read.status_code == 200
    assert [act["name"] for act in acts if act["allowed"]] == []
    assert said(answer) == (403, "not_allowed")
    assert said(leader.get(f"/cases/{case_id}")) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/cases/{}/acts/approve", {}),
        ("/cases/{}/acts/approve/preview", {}),
        ("/pending/{}/confirm", {}),
        ("/pending/{}/decline", {"reason": "no"}),
    ],
)
def test_acts_on_hidden_and_missing_are_answered_alike(site: Site, path: str, body: dict[str, str]) -> None:
    university = site.university
    case_id = university.signed()
    university.act(
        case_id, "amend", "office", fact={"name": "base_name", "value": "新名"}, reason="typing error"
    )
    with site.database.reading() as session:
        pending_id = session.scalars(select(PendingAct.id)).one()
    stranger = program(site, "stranger")
    before = row_counts(site.database)
    key = case_id if path.startswith("/cases") else pending_id

    hidden = stranger.send(path.format(key), body, key="a", version=3)
    missing = stranger.send(path.format(NOBODYS), body, key="a", version=3)

    assert said(hidden) == (404, "not_found")
    assert hidden.get_data() == missing.get_data()
    assert row_counts(site.database) == before


def test_upload_to_hidden_and_missing_is_answered_alike(site: Site) -> None:
    case_id = site.university.open()
    stranger = program(site, "stranger")

    hidden, missing = (
        stranger.upload(case_id, "cooperation_plan"),
        stranger.upload(NOBODYS, "cooperation_plan"),
    )

    assert said(hidden) == (404, "not_found")
    assert hidden.get_data() == missing.get_data()


def test_lists_hold_only_what_one_may_see(site: Site) -> None:
    mine = site.university.proposed()
    other = site.university.proposed(who="other_leader", unit="药学院", partner="东方制药有限公司")

    def listed(who: str) -> set[str]:
        return {item["id"] for item in program(site, who).get("/cases").json["items"]}

    assert [listed(who) for who in ("leader", "other_head", "office", "auditor", "stranger")] == [
        {mine}, {other}, {mine, other}, {mine, other}, set(),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "word", ["not-a-key", NOBODYS.upper(), "1", "%00", "..%2f..", "'%20or%201=1", "%F0%9F%92%A5"]
)
def test_identifier_that_can_name_nothing_is_not_found(either_site: Site, word: str) -> None:
    office = program(either_site, "office")

    answers = [
        office.get(f"/cases/{word}"),
        office.get(f"/documents/{word}"),
        office.get(f"/lifecycles/{word}"),
    ]

    assert [said(answer) for answer in answers] == [(404, "not_found")] * 3


# ───────────────────────────── Lists


def test_cases_are_narrowed_by_what_is_asked(site: Site) -> None:
    university = site.university
    proposed = university.proposed()
    other = university.proposed(who="other_leader", unit="药学院", partner="东方制药有限公司")
    university.done(other, "approve", "member")
    office = program(site, "office")

    def listed(query: str) -> list[str]:
        return [item["id"] for item in office.get(f"/cases?{query}").json["items"]]

    assert listed("state=proposed") == [proposed]
    assert listed(f"unit={university.units['药学院']}") == [other]
    assert listed("q=东方") == [other]
    assert listed("q=%25") == []
    assert listed("overdue=true") == []
    assert listed("overdue=false&lifecycle=base") == [other, proposed]
    assert listed("lifecycle=nothing") == []


def test_overdue_cases_are_found(site: Site) -> None:
    case_id = site.university.approved()
    office = program(site, "office")
    before = office.get("/cases?overdue=true").json["items"]

    with time_machine.travel(NOW.replace(month=7), tick=True):
        after = office.get("/cases?overdue=true").json["items"]

    assert (before, [item["id"] for item in after]) == ([], [case_id])


def test_pages_of_a_list_join_without_gap_or_overlap(site: Site) -> None:
    opened = [site.university.open() for _ in range(31)]
    leader = program(site, "leader")

    first = leader.get("/cases").json
    second = leader.get(f"/cases?after={first['older']}").json
    back = leader.get(f"/cases?before={second['newer']}").json

    assert [item["id"] for item in [*first["items"], *second["items"]]] == sorted(opened, reverse=True)
    assert (len(first["items"]), first["newer"], second["older"]) == (30, None, None) or second[
        "older"
    ] is not None
    assert back["items"] == first["items"]


def test_list_costs_the_same_for_one_and_for_thirty(site: Site) -> None:
    leader = program(site, "leader")
    site.university.open()
    leader.get("/cases")

    for_one = _statements(site, leader, "/cases")
    for _ in range(29):
        site.university.open()
    for_thirty = _statements(site, leader, "/cases")

    assert for_one == for_thirty


def _statements(site: Site, caller: Program, path: str) -> int:
    seen: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(site.database.engine, "before_cursor_execute", count)
    try:
        assert caller.get(path).status_code == 200
    finally:
        event.remove(site.database.engine, "before_cursor_execute", count)
    return len(seen)


def test_case_says_where_it_stands_and_what_it_holds(site: Site) -> None:
    case_id = site.university.signed()

    answer = program(site, "leader").get(f"/cases/{case_id}")

    told = answer.json
    facts = {fact["name"]: (fact["value"], fact["text"]) for fact in told["facts"]}
    assert answer.headers["ETag"] == f'"{told["version"]}"'
    assert told["version"] == site.university.case(case_id).version
    assert told["state"] == {"name": "agreement_signed", "text": "agreement signed"}
    assert facts["agreement_last_day"] == ("2030-03-09", "9 March 2030")
    assert facts["lead_college"] == (site.university.units[COLLEGE], COLLEGE)
    assert [(day["name"], day["day"]) for day in told["dates"]] == [
        ("cycle_start", "2026-03-10"), ("cycle_end", "2029-03-10"),
    ]  # fmt: skip


def test_deadlines_of_a_case_are_told_with_their_ground(site: Site) -> None:
    case_id = site.university.approved()

    (deadline,) = program(site, "leader").get(f"/cases/{case_id}/deadlines").json["items"]

    assert (deadline["name"], deadline["kind"], deadline["due_on"]) == ("sign_by", "due", "2026-06-08")
    assert (deadline["answered_by"]["name"], deadline["overdue"], deadline["basis"]) == (
        "sign_agreement",
        False,
        "local",
    )


def test_deadlines_that_are_over_are_told_when_asked_for(site: Site) -> None:
    case_id = site.university.signed()

    told = program(site, "leader").get(f"/cases/{case_id}/deadlines?over=true").json["items"]

    (sign_by,) = [one for one in told if one["name"] == "sign_by"]
    assert (sign_by["status"], sign_by["overdue"]) == ("cancelled", False)
    assert 0 < sign_by["armed_seq"] < sign_by["ended_seq"]


def test_deadlines_are_listed_to_those_who_see_their_cases(site: Site) -> None:
    case_id = site.university.approved()
    query = "/deadlines?kind=due&overdue=false&since=2026-06-08&until=2026-06-08"

    seen = {who: program(site, who).get(query).json["items"] for who in ("leader", "other_head", "stranger")}
    mine = {
        who: len(program(site, who).get("/deadlines?mine=true").json["items"])
        for who in ("office", "auditor")
    }

    (line,) = seen["leader"]
    assert (line["case_id"], line["deadline"]["name"], line["turn"]) == (
        case_id, "sign_by", [{"name": "base_office", "text": "base office"}],
    )  # fmt: skip
    assert (seen["other_head"], seen["stranger"]) == ([], [])
    assert mine == {"office": 1, "auditor": 0}


@pytest.mark.parametrize(
    "query", ["since=2026-02-30", "kind=x", "mine=yes", "month=2026-03", "since=1772000000"]
)
def test_filter_of_deadlines_that_cannot_be_read_is_refused(site: Site, query: str) -> None:
    assert said(program(site, "office").get(f"/deadlines?{query}")) == (400, "bad_query")


def test_deadlines_are_turned_over_page_by_page(site: Site) -> None:
    cases = {site.university.approved() for _ in range(32)}
    office = program(site, "office")

    first = office.get("/deadlines").json
    second = office.get(f"/deadlines?after={first['older']}").json
    back = office.get(f"/deadlines?before={second['newer']}").json

    assert [len(page["items"]) for page in (first, second)] == [30, 2]
    assert {line["case_id"] for page in (first, second) for line in page["items"]} == cases
    assert back["items"] == first["items"]


def test_history_tells_who_did_what(site: Site) -> None:
    case_id = site.university.proposed()
    program(site, "member").act(case_id, "approve")

    newest = program(site, "leader").get(f"/cases/{case_id}/history").json["items"][0]

    assert (newest["act"]["name"], newest["actor"], newest["source"]["name"]) == ("approve", "member", "api")
    assert (newest["from_state"]["name"], newest["to_state"]["name"]) == ("proposed", "approved")
    assert newest["hash"] == site.university.case(case_id).log_head


def test_tasks_are_what_waits_for_the_caller(site: Site) -> None:
    case_id = site.university.proposed()

    (task,) = program(site, "member").get("/tasks").json["items"]
    none = program(site, "other_leader").get("/tasks").json["items"]

    assert (task["case_id"], task["act"]["name"], task["role"]["name"], none) == (
        case_id,
        "approve",
        "leading_group",
        [],
    )


@pytest.mark.parametrize(
    ("who", "status"),
    [("auditor", 200), ("administrator", 200), ("office", 200), ("leader", 403), ("stranger", 403)],
)
def test_whole_log_is_for_those_who_audit_it(site: Site, who: str, status: int) -> None:
    site.university.proposed()

    assert program(site, who).get("/entries").status_code == status


def test_whole_log_can_be_paged_and_narrowed(site: Site) -> None:
    case_id = site.university.proposed()
    auditor = program(site, "auditor")

    every = auditor.get("/entries").json["items"]
    of_case = auditor.get(f"/entries?case={case_id}&kind=transition").json["items"]
    by_leader = auditor.get(f"/entries?actor={site.university.people['leader']}").json["items"]

    assert {entry["stream"].partition(":")[0] for entry in every} == {"case", "person"}
    assert [entry["act"]["name"] for entry in of_case] == ["submit"]
    assert {entry["actor"] for entry in by_leader} == {"leader"}


def test_lifecycle_is_told_as_its_edition_states_it(site: Site) -> None:
    told = program(site, "stranger").get("/lifecycles/base").json

    definition = site.university.definition
    assert told["sha256"] == definition.sha256
    assert [state["name"] for state in told["states"]] == list(definition.states)
    assert [act["name"] for act in told["acts"]] == list(definition.acts)
    revoke = next(act for act in told["acts"] if act["name"] == "revoke")
    assert (revoke["by"], revoke["second"], revoke["from_states"]) == (
        ["leading_group"], "base_office", ["final", "rectification"],
    )  # fmt: skip


# ───────────────────────────── What may be done, and what would follow


def test_acts_are_listed_with_what_stands_in_their_way(site: Site) -> None:
    case_id = site.university.proposed()

    def acts(who: str) -> dict[str, dict[str, Any]]:
        answer = program(site, who).get(f"/cases/{case_id}/acts")
        return {act["name"]: act for act in answer.json["items"]}

    for_member, for_leader = acts("member")["approve"], acts("leader")["approve"]

    assert (for_member["allowed"], for_member["blockers"]) == (True, [])
    assert for_leader["allowed"] is False
    assert for_leader["blockers"][0] == {
        "code": "not_your_role",
        "text": "this is done by: member of the leading group",
        "basis": "7",
        "basis_text": for_leader["blockers"][0]["basis_text"],
        "rank": "role",
        "mend": [{"name": "leading_group", "text": "member of the leading group"}],
        "from_on": None,
        "params": {"roles": ["leading_group"]},
    }


def test_form_of_an_act_names_its_fields_and_their_choices(site: Site) -> None:
    case_id = site.university.open()

    acts = program(site, "leader").get(f"/cases/{case_id}/acts").json["items"]

    submit = next(act for act in acts if act["name"] == "submit")
    fields = {field["name"]: field for field in submit["fields"]}
    assert (fields["base_name"]["required"], fields["programmes"]["required"]) == (True, False)
    assert (fields["base_name"]["longest"], fields["cooperation_plan"]["type"]) == (100, "document")
    assert [choice["text"] for choice in fields["lead_college"]["choices"]] == ["计算机学院"]
    assert {choice["text"] for choice in fields["other_colleges"]["choices"]} == {
        "计算机学院",
        "药学院",
        "法学院",
    }
    assert {choice["value"] for choice in fields["eligibility"]["choices"]} == set(
        site.university.definition.lists["eligibility"]
    )


def test_preview_tells_what_follows_and_writes_nothing(either_site: Site) -> None:
    case_id = either_site.university.proposed()
    member = program(either_site, "member")
    member.get("/me")
    before = row_counts(either_site.database), either_site.university.case(case_id).version

    answer = member.send(f"/cases/{case_id}/acts/approve/preview", {})

    told = answer.json
    assert (answer.status_code, told["allowed"], told["version"]) == (200, True, before[1])
    assert [step["to_state"]["name"] for step in told["steps"]] == ["approved"]
    assert [(deadline["on"], deadline["ends"]) for deadline in told["deadlines"]] == [("2026-06-08", False)]
    assert {person["who"] for person in told["told"]} == {"leader", "head", "office", "second_office"}
    assert told["final"]
    assert (row_counts(either_site.database), either_site.university.case(case_id).version) == before


def test_lead_college_of_others_is_refused_with_its_reason(either_site: Site) -> None:
    university = either_site.university
    case_id = university.open()
    values = {**university.proposal(case_id), "lead_college": university.units["药学院"]}

    answer = program(either_site, "leader").act(case_id, "submit", values=values)

    assert codes(answer) == ["not_granted_on"]
    assert (
        problem(answer)["blockers"][0]["text"]
        == "“lead college” can only be a unit where you are project leader"
    )
    assert university.state(case_id) == "draft"


def test_preview_of_what_is_refused_says_why(site: Site) -> None:
    case_id = site.university.proposed()

    told = program(site, "leader").send(f"/cases/{case_id}/acts/approve/preview", {}).json

    assert (told["allowed"], [it["code"] for it in told["blockers"]], told["steps"]) == (
        False,
        ["not_your_role"],
        [],
    )


def test_preview_of_an_older_version_is_stale(site: Site) -> None:
    case_id = site.university.proposed()

    answer = program(site, "member").send(f"/cases/{case_id}/acts/approve/preview", {}, version=1)

    assert said(answer) == (409, "stale")


# ───────────────────────────── Doing it


def test_proposal_goes_from_draft_to_approved(either_site: Site) -> None:
    university, leader = either_site.university, program(either_site, "leader")
    opened = leader.send("/cases", {"lifecycle": "base", "unit": university.units[COLLEGE]}, key="open")
    case_id = opened.json["id"]
    document_id = leader.upload(case_id, "cooperation_plan").json["id"]
    values = {**university.proposal(case_id), "cooperation_plan": document_id}

    submitted = leader.act(case_id, "submit", values=values)
    approved = program(either_site, "member").act(case_id, "approve")

    assert (opened.status_code, opened.headers["Location"]) == (201, f"/api/v1/cases/{case_id}")
    assert (submitted.status_code, submitted.json["state"]["name"]) == (200, "proposed")
    assert (approved.status_code, approved.json["state"]["name"]) == (200, "approved")
    assert approved.headers["ETag"] == f'"{university.case(case_id).version}"'
    assert approved.json["hash"] == university.case(case_id).log_head


def test_entry_of_an_act_names_the_person_the_account_and_the_door(either_site: Site) -> None:
    case_id = either_site.university.proposed()

    program(either_site, "member").act(case_id, "approve")

    with either_site.database.reading() as session:
        row = session.scalars(select(Entry).where(Entry.act == "approve")).one()
    body = json.loads(row.body)
    assert (row.actor_id, row.source) == (either_site.university.people["member"], "api")
    assert body["account"] == either_site.accounts["member"]


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ({"If-Match": '"2"'}, (400, "key_missing")),
        ({"Idempotency-Key": "k"}, (428, "version_missing")),
        ({"Idempotency-Key": "k", "If-Match": "*"}, (400, "bad_header")),
        ({"Idempotency-Key": "k", "If-Match": '"2", "3"'}, (400, "bad_header")),
        ({"Idempotency-Key": "k", "If-Match": 'W/"2"'}, (400, "bad_header")),
        ({"Idempotency-Key": "k", "If-Match": '"-2"'}, (400, "bad_header")),
        ({"Idempotency-Key": "", "If-Match": '"2"'}, (400, "bad_header")),
        ({"Idempotency-Key": "k" * 101, "If-Match": '"2"'}, (400, "bad_header")),
        ({"Idempotency-Key": "k", "If-Match": '"1"'}, (409, "stale")),
        ({"Idempotency-Key": "k", "If-Match": '"999999999"'}, (409, "stale")),
    ],
)
def test_act_wants_a_key_and_the_version_that_was_seen(
    site: Site, headers: dict[str, str], answer: tuple[int, str]
) -> None:
    case_id = site.university.proposed()

    given = program(site, "member").call("POST", f"/cases/{case_id}/acts/approve", headers=headers, json={})

    assert said(given) == answer
    assert site.university.state(case_id) == "proposed"


def test_version_of_a_compressed_answer_counts_too(site: Site) -> None:
    case_id = site.university.proposed()
    member = program(site, "member")
    tag = member.get(f"/cases/{case_id}", **{"Accept-Encoding": "gzip"}).headers["ETag"]

    answer = member.call(
        "POST", f"/cases/{case_id}/acts/approve", headers={"Idempotency-Key": "k", "If-Match": tag}, json={}
    )

    assert answer.status_code == 200


def test_stale_act_says_what_happened_since(either_site: Site) -> None:
    case_id = either_site.university.proposed()
    version = either_site.university.case(case_id).version
    program(either_site, "member").act(case_id, "approve")

    answer = program(either_site, "second_member").act(
        case_id, "reject", version=version, values={"reason": "no"}
    )

    told = problem(answer)
    assert (answer.status_code, told["type"], told["version"]) == (409, "stale", version + 1)
    assert (told["since"][0]["act"]["name"], told["since"][0]["actor"]) == ("approve", "member")
    assert either_site.university.state(case_id) == "approved"


def test_same_request_twice_shows_the_same_receipt(either_site: Site) -> None:
    case_id = either_site.university.proposed()
    version = either_site.university.case(case_id).version
    member = program(either_site, "member")
    first = member.act(case_id, "approve", version=version)

    second = member.act(case_id, "approve", version=version)

    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json == {**first.json, "repeated": True}


def test_key_of_another_request_is_refused(either_site: Site) -> None:
    case_id = either_site.university.proposed()
    version = either_site.university.case(case_id).version
    member = program(either_site, "member")
    member.act(case_id, "approve", version=version)

    other_body = member.act(case_id, "approve", version=version, effective_on="2026-03-10")
    other_act = member.act(case_id, "reject", version=version, values={"reason": "no"})

    assert (said(other_body), said(other_act)) == ((422, "key_reused"), (422, "key_reused"))


def test_keys_of_two_people_are_two_keys(site: Site) -> None:
    first, second = site.university.proposed(), site.university.proposed(partner="东方制药有限公司")

    answers = [
        program(site, "member").act(first, "approve"),
        program(site, "second_member").act(second, "approve"),
    ]

    assert [answer.json["repeated"] for answer in answers] == [False, False]


def test_submitting_a_new_partner_twice_is_one_request(site: Site) -> None:
    university, leader = site.university, program(site, "leader")
    case_id = university.open()
    values = university.proposal(case_id)
    version = university.case(case_id).version
    leader.act(case_id, "submit", version=version, values=values)

    again = leader.act(case_id, "submit", version=version, values=values)

    assert (again.status_code, again.json["repeated"]) == (200, True)


def test_refusal_by_role_is_forbidden_and_logged(either_site: Site) -> None:
    case_id = either_site.university.proposed()

    answer = program(either_site, "head").act(case_id, "approve")

    assert (said(answer), codes(answer)) == ((403, "not_allowed"), ["not_your_role"])
    assert [entry.actor_id for entry in either_site.entries("denied")] == [
        either_site.university.people["head"]
    ]
    assert either_site.university.state(case_id) == "proposed"


def test_refusal_by_rule_says_every_reason(either_site: Site) -> None:
    case_id = either_site.university.approved()

    answer = program(either_site, "office").act(case_id, "sign_agreement")

    told = problem(answer)
    assert said(answer) == (422, "refused")
    assert {it["params"]["field"] for it in told["blockers"] if it["code"] == "field_missing"} == {
        "agreement_number", "signed_on", "agreement_first_day", "agreement_last_day", "agreement_scan", "contact_person",
    }  # fmt: skip
    assert {it["rank"] for it in told["blockers"]} == {"material"}


def test_warning_is_confirmed_by_its_code(either_site: Site) -> None:
    university, office = either_site.university, program(either_site, "office")
    case_id = university.approved()
    values = university.agreement(case_id, last=date(2027, 3, 9))

    warned = office.act(case_id, "sign_agreement", values=values)
    confirmed = office.act(case_id, "sign_agreement", values=values, confirmed=codes(warned, "warnings"))

    assert (said(warned), codes(warned, "warnings")) == ((422, "unconfirmed"), ["agreement_ends_before"])
    assert (confirmed.status_code, confirmed.json["state"]["name"]) == (200, "agreement_signed")


def test_values_that_cannot_be_read_are_told_field_by_field(site: Site) -> None:
    case_id = site.university.approved()
    values = {
        "signed_on": "2026-02-30",
        "agreement_number": "x" * 61,
        "contact_phone": 7,
        "actor": "somebody",
    }

    answer = program(site, "office").act(case_id, "sign_agreement", values=values)

    faults = {fault["field"]: fault["code"] for fault in problem(answer)["faults"]}
    assert said(answer) == (422, "bad_input")
    assert faults == {
        "actor": "unknown_field",
        "agreement_number": "too_long",
        "contact_phone": "not_text",
        "signed_on": "no_such_day",
    }


@pytest.mark.parametrize(
    "forged",
    [
        {"actor": "person:x"}, {"state": "certified"}, {"on_behalf_of": "x"}, {"at": "2020-01-01T00:00:00Z"}, {"version": 1},
        {"values": {}, "recorded_at": None}, {"outcome": ["approve"]}, {"effective_on": "2026-03-10T00:00:00Z"},
        {"effective_on": 1773100800}, {"values": []}, {"confirmed": "all"}, {"confirmed": [1]}, {"outcome": "Nothing!"},
    ],
)  # fmt: skip
def test_forged_and_unknown_parts_are_refused_and_nothing_is_stored(
    site: Site, forged: dict[str, Any]
) -> None:
    case_id = site.university.proposed()
    member = program(site, "member")
    member.get("/me")
    before = row_counts(site.database)

    answer = member.send(f"/cases/{case_id}/acts/approve", forged, key="k", version=2)

    assert said(answer) == (422, "bad_input")
    assert problem(answer)["faults"]
    assert row_counts(site.database) == before


@pytest.mark.parametrize("day", ["1990-01-01", "2100-12-31", "1989-12-31", "9999-12-31", "0001-01-01"])
def test_effective_day_far_off_is_refused(site: Site, day: str) -> None:
    case_id = site.university.proposed()

    answer = program(site, "member").act(case_id, "approve", effective_on=day)

    assert answer.status_code == 422
    assert site.university.state(case_id) == "proposed"


def test_act_nobody_knows_is_not_found(site: Site) -> None:
    case_id = site.university.proposed()

    assert said(program(site, "member").act(case_id, "promote")) == (404, "not_found")


# ───────────────────────────── Opening a draft


def test_draft_is_opened_once_per_key(either_site: Site) -> None:
    leader, unit = program(either_site, "leader"), either_site.university.units[COLLEGE]
    first = leader.send("/cases", {"lifecycle": "base", "unit": unit}, key="a")

    again = leader.send("/cases", {"lifecycle": "base", "unit": unit}, key="a")
    other = leader.send("/cases", {"lifecycle": "base", "unit": unit}, key="b")
    changed = leader.send(
        "/cases", {"lifecycle": "base", "unit": either_site.university.units["法学院"]}, key="a"
    )

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 201)
    assert again.json == {**first.json, "repeated": True}
    assert other.json["id"] != first.json["id"]
    assert said(changed) == (422, "key_reused")


@pytest.mark.parametrize(
    ("who", "unit"), [("leader", "药学院"), ("stranger", COLLEGE), ("office", COLLEGE), ("leader", None)]
)
def test_draft_is_opened_only_on_a_unit_one_leads_projects_of(site: Site, who: str, unit: str | None) -> None:
    unit_id = site.university.units[unit] if unit else NOBODYS

    answer = program(site, who).send("/cases", {"lifecycle": "base", "unit": unit_id}, key="a")

    assert (said(answer), codes(answer)) == ((403, "not_allowed"), ["not_your_role"])
    with site.database.reading() as session:
        assert session.scalars(select(Case.id)).all() == []


@pytest.mark.parametrize(
    "body",
    [
        {}, {"lifecycle": "base"}, {"lifecycle": "nothing", "unit": NOBODYS}, {"lifecycle": "base", "unit": "x"},
        {"lifecycle": "base", "unit": NOBODYS, "state": "certified"}, {"lifecycle": "../base", "unit": NOBODYS},
    ],
)  # fmt: skip
def test_draft_with_a_wrong_body_is_refused(site: Site, body: dict[str, str]) -> None:
    assert said(program(site, "leader").send("/cases", body, key="a")) == (422, "bad_input")


# ───────────────────────────── The second person


def _proposed_amendment(site: Site) -> tuple[str, str]:
    """A case with a proposal of `office` that waits, and the proposal's identifier as the API tells it."""
    case_id = site.university.proposed()
    values = {"fact": {"name": "base_name", "value": "改正后的名称"}, "reason": "a typing error"}
    answer = program(site, "office").act(case_id, "amend", values=values, key="amend")
    assert answer.json["proposed"] is True
    (waiting,) = program(site, "second_office").get("/pending").json["items"]
    assert (waiting["case_id"], waiting["proposed_by"], waiting["mine"]) == (case_id, "office", False)
    return case_id, waiting["id"]


def test_another_person_confirms(either_site: Site) -> None:
    case_id, pending_id = _proposed_amendment(either_site)
    version = either_site.university.case(case_id).version
    second = program(either_site, "second_office")

    answer = second.send(f"/pending/{pending_id}/confirm", key="c", version=version)
    again = second.send(f"/pending/{pending_id}/confirm", key="c", version=version)

    assert (answer.status_code, answer.json["version"]) == (200, version + 1)
    assert again.json == {**answer.json, "repeated": True}
    facts = {fact["name"]: fact["value"] for fact in second.get(f"/cases/{case_id}").json["facts"]}
    assert facts["base_name"] == "改正后的名称"
    assert second.get("/pending").json["items"] == []


def test_nobody_confirms_what_they_proposed(either_site: Site) -> None:
    case_id, pending_id = _proposed_amendment(either_site)
    version = either_site.university.case(case_id).version

    answer = program(either_site, "office").send(f"/pending/{pending_id}/confirm", key="c", version=version)

    assert (said(answer), codes(answer)) == ((403, "not_allowed"), ["confirm_by_another"])


def test_proposal_on_an_older_version_is_stale(site: Site) -> None:
    case_id, pending_id = _proposed_amendment(site)
    program(site, "member").act(case_id, "approve")
    version = site.university.case(case_id).version

    answer = program(site, "second_office").send(f"/pending/{pending_id}/confirm", key="c", version=version)

    assert said(answer) == (409, "stale")


def test_proposal_is_declined_once(either_site: Site) -> None:
    case_id, pending_id = _proposed_amendment(either_site)
    second = program(either_site, "second_office")

    answer = second.send(f"/pending/{pending_id}/decline", {"reason": "the name is right"}, key="d")
    again = second.send(f"/pending/{pending_id}/decline", {"reason": "the name is right"}, key="d")
    other = second.send(f"/pending/{pending_id}/decline", {"reason": "the name is right"}, key="e")

    assert (answer.status_code, again.json) == (200, {**answer.json, "repeated": True})
    assert said(other) == (409, "stale")
    assert second.get("/pending").json["items"] == []
    assert [entry.act for entry in either_site.entries("declined")] == ["amend"]


def test_stranger_to_the_second_role_does_not_decline(site: Site) -> None:
    _, pending_id = _proposed_amendment(site)

    answer = program(site, "member").send(f"/pending/{pending_id}/decline", {"reason": "no"}, key="d")

    assert said(answer) == (403, "not_allowed")


@pytest.mark.parametrize("reason", ["", "   ", "x" * 4001, None, 5])
def test_declining_wants_a_reason(site: Site, reason: Any) -> None:
    _, pending_id = _proposed_amendment(site)

    answer = program(site, "second_office").send(
        f"/pending/{pending_id}/decline", {"reason": reason}, key="d"
    )

    assert said(answer) == (422, "bad_input")


# ───────────────────────────── Documents


def test_document_comes_back_byte_for_byte_as_an_attachment(either_site: Site) -> None:
    leader = program(either_site, "leader")
    kept = leader.upload(either_site.university.open(), "cooperation_plan")

    answer = leader.get(kept.headers["Location"].removeprefix("/api/v1"))

    assert (kept.status_code, kept.json["name"], kept.json["size"]) == (201, "计划.pdf", len(PDF))
    assert (answer.get_data(), answer.content_type) == (PDF, "application/pdf")
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_taking_a_document_out_leaves_one_entry_and_a_look_at_its_headers_none(site: Site) -> None:
    leader = program(site, "leader")
    place = f"/documents/{leader.upload(site.university.open(), 'cooperation_plan').json['id']}"

    head = leader.call("HEAD", place)
    none = site.entries("download")
    leader.get(place)

    assert (head.status_code, head.get_data(), none) == (200, b"", [])
    assert [entry.actor_id for entry in site.entries("download")] == [site.university.people["leader"]]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.html", b"<script>alert(1)</script>", "file_kind_not_allowed"),
        ("a.pdf", b"MZ\x90\x00", "file_is_not_its_kind"),
        ("a.pdf", b"", "file_empty"),
        ("../../etc/passwd", PDF, "file_name_missing"),
        ("a.pdf", b"%PDF-1.4 <script>alert(1)</script> %%EOF", "file_hides_another"),
    ],
)
def test_hostile_file_is_refused_with_its_reason(site: Site, name: str, content: bytes, code: str) -> None:
    answer = program(site, "leader").upload(
        site.university.open(), "cooperation_plan", name=name, content=content
    )

    assert (said(answer), codes(answer, "faults")) == ((422, "bad_input"), [code])


def test_file_too_large_is_refused(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_over(sqlite_database, monkeypatch, upload_limit=1000)
    leader, case_id = program(site, "leader"), site.university.open()

    little = leader.upload(case_id, "cooperation_plan", content=PDF + b" " * 1000 + b"%%EOF")
    huge = leader.upload(case_id, "cooperation_plan", content=PDF * 100_000)

    assert (said(little), said(huge)) == ((422, "bad_input"), (413, "too_large"))


@pytest.mark.parametrize("field", ["base_name", "final_report_file", "nothing", "../x", ""])
def test_file_for_a_field_nothing_asks_for_is_refused(site: Site, field: str) -> None:
    answer = program(site, "leader").upload(site.university.open(), field)

    assert said(answer) == (422, "bad_input")


def test_file_is_taken_only_from_those_the_act_asks(site: Site) -> None:
    case_id = site.university.approved()

    by_office = program(site, "office").upload(case_id, "agreement_scan")
    by_auditor = program(site, "auditor").upload(case_id, "agreement_scan")

    assert by_office.status_code == 201
    assert (said(by_auditor), codes(by_auditor)) == ((403, "not_allowed"), ["not_your_role"])


def test_upload_with_other_parts_is_refused(site: Site) -> None:
    leader, case_id = program(site, "leader"), site.university.open()
    file = (io.BytesIO(PDF), "a.pdf")

    answers = [
        leader.call("POST", f"/cases/{case_id}/documents", json={"field": "cooperation_plan"}),
        leader.call("POST", f"/cases/{case_id}/documents", data={"field": "cooperation_plan"}),
        leader.call(
            "POST",
            f"/cases/{case_id}/documents",
            data={"field": "cooperation_plan", "file": file, "uploaded_by": "x"},
        ),
        leader.call(
            "POST",
            f"/cases/{case_id}/documents",
            data=b"no parts at all",
            content_type="multipart/form-data; boundary=x",
        ),
    ]

    assert [answer.status_code for answer in answers] == [415, 415, 422, 422]


# ───────────────────────────── Requests that cannot be read


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"", (400, "malformed")),
        (b"{", (400, "malformed")),
        (b"\xff\xfe", (400, "malformed")),
        (b'{"values": {"a": NaN}}', (400, "malformed")),
        (b'{"outcome": "a", "outcome": "b"}', (400, "malformed")),
        (b'{"values": {"reason": "\\ud800"}}', (400, "malformed")),
        (b'{"values": {"a": ' + b"9" * 5000 + b"}}", (400, "malformed")),
        (b"[]", (422, "bad_input")),
        (b"null", (422, "bad_input")),
        (b'"text"', (422, "bad_input")),
        (b'{"values": ' + b"[" * 30 + b"]" * 30 + b"}", (400, "too_deep")),
        (b'{"values": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", (400, "too_deep")),
        (b'{"values": {"a": "' + b"x" * 1_100_000 + b'"}}', (413, "too_large")),
        (b'{"values": {"reason": "\\u0000"}}', (422, "bad_input")),
    ],
)
def test_body_that_cannot_be_read_is_refused(either_site: Site, body: bytes, answer: tuple[int, str]) -> None:
    case_id = either_site.university.proposed()
    member = program(either_site, "member")

    given = member.call(
        "POST",
        f"/cases/{case_id}/acts/reject",
        headers={"Idempotency-Key": "k", "If-Match": '"2"'},
        data=body,
        content_type="application/json",
    )

    assert said(given) == answer
    assert either_site.university.state(case_id) == "proposed"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_body_of_another_media_type_is_refused(site: Site, kind: str) -> None:
    case_id = site.university.proposed()

    answer = program(site, "member").call(
        "POST",
        f"/cases/{case_id}/acts/approve",
        headers={"Idempotency-Key": "k", "If-Match": '"2"'},
        data=b"{}",
        content_type=kind,
    )

    assert said(answer) == (415, "wrong_media_type")


@pytest.mark.parametrize(
    "query",
    [
        "nothing=1", "state=a&state=b", "unit=x", "overdue=yes", "after=x", "q=%00", "q=" + "x" * 201, "state=%27--",
        "limit=1000000",
    ],
)  # fmt: skip
def test_query_that_cannot_be_read_is_refused(either_site: Site, query: str) -> None:
    answer = program(either_site, "office").get(f"/cases?{query}")

    assert said(answer) == (400, "bad_query")
    assert problem(answer)["faults"]


def test_query_where_none_is_read_is_refused(site: Site) -> None:
    assert said(program(site, "office").get("/me?as=office")) == (400, "bad_query")


@pytest.mark.parametrize("mark", ["9999999999", "-1", "x", "1e3"])
def test_mark_of_a_page_that_is_none_is_refused(site: Site, mark: str) -> None:
    case_id = site.university.open()

    assert said(program(site, "leader").get(f"/cases/{case_id}/history?after={mark}")) == (400, "bad_query")


@pytest.mark.parametrize("path", ["/nothing", "/cases/", "/cases/x/y/z", "/", "/openapi.json/x"])
def test_address_the_api_does_not_have_is_not_found(site: Site, path: str) -> None:
    answer = site.app.test_client().get(f"/api/v1{path}")

    assert said(answer) == (404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
def test_method_the_address_does_not_take_is_refused(site: Site, method: str) -> None:
    answer = program(site, "leader").call(method, "/cases")

    assert said(answer) == (405, "wrong_method")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_head_is_get_without_its_body_and_options_names_the_methods(site: Site) -> None:
    leader = program(site, "leader")
    case_id = site.university.open()

    head, get = leader.call("HEAD", f"/cases/{case_id}"), leader.get(f"/cases/{case_id}")
    options = leader.call("OPTIONS", f"/cases/{case_id}")

    assert (head.status_code, head.get_data(), head.headers["ETag"]) == (200, b"", get.headers["ETag"])
    assert set(options.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_fault_of_the_system_says_that_nothing_took_effect(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id = site.university.proposed()
    member = program(site, "member")
    member.get("/me")
    before = row_counts(site.database)
    with site.database.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON passages BEGIN SELECT RAISE(ABORT, 'no space'); END"
        )

    answer = member.act(case_id, "approve")

    assert said(answer) == (500, "failed")
    assert "no space" not in answer.get_data(as_text=True)
    assert row_counts(site.database) == before


def test_answers_are_kept_by_nobody(site: Site) -> None:
    answer = program(site, "leader").get("/me")

    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


# ───────────────────────────── Many at once


@pytest.mark.parametrize("trial", range(int(os.environ.get("LIANPEI_TRIALS", "1"))))
def test_twenty_programs_approve_and_one_succeeds(either_site: Site, trial: int) -> None:
    case_id = either_site.university.proposed()
    version = either_site.university.case(case_id).version
    member = program(either_site, "member")

    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda n: member.act(case_id, "approve", version=version, key=f"{trial}-{n}"), range(20))
        )

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19
    assert {problem(answer)["type"] for answer in answers if answer.status_code == 409} == {"stale"}
    assert [entry.act for entry in either_site.entries("transition")].count("approve") == 1


def test_same_request_from_ten_connections_is_done_once(either_site: Site) -> None:
    case_id = either_site.university.proposed()
    version = either_site.university.case(case_id).version
    member = program(either_site, "member")

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: member.act(case_id, "approve", version=version), range(10)))

    assert [answer.status_code for answer in answers] == [200] * 10
    assert sorted(answer.json["repeated"] for answer in answers) == [False] + [True] * 9
    assert len({answer.json["hash"] for answer in answers}) == 1


def test_same_draft_from_ten_connections_is_opened_once(either_site: Site) -> None:
    leader, unit = program(either_site, "leader"), either_site.university.units[COLLEGE]

    with ThreadPoolExecutor(10) as pool:
        answers = list(
            pool.map(lambda _: leader.send("/cases", {"lifecycle": "base", "unit": unit}, key="a"), range(10))
        )

    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({answer.json["id"] for answer in answers}) == 1
    with either_site.database.reading() as session:
        assert len(session.scalars(select(Case.id)).all()) == 1


def test_key_taken_by_another_request_meanwhile_is_refused(either_site: Site) -> None:
    case_id = either_site.university.proposed()
    version = either_site.university.case(case_id).version
    member = program(either_site, "member")
    member.get("/me")
    name = f"person:{either_site.university.people['member']}:k1"

    with ThreadPoolExecutor(1) as pool, either_site.database.transaction() as session:
        session.add(IdempotencyKey(name=name, fingerprint="0" * 64, answer={}, recorded_at=NOW))
        session.flush()
        waiting = pool.submit(member.act, case_id, "approve", version=version)
        time.sleep(0.5)
        session.commit()
        answer = waiting.result()

    assert said(answer) == (422, "key_reused")
    assert either_site.university.state(case_id) == "proposed"


def test_receipt_is_the_engines_own(site: Site) -> None:
    case_id = site.university.proposed()
    version = site.university.case(case_id).version
    told = program(site, "member").act(case_id, "approve", version=version, key="same").json

    kept = site.university.act(case_id, "approve", "member", version=version, key="same")

    assert isinstance(kept, Receipt)
    assert (told["seq"], told["hash"], told["version"]) == (kept.seq, kept.hash, kept.version)
