"""The log's entries, chained per stream, and the personal values they commit to.

`entries` is append-only: the database itself refuses UPDATE and DELETE.
"""

from __future__ import annotations

from sqlalchemy import DDL, BigInteger, CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, event
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from models.database import Base
from models.types import Day, Digest, Id, IdPk, Instant, Json, Large, Line, Prose, Whole, Word

SEARCHED = ("kind", "act", "case_id", "unit_id", "actor_id", "source")
"""Columns by which auditors narrow the log; within each its entries lie in the order of their recording."""

REFUSED = "kind IN ('denied', 'sign_in_failed')"
"""What tells of something that did not happen."""


class Entry(Base):
    """One act, for ever. `body` is the canonical text that is hashed; the other columns repeat parts of it for search."""

    __tablename__ = "entries"
    __table_args__ = (
        UniqueConstraint("stream", "seq", name="one_entry_per_place_in_its_stream"),
        Index("ix_entries_actor", "actor_id", "id"),
        Index("ix_entries_recorded", "recorded_at", "id"),
        *(Index(f"ix_entries_by_{name}", name, "recorded_at", "id") for name in SEARCHED),
        Index(
            "ix_entries_by_on_behalf_of",
            "on_behalf_of",
            "recorded_at",
            "id",
            sqlite_where=sql("on_behalf_of IS NOT NULL"),
            postgresql_where=sql("on_behalf_of IS NOT NULL"),
        ),
        Index(
            "ix_entries_refused",
            "recorded_at",
            "id",
            sqlite_where=sql(REFUSED),
            postgresql_where=sql(REFUSED),
        ),
    )

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    stream: Mapped[Line]
    seq: Mapped[Whole]
    kind: Mapped[Word]
    act: Mapped[Word | None]
    outcome: Mapped[Word | None]
    from_state: Mapped[Word | None]
    to_state: Mapped[Word | None]
    case_id: Mapped[Id | None]
    unit_id: Mapped[Id | None]
    ground: Mapped[Line | None] = mapped_column(index=True)
    actor_id: Mapped[Id | None]
    actor: Mapped[Line]
    source: Mapped[Word]
    effective_on: Mapped[Day]
    recorded_at: Mapped[Instant]
    body: Mapped[Prose]
    hash: Mapped[Digest]
    on_behalf_of: Mapped[Id | None]


class Stream(Base):
    """The end of the chain of a stream that is not a case's."""

    __tablename__ = "streams"

    name: Mapped[Line] = mapped_column(primary_key=True)
    seq: Mapped[Whole]
    head: Mapped[Digest]


class Leaf(Base):
    """An entry's place in the one tree over the whole log, and the hash it had when it was taken in.

    No foreign key: checking it would lock the entry's row and write to its page, and entries are never deleted anyway.
    """

    __tablename__ = "leaves"

    number: Mapped[Large] = mapped_column(primary_key=True, autoincrement=False)
    entry_id: Mapped[Large] = mapped_column(unique=True)
    hash: Mapped[Digest]


class Node(Base):
    """A node of the tree that spares proofs reading all that is below it: the root of 256 leaves, or of 256 such nodes.

    `place` is the level (8, 16 …) times 2^48, plus the number among the nodes of the level.
    """

    __tablename__ = "nodes"

    place: Mapped[Large] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[Digest]


class Sealing(Base):
    """How far the tree has come; there is one row, and whoever moves it locks it.

    No entry up to `floor` is missing in the tree. `mark` becomes the floor when every transaction before `mark_xid` is over.
    """

    __tablename__ = "sealing"

    name: Mapped[Word] = mapped_column(primary_key=True)
    size: Mapped[Large]
    floor: Mapped[Large]
    mark: Mapped[Large]
    mark_xid: Mapped[Large]


class LogKey(Base):
    """A public key of the log, and the sizes of the tree whose checkpoints it signs."""

    __tablename__ = "log_keys"

    hint: Mapped[Word] = mapped_column(primary_key=True)
    public_key: Mapped[Line]
    from_size: Mapped[Large]
    until_size: Mapped[Large | None]


class Checkpoint(Base):
    """A signed head of the log: so many entries, and the root over them. `note` is its text with the signature."""

    __tablename__ = "checkpoints"

    size: Mapped[Large] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[Digest]
    signed_at: Mapped[Instant]
    note: Mapped[Prose]


class CheckpointPlace(Base):
    """A place outside that gets checkpoints: the last it took, and when the next is tried."""

    __tablename__ = "checkpoint_places"

    name: Mapped[Word] = mapped_column(primary_key=True)
    size: Mapped[Large]
    delivered_at: Mapped[Instant | None]
    attempts: Mapped[Whole]
    next_try_at: Mapped[Instant]
    failure: Mapped[Prose | None]


class LogWatch(Base):
    """What the continuous check of the log has come to; one row, which whoever takes the next part moves on."""

    __tablename__ = "log_watch"

    name: Mapped[Word] = mapped_column(primary_key=True)
    due_at: Mapped[Instant]
    position: Mapped[Large]
    newest: Mapped[Large]
    checked_at: Mapped[Instant | None]
    round_ended_at: Mapped[Instant | None]
    findings: Mapped[Json]


class Disclosure(Base):
    """A personal value outside the log: the entry holds only `commitment` = SHA-256(salt ‖ value). Erasable."""

    __tablename__ = "disclosures"

    commitment: Mapped[Digest] = mapped_column(primary_key=True)
    salt: Mapped[Word | None]
    value: Mapped[Json | None]


class Notice(Base):
    """A row of the outbox: one per event, recipient and channel, told apart by a stable key."""

    __tablename__ = "notices"
    __table_args__ = (
        Index(
            "ix_notices_waiting",
            "next_try_at",
            sqlite_where=sql("next_try_at IS NOT NULL"),
            postgresql_where=sql("next_try_at IS NOT NULL"),
        ),
        Index("ix_notices_person", "person_id", "channel", "id"),
        Index("ix_notices_letter", "letter"),
        Index("ix_notices_letter_at", "person_id", "letter_at"),
    )

    id: Mapped[IdPk]
    stable_key: Mapped[Line] = mapped_column(unique=True)
    case_id: Mapped[Id | None] = mapped_column(ForeignKey("cases.id"), index=True)
    person_id: Mapped[Id] = mapped_column(ForeignKey("people.id"))
    channel: Mapped[Word]
    template: Mapped[Word]
    params: Mapped[Json]
    queued_at: Mapped[Instant]
    next_try_at: Mapped[Instant | None]
    sent_at: Mapped[Instant | None]
    read_at: Mapped[Instant | None]
    attempts: Mapped[Whole] = mapped_column(default=0)
    parked_at: Mapped[Instant | None]
    failure: Mapped[Prose | None]
    letter: Mapped[Id | None]
    """The notice whose letter this one goes in, its own where it goes alone; once set it stays, so that a letter sent
    again holds the same under the same Message-ID."""
    letter_at: Mapped[Instant | None]


class MailChoice(Base):
    """How a person wants the mails of a kind of notice; without a row the kind's own pace holds."""

    __tablename__ = "mail_choices"
    __table_args__ = (
        UniqueConstraint("person_id", "kind", name="one_choice_per_person_and_kind"),
        CheckConstraint("pace IN ('at_once', 'daily', 'off')", name="mail_comes_at_a_known_pace"),
    )

    id: Mapped[IdPk]
    person_id: Mapped[Id] = mapped_column(ForeignKey("people.id"))
    kind: Mapped[Word]
    pace: Mapped[Word]


class IdempotencyKey(Base):
    """The answer given to a request, so that the same request gets it again."""

    __tablename__ = "idempotency_keys"

    name: Mapped[Line] = mapped_column(primary_key=True)
    fingerprint: Mapped[Digest]
    answer: Mapped[Json]
    recorded_at: Mapped[Instant]


APPEND_ONLY_SQLITE = tuple(
    f"CREATE TRIGGER entries_refuse_{verb} BEFORE {verb.upper()} ON entries "
    f"BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
    for verb in ("update", "delete")
)
APPEND_ONLY_POSTGRESQL = (
    "CREATE FUNCTION entries_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the log is append-only'; END $$",
    "CREATE TRIGGER entries_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON entries "
    "FOR EACH STATEMENT EXECUTE FUNCTION entries_refuse_change()",
)
for _dialect, _statements in (("sqlite", APPEND_ONLY_SQLITE), ("postgresql", APPEND_ONLY_POSTGRESQL)):
    for _statement in _statements:
        _guard = DDL(_statement.replace("%", "%%"))  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
        event.listen(Entry.__table__, "after_create", _guard.execute_if(dialect=_dialect))
