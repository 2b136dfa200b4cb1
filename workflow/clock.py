"""The only place that asks what time it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models import Installation

OFFSET = "clock_offset_seconds"
DEMONSTRATION = "demonstration"

_real: WeakKeyDictionary[Engine, bool] = WeakKeyDictionary()
"""Databases known to be no demonstration; that never changes, so their time needs no query."""


def now(session: Session) -> datetime:
    """Return the present instant, aware and in UTC; in a demonstration moved forward by its recorded offset."""
    engine = session.get_bind().engine
    if _real.get(engine):
        return datetime.now(UTC)
    if not is_demonstration(session):
        _real[engine] = session.get(Installation, "revision") is not None
        return datetime.now(UTC)
    offset = session.get(Installation, OFFSET, populate_existing=True)
    return datetime.now(UTC) + timedelta(seconds=offset.value if offset is not None else 0)


def is_demonstration(session: Session) -> bool:
    """Say whether this database was made as a demonstration; only there the clock can be moved."""
    row = session.get(Installation, DEMONSTRATION)
    return bool(row is not None and row.value)


def machine_time() -> datetime:
    """Return the machine's own instant, for what is not of the case: the age of a heartbeat, the start of a process."""
    return datetime.now(UTC)
