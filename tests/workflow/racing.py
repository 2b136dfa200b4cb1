"""What races have in common: clients that start at once, what each was told, and what the log says happened.

`LIANPEI_TRIALS` says how many races of a kind are run on each database; 5 unless told.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from time import monotonic, sleep
from typing import Any

from sqlalchemy import select, text

from models import Database, Entry
from tests.university import University, instant
from workflow.context import Actor, Context, Source
from workflow.forms import read_form
from workflow.operations import Receipt, Refusal, fire_due, perform
from workflow.operations.clockwork import Swept
from workflow.operations.deeds import Done

TRIALS = int(os.environ.get("LIANPEI_TRIALS", "5"))
CLIENTS = 20

Outcome = Receipt | Refusal | Swept | Done
Client = Callable[[Database], Outcome]


def race(university: University, clients: Sequence[Client]) -> list[Outcome]:
    """Let the clients go at once, each on connections of its own, and return what each was told."""
    barrier = Barrier(len(clients))
    database = Database(university.database.url.render_as_string(hide_password=False), pool_size=len(clients))

    def run(client: Client) -> Outcome:
        with database.reading():
            pass
        barrier.wait()
        return client(database)

    try:
        with ThreadPoolExecutor(len(clients)) as pool:
            return list(pool.map(run, clients))
    finally:
        database.dispose()


def acting(
    university: University,
    case_id: str,
    act: str,
    who: str,
    *,
    key: str | None = None,
    outcome: str | None = None,
    **raw: Any,
) -> Client:
    """A client that has the form filled in and the present version before it."""
    definition = university.definition
    form = read_form(definition, definition.acts[act], raw, outcome=outcome)
    version = university.case(case_id).version
    ctx = university.ctx(who, key=key)
    return lambda database: database.run(
        lambda session: perform(session, case_id, act, form=form, version=version, ctx=ctx)
    )


def sweeping(case_id: str, *, at: date) -> Client:
    ctx = Context(actor=Actor(system="sweep"), at=instant(at, 0), source=Source.TIMER)
    return lambda database: database.run(
        lambda session: fire_due(session, ctx=ctx, limit=10, case_id=case_id)
    )


def tally(answers: Sequence[Outcome]) -> Counter[str]:
    """How often each kind of answer was given."""

    def kind(answer: Outcome) -> str:
        if isinstance(answer, Receipt):
            return "repeated" if answer.repeated else "done"
        if isinstance(answer, Refusal):
            return "stale" if answer.stale is not None else "refused"
        return "swept" if isinstance(answer, Swept) else "done"

    return Counter(kind(answer) for answer in answers)


def entries(university: University, case_id: str, *acts: str) -> list[str | None]:
    """The acts of a case's chain, in order, after checking that it is whole."""
    with university.database.reading() as session:
        rows = session.execute(
            select(Entry.seq, Entry.act).where(Entry.stream == f"case:{case_id}").order_by(Entry.seq)
        ).all()
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    return [row.act for row in rows if not acts or row.act in acts]


def until_somebody_waits(database: Database) -> None:
    """Return when another connection waits for a lock; SQLite lets nobody look, there a writer waits at its begin."""
    if database.is_sqlite:
        sleep(0.2)
        return
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    until = monotonic() + 20
    while monotonic() < until:
        with database.reading() as session:
            if session.scalar(waiting):
                return
    raise AssertionError("nobody waits for a lock")
