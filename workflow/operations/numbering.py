"""Numbers a plan draws: their counters are locked before it is written, so that none is given twice.

An act that numbers something locks its counters as it reads. What a route comes to, or a timer, may number too, but only
the plan shows whether it does: then the counters are locked, and where they have gone on the plan is made again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from sqlalchemy.orm import Session

from models.changes import Change
from models.database import driver_cursor
from workflow.snapshot import Snapshot

T = TypeVar("T")

LOCK_COUNTERS = "SELECT name, value FROM counters WHERE name = ANY($1::text[]) ORDER BY name FOR UPDATE"

MAKE_COUNTERS = (
    "INSERT INTO counters (name, value) SELECT name, 0 FROM unnest($1::text[]) name ORDER BY name "
    "ON CONFLICT DO NOTHING"
)

READ_COUNTERS = "SELECT name, value FROM counters WHERE name IN (SELECT value FROM json_each(?))"


def numbered(
    session: Session,
    snapshot: Snapshot,
    plan: Callable[[Snapshot], T],
    changes_of: Callable[[T], Iterable[Change]],
) -> tuple[Snapshot, T]:
    """Make a plan; lock the counters it draws from that are not held yet, and make it again where they have gone on."""
    made = plan(snapshot)
    names = drawn(changes_of(made)).keys() - snapshot.held
    if not names:
        return snapshot, made
    known = take_turns(session, sorted(names))
    has_moved = any(snapshot.numbers.get(name) != known.get(name) for name in names)
    snapshot = replace(snapshot, numbers={**snapshot.numbers, **known}, held=snapshot.held | names)
    return snapshot, plan(snapshot) if has_moved else made


def drawn(changes: Iterable[Change]) -> dict[str, int]:
    """The counters that are drawn from, and what they come to."""
    return {change.key: change.values["value"] for change in changes if change.table == "counters"}


def take_turns(session: Session, names: Sequence[str]) -> dict[str, int]:
    """Lock the year's counters and return how far they have come.

    Those there are none of yet are made, for two first draws of a year would both make them. On SQLite only one act
    writes at a time anyway.
    """
    connection, wanted = session.connection(), list(names)
    with driver_cursor(connection) as cursor:
        if connection.dialect.name != "postgresql":
            return dict(cursor.execute(READ_COUNTERS, [json.dumps(wanted)]).fetchall())
        found = dict(cursor.execute(LOCK_COUNTERS, [wanted]).fetchall())
        if len(found) < len(names):
            cursor.execute(MAKE_COUNTERS, [wanted])
            found = dict(cursor.execute(LOCK_COUNTERS, [wanted]).fetchall())
        return found
