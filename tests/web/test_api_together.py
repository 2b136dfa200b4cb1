"""Several bases over the API: meetings convened, voted in and closed, and one act on many, each row by itself."""

from __future__ import annotations

import io
from typing import Any

import pytest
from docx import Document
from sqlalchemy import func, select

from models import Entry, Grant
from tests.university import Founding
from tests.web.conftest import text_of
from tests.web.programs import NOBODYS, Program, program, row_counts
from tests.web.signing_in import Site
from tests.workflow.routing import MEMBERS, at_vote, founded, proposed


@pytest.fixture
def founding() -> Founding:
    return founded


def stated(site: Site, *cases: str, **more: Any) -> dict[str, Any]:
    people = site.university.people
    return {
        "held_on": "2026-03-20",
        "place": "301",
        "chair_id": people["member"],
        "present": [people[name] for name in MEMBERS],
        "agenda": list(cases),
        **more,
    }


def convened(site: Site, count: int) -> tuple[Program, str, list[str]]:
    """The office's program, the address of a meeting over some proposals, and those."""
    office = program(site, "office")
    cases = [at_vote(site.university) for _ in range(count)]
    answer = office.send("/meetings", stated(site, *cases), key="convene")
    assert answer.status_code == 201, answer.json
    return office, f"/meetings/{answer.json['id']}", cases


def vote(member: Program, address: str, *outcomes: str, key: str = "votes") -> Any:
    rows = member.get(address).json["rows"]
    sent = [
        {"item_id": row["id"], "version": row["version"], "outcome": outcome}
        for row, outcome in zip(rows, outcomes, strict=False)
    ]
    return member.send(f"{address}/votes", {"rows": sent}, key=key)


def told(answer: Any) -> list[str]:
    """What became of each row: done, or the type of its problem."""
    assert answer.status_code == 200, answer.json
    return [row["problem"]["type"] if row["problem"] else "done" for row in answer.json["items"]]


def codes(answer: Any) -> list[str]:
    return [blocker["code"] for blocker in answer.json["blockers"]]


# ───────────────────────────── Meetings


def test_meeting_is_held_over_the_api_from_its_calling_to_its_minutes(site: Site) -> None:
    cases = [at_vote(site.university) for _ in range(2)]
    office = program(site, "office")
    votable = [row["case_id"] for row in office.get("/meetings/votable").json["items"]]
    address = office.send("/meetings", stated(site, *cases), key="convene").headers["Location"]
    address = address.removeprefix("/api/v1")

    for name in MEMBERS[:4]:
        assert told(vote(program(site, name), address, "agree", "refuse")) == ["done", "done"]
    ahead = office.get(f"{address}/closing").json["rows"]
    shown = [{name: row[name] for name in ("item_id", "version", "seq")} for row in ahead]
    closed = office.send(f"{address}/close-rows", {"rows": shown}, key="rows")
    over = office.send(f"{address}/close", key="over")
    meeting = office.get(address).json
    minutes = office.get(meeting["minutes"].removeprefix("/api/v1"))

    assert sorted(votable) == sorted(cases)
    assert [row["result"]["name"] for row in ahead] == ["passed", "refused"]
    assert told(closed) == ["done", "done"]
    assert over.status_code == 200
    assert [site.university.state(case_id) for case_id in cases] == ["approved", "not_approved"]
    assert (meeting["status"], [row["open"] for row in meeting["rows"]]) == ("closed", [False, False])
    text = "\n".join(paragraph.text for paragraph in Document(io.BytesIO(minutes.data)).paragraphs)
    assert "2026-01" in text
    with site.database.reading() as session:
        assert session.scalar(select(func.count()).where(Entry.kind == "export")) == 1


def test_requests_of_a_meeting_sent_twice_are_done_once(site: Site) -> None:
    office, address, cases = convened(site, 1)
    member = program(site, "member")
    before = row_counts(site.database)

    again = office.send("/meetings", stated(site, *cases), key="convene")
    assert (again.status_code, again.json["repeated"]) == (200, True)
    assert row_counts(site.database) == before

    sent = [
        {"item_id": row["id"], "version": row["version"], "outcome": "agree"}
        for row in member.get(address).json["rows"]
    ]
    first = member.send(f"{address}/votes", {"rows": sent}, key="votes")
    written = row_counts(site.database)
    second = member.send(f"{address}/votes", {"rows": sent}, key="votes")
    other = member.send(f"{address}/votes", {"rows": [{**sent[0], "outcome": "refuse"}]}, key="votes")

    assert [answer.json["items"][0]["receipt"]["repeated"] for answer in (first, second)] == [False, True]
    assert first.json["items"][0]["receipt"]["hash"] == second.json["items"][0]["receipt"]["hash"]
    assert (other.status_code, other.json["type"]) == (422, "key_reused")
    assert row_counts(site.database) == written


def test_one_row_that_is_refused_does_not_stop_the_others(site: Site) -> None:
    _, address, cases = convened(site, 3)
    member = program(site, "member")
    site.university.done(cases[1], "selection", "member", outcome="agree")

    answer = vote(member, address, "agree", "agree", "maybe")

    assert told(answer) == ["done", "refused", "refused"]
    reasons = [row["problem"]["blockers"][0]["code"] for row in answer.json["items"][1:]]
    assert reasons == ["already_cast", "outcome_unknown"]


def test_row_with_a_ballot_since_it_was_shown_stays_open(site: Site) -> None:
    office, address, cases = convened(site, 1)
    (row,) = office.get(f"{address}/closing").json["rows"]
    shown = [{name: row[name] for name in ("item_id", "version", "seq")}]
    vote(program(site, "member"), address, "agree")

    closed = office.send(f"{address}/close-rows", {"rows": shown}, key="rows")
    over = office.send(f"{address}/close", key="over")

    assert told(closed) == ["stale"]
    assert (over.status_code, codes(over)) == (422, ["rows_open"])
    assert site.university.state(cases[0]) == "proposed"


@pytest.mark.parametrize(
    ("more", "field", "code"),
    [
        ({"agenda": []}, "agenda", "agenda_empty"),
        ({"agenda": [NOBODYS]}, "agenda", "not_at_vote"),
        ({"present": []}, "present", "nobody_present"),
        ({"present": [NOBODYS]}, "present", "not_a_member"),
        ({"chair_id": NOBODYS}, "chair", "not_a_member"),
        ({"held_on": "2026-03-19"}, "held_on", "in_past"),
        ({"place": " "}, "place", "missing"),
    ],
)
def test_meeting_that_cannot_be_convened_says_what_is_wrong(
    lite: Site, more: dict[str, Any], field: str, code: str
) -> None:
    case_id = at_vote(lite.university)
    office = program(lite, "office")
    before = row_counts(lite.database)

    answer = office.send("/meetings", stated(lite, case_id, **more), key="k")

    assert answer.status_code == 422, answer.json
    assert [(fault["field"], fault["code"]) for fault in answer.json["faults"]] == [(field, code)]
    assert row_counts(lite.database) == before


def test_reasons_are_those_of_the_page(lite: Site) -> None:
    case_id = at_vote(lite.university)
    people = lite.university.people
    typed = {
        "held_on": "2026-03-20",
        "place": "301",
        "chair": people["member"],
        "present": [people["member"]],
    }

    page = text_of(lite.browser("office").send("/meetings/new", {**typed, "agenda": []}))
    answer = program(lite, "office").call(
        "POST", "/meetings", json=stated(lite, case_id, agenda=[]),
        headers={"Idempotency-Key": "k", "Accept-Language": "zh"},
    )  # fmt: skip

    assert answer.json["faults"][0]["text"] in page


def test_only_those_concerned_see_meetings_and_only_the_office_keeps_them(lite: Site) -> None:
    _, address, _ = convened(lite, 1)
    head, member = program(lite, "head"), program(lite, "member")

    seen = [
        head.get(path).status_code
        for path in ("/meetings", address, f"{address}/closing", "/meetings/votable")
    ]
    kept = [
        member.get(f"{address}/closing"),
        member.get("/meetings/votable"),
        member.send("/meetings", stated(lite, NOBODYS), key="a"),
        member.send(f"{address}/present", {"present": []}, key="b"),
        member.send(f"{address}/close-rows", {"rows": []}, key="c"),
        member.send(f"{address}/close", key="d"),
    ]

    assert seen == [403] * 4
    assert [answer.status_code for answer in kept] == [403] * len(kept)
    assert program(lite, "office").get(f"/meetings/{NOBODYS}").status_code == 404
    assert program(lite, "office").get(f"{address}/minutes").status_code == 404


def test_whoever_is_not_there_does_not_vote(lite: Site) -> None:
    office, address, _ = convened(lite, 1)
    people = lite.university.people
    noted = office.send(f"{address}/present", {"present": [people[name] for name in MEMBERS[1:]]}, key="p")
    rows = office.get(address).json["rows"]

    sent = [{"item_id": rows[0]["id"], "version": rows[0]["version"], "outcome": "agree"}]
    answer = program(lite, "member").send(f"{address}/votes", {"rows": sent}, key="v")

    assert noted.status_code == 200
    assert told(answer) == ["not_allowed"]
    assert answer.json["items"][0]["problem"]["blockers"][0]["code"] == "not_present"


# ───────────────────────────── One act on many


def rows_of(site: Site, *cases: str) -> list[dict[str, Any]]:
    return [{"case_id": case_id, "version": site.university.case(case_id).version} for case_id in cases]


def test_one_act_is_performed_on_several_bases_each_by_itself(site: Site) -> None:
    cases = [proposed(site.university) for _ in range(3)]
    head = program(site, "head")
    rows = rows_of(site, *cases)
    rows[1]["version"] += 1
    body = {"rows": rows, "form": {"values": {"comment": "thin"}}}

    first = head.send("/acts/send_back", body, key="many")
    second = head.send("/acts/send_back", body, key="many")
    other = head.send("/acts/send_back", {**body, "rows": rows[:1]}, key="many")

    assert told(first) == told(second) == ["done", "stale", "done"]
    assert [row["receipt"]["repeated"] for row in second.json["items"] if row["done"]] == [True, True]
    assert other.json["type"] == "key_reused"
    assert [site.university.state(case_id) for case_id in cases] == ["draft", "proposed", "draft"]


def test_several_bases_are_refused_as_one_is(lite: Site) -> None:
    case_id = proposed(lite.university)
    stranger, leader = program(lite, "stranger"), program(lite, "leader")

    assert told(stranger.send("/acts/withdraw", {"rows": rows_of(lite, case_id)}, key="a")) == ["not_found"]
    assert told(program(lite, "head").send("/acts/withdraw", {"rows": rows_of(lite, case_id)}, key="b")) == [
        "not_allowed"
    ]
    assert told(leader.send("/acts/submit", {"rows": rows_of(lite, case_id)}, key="c")) == ["not_found"]
    assert told(leader.send("/acts/no_such_act", {"rows": rows_of(lite, case_id)}, key="d")) == ["not_found"]


@pytest.mark.parametrize("count", [0, 51])
def test_number_of_bases_decided_on_at_once_is_bounded(lite: Site, count: int) -> None:
    rows = [{"case_id": NOBODYS, "version": 1}] * count

    answer = program(lite, "leader").send("/acts/withdraw", {"rows": rows}, key="k")

    assert (answer.status_code, answer.json["type"]) == (422, "bad_input")


# ───────────────────────────── Stuck steps


def test_step_nobody_can_act_on_is_told_to_the_office(lite: Site) -> None:
    case_id = proposed(lite.university)
    with lite.database.transaction() as session:
        for grant in session.scalars(select(Grant).where(Grant.person_id == lite.university.people["head"])):
            grant.revoked_at = lite.university.at

    (found,) = program(lite, "office").get("/tasks/stuck").json["items"]

    assert (found["case_id"], found["step"]["name"], found["reason"]["name"]) == (
        case_id,
        "college_opinion",
        "no_seat",
    )
    assert program(lite, "member").get("/tasks/stuck").json["items"] == []
