"""Honest lives of a log: people act, the sealer seals, processes are killed, the house is backed up, restored and moved."""

from __future__ import annotations

import io
import multiprocessing
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from models import Checkpoint, Database
from models.schema import backup, copy
from tests.university import SINGLE_FILE, University, _loaded
from tests.workflow.history import OFFICE, STATES, founding, passing
from tests.workflow.sealed import AT, CTX, ORIGIN
from workflow.doctor import examine
from workflow.keyfile import read_key
from workflow.operations.erasing import erase
from workflow.operations.keys import make_key, rotate_key, signer_in_force
from workflow.operations.office import add_person, change_person
from workflow.operations.sealing import Pace, seal
from workflow.operations.watching import PAUSE, ROUND, watch
from workflow.packet.verify import Archive, check
from workflow.packet.verify import Checkpoint as Head
from workflow.packet.writing import write_packet
from workflow.verify import verify
from workflow.verify_tree import verify_tree

STEPS = 12
SEALING = 21
"""Statements of a sealer that takes entries in and signs. What a killed one leaves depends on nothing but how far it came in them."""

DEATHS = 3
"""Sealers that are killed one after the other in each life: seven lives try every statement."""

SET_DOWN = {"documents", "blobs"}
"""Tables the test's university sets down without an entry."""


@dataclass(kw_only=True)
class Honest:
    """One life. `empty`: gives a PostgreSQL database without a table, or is None where the life stays on SQLite.

    `deaths`: before which of its statements the next sealer is killed. All lives share it, so that few of them try every one.
    """

    dice: random.Random
    deaths: Iterator[int]
    here: University
    folder: Path
    empty: Callable[[], str] | None = None
    cases: list[str] = field(default_factory=list)
    leavers: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """What has happened, for whoever looks into a failure."""
    opened: list[Database] = field(default_factory=list)
    watched: int = 0

    @property
    def key(self) -> Path:
        return self.folder / "log.key"

    def lived(self) -> Honest:
        """Take some steps at random; somewhere among them sealers are killed."""
        steps = [Honest.killed_sealing, *self.dice.choices(WEIGHTED, k=STEPS - 1)]
        self.dice.shuffle(steps)
        for step in steps:
            self.told.append(step.__name__)
            step(self)
        return self

    def alarms(self) -> Iterator[str]:
        """Whatever any check finds."""
        database = self.here.database
        self.sealed(pace=None)
        with database.reading() as session:
            yield from map(str, verify(session).findings)
            yield from map(str, verify_tree(session, outside=self.outside).findings)
            yield from (str(one) for one in examine(session) if one.table not in SET_DOWN)
            packet = io.BytesIO()
            write_packet(session, packet)
        verdict = check(Archive(packet), [Head(note.encode()) for note in self.outside])
        yield from map(str, verdict.findings)
        if not verdict.whole or verdict.entries != verdict.size:
            yield "the packet is not whole"
        for _ in range(ROUND + 1):
            self.watched += 1
            faults = watch(database, at=AT + PAUSE * self.watched)
            if faults:
                yield f"the continuous check found {faults}"

    def close(self) -> None:
        for database in (self.here.database, *self.opened):
            database.dispose()

    # ── what may happen

    def begun(self) -> None:
        self.cases.append(self.here.reach(self.dice.choice(STATES[:7])))

    def went_on(self) -> None:
        if self.cases:
            who, act = self.dice.choice(
                (("stranger", "approve"), ("member", "approve"), ("leader", "withdraw"))
            )
            self.here.act(self.dice.choice(self.cases), act, who)

    def hired(self) -> None:
        with self.here.database.transaction() as session:
            ctx = self.here.ctx("administrator")
            person = add_person(
                session, name=f"某{len(self.told)}", staff_number=f"H-{len(self.told)}", email="h@example.org", phone="13900000001",
                language="zh", external=False, reason="new", ctx=ctx,
            ).subject  # fmt: skip
            change_person(
                session,
                person,
                name="某某",
                email="h2@example.org",
                phone=None,
                language="en",
                reason="moved",
                ctx=ctx,
            )
        self.leavers.append(person)

    def erased(self) -> None:
        if self.leavers:
            person = self.leavers.pop(self.dice.randrange(len(self.leavers)))
            with self.here.database.transaction() as session:
                erase(session, person, reason="on demand", ctx=self.here.ctx("administrator"))

    def sealed(self, *, pace: Pace | None = Pace(every=10)) -> None:  # noqa: B008 — a frozen value
        with self.here.database.reading() as session:
            signer = signer_in_force(session, self.key)
        whole = self.dice.random() < 0.2
        seal(self.here.database, signer=signer, at=AT, pace=pace, whole=whole)

    def taken_outside(self) -> None:
        with self.here.database.reading() as session:
            newest = session.scalar(select(Checkpoint.note).order_by(Checkpoint.size.desc()).limit(1))
        self.outside += [newest] if newest is not None else []

    def rotated(self) -> None:
        rotate_key(self.here.database, self.key, ctx=CTX, at=AT)

    def rolled_back(self) -> None:
        """Two people are entered and sealed in a transaction that ends in nothing."""
        with passing(self.here.database) as session:
            add_person(
                session, name="无人", staff_number=f"R-{len(self.told)}", email=None, phone=None, language="zh",
                external=False, reason="new", ctx=self.here.ctx("administrator"),
            )  # fmt: skip
            session.flush()

    def killed_acting(self) -> None:
        self._killed(_act, at=self.dice.randrange(28_000), state=self.dice.choice(STATES[:7]))
        self.here.proposals += 20

    def killed_sealing(self) -> None:
        """Each time there is something to take in; it is taken in unless the sealer dies before."""
        for place in (next(self.deaths) for _ in range(DEATHS)):
            self.told.append(f"killed_sealing at {place}")
            self.hired()
            self._killed(_seal, at=place, counted=_is_statement)

    def killed_rotating(self) -> None:
        self._killed(_rotate, at=self.dice.randrange(9_000))

    def restored(self) -> None:
        """A backup is made, something happens that no checkpoint outside covers, and the backup takes over."""
        if not self.here.database.is_sqlite:
            return
        target = self.folder / f"backup{len(self.told)}.sqlite3"
        backup(self.here.database, target)
        if self.dice.random() < 0.5:
            self.here.reach("proposed")
        self._goes_on_with(f"sqlite:///{target}")

    def moved(self) -> None:
        if self.empty is None or not self.here.database.is_sqlite:
            return
        url = self.empty()
        target = Database(url)
        copy(self.here.database, target)
        target.dispose()
        self._goes_on_with(url)

    def _goes_on_with(self, url: str) -> None:
        self.opened.append(self.here.database)
        self.here.database = Database(url)

    def _killed(
        self, work: Callable[..., None], *, at: int, counted: Callable[..., bool] | None = None, **rest: Any
    ) -> None:
        """Let a process do this, and kill it at a call of a function, of those that are counted."""
        task = {
            "url": self.here.database.url.render_as_string(hide_password=False),
            "key": self.key, "people": self.here.people, "units": self.here.units, "edition_id": self.here.edition_id,
            "proposals": self.here.proposals, **rest,
        }  # fmt: skip
        process = _processes().Process(target=killed_at, args=(work, task, at, counted or _is_call))
        process.start()
        process.join(60)
        assert process.exitcode in (0, -signal.SIGKILL), self.told
        self.told[-1] += " to the end" if process.exitcode == 0 else ""


WEIGHTED = (
    *[Honest.begun] * 3, *[Honest.went_on] * 3, *[Honest.hired] * 2, Honest.erased, *[Honest.sealed] * 5,
    *[Honest.taken_outside] * 2, Honest.rotated, Honest.rolled_back, Honest.killed_acting,
    Honest.killed_rotating, Honest.restored, Honest.moved,
)  # fmt: skip
"""What may happen, the frequent more often."""


def founded(database: Database, folder: Path) -> University:
    """A university whose rows all have an entry, and whose log has a key."""
    here = University.founded(database)
    founding(here, *OFFICE)
    make_key(database, folder / "log.key", ORIGIN, ctx=CTX)
    return here


# ───────────────────────────── Processes that are killed


def _processes() -> Any:
    """Processes that begin with everything imported; they come from a server that has no threads and no connections."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def killed_at(
    work: Callable[[Mapping[str, Any]], None],
    task: Mapping[str, Any],
    calls: int,
    counted: Callable[..., bool],
) -> None:
    """Do the work, and die by SIGKILL when so many calls that count have been made."""
    left = calls

    def count(frame: Any, event: str, _argument: Any) -> None:
        nonlocal left
        if counted(frame, event):
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    work(task)
    sys.setprofile(None)


def _is_call(_frame: Any, event: str) -> bool:
    return event in ("call", "c_call")


def _is_statement(frame: Any, event: str) -> bool:
    """Whether SQLAlchemy is about to give the driver something that may change what the database holds."""
    return event == "call" and frame.f_code.co_name in ("do_execute", "do_executemany", "do_commit")


def _act(task: Mapping[str, Any]) -> None:
    here = University(
        database=Database(task["url"]), people=task["people"], units=task["units"], edition_id=task["edition_id"],
        proposals=task["proposals"], definition=_loaded(SINGLE_FILE.read_bytes()),
    )  # fmt: skip
    here.reach(task["state"])


def _seal(task: Mapping[str, Any]) -> None:
    seal(Database(task["url"]), signer=read_key(task["key"]), at=AT, pace=None)


def _rotate(task: Mapping[str, Any]) -> None:
    rotate_key(Database(task["url"]), task["key"], ctx=CTX, at=AT)
