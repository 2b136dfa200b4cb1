"""Take entries into the tree, and sign checkpoints of it. Nobody who acts waits for this, and it waits for nobody.

Entries are read as one snapshot shows them and taken in by a short transaction of its own, which locks nothing but the
sealer's own row. `docs/sealing.md` says why an entry is never forgotten and never taken twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.orm import Session

from models import Checkpoint, Database, Entry, Leaf, LogKey, Node, Sealing
from models.database import insert_into
from workflow.errors import WorkflowError
from workflow.merkle import Frontier, leaf_hash, root
from workflow.notes import Head, PublicKey, Signer
from workflow.tree import STEP, Tree, node_place

LOG = "log"
BATCH = 500
"""Entries taken in, or checkpoints signed, by one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When a checkpoint is signed: at each so many new entries, also within a burst, or when one has waited so long."""

    every: int = 100
    at_latest: timedelta = timedelta(minutes=10)


USUAL = Pace()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What a run did: entries taken in, how many the tree has now, and how many of them a checkpoint covers."""

    taken: int = 0
    size: int = 0
    covered: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """The sealer's row."""

    size: int = 0
    floor: int = 0
    mark: int = 0
    mark_xid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Entries about to be taken in, the tree's size they were read at, and what is known of those not yet seen."""

    seen: _State
    entries: Sequence[tuple[int, str]]
    """Id and hash, in the order in which they are taken in."""
    running_from: int
    """PostgreSQL: every transaction with a lower number is over."""
    running_until: int
    """PostgreSQL: no transaction with this number or a higher one had begun."""
    highest: int
    """The highest id there was."""


def seal(
    database: Database,
    *,
    signer: Signer | None,
    at: datetime,
    pace: Pace | None = USUAL,
    whole: bool = False,
) -> Sealed:
    """Take in every entry there is and sign the checkpoints that are due; without a signer nothing is signed.

    `pace`: None, and one checkpoint is due as soon as there is anything to cover. `whole`: look through the whole log
    instead of its end.
    """
    taken = 0
    while True:
        with database.reading() as session:
            batch = next_batch(session, whole=whole)
        if _moved(batch) != batch.seen and database.run(partial(take_in, batch=batch)):
            taken += len(batch.entries)
        if signer is not None:
            _sign_what_is_due(database, signer=signer, at=at, pace=pace)
        if len(batch.entries) < BATCH:
            break
    with database.reading() as session:
        return Sealed(taken=taken, size=tree_size(session), covered=covered_size(session))


# ───────────────────────────── Taking in


def next_batch(session: Session, *, whole: bool = False) -> Batch:
    """Read the entries that are not in the tree, as far as this snapshot shows them, the lowest id first."""
    seen = _state(session)
    above = [] if whole else [Entry.id > seen.floor]
    running_from, running_until = _running(session)
    rows = session.execute(
        select(Entry.id, Entry.hash)
        .outerjoin(Leaf, Leaf.entry_id == Entry.id)
        .where(*above, Leaf.number.is_(None))
        .order_by(Entry.id)
        .limit(BATCH)
    ).all()
    highest = session.scalar(select(func.max(Entry.id))) or 0
    return Batch(
        seen=seen,
        entries=[(row.id, row.hash) for row in rows],
        running_from=running_from,
        running_until=running_until,
        highest=highest,
    )


def _running(session: Session) -> tuple[int, int]:
    """The bounds of the transactions this snapshot sees as running; on SQLite none runs beside another."""
    if session.get_bind().dialect.name != "postgresql":
        return 0, 0
    bounds = session.execute(
        text(
            "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint "
            "FROM pg_current_snapshot() s"
        )
    ).one()
    return bounds[0], bounds[1]


def take_in(session: Session, *, batch: Batch) -> bool:
    """Write a batch into the tree; False when another sealer is at it or came first, and nothing was written."""
    if batch.seen == _State():
        session.execute(
            insert_into(session, Sealing)
            .values(name=LOG, size=0, floor=0, mark=0, mark_xid=0)
            .on_conflict_do_nothing()
        )
    if _locked(session) != batch.seen:
        return False
    _grow(session, batch)
    moved = _moved(batch)
    session.execute(update(Sealing).where(Sealing.name == LOG).values(asdict(moved)))
    return True


def _grow(session: Session, batch: Batch) -> None:
    size = batch.seen.size
    if not batch.entries:
        return
    frontier = Frontier.of(size, Tree(session).node)
    leaves, nodes = [], []
    for number, (entry_id, digest) in enumerate(batch.entries, start=size):
        leaves.append({"number": number, "entry_id": entry_id, "hash": digest})
        for level, place, node in frontier.append(leaf_hash(bytes.fromhex(digest))):
            if level % STEP == 0:
                nodes.append({"place": node_place(level, place), "hash": node.hex()})
    session.execute(insert(Leaf), leaves)
    if nodes:
        session.execute(insert(Node), nodes)


def _moved(batch: Batch) -> _State:
    """The sealer's row after a batch.

    The floor rises to the mark once all who could hold an id below it are over; a mark that another server's numbers
    have set is given up.
    """
    seen, size = batch.seen, batch.seen.size + len(batch.entries)
    if len(batch.entries) == BATCH:
        return _State(size=size, floor=seen.floor, mark=seen.mark, mark_xid=seen.mark_xid)
    floor, mark, mark_xid = seen.floor, seen.mark, seen.mark_xid
    is_over = batch.running_from >= mark_xid
    if is_over:
        floor = max(floor, mark)
    if (is_over and batch.highest > mark) or mark_xid > batch.running_until:
        mark, mark_xid = batch.highest, batch.running_until
    return _State(size=size, floor=floor, mark=mark, mark_xid=mark_xid)


def _state(session: Session) -> _State:
    return _read(session.execute(_ROW).first())


def _locked(session: Session) -> _State | None:
    """The sealer's row, locked; None when somebody else has it."""
    row = session.execute(_ROW.with_for_update(skip_locked=True)).first()
    return _read(row) if row is not None else None


_ROW = select(Sealing.size, Sealing.floor, Sealing.mark, Sealing.mark_xid).where(Sealing.name == LOG)


def _read(row: Any) -> _State:
    return _State(**row._mapping) if row is not None else _State()


def tree_size(session: Session) -> int:
    """How many entries the tree has."""
    return _state(session).size


def covered_size(session: Session) -> int:
    """How many entries the newest checkpoint covers."""
    return session.scalar(select(func.max(Checkpoint.size))) or 0


# ───────────────────────────── Signing


def _sign_what_is_due(database: Database, *, signer: Signer, at: datetime, pace: Pace | None) -> None:
    """Sign until nothing is due any more, or another sealer is at it."""
    signed = True
    while signed:
        with database.reading() as session:
            is_due = bool(_due(session, tree_size(session), at=at, pace=pace))
        signed = is_due and database.run(partial(sign, signer=signer, at=at, pace=pace)) > 0


def sign(session: Session, *, signer: Signer, at: datetime, pace: Pace | None = USUAL) -> int:
    """Sign the checkpoints of the tree that are due; return how many entries the last covers, 0 when none was signed.

    Raises WorkflowError `key_not_in_force` when the key is not the one the log goes by.
    """
    state = _locked(session)
    sizes = _due(session, state.size, at=at, pace=pace) if state is not None else []
    if not sizes:
        return 0
    write_checkpoints(session, signer, sizes=sizes, at=at)
    return sizes[-1]


def _due(session: Session, size: int, *, at: datetime, pace: Pace | None) -> list[int]:
    """The sizes whose checkpoints are due, the smallest first.

    Entries that came in a burst have one at each step of the pace, and the last covers all there is. Before the very
    first there was no key, and it does for everything.
    """
    last = session.execute(
        select(Checkpoint.size, Checkpoint.signed_at).order_by(Checkpoint.size.desc()).limit(1)
    ).first()
    if size <= (last.size if last else 0):
        return []
    if pace is None or last is None:
        return [size]
    if size - last.size < pace.every and abs(at - last.signed_at) < pace.at_latest:
        return []
    return [*range(last.size + pace.every, size, pace.every), size][:BATCH]


def write_checkpoints(session: Session, signer: Signer, *, sizes: Sequence[int], at: datetime) -> None:
    """Write the checkpoints of some sizes, the smallest first; whoever calls it holds the sealer's row."""
    key = key_in_force(session)
    if key is None or key.hint != signer.public.hint or sizes[0] < key.from_size:
        raise WorkflowError(
            "key_not_in_force", key=signer.public.hint, in_force=key.hint if key is not None else None
        )
    tree, rows = Tree(session), []
    for size in sizes:
        top = root(tree.node, size)
        note = signer.note(Head(origin=signer.origin, size=size, root=top).text)
        rows.append({"size": size, "root": top.hex(), "signed_at": at, "note": note})
    session.execute(insert(Checkpoint), rows)


def key_in_force(session: Session) -> LogKey | None:
    """The key that signs the log's checkpoints now."""
    return session.scalar(select(LogKey).where(LogKey.until_size.is_(None)))


def public_keys(session: Session) -> list[tuple[PublicKey, int, int | None]]:
    """Every key of the log with the first and the last size it signs, in order."""
    rows = session.scalars(select(LogKey).order_by(LogKey.from_size, LogKey.until_size.is_(None)))
    return [(PublicKey.read(row.public_key), row.from_size, row.until_size) for row in rows]
