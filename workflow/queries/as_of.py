"""A base as it stood on a day: its rows as the log had left them, and the days on which they changed before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Case, Entry, JointBase
from workflow.doctor import as_of
from workflow.periods import beijing_day, end_of, start_of
from workflow.snapshot import Row

Tables = Mapping[str, tuple[Mapping[str, Any], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The rows of a case at the end of a Beijing day, by table; none where the case did not exist yet."""

    day: date
    tables: Tables
    older: date | None
    """The day that ended with the standing before, None where there was none."""
    newer: date | None
    """The next day on which an entry changed it."""

    @property
    def case(self) -> Mapping[str, Any] | None:
        return next(iter(self.tables.get("cases", ())), None)

    def running(self) -> list[Mapping[str, Any]]:
        """The timers that ran or were held, by their day."""
        rows = [row for row in self.tables.get("timers", ()) if row["status"] in ("open", "held")]
        return sorted(rows, key=lambda row: (str(row["due_on"]), row["name"]))

    def rounds(self) -> list[Mapping[str, Any]]:
        """The rounds that stood, in the order of their opening."""
        rows = [row for row in self.tables.get("rounds", ()) if row.get("voided_seq") is None]
        return sorted(rows, key=lambda row: row["opened_seq"])


def standing(session: Session, case_id: str, day: date) -> Standing:
    """Fold the case's entries up to the end of the day; whether the reader may see the case is asked before."""
    stream = Entry.stream == f"case:{case_id}"
    last = _day(session, select(func.max(Entry.recorded_at)).where(stream, Entry.recorded_at < end_of(day)))
    before = (
        _day(session, select(func.max(Entry.recorded_at)).where(stream, Entry.recorded_at < start_of(last)))
        if last
        else None
    )
    after = select(func.min(Entry.recorded_at)).where(stream, Entry.recorded_at >= end_of(day))
    return Standing(day=day, tables=as_of(session, case_id, day), older=before, newer=_day(session, after))


def _day(session: Session, query: Any) -> date | None:
    found = session.scalar(query)
    return beijing_day(found) if found is not None else None


def standings(session: Session, day: date, *, number: str | None = None) -> Iterator[tuple[Row, Standing]]:
    """Every base that existed at the end of a day, or the one with a number, each folded by itself."""
    query = select(Case.id, JointBase.base_number, JointBase.application_number, JointBase.base_name).join(
        JointBase, JointBase.case_id == Case.id
    )
    if number is not None:
        query = query.where((JointBase.base_number == number) | (JointBase.application_number == number))
    for row in session.execute(query.order_by(Case.id)).mappings().all():
        found = standing(session, row["id"], day)
        if found.case is not None:
            yield dict(row), found
