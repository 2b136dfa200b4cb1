"""Schedulers as processes of their own, for tests that kill, stop and continue them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models import Database

SCHEDULER = """
import sys
from models import Database
from schedules.heartbeat import Scheduler
url, every, still = sys.argv[1:]
scheduler = Scheduler(Database(url), server=None, every=float(every), still=float(still))
scheduler.serve(begun=lambda: print(scheduler.name, flush=True))
"""
"""What `lianpei scheduler` runs, with a faster beat."""


def until(fact: Callable[[], Any], *, seconds: float = 30) -> None:
    """Return as soon as something is so."""
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "it did not come to be so"
        time.sleep(0.02)


def started(source: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", source, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def ended(child: subprocess.Popen[str]) -> None:
    """End it at once if it still runs."""
    if child.poll() is None:
        child.send_signal(signal.SIGCONT)
        child.kill()
    child.communicate()


@contextmanager
def process(source: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that ends with the block at the latest."""
    child = started(source, *arguments)
    try:
        yield child
    finally:
        ended(child)


def line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def url_of(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)
