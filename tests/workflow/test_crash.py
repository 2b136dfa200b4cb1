"""kill -9 in the middle of work: what was acknowledged is there, the rest wholly there or wholly absent, no manual step.

A child process decides and sweeps; it is killed at random moments and another takes over. `LIANPEI_ROUNDS` says how
often; 4 unless told.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from sqlalchemy import func, select

from models import Case, Entry, Notice, Passage, Rung, Timer
from tests.university import SINGLE_FILE, University, instant
from workflow.doctor import examine
from workflow.verify import verify

ROUNDS = int(os.environ.get("LIANPEI_ROUNDS", "4"))
CASES = 25
MIDTERM = date(2027, 9, 10)

SET_DOWN = {
    "installation",
    "documents",
    "blobs",
    "people",
    "units",
    "grants",
    "editions",
    "calls",
    "holidays",
    "calendar_years",
}
"""Tables the test's university sets down without an entry."""

WORKER = """
import json, sys
from datetime import datetime
from models import Case, Database
from sqlalchemy import select
from workflow.context import Actor, Context, Source
from workflow.definition import load
from workflow.forms import read_form
from workflow.operations import Receipt, fire_due, perform

task = json.load(sys.stdin)
database = Database(task["url"])
definition = load(open(task["file"], "rb").read())
at = datetime.fromisoformat(task["at"])

def told(answer):
    assert isinstance(answer, Receipt), answer
    for seq, act, digest in answer.entries:
        print("did", answer.case_id, seq, digest, flush=True)

def act(case_id, name, who, raw):
    with database.reading() as session:
        case = session.get_one(Case, case_id)
    form = read_form(definition, definition.acts[name], raw)
    ctx = Context(actor=Actor(person=who), at=at, source=Source.PAGE, key=f"{case_id}-{name}")
    told(database.run(lambda session: perform(session, case_id, name, form=form, version=case.version, ctx=ctx)))

print("began", flush=True)
for case_id, agreement in task["cases"].items():
    with database.reading() as session:
        state = session.get_one(Case, case_id).state
    if state == "proposed":
        act(case_id, "approve", task["member"], {})
        state = "approved"
    if state == "approved":
        act(case_id, "sign_agreement", task["office"], agreement)
sweep = Context(actor=Actor(system="sweep"), at=datetime.fromisoformat(task["until"]), source=Source.TIMER)
while database.run(lambda session: fire_due(session, ctx=sweep, limit=3)).cases:
    print("swept", flush=True)
print("done", flush=True)
"""


def prepared(university: University) -> dict[str, object]:
    """What a worker is to do: approve and sign every case, then sweep until the mid-term has opened."""
    cases = {}
    for _ in range(CASES):
        case_id = university.proposed()
        cases[case_id] = university.agreement(case_id)
    return {
        "url": university.database.url.render_as_string(hide_password=False),
        "file": str(SINGLE_FILE),
        "at": university.at.isoformat(),
        "until": instant(MIDTERM, 0).isoformat(),
        "member": university.people["member"],
        "office": university.people["office"],
        "cases": cases,
    }


def worked(task: dict[str, object], *, killed_after: float | None) -> list[str]:
    """Let a worker work, killed so many seconds after it began; return the lines it had acknowledged."""
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(json.dumps(task))
    worker.stdin.close()
    assert worker.stdout.readline() == "began\n"
    if killed_after is not None:
        time.sleep(killed_after)
        worker.send_signal(signal.SIGKILL)
    lines = worker.stdout.read().splitlines()
    worker.stdout.close()
    assert worker.wait() == (-signal.SIGKILL if killed_after is not None else 0) or lines[-1:] == ["done"]
    return lines


def discrepancies(university: University) -> Iterator[str]:
    """What is not as the log has it: broken chains, rows that differ, acts written in part."""
    with university.database.reading() as session:
        verdict = verify(session)
        yield from map(str, verdict.findings)
        yield from (str(row) for row in examine(session) if row.table not in SET_DOWN)
        entries = session.execute(
            select(Entry.stream, func.count(), func.max(Entry.seq)).group_by(Entry.stream)
        ).all()
        ends = {f"case:{case.id}": case.log_seq for case in session.scalars(select(Case))}
    yield from (f"{stream}: {count} entries up to {last}" for stream, count, last in entries if count != last)
    yield from (
        f"{stream} ends at {last}"
        for stream, count, last in entries
        if stream in ends and ends[stream] != last
    )


def test_kill_leaves_what_was_acknowledged_and_nothing_by_halves(university: University) -> None:
    task = prepared(university)
    chance = random.Random(os.environ.get("LIANPEI_SEED", "20261123"))
    acknowledged: list[str] = []
    for _ in range(ROUNDS):
        acknowledged += worked(task, killed_after=chance.uniform(0.0, 1.2))

        assert list(discrepancies(university)) == []

    acknowledged += worked(task, killed_after=None)

    assert list(discrepancies(university)) == []
    with university.database.reading() as session:
        hashes = {
            (row.case_id, row.seq): row.hash
            for row in session.scalars(select(Entry).where(Entry.stream.startswith("case:")))
        }
        states = session.execute(select(Case.state, func.count()).group_by(Case.state)).all()
        passages = session.execute(
            select(Passage.transition, func.count(), func.count(Passage.case_id.distinct())).group_by(
                Passage.transition
            )
        ).all()
        waiting = session.scalar(
            select(func.count()).select_from(Timer).where(Timer.wake_at <= instant(MIDTERM, 0))
        )
        rungs = session.execute(
            select(Rung.timer_id, Rung.days).group_by(Rung.timer_id, Rung.days).having(func.count() > 1)
        ).all()
        notices = session.execute(
            select(Notice.stable_key, func.count()).group_by(Notice.stable_key).having(func.count() > 1)
        ).all()
    for line in acknowledged:
        if line.startswith("did "):
            _, case_id, seq, digest = line.split()
            assert hashes[case_id, int(seq)] == digest
    assert [tuple(row) for row in states] == [("midterm", CASES)]
    assert {tuple(row) for row in passages} == {
        (name, CASES, CASES) for name in ("submit", "approve", "sign_agreement", "open_midterm")
    }
    assert (waiting, rungs, notices) == (0, [], [])
