"""Replay the whole log, a batch of cases at a time, and compare what it makes with the tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models import (
    Base,
    Case,
    Edition,
    Entry,
    Grant,
    Notice,
)
from models.changes import key_column
from workflow import clock, gather
from workflow.definition.problems import DefinitionProblems
from workflow.definition.values.edition import Definition
from workflow.doctor.beside import Told, beside, erased_by, impossible
from workflow.doctor.replaying import entries_of, place_of
from workflow.doctor.rows import LIMIT, PAGE, by_key, compared, in_chunks, salts_of, stored_rows, too_many
from workflow.doctor.shared import Shared
from workflow.entries import OF_A_CASE
from workflow.periods import beijing_day
from workflow.projections import projections
from workflow.replay import (
    Discrepancy,
    Fold,
    Unfoldable,
    entry_of,
    moment,
)
from workflow.snapshot import Row
from workflow.unreadable import Unreadable, is_of_a_value, undecodable, unreadable
from workflow.world import definition_of

BATCH = 100
"""Cases folded at once."""

NUMBERED = ("application_number", "base_number")
NUMBER = re.compile(r"(\D+\d{4}-)(\d+)", re.ASCII)
"""A number drawn from a counter: the counter's name and how far it had come."""

OF_CASES = func.substr(Entry.stream, 1, 5) == "case:"
"""Not LIKE, to which SQLite's upper and lower case are one."""

UNREADABLE = "?"
"""In the place of a value nobody can read."""

Progress = Callable[[int, int], None]
"""Told how many entries have been folded, of how many."""


def examine(session: Session, *, progress: Progress | None = None) -> list[Discrepancy]:
    """Fold the whole log and name every field in which a table differs; the session should see one consistent state.

    Memory stays bounded: cases are folded a batch at a time, and changes of shared rows wait in a temporary file.
    Values nobody can read or reckon with are named first, and nothing else then: no row that holds one can be compared.
    """
    strange = list(islice(map(_strange, unreadable(session)), LIMIT)) or list(impossible(session))
    if strange:
        return strange
    work = _Work(session=session, progress=progress)
    try:
        return list(islice(work.discrepancies(), LIMIT))
    except DBAPIError as error:
        if not is_of_a_value(error):
            raise
        return list(islice(map(_strange, undecodable(session)), LIMIT))


def _own_tables() -> frozenset[str]:
    """Tables whose rows belong to one case: those every lifecycle has, and those that are one-to-one with a case."""
    subjects = {name for name in Base.metadata.tables if key_column(name) == "case_id"}
    return OF_A_CASE | subjects


@dataclass(slots=True, kw_only=True)
class _Batch:
    """What the entries of some cases say, besides rows."""

    fold: Fold = field(default_factory=Fold)
    acted_at: dict[str, datetime] = field(default_factory=dict)
    """The instant of the last act of each case; an upload is none."""
    notices: list[str] = field(default_factory=list)
    documents: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Work:
    """One examination."""

    session: Session
    progress: Progress | None
    shared: Shared = field(default_factory=Shared)
    own: frozenset[str] = field(default_factory=_own_tables)
    told: Told = field(default_factory=Told)
    folded: int = 0
    total: int = 0
    held: tuple[Row, ...] = ()
    """Every grant there ever was."""

    def discrepancies(self) -> Iterator[Discrepancy]:
        self.total = self.session.execute(select(func.count()).select_from(Entry)).scalar_one()
        self.held = tuple(map(dict, self.session.execute(select(*Grant.__table__.c)).mappings()))
        yield from self._of_other_streams()
        for cases in self._case_pages():
            yield from self._of_cases(cases)
        yield from self._without_case()
        yield from self.shared.differences(self.session)
        yield from beside(self.session, self.told, self.shared)

    # ── reading the log

    def _taken(self, rows: Iterable[Any]) -> Iterator[tuple[Any, Mapping[str, Any] | None]]:
        """The entries with their bodies; None for one that cannot have been written by the log."""
        for row in rows:
            try:
                yield row, entry_of(row.body)
            except Unfoldable:
                yield row, None
            self.folded += 1
            if self.progress is not None and self.folded % PAGE == 0:
                self.progress(self.folded, self.total)
        if self.progress is not None:
            self.progress(self.folded, self.total)

    def _of_other_streams(self) -> Iterator[Discrepancy]:
        query = select(Entry.id, Entry.stream, Entry.seq, Entry.body).where(~OF_CASES)
        ordered = query.order_by(Entry.stream, Entry.seq).execution_options(yield_per=PAGE)
        for row, body in self._taken(self.session.execute(ordered)):
            if body is None:
                yield _unfoldable(row)
                continue
            self.told.erased += erased_by(body)
            for change in body["changes"]:
                self.shared.add(row.id, change, place_of(row))

    def _case_pages(self) -> Iterator[Sequence[Row]]:
        query = select(Case.__table__).order_by(Case.id).limit(BATCH)
        page: Sequence[Any] = self.session.execute(query).mappings().all()
        while page:
            yield page
            page = self.session.execute(query.where(Case.id > page[-1]["id"])).mappings().all()

    # ── cases

    def _of_cases(self, cases: Sequence[Row]) -> Iterator[Discrepancy]:
        ids = [str(case["id"]) for case in cases]
        batch = _Batch()
        found: list[Discrepancy] = []
        for row, body in self._taken(
            self.session.execute(entries_of([f"case:{case_id}" for case_id in ids]))
        ):
            found += [_unfoldable(row)] if body is None else self._fold(row, body, batch)
        found += self._rows(ids, batch.fold)
        found += self._cited(batch)
        yield from found
        if not found:
            yield from self._projections(cases, batch)

    def _fold(self, row: Any, body: Mapping[str, Any], batch: _Batch) -> Iterator[Discrepancy]:
        entry, case_id = place_of(row), row.stream.removeprefix("case:")
        for change in body["changes"]:
            if change["table"] not in self.own:
                self.shared.add(row.id, change, entry)
                continue
            yield from batch.fold.take(change, entry)
            if change["table"] == "cases":
                batch.acted_at[case_id] = moment(body["recorded_at"])
            self._count(change)
        batch.notices += body["notices"]
        batch.documents |= body["documents"]
        edition = body["edition"]
        self.told.editions.add(
            (str(body["lifecycle"]), str(edition.get("label")), str(edition.get("sha256")))
        )

    def _count(self, change: Mapping[str, Any]) -> None:
        for name in NUMBERED:
            match = NUMBER.fullmatch(str(change["set"].get(name)))
            if match:
                self.told.numbers[match[1]] = max(self.told.numbers.get(match[1], 0), int(match[2]))

    def _rows(self, ids: Sequence[str], fold: Fold) -> Iterator[Discrepancy]:
        salts = salts_of(self.session, fold.rows.values())
        by_table: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in sorted(self.own)}
        for (table, key), values in fold.rows.items():
            by_table[table][key] = values
        for table, expected in by_table.items():
            owner = Base.metadata.tables[table].c["id" if table == "cases" else "case_id"]
            stored = by_key(table, self.session.execute(select(owner.table).where(owner.in_(ids))).mappings())
            stored |= stored_rows(self.session, table, expected.keys() - stored.keys())
            yield from compared(table, expected, stored, salts, fold.partial)
            for key in stored.keys() - expected.keys():
                yield too_many(table, key)

    def _cited(self, batch: _Batch) -> Iterator[Discrepancy]:
        """Notices the entries queued and documents they rest on."""
        told = {
            row.stable_key: row for row in in_chunks(self.session, Notice, Notice.stable_key, batch.notices)
        }
        for key in batch.notices:
            yield from _notice(key, told.get(key))
        stored = stored_rows(self.session, "documents", batch.documents)
        for document, sha256 in batch.documents.items():
            found = stored[document]["sha256"] if document in stored else None
            if found != sha256:
                yield Discrepancy(
                    table="documents", key=document, column="sha256", expected=sha256, found=found
                )

    def _projections(self, cases: Sequence[Row], batch: _Batch) -> Iterator[Discrepancy]:
        """Computed only where the rows agree with the log: from wrong rows nothing follows."""
        today = beijing_day(clock.now(self.session))
        known = {row.id: row.sha256 for row in self.session.execute(select(Edition.id, Edition.sha256))}
        by_subject: dict[str, list[gather.Located]] = {}
        for case in cases:
            sha256 = known.get(case["edition_id"], "")
            definition = self._definition(sha256)
            if definition is not None and case["id"] in batch.acted_at:
                by_subject.setdefault(definition.subject, []).append(gather.Located(dict(case), sha256))
        for group in by_subject.values():
            roles = {role for located in group for role in definition_of(self.session, located.sha256).roles}
            wish = gather.Wish(roles=tuple(sorted(roles)))
            found = gather.gather(self.session, group, wish=wish, today=today)
            for case_id, snapshot in found.items():
                acted_at = batch.acted_at[case_id]
                yield from projections(snapshot, acted_at=acted_at, today=today, held=self.held)

    def _definition(self, sha256: str) -> Definition | None:
        try:
            return definition_of(self.session, sha256)
        except (LookupError, DefinitionProblems):
            return None

    def _without_case(self) -> Iterator[Discrepancy]:
        kept = select(Case.id).where(Case.id == Entry.case_id).exists()
        query = select(Entry.case_id).where(OF_CASES, Entry.seq == 1, ~kept).limit(LIMIT)
        for case_id in self.session.scalars(query):
            yield Discrepancy(table="cases", key=str(case_id), column="id", expected=case_id, found=None)


def _strange(found: Unreadable) -> Discrepancy:
    return Discrepancy(table=found.table, key=found.key, column=found.column, expected=None, found=UNREADABLE)


def _unfoldable(row: Any) -> Discrepancy:
    return Discrepancy(
        table="entries", key=place_of(row), column="body", expected=None, found=None, entry=place_of(row)
    )


def _notice(key: str, row: Any) -> Iterator[Discrepancy]:
    """A notice is in the outbox, for the case, person and channel its key names."""
    if row is None:
        yield Discrepancy(table="notices", key=key, column="stable_key", expected=key, found=None)
        return
    case_id, _, person, channel = (key.split(":") + [""] * 4)[:4]
    for column, expected in (("case_id", case_id), ("person_id", person), ("channel", channel)):
        found = getattr(row, column)
        if found != expected:
            yield Discrepancy(table="notices", key=row.id, column=column, expected=expected, found=found)
