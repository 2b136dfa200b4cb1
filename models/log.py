"""The log's entries, chained per stream, and the personal values they commit to.

`entries` is append-only: the database itself refuses UPDATE and DELETE.
"""

from __future__ import annotations

from sqlalchemy import DDL, BigInteger, CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, event
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from models.database import Base
from models.types import Day, Digest, Id, IdPk, Instant, Json, Line, Prose, Whole, Word


class Entry(Base):
    """One act, for ever. `body` is the canonical text that is hashed; the other columns repeat parts of it for search."""

    __tablename__ = "entries"
    __table_args__ = (
        UniqueConstraint("stream", "seq", name="one_entry_per_place_in_its_stream"),
        Index("ix_entries_actor", "actor_id", "id"),
        Index("ix_entries_recorded", "recorded_at", "id"),
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


class Stream(Base):
    """The end of the chain of a stream that is not a case's."""

    __tablename__ = "streams"

    name: Mapped[Line] = mapped_column(primary_key=True)
    seq: Mapped[Whole]
    head: Mapped[Digest]


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
