"""How a decision is reached, as rows: rounds of a step, the seats in them, ballots, and who stands in for whom."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from models.database import Base
from models.types import Day, Digest, Id, IdPk, Instant, Json, Prose, Whole, Word

OPEN_ROUND = "closed_seq IS NULL AND voided_seq IS NULL"
STANDING = "voided_seq IS NULL"


class Round(Base):
    """One run of one step of a case's route; a step that is run again gets another. `stay` and `place` give the order.

    A round left open by a case that has moved on to another stay is over without a result.

    `motion` is what is voted on: the act, its outcome and its form. `rules` are those in force when it was opened: quorum,
    majority, secrecy, the size of a panel. `electorate` is written at the closing: who could have cast a ballot.
    `tally` counts the ballots by choice, `reason` says why the step was skipped.
    """

    __tablename__ = "rounds"
    __table_args__ = (
        UniqueConstraint("case_id", "stay", "place", name="one_round_per_place"),
        Index(
            "one_open_round_per_stay",
            "case_id",
            "stay",
            unique=True,
            sqlite_where=sql(OPEN_ROUND),
            postgresql_where=sql(OPEN_ROUND),
        ),
        CheckConstraint("(closed_seq IS NULL) = (result IS NULL)", name="round_is_closed_by_its_result"),
    )

    id: Mapped[IdPk]
    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"))
    stay: Mapped[Whole]
    place: Mapped[Whole]
    step: Mapped[Word]
    motion: Mapped[Json | None]
    rules: Mapped[Json | None]
    opened_seq: Mapped[Whole]
    opened_on: Mapped[Day]
    result: Mapped[Word | None]
    reason: Mapped[Json | None]
    electorate: Mapped[Json | None]
    tally: Mapped[Json | None]
    closed_seq: Mapped[Whole | None]
    closed_on: Mapped[Day | None]
    voided_seq: Mapped[Whole | None]


class Seat(Base):
    """Who was asked, or is no longer asked, in one round: a signer added or taken away, a task passed on, a panel's expert."""

    __tablename__ = "seats"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('panel', 'before', 'after', 'reassigned', 'removed')", name="seat_is_of_a_known_kind"
        ),
        Index(
            "one_seat_per_person_and_round",
            "round_id",
            "person_id",
            unique=True,
            sqlite_where=sql(STANDING),
            postgresql_where=sql(STANDING),
        ),
        Index(
            "ix_seats_person",
            "person_id",
            "case_id",
            sqlite_where=sql(STANDING),
            postgresql_where=sql(STANDING),
        ),
    )

    id: Mapped[IdPk]
    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"), index=True)
    round_id: Mapped[Id] = mapped_column(ForeignKey("rounds.id"))
    person_id: Mapped[Id] = mapped_column(ForeignKey("people.id"))
    kind: Mapped[Word]
    instead_of: Mapped[Id | None] = mapped_column(ForeignKey("people.id"))
    given_by: Mapped[Id | None] = mapped_column(ForeignKey("people.id"))
    comment: Mapped[Prose | None]
    declared_seq: Mapped[Whole | None]
    """The entry by which an expert declared to have no conflict of interest."""
    seq: Mapped[Whole]
    voided_seq: Mapped[Whole | None]


class Invitation(Base):
    """A link by which an expert comes to the matter of one panel, once. Only its SHA-256 is kept.

    It is made when its mail is sent; every mail to the same expert has one of its own. `ended_at`: its session was left.
    """

    __tablename__ = "invitations"
    __table_args__ = (
        CheckConstraint("created_at < expires_at", name="invitation_begins_before_it_ends"),
        CheckConstraint("ended_at IS NULL OR used_at IS NOT NULL", name="only_a_used_invitation_ends"),
    )

    id: Mapped[IdPk]
    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"))
    round_id: Mapped[Id] = mapped_column(ForeignKey("rounds.id"))
    person_id: Mapped[Id] = mapped_column(ForeignKey("people.id"))
    sha256: Mapped[Digest] = mapped_column(unique=True)
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    used_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]


class Ballot(Base):
    """One person's act on a round. `cast_by` is somebody else where a delegate or the clerk entered it.

    In a secret vote `choice` is empty: the choices are `slips`, which nothing links to a ballot.
    """

    __tablename__ = "ballots"
    __table_args__ = (
        Index(
            "one_ballot_per_person_and_round",
            "round_id",
            "person_id",
            unique=True,
            sqlite_where=sql(STANDING),
            postgresql_where=sql(STANDING),
        ),
        Index("ix_ballots_case", "case_id"),
        Index("ix_ballots_person", "person_id", "round_id"),
    )

    id: Mapped[IdPk]
    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"))
    round_id: Mapped[Id] = mapped_column(ForeignKey("rounds.id"))
    person_id: Mapped[Id] = mapped_column(ForeignKey("people.id"))
    cast_by: Mapped[Id] = mapped_column(ForeignKey("people.id"))
    choice: Mapped[Word | None]
    form: Mapped[Json]
    seq: Mapped[Whole]
    cast_on: Mapped[Day]
    voided_seq: Mapped[Whole | None]


class Slip(Base):
    """A choice of a secret vote. Its identifier is random, so that its order tells nothing."""

    __tablename__ = "slips"

    id: Mapped[Id] = mapped_column(primary_key=True)
    round_id: Mapped[Id] = mapped_column(ForeignKey("rounds.id"), index=True)
    choice: Mapped[Word]


class Delegation(Base):
    """From a day to a day, one person acts for another in one role, on one unit or wherever the role is held."""

    __tablename__ = "delegations"
    __table_args__ = (
        CheckConstraint("from_on <= until_on", name="delegation_begins_before_it_ends"),
        CheckConstraint("delegate_id <> person_id", name="nobody_delegates_to_themselves"),
        Index("ix_delegations_delegate", "delegate_id"),
        Index("ix_delegations_person", "person_id"),
    )

    id: Mapped[IdPk]
    person_id: Mapped[Id] = mapped_column(ForeignKey("people.id"))
    delegate_id: Mapped[Id] = mapped_column(ForeignKey("people.id"))
    role: Mapped[Word]
    unit_id: Mapped[Id | None] = mapped_column(ForeignKey("units.id"))
    from_on: Mapped[Day]
    until_on: Mapped[Day]
    reason: Mapped[Prose]
    granted_at: Mapped[Instant]
    revoked_at: Mapped[Instant | None]
