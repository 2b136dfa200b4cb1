"""Look at the due timers until none is left. The rule of firing is the engine's; this only loops over it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy import select

from models import Database, Timer
from workflow import clock
from workflow.context import Actor, Context, Source
from workflow.operations import Swept, fire_due
from workflow.operations.clockwork import postpone

log = logging.getLogger(__name__)

BATCH = 100
"""Cases claimed in one transaction."""


def sweep(database: Database, *, at: datetime | None, stop: Callable[[], bool]) -> Swept:
    """Let everything due take effect, in batches, until nothing is due or `stop` says so. `at`: None means now.

    A batch that fails is done again case by case; a case that fails alone is postponed as an incident, and the
    others go on.
    """
    total = Swept()
    while not stop():
        moment = at or _now(database)
        try:
            swept = database.run(partial(fire_due, ctx=_ctx(moment), limit=BATCH))
        except Exception:
            log.exception("a batch of due timers failed; it is done again case by case")
            swept = _one_by_one(database, moment, stop)
        if swept.cases == 0:
            break
        total += swept
    return total


def _one_by_one(database: Database, moment: datetime, stop: Callable[[], bool]) -> Swept:
    total = Swept()
    for case_id in _due_cases(database, moment):
        if stop():
            break
        try:
            total += database.run(partial(fire_due, ctx=_ctx(moment), limit=1, case_id=case_id))
        except Exception as failure:
            log.exception("the timers of case %s failed", case_id)
            reason = f"{type(failure).__name__}: {failure}"
            database.run(partial(postpone, case_id=case_id, at=moment, failure=reason))
            total += Swept(cases=1)
    return total


def _due_cases(database: Database, moment: datetime) -> list[str]:
    with database.reading() as session:
        due = (
            select(Timer.case_id, Timer.wake_at)
            .where(Timer.wake_at <= moment)
            .order_by(Timer.wake_at)
            .limit(BATCH)
        )
        return list(dict.fromkeys(case_id for case_id, _ in session.execute(due)))


def _now(database: Database) -> datetime:
    with database.reading() as session:
        return clock.now(session)


def _ctx(moment: datetime) -> Context:
    return Context(actor=Actor(system="sweep"), at=moment, source=Source.TIMER)
