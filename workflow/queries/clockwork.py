"""What the clock has done: entries of timers since a point of the log."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Case, Entry, JointBase
from workflow.snapshot import Row

MOST = 300
"""Rows of one answer; what is beyond is counted."""


def log_end(session: Session) -> int:
    """The number of the newest entry."""
    return session.scalar(select(func.max(Entry.id))) or 0


def done_by_clock(session: Session, *, since: int) -> tuple[list[Row], int]:
    """What timers did after the entry `since`, oldest due day first, and how many that were in all."""
    mine = (Entry.id > since) & (Entry.source == "timer") & Entry.case_id.is_not(None)
    rows = session.execute(
        select(
            Entry.kind, Entry.act, Entry.effective_on, Entry.from_state, Entry.to_state, Entry.case_id, Case.edition_id,
            JointBase.base_name, JointBase.base_number,
        )
        .join(Case, Case.id == Entry.case_id)
        .join(JointBase, JointBase.case_id == Entry.case_id, isouter=True)
        .where(mine)
        .order_by(Entry.effective_on, Entry.id)
        .limit(MOST)
    ).mappings()  # fmt: skip
    total = session.scalar(select(func.count()).select_from(Entry).where(mine)) or 0
    return [dict(row) for row in rows], total
