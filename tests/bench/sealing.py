"""What sealing costs those who act, and how fast a log and a packet of it are verified."""

from __future__ import annotations

import gc
import hashlib
import json
import multiprocessing
import os
import sqlite3
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from models import Database
from tests.bench import naive
from tests.bench.acts import SCENES, supply
from tests.bench.clients import ENGINE, Client
from tests.bench.pairs import Options, Ratio, interleaved, middle, middles
from tests.bench.places import KINDS, LABELS, Places
from tests.workflow.sealed import AT, CTX, ORIGIN, SealedLog
from workflow.operations.keys import make_key
from workflow.operations.sealing import seal
from workflow.packet.verify import Folder, check
from workflow.packet.writing import write_packet
from workflow.side_by_side import verify_log, verify_sealed
from workflow.verify import Verdict

BEAT = 0.5
"""Seconds between two looks of the sealer, which in service are ten."""

READ = "SELECT stream, seq, kind, act, outcome, from_state, to_state, case_id, unit_id, ground, actor_id, actor, source, " \
    "effective_on, recorded_at, body, hash FROM entries ORDER BY stream, seq"  # fmt: skip


def bench_sealing(places: Places, options: Options) -> Iterator[Ratio]:
    """Acts while a sealer of another process takes them into the tree, beside acts alone."""
    turn = 100 if options.quick else 300
    for kind in KINDS:
        with places.database(kind) as url:
            cases = supply(url, SCENES["approve"], count=turn * 2 * (options.pairs + 1))
            client = Client(cases.spec)
            with _sealer(url) as sealer:

                def acting(beside: bool) -> Callable[[], float]:
                    def turned() -> float:
                        prepared = client.prepared(ENGINE, cases.jobs(turn))  # noqa: B023 — called in this round
                        sealer.send(beside)
                        sealer.recv()
                        done = client.turn(ENGINE, prepared)  # noqa: B023
                        sealer.send(False)
                        sealer.recv()
                        return (done.ended - done.began) / turn

                    return turned

                measured = interleaved(acting(True), acting(False), pairs=options.pairs)
            client.close()
        beside, alone = middles(measured)
        yield Ratio(
            name=f"sealing cost, {LABELS[kind]}", ratio=middle(measured), must=1.10, aim=None, pairs=options.pairs,
            note=f"{beside * 1000:.2f} and {alone * 1000:.2f} ms an act",
        )  # fmt: skip


class _sealer:  # noqa: N801 — a context manager
    """A process that seals and signs every half second while it is told to."""

    def __init__(self, url: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._near, far = context.Pipe()
        self._process = context.Process(target=_keep_sealing, args=(far, url), daemon=True)

    def __enter__(self) -> Any:
        self._process.start()
        return self._near

    def __exit__(self, *_error: object) -> None:
        self._near.send(None)
        self._process.join()


def _keep_sealing(link: Connection, url: str) -> None:
    database = Database(url)
    with tempfile.TemporaryDirectory() as folder:
        signer = make_key(database, Path(folder) / "log.key", ORIGIN, ctx=CTX)
    seal(database, signer=signer, at=AT)
    is_on = False
    while True:
        if link.poll(BEAT):
            word = link.recv()
            if word is None:
                database.dispose()
                return
            is_on = bool(word)
            link.send("ready")
        elif is_on:
            seal(database, signer=signer, at=AT)


# ───────────────────────────── Verifying


ENTRIES = int(os.environ.get("LIANPEI_ENTRIES", "1000000"))
"""How long the log is; one longer than SHORT is shared out among processes."""


def bench_verify(places: Places, options: Options) -> Iterator[Ratio]:
    """The whole verification, chains and tree, beside a cursor that only reads the same rows; and what memory it takes."""
    count = 5_000 if options.quick else ENTRIES
    for kind in KINDS:
        with places.database(kind) as url, tempfile.TemporaryDirectory() as folder:
            database = Database(url)
            SealedLog.made(database, Path(folder), entries=count, every=5_000)
            for name, work in _works(database):
                measured = interleaved(
                    _timed(partial(_read_raw, url)), _timed(partial(_verified, work)), pairs=options.pairs
                )
                raw, ours = middles(measured)
                is_alone = "one process" in name
                yield Ratio(
                    name=f"streaming verification of the {name}, {LABELS[kind]}", ratio=middle(measured),
                    must=None if is_alone else 0.6, aim=None if is_alone else 0.8, pairs=options.pairs,
                    note=f"{count:,} entries: {ours / count * 1e6:.1f} and {raw / count * 1e6:.1f} µs each",
                )  # fmt: skip
            database.dispose()
            grown = _grown(url)
            yield Ratio(
                name=f"verification memory cost in MB, {LABELS[kind]}", ratio=grown, must=30.0, aim=None, pairs=1,
                note=f"{count:,} entries",
            )  # fmt: skip


def _works(database: Database) -> Iterator[tuple[str, Callable[[], Verdict]]]:
    """What `log verify` does, and the same by one process, for information."""
    yield "chains", partial(verify_log, database)
    yield "tree", partial(verify_sealed, database)
    yield "chains by one process", partial(verify_log, database, processes=1)
    yield "tree by one process", partial(verify_sealed, database, processes=1)


def _timed(work: Callable[[], object]) -> Callable[[], float]:
    def run() -> float:
        gc.collect()
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin

    return run


def _read_raw(url: str) -> int:
    """Read every row by the driver, a page at a time, as a stream does."""
    count = 0
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            cursor = connection.execute(READ)
            while page := cursor.fetchmany(500):
                count += len(page)
        return count
    connection = naive.connect(url)
    connection.execute("BEGIN")
    with connection.cursor(name="stream") as stream:
        stream.itersize = 500
        for _ in stream.execute(READ):
            count += 1
    connection.close()
    return count


def _verified(work: Callable[[], Verdict]) -> None:
    verdict = work()
    if not verdict.sound:
        raise RuntimeError(verdict.first)


def _grown(url: str) -> float:
    """By how many MB a process and those it starts grow while they verify, beyond what a first reading takes."""
    near, far = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_verify_once, args=(far, url))
    process.start()
    far.close()
    near.recv()
    before = peak = _held(process.pid)
    near.send("go on")
    while not near.poll(0.02):
        peak = max(peak, _held(process.pid))
    near.recv()
    process.join()
    return (peak - before) / 1024


def _verify_once(link: Connection, url: str) -> None:
    database = Database(url)
    with database.reading() as session:
        session.connection()
    link.send("ready")
    link.recv()
    _verified(partial(verify_log, database))
    _verified(partial(verify_sealed, database))
    link.send("done")
    database.dispose()


def _held(process: int | None) -> int:
    """What a process and those it started hold, in kilobytes; what they share is counted once."""
    started = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return sum(_share_of(each) for each in (str(process), *started))


def _share_of(process: str) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has just ended
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


# ───────────────────────────── A packet


def bench_packet(places: Places, options: Options) -> Iterator[Ratio]:
    """The offline verifier, beside reading each line and hashing it once."""
    count = 5_000 if options.quick else 50_000
    with places.database("sqlite") as url, tempfile.TemporaryDirectory() as folder:
        database = Database(url)
        SealedLog.made(database, Path(folder), entries=count, every=1_000)
        place = Path(folder) / "packet"
        with (Path(folder) / "packet.zip").open("wb") as file, database.reading() as session:
            write_packet(session, file)
        database.dispose()
        with zipfile.ZipFile(Path(folder) / "packet.zip") as archive:
            archive.extractall(place)

        def least() -> None:
            with (place / "entries.jsonl").open("rb") as lines:
                for line in lines:
                    json.loads(line)
                    hashlib.sha256(line).digest()

        def ours() -> None:
            verdict = check(Folder(str(place)))
            if not verdict.sound:
                raise RuntimeError(verdict.findings)

        measured = interleaved(_timed(least), _timed(ours), pairs=options.pairs)
    least_time, our_time = middles(measured)
    yield Ratio(
        name="offline verification of a packet", ratio=middle(measured), must=0.3, aim=None, pairs=options.pairs,
        note=f"{count:,} entries: {our_time / count * 1e6:.1f} and {least_time / count * 1e6:.1f} µs each",
    )  # fmt: skip
