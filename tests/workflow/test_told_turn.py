"""Whoever newly has a turn is told of it, whatever act gave it to them; nobody is told twice of the same turn."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

from sqlalchemy import select

from models import Database, Notice
from tests.university import ROUTED_FILE, University
from tests.workflow.routing import EXPERTS, MEMBERS, at_vote, do, founded, proposed
from workflow.messages import About, compose
from workflow.operations.rounds import add_signer, name_experts, reassign, replace_expert, withdraw_ballot


def told(here: University, case_id: str) -> list[tuple[str, str]]:
    """Who was asked for what, in the order of the acts."""
    names = {key: name for name, key in here.people.items()}
    with here.database.reading() as session:
        rows = session.scalars(
            select(Notice)
            .where(Notice.case_id == case_id, Notice.template == "your_turn", Notice.channel == "app")
            .order_by(Notice.id)
        )
        return [(names[row.person_id], row.params["act"]) for row in rows]


def newly(here: University, case_id: str, act: Any) -> set[tuple[str, str]]:
    """Who is asked for what by one act."""
    before = Counter(told(here, case_id))
    act()
    return set((Counter(told(here, case_id)) - before).elements())


def at_panel(database: Database) -> tuple[University, str]:
    here = founded(database, expert_review_on=True)
    return here, at_vote(here)


def sheet(here: University) -> dict[str, Any]:
    return {name: {"met": True, "note": "seen"} for name in here.definition.lists["eligibility"]}


def test_office_is_told_that_a_panel_is_to_be_named(database: Database) -> None:
    here = founded(database, expert_review_on=True)
    case_id = proposed(here)
    here.done(case_id, "college_opinion", "head", outcome="agree")

    asked = newly(here, case_id, lambda: here.done(case_id, "form_check", "office", outcome="agree"))

    assert asked == {("second_office", "name_panel")}


def test_expert_named_is_told(database: Database) -> None:
    here, case_id = at_panel(database)

    def name(*experts: str) -> None:
        do(here, name_experts, case_id, [here.people[one] for one in experts], who="office")

    assert newly(here, case_id, lambda: name(EXPERTS[0])) == {(EXPERTS[0], "expert_review")}
    assert newly(here, case_id, lambda: name(*EXPERTS[1:3])) == {
        (EXPERTS[1], "expert_review"),
        (EXPERTS[2], "expert_review"),
    }
    assert newly(
        here,
        case_id,
        lambda: do(
            here,
            replace_expert,
            case_id,
            here.people[EXPERTS[1]],
            by=here.people[EXPERTS[3]],
            reason="ill",
            who="office",
        ),
    ) == {(EXPERTS[3], "expert_review")}


def test_office_is_told_when_an_expert_stands_aside(database: Database) -> None:
    here, case_id = at_panel(database)
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who="office")

    asked = newly(here, case_id, lambda: here.done(case_id, "expert_review", EXPERTS[1], outcome="recuse"))

    assert asked == {("office", "name_panel"), ("second_office", "name_panel")}


def test_added_signer_is_told_and_those_interrupted_are_not_told_again(sqlite_database: Database) -> None:
    here = founded(sqlite_database)
    case_id = proposed(here)
    here.done(case_id, "college_opinion", "head", outcome="agree")
    officer = here.people["officer"]

    added = newly(
        here,
        case_id,
        lambda: do(here, add_signer, case_id, officer, side="before", comment="", who="office"),
    )
    signed = newly(here, case_id, lambda: here.done(case_id, "form_check", "officer", outcome="agree"))

    assert added == {("officer", "form_check")}
    assert signed == set()


def test_whoever_a_turn_is_passed_to_is_told(sqlite_database: Database) -> None:
    here = founded(sqlite_database)
    case_id = proposed(here)
    officer = here.people["officer"]

    asked = newly(here, case_id, lambda: do(here, reassign, case_id, to=officer, reason="travel", who="head"))

    assert asked == {("officer", "college_opinion")}


def test_next_in_order_is_told_when_the_one_before_has_signed(
    sqlite_database: Database, tmp_path: Any
) -> None:
    file = tmp_path / "base.toml"
    text = ROUTED_FILE.read_text(encoding="utf-8")
    plain = 'kind   = "sign"\nby     = "base_office"\n'
    assert plain in text
    in_order = 'kind   = "sign"\nby     = ["base_office", "college_officer"]\nrule   = "in_order"\n'
    file.write_text(text.replace(plain, in_order), encoding="utf-8")
    here = founded(sqlite_database, file=file)
    case_id = proposed(here)
    opened = newly(here, case_id, lambda: here.done(case_id, "college_opinion", "head", outcome="agree"))

    signed = newly(here, case_id, lambda: here.done(case_id, "form_check", "office", outcome="agree"))

    assert opened == {("office", "form_check"), ("second_office", "form_check")}
    assert signed == {("officer", "form_check"), ("near_expert", "form_check")}


def test_ballot_taken_back_tells_nobody_else(sqlite_database: Database) -> None:
    here = founded(sqlite_database)
    case_id = at_vote(here)
    here.done(case_id, "selection", MEMBERS[0], outcome="agree")

    assert newly(here, case_id, lambda: do(here, withdraw_ballot, case_id, who=MEMBERS[0])) == set()


def test_office_is_told_that_it_is_to_conclude(sqlite_database: Database) -> None:
    here = founded(sqlite_database)
    case_id = at_vote(here)
    for who in MEMBERS:
        here.done(case_id, "selection", who, outcome="agree")
    here.done(case_id, "sign_agreement", "office", **here.agreement(case_id))
    here.tick(case_id, date(2027, 9, 10))
    report = here.document(case_id, "progress_report_file")
    here.done(case_id, "progress_report", "leader", progress_report_file=report)
    here.done(case_id, "midterm_college", "head", outcome="agree")
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who="office")
    marks = {name: {"mark": 80, "remark": "ok"} for name in here.definition.sheets["assessment"]}
    for name in EXPERTS[:2]:
        here.done(case_id, "midterm_experts", name, outcome="seal", assessment=marks)

    asked = newly(
        here,
        case_id,
        lambda: here.done(case_id, "midterm_experts", EXPERTS[2], outcome="seal", assessment=marks),
    )

    assert asked == {("office", "conclusion"), ("second_office", "conclusion")}


def test_nobody_is_told_twice_on_the_way_to_an_approval(sqlite_database: Database) -> None:
    here, case_id = at_panel(sqlite_database)
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who="office")
    for name in EXPERTS[:3]:
        here.done(case_id, "expert_review", name, outcome="seal", eligibility_opinion=sheet(here))
    for who in MEMBERS:
        here.done(case_id, "selection", who, outcome="agree")

    assert max(Counter(told(here, case_id)).values()) == 1
    assert {who for who, act in told(here, case_id) if act == "selection"} == {*MEMBERS}


def test_message_names_what_is_no_act_of_the_file(sqlite_database: Database) -> None:
    here = founded(sqlite_database)
    for act, said in (("name_panel", "确定评审专家"), ("conclusion", "评定")):
        about = About(
            definition=here.definition,
            base="甲基地",
            name="王",
            language="zh",
            link="",
            today=date(2026, 3, 10),
        )
        message = compose("your_turn", {"act": act, "basis": "17", "day": "2026-03-10"}, about)
        assert said in message.subject
