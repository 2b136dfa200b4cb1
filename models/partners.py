"""Partner organisations, and the identities by which a disguised one is recognised (Art. 1, 18)."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from models.database import Base
from models.types import Day, Id, IdPk, Instant, Line, Word


class Partner(Base):
    """A company, public institution, social organisation or institute.

    `name_identity` and `code_identity` are the canonical forms of `workflow.identity`.
    """

    __tablename__ = "partners"
    __table_args__ = (
        Index(
            "ix_partners_succeeded_by",
            "succeeded_by",
            sqlite_where=sql("succeeded_by IS NOT NULL"),
            postgresql_where=sql("succeeded_by IS NOT NULL"),
        ),
    )

    id: Mapped[IdPk]
    name: Mapped[Line]
    kind: Mapped[Word]
    credit_code: Mapped[Word | None]
    name_identity: Mapped[Line] = mapped_column(index=True)
    code_identity: Mapped[Word | None] = mapped_column(unique=True)
    succeeded_by: Mapped[Id | None] = mapped_column(ForeignKey("partners.id"))
    created_at: Mapped[Instant]


class PartnerName(Base):
    """A name a partner bore, from a day to a day."""

    __tablename__ = "partner_names"

    id: Mapped[IdPk]
    partner_id: Mapped[Id] = mapped_column(ForeignKey("partners.id"), index=True)
    name: Mapped[Line]
    name_identity: Mapped[Line] = mapped_column(index=True)
    from_on: Mapped[Day | None]
    until_on: Mapped[Day | None]
