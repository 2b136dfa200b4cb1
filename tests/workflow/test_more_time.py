"""A missed deadline that moves: what went on without the report ends, is told so, stays on record, and begins anew later."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from models import Ballot, Database, Entry, Notice, Slip
from tests.university import Founding, University
from tests.workflow.routing import EXPERTS, MEMBERS, do, founded, rounds
from tests.workflow.test_reopening import reopened
from tests.workflow.test_sent_back import (
    BACK,
    asked,
    codes,
    deadlines,
    hand_in,
    in_midterm,
    of_midterm,
    troubles,
)
from tests.workflow.test_undisclosed import plans
from workflow.explain import route as explain_route
from workflow.messages import About, compose
from workflow.operations import Receipt, Refusal
from workflow.operations.rounds import name_experts
from workflow.queries.names import Names

AFTER = date(2027, 11, 10)
MORE = "more_time_for_progress_report"
LEADERS_TURN = {("progress_report", "project_leader")}


@pytest.fixture
def founding() -> Founding:
    return founded


def missed(here: University) -> str:
    """A base whose progress report did not come by its day: the college is asked without it."""
    case_id = in_midterm(here)
    here.tick(case_id, AFTER)
    assert of_midterm(here, case_id) == [("midterm_college", None)]
    return case_id


def move(here: University, case_id: str, day: str = "2027-12-20") -> Receipt | Refusal:
    return here.act(case_id, "set_report_deadline", "office", report_by=day, reason="the server stood still")


def sealed(here: University, case_id: str, step: str, experts: tuple[str, ...]) -> None:
    marks = {name: {"mark": 80, "remark": "ok"} for name in here.definition.sheets["assessment"]}
    for name in experts:
        here.done(case_id, step, name, outcome="seal", assessment=marks)


def panel(here: University, case_id: str, who: str = "office") -> None:
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who=who)


def told(here: University, case_id: str, template: str) -> dict[str, dict[str, Any]]:
    names = {person: name for name, person in here.people.items()}
    with here.database.reading() as session:
        rows = session.scalars(
            select(Notice).where(
                Notice.case_id == case_id, Notice.template == template, Notice.channel == "app"
            )
        )
        return {names[row.person_id]: row.params for row in rows}


def last_entry(here: University, case_id: str) -> dict[str, Any]:
    with here.database.reading() as session:
        bodies = session.scalars(
            select(Entry.body).where(Entry.stream == f"case:{case_id}").order_by(Entry.seq)
        ).all()
    found: dict[str, Any] = json.loads(bodies[-1])
    return found


# ───────────────────────────── Nobody had voted


def test_round_that_a_missed_day_opened_ends_when_the_day_moves(university: University) -> None:
    case_id = missed(university)

    answer = move(university, case_id)

    assert isinstance(answer, Receipt)
    assert of_midterm(university, case_id) == [("midterm_college", MORE)]
    assert asked(university, case_id) == LEADERS_TURN
    assert deadlines(university, case_id) == [("fired", True), ("open", False)]
    assert troubles(university) == []


def test_report_that_then_comes_is_signed_in_a_round_of_its_own(university: University) -> None:
    case_id = missed(university)
    move(university, case_id)

    hand_in(university, case_id)
    before = asked(university, case_id)
    university.done(case_id, "midterm_college", "head", outcome="agree")

    assert before == {("midterm_college", "college_head")}
    assert of_midterm(university, case_id) == [
        ("midterm_college", MORE),
        ("midterm_college", "passed"),
        ("midterm_experts", None),
    ]
    assert troubles(university) == []


def test_new_day_that_is_missed_too_leads_on_again(small: University) -> None:
    case_id = missed(small)
    move(small, case_id)

    small.tick(case_id, date(2027, 12, 21))

    assert of_midterm(small, case_id) == [("midterm_college", MORE), ("midterm_college", None)]
    assert asked(small, case_id) == {("midterm_college", "college_head")}
    assert troubles(small) == []


def test_day_that_moves_twice_ends_two_rounds(small: University) -> None:
    case_id = missed(small)
    move(small, case_id, "2027-11-30")
    small.tick(case_id, date(2027, 12, 1))

    move(small, case_id, "2027-12-20")

    assert of_midterm(small, case_id) == [("midterm_college", MORE), ("midterm_college", MORE)]
    assert asked(small, case_id) == LEADERS_TURN


def test_ballot_of_the_ended_round_is_refused(small: University) -> None:
    case_id = missed(small)
    version = small.case(case_id).version
    move(small, case_id)

    late = small.act(case_id, "midterm_college", "head", outcome="agree", version=version)
    now = small.act(case_id, "midterm_college", "head", outcome="agree")

    assert isinstance(late, Refusal)
    assert late.stale is not None
    assert codes(now) == ["round_closed"]


# ───────────────────────────── Who is told, and what


def test_whoever_was_asked_is_told_and_hears_nothing_else(small: University) -> None:
    case_id = missed(small)

    move(small, case_id)

    said = {
        "act": "midterm_college", "task": "progress_report", "until": "2027-12-20", "basis": "local",
    }  # fmt: skip
    assert told(small, case_id, "turn_over") == {"head": said}
    assert "leader" in told(small, case_id, "deadline_moved")
    with small.database.reading() as session:
        keys = session.scalars(
            select(Notice.template).where(
                Notice.case_id == case_id,
                Notice.person_id == small.people["head"],
                Notice.channel == "app",
                Notice.params["act"].as_string() == "set_report_deadline",
            )
        ).all()
    assert keys == []


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "zh",
            (
                "【联培基地】不必再办理“学院对中期考核的意见”（水城）",
                "水城：“进展报告”的期限已延至2027年12月20日（含当日），此前开始的“学院对中期考核的意见”因此终止",
                "已填报的意见留在记录中，不计入结果",
            ),
        ),
        (
            "en",
            (
                "[Joint training bases] No longer asked for: “the college on the mid-term” (水城)",
                "“progress report” now has time until 20 December 2027",
                "What was chosen so far stays on record and is not counted.",
            ),
        ),
    ],
)
def test_message_says_what_ended_and_why(small: University, language: str, lines: tuple[str, ...]) -> None:
    params = {"act": "midterm_college", "task": "progress_report", "until": "2027-12-20", "basis": "local"}
    about = About(
        definition=small.definition, base="水城", name="n", language=language, link="x", today=AFTER
    )

    message = compose("turn_over", params, about)

    said = f"{message.subject}\n{message.text}"
    assert [line for line in lines if line not in said] == []


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("zh", "此项使“学院对中期考核的意见”结束：因“进展报告”的期限顺延而终止，不计结果。"),
        (
            "en",
            "This closes “the college on the mid-term”: ended uncounted, for “progress report” has time again.",
        ),
    ],
)
def test_consequences_say_that_the_round_ends(small: University, language: str, line: str) -> None:
    case_id = missed(small)

    _, shown, _ = plans(
        small, case_id, "set_report_deadline", "office", "", report_by="2027-12-20", reason="x"
    )

    names = Names(people={}, documents={}, units={})
    assert explain_route.brought_about(shown, shown.steps[0].before, names, language) == [line]


# ───────────────────────────── Some had voted


def test_sheets_of_a_panel_stay_on_record_and_are_not_counted(university: University) -> None:
    case_id = missed(university)
    university.done(case_id, "midterm_college", "head", outcome="agree")
    panel(university, case_id)
    sealed(university, case_id, "midterm_experts", EXPERTS[:2])

    move(university, case_id)

    assert of_midterm(university, case_id) == [("midterm_college", "passed"), ("midterm_experts", MORE)]
    assert asked(university, case_id) == LEADERS_TURN
    assert told(university, case_id, "turn_over").keys() == {"head", *EXPERTS[:3]}
    revealed = last_entry(university, case_id)["details"]
    assert (revealed["result"], [one["choice"] for one in revealed["ballots"]]) == (MORE, ["seal", "seal"])
    with university.database.reading() as session:
        standing = session.scalars(select(Ballot.choice).where(Ballot.case_id == case_id)).all()
    assert sorted(choice or "" for choice in standing).count("seal") == 2
    assert troubles(university) == []


def test_everybody_decides_anew_once_the_report_is_there(small: University) -> None:
    case_id = missed(small)
    small.done(case_id, "midterm_college", "head", outcome="agree")
    panel(small, case_id)
    sealed(small, case_id, "midterm_experts", EXPERTS[:1])
    move(small, case_id)

    hand_in(small, case_id)
    small.done(case_id, "midterm_college", "head", outcome="agree")
    seats = small.refused(case_id, "midterm_experts", EXPERTS[0], outcome="seal")
    panel(small, case_id)
    sealed(small, case_id, "midterm_experts", EXPERTS[:3])

    assert "not_your_role" in seats
    assert of_midterm(small, case_id)[2:] == [("midterm_college", "passed"), ("midterm_experts", "passed")]
    assert asked(small, case_id) == {("conclusion", "base_office")}
    assert troubles(small) == []


def test_office_that_had_only_to_conclude_waits_for_the_report(university: University) -> None:
    case_id = missed(university)
    university.done(case_id, "midterm_college", "head", outcome="agree")
    panel(university, case_id)
    sealed(university, case_id, "midterm_experts", EXPERTS[:3])
    before = asked(university, case_id)

    move(university, case_id)

    assert before == {("conclusion", "base_office")}
    assert asked(university, case_id) == LEADERS_TURN
    assert of_midterm(university, case_id)[-2:] == [("midterm_experts", "passed"), ("midterm_experts", MORE)]
    assert "route_open" in university.refused(
        case_id, "conclude_midterm", "office", outcome="passed", opinion="x"
    )
    assert told(university, case_id, "turn_over").keys() == {"head", "second_office", *EXPERTS[:3]}
    assert troubles(university) == []


def at_final_vote(here: University) -> str:
    """A base whose final report did not come: it is moved, and voted on, that none was handed in."""
    case_id = in_midterm(here)
    hand_in(here, case_id)
    here.done(case_id, "midterm_college", "head", outcome="agree")
    here.done(case_id, "conclude_midterm", "office", outcome="passed", opinion="ok")
    here.tick(case_id, date(2028, 12, 10))
    here.tick(case_id, date(2029, 5, 10))
    here.done(case_id, "final_college", "head", outcome="agree")
    panel(here, case_id)
    sealed(here, case_id, "final_experts", EXPERTS[:3])
    here.done(
        case_id, "order_rectification", "office", outcome="not_submitted", reason="r", rectify_by="2029-06-20"
    )
    assert rounds(here, case_id)[-1] == ("final_vote", None)
    return case_id


@pytest.mark.parametrize("secret", [False, True])
def test_vote_under_way_ends_and_a_secret_one_tells_no_choice(
    sqlite_database: Database, secret: bool
) -> None:
    here = founded(sqlite_database, midterm_experts_on=False, secret_ballot=secret)
    case_id = at_final_vote(here)
    for who, choice in zip(MEMBERS[:2], ("agree", "refuse"), strict=True):
        here.done(case_id, "final_vote", who, outcome=choice)

    move(here, case_id, "2029-06-15")

    revealed = last_entry(here, case_id)["details"]
    voters = {here.people[who] for who in MEMBERS[:2]}
    assert (revealed["result"], revealed["tally"]) == ("more_time_for_final_report", None)
    if secret:
        assert revealed.keys() == {"step", "result", "tally", "voters"}
        assert {*revealed["voters"]} == voters
    else:
        assert {one["person_id"]: one["choice"] for one in revealed["ballots"]} == {
            here.people[MEMBERS[0]]: "agree",
            here.people[MEMBERS[1]]: "refuse",
        }
    with here.database.reading() as session:
        assert len(session.scalars(select(Slip)).all()) == (7 if secret else 0)
    assert ("final_report", "project_leader") in asked(here, case_id)
    assert troubles(here) == []


# ───────────────────────────── It was decided


def test_day_moves_no_more_once_the_route_has_come_to_its_decision(sqlite_database: Database) -> None:
    """The order to rectify was carried and cannot take effect, for too few days are left to its own deadline."""
    here = founded(sqlite_database, midterm_experts_on=False)
    case_id = at_final_vote(here)
    here.tick(case_id, date(2029, 5, 25), 10)
    for who in MEMBERS:
        here.done(case_id, "final_vote", who, outcome="agree")
    before = rounds(here, case_id)

    refused = move(here, case_id, "2029-06-15")
    after = rounds(here, case_id)
    again = reopened(here, case_id, "grading")
    moved = move(here, case_id, "2029-06-15")

    assert before[-1] == ("final_vote", "passed")
    assert codes(refused) == ["decided_without"]
    assert after == before
    assert isinstance(again, Receipt)
    assert isinstance(moved, Receipt)
    assert rounds(here, case_id)[-1] == ("final_vote", "more_time_for_final_report")
    assert ("final_report", "project_leader") in asked(here, case_id)
    assert troubles(here) == []


# ───────────────────────────── What is not touched


def test_round_that_an_application_opened_goes_on(sqlite_database: Database) -> None:
    """The application for more time was handed in; the college was asked by that, and not by the missed day."""
    here = founded(sqlite_database, midterm_experts_on=False)
    case_id = in_midterm(here)
    hand_in(here, case_id)
    here.done(case_id, "midterm_college", "head", outcome="agree")
    here.done(case_id, "conclude_midterm", "office", outcome="passed", opinion="ok")
    here.tick(case_id, date(2028, 12, 10))
    document = here.document(case_id, "extension_application")
    here.done(case_id, "final_report", "leader", extension_application=document)
    here.tick(case_id, date(2029, 5, 10))

    answer = move(here, case_id, "2029-06-15")

    assert isinstance(answer, Receipt)
    assert rounds(here, case_id)[-1] == ("final_college", None)
    assert told(here, case_id, "turn_over") == {}
    assert troubles(here) == []


def test_deadline_still_to_come_moves_and_ends_nothing(small: University) -> None:
    case_id = in_midterm(small)

    move(small, case_id)

    assert of_midterm(small, case_id) == []
    assert told(small, case_id, "turn_over") == {}


def test_report_that_a_signer_had_asked_for_has_a_day_again(small: University) -> None:
    """Missed, sent back for want of it, and moved: when that day passes too, the route goes on without it."""
    case_id = missed(small)
    small.done(case_id, "midterm_college", "head", outcome=BACK, comment="hand it in, late or not")
    move(small, case_id)
    waits = asked(small, case_id)

    small.tick(case_id, date(2027, 12, 21))

    assert waits == LEADERS_TURN
    assert told(small, case_id, "turn_over") == {}
    assert asked(small, case_id) == {("midterm_college", "college_head")}
    assert troubles(small) == []


# ───────────────────────────── The time for rectification


def test_time_for_rectification_that_moves_ends_the_check_without_evidence(university: University) -> None:
    here = university
    case_id = ordered(here)
    here.tick(case_id, date(2029, 9, 4))
    before = rounds(here, case_id)[-1]

    answer = here.act(case_id, "move_rectification", "member", rectify_by="2029-12-20", reason="a flood")

    assert before == ("evidence_check", None)
    assert isinstance(answer, Receipt)
    assert rounds(here, case_id)[-1] == ("evidence_check", "more_time_for_evidence")
    assert ("evidence", "project_leader") in asked(here, case_id)
    assert told(here, case_id, "turn_over").keys() == {"office", "second_office"}
    assert troubles(here) == []


def ordered(here: University) -> str:
    """A base that has until 3 September 2029 to rectify."""
    case_id = in_midterm(here)
    hand_in(here, case_id)
    here.done(case_id, "midterm_college", "head", outcome="agree")
    panel(here, case_id)
    sealed(here, case_id, "midterm_experts", EXPERTS[:3])
    here.done(case_id, "conclude_midterm", "office", outcome="passed", opinion="ok")
    here.tick(case_id, date(2028, 12, 10))
    here.tick(case_id, date(2029, 5, 10))
    here.done(case_id, "final_college", "head", outcome="agree")
    panel(here, case_id)
    sealed(here, case_id, "final_experts", EXPERTS[:3])
    here.done(
        case_id, "order_rectification", "office", outcome="not_submitted", reason="r", rectify_by="2029-09-03"
    )
    for who in MEMBERS:
        here.done(case_id, "final_vote", who, outcome="agree")
    assert here.state(case_id) == "rectification"
    return case_id


def test_written_down_wrongly_and_amended_later_ends_it_too(small: University) -> None:
    case_id = in_midterm(small)
    move(small, case_id, "2027-11-15")
    small.tick(case_id, date(2027, 11, 16))
    fact = {"name": "report_by", "value": "2027-12-15"}

    small.done(case_id, "amend", "office", fact=fact, reason="misread")
    between = of_midterm(small, case_id)
    assert isinstance(small.confirmed(case_id, "second_office"), Receipt)

    assert between == [("midterm_college", None)]
    assert of_midterm(small, case_id) == [("midterm_college", MORE)]
    assert asked(small, case_id) == LEADERS_TURN
    assert troubles(small) == []
