"""Look at the due timers until none is left. The rule of firing is the engine's; this only loops over it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models import Database
from models.database import is_passing
from workflow import clock, gather
from workflow.context import Actor, Context, Source
from workflow.operations import Swept, fire_due
from workflow.operations.parking import park

log = logging.getLogger(__name__)

BATCH = 100
"""Timers whose cases are claimed in one transaction."""


def nobody(_swept: Swept) -> None:
    """Tell nobody."""


def sweep(
    database: Database,
    *,
    at: datetime | None,
    stop: Callable[[], bool],
    each: Callable[[Swept], None] = nobody,
) -> Swept:
    """Let everything due take effect, in batches, until nothing is due or `stop` says so. `at`: None means now.

    `each` is told what each batch did.

    A batch that fails is done again case by case; a case that fails alone is parked as an incident, and the others go
    on. When nothing could be done or parked the next tick tries again. Raises ReadOnly when this process must not write.
    """
    database.demand_open()
    total = Swept()
    while not stop():
        try:
            swept = database.run(partial(_fire, at=at, limit=BATCH))
        except Exception:
            log.exception("a batch of due timers failed; it is done again case by case")
            swept = _one_by_one(database, at, stop)
        if swept.cases == 0:
            break
        total += swept
        each(swept)
    return total


def _fire(session: Session, *, at: datetime | None, limit: int, case_id: str | None = None) -> Swept:
    """One transaction of the sweep. Its instant is asked inside, so that a run repeated after a pause has its own."""
    ctx = Context(actor=Actor(system="sweep"), at=_moment(session, at), source=Source.TIMER)
    return fire_due(session, ctx=ctx, limit=limit, case_id=case_id)


def _moment(session: Session, at: datetime | None) -> datetime:
    """The given instant, or the present one once the transaction has begun: on SQLite, when its turn to write has come."""
    session.connection()
    return at or clock.now(session)


def _one_by_one(database: Database, at: datetime | None, stop: Callable[[], bool]) -> Swept:
    total = Swept()
    for case_id in _due_cases(database, at):
        if stop():
            break
        total += _alone(database, case_id, at)
    return total


def _alone(database: Database, case_id: str, at: datetime | None) -> Swept:
    """Let one case's timers take effect, or park it; a case that cannot even be parked is left for the next tick.

    A passing fault of the database says nothing about the case and is raised.
    """
    try:
        return database.run(partial(_fire, at=at, limit=1, case_id=case_id))
    except Exception as failure:
        if isinstance(failure, DBAPIError) and is_passing(failure):
            raise
        log.exception("the timers of case %s failed", case_id)
        reason = f"{type(failure).__name__}: {failure}"
    try:
        database.run(partial(_park, case_id=case_id, at=at, failure=reason))
    except Exception:
        log.exception("case %s could not be parked", case_id)
        return Swept()
    return Swept(cases=1)


def _park(session: Session, *, case_id: str, at: datetime | None, failure: str) -> None:
    park(session, case_id, at=_moment(session, at), failure=failure)


def _due_cases(database: Database, at: datetime | None) -> list[str]:
    with database.reading() as session:
        found = gather.waiting(session, at=_moment(session, at), limit=BATCH)
        return list(dict.fromkeys(row.case_id for row in found))
