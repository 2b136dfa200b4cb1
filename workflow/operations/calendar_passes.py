"""After a loading, the bases are gone through in bounded steps, each in its own transaction, by whoever has the time.

The scheduler does it, and the command line that loaded the notice. How far it has come is a row; killed in the middle, the
next step goes on behind the last that committed. A deadline and its news commit together, so each is told once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models import CalendarPass, Database
from models.database import is_passing
from workflow.context import Context
from workflow.errors import WorkflowError
from workflow.holidays import Notice
from workflow.operations.calendar import Counts, cases_in_question, load_notice, move_timers
from workflow.operations.deeds import Done
from workflow.operations.moving_timers import BATCH
from workflow.operations.parking import park
from workflow.world import calendar

log = logging.getLogger(__name__)

InForce = Callable[[Session], Context]
"""The circumstances of a step, asked inside its transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Come:
    """How far a pass has come: the bases looked at of those in question, what moved, and the bases that failed."""

    year: int
    looked_at: int
    total: int
    counts: Counts
    failed: int
    is_done: bool


def nobody(_come: Come) -> None:
    """Tell nobody."""


def import_notice(
    database: Database, notice: Notice, *, reason: str, context: InForce, progress: Callable[[int, int], None]
) -> tuple[Done | None, Come]:
    """Load a notice, then move every timer it moves, step by step. The deed is None where the days were loaded before.

    Cut off in between, the scheduler does the rest, or the next import of the same notice.
    """
    loaded = database.run(lambda session: load_notice(session, notice, reason=reason, ctx=context(session)))
    with database.reading() as session:
        come = _come(session.get_one(CalendarPass, notice.year))

    def told(step: Come) -> None:
        nonlocal come
        if step.year == notice.year:
            come = step
            progress(step.looked_at, step.total)

    go_on(database, context=context, stop=lambda: False, each=told)
    return loaded, come


def go_on(
    database: Database, *, context: InForce, stop: Callable[[], bool], each: Callable[[Come], None] = nobody
) -> None:
    """Go on with what loadings have left to be moved, until nothing is left or `stop` says so. `each` is told each step.

    A step that fails is done again base by base; a base that fails alone becomes an incident and is passed over.
    """
    while not stop():
        try:
            come = database.run(partial(_step, context=context))
        except WorkflowError:
            raise
        except Exception as failure:
            if isinstance(failure, DBAPIError) and is_passing(failure):
                raise
            log.exception("a step of moving deadlines failed; it is done again base by base")
            come = _one_by_one(database, context, stop)
        if come is None:
            break
        each(come)


def _step(session: Session, *, context: InForce, only: str | None = None) -> Come | None:
    """Move the deadlines of the next bases, or of one if it is the next; None where nothing is left."""
    row = _under_way(session)
    if row is None:
        return None
    ids = _next(session, row, limit=BATCH if only is None else 1)
    if only is None or ids == [only]:
        moved = move_timers(session, ids, year=row.year, ctx=context(session))
        row.cases, row.timers, row.certain = (
            row.cases + moved.cases,
            row.timers + moved.timers,
            row.certain + moved.certain,
        )
        _passed(row, ids, context(session))
    return _come(row)


def _under_way(session: Session) -> CalendarPass | None:
    """The first pass that is not done, locked: of two that would go on with it, one waits for the other's step."""
    query = select(CalendarPass).where(CalendarPass.done_at.is_(None)).order_by(CalendarPass.year).limit(1)
    return session.scalars(query.with_for_update()).first()


def _next(session: Session, row: CalendarPass, *, limit: int) -> list[str]:
    return cases_in_question(session, row.year, calendar(session), after=row.after, limit=limit)


def _passed(row: CalendarPass, ids: list[str], ctx: Context) -> None:
    """Put the place behind some bases; behind the last the pass is done."""
    row.looked_at += len(ids)
    if ids:
        row.after = ids[-1]
    else:
        row.done_at = ctx.at


def _one_by_one(database: Database, context: InForce, stop: Callable[[], bool]) -> Come | None:
    come: Come | None = None
    for case_id in database.run(_ahead):
        if stop():
            break
        try:
            come = database.run(partial(_step, context=context, only=case_id))
        except Exception as failure:
            if isinstance(failure, DBAPIError) and is_passing(failure):
                raise
            log.exception("the deadlines of case %s could not be moved", case_id)
            reason = f"{type(failure).__name__}: {failure}"
            come = database.run(partial(_pass_over, context=context, case_id=case_id, failure=reason))
    return come


def _ahead(session: Session) -> list[str]:
    """The bases the next step is about."""
    row = _under_way(session)
    return _next(session, row, limit=BATCH) if row is not None else []


def _pass_over(session: Session, *, context: InForce, case_id: str, failure: str) -> Come | None:
    """Leave a base to the office as an incident; whatever moves it later finds the new days by itself."""
    row = _under_way(session)
    if row is None:
        return None
    if _next(session, row, limit=1) == [case_id]:
        ctx = context(session)
        park(session, case_id, at=ctx.at, failure=failure)
        row.failed += 1
        _passed(row, [case_id], ctx)
    return _come(row)


def _come(row: CalendarPass) -> Come:
    return Come(
        year=row.year,
        looked_at=row.looked_at,
        total=max(row.total, row.looked_at),
        counts=Counts(cases=row.cases, timers=row.timers, certain=row.certain),
        failed=row.failed,
        is_done=row.done_at is not None,
    )


def under_way(session: Session) -> list[Come]:
    """How far every pass has come that is not done yet."""
    rows = session.scalars(
        select(CalendarPass).where(CalendarPass.done_at.is_(None)).order_by(CalendarPass.year)
    )
    return [_come(row) for row in rows]
