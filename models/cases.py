"""What lives through a lifecycle: editions, cases, the bases, and what decisions wrote about them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from models.database import Base
from models.types import Day, Digest, Id, IdPk, Instant, Json, Large, Line, Prose, Whole, Word


class Edition(Base):
    """A lifecycle file as it was published: its bytes and their SHA-256."""

    __tablename__ = "editions"
    __table_args__ = (UniqueConstraint("lifecycle", "label", name="one_edition_per_label"),)

    id: Mapped[IdPk]
    lifecycle: Mapped[Word]
    label: Mapped[Word]
    sha256: Mapped[Digest]
    source: Mapped[Prose]
    published_at: Mapped[Instant]


class Case(Base):
    """One thing living through a lifecycle.

    `version` moves by one with every act; `log_seq` and `log_head` are the end of its chain of entries.
    `facts` holds form values, `pins` the settings copied when used, `dates` the days that follow from others.
    """

    __tablename__ = "cases"
    __table_args__ = (
        CheckConstraint("version >= 0", name="version_counts_up"),
        Index("ix_cases_state", "lifecycle", "state", "id"),
    )

    id: Mapped[IdPk]
    lifecycle: Mapped[Word]
    edition_id: Mapped[Id] = mapped_column(ForeignKey("editions.id"))
    state: Mapped[Word]
    stay: Mapped[Whole] = mapped_column(default=0)
    version: Mapped[Whole] = mapped_column(default=0)
    parent_id: Mapped[Id | None] = mapped_column(ForeignKey("cases.id"))
    entered_on: Mapped[Day]
    opened_at: Mapped[Instant]
    closed_at: Mapped[Instant | None]
    facts: Mapped[Json]
    pins: Mapped[Json]
    dates: Mapped[Json]
    log_seq: Mapped[Whole] = mapped_column(default=0)
    log_head: Mapped[Digest]


class JointBase(Base):
    """A joint training base: one partnership of the university with one partner (Art. 1–3)."""

    __tablename__ = "bases"
    __table_args__ = (
        Index(
            "ix_bases_other_college_ids",
            "other_college_ids",
            postgresql_using="gin",
            sqlite_where=sql("other_college_ids IS NOT NULL"),
        ),
    )

    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    base_name: Mapped[Line | None]
    application_number: Mapped[Word | None] = mapped_column(unique=True)
    base_number: Mapped[Word | None] = mapped_column(unique=True)
    partner_id: Mapped[Id | None] = mapped_column(ForeignKey("partners.id"), index=True)
    lead_college_id: Mapped[Id | None] = mapped_column(ForeignKey("units.id"), index=True)
    other_college_ids: Mapped[Json | None]
    programmes: Mapped[Line | None]
    level: Mapped[Word] = mapped_column(default="school")
    plaque_number: Mapped[Word | None]
    registered_on: Mapped[Day | None]
    plaque_withdrawn_on: Mapped[Day | None]
    imported: Mapped[bool] = mapped_column(default=False)


class Passage(Base):
    """One transition a case took. `voided_seq` names the entry that undid it."""

    __tablename__ = "passages"
    __table_args__ = (UniqueConstraint("case_id", "place", name="one_passage_per_place"),)

    id: Mapped[IdPk]
    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"))
    place: Mapped[Whole]
    seq: Mapped[Whole]
    transition: Mapped[Word]
    from_state: Mapped[Word | None]
    to_state: Mapped[Word]
    outcome: Mapped[Word | None]
    effective_on: Mapped[Day]
    recorded_at: Mapped[Instant]
    voided_seq: Mapped[Whole | None]


class Agreement(Base):
    """A signed cooperation agreement (Art. 5); the one with the latest last day counts."""

    __tablename__ = "agreements"
    __table_args__ = (
        CheckConstraint("first_day IS NULL OR first_day <= last_day", name="agreement_begins_before_it_ends"),
    )

    id: Mapped[IdPk]
    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"), index=True)
    seq: Mapped[Whole]
    number: Mapped[Line | None]
    signed_on: Mapped[Day | None]
    first_day: Mapped[Day | None]
    last_day: Mapped[Day]
    document_id: Mapped[Id | None]
    reason: Mapped[Prose | None]
    voided_seq: Mapped[Whole | None]


class Grade(Base):
    """A recorded outcome of an assessment (Art. 17, 18)."""

    __tablename__ = "grades"

    id: Mapped[IdPk]
    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"), index=True)
    seq: Mapped[Whole]
    transition: Mapped[Word]
    outcome: Mapped[Word]
    opinion: Mapped[Prose | None]
    reason: Mapped[Prose | None]
    criteria: Mapped[Json | None]
    decided_on: Mapped[Day | None]
    voided_seq: Mapped[Whole | None]


class Clawback(Base):
    """Whether funding is taken back at a revocation, how much and why (Art. 18). Money in fen."""

    __tablename__ = "clawbacks"
    __table_args__ = (
        CheckConstraint("amount_fen IS NULL OR amount_fen >= 0", name="clawback_is_no_payment"),
    )

    id: Mapped[IdPk]
    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"), index=True)
    seq: Mapped[Whole]
    wanted: Mapped[bool]
    amount_fen: Mapped[Large | None]
    reason: Mapped[Prose | None]
    voided_seq: Mapped[Whole | None]


class Ban(Base):
    """A bar on re-application (Art. 18): on whom, since which decision, and its last day."""

    __tablename__ = "bans"
    __table_args__ = (CheckConstraint("decided_on <= last_day", name="ban_begins_before_it_ends"),)

    id: Mapped[IdPk]
    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"), index=True)
    seq: Mapped[Whole]
    name: Mapped[Word]
    subject: Mapped[Word]
    partner_id: Mapped[Id | None] = mapped_column(ForeignKey("partners.id"), index=True)
    college_ids: Mapped[Json]
    person_id: Mapped[Id | None] = mapped_column(ForeignKey("people.id"))
    decided_on: Mapped[Day]
    last_day: Mapped[Day]
    voided_seq: Mapped[Whole | None]


class HandIn(Base):
    """Something handed in on a task, for the stay in a state or for a year (`period`)."""

    __tablename__ = "hand_ins"

    id: Mapped[IdPk]
    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"), index=True)
    seq: Mapped[Whole]
    task: Mapped[Word]
    stay: Mapped[Whole]
    period: Mapped[Whole | None]
    form: Mapped[Json]
    person_id: Mapped[Id | None] = mapped_column(ForeignKey("people.id"))
    handed_in_on: Mapped[Day]
    late: Mapped[bool]
    voided_seq: Mapped[Whole | None]


class DeadlineDecision(Base):
    """What people decided about a deadline of one stay in a state: `moved`, `suspended` or `resumed`.

    `last_day` is the day it was moved to or, left empty, says that it stays; of a suspension the day it had, of a
    resumption the day it has from then on. `days_left` are those that were left when it was suspended.
    """

    __tablename__ = "deadline_decisions"
    __table_args__ = (
        CheckConstraint("kind IN ('moved', 'suspended', 'resumed')", name="deadline_decision_is_known"),
        CheckConstraint("(kind = 'suspended') = (days_left IS NOT NULL)", name="days_left_iff_suspended"),
    )

    id: Mapped[IdPk]
    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"), index=True)
    seq: Mapped[Whole]
    timer: Mapped[Word]
    stay: Mapped[Whole]
    kind: Mapped[Word] = mapped_column(default="moved", server_default="moved")
    last_day: Mapped[Day | None]
    decided_on: Mapped[Day | None]
    days_left: Mapped[Whole | None]
    reason: Mapped[Prose]
    voided_seq: Mapped[Whole | None]


class StoredDocument(Base):
    """An uploaded file, immutable; a new upload is a new row. The bytes are `blobs`, shared by equal content."""

    __tablename__ = "documents"

    id: Mapped[IdPk]
    case_id: Mapped[Id | None] = mapped_column(ForeignKey("cases.id"), index=True)
    field: Mapped[Word]
    name: Mapped[Line]
    media_type: Mapped[Line]
    size: Mapped[Large]
    sha256: Mapped[Digest] = mapped_column(ForeignKey("blobs.sha256"))
    uploaded_by: Mapped[Id | None] = mapped_column(ForeignKey("people.id"))
    uploaded_at: Mapped[Instant]


class Blob(Base):
    """The bytes of a document under their SHA-256, in the database so that act and file commit together."""

    __tablename__ = "blobs"
    __table_args__ = (
        Index(
            "blobs_set_aside",
            "until",
            sqlite_where=sql("until IS NOT NULL"),
            postgresql_where=sql("until IS NOT NULL"),
        ),
    )

    sha256: Mapped[Digest] = mapped_column(primary_key=True)
    content: Mapped[bytes]
    until: Mapped[Instant | None]
    """Until when bytes that no document names yet are kept; none once one does."""


class Draft(Base):
    """What a person has typed into a form and not yet sent."""

    __tablename__ = "drafts"
    __table_args__ = (UniqueConstraint("case_id", "act", "person_id", name="one_draft_per_form_and_person"),)

    id: Mapped[IdPk]
    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"))
    act: Mapped[Word]
    person_id: Mapped[Id] = mapped_column(ForeignKey("people.id"))
    form: Mapped[Json]
    saved_at: Mapped[Instant]


class PendingAct(Base):
    """An act proposed by one person that another must confirm; bound to the case version it left behind."""

    __tablename__ = "pending_acts"
    __table_args__ = (
        Index(
            "one_open_proposal_per_case",
            "case_id",
            unique=True,
            sqlite_where=sql("status = 'open'"),
            postgresql_where=sql("status = 'open'"),
        ),
        CheckConstraint(
            "decided_by IS NULL OR decided_by <> proposed_by", name="confirmed_by_another_person"
        ),
    )

    id: Mapped[IdPk]
    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"))
    act: Mapped[Word]
    case_version: Mapped[Whole]
    form: Mapped[Json]
    proposed_by: Mapped[Id] = mapped_column(ForeignKey("people.id"))
    proposed_at: Mapped[Instant]
    status: Mapped[Word]
    decided_by: Mapped[Id | None] = mapped_column(ForeignKey("people.id"))
    decided_at: Mapped[Instant | None]


class Counter(Base):
    """The last number given out under a prefix such as `LP2026-`; a number is never reused."""

    __tablename__ = "counters"

    name: Mapped[Word] = mapped_column(primary_key=True)
    value: Mapped[Whole]
