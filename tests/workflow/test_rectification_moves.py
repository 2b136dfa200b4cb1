"""The leading group may move the time for rectification it stated: 30 to 365 days from its decision in all.

It decided on 2029-03-11, the day after the cycle's last, and stated 2029-09-10, a Monday.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from models import Database, Task
from tests.university import University
from tests.workflow.still import founded
from tests.workflow.test_suspensions import agrees, codes, due, planned
from workflow.explain.consequences import lines_of
from workflow.explain.deadlines import deadlines_of
from workflow.operations import Receipt
from workflow.plan import Form
from workflow.queries.names import Names

STATED = date(2029, 9, 10)


@pytest.fixture
def university(database: Database, tmp_path: Path) -> University:
    return founded(database, tmp_path)


@pytest.fixture
def small(sqlite_database: Database, tmp_path: Path) -> University:
    return founded(sqlite_database, tmp_path)


def move(here: University, case_id: str, day: str, who: str = "member") -> Any:
    return here.act(case_id, "move_rectification", who, rectify_by=day, reason="a flood")


def ends(here: University, case_id: str) -> list[tuple[date, str, str | None]]:
    return due(here, case_id, "evidence")


def test_time_for_rectification_moves_either_way(university: University) -> None:
    case_id = university.in_rectification()

    later = move(university, case_id, "2030-01-10")
    after = ends(university, case_id)
    sooner = move(university, case_id, "2029-06-11")

    assert isinstance(later, Receipt)
    assert isinstance(sooner, Receipt)
    assert after == [(date(2030, 1, 10), "open", None)]
    assert ends(university, case_id) == [(date(2029, 6, 11), "open", None)]
    assert agrees(university)


@pytest.mark.parametrize(
    ("today", "day", "refused"),
    [
        (date(2029, 3, 12), "2029-04-09", ["outside_bounds"]),  # 29 days
        (date(2029, 3, 12), "2029-04-10", []),
        (date(2029, 3, 12), "2030-03-11", []),  # 365 days
        (date(2029, 3, 12), "2030-03-12", ["outside_bounds"]),
        (date(2029, 8, 1), "2029-07-31", ["outside_bounds"]),  # in the past
        (date(2029, 8, 1), "2029-08-01", []),
        (date(2030, 3, 11), "2030-03-11", []),
        (date(2030, 3, 12), "2030-03-12", ["no_day_left"]),
    ],
)
def test_moves_stay_within_a_year_of_the_decision_and_out_of_the_past(
    small: University, today: date, day: str, refused: list[str]
) -> None:
    case_id = small.in_rectification()
    small.tick(case_id, today, 10)

    assert codes(move(small, case_id, day)) == refused


def test_bounds_count_from_the_decision_however_often_it_moves(small: University) -> None:
    case_id = small.in_rectification()
    for day in ("2029-12-03", "2030-03-11"):
        assert isinstance(move(small, case_id, day), Receipt)
    answer = move(small, case_id, "2030-03-12")

    assert [(b.code, b.params["first"], b.params["last"]) for b in answer.blockers] == [
        ("outside_bounds", date(2029, 4, 10), date(2030, 3, 11))
    ]


def test_effective_day_in_the_past_does_not_reach_there(small: University) -> None:
    case_id = small.in_rectification()
    small.tick(case_id, date(2029, 8, 20), 10)

    form = {"rectify_by": "2029-08-10", "reason": "x", "effective_on": date(2029, 8, 1)}
    assert small.refused(case_id, "move_rectification", "member", **form) == ["outside_bounds"]


def test_what_was_handed_in_is_not_given_more_time(small: University) -> None:
    case_id = small.in_rectification()
    small.evidence(case_id)

    assert codes(move(small, case_id, "2030-01-10")) == ["answered_already"]


def test_missed_time_that_moves_runs_again_and_bars_the_revocation(university: University) -> None:
    case_id = university.in_rectification()
    university.tick(case_id, date(2029, 9, 20), 10)
    missed = ends(university, case_id)

    assert isinstance(move(university, case_id, "2030-01-10"), Receipt)

    assert missed == [(STATED, "fired", None)]
    assert ends(university, case_id) == [(date(2030, 1, 10), "open", None)]
    assert university.refused(case_id, "revoke", "member", reason="x", clawback=False) == [
        "rectification_running"
    ]
    with university.database.reading() as session:
        open_acts = session.scalars(
            select(Task.act).where(Task.case_id == case_id, Task.closed_at.is_(None))
        ).all()
    assert "evidence" in open_acts
    assert agrees(university)


def test_only_the_leading_group_moves_it(small: University) -> None:
    case_id = small.in_rectification()

    assert codes(move(small, case_id, "2030-01-10", "office")) == ["not_your_role"]


def test_it_never_stands_still(small: University) -> None:
    case_id = small.in_rectification()

    assert small.refused(case_id, "suspend_deadline", "office", reason="x") == [
        "not_from_here",
        "no_deadline_to_suspend",
    ]


def test_consequences_show_the_old_day_and_the_new(small: University) -> None:
    case_id = small.in_rectification()
    form = Form(values={"rectify_by": date(2030, 1, 10), "reason": "a flood"})

    plan, snapshot = planned(small, case_id, "move_rectification", who="member", form=form)

    assert [(it.on, it.ends) for it in deadlines_of(plan, snapshot, "en")] == [
        (date(2030, 1, 10), False),
        (STATED, True),
    ]
    (line, *_) = lines_of(plan, snapshot, form, Names(), "en")
    assert (line.old, line.new) == ("10 September 2029", "10 January 2030")
