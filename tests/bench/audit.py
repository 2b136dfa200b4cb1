"""A page of the log, first and deep, of a long log beside a short one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from statistics import median

from models import Database
from tests.bench.pairs import Options, Ratio
from tests.bench.places import Places
from tests.workflow.long_log import lengthen
from workflow.queries.log import NEWEST, LogFilter, log_page

TURN = 20
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
                beside = [_taken(long, after) / _taken(short, other) for _ in range(options.pairs)]
                yield Ratio(
                    name=f"audit {name} page growth, {kind}", ratio=median(beside), must=1.5, aim=1.2, pairs=options.pairs,
                    note=f"{_taken(long, after) * 1000:.2f} ms at {rows:,} entries",
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


def _taken(database: Database, after: str | None) -> float:
    """Seconds for one page, of several."""
    with database.reading() as session:
        start = time.perf_counter()
        for _ in range(TURN):
            log_page(session, LogFilter(), after=after)
        return (time.perf_counter() - start) / TURN
