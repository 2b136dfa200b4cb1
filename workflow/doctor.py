"""Replay the log and compare it with every table a decision writes.

Which rows an entry must have made:
- the rows of a case (`entries.OF_A_CASE` and its subject's table): always, and an entry of the case's own stream;
- partners and their names: always;
- those of any other table: from the first row on that an entry made in it. A table the log never spoke of is not
  compared, and a row made before is compared in the columns entries have changed.

Besides, what follows from a case is computed again (`projections`), every notice an entry names is in the outbox,
counters stand at the last number given, files and editions have the bytes their hashes name, the bytes of every document are
there, no more personal values are erased than entries tell, every running deadline is looked at in time, and the clock of a
demonstration is where entries moved it.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby, islice
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models import (
    Base,
    Blob,
    CalendarYear,
    Case,
    Counter,
    Disclosure,
    Edition,
    Entry,
    Grant,
    Installation,
    Notice,
    StoredDocument,
    Timer,
)
from models.changes import INSERT, key_column, key_value, plain
from workflow import clock, gather
from workflow.definition.problems import DefinitionProblems
from workflow.definition.values.edition import Definition
from workflow.entries import OF_A_CASE
from workflow.periods import beijing_day
from workflow.projections import projections
from workflow.replay import (
    Discrepancy,
    Fold,
    Place,
    Salts,
    Unfoldable,
    differences,
    digests,
    entry_of,
    moment,
)
from workflow.snapshot import Row
from workflow.timers import OPEN
from workflow.unreadable import Unreadable, is_of_a_value, undecodable, unreadable
from workflow.world import REVISION, definition_of

BATCH = 100
"""Cases folded at once."""

PAGE = 500
"""Rows read, or asked for by their keys, at once."""

LIMIT = 1000
"""Discrepancies after which the doctor stops."""

ALWAYS_MADE_BY_ENTRIES = frozenset(
    (
        "agenda_items", "api_tokens", "attendances", "calendar_links", "delegations", "mail_choices", "meetings",
        "partner_names", "partners", "unit_names",
    )
)  # fmt: skip
"""Shared tables no row of which may be older than the log: a row without an entry is one too many, though no entry ever
spoke of the table. The others were set down before the log began where a university was founded by hand."""

NUMBERED = ("application_number", "base_number")
NUMBER = re.compile(r"(\D+\d{4}-)(\d+)", re.ASCII)
"""A number drawn from a counter: the counter's name and how far it had come."""

OF_CASES = func.substr(Entry.stream, 1, 5) == "case:"
"""Not LIKE, to which SQLite's upper and lower case are one."""

ERASED = "person_erased"
"""The kind of an entry that tells of an erasure."""

FURTHEST = timedelta(days=366 * 5000)
"""How far no clock was ever moved; beyond it the calendar ends some day."""

UNREADABLE = "?"
"""In the place of a value nobody can read."""

Progress = Callable[[int, int], None]
"""Told how many entries have been folded, of how many."""


def examine(session: Session, *, progress: Progress | None = None) -> list[Discrepancy]:
    """Fold the whole log and name every field in which a table differs; the session should see one consistent state.

    Memory stays bounded: cases are folded a batch at a time, and changes of shared rows wait in a temporary file.
    Values nobody can read or reckon with are named first, and nothing else then: no row that holds one can be compared.
    """
    strange = list(islice(map(_strange, unreadable(session)), LIMIT)) or list(_impossible(session))
    if strange:
        return strange
    work = _Work(session=session, progress=progress)
    try:
        return list(islice(work.discrepancies(), LIMIT))
    except DBAPIError as error:
        if not is_of_a_value(error):
            raise
        return list(islice(map(_strange, undecodable(session)), LIMIT))


def as_of(session: Session, case_id: str, day: date) -> Mapping[str, tuple[Mapping[str, Any], ...]]:
    """The rows of a case as the log had left them at the end of a day in Beijing, by table; personal values as commitments."""
    fold = Fold()
    for row in session.execute(_entries([f"case:{case_id}"])).all():
        body = entry_of(row.body)
        if beijing_day(moment(body["recorded_at"])) > day:
            break
        for change in body["changes"]:
            for _ in fold.take(change, _place(row)):
                pass
    tables: dict[str, list[Mapping[str, Any]]] = {}
    for (table, key), values in fold.rows.items():
        tables.setdefault(table, []).append({key_column(table): key, **values})
    return {table: tuple(rows) for table, rows in tables.items()}


def _entries(streams: Sequence[str]) -> Any:
    query = select(Entry.id, Entry.stream, Entry.seq, Entry.body).where(Entry.stream.in_(streams))
    return query.order_by(Entry.stream, Entry.seq).execution_options(yield_per=PAGE)


def _place(row: Any) -> str:
    return f"{row.stream}#{row.seq}"


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
    shared: _Shared = field(default_factory=lambda: _Shared())
    own: frozenset[str] = field(default_factory=_own_tables)
    numbers: dict[str, int] = field(default_factory=dict)
    editions: set[tuple[str, str, str]] = field(default_factory=set)
    erased: int = 0
    """Personal values that entries tell were erased."""
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
        yield from self._of_numbers()
        yield from self._of_editions()
        yield from self._of_files()
        yield from self._of_erasures()
        yield from self._of_waking()
        yield from self._of_clock()

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
            self.erased += _erased_by(body)
            for change in body["changes"]:
                self.shared.add(row.id, change, _place(row))

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
        for row, body in self._taken(self.session.execute(_entries([f"case:{case_id}" for case_id in ids]))):
            found += [_unfoldable(row)] if body is None else self._fold(row, body, batch)
        found += self._rows(ids, batch.fold)
        found += self._cited(batch)
        yield from found
        if not found:
            yield from self._projections(cases, batch)

    def _fold(self, row: Any, body: Mapping[str, Any], batch: _Batch) -> Iterator[Discrepancy]:
        entry, case_id = _place(row), row.stream.removeprefix("case:")
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
        self.editions.add((str(body["lifecycle"]), str(edition.get("label")), str(edition.get("sha256"))))

    def _count(self, change: Mapping[str, Any]) -> None:
        for name in NUMBERED:
            match = NUMBER.fullmatch(str(change["set"].get(name)))
            if match:
                self.numbers[match[1]] = max(self.numbers.get(match[1], 0), int(match[2]))

    def _rows(self, ids: Sequence[str], fold: Fold) -> Iterator[Discrepancy]:
        salts = _salts(self.session, fold.rows.values())
        by_table: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in sorted(self.own)}
        for (table, key), values in fold.rows.items():
            by_table[table][key] = values
        for table, expected in by_table.items():
            owner = Base.metadata.tables[table].c["id" if table == "cases" else "case_id"]
            stored = _by_key(
                table, self.session.execute(select(owner.table).where(owner.in_(ids))).mappings()
            )
            stored |= _stored(self.session, table, expected.keys() - stored.keys())
            yield from _compared(table, expected, stored, salts, fold.partial)
            for key in stored.keys() - expected.keys():
                yield _too_many(table, key)

    def _cited(self, batch: _Batch) -> Iterator[Discrepancy]:
        """Notices the entries queued and documents they rest on."""
        told = {
            row.stable_key: row for row in _chunks(self.session, Notice, Notice.stable_key, batch.notices)
        }
        for key in batch.notices:
            yield from _notice(key, told.get(key))
        stored = _stored(self.session, "documents", batch.documents)
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

    # ── what stands beside the cases

    def _of_numbers(self) -> Iterator[Discrepancy]:
        kept = {row.name: row.value for row in self.session.execute(select(Counter.name, Counter.value))}
        for name, value in sorted(self.numbers.items()):
            if kept.get(name) != value:
                yield Discrepancy(
                    table="counters", key=name, column="value", expected=value, found=kept.get(name)
                )

    def _of_editions(self) -> Iterator[Discrepancy]:
        """Every edition has the bytes its hash names, and is there as long as an entry goes by it."""
        known = {}
        for row in self.session.execute(
            select(Edition.id, Edition.lifecycle, Edition.label, Edition.sha256, Edition.source)
        ):
            computed = hashlib.sha256(row.source.encode()).hexdigest()
            known[row.lifecycle, row.label] = row.sha256
            if computed != row.sha256:
                yield Discrepancy(
                    table="editions", key=row.id, column="source", expected=row.sha256, found=computed
                )
        for lifecycle, label, sha256 in sorted(self.editions):
            if known.get((lifecycle, label)) != sha256:
                yield Discrepancy(
                    table="editions",
                    key=label,
                    column="sha256",
                    expected=sha256,
                    found=known.get((lifecycle, label)),
                )

    def _of_files(self) -> Iterator[Discrepancy]:
        query = select(Blob.sha256, Blob.content).execution_options(yield_per=1)
        for row in self.session.execute(query):
            computed = hashlib.sha256(row.content).hexdigest()
            if computed != row.sha256:
                yield Discrepancy(
                    table="blobs", key=row.sha256, column="content", expected=row.sha256, found=computed
                )
        yield from self._of_named_files()

    def _of_named_files(self) -> Iterator[Discrepancy]:
        """The bytes a document names are there, and wait for no day on which they would be thrown away."""
        query = (
            select(StoredDocument.sha256, Blob.sha256.label("kept"), Blob.until)
            .outerjoin(Blob, Blob.sha256 == StoredDocument.sha256)
            .where(or_(Blob.sha256.is_(None), Blob.until.is_not(None)))
            .distinct()
        )
        for row in self.session.execute(query.order_by(StoredDocument.sha256)):
            if row.kept is None:
                yield Discrepancy(
                    table="blobs", key=row.sha256, column="sha256", expected=row.sha256, found=None
                )
            else:
                yield Discrepancy(
                    table="blobs", key=row.sha256, column="until", expected=None, found=plain(row.until)
                )

    def _of_erasures(self) -> Iterator[Discrepancy]:
        """As many personal values are erased as entries tell: of an erased one nothing else could be said any more."""
        query = select(func.count()).select_from(Disclosure).where(Disclosure.salt.is_(None))
        found = self.session.execute(query).scalar_one()
        if found != self.erased:
            yield Discrepancy(table="disclosures", key="*", column="salt", expected=self.erased, found=found)

    def _of_waking(self) -> Iterator[Discrepancy]:
        """No running deadline is looked at later than it falls: nobody would notice that it had."""
        late = or_(Timer.wake_at.is_(None), Timer.wake_at > Timer.due_at)
        query = select(Timer.id, Timer.due_at, Timer.wake_at).where(Timer.status == OPEN, late).limit(LIMIT)
        for row in self.session.execute(query.order_by(Timer.id)):
            yield Discrepancy(
                table="timers",
                key=row.id,
                column="wake_at",
                expected=plain(row.due_at),
                found=plain(row.wake_at),
            )

    def _of_clock(self) -> Iterator[Discrepancy]:
        """A clock nobody moved by an entry shows the machine's time."""
        offset = self.session.scalar(select(Installation.value).where(Installation.name == clock.OFFSET))
        if offset and not self.shared.tells_of("installation", clock.OFFSET):
            yield Discrepancy(
                table="installation", key=clock.OFFSET, column="value", expected=0, found=offset
            )


def _impossible(session: Session) -> Iterator[Discrepancy]:
    """Values by which neither the time nor the working days could be told, nor which world an act saw."""
    for name, value in session.execute(select(Installation.name, Installation.value)):
        if name in OF_THE_INSTALLATION and not OF_THE_INSTALLATION[name](value):
            yield Discrepancy(table="installation", key=name, column="value", expected=None, found=value)
    outside = ~CalendarYear.year.between(date.min.year, date.max.year)
    for year in session.scalars(select(CalendarYear.year).where(outside)):
        yield Discrepancy(table="calendar_years", key=str(year), column="year", expected=None, found=year)


def _is_number(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_offset(value: Any) -> bool:
    """Whether a clock moved on so far still shows a day."""
    return _is_number(value) and value < FURTHEST.total_seconds()


OF_THE_INSTALLATION: Mapping[str, Callable[[Any], bool]] = {
    REVISION: _is_number,
    clock.DEMONSTRATION: lambda value: type(value) is bool,
    clock.OFFSET: _is_offset,
}
"""What may stand there, where something reckons with it."""


def _erased_by(body: Mapping[str, Any]) -> int:
    details = body["details"] if body["kind"] == ERASED and isinstance(body["details"], dict) else {}
    count = details.get("count", 0)
    return count if type(count) is int else 0


def _strange(found: Unreadable) -> Discrepancy:
    return Discrepancy(table=found.table, key=found.key, column=found.column, expected=None, found=UNREADABLE)


def _unfoldable(row: Any) -> Discrepancy:
    return Discrepancy(
        table="entries", key=_place(row), column="body", expected=None, found=None, entry=_place(row)
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


# ───────────────────────────── Rows and their keys


def _by_key(table: str, rows: Iterable[Any]) -> dict[str, Mapping[str, Any]]:
    return {str(plain(row[key_column(table)])): row for row in rows}


def _stored(session: Session, table: str, keys: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """The rows with these keys."""
    columns = Base.metadata.tables[table]
    wanted = [value for value in (_value(table, key) for key in keys) if value is not None]
    found: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(wanted), PAGE):
        query = select(columns).where(columns.c[key_column(table)].in_(wanted[start : start + PAGE]))
        found |= _by_key(table, session.execute(query).mappings())
    return found


def _value(table: str, key: str) -> Any:
    try:
        return key_value(table, key)
    except ValueError:
        return None


def _chunks(session: Session, model: Any, column: Any, keys: Iterable[str]) -> Iterator[Any]:
    wanted = sorted(keys)
    for start in range(0, len(wanted), PAGE):
        yield from session.execute(select(model.__table__).where(column.in_(wanted[start : start + PAGE])))


def _compared(
    table: str,
    expected: Mapping[str, Mapping[str, Any]],
    stored: Mapping[str, Mapping[str, Any]],
    salts: Salts,
    partial: set[Place],
) -> Iterator[Discrepancy]:
    for key, values in expected.items():
        row = stored.get(key)
        if row is None:
            yield Discrepancy(table=table, key=key, column=key_column(table), expected=key, found=None)
        else:
            yield from differences((table, key), values, row, salts, whole=(table, key) not in partial)


def _too_many(table: str, key: str) -> Discrepancy:
    return Discrepancy(table=table, key=key, column=key_column(table), expected=None, found=key)


def _salts(session: Session, rows: Iterable[Mapping[str, Any]]) -> Salts:
    wanted = {digest for row in rows for value in row.values() for digest in digests(value)}
    found = _chunks(session, Disclosure, Disclosure.commitment, wanted)
    return Salts(known={row.commitment: row.salt for row in found})


# ───────────────────────────── Rows shared by cases


class _Shared:
    """Changes of rows that several streams may tell of, kept in a temporary file until all entries have been read."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("")
        self._file.execute(
            "CREATE TABLE changes (name TEXT, key TEXT, number INTEGER, change TEXT, entry TEXT)"
        )
        self._file.execute("CREATE INDEX changes_by_row ON changes (name, key, number)")

    def add(self, number: int, change: Mapping[str, Any], entry: str) -> None:
        row = (change["table"], change["key"], number, json.dumps(change), entry)
        self._file.execute("INSERT INTO changes VALUES (?, ?, ?, ?, ?)", row)

    def tells_of(self, table: str, key: str) -> bool:
        """Whether any entry changed a row."""
        return bool(
            self._file.execute("SELECT 1 FROM changes WHERE name = ? AND key = ?", (table, key)).fetchone()
        )

    def differences(self, session: Session) -> Iterator[Discrepancy]:
        """Fold the rows in the order in which their entries were written, and compare them with the tables."""
        made = self._file.execute("SELECT DISTINCT name FROM changes WHERE change ->> 'op' = ?", (INSERT,))
        complete = ({name for (name,) in made} | ALWAYS_MADE_BY_ENTRIES) & Base.metadata.tables.keys()
        rows = self._file.execute(
            "SELECT name, key, change, entry FROM changes ORDER BY name, key, number, rowid"
        )
        places = groupby(rows, key=lambda row: (row[0], row[1]))
        for table, group in groupby(places, key=lambda item: item[0][0]):
            if table in Base.metadata.tables:
                yield from _of_table(session, table, group, made_before=table not in complete)
        for table in sorted(complete):
            yield from self._not_made(session, table)

    def _not_made(self, session: Session, table: str) -> Iterator[Discrepancy]:
        """Rows of a table that no entry has spoken of."""
        column = Base.metadata.tables[table].c[key_column(table)]
        query = select(column).order_by(column).limit(PAGE)
        page = session.scalars(query).all()
        while page:
            keys = [str(plain(value)) for value in page]
            marks = ", ".join("?" for _ in keys)
            told = self._file.execute(
                f"SELECT DISTINCT key FROM changes WHERE name = ? AND key IN ({marks})", (table, *keys)
            )
            known = {key for (key,) in told}
            yield from (_too_many(table, key) for key in keys if key not in known)
            page = session.scalars(query.where(column > page[-1])).all()


def _of_table(
    session: Session,
    table: str,
    places: Iterator[tuple[Place, Iterator[tuple[str, str, str, str]]]],
    *,
    made_before: bool,
) -> Iterator[Discrepancy]:
    fold = Fold()
    for _, changes in places:
        for _, _, change, entry in changes:
            yield from fold.take(json.loads(change), entry, made_before=made_before)
        if len(fold.rows) == PAGE:
            yield from _settled(session, table, fold)
            fold = Fold()
    yield from _settled(session, table, fold)


def _settled(session: Session, table: str, fold: Fold) -> Iterator[Discrepancy]:
    expected = {key: values for (_, key), values in fold.rows.items()}
    salts = _salts(session, expected.values())
    yield from _compared(table, expected, _stored(session, table, expected), salts, fold.partial)
