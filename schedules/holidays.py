"""Go on moving the deadlines that a loaded notice of holidays moves. The rule is the engine's; this only gives it time."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from models import Database
from workflow import clock
from workflow.context import Actor, Context, Source
from workflow.operations.calendar_passes import go_on


def move_deadlines(database: Database, *, stop: Callable[[], bool]) -> None:
    """Move what loadings have left to be moved, step by step, until nothing is left or `stop` says so."""
    go_on(database, context=_in_force, stop=stop)


def _in_force(session: Session) -> Context:
    return Context(actor=Actor(system="calendar"), at=clock.now(session), source=Source.TIMER)
