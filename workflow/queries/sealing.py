"""How far the log is sealed, signed and kept outside."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Checkpoint, CheckpointPlace, Entry, Leaf, LogKey, LogWatch, Sealing
from workflow.merkle import inclusion
from workflow.snapshot import Row
from workflow.tree import Tree
from workflow.unreadable import Damaged, told_as_damage

ENOUGH = 2
"""Places outside an installation should have."""

PROOF = "c2sp.org/tlog-proof@v1"
"""The first line of a proof."""

SHOWN = 20
COUNTED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SealState:
    """What protects the log now."""

    size: int
    """Entries in the tree."""
    covered: int
    """Of them those the newest checkpoint covers."""
    outside: int
    """Of them those a checkpoint outside covers; a place that says it has more than was ever signed has nothing."""
    unsealed: int
    """Entries not in the tree yet, counted up to a bound."""
    places: Sequence[Row]
    checkpoints: Sequence[Row]
    """The newest ones, newest first."""
    keys: Sequence[Row]

    @property
    def unprotected(self) -> int:
        """Entries that only the key protects, or not even that."""
        return self.size - self.outside + self.unsealed

    @property
    def lacks_places(self) -> bool:
        return len([place for place in self.places if place["delivered_at"] is not None]) < ENOUGH

    @property
    def failing(self) -> Sequence[str]:
        """The places to which the last delivery failed."""
        return [place["name"] for place in self.places if place["failure"] is not None]


def seal_state(session: Session) -> SealState:
    """How far the log is sealed, signed and kept outside."""
    row = session.execute(select(Sealing.size, Sealing.floor)).first()
    size, floor = (row.size, row.floor) if row is not None else (0, 0)
    late = (
        select(Entry.id)
        .outerjoin(Leaf, Leaf.entry_id == Entry.id)
        .where(Entry.id > floor, Leaf.number.is_(None))
        .limit(COUNTED)
    )
    covered = session.scalar(select(func.max(Checkpoint.size))) or 0
    places = _rows(session, select(CheckpointPlace.__table__).order_by(CheckpointPlace.name))
    return SealState(
        size=size,
        covered=covered,
        outside=max((place["size"] for place in places if place["size"] <= covered), default=0),
        unsealed=session.scalar(select(func.count()).select_from(late.subquery())) or 0,
        places=places,
        checkpoints=_rows(
            session, select(Checkpoint.__table__).order_by(Checkpoint.size.desc()).limit(SHOWN)
        ),
        keys=_rows(session, select(LogKey.__table__).order_by(LogKey.from_size)),
    )


def _rows(session: Session, query: object) -> list[Row]:
    return [dict(row) for row in session.execute(query).mappings()]  # type: ignore[call-overload]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """The proof that an entry is in the log, by the newest checkpoint."""

    number: int
    """The entry's place in the tree."""
    size: int
    """Entries the checkpoint covers."""
    signed_at: datetime
    text: str
    """The proof as it is handed on (C2SP tlog-proof)."""


def inclusion_of(session: Session, entry_id: int) -> Inclusion | None:
    """The proof that an entry is in the log; None while no checkpoint covers it, or where tree or checkpoint are damaged."""
    try:
        with told_as_damage():
            return _inclusion_of(session, entry_id)
    except Damaged:
        return None


def _inclusion_of(session: Session, entry_id: int) -> Inclusion | None:
    number = session.scalar(select(Leaf.number).where(Leaf.entry_id == entry_id))
    newest = session.execute(
        select(Checkpoint.size, Checkpoint.note, Checkpoint.signed_at)
        .order_by(Checkpoint.size.desc())
        .limit(1)
    ).first()
    if number is None or newest is None or number >= newest.size:
        return None
    path = inclusion(Tree(session).node, number, newest.size)
    lines = [PROOF, f"index {number}", *(b64encode(node).decode() for node in path)]
    text = "\n".join(lines) + f"\n\n{newest.note}"
    return Inclusion(number=number, size=newest.size, signed_at=newest.signed_at, text=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a place outside has taken so far, and why it did not take the last."""

    name: str
    size: int = 0
    delivered_at: datetime | None = None
    failure: str | None = None


def deliveries(session: Session, names: Sequence[str]) -> list[Delivery]:
    """How the places of some names stand, in their order; one that was never tried has taken nothing."""
    rows = session.execute(
        select(
            CheckpointPlace.name, CheckpointPlace.size, CheckpointPlace.delivered_at, CheckpointPlace.failure
        ).where(CheckpointPlace.name.in_(names))
    ).mappings()
    known = {row["name"]: Delivery(**row) for row in rows}
    return [known.get(name, Delivery(name=name)) for name in names]


def note_of(session: Session, size: int) -> str | None:
    """The checkpoint of a size, None where there is none."""
    return session.scalar(select(Checkpoint.note).where(Checkpoint.size == size))


STALE = timedelta(minutes=10)
"""After which a check that says nothing is no good sign."""


def log_alarm(session: Session, *, at: datetime) -> str | None:
    """What the continuous check of the log says: `found` a fault, `stale` when it has stopped, None when all is well."""
    row = session.execute(select(LogWatch.checked_at, LogWatch.findings)).first()
    if row is None:
        return None
    if row.findings["shown"]:
        return "found"
    return "stale" if row.checked_at is None or abs(at - row.checked_at) > STALE else None


def log_faults(session: Session) -> list[Row]:
    """The faults the continuous check has found, the first first."""
    found = session.scalar(select(LogWatch.findings))
    return list(found["shown"]) if found is not None else []
