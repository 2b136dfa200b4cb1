"""Who: units, people, their accounts, and the rights they hold from a day to a day."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from models.database import Base
from models.types import Day, Digest, Id, IdPk, Instant, Json, Line, Prose, Whole, Word


class Unit(Base):
    """A college, the Graduate Office, the leading group, or the university itself."""

    __tablename__ = "units"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('college', 'office', 'group', 'university')", name="unit_is_of_a_known_kind"
        ),
    )

    id: Mapped[IdPk]
    kind: Mapped[Word]
    name: Mapped[Line] = mapped_column(unique=True)
    succeeded_by: Mapped[Id | None] = mapped_column(ForeignKey("units.id"))


class UnitName(Base):
    """A name a unit bore, from a day to a day."""

    __tablename__ = "unit_names"

    id: Mapped[IdPk]
    unit_id: Mapped[Id] = mapped_column(ForeignKey("units.id"), index=True)
    name: Mapped[Line]
    from_on: Mapped[Day | None]
    until_on: Mapped[Day | None]


class Person(Base):
    """A human being; the campus staff number (工号) tells two of them apart, externals have none."""

    __tablename__ = "people"

    id: Mapped[IdPk]
    staff_number: Mapped[Word | None] = mapped_column(unique=True)
    name: Mapped[Line]
    email: Mapped[Line | None]
    phone: Mapped[Word | None]
    language: Mapped[Word] = mapped_column(default="zh")
    external: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[Instant]


class Account(Base):
    """One way for a person to sign in. `epoch` moves at logout, password change and disabling: older sessions end."""

    __tablename__ = "accounts"

    id: Mapped[IdPk]
    person_id: Mapped[Id] = mapped_column(ForeignKey("people.id"), index=True)
    login: Mapped[Word] = mapped_column(unique=True)
    password_hash: Mapped[Line]
    epoch: Mapped[Whole] = mapped_column(default=0)
    disabled_at: Mapped[Instant | None]
    failed_count: Mapped[Whole] = mapped_column(default=0)
    locked_until: Mapped[Instant | None]
    last_login_at: Mapped[Instant | None]
    created_at: Mapped[Instant]


class Knock(Base):
    """Failures in a row with a login nobody has. `mark` is a keyed hash of it: what was typed may be a password."""

    __tablename__ = "knocks"

    mark: Mapped[Digest] = mapped_column(primary_key=True)
    failed_count: Mapped[Whole] = mapped_column(default=0)
    locked_until: Mapped[Instant | None]


class ApiToken(Base):
    """A secret by which a program acts for a person in one of their accounts. Only its SHA-256 is kept."""

    __tablename__ = "api_tokens"
    __table_args__ = (CheckConstraint("created_at < expires_at", name="token_begins_before_it_ends"),)

    id: Mapped[IdPk]
    account_id: Mapped[Id] = mapped_column(ForeignKey("accounts.id"), index=True)
    name: Mapped[Line]
    sha256: Mapped[Digest] = mapped_column(unique=True)
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    revoked_at: Mapped[Instant | None]
    last_used_at: Mapped[Instant | None]


class CalendarLink(Base):
    """A secret address from which calendar programs fetch a person's deadlines. Only its SHA-256 is kept."""

    __tablename__ = "calendar_links"
    __table_args__ = (
        Index(
            "one_living_link_per_account",
            "account_id",
            unique=True,
            sqlite_where=sql("revoked_at IS NULL"),
            postgresql_where=sql("revoked_at IS NULL"),
        ),
    )

    id: Mapped[IdPk]
    account_id: Mapped[Id] = mapped_column(ForeignKey("accounts.id"))
    sha256: Mapped[Digest] = mapped_column(unique=True)
    everything: Mapped[bool]
    created_at: Mapped[Instant]
    revoked_at: Mapped[Instant | None]


class Grant(Base):
    """A role × a unit × from–until, both days inclusive. Without a unit it holds wherever the role does."""

    __tablename__ = "grants"
    __table_args__ = (
        CheckConstraint("until_on IS NULL OR from_on <= until_on", name="grant_begins_before_it_ends"),
        Index("ix_grants_role", "role", "unit_id"),
    )

    id: Mapped[IdPk]
    person_id: Mapped[Id] = mapped_column(ForeignKey("people.id"), index=True)
    role: Mapped[Word]
    unit_id: Mapped[Id | None] = mapped_column(ForeignKey("units.id"))
    from_on: Mapped[Day]
    until_on: Mapped[Day | None]
    revoked_at: Mapped[Instant | None]
    reason: Mapped[Prose | None]


class Duty(Base):
    """A person × a case × a role × from–until. An imported name is a contact until the office links a person."""

    __tablename__ = "duties"
    __table_args__ = (
        CheckConstraint("person_id IS NOT NULL OR contact_name IS NOT NULL", name="duty_names_somebody"),
    )

    id: Mapped[IdPk]
    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"), index=True)
    role: Mapped[Word]
    person_id: Mapped[Id | None] = mapped_column(ForeignKey("people.id"), index=True)
    contact_name: Mapped[Line | None]
    contact_phone: Mapped[Word | None]
    from_on: Mapped[Day]
    until_on: Mapped[Day | None]


class Setting(Base):
    """A local choice of the office from a day on; the newest row whose day has come counts."""

    __tablename__ = "settings"

    id: Mapped[IdPk]
    lifecycle: Mapped[Word]
    name: Mapped[Word]
    value: Mapped[Json]
    from_on: Mapped[Day]
    reason: Mapped[Prose]
    recorded_at: Mapped[Instant]


class Call(Base):
    """The yearly call for proposals (Art. 4): the days between which a proposal may be submitted, both inclusive."""

    __tablename__ = "calls"
    __table_args__ = (CheckConstraint("opens_on <= closes_on", name="call_opens_before_it_closes"),)

    id: Mapped[IdPk]
    lifecycle: Mapped[Word]
    year: Mapped[Whole]
    opens_on: Mapped[Day]
    closes_on: Mapped[Day]
