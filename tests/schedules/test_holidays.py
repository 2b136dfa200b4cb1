"""A notice is loaded and its deadlines are moved by schedulers that are killed: each moves once, each is told once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select

from models import CalendarPass, Database, Entry, Notice, Timer
from schedules.heartbeat import Scheduler
from schedules.holidays import move_deadlines
from tests.schedules.processes import until
from tests.university import University
from tests.workflow.test_calendar import OFF, loaded_only
from tests.workflow.test_crash import discrepancies
from workflow.operations.calendar_passes import under_way

CASES = 12
BEFORE, NEW = date(2027, 2, 1), date(2027, 2, 2)

WORKER = """
import json, os, signal, sys
from models import Database
from schedules.holidays import move_deadlines
from workflow.operations import calendar_passes, moving_timers

task = json.load(sys.stdin)
calendar_passes.BATCH = 2
done = calendar_passes.move_timers
steps = 0

def killed(session, *args, **rest):
    global steps
    found = done(session, *args, **rest)
    steps += 1
    if steps > task["steps"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return found

calendar_passes.move_timers = killed
move_deadlines(Database(task["url"]), stop=lambda: False)
"""
"""One that dies when the rows of a step are written and not yet committed, after so many steps that were."""


@pytest.fixture
def university(database: Database) -> University:
    return University.founded(database)


def moved(university: University) -> list[date]:
    with university.database.reading() as session:
        rows = session.scalars(
            select(Timer.due_on).where(Timer.name == "yearly_data", Timer.ended_seq.is_(None))
        )
        return sorted(rows)


def killed(university: University, *, steps: int) -> int:
    """Let a scheduler's moving be killed in its next step after so many; return how it ended."""
    worker = subprocess.run(
        [sys.executable, "-c", WORKER],
        input=json.dumps(
            {"url": university.database.url.render_as_string(hide_password=False), "steps": steps}
        ),
        text=True,
        cwd=Path(__file__).parents[2],
        env=dict(os.environ),
        check=False,
    )
    return worker.returncode


def test_killed_in_the_middle_the_next_goes_on_and_each_deadline_is_told_once(university: University) -> None:
    for number in range(CASES):
        university.signed(partner=f"合作单位{number}")
    loaded_only(university, OFF)

    ends = [killed(university, steps=steps) for steps in (0, 1, 2)]
    half = Counter(moved(university))
    with university.database.reading() as session:
        (come,) = under_way(session)
    between = list(discrepancies(university))
    move_deadlines(university.database, stop=lambda: False)

    assert ends == [-signal.SIGKILL] * 3
    assert (half[NEW], half[BEFORE]) == (6, 6)  # of 0, 1 and 2 committed steps of two bases
    assert (come.looked_at, come.total, come.counts.timers) == (6, CASES, 6)
    assert between == []
    assert moved(university) == [NEW] * CASES
    with university.database.reading() as session:
        per_case = session.execute(
            select(Entry.case_id, func.count()).where(Entry.kind == "calendar_moved").group_by(Entry.case_id)
        ).all()
        told = session.execute(
            select(Notice.case_id, Notice.person_id, Notice.channel, func.count())
            .where(Notice.template == "deadline_moved")
            .group_by(Notice.case_id, Notice.person_id, Notice.channel)
        ).all()
        row = session.get_one(CalendarPass, 2027)
    assert sorted(count for _, count in per_case) == [1] * CASES
    assert {count for *_, count in told} == {1}
    assert len(told) == CASES * 4  # leader and officer, on the page and by mail
    assert (row.timers, row.done_at is not None) == (CASES, True)
    assert list(discrepancies(university)) == []


def test_scheduler_moves_what_was_loaded(university: University) -> None:
    university.signed()
    loaded_only(university, OFF)
    scheduler = Scheduler(university.database, server=None, every=0.05)

    scheduler.start()
    try:
        until(lambda: moved(university) == [NEW])
    finally:
        scheduler.stop()

    with university.database.reading() as session:
        assert under_way(session) == []
