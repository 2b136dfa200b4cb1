"""The deadline of a report: the office is asked about it when its assessment opened late, and may move it within bounds.

The mid-term opens on 2027-09-10; its report is due by 2027-11-09. The final opens on 2028-12-10; its report is due by
2029-05-09.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from models import Entry, Notice, Task, Timer
from tests.university import LATE_AGREEMENT_END, University
from workflow.doctor import examine
from workflow.messages import About, compose
from workflow.operations import Receipt

REPORT_DUE = date(2027, 11, 9)


def opened(university: University, on: date, **rest: Any) -> str:
    """A base whose mid-term the clock opened on a day, due on 2027-09-10."""
    case_id = university.on(date(2026, 3, 10)).signed(last=LATE_AGREEMENT_END, **rest)
    university.yearly(case_id, 2026)
    university.tick(case_id, on)
    university.on(on)
    assert university.state(case_id) == "midterm"
    return case_id


def due(university: University, case_id: str, name: str = "progress_report") -> list[tuple[date, str]]:
    """The deadline as it runs: its day and status."""
    with university.database.reading() as session:
        rows = session.scalars(
            select(Timer).where(Timer.case_id == case_id, Timer.name == name, Timer.ended_seq.is_(None))
        )
        return [(row.due_on, row.status) for row in rows]


def asked(university: University, case_id: str) -> list[tuple[str, date | None]]:
    """Whom the inbox asks about the deadline, and by when."""
    with university.database.reading() as session:
        rows = session.scalars(
            select(Task).where(
                Task.case_id == case_id, Task.act == "set_report_deadline", Task.closed_at.is_(None)
            )
        )
        return [(row.role, row.due_on) for row in rows]


def told(university: University, case_id: str) -> list[tuple[str, str, dict[str, Any]]]:
    names = {person: name for name, person in university.people.items()}
    with university.database.reading() as session:
        rows = session.scalars(
            select(Notice).where(Notice.case_id == case_id, Notice.template == "late_opening")
        )
        return sorted((names[row.person_id], row.channel, row.params) for row in rows)


def decide(university: University, case_id: str, report_by: str | None = None, **rest: Any) -> Any:
    return university.act(
        case_id, "set_report_deadline", "office", report_by=report_by, reason="the server stood still", **rest
    )


def codes(answer: Any) -> list[str]:
    return [blocker.code for blocker in answer.blockers]


def agrees(university: University) -> bool:
    """Whether the tables follow from the log, and timers and tasks from the tables."""
    with university.database.reading() as session:
        return examine(session) == []


# ───────────────────────────── The question


@pytest.mark.parametrize(
    ("on", "is_asked"),
    [(date(2027, 9, 10), False), (date(2027, 9, 17), False), (date(2027, 9, 18), True)],
)
def test_office_is_asked_when_an_opening_ran_more_than_seven_days_late(
    university: University, on: date, is_asked: bool
) -> None:
    case_id = opened(university, on)

    assert asked(university, case_id) == ([("base_office", REPORT_DUE)] if is_asked else [])
    assert bool(told(university, case_id)) is is_asked
    assert due(university, case_id) == [(REPORT_DUE, "open")]
    assert agrees(university)


def test_question_reaches_every_person_of_the_office_on_the_page_and_by_mail(small: University) -> None:
    case_id = opened(small, date(2027, 9, 30))

    params = {
        "act": "set_report_deadline", "task": "progress_report", "opening": "midterm_opens", "day": "2027-09-10",
        "late": 20, "until": "2027-11-09",
    }  # fmt: skip
    assert told(small, case_id) == [
        (who, channel, params) for who in ("office", "second_office") for channel in ("app", "mail")
    ]


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "zh",
            (
                "【联培基地】启动迟了20天，请确定报告期限（水城）",
                "水城：“中期考核启动”应在2027年9月10日，实际迟了20天。",
                "“进展报告”的期限为2027年11月9日。请通过“确定报告期限”决定延后或不变。",
            ),
        ),
        (
            "en",
            (
                "[Joint training bases] Opened 20 days late: decide on the report deadline (水城)",
                "水城: “mid-term opens” was due on 10 September 2027 and came 20 days late.",
                "The deadline of “progress report” is 9 November 2027.",
            ),
        ),
    ],
)
def test_question_says_how_late_and_what_can_be_done(
    small: University, language: str, lines: tuple[str, ...]
) -> None:
    (_, _, params), *_ = told(small, opened(small, date(2027, 9, 30)))
    about = About(
        definition=small.definition,
        base="水城",
        name="n",
        language=language,
        link="x",
        today=date(2027, 9, 30),
    )

    message = compose("late_opening", params, about)

    said = f"{message.subject}\n{message.text}"
    assert [line for line in lines if line not in said] == []


def test_opening_that_waited_for_the_midterm_counts_from_its_own_day(small: University) -> None:
    """A held opening takes effect with the conclusion it waited for, and is late all the same."""
    case_id = small.in_midterm()
    small.yearly(case_id, 2027)
    small.tick(case_id, date(2029, 1, 20), 10)
    small.done(case_id, "conclude_midterm", "office", outcome="not_held", reason="no experts")

    assert small.state(case_id) == "final"
    assert asked(small, case_id) == [("base_office", date(2029, 5, 9))]
    assert [who for who, channel, _ in told(small, case_id) if channel == "app"] == [
        "office",
        "second_office",
    ]


def test_opening_by_a_person_is_nobodys_delay(small: University) -> None:
    case_id = small.on(date(2026, 3, 10)).signed()
    small.tick(case_id, date(2027, 9, 9), 10)
    small.done(case_id, "open_midterm", "office")

    assert asked(small, case_id) == []


# ───────────────────────────── The answer


def test_deadline_moves_to_the_later_day_and_nobody_is_asked_any_more(university: University) -> None:
    case_id = opened(university, date(2027, 9, 30))

    receipt = decide(university, case_id, "2027-11-30")

    assert isinstance(receipt, Receipt)
    assert due(university, case_id) == [(date(2027, 11, 30), "open")]
    assert asked(university, case_id) == []
    with university.database.reading() as session:
        body = json.loads(
            session.scalars(
                select(Entry.body).where(Entry.stream == f"case:{case_id}", Entry.seq == receipt.seq)
            ).one()
        )
    assert (body["act"], body["basis"], body["form"]) == (
        "set_report_deadline",
        "local",
        {"report_by": "2027-11-30", "reason": "the server stood still"},
    )
    assert [
        (c["table"], c["set"]["last_day"]) for c in body["changes"] if c["table"] == "deadline_decisions"
    ] == [("deadline_decisions", "2027-11-30")]
    assert agrees(university)


def test_deadline_stays_when_the_office_says_so(university: University) -> None:
    case_id = opened(university, date(2027, 9, 30))

    assert isinstance(decide(university, case_id), Receipt)

    assert due(university, case_id) == [(REPORT_DUE, "open")]
    assert asked(university, case_id) == []
    assert codes(decide(university, case_id)) == ["field_missing"]
    assert agrees(university)


def test_report_handed_in_settles_the_question(small: University) -> None:
    case_id = opened(small, date(2027, 9, 30))
    report = small.document(case_id, "progress_report_file")

    small.done(case_id, "progress_report", "leader", progress_report_file=report)

    assert asked(small, case_id) == []
    assert codes(decide(small, case_id, "2027-11-30")) == ["no_deadline_to_move"]


@pytest.mark.parametrize(
    ("opened_on", "report_by", "refused"),
    [
        (date(2027, 9, 10), "2027-11-09", ["outside_bounds"]),  # its own day
        (date(2027, 9, 10), "2027-11-10", []),
        (date(2027, 9, 10), "2028-01-08", []),  # 60 days more
        (date(2027, 9, 10), "2028-01-09", ["outside_bounds"]),
        (date(2027, 12, 9), "2028-02-07", []),  # 90 days late: 90 days more
        (date(2027, 12, 9), "2028-02-08", ["outside_bounds"]),
        (date(2027, 12, 9), "2027-12-08", ["outside_bounds"]),  # in the past
        (date(2027, 12, 9), "2027-12-09", []),
    ],
)
def test_deadline_moves_within_bounds_and_never_into_the_past(
    small: University, opened_on: date, report_by: str, refused: list[str]
) -> None:
    case_id = opened(small, opened_on)

    answer = decide(small, case_id, report_by)

    assert (codes(answer) if not isinstance(answer, Receipt) else []) == refused


def test_effective_day_in_the_past_does_not_reach_there(small: University) -> None:
    """An act may be dated back, the deadline it names may not."""
    case_id = opened(small, date(2027, 9, 10))
    small.tick(case_id, date(2027, 12, 1), 10)

    answer = decide(small, case_id, "2027-11-20", effective_on=date(2027, 11, 15))

    assert codes(answer) == ["outside_bounds"]


def test_deadline_only_moves_later_again(small: University) -> None:
    case_id = opened(small, date(2027, 9, 10))
    assert isinstance(decide(small, case_id, "2027-12-01"), Receipt)

    assert codes(decide(small, case_id, "2027-11-20")) == ["not_later"]
    assert isinstance(decide(small, case_id, "2027-12-20"), Receipt)
    assert due(small, case_id) == [(date(2027, 12, 20), "open")]


def test_day_written_wrongly_is_amended_by_two_persons(university: University) -> None:
    case_id = opened(university, date(2027, 9, 10))
    assert isinstance(decide(university, case_id, "2027-12-20"), Receipt)

    fact = {"name": "report_by", "value": "2027-12-01"}
    university.done(case_id, "amend", "office", fact=fact, reason="misread")
    before = due(university, case_id)
    assert isinstance(university.confirmed(case_id, "second_office"), Receipt)

    assert before == [(date(2027, 12, 20), "open")]
    assert due(university, case_id) == [(date(2027, 12, 1), "open")]
    assert agrees(university)


def test_day_nobody_named_cannot_be_amended(small: University) -> None:
    case_id = opened(small, date(2027, 9, 10))

    fact = {"name": "report_by", "value": "2027-12-01"}
    assert small.refused(case_id, "amend", "office", fact=fact, reason="x") == ["no_deadline_to_move"]


def test_other_facts_are_amended_without_a_deadline(small: University) -> None:
    case_id = small.approved()

    fact = {"name": "base_name", "value": "另一名称"}
    assert isinstance(small.act(case_id, "amend", "office", fact=fact, reason="x"), Receipt)


# ───────────────────────────── What follows


def test_missed_deadline_that_moves_runs_again(university: University) -> None:
    """The case was at the office's conclusion; with time again, it waits for the report."""
    case_id = opened(university, date(2027, 9, 10))
    university.tick(case_id, date(2027, 11, 15), 10)
    missed = due(university, case_id)

    decide(university, case_id, "2027-12-01")

    assert missed == [(REPORT_DUE, "fired")]
    assert due(university, case_id) == [(date(2027, 12, 1), "open")]
    with university.database.reading() as session:
        open_acts = session.scalars(
            select(Task.act).where(Task.case_id == case_id, Task.closed_at.is_(None))
        ).all()
    assert open_acts == ["progress_report"]
    assert agrees(university)


def test_deadline_too_long_gone_cannot_move(small: University) -> None:
    case_id = opened(small, date(2027, 9, 10))
    small.tick(case_id, date(2028, 1, 15), 10)

    assert codes(decide(small, case_id, "2028-01-20")) == ["moved_to_the_last"]


def test_correction_of_the_opening_takes_the_moved_deadline_with_it(university: University) -> None:
    case_id = university.on(date(2026, 3, 10)).signed(last=LATE_AGREEMENT_END)
    university.yearly(case_id, 2026)
    university.on(date(2027, 9, 1))
    university.done(case_id, "open_midterm", "office")
    assert isinstance(decide(university, case_id, "2027-12-01"), Receipt)

    university.done(case_id, "correct", "office", reason="opened by mistake")
    assert isinstance(university.confirmed(case_id, "second_office"), Receipt)
    corrected = (university.state(case_id), due(university, case_id))
    university.tick(case_id, date(2027, 9, 10), 10)

    assert corrected == ("agreement_signed", [])
    assert due(university, case_id) == [(REPORT_DUE, "open")]
    assert agrees(university)


def test_moved_deadline_is_back_when_the_decision_after_it_is_corrected(university: University) -> None:
    case_id = opened(university, date(2027, 9, 10))
    decide(university, case_id, "2027-12-01")
    university.done(case_id, "conclude_midterm", "office", outcome="passed", opinion="early")
    left = due(university, case_id)

    university.done(case_id, "correct", "office", reason="too early")
    assert isinstance(university.confirmed(case_id, "second_office"), Receipt)

    assert left == []
    assert due(university, case_id) == [(date(2027, 12, 1), "open")]
    assert agrees(university)


def test_day_of_one_assessment_does_not_reach_the_next(university: University) -> None:
    case_id = opened(university, date(2027, 9, 10))
    decide(university, case_id, "2027-12-01")
    university.done(case_id, "conclude_midterm", "office", outcome="passed", opinion="well")
    university.yearly(case_id, 2027)
    university.tick(case_id, date(2028, 12, 10), 10)

    assert due(university, case_id, "final_report") == [(date(2029, 5, 9), "open")]
    assert isinstance(decide(university, case_id, "2029-06-01"), Receipt)
    assert due(university, case_id, "final_report") == [(date(2029, 6, 1), "open")]


def test_change_of_the_setting_leaves_a_moved_deadline_where_it_is(small: University) -> None:
    from workflow.operations.settings import change_setting

    case_id = opened(small, date(2027, 9, 10))
    decide(small, case_id, "2027-12-01")
    with small.database.transaction() as session:
        change_setting(
            session, lifecycle="base", name="midterm_time", value="100 days", from_on=date(2027, 9, 10), reason="x",
            ctx=small.ctx("office"),
        )  # fmt: skip

    assert due(small, case_id) == [(date(2027, 12, 1), "open")]


def test_not_submitted_waits_for_the_moved_deadline(small: University) -> None:
    case_id = small.in_final()
    assert isinstance(decide(small, case_id, "2029-06-15"), Receipt)
    small.tick(case_id, date(2029, 6, 1), 10)
    form: dict[str, Any] = {"outcome": "not_submitted", "reason": "none came", "rectify_by": "2029-12-01"}

    early = small.refused(case_id, "order_rectification", "member", **form)
    small.tick(case_id, date(2029, 6, 16), 10)

    assert early == ["deadline_not_passed"]
    assert isinstance(small.act(case_id, "order_rectification", "member", **form), Receipt)


# ───────────────────────────── An application for an extension is not the report


FINAL_DUE = date(2029, 5, 9)


def turns(university: University, case_id: str) -> set[tuple[str, str]]:
    with university.database.reading() as session:
        rows = session.scalars(select(Task).where(Task.case_id == case_id, Task.closed_at.is_(None)))
        return {(row.act, row.role) for row in rows}


def test_application_leaves_the_deadline_running_and_asks_the_leading_group(university: University) -> None:
    case_id = university.applied()

    assert due(university, case_id, "final_report") == [(FINAL_DUE, "open")]
    assert turns(university, case_id) == {("final_report", "project_leader"), ("grading", "leading_group")}
    assert agrees(university)


def test_report_after_the_application_ends_the_deadline(university: University) -> None:
    case_id = university.applied()
    report = university.document(case_id, "final_report_file")

    university.done(case_id, "final_report", "leader", final_report_file=report)

    assert due(university, case_id, "final_report") == []
    assert turns(university, case_id) == {("grading", "leading_group")}
    assert isinstance(
        university.act(case_id, "extend", "member", confirmed=("agreement_ends_before",)), Receipt
    )
    assert agrees(university)


def test_extension_granted_ends_the_deadline(small: University) -> None:
    case_id = small.extended()

    assert due(small, case_id, "final_report") == []
    assert turns(small, case_id) == set()


def test_deadline_missed_after_an_application_is_a_report_not_submitted(university: University) -> None:
    """The application waited for nobody's answer; the report is overdue all the same, and is reminded of by its name."""
    case_id = university.applied()
    form: dict[str, Any] = {"outcome": "not_submitted", "reason": "none came", "rectify_by": "2029-12-01"}
    early = university.refused(case_id, "order_rectification", "member", **form)
    university.tick(case_id, date(2029, 5, 10), 10)
    missed = due(university, case_id, "final_report")

    answer = university.act(case_id, "order_rectification", "member", **form)

    assert early == ["deadline_not_passed"]
    assert missed == [(FINAL_DUE, "fired")]
    assert isinstance(answer, Receipt)


def test_report_handed_in_is_not_one_not_submitted(small: University) -> None:
    case_id = small.applied()
    small.done(
        case_id, "final_report", "leader", final_report_file=small.document(case_id, "final_report_file")
    )
    form: dict[str, Any] = {"outcome": "not_submitted", "reason": "none came", "rectify_by": "2029-12-01"}

    assert small.refused(case_id, "order_rectification", "member", **form) == ["was_handed_in"]


def test_reminder_of_the_final_report_asks_for_the_report(small: University) -> None:
    params = {"timer": "final_report", "day": "2029-05-09", "answer": "final_report"}
    about = About(
        definition=small.definition, base="水城", name="n", language="zh", link="x", today=date(2029, 5, 2)
    )

    assert "还缺：结项报告。" in compose("reminder", params, about).lines


@pytest.mark.parametrize("who", ["leader", "head", "member", "administrator", "stranger"])
def test_only_the_office_moves_a_deadline(small: University, who: str) -> None:
    case_id = opened(small, date(2027, 9, 10))

    assert small.refused(case_id, "set_report_deadline", who, report_by="2027-12-01", reason="x") == [
        "not_your_role"
    ]
