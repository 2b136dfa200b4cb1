"""What was handed in may be sent back to whoever handed it in: the case waits for it anew, and nobody is punished by it."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from models import Database, Notice, Task, Timer
from tests.university import ROUTED_FILE, Founding, University, instant
from tests.workflow.routing import MEMBERS, at_vote, do, founded, rounds
from workflow.doctor import examine
from workflow.messages import About, compose
from workflow.operations import Receipt, Refusal
from workflow.operations.reopening import reopen
from workflow.verify import verify

OPENED, DUE = date(2027, 9, 10), date(2027, 11, 9)
BACK = "back_to_progress_report"


@pytest.fixture
def founding() -> Founding:
    return partial(founded, midterm_experts_on=False)


def in_midterm(here: University) -> str:
    case_id = at_vote(here)
    for who in MEMBERS:
        here.done(case_id, "selection", who, outcome="agree")
    here.done(case_id, "sign_agreement", "office", **here.agreement(case_id))
    here.tick(case_id, OPENED)
    return case_id


def hand_in(here: University, case_id: str) -> None:
    report: Any = here.document(case_id, "progress_report_file")
    here.done(case_id, "progress_report", "leader", progress_report_file=report)


def sent_back(here: University) -> str:
    """A base in its mid-term, whose college has sent the report back."""
    case_id = in_midterm(here)
    hand_in(here, case_id)
    here.done(case_id, "midterm_college", "head", outcome=BACK, comment="figures of 2026 are missing")
    return case_id


def of_midterm(here: University, case_id: str) -> list[tuple[str, str | None]]:
    return [one for one in rounds(here, case_id) if one[0].startswith(("midterm", "conclusion"))]


def asked(here: University, case_id: str) -> set[tuple[str, str]]:
    """Whose turn it is on the route; the yearly data is asked for beside it."""
    with here.database.reading() as session:
        rows = session.scalars(select(Task).where(Task.case_id == case_id, Task.closed_at.is_(None)))
        return {(row.act, row.role) for row in rows} - {("yearly_data", "project_leader")}


def deadlines(here: University, case_id: str) -> list[tuple[str, bool]]:
    """The report's deadlines: how each stands, and whether it has ended."""
    with here.database.reading() as session:
        rows = session.scalars(select(Timer).where(Timer.case_id == case_id, Timer.name == "progress_report"))
        return [(row.status, row.ended_seq is not None) for row in rows]


def troubles(here: University) -> list[object]:
    with here.database.reading() as session:
        return [*verify(session).findings, *examine(session)]


def reopened(here: University, case_id: str, step: str, who: str = "office") -> Receipt | Refusal:
    return do(here, reopen, case_id, step, reason="the report of June will do", who=who)


def corrected(here: University, case_id: str) -> None:
    here.done(case_id, "correct", "office", reason="recorded by mistake")
    assert isinstance(here.confirmed(case_id, "second_office"), Receipt)


def codes(answer: Receipt | Refusal) -> list[str]:
    assert isinstance(answer, Refusal), answer
    return [blocker.code for blocker in answer.blockers]


def test_report_sent_back_is_its_leaders_turn_until_a_new_one_is_handed_in(university: University) -> None:
    case_id = sent_back(university)
    before = asked(university, case_id)

    hand_in(university, case_id)

    assert before == {("progress_report", "project_leader")}
    assert asked(university, case_id) == {("midterm_college", "college_head")}
    assert of_midterm(university, case_id) == [("midterm_college", BACK), ("midterm_college", None)]
    university.done(case_id, "midterm_college", "head", outcome="agree")
    university.done(case_id, "conclude_midterm", "office", outcome="passed", opinion="good")
    assert university.state(case_id) == "midterm_assessed"
    assert troubles(university) == []


def test_report_may_be_sent_back_again_and_again(small: University) -> None:
    case_id = sent_back(small)
    for _ in range(2):
        hand_in(small, case_id)
        small.done(case_id, "midterm_college", "head", outcome=BACK, comment="still missing")
        assert asked(small, case_id) == {("progress_report", "project_leader")}

    hand_in(small, case_id)

    assert of_midterm(small, case_id) == [("midterm_college", BACK)] * 3 + [("midterm_college", None)]
    assert troubles(small) == []


def test_sending_back_wants_its_reason(small: University) -> None:
    case_id = in_midterm(small)
    hand_in(small, case_id)

    refused = small.refused(case_id, "midterm_college", "head", outcome=BACK)

    assert len(refused) == 1
    assert asked(small, case_id) == {("midterm_college", "college_head")}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_leader_is_told_who_sent_it_back_and_why(small: University, language: str) -> None:
    case_id = sent_back(small)

    with small.database.reading() as session:
        notice = session.scalars(
            select(Notice)
            .where(Notice.case_id == case_id, Notice.person_id == small.people["leader"])
            .where(Notice.channel == "mail", Notice.template == "your_turn")
        ).one()
    about = About(
        definition=small.definition,
        base="水城",
        name="n",
        language=language,
        link="x",
        today=OPENED,
        by="钱院长",
    )
    text = compose(notice.template, notice.params, about).text

    assert notice.params["by"] == small.people["head"]
    assert "figures of 2026 are missing" in text
    assert "钱院长" in text


def test_holders_of_a_role_are_told_as_well(sqlite_database: Database, tmp_path: Path) -> None:
    """Those who hand in need not be named on the base: where a role hands in, whoever holds it on the base's unit does."""
    text = ROUTED_FILE.read_text(encoding="utf-8").replace(', "college_officer"', "")
    head, found, rest = text.partition("[routes.midterm.progress_report]")
    file = tmp_path / "base.toml"
    file.write_text(head + found + rest.replace('"project_leader"', '"college_officer"', 1), encoding="utf-8")
    here = founded(sqlite_database, file=file, midterm_experts_on=False)
    case_id = in_midterm(here)
    report: Any = here.document(case_id, "progress_report_file")
    here.done(case_id, "progress_report", "officer", progress_report_file=report)

    here.done(case_id, "midterm_college", "head", outcome=BACK, comment="thin")

    with here.database.reading() as session:
        told = session.scalars(
            select(Notice.person_id)
            .where(Notice.template == "your_turn", Notice.channel == "app")
            .where(Notice.case_id == case_id)
            .order_by(Notice.id.desc())
        ).all()
    assert here.people["officer"] in told


def test_day_of_a_report_that_was_sent_back_does_not_come_again(university: University) -> None:
    """It was handed in in time: nothing falls due, and the case does not go on without it by itself."""
    case_id = sent_back(university)
    before = deadlines(university, case_id)

    university.sweep(instant(DUE + timedelta(days=40)))

    assert before == [("cancelled", True)]
    assert deadlines(university, case_id) == before
    assert asked(university, case_id) == {("progress_report", "project_leader")}
    hand_in(university, case_id)
    assert asked(university, case_id) == {("midterm_college", "college_head")}
    assert troubles(university) == []


def test_report_that_never_came_may_be_asked_for(small: University) -> None:
    case_id = in_midterm(small)
    small.sweep(instant(DUE + timedelta(days=1)))
    small.done(case_id, "midterm_college", "head", outcome=BACK, comment="hand it in, late or not")
    small.sweep(instant(DUE + timedelta(days=2)))
    before = asked(small, case_id)

    hand_in(small, case_id)

    assert before == {("progress_report", "project_leader")}
    assert of_midterm(small, case_id) == [("midterm_college", BACK), ("midterm_college", None)]
    assert troubles(small) == []


def test_office_goes_on_without_what_was_sent_back(university: University) -> None:
    case_id = sent_back(university)

    answer = reopened(university, case_id, "midterm_college")

    assert isinstance(answer, Receipt)
    assert asked(university, case_id) == {("midterm_college", "college_head")}
    university.done(case_id, "midterm_college", "head", outcome="agree")
    assert asked(university, case_id) == {("conclusion", "base_office")}
    assert troubles(university) == []


@pytest.mark.parametrize(
    ("who", "step", "code"),
    [
        ("leader", "midterm_college", "not_your_role"),
        ("head", "midterm_college", "not_your_role"),
        ("office", "progress_report", "not_to_reopen_at"),
        ("office", "conclusion", "not_to_reopen_at"),
    ],
)
def test_others_and_other_steps_do_not_go_on_without_it(
    small: University, who: str, step: str, code: str
) -> None:
    case_id = sent_back(small)

    assert codes(reopened(small, case_id, step, who)) == [code]


def test_route_at_a_task_that_nobody_sent_back_is_not_reopened(small: University) -> None:
    case_id = in_midterm(small)
    first = codes(reopened(small, case_id, "midterm_college"))
    hand_in(small, case_id)
    open_round = codes(reopened(small, case_id, "midterm_college"))

    assert (first, open_round) == (["route_not_over"], ["route_not_over"])


def test_correction_of_the_conclusion_finds_the_new_report_where_it_was(university: University) -> None:
    case_id = sent_back(university)
    hand_in(university, case_id)
    university.done(case_id, "midterm_college", "head", outcome="agree")
    university.done(case_id, "conclude_midterm", "office", outcome="passed", opinion="good")

    corrected(university, case_id)

    assert university.state(case_id) == "midterm"
    assert asked(university, case_id) == {("conclusion", "base_office")}
    assert troubles(university) == []


@pytest.mark.parametrize(
    ("state", "step", "task"),
    [
        ("midterm", "midterm_college", "progress_report"),
        ("final", "final_college", "final_report"),
        ("rectification", "evidence_check", "evidence"),
    ],
)
def test_each_report_may_be_sent_back_by_whoever_reads_it_first(
    small: University, state: str, step: str, task: str
) -> None:
    assert f"back_to_{task}" in small.definition.acts[step].outcomes
    assert small.definition.step(state, task) is not None
