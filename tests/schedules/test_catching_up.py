"""While the scheduler catches up after a silence, people go on deciding. `LIANPEI_OVERDUE` timers; a few hundred unless told."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from models import Database, Passage
from schedules.sweep import sweep
from tests.bench.places import PARTNER, copies
from tests.university import University
from workflow.operations import Swept

OVERDUE = int(os.environ.get("LIANPEI_OVERDUE", "300"))
MIDTERM = datetime(2027, 9, 9, 16, tzinfo=UTC)
"""When the mid-term of every copied case opens; the sweep looks a day later."""

PATIENCE = 4
"""How many batches a decision may wait for, its own time and that of a busy machine included."""


def test_decisions_go_on_while_overdue_timers_are_caught_up(university: University) -> None:
    """The longest wait for a decision is a few batches, however much is overdue."""
    waiting = [university.proposed(partner=f"聊城{n:04d}号试验站") for n in range(max(20, OVERDUE // 20))]
    copies(university, university.signed(partner=PARTNER), {}, OVERDUE - 1)
    university.at = MIDTERM + timedelta(days=1)
    for case_id in waiting:
        university.tick(case_id, university.ctx("office").today)
    batches: list[float] = []
    catching = Database(university.database.url)

    def each(swept: Swept) -> None:
        batches.append(time.monotonic())

    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        swept = pool.submit(sweep, catching, at=university.at, stop=lambda: False, each=each)
        waits: list[float] = []
        meanwhile = 0
        while waiting and not swept.done():
            start = time.monotonic()
            university.done(waiting.pop(), "approve", "member")
            waits.append(time.monotonic() - start)
            meanwhile += not swept.done()
            time.sleep(0.01)
        swept.result()
    catching.dispose()
    longest = max(end - start for start, end in zip([began, *batches], batches, strict=False))

    with university.database.reading() as session:
        opened = session.scalar(select(func.count()).where(Passage.transition == "open_midterm"))
    assert opened == OVERDUE
    assert meanwhile >= min(5, len(batches) - 1)
    assert max(waits) < PATIENCE * longest, (waits, longest)
