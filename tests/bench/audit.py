"""A page of the log, first and deep, of a long log beside a short one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from statistics import median

from models import Database
from tests.bench.pairs import Options, Ratio, middle, middles
from tests.bench.places import Places
from tests.workflow.long_log import lengthen
from workflow.queries.log import NEWEST, LogFilter, log_page

TURNS = 20
"""Pages read for one figure."""


def bench_audit(places: Places, options: Options) -> Iterator[Ratio]:
    """The first page and one in the middle, at a million entries, beside the first page at a thousand."""
    rows = 20_000 if options.quick else 1_000_000
    for kind in ("sqlite", "postgresql"):
        with places.database(kind) as few, places.database(kind) as many:
            short, long = Database(few), Database(many)
            lengthen(short, 1_000)
            lengthen(long, rows)
            deep, shallow = _mark(long, rows), _mark(short, 1_000)
            for name, after, other in (("first", None, None), ("deep", deep, shallow)):
                beside = [_beside((long, after), (short, other)) for _ in range(options.pairs)]
                yield Ratio(
                    name=f"audit {name} page growth, {kind}", ratio=middle(beside), must=1.5, aim=1.2, pairs=options.pairs,
                    note=f"{middles(beside)[0] * 1000:.2f} ms at {rows:,} entries",
                )  # fmt: skip
            short.dispose()
            long.dispose()


def _mark(database: Database, rows: int) -> str:
    """The mark of a page in the middle of the log."""
    day = date.fromordinal(date(2020, 1, 1).toordinal() + rows // 2 // (24 * 60))
    with database.reading() as session:
        found = log_page(session, LogFilter(until=day))
    assert NEWEST.mark is not None
    return NEWEST.mark(found.rows[0])


def _beside(*pages: tuple[Database, str | None]) -> tuple[float, float]:
    """Seconds for a page of each of two logs, the middle of many read in turn: a burst of other work falls on both."""
    taken: tuple[list[float], list[float]] = ([], [])
    with ExitStack() as open_ones:
        sessions = [open_ones.enter_context(database.reading()) for database, _ in pages]
        for _ in range(TURNS):
            for session, (_, after), times in zip(sessions, pages, taken, strict=True):
                start = time.perf_counter()
                log_page(session, LogFilter(), after=after)
                times.append(time.perf_counter() - start)
    return median(taken[0]), median(taken[1])
