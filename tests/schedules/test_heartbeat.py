"""The scheduler as a process: it beats whatever the clock does, gives back what it held, and leaves as it is told to."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select

from models import Database, Heartbeat, Passage, Timer
from schedules.heartbeat import STILL_SECONDS, TICK_SECONDS, Scheduler
from schedules.sweep import sweep
from tests.schedules.processes import SCHEDULER, line, process, until, url_of
from tests.university import University
from workflow.clock import machine_time
from workflow.queries.schedulers import GONE, LATE, ClockWork, Standing, clock_work

LATER = datetime(2027, 9, 10, 0, 0, tzinfo=UTC)


def never() -> bool:
    return False


def work(database: Database) -> ClockWork:
    with database.reading() as session:
        return clock_work(session)


def standings(database: Database) -> list[Standing]:
    return [beat.standing for beat in work(database).beats]


# ───────────────────────────── Signs of life


def sign(database: Database, *, ago: timedelta, **values: Any) -> None:
    at = machine_time() - ago
    row = {"name": "one:1", "started_at": at, "ticked_at": at, "fired_count": 0, **values}
    with database.transaction() as session:
        session.add(Heartbeat(**row))


@pytest.mark.parametrize(
    ("ago", "values", "standing"),
    [
        (timedelta(0), {}, Standing.ALIVE),
        (timedelta(0), {"failure": "OSError: disk"}, Standing.FAILED),
        (LATE * 2, {}, Standing.SILENT),
        (LATE * 2, {"failure": "OSError: disk"}, Standing.SILENT),
        (GONE * 2, {}, Standing.GONE),
        (timedelta(0), {"left_at": datetime(2026, 3, 10, tzinfo=UTC)}, Standing.GONE),
        (-timedelta(hours=3), {}, Standing.GONE),
    ],
)
def test_scheduler_is_told_by_its_last_sign_of_life(
    database: Database, ago: timedelta, values: dict[str, Any], standing: Standing
) -> None:
    sign(database, ago=ago, **values)

    assert standings(database) == [standing]
    assert work(database).is_well is (standing == Standing.ALIVE)


def test_what_is_due_is_told_with_its_age(university: University) -> None:
    university.signed()
    opens = datetime(2027, 9, 9, 16, tzinfo=UTC)

    with time_machine.travel(opens + timedelta(seconds=30), tick=False):
        fresh = work(university.database)
    with time_machine.travel(opens + timedelta(hours=2), tick=False):
        old = work(university.database)

    assert (fresh.due - old.due, fresh.overdue < old.overdue) == (0, True)
    assert old.lag - fresh.lag == timedelta(hours=2) - timedelta(seconds=30)


def test_scheduler_forgets_those_gone_for_a_day(university: University) -> None:
    for name, ago in (
        ("old:1", timedelta(hours=25)),
        ("ahead:1", -timedelta(hours=25)),
        ("silent:1", LATE * 2),
    ):
        sign(university.database, ago=ago, name=name)
    beat = Scheduler(university.database, server=None)

    beat.start()
    until(lambda: len(standings(university.database)) == 2)
    beat.stop()

    assert standings(university.database) == [Standing.GONE, Standing.SILENT]


# ───────────────────────────── The machine's clock


@pytest.mark.parametrize("leap", [timedelta(days=-2), timedelta(days=400)])
def test_scheduler_goes_on_ticking_when_the_machine_s_clock_leaps(
    university: University, leap: timedelta
) -> None:
    """Neither waits it for the old hour to come again, nor makes up for every tick of the days it leapt over."""
    start = datetime(2026, 3, 10, 2, tzinfo=UTC)
    with time_machine.travel(start, tick=True) as traveller:
        beat = Scheduler(university.database, server=None, every=0.1)
        beat.start()
        until(lambda: work(university.database).beats)

        traveller.move_to(start + leap)

        try:
            until(
                lambda: abs(machine_time() - (work(university.database).last_tick or start)) < LATE, seconds=5
            )
        finally:
            beat.stop()


# ───────────────────────────── Processes

HOLDER = """
import sys
from datetime import datetime
from models import Database
from workflow.context import Actor, Context, Source
from workflow.operations import fire_due
url, at, still = sys.argv[1:]
ctx = Context(actor=Actor(system="sweep"), at=datetime.fromisoformat(at), source=Source.TIMER)
tries = []
def work(session):
    swept = fire_due(session, ctx=ctx, limit=100)
    tries.append(swept)
    if len(tries) == 1:
        print("holds", flush=True)
        sys.stdin.readline()
    return swept
database = Database(url).bounded(float(still))
print("moved", database.run(work).cases, "tries", len(tries), flush=True)
"""


def passages(database: Database) -> list[int]:
    """How often the mid-term opened, case by case."""
    with database.reading() as session:
        rows = session.execute(
            select(func.count()).where(Passage.transition == "open_midterm").group_by(Passage.case_id)
        )
        return [count for (count,) in rows]


def test_scheduler_asked_to_end_finishes_says_so_and_leaves_with_0(university: University) -> None:
    url = url_of(university.database)
    with process(SCHEDULER, url, "0.1", "15") as child:
        name = line(child)
        until(lambda: standings(university.database) == [Standing.ALIVE])

        child.send_signal(signal.SIGTERM)

        assert child.wait(timeout=30) == 0
    (beat,) = work(university.database).beats
    assert (beat.name, beat.standing) == (name, Standing.GONE)


def test_scheduler_stopped_in_the_middle_gives_back_its_cases_and_does_nothing_twice(
    university: University,
) -> None:
    """On PostgreSQL others go on with its cases; on SQLite they wait, for the file is a stopped writer's."""
    cases = [university.signed() for _ in range(3)]
    database = university.database
    url = url_of(database)
    with process(HOLDER, url, LATER.isoformat(), "0.5") as child:
        assert line(child) == "holds"
        os.kill(child.pid, signal.SIGSTOP)
        assert child.stdin is not None
        if not database.is_sqlite:
            until(lambda: sweep(database, at=LATER, stop=never).cases and passages(database) == [1, 1, 1])

        os.kill(child.pid, signal.SIGCONT)
        child.stdin.write("go on\n")
        child.stdin.flush()
        told = line(child)

    assert told == ("moved 3 tries 1" if database.is_sqlite else "moved 0 tries 2")
    assert passages(database) == [1] * len(cases)
    assert not open_openings(database)


def open_openings(database: Database) -> list[str]:
    with database.reading() as session:
        wanted = (Timer.name == "midterm_opens") & (Timer.status == "open")
        return list(session.scalars(select(Timer.id).where(wanted)))


def test_stopped_scheduler_is_relieved_within_thirty_seconds() -> None:
    """Its transaction ends after so long, and the next tick of another finds its cases."""
    assert STILL_SECONDS + TICK_SECONDS < 30
