"""The heartbeat: APScheduler calls the sweep and the delivery every few seconds. It keeps no deadline of its own.

Deadlines are rows of the database. Any number of schedulers may beat on one database, and each may be killed or stopped
at any moment: what it had claimed is free again, what it had committed is done.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from sqlalchemy import ColumnElement, delete

from models import Database, Heartbeat
from schedules.delivery import MailServer, Robot, posts
from schedules.holidays import move_deadlines
from schedules.outside import FolderPlace, Place, take_out
from schedules.seal import Sealer
from schedules.sweep import sweep
from workflow.clock import machine_time
from workflow.operations import Swept
from workflow.operations.watching import watch

log = logging.getLogger(__name__)

TICK_SECONDS = 10.0

STILL_SECONDS = 15.0
"""How long a transaction of a scheduler may stand still before PostgreSQL ends it: with a tick less than 30 s in all."""

FORGOTTEN_AFTER = timedelta(days=1)
"""When the sign of life of a scheduler that is gone is removed."""


class Scheduler:
    """One scheduler on one database: sweeps and delivers until it is told to stop. `every`: seconds between two ticks.

    Its transactions may not stand still for longer than `still` seconds, so that one stopped in the middle of its work
    does not hold its cases for ever.
    """

    def __init__(
        self,
        database: Database,
        *,
        server: MailServer | None,
        robots: Sequence[Robot] = (),
        base_url: str = "",
        sealer: Sealer | None = None,
        places: Sequence[Place] = (),
        every: float = TICK_SECONDS,
        still: float = STILL_SECONDS,
    ) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._database, self._sealer, self._places = database.bounded(still), sealer, places
        self._posts = posts(self._database, server, robots, base_url=base_url)
        self._every = timedelta(seconds=every)
        self._not_sealed: str | None = None
        self._stopping = threading.Event()
        self._started_at = machine_time()
        self._beat = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(len(self._jobs()))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )

    def _jobs(self) -> list[Callable[[], None]]:
        """Everything that is done at a tick; each has a thread of its own, so that none waits for another that hangs."""
        return [
            self._tick,
            partial(self._quietly, partial(move_deadlines, self._database, stop=self._stopping.is_set)),
            *([self._seal, self._watch] if self._sealer is not None else ()),
            *(
                partial(self._quietly, partial(post.round, stop=self._stopping.is_set))
                for post in self._posts
            ),
            *(partial(self._quietly, partial(take_out, self._database, place)) for place in self._places),
        ]

    def start(self) -> None:
        """Begin to beat in threads of its own; the first tick comes at once."""
        for job in self._jobs():
            self._beat.add_job(job, _After(self._every), next_run_time=machine_time())
        self._beat.start()
        threading.Thread(target=self._follow_the_clock, daemon=True).start()

    def stop(self) -> None:
        """Finish the item in hand, say so, and stop."""
        self._stopping.set()
        self._beat.shutdown(wait=True)
        self._sign(left_at=machine_time())
        self._database.dispose()

    def serve(self, *, begun: Callable[[], None]) -> None:
        """Beat until the process is asked to end (SIGTERM, SIGINT); `begun` is called when it may be asked.

        A signal only puts a byte into a pipe: a handler that woke whoever waits could find the very lock taken, and a
        blocked signal would stay blocked in the commands a scheduler starts.
        """
        asked, tells = os.pipe()
        os.set_blocking(tells, False)
        signal.set_wakeup_fd(tells)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda _number, _frame: None)
        begun()
        self.start()
        os.read(asked, 1)
        self.stop()

    def _follow_the_clock(self) -> None:
        """Bring the next tick near again when the machine's clock was put back: APScheduler would wait for its old hour."""
        while not self._stopping.wait(self._every.total_seconds()):
            now = machine_time()
            for job in self._beat.get_jobs():
                if job.next_run_time > now + 2 * self._every:
                    job.modify(next_run_time=now)

    def _tick(self) -> None:
        """Sweep; a failure is logged and shown by the sign of life, and the next tick tries again."""
        failure = None
        try:
            sweep(self._database, at=None, stop=self._stopping.is_set, each=self._swept)
        except Exception as error:
            log.exception("the scheduler's tick failed")
            failure = f"{type(error).__name__}: {error}"[:2000]
        self._sign(failure=failure or self._not_sealed)

    def _swept(self, swept: Swept) -> None:
        """Give a sign of life after each batch, so that a long catching up does not look like silence."""
        self._sign(fired=swept.fired)

    def _quietly(self, work: Callable[[], object]) -> None:
        """Do what keeps account of its failures itself; what fails beyond that is logged, and the next tick tries again."""
        try:
            work()
        except Exception:
            log.exception("a job of the scheduler failed")

    def _watch(self) -> None:
        """Look whether the log is still what was sealed and, where a folder outside has its checkpoints, what they say."""
        folder = next((place.folder for place in self._places if isinstance(place, FolderPlace)), None)
        self._quietly(lambda: watch(self._database, at=machine_time(), folder=folder))

    def _seal(self) -> None:
        """What keeps the log from being sealed is shown by the next tick's sign of life."""
        assert self._sealer is not None
        self._not_sealed = None
        try:
            self._sealer.seal(self._database)
        except Exception as error:
            log.exception("the log could not be sealed")
            self._not_sealed = f"{type(error).__name__}: {error}"[:2000]

    def _sign(self, *, fired: int = 0, failure: str | None = None, left_at: datetime | None = None) -> None:
        try:
            with self._database.transaction() as session:
                row = session.get(Heartbeat, self.name, with_for_update=True)
                if row is None or row.started_at != self._started_at:
                    row = session.merge(Heartbeat(name=self.name, started_at=self._started_at, fired_count=0))
                row.ticked_at = now = machine_time()
                row.fired_count += fired
                row.failure, row.left_at = failure, left_at
                session.execute(delete(Heartbeat).where(Heartbeat.name != self.name, _is_forgotten(now)))
        except Exception:
            log.exception("the sign of life could not be written")


def _is_forgotten(now: datetime) -> ColumnElement[bool]:
    """Also one from the future, of a clock since put back."""
    return (Heartbeat.ticked_at < now - FORGOTTEN_AFTER) | (Heartbeat.ticked_at > now + FORGOTTEN_AFTER)


class _After(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Fire so long after the tick before. However long the process slept or the clock leapt, one tick makes up for it;
    APScheduler's own interval would count every tick that was missed.
    """

    def __init__(self, pause: timedelta) -> None:
        self._pause = pause

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return now if previous_fire_time is None else now + self._pause
