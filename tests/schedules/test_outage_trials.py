"""Schedulers that are killed, stopped and continued while the clock leaps: every deadline takes effect once, in order.

What must have happened is known from the same cases in another database, looked at once, at the end, by nobody who was
ever disturbed. `LIANPEI_DEADLINES` and `LIANPEI_ROUNDS` say how much is tried; little unless told.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from models import Database, Entry, Incident, Installation, Notice, Rung, Timer
from tests.conftest import Templates
from tests.schedules.processes import SCHEDULER, ended, line, started, until, url_of
from tests.university import LATE_AGREEMENT_END, SIGNED, University, instant
from tests.workflow.test_crash import discrepancies
from workflow import clock, gather

log = logging.getLogger(__name__)

DEADLINES = int(os.environ.get("LIANPEI_DEADLINES", "40"))
ROUNDS = int(os.environ.get("LIANPEI_ROUNDS", "2"))
MOST_SCHEDULERS = 5 if ROUNDS > 10 else 2

END = instant(date(2032, 6, 1), 12)
"""When every deadline of every case has come."""


CASES = DEADLINES // 4 + 4

LIVES = 60
"""So many cases differ in their days; those that follow live like them."""


def begun(university: University, count: int) -> list[str]:
    """Bases nobody does anything about: with the deadlines of a cycle, of every year's data, of agreements that end on
    different days, and rights to sign that end.
    """
    cases: list[str] = []
    for number in range(count):
        university.on(SIGNED)
        last = (LATE_AGREEMENT_END, date(2027, 3, 9), date(2029, 3, 31), None)[number % 4]
        days = timedelta(days=5 * (number % 30))
        if last is None:
            cases.append(university.on(SIGNED + days).approved())
        else:
            cases.append(university.signed(last=min(last + days, LATE_AGREEMENT_END)))
    return cases


# ───────────────────────────── What happened


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the clock did to one case."""

    effects: list[tuple[Any, ...]]
    """What took effect, in the log's order: kind, act, day, states."""
    timers: list[tuple[Any, ...]]
    reminders: frozenset[tuple[Any, ...]]
    """Whoever looks only once finds deadlines that came and went, and records no reminder of those."""


def told(database: Database, cases: list[str]) -> list[Told]:
    with database.reading() as session:
        return [
            Told(
                effects=rows(
                    session.execute(
                        select(Entry.kind, Entry.act, Entry.effective_on, Entry.from_state, Entry.to_state)
                        .where(Entry.case_id == case_id, Entry.source == "timer")
                        .order_by(Entry.seq)
                    )
                ),
                timers=rows(
                    session.execute(
                        select(Timer.name, Timer.due_at, Timer.status, Timer.hold)
                        .where(Timer.case_id == case_id)
                        .order_by(Timer.name, Timer.due_at, Timer.armed_seq)
                    )
                ),
                reminders=frozenset(
                    rows(
                        session.execute(
                            select(Timer.name, Timer.due_at, Rung.days)
                            .join(Rung, Rung.timer_id == Timer.id)
                            .where(Timer.case_id == case_id)
                        )
                    )
                ),
            )
            for case_id in cases
        ]


def rows(result: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in result]


def faults(database: Database) -> Iterator[str]:
    """What fired early or twice, reminders sent in a heap, what was parked or left over."""
    with database.reading() as session:
        for entry in session.scalars(select(Entry).where(Entry.source == "timer")):
            due = json.loads(entry.body).get("due_at")
            if due is not None and datetime.fromisoformat(due) > entry.recorded_at:
                yield f"{entry.stream}#{entry.seq} was recorded at {entry.recorded_at}, before it was due at {due}"
        for rung in session.scalars(select(Rung).where(Rung.recorded_at < Rung.due_at)):
            yield f"reminder {rung.id} was sent before its time"
        heaps = (
            select(Rung.timer_id, Rung.recorded_at)
            .where(Rung.coalesced.is_(False))
            .group_by(Rung.timer_id, Rung.recorded_at)
            .having(func.count() > 1)
        )
        yield from (f"several reminders at once of timer {row.timer_id}" for row in session.execute(heaps))
        moves = Counter(_firings(session.scalars(select(Entry.body).where(Entry.source == "timer"))))
        yield from (f"timer {key} took effect {count} times" for key, count in moves.items() if count > 1)
        keys = select(Notice.stable_key).group_by(Notice.stable_key).having(func.count() > 1)
        yield from (f"notice {key} twice" for key in session.scalars(keys))
        yield from (f"{row.kind}: {row.params}" for row in session.scalars(select(Incident)))
        left = gather.waiting(session, at=clock.now(session), limit=100)
        yield from (f"a timer of {row.case_id} waits since {row.since}" for row in left)


def _firings(bodies: Any) -> Iterator[str]:
    """The timers that became fired, as often as they did."""
    for body in bodies:
        for change in json.loads(body)["changes"]:
            if (
                change["table"] == "timers"
                and change["set"].get("status") == "fired" != change["was"]["status"]
            ):
                yield change["key"]


# ───────────────────────────── Trials


@dataclass(kw_only=True)
class Station:
    """Schedulers on one database, and what is done to them."""

    database: Database
    chance: random.Random
    running: list[subprocess.Popen[str]] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)

    def set_clock(self, at: datetime) -> None:
        """Let the database's clock show an instant."""
        with self.database.transaction() as session:
            row = session.get_one(Installation, clock.OFFSET, with_for_update=True)
            row.value = round((at - datetime.now(UTC)).total_seconds())

    def staff(self, count: int) -> None:
        """Let so many schedulers run; those too many leave in order."""
        for child in self.running[count:]:
            child.send_signal(signal.SIGTERM)
            assert child.wait(timeout=180) == 0
            ended(child)
            self.done["left"] += 1
        fresh = [
            started(SCHEDULER, url_of(self.database), "0.1", "1") for _ in range(count - len(self.running))
        ]
        for child in fresh:
            assert line(child)
        self.running = [*self.running[:count], *fresh]

    def disturb(self) -> None:
        """Kill some, stop others and let them go on, each at a moment of its own."""
        for child in list(self.running):
            time.sleep(self.chance.uniform(0, 0.15))
            what = self.chance.choice(("kill", "stop", "leave"))
            if what == "kill":
                child.kill()
                ended(child)
                self.running.remove(child)
                self.done["killed"] += 1
            elif what == "stop":
                child.send_signal(signal.SIGSTOP)
                self.done["stopped"] += 1
        time.sleep(self.chance.uniform(0, 1.5))
        for child in self.running:
            child.send_signal(signal.SIGCONT)

    def stretch(self) -> timedelta:
        """How far the clock leaps: hours, weeks, more than a year, sometimes back."""
        return self.chance.choice(
            (
                timedelta(hours=self.chance.randint(1, 48)),
                timedelta(days=self.chance.randint(2, 39)),
                timedelta(days=40),
                timedelta(days=400 if ROUNDS < 10 or self.chance.random() < 0.1 else 70),
                -timedelta(hours=self.chance.randint(1, 24 * 20)),
            )
        )

    def leave(self) -> None:
        for child in self.running:
            ended(child)


@contextmanager
def station(database: Database) -> Iterator[Station]:
    here = Station(database=database, chance=random.Random(os.environ.get("LIANPEI_SEED", "20261128")))
    try:
        yield here
    finally:
        here.leave()


@pytest.fixture
def expected(templates: Templates) -> Iterator[list[Told]]:
    """What must have happened by the end, whatever becomes of the schedulers."""
    url = templates.copy("sqlite")
    database = Database(url)
    university = University.founded(database)
    cases = begun(university, min(LIVES, CASES))
    university.sweep(END)
    lives = told(database, cases)
    yield [lives[number % LIVES] for number in range(CASES)]
    database.dispose()
    templates.drop(url)


def test_every_deadline_takes_effect_once_and_in_order_whatever_becomes_of_the_schedulers(
    database: Database, expected: list[Told]
) -> None:
    assert sum(len(one.effects) for one in expected) >= DEADLINES
    university = University.founded(database)
    cases = begun(university, CASES)
    with database.transaction() as session:
        session.add_all(
            (Installation(name=clock.DEMONSTRATION, value=True), Installation(name=clock.OFFSET, value=0))
        )

    with station(database) as here:
        now = instant(SIGNED + timedelta(days=200))
        for _ in range(ROUNDS):
            now = min(now + here.stretch(), END - timedelta(days=1))
            here.set_clock(now)
            here.staff(here.chance.randint(1, MOST_SCHEDULERS))
            here.disturb()
        here.set_clock(END)
        here.staff(1)
        until(lambda: not left(database), seconds=120)
        here.staff(0)

    log.warning(
        "%d cases, %d effects, %s", len(cases), sum(len(one.effects) for one in expected), dict(here.done)
    )
    assert list(faults(database)) == []
    for one, other in zip(told(database, cases), expected, strict=True):
        assert (one.effects, one.timers) == (other.effects, other.timers)
        assert other.reminders <= one.reminders
    assert list(discrepancies(university)) == []


def left(database: Database) -> int:
    with database.reading() as session:
        return len(gather.waiting(session, at=clock.now(session), limit=10))
