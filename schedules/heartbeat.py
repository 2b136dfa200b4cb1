"""The heartbeat: APScheduler calls the sweep and the delivery every few seconds. It keeps no deadline of its own.

Deadlines are rows of the database. Any number of schedulers may beat on one database, and each may be killed at any
moment: what it had claimed is free again, what it had committed is done.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from models import Database, Heartbeat
from schedules.delivery import MailServer, deliver
from schedules.sweep import sweep
from workflow.clock import machine_time

log = logging.getLogger(__name__)

TICK_SECONDS = 10


class Scheduler:
    """One scheduler on one database: sweeps and delivers until it is told to stop."""

    def __init__(self, database: Database, *, server: MailServer | None) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._database, self._server = database, server
        self._stopping = threading.Event()
        self._started_at = machine_time()
        self._beat = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(2)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )

    def start(self) -> None:
        """Begin to beat in threads of its own; the first tick comes at once."""
        for job in (self._tick, self._deliver):
            self._beat.add_job(job, "interval", seconds=TICK_SECONDS, next_run_time=machine_time())
        self._beat.start()

    def stop(self) -> None:
        """Finish the item in hand and stop."""
        self._stopping.set()
        self._beat.shutdown(wait=True)

    def wait(self) -> None:
        """Return when somebody has asked to stop."""
        self._stopping.wait()

    def ask_to_stop(self) -> None:
        self._stopping.set()

    def _tick(self) -> None:
        self._guarded("sweep", lambda: sweep(self._database, at=None, stop=self._stopping.is_set).fired)

    def _deliver(self) -> None:
        self._guarded(None, lambda: deliver(self._database, self._server, stop=self._stopping.is_set).sent)

    def _guarded(self, name: str | None, work: Callable[[], int]) -> None:
        """Run one job; a failure is logged and shown by the heartbeat row, and the next tick tries again."""
        failure, count = None, 0
        try:
            count = work()
        except Exception as error:
            log.exception("the scheduler's tick failed")
            failure = f"{type(error).__name__}: {error}"[:2000]
        if name is not None:
            self._record(count, failure)

    def _record(self, count: int, failure: str | None) -> None:
        try:
            with self._database.transaction() as session:
                row = session.get(Heartbeat, self.name)
                if row is None:
                    row = Heartbeat(
                        name=self.name, started_at=self._started_at, fired_count=0, ticked_at=machine_time()
                    )
                    session.add(row)
                row.ticked_at = machine_time()
                row.fired_count += count
                row.failure = failure
        except Exception:
            log.exception("the heartbeat could not be written")
