"""The continuous check of the log: what is new at once, the whole in slices, and what was found kept where health looks.

A minute's part costs a fraction of a second; within ten minutes every entry, node and the newest checkpoint have been seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from models import Database, LogWatch
from models.database import insert_into
from workflow.operations.sealing import tree_size
from workflow.tree import WIDTH
from workflow.unreadable import FAILURES
from workflow.verify import Finding, beyond_reading
from workflow.verify_tree import (
    NUMBER,
    READ,
    chain_findings,
    head_findings,
    leaf_findings,
    missing_before,
    outside_finding,
    pages,
    row_findings,
    stray_findings,
    upper_findings,
)

WATCH = "log"
PAUSE = timedelta(minutes=1)
ROUND = 8
"""Parts in which the whole log is looked at."""

SMALLEST = 8 * WIDTH
MOST_NEW = 20_000
"""New entries looked at in one part; the rest wait for the next."""

KEPT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What to look at now: from where the whole goes on, and from where on entries are new."""

    position: int
    newest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a part has come to."""

    position: int
    """0 again when the round is over."""
    newest: int
    findings: Sequence[Finding]


def watch(database: Database, *, at: datetime, folder: Path | None = None) -> int:
    """Look at the next part when it is time, and keep what was found; return how many faults it has."""
    with database.reading() as session:
        row = session.get(LogWatch, WATCH)
        if row is not None and at < row.due_at <= at + PAUSE:
            return 0
    part = database.run(partial(claim, at=at))
    if part is None:
        return 0
    with database.reading() as session:
        seen = look(session, part, folder=folder)
    database.run(partial(keep, seen=seen, at=at))
    return len(seen.findings)


def claim(session: Session, *, at: datetime) -> Part | None:
    """Take the next part on, so that nobody else looks at it; None when it is not yet time.

    A time further off than any pause was never set by a check, or by one whose clock was ahead: it counts as come.
    """
    session.execute(
        insert_into(session, LogWatch)
        .values(
            name=WATCH, due_at=at, position=0, newest=0, checked_at=None, round_ended_at=None,
            findings={"shown": [], "round": []},
        )
        .on_conflict_do_nothing()
    )  # fmt: skip
    row = session.execute(
        update(LogWatch)
        .where(LogWatch.name == WATCH, or_(LogWatch.due_at <= at, LogWatch.due_at > at + PAUSE))
        .values(due_at=at + PAUSE)
        .returning(LogWatch.position, LogWatch.newest)
    ).first()
    return Part(position=row.position, newest=row.newest) if row is not None else None


def look(session: Session, part: Part, *, folder: Path | None) -> Seen:
    """Check what is new, a slice of the whole, and what stands above it; of a log that cannot be read that it cannot.

    The session has read nothing yet.
    """
    try:
        return _look(session, part, folder)
    except FAILURES as error:
        findings = list(islice(beyond_reading(session, error, READ), KEPT))
        return Seen(position=part.position, newest=part.newest, findings=findings)


def _look(session: Session, part: Part, folder: Path | None) -> Seen:
    outside = outside_finding(session, folder) if folder is not None else None
    size = tree_size(session)
    until_new = min(size, part.newest + MOST_NEW)
    slice_size = max(SMALLEST, -(-size // ROUND // WIDTH) * WIDTH)
    until = min(size, part.position + slice_size)
    findings = chain(
        head_findings(session),
        [outside] if outside is not None else [],
        upper_findings(session),
        _between(session, part.newest, until_new, chained=True),
        _between(session, part.position, until),
        stray_findings(session, size),
    )
    return Seen(
        position=0 if until >= size else until,
        newest=until_new,
        findings=list(islice(findings, KEPT)),
    )


def _between(session: Session, first: int, until: int, *, chained: bool = False) -> Iterator[Finding]:
    expected = first
    rows: list[Any] = []
    for page in pages(session, first, until, chained=chained):
        for row in page:
            yield from missing_before(row, expected)
            yield from leaf_findings(row)
            if chained:
                yield from chain_findings(row)
            expected = row[NUMBER] + 1
        rows += page
        whole = _from_a_row(rows)
        yield from row_findings(session, whole)
        rows = whole[len(whole) // WIDTH * WIDTH :]


def _from_a_row(rows: list[Any]) -> list[Any]:
    """The rows from the first one that begins a row of the tree."""
    begin = next((i for i, row in enumerate(rows) if row[NUMBER] % WIDTH == 0), len(rows))
    return rows[begin:]


def keep(session: Session, *, seen: Seen, at: datetime) -> None:
    """Remember how far the check has come. A fault stays until a whole round has found none."""
    row = session.execute(select(LogWatch.findings).where(LogWatch.name == WATCH).with_for_update()).one()
    found = [{"kind": str(one.kind), "stream": one.stream, "seq": one.seq} for one in seen.findings]
    this_round = _joined(row.findings["round"], found)
    is_over = seen.position == 0
    shown = this_round if is_over else _joined(row.findings["shown"], this_round)
    values: dict[str, Any] = {
        "position": seen.position,
        "newest": seen.newest,
        "checked_at": at,
        "findings": {"shown": shown, "round": [] if is_over else this_round},
    }
    if is_over:
        values["round_ended_at"] = at
    session.execute(update(LogWatch).where(LogWatch.name == WATCH).values(**values))


def _joined(known: Sequence[Any], found: Sequence[Any]) -> list[Any]:
    """Each fault once, the first found first."""
    joined: list[Any] = []
    for one in (*known, *found):
        if one not in joined:
            joined.append(one)
    return joined[:KEPT]
