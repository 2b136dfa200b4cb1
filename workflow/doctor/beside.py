"""What stands beside the rows of entries: counters, editions, files, erasures, deadlines looked at in time, the clock."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models import Blob, CalendarYear, Counter, Disclosure, Edition, Installation, StoredDocument, Timer
from models.changes import plain
from workflow import clock
from workflow.doctor.rows import LIMIT
from workflow.doctor.shared import Shared
from workflow.replay import Discrepancy
from workflow.timers import OPEN
from workflow.world import REVISION

ERASED = "person_erased"
"""The kind of an entry that tells of an erasure."""

FURTHEST = timedelta(days=366 * 5000)
"""How far no clock was ever moved; beyond it the calendar ends some day."""


@dataclass(slots=True, kw_only=True)
class Told:
    """What the entries tell besides rows."""

    numbers: dict[str, int] = field(default_factory=dict)
    """How far each counter had come."""
    editions: set[tuple[str, str, str]] = field(default_factory=set)
    """Lifecycle, label and hash of each edition that entries went by."""
    erased: int = 0
    """Personal values that were erased."""


def beside(session: Session, told: Told, shared: Shared) -> Iterator[Discrepancy]:
    """Every difference between what entries tell besides rows, and what is kept of it."""
    yield from _of_numbers(session, told)
    yield from _of_editions(session, told)
    yield from _of_files(session)
    yield from _of_erasures(session, told)
    yield from _of_waking(session)
    yield from _of_clock(session, shared)


def _of_numbers(session: Session, told: Told) -> Iterator[Discrepancy]:
    kept = {row.name: row.value for row in session.execute(select(Counter.name, Counter.value))}
    for name, value in sorted(told.numbers.items()):
        if kept.get(name) != value:
            yield Discrepancy(
                table="counters", key=name, column="value", expected=value, found=kept.get(name)
            )


def _of_editions(session: Session, told: Told) -> Iterator[Discrepancy]:
    """Every edition has the bytes its hash names, and is there as long as an entry goes by it."""
    known = {}
    for row in session.execute(
        select(Edition.id, Edition.lifecycle, Edition.label, Edition.sha256, Edition.source)
    ):
        computed = hashlib.sha256(row.source.encode()).hexdigest()
        known[row.lifecycle, row.label] = row.sha256
        if computed != row.sha256:
            yield Discrepancy(
                table="editions", key=row.id, column="source", expected=row.sha256, found=computed
            )
    for lifecycle, label, sha256 in sorted(told.editions):
        if known.get((lifecycle, label)) != sha256:
            yield Discrepancy(
                table="editions",
                key=label,
                column="sha256",
                expected=sha256,
                found=known.get((lifecycle, label)),
            )


def _of_files(session: Session) -> Iterator[Discrepancy]:
    query = select(Blob.sha256, Blob.content).execution_options(yield_per=1)
    for row in session.execute(query):
        computed = hashlib.sha256(row.content).hexdigest()
        if computed != row.sha256:
            yield Discrepancy(
                table="blobs", key=row.sha256, column="content", expected=row.sha256, found=computed
            )
    yield from _of_named_files(session)


def _of_named_files(session: Session) -> Iterator[Discrepancy]:
    """The bytes a document names are there, and wait for no day on which they would be thrown away."""
    query = (
        select(StoredDocument.sha256, Blob.sha256.label("kept"), Blob.until)
        .outerjoin(Blob, Blob.sha256 == StoredDocument.sha256)
        .where(or_(Blob.sha256.is_(None), Blob.until.is_not(None)))
        .distinct()
    )
    for row in session.execute(query.order_by(StoredDocument.sha256)):
        if row.kept is None:
            yield Discrepancy(table="blobs", key=row.sha256, column="sha256", expected=row.sha256, found=None)
        else:
            yield Discrepancy(
                table="blobs", key=row.sha256, column="until", expected=None, found=plain(row.until)
            )


def _of_erasures(session: Session, told: Told) -> Iterator[Discrepancy]:
    """As many personal values are erased as entries tell: of an erased one nothing else could be said any more."""
    query = select(func.count()).select_from(Disclosure).where(Disclosure.salt.is_(None))
    found = session.execute(query).scalar_one()
    if found != told.erased:
        yield Discrepancy(table="disclosures", key="*", column="salt", expected=told.erased, found=found)


def _of_waking(session: Session) -> Iterator[Discrepancy]:
    """No running deadline is looked at later than it falls: nobody would notice that it had."""
    late = or_(Timer.wake_at.is_(None), Timer.wake_at > Timer.due_at)
    query = select(Timer.id, Timer.due_at, Timer.wake_at).where(Timer.status == OPEN, late).limit(LIMIT)
    for row in session.execute(query.order_by(Timer.id)):
        yield Discrepancy(
            table="timers",
            key=row.id,
            column="wake_at",
            expected=plain(row.due_at),
            found=plain(row.wake_at),
        )


def _of_clock(session: Session, shared: Shared) -> Iterator[Discrepancy]:
    """A clock nobody moved by an entry shows the machine's time."""
    offset = session.scalar(select(Installation.value).where(Installation.name == clock.OFFSET))
    if offset and not shared.tells_of("installation", clock.OFFSET):
        yield Discrepancy(table="installation", key=clock.OFFSET, column="value", expected=0, found=offset)


def impossible(session: Session) -> Iterator[Discrepancy]:
    """Values by which neither the time nor the working days could be told, nor which world an act saw."""
    for name, value in session.execute(select(Installation.name, Installation.value)):
        if name in OF_THE_INSTALLATION and not OF_THE_INSTALLATION[name](value):
            yield Discrepancy(table="installation", key=name, column="value", expected=None, found=value)
    outside = ~CalendarYear.year.between(date.min.year, date.max.year)
    for year in session.scalars(select(CalendarYear.year).where(outside)):
        yield Discrepancy(table="calendar_years", key=str(year), column="year", expected=None, found=year)


def _is_number(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_offset(value: Any) -> bool:
    """Whether a clock moved on so far still shows a day."""
    return _is_number(value) and value < FURTHEST.total_seconds()


OF_THE_INSTALLATION: Mapping[str, Callable[[Any], bool]] = {
    REVISION: _is_number,
    clock.DEMONSTRATION: lambda value: type(value) is bool,
    clock.OFFSET: _is_offset,
}
"""What may stand there, where something reckons with it."""


def erased_by(body: Mapping[str, Any]) -> int:
    details = body["details"] if body["kind"] == ERASED and isinstance(body["details"], dict) else {}
    count = details.get("count", 0)
    return count if type(count) is int else 0
