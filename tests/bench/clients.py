"""Clients that act at the same time, each a process of its own as the workers of a web server are."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

from models import Database
from tests.bench import naive
from tests.bench.places import Copy
from workflow.context import Actor, Context, Source
from workflow.definition.values.edition import Definition
from workflow.forms import read_form
from workflow.operations import Receipt, perform
from workflow.plan import Form
from workflow.world import current_edition

ENGINE, RAW = "engine", "raw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One act to carry out: on which case, which version it saw, what the form says, and by whom."""

    copy: Copy
    version: int
    key: str
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """The act all clients carry out, with what outcome and when."""

    url: str
    lifecycle: str
    act: str
    outcome: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """How one turn went: when it began and ended, the client's CPU seconds, and each act's seconds."""

    began: float
    ended: float
    cpu: float
    each: tuple[float, ...]


class Client:
    """Carries out acts, through the engine or by hand. Each act is prepared before the clock starts.

    What is tried and taken back has connections of its own: after a rollback psycopg forgets the prepared statements.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.database = Database(spec.url)
        self.rehearsal = Database(spec.url)
        self.connection = naive.connect(spec.url)
        self.dialect = naive.dialect_of(spec.url)
        self.head_column = naive.head_column(self.connection)
        with self.database.reading() as session:
            self.definition: Definition = current_edition(session, spec.lifecycle)[1]

    def prepared(self, side: str, jobs: Sequence[Job]) -> list[Any]:
        forms = [self._form(job) for job in jobs]
        if side == ENGINE:
            return list(zip(jobs, forms, strict=True))
        return [self._recorded(job, form) for job, form in zip(jobs, forms, strict=True)]

    def turn(self, side: str, prepared: Sequence[Any]) -> Turn:
        one = self._engine if side == ENGINE else self._raw
        each = []
        cpu, began = time.process_time(), time.monotonic()
        for item in prepared:
            start = time.monotonic()
            one(item)
            each.append(time.monotonic() - start)
        return Turn(began=began, ended=time.monotonic(), cpu=time.process_time() - cpu, each=tuple(each))

    def rehearse(self, job: Job) -> None:
        """Carry out an act and take it back before it is committed."""
        form = self._form(job)
        with self.rehearsal.transaction() as session:
            answer = perform(
                session, job.copy.case_id, self.spec.act, form=form, version=job.version, ctx=self._ctx(job)
            )
            session.rollback()
        if not isinstance(answer, Receipt):
            raise RuntimeError(answer)

    def close(self) -> None:
        self.connection.close()
        self.database.dispose()
        self.rehearsal.dispose()

    def _engine(self, item: tuple[Job, Form]) -> None:
        job, form = item
        answer = self.database.run(
            lambda session: perform(
                session, job.copy.case_id, self.spec.act, form=form, version=job.version, ctx=self._ctx(job)
            )
        )
        if not isinstance(answer, Receipt):
            raise RuntimeError(answer)

    def _raw(self, act: naive.RawAct) -> None:
        with naive.transaction(self.connection, self.dialect) as cursor:
            naive.carry_out(cursor, act, self.dialect, self.head_column)

    def _recorded(self, job: Job, form: Form) -> naive.RawAct:
        with naive.recorded() as recorder, self.rehearsal.transaction() as session:
            answer = perform(
                session, job.copy.case_id, self.spec.act, form=form, version=job.version, ctx=self._ctx(job)
            )
            session.rollback()
        if not isinstance(answer, Receipt):
            raise RuntimeError(answer)
        return naive.raw_act(job.copy.case_id, recorder.changes, self.dialect)

    def _form(self, job: Job) -> Form:
        act = self.definition.acts[self.spec.act]
        return read_form(self.definition, act, job.copy.raw, outcome=self.spec.outcome)

    def _ctx(self, job: Job) -> Context:
        return Context(actor=Actor(person=job.person), at=self.spec.at, source=Source.PAGE, key=job.key)


# ───────────────────────────── Processes


class Crew:
    """Several clients that start a turn together."""

    def __init__(self, links: Sequence[Connection]) -> None:
        self._links = links

    def turn(self, side: str, jobs: Sequence[Job]) -> Turn:
        """Share the jobs out, let all start at once, and add up: first start to last end, CPU summed."""
        size = len(self._links)
        for i, link in enumerate(self._links):
            link.send((side, jobs[i::size]))
        for link in self._links:
            _received(link)
        for link in self._links:
            link.send("go")
        turns = [_received(link) for link in self._links]
        return Turn(
            began=min(turn.began for turn in turns),
            ended=max(turn.ended for turn in turns),
            cpu=sum(turn.cpu for turn in turns),
            each=tuple(second for turn in turns for second in turn.each),
        )


def _received(link: Connection) -> Any:
    answer = link.recv()
    if isinstance(answer, BaseException):
        raise RuntimeError("a client failed") from answer
    return answer


@contextmanager
def crew(spec: Spec, *, size: int) -> Iterator[Crew]:
    """Start `size` clients; stop them when the block ends."""
    context = multiprocessing.get_context("spawn")
    pairs = [context.Pipe() for _ in range(size)]
    processes = [context.Process(target=_serve, args=(far, spec), daemon=True) for _, far in pairs]
    for process in processes:
        process.start()
    try:
        yield Crew([near for near, _ in pairs])
    finally:
        for near, _ in pairs:
            near.send(None)
        for process in processes:
            process.join()


def _serve(link: Connection, spec: Spec) -> None:
    client = Client(spec)
    try:
        while (order := link.recv()) is not None:
            side, jobs = order
            prepared = client.prepared(side, jobs)
            link.send("ready")
            link.recv()
            link.send(client.turn(side, prepared))
    except Exception as error:
        link.send(error)
    finally:
        client.close()
