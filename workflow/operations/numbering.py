"""Numbers a plan draws: their counters are locked before the plan counts, so that none is given twice.

An act that numbers something locks its counters as it reads. What a route comes to, or a timer, may number too, but only
the plan shows whether it does: then the counters are locked and the plan is made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Counter
from models.changes import Change
from workflow.snapshot import Snapshot

T = TypeVar("T")

LOCK_COUNTERS = "SELECT name FROM counters WHERE name = ANY(%(names)s::text[]) ORDER BY name FOR UPDATE"

MAKE_COUNTERS = (
    "INSERT INTO counters (name, value) SELECT name, 0 FROM unnest(%(names)s::text[]) name ORDER BY name "
    "ON CONFLICT DO NOTHING"
)


def numbered(
    session: Session,
    snapshot: Snapshot,
    plan: Callable[[Snapshot], T],
    changes_of: Callable[[T], Iterable[Change]],
) -> tuple[Snapshot, T]:
    """Make a plan; where it draws numbers that were not locked, lock them and make it again on what they have come to."""
    made = plan(snapshot)
    names = sorted(drawn(changes_of(made)).keys() - snapshot.numbers.keys())
    if not names:
        return snapshot, made
    take_turns(session, names)
    rows = session.execute(select(Counter.name, Counter.value).where(Counter.name.in_(names)))
    known = {row.name: row.value for row in rows}
    snapshot = replace(snapshot, numbers={**snapshot.numbers, **known})
    return snapshot, plan(snapshot)


def drawn(changes: Iterable[Change]) -> dict[str, int]:
    """The counters that are drawn from, and what they come to."""
    return {change.key: change.values["value"] for change in changes if change.table == "counters"}


def take_turns(session: Session, names: Sequence[str]) -> None:
    """Lock the year's counters, and make those it does not have yet: two first draws of a year would both make them.

    On SQLite only one act writes at a time anyway.
    """
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        return
    wanted = {"names": list(names)}
    if len(connection.exec_driver_sql(LOCK_COUNTERS, wanted).all()) < len(names):
        connection.exec_driver_sql(MAKE_COUNTERS, wanted)
        connection.exec_driver_sql(LOCK_COUNTERS, wanted)
