"""What an act spends on the state machine, and what it leaves behind in memory."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

from tests.bench.acts import SCENES, Supply, supply
from tests.bench.clients import ENGINE, Client
from tests.bench.pairs import Options, Ratio, interleaved, middle, middles
from tests.bench.places import Places
from workflow import machine


def bench_transitions(places: Places, options: Options) -> Iterator[Ratio]:
    """The machine's part of an act, on SQLite, where an act is shortest."""
    scene, turn, firings = SCENES["approve"], 30, 1000
    with places.database("sqlite") as url:
        cases = supply(url, scene, count=turn * (options.pairs + 1))
        client = Client(cases.spec)

        def firing() -> float:
            start = time.perf_counter()
            for _ in range(firings):
                machine.fire(client.definition, "proposed", scene.act)
            return (time.perf_counter() - start) / firings

        def acting() -> float:
            done = client.turn(ENGINE, client.prepared(ENGINE, cases.jobs(turn)))
            return (done.ended - done.began) / turn

        measured = interleaved(firing, acting, pairs=options.pairs)
        client.close()
    fired, acted = middles(measured)
    yield Ratio(
        name="transitions cost", ratio=middle(measured), must=0.05, aim=None, pairs=options.pairs,
        note=f"{fired * 1e6:.0f} µs of {acted * 1000:.2f} ms",
    )  # fmt: skip


def bench_memory(places: Places, options: Options) -> Iterator[Ratio]:
    """The largest size of a process that has touched many cases, beside its size after few of them."""
    few, many = (200, 2_000) if options.quick else (2_000, 20_000)
    with places.database("sqlite") as url:
        cases = supply(url, SCENES["approve"], count=many)
        near, far = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(target=_touch, args=(far, cases, few, many))
        process.start()
        far.close()
        after_few, after_many = near.recv()
        process.join()
    yield Ratio(
        name="memory growth", ratio=after_many / after_few, must=1.1, aim=None, pairs=1,
        note=f"{many:,} cases touched beside {few:,}: {after_many / 1024:.0f} beside {after_few / 1024:.0f} MB",
    )  # fmt: skip


def _touch(link: Connection, cases: Supply, few: int, many: int) -> None:
    """Carry out an act on each case and take it back; report the largest size so far, twice."""
    client = Client(cases.spec)
    sizes = []
    for count in (few, many - few):
        for job in cases.jobs(count):
            client.rehearse(job)
        sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    link.send(sizes)
    client.close()
