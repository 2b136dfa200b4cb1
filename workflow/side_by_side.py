"""Verify a whole log: at once, or a long one by as many processes as there are cores.

Each process has a connection of its own and sees its share in one consistent state; what it comes to is the same.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from itertools import pairwise
from multiprocessing import get_context
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Database, Entry
from workflow.merkle import EMPTY
from workflow.operations.sealing import tree_size
from workflow.unreadable import FAILURES, is_of_a_value
from workflow.verify import WHOLE, Progress, Span, Verdict, entries_in, verify
from workflow.verify_tree import Passed, verify_stretch, verify_tree

SHORT = 50_000
"""Entries that are verified sooner than shared out."""

PARTS = 4
"""Shares each process gets, so that one with more to do holds the others up less, and progress shows."""

Share = TypeVar("Share")
Done = TypeVar("Done")


def verify_log(
    database: Database, *, processes: int | None = None, short: int = SHORT, progress: Progress | None = None
) -> Verdict:
    """Check every entry and every chain.

    Streams whose names cannot be read cannot be shared out; one process goes through them, and names those.
    """
    processes = processes or _cores()
    with database.reading() as session:
        total = entries_in(session)
        shares = _spans_or_one(session, total, processes * PARTS) if processes > 1 and total > short else []
        if len(shares) < 2:
            return verify(session, progress=progress)
    parts = _shared_out(_verify_span, database, shares, processes=processes, progress=progress)
    return sum(parts, Verdict())


def verify_sealed(
    database: Database,
    *,
    outside: Sequence[str] = (),
    processes: int | None = None,
    short: int = SHORT,
    progress: Progress | None = None,
) -> Verdict:
    """Check the whole tree, every checkpoint there is and those given from outside.

    Where the parts of a long tree do not come out as one sound whole, or its size is none, one process goes through it
    again, for only who comes from its left end can name every fault.
    """
    processes = processes or _cores()
    with database.reading() as session:
        size = tree_size(session)
    if processes > 1 and _is_size(size) and size > short:
        work = partial(_verify_stretch, outside=tuple(outside))
        parts = _shared_out(
            work, database, stretches(size, processes * PARTS), processes=processes, progress=progress
        )
        if (reached := sound_until(parts)) is not None:
            return Verdict(entries=reached)
    with database.reading() as session:
        return verify_tree(session, outside=outside, progress=progress)


def spans(session: Session, *, total: int, count: int) -> list[Span]:
    """Divide the streams into about equal spans, by their entries; each step begins where the one before ended."""
    bounds: list[str | None] = [None]
    for _ in range(count - 1):
        span = Span(after=bounds[-1])
        ordered = select(Entry.stream).where(*span.holds(Entry.stream)).order_by(Entry.stream, Entry.seq)
        name = session.scalar(ordered.offset(total // count).limit(1))
        if name is None:
            break
        bounds.append(name)
    return [Span(after=after, until=until) for after, until in pairwise([*bounds, None])]


def _spans_or_one(session: Session, total: int, count: int) -> list[Span]:
    try:
        return spans(session, total=total, count=count)
    except FAILURES as error:
        if not is_of_a_value(error):
            raise
        return [WHOLE]


def _is_size(found: object) -> bool:
    """Whether the size kept of a tree is a number; SQLite may keep anything in its place."""
    return isinstance(found, int)


def stretches(size: int, count: int) -> list[tuple[int, int | None]]:
    """Divide a tree into equal stretches; the last has no end, for the tree may grow meanwhile."""
    firsts = [size * part // count for part in range(count)]
    return list(zip(firsts, [*firsts[1:], None], strict=True))


def sound_until(passed: Iterable[Passed]) -> int | None:
    """The size of the tree when each part is sound and begins with the tree at which the one before it ended."""
    reached, root = 0, EMPTY
    for part in passed:
        if not part.is_sound or part.begins != root:
            return None
        root, reached = part.ends, reached + part.leaves
    return reached


def _verify_span(database: Database, span: Span) -> Verdict:
    with database.reading() as session:
        return verify(session, span=span)


def _verify_stretch(database: Database, bounds: tuple[int, int | None], *, outside: Sequence[str]) -> Passed:
    with database.reading() as session:
        return verify_stretch(session, *bounds, outside=outside)


# ───────────────────────────── Processes


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _shared_out(
    work: Callable[[Database, Share], Done],
    database: Database,
    shares: Sequence[Share],
    *,
    processes: int,
    progress: Progress | None,
) -> list[Done]:
    """Do the work on each share, here and in processes beside this one; give what comes of it in the order of the shares.

    The others take shares from the front, this process from the back whatever nobody has begun.
    """
    url = database.url.render_as_string(hide_password=False)
    here: dict[int, Done] = {}
    with _beside(database, processes - 1) as pool:
        waiting = [pool.submit(_apart, work, url, share) for share in shares]

        def tell() -> None:
            if progress is not None:
                progress(len(here) + sum(one.done() and not one.cancelled() for one in waiting), len(shares))

        for place in reversed(range(len(shares))):
            if waiting[place].cancel():
                here[place] = work(database, shares[place])
                tell()
        done = [here[place] if place in here else one.result() for place, one in enumerate(waiting)]
        tell()
    return done


@contextmanager
def _beside(database: Database, count: int) -> Iterator[ProcessPoolExecutor]:
    """Processes beside this one.

    A forked process begins at once, one made anew takes most of a second; but only a process of one thread may be forked,
    and it must have no open connection. What lives already is kept from the collector of garbage, which would have each
    of them copy it.
    """
    way = "fork" if threading.active_count() == 1 else "spawn"
    database.dispose()
    gc.freeze()
    try:
        with ProcessPoolExecutor(count, mp_context=get_context(way)) as pool:
            yield pool
    finally:
        gc.unfreeze()


def _apart(work: Callable[[Database, Share], Done], url: str, share: Share) -> Done:
    return work(_opened(url), share)


@cache
def _opened(url: str) -> Database:
    """The database of a process beside; it ends with the process."""
    return Database(url)
