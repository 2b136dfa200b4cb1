"""Verify the log: every entry's spelling, hash, place and chain, and the columns, ends and values that repeat it.

It reads page by page in the order of the streams, so its memory does not grow with the log, and it goes on after a
fault, so that one verdict names them all. `docs/log-format.md` states what is checked here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, Row, String, Text, cast, func, literal, select
from sqlalchemy.orm import Session

from models import Case, Disclosure, Entry, Stream
from models.changes import plain
from workflow import glance
from workflow.glance import BODY, HASH, ID, PREFIX, REPEATED, SEQ, STREAM, prev_of, rows
from workflow.log import (
    CASE_FIELDS,
    FIELDS,
    FORMAT,
    GENESIS,
    NotPlain,
    commits,
    read,
    respelled,
)
from workflow.unreadable import FAILURES, is_of_a_value, undecodable, unreadable

PAGE = 500
"""Entries read at once."""

LIMIT = 1000
"""Findings after which a verdict stops collecting; it goes on counting entries."""

Progress = Callable[[int, int], None]
"""Told how many entries have been looked at, of how many."""

COMMITTED = re.compile(rb'"commitment":"([0-9a-f]{64})"')
"""A commitment as it stands in a canonical text; within a value its quotes would be escaped."""


class Kind(StrEnum):
    """What can be wrong with a log."""

    UNREADABLE = "unreadable"
    """The text is not JSON, or has a fraction or too large a number."""
    MALFORMED = "malformed"
    """The text lacks a field, has one too many, or is of an unknown format."""
    NOT_CANONICAL = "not_canonical"
    """The text says what it should in another spelling."""
    HASH_DIFFERS = "hash_differs"
    """The hash kept with the text is not the text's."""
    CHAIN_BROKEN = "chain_broken"
    """The entry is not the one its neighbours in the chain vouch for."""
    MISSING = "missing"
    """There is no entry in this place, though there is one after it or the stream's end says so."""
    DOUBLED = "doubled"
    """A second entry claims this place."""
    END_DIFFERS = "end_differs"
    """The stream's end is not the one kept with the case or in the table of streams."""
    COLUMN_DIFFERS = "column_differs"
    """A column that repeats the text says something else."""
    COMMITMENT_BROKEN = "commitment_broken"
    """The personal value kept outside the log is not the one committed to."""
    TREE_DIFFERS = "tree_differs"
    """The entry is not the one that was taken into the tree, or a node of the tree does not follow from its leaves."""
    CHECKPOINT_DIFFERS = "checkpoint_differs"
    """The log is not the one a checkpoint was made of; the entry is the first the checkpoint before it does not cover."""
    BAD_CHECKPOINT = "bad_checkpoint"
    """A checkpoint cannot be read, is of another log, or is not signed by the key in force at its size."""
    SHORTER = "shorter"
    """The log has fewer entries than a checkpoint says."""
    VALUE_MISSING = "value_missing"
    """There is no row for a commitment, not even an erased one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault, and the place of the entry it is about."""

    kind: Kind
    stream: str
    seq: int
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a verification found: how much was looked at, and every fault in the order of the streams."""

    entries: int = 0
    streams: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def sound(self) -> bool:
        return not self.findings

    @property
    def first(self) -> Finding | None:
        """The first bad entry."""
        return self.findings[0] if self.findings else None

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(
            entries=self.entries + other.entries,
            streams=self.streams + other.streams,
            findings=(self.findings + other.findings)[:LIMIT],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The streams after one name, up to and with another; None is the end of the table."""

    after: str | None = None
    until: str | None = None

    def bounds(self) -> tuple[list[str], list[str]]:
        """The same in the database's own marks, with the values they stand for."""
        given = [(mark, name) for mark, name in ((">", self.after), ("<=", self.until)) if name is not None]
        return [f"stream {mark} ${place}" for place, (mark, _) in enumerate(given, start=1)], [
            name for _, name in given
        ]

    def holds(self, stream: Any) -> list[ColumnElement[bool]]:
        bounds = []
        if self.after is not None:
            bounds.append(stream > self.after)
        if self.until is not None:
            bounds.append(stream <= self.until)
        return bounds


WHOLE = Span()


def verify(session: Session, *, progress: Progress | None = None, span: Span = WHOLE) -> Verdict:
    """Check every entry of the span's streams; the session should see one consistent state."""
    total = entries_in(session, span) if progress is not None else 0
    run = _Run(session=session)
    try:
        for page in rows(session, *span.bounds(), page=PAGE):
            run.take(page)
            if progress is not None:
                progress(run.entries, total)
        run.close()
        run.findings += _without_entries(session, span)
    except FAILURES as error:
        run.findings += beyond_reading(session, error, READ)
    return Verdict(entries=run.entries, streams=run.streams, findings=tuple(run.findings[:LIMIT]))


@dataclass(slots=True, kw_only=True)
class _Run:
    """One pass over the streams."""

    session: Session
    findings: list[Finding] = field(default_factory=list)
    entries: int = 0
    streams: int = 0
    chain: _Chain | None = None

    def take(self, page: Sequence[glance.Row]) -> None:
        """Check a page; what shows no fault at a glance is only chained."""
        prevs = [prev_of(row) for row in page]
        ends = _ends(self.session, {row[STREAM] for row in page})
        doubted = _exact(self.session, [row for row, prev in zip(page, prevs, strict=True) if prev is None])
        chain = self.chain
        for row, prev in zip(page, prevs, strict=True):
            if chain is None or chain.stream != row[STREAM]:
                chain = self._next(row[STREAM], ends)
            if prev is None:
                self.findings += _checked(row, doubted.get(row[ID]), chain)
            elif not chain.goes_on(row[SEQ], prev, row[HASH]):
                self.findings += chain.link(row[SEQ], prev, {row[HASH]})
        self.findings += _values(self.session, page)
        self.entries += len(page)
        del self.findings[LIMIT:]

    def _next(self, stream: str, ends: Mapping[str, tuple[int, str]]) -> _Chain:
        self.close()
        self.chain = _Chain(stream=stream, end=ends.get(stream))
        self.streams += 1
        return self.chain

    def close(self) -> None:
        """Compare the stream in hand with its end."""
        if self.chain is not None:
            self.findings += self.chain.closed()


# ───────────────────────────── Reading


READ = ("entries", "cases", "streams", "disclosures")
"""The tables a verification of the entries reads."""


def beyond_reading(session: Session, error: Exception, tables: Sequence[str]) -> Iterator[Finding]:
    """What the reading of some tables failed over: the values nobody can read. Other errors are raised again.

    What comes behind such a value was not looked at, and that alone keeps the log from being called sound.
    """
    if not is_of_a_value(error):
        raise error
    found = [*unreadable(session, tables)] or [*undecodable(session, tables)]
    for one in found[:LIMIT]:
        details = {"table": one.table, "key": one.key, "column": one.column}
        stream, seq = _named(session, one.key) if one.table == "entries" else (f"{one.table}:{one.key}", 0)
        yield Finding(kind=Kind.UNREADABLE, stream=stream, seq=seq, details=details)
    if not found:
        yield Finding(kind=Kind.UNREADABLE, stream=", ".join(tables), seq=0, details={"error": repr(error)})


def _named(session: Session, key: str) -> tuple[str, int]:
    """The place an entry claims, as well as it can be read."""
    text = Text if session.get_bind().dialect.name == "postgresql" else LargeBinary
    row = session.execute(
        select(cast(Entry.stream, text), cast(Entry.seq, text)).where(cast(Entry.id, String) == key)
    ).first()
    stream, seq = (
        value if isinstance(value, str) else bytes(value).decode(errors="replace")
        for value in row or ("", "")
    )
    return stream, int(seq) if seq.isdecimal() else 0


def _exact(session: Session, doubted: Sequence[glance.Row]) -> dict[int, Row[Any]]:
    """The rows that showed no soundness at a glance, read for good; not those whose text is none."""
    columns = (Entry.id, Entry.actor_id, Entry.hash, Entry.body, *(getattr(Entry, name) for name in REPEATED))
    ids = [row[ID] for row in doubted if _text(row) is not None]
    return {row.id: row for row in _in(session, select(*columns), Entry.id, ids)}


def _text(row: glance.Row) -> str | None:
    """An entry's text; None for bytes that are none, which SQLite keeps as readily as others."""
    try:
        return row[BODY].decode() if row[BODY] is not None else None
    except UnicodeDecodeError:
        return None


def entries_in(session: Session, span: Span = WHOLE) -> int:
    """How many entries the span's streams have."""
    count = select(func.count()).select_from(Entry).where(*span.holds(Entry.stream))
    return session.execute(count).scalar_one()


def _ends(session: Session, names: Iterable[str]) -> dict[str, tuple[int, str]]:
    """The ends of the streams as the cases and the table of streams keep them."""
    cases = [name.removeprefix("case:") for name in names if _is_case(name)]
    others = [name for name in names if not name.startswith("case:")]
    known = {
        f"case:{row.id}": (row.log_seq, row.log_head) for row in _in(session, _CASE_ENDS, Case.id, cases)
    }
    return known | {row.name: (row.seq, row.head) for row in _in(session, _STREAM_ENDS, Stream.name, others)}


_CASE_ENDS = select(Case.id, Case.log_seq, Case.log_head)
_STREAM_ENDS = select(Stream.name, Stream.seq, Stream.head)
_CASE_NAME = re.compile(r"case:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _is_case(name: str) -> bool:
    return _CASE_NAME.fullmatch(name) is not None


def _in(session: Session, query: Any, column: Any, values: Sequence[Any]) -> Sequence[Row[Any]]:
    return session.execute(query.where(column.in_(values))).all() if values else ()


# ───────────────────────────── One entry


def _checked(seen: glance.Row, row: Row[Any] | None, chain: _Chain) -> Iterator[Finding]:
    """Everything an entry shows by itself, then its place in the chain. `row`: the same, read for good."""
    stream, seq = seen[STREAM], seen[SEQ]
    computed = hashlib.sha256(PREFIX + (seen[BODY] or b"")).hexdigest()
    if computed != seen[HASH]:
        yield Finding(kind=Kind.HASH_DIFFERS, stream=stream, seq=seq, details={"computed": computed})
    body: Any = None
    try:
        if row is None:
            raise NotPlain("no text")
        body = read(row.body)
    except NotPlain:
        yield Finding(kind=Kind.UNREADABLE, stream=stream, seq=seq)
    else:
        faults = list(_shape(row, body))
        yield from faults
        if not faults:
            yield from _columns(seen, row, body)
    # What a changed text says of the entry before it speaks against nobody else.
    prev = body.get("prev") if isinstance(body, dict) and computed == seen[HASH] else None
    yield from chain.link(seq, prev, {seen[HASH], computed})


def _shape(row: Row[Any], body: Any) -> Iterator[Finding]:
    wanted = CASE_FIELDS if row.stream.startswith("case:") else FIELDS
    fields = body.keys() if isinstance(body, dict) else frozenset()
    if fields != wanted or body["format"] != FORMAT or type(body["seq"]) is not int:
        details = {"lacking": sorted(wanted - fields), "unknown": sorted(fields - wanted)}
        yield Finding(kind=Kind.MALFORMED, stream=row.stream, seq=row.seq, details=details)
    elif respelled(body) != row.body:
        yield Finding(kind=Kind.NOT_CANONICAL, stream=row.stream, seq=row.seq)


def _columns(seen: glance.Row, row: Row[Any], body: Mapping[str, Any]) -> Iterator[Finding]:
    """Compare the columns with the text; an instant or a day also as it is spelled, for by that SQLite sorts."""
    held, spelled = row._mapping, dict(zip(REPEATED, seen[STREAM:], strict=True))
    actor = str(body["actor"])
    person = actor.removeprefix("person:") if actor.startswith("person:") else None
    said = [(column, body[name]) for column, name in REPEATED.items()]
    for column, expected in (*said, ("actor_id", person)):
        found = held[column]
        if found != expected and plain(found) != expected or spelled.get(column, expected) != expected:
            details = {"column": column, "expected": expected, "found": plain(found)}
            yield Finding(kind=Kind.COLUMN_DIFFERS, stream=row.stream, seq=row.seq, details=details)


def _values(session: Session, page: Sequence[glance.Row]) -> Iterator[Finding]:
    """Whether the personal values the page commits to are still those; an erased one has neither salt nor value."""
    cited = {
        digest.decode(): row
        for row in page
        if row[BODY] is not None and b'"commitment"' in row[BODY]
        for digest in COMMITTED.findall(row[BODY])
    }
    query = select(Disclosure.commitment, Disclosure.salt, Disclosure.value)
    known = {row.commitment: row for row in _in(session, query, Disclosure.commitment, list(cited))}
    for digest, row in cited.items():
        kept = known.get(digest)
        if kept is None:
            kind = Kind.VALUE_MISSING
        elif (kept.salt, kept.value) != (None, None) and not commits(kept.salt, kept.value, digest):
            kind = Kind.COMMITMENT_BROKEN
        else:
            continue
        yield Finding(kind=kind, stream=row[STREAM], seq=row[SEQ], details={"commitment": digest})


# ───────────────────────────── The chain of a stream


@dataclass(slots=True, kw_only=True)
class _Chain:
    """Follows one stream. Where two neighbours disagree, the one that a third vouches for is believed."""

    stream: str
    end: tuple[int, str] | None
    seq: int = 0
    hashes: Collection[str] = (GENESIS,)
    """The hash kept with the last entry and the one its text has; the next may name either."""
    doubted: int | None = None
    """The entry before the last, when the last does not continue it."""

    def goes_on(self, seq: int, prev: str, digest: str) -> bool:
        """Take the next entry when there is nothing to say of it or of the last; False when `link` must."""
        if seq != self.seq + 1 or prev not in self.hashes or self.doubted is not None:
            return False
        self.seq, self.hashes = seq, (digest,)
        return True

    def link(self, seq: int, prev: str | None, hashes: Collection[str]) -> Iterator[Finding]:
        """Take the next entry; `prev` is None when its text could not be read or is not the one its hash is of."""
        if seq <= self.seq:
            yield self._finding(Kind.DOUBLED, seq)
            return
        if seq > self.seq + 1:
            yield from self._settled(vouched=True)
            yield self._finding(Kind.MISSING, self.seq + 1, until=seq - 1)
        else:
            continued = prev is None or prev in self.hashes
            yield from self._settled(vouched=continued)
            if not continued:
                self.doubted = self.seq
        self.seq, self.hashes = seq, hashes

    def closed(self) -> Iterator[Finding]:
        """Compare with the end kept elsewhere."""
        reached = self.end is not None and self.end[0] == self.seq
        agreed = reached and self.end is not None and self.end[1] in self.hashes
        yield from self._settled(vouched=agreed)
        if self.end is not None and self.end[0] > self.seq:
            yield self._finding(Kind.MISSING, self.seq + 1, until=self.end[0])
        elif not agreed:
            yield self._finding(
                Kind.END_DIFFERS, self.seq, kept=self.end[0] if self.end is not None else None
            )

    def _settled(self, *, vouched: bool) -> Iterator[Finding]:
        """Decide whom an earlier disagreement speaks against, now that it is known whether the last entry is vouched for."""
        if self.doubted is not None:
            blamed = self.doubted if vouched and self.doubted > 0 else self.seq
            yield self._finding(Kind.CHAIN_BROKEN, blamed, between=[self.doubted, self.seq])
            self.doubted = None

    def _finding(self, kind: Kind, seq: int, **details: Any) -> Finding:
        return Finding(kind=kind, stream=self.stream, seq=seq, details=details)


def _without_entries(session: Session, span: Span) -> Iterator[Finding]:
    """Streams whose end is kept but of which no entry is left."""
    name = literal("case:") + cast(Case.id, String)
    for ends, stream, seq in ((Case, name, Case.log_seq), (Stream, Stream.name, Stream.seq)):
        left = select(Entry.id).where(Entry.stream == stream).exists()
        query = select(stream.label("stream"), seq.label("seq")).select_from(ends)
        for row in session.execute(query.where(~left, seq > 0, *span.holds(stream)).limit(LIMIT)):
            yield Finding(kind=Kind.MISSING, stream=row.stream, seq=1, details={"until": row.seq})
