"""The whole log, for those who audit it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, text, tuple_
from sqlalchemy.orm import Session

from models import Account, Case, Disclosure, Entry, JointBase, Person, Round, Unit
from models.log import REFUSED
from workflow.errors import NotFound
from workflow.log import GENESIS, entry_hash
from workflow.periods import end_of, start_of
from workflow.queries.paging import Order, Page, number_mark, page
from workflow.snapshot import Row

COLUMNS: tuple[Any, ...] = (
    Entry.id, Entry.stream, Entry.seq, Entry.kind, Entry.act, Entry.outcome, Entry.from_state, Entry.to_state, Entry.actor,
    Entry.actor_id, Entry.source, Entry.effective_on, Entry.recorded_at, Entry.hash, Entry.case_id, Entry.on_behalf_of,
    Person.name.label("actor_name"), Case.edition_id,
)  # fmt: skip

WITH_BODY: tuple[Any, ...] = (
    *COLUMNS, Entry.body, Entry.unit_id, Unit.name.label("unit_name"), JointBase.base_name, JointBase.base_number,
    JointBase.application_number,
)  # fmt: skip

OF_CASES = Entry.stream.like("case:%")

COUNTED = 10_000
"""No count of matches goes further."""

MANY = 500
"""People a part of a name may mean before they are left to the database to look up, entry by entry: some of so many have acted lately."""

SYSTEM_NAME = re.compile(r"[a-z_]+")
"""What acts without being a person is named by such a word."""

BATCH = 500
"""Rows an export reads at a time."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _marked(row: Row) -> str:
    """The mark of an entry: the microsecond of its recording, and its id."""
    return f"{(row['recorded_at'] - EPOCH) // timedelta(microseconds=1)}-{row['id']}"


def _read_mark(mark: str) -> Any:
    recorded, _, number = mark.partition("-")
    try:
        at = EPOCH + timedelta(microseconds=number_mark(recorded))
    except OverflowError as error:
        raise ValueError("no mark of an entry") from error
    return tuple_(literal(at, Entry.recorded_at.type), literal(number_mark(number), Entry.id.type))


NEWEST = Order(
    column=Entry.recorded_at,
    then=Entry.id,
    name="id",
    read=_read_mark,
    mark=_marked,
)
"""As they were recorded: so a range of days and any filter are stretches of one index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """What is asked of the log; empty parts narrow nothing."""

    kind: str = ""
    case: str = ""
    """The identifier of a case."""
    actor: str = ""
    """The identifier of a person."""
    who: str = ""
    """Part of an actor's name, staff number or login, or the name of what acted for the system."""
    behalf: str = ""
    """The identifier of the person somebody stood in for."""
    base: str = ""
    """Part of a base's number or name."""
    unit: str = ""
    act: str = ""
    edition: str = ""
    source: str = ""
    stream: str = ""
    refused: bool = False
    """Only what did not happen."""
    since: date | None = None
    """Recorded on this Beijing day or later."""
    until: date | None = None
    """Recorded on this Beijing day or earlier."""


def log_page(
    session: Session, wanted: LogFilter, *, after: str | None = None, before: str | None = None
) -> Page:
    """One page of the entries of every stream, newest first. Whether the reader may is asked before."""
    statement = (
        select(*COLUMNS)
        .select_from(Entry)
        .outerjoin(Person, Person.id == Entry.actor_id)
        .outerjoin(Case, Case.id == Entry.case_id)
        .where(*_narrowed(session, wanted))
    )
    whole = wanted == LogFilter()
    return page(session, statement, NEWEST, after=after, before=before, is_planned_once=whole)


def log_count(session: Session, wanted: LogFilter) -> int:
    """How many entries match, at most one more than COUNTED."""
    rows = select(Entry.id).where(*_narrowed(session, wanted)).limit(COUNTED + 1)
    return session.scalar(select(func.count()).select_from(rows.subquery())) or 0


def log_rows(session: Session, wanted: LogFilter, *, until: int) -> Iterator[Row]:
    """Every matching entry up to an id, newest first, with its body read, batch by batch."""
    statement, after, more = _whole(session, wanted).where(Entry.id <= until), None, True
    while more:
        found = page(session, statement, NEWEST, after=after, before=None, size=BATCH)
        for row in found.rows:
            yield {**row, "body": json.loads(row["body"]), "text": row["body"]}
        after, more = found.older, found.older is not None


def any_entry(session: Session, wanted: LogFilter, *, of_cases: bool = False) -> bool:
    """Whether anything matches; `of_cases`, among what happened to cases."""
    found = select(Entry.id).where(*_narrowed(session, wanted), *([OF_CASES] if of_cases else [])).limit(1)
    return session.execute(found).first() is not None


def rows_by_case(session: Session, wanted: LogFilter, *, until: int) -> Iterator[Row]:
    """Every matching entry of a case up to an id, case by case in the order of their entries, read as they are taken."""
    statement = (
        _whole(session, wanted)
        .where(OF_CASES, Entry.id <= until)
        .order_by(Entry.stream, Entry.seq)
        .execution_options(yield_per=BATCH)
    )
    return (dict(row) for row in session.execute(statement).mappings())


def base_asked_for(session: Session, wanted: LogFilter) -> Row | None:
    """The base the log is narrowed to, by its identifier or by words only it bears: case_id and base_name; None for none or several."""
    if not wanted.case and not wanted.base:
        return None
    query = select(JointBase.case_id, JointBase.base_name)
    if wanted.case:
        query = query.where(JointBase.case_id == wanted.case)
    if wanted.base:
        query = query.where(JointBase.case_id.in_(_about(wanted.base)))
    found = session.execute(query.limit(2)).mappings().all()
    return dict(found[0]) if len(found) == 1 else None


def last_entry_id(session: Session) -> int:
    """The id of the entry written last; 0 for an empty log."""
    return session.scalar(select(func.max(Entry.id))) or 0


def _whole(session: Session, wanted: LogFilter) -> Select[*tuple[Any, ...]]:
    return (
        select(*WITH_BODY)
        .select_from(Entry)
        .outerjoin(Person, Person.id == Entry.actor_id)
        .outerjoin(Case, Case.id == Entry.case_id)
        .outerjoin(JointBase, JointBase.case_id == Entry.case_id)
        .outerjoin(Unit, Unit.id == Entry.unit_id)
        .where(*_narrowed(session, wanted))
    )


def _narrowed(session: Session, wanted: LogFilter) -> list[Any]:
    equal = (
        (Entry.kind, wanted.kind),
        (Entry.case_id, wanted.case),
        (Entry.actor_id, wanted.actor),
        (Entry.unit_id, wanted.unit),
        (Entry.act, wanted.act),
        (Entry.source, wanted.source),
        (Entry.stream, wanted.stream),
        (Entry.on_behalf_of, wanted.behalf),
    )
    conditions: list[Any] = [column == value for column, value in equal if value]
    if wanted.who:
        conditions.append(_acted(session, wanted.who))
    if wanted.base:
        conditions.append(Entry.case_id.in_(_about(wanted.base)))
    if wanted.edition:
        conditions.append(Entry.case_id.in_(select(Case.id).where(Case.edition_id == wanted.edition)))
    if wanted.refused:
        conditions.append(text(f"entries.{REFUSED}"))
    if wanted.since is not None:
        conditions.append(Entry.recorded_at >= start_of(wanted.since))
    if wanted.until is not None:
        conditions.append(Entry.recorded_at < end_of(wanted.until))
    return conditions


def _acted(session: Session, said: str) -> ColumnElement[bool]:
    """Whoever is meant by a part of a name, looked up before, so that the log is read by the indexes on who acted."""
    people = (
        select(Person.id)
        .outerjoin(Account, Account.person_id == Person.id)
        .where(
            or_(
                *(
                    column.icontains(said, autoescape=True)
                    for column in (Person.name, Person.staff_number, Account.login)
                )
            )
        )
        .distinct()
    )
    found = session.scalars(people.limit(MANY + 1)).all()
    arms: list[ColumnElement[bool]] = []
    if found:
        arms.append(Entry.actor_id.in_(people if len(found) > MANY else sorted(found)))
    if not found or SYSTEM_NAME.fullmatch(said):
        arms.append(and_(Entry.actor_id.is_(None), Entry.actor == f"system:{said}"))
    return or_(*arms)


def _about(said: str) -> Select[str]:
    columns = (JointBase.base_number, JointBase.application_number, JointBase.base_name)
    return select(JointBase.case_id).where(
        or_(*(column.icontains(said, autoescape=True) for column in columns))
    )


# ───────────────────────────── One entry and its proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One entry with its neighbours in the stream, and what was found when its chain was computed again."""

    row: Row
    body: Mapping[str, Any]
    newer_id: int | None
    older_id: int | None
    faults: tuple[str, ...]
    """Codes of what does not hold: hash, prev, next, columns. Empty: the entry is whole and in its place."""


def proof_of(session: Session, entry_id: int) -> Proof:
    """Read an entry and check it against its own text and its neighbours. Raises NotFound."""
    statement = _whole(session, LogFilter()).where(Entry.id == entry_id)
    row = session.execute(statement).mappings().first()
    if row is None:
        raise NotFound("no_such_entry", entry=entry_id)
    older, newer = (_neighbour(session, row, step) for step in (-1, 1))
    body = _parsed(row["body"])
    return Proof(
        row=dict(row),
        body=body,
        newer_id=newer.id if newer else None,
        older_id=older.id if older else None,
        faults=tuple(_faults(row, body, older, newer)),
    )


def _neighbour(session: Session, row: Any, step: int) -> Any:
    return session.execute(
        select(Entry.id, Entry.hash, Entry.body).where(
            Entry.stream == row["stream"], Entry.seq == row["seq"] + step
        )
    ).first()


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        read = json.loads(text)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _faults(row: Any, body: Mapping[str, Any], older: Any, newer: Any) -> Iterator[str]:
    if entry_hash(row["body"]) != row["hash"]:
        yield "hash"
    expected = GENESIS if row["seq"] == 1 else older.hash if older else None
    if body.get("prev") != expected:
        yield "prev"
    if newer is not None and _parsed(newer.body).get("prev") != row["hash"]:
        yield "next"
    repeated = ("stream", "seq", "kind", "act", "outcome", "actor", "source", "on_behalf_of")
    if any(body.get(name) != row[name] for name in repeated):
        yield "columns"


def is_undisclosed(session: Session, body: Mapping[str, Any]) -> bool:
    """Whether an entry is of a ballot whose round is still open; what was chosen is told to nobody before it closes."""
    ballots = [change for change in body.get("changes") or () if change.get("table") == "ballots"]
    rounds = {str((change.get("set") or {}).get("round_id")) for change in ballots}
    if not rounds:
        return False
    running = select(Round.id).where(Round.id.in_(rounds), Round.closed_seq.is_(None))
    return session.execute(running.limit(1)).first() is not None


def disclosed(session: Session, commitments: set[str]) -> dict[str, Any]:
    """The personal values behind commitments, those that were erased left out."""
    if not commitments:
        return {}
    rows = session.execute(
        select(Disclosure.commitment, Disclosure.value).where(
            Disclosure.commitment.in_(sorted(commitments)), Disclosure.salt.is_not(None)
        )
    )
    return {row.commitment: row.value for row in rows}
