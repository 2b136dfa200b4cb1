"""Time as rows: timers and the reminders they kept, tasks, the calendar, and the schedulers' heartbeat."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from models.database import Base
from models.types import Day, Id, IdPk, Instant, Json, Line, Prose, Whole, Word

RUNNING = "status IN ('open', 'held')"


class Timer(Base):
    """A deadline of a case. `wake_at` is the next instant somebody must look at it: a rung, the deadline, an escalation.

    An idle timer costs nothing: the sweep reads the partial index on `wake_at`.
    """

    __tablename__ = "timers"
    __table_args__ = (
        UniqueConstraint("case_id", "name", "due_at", "armed_seq", name="one_timer_per_promise"),
        Index(
            "one_open_timer_per_name",
            "case_id",
            "name",
            unique=True,
            sqlite_where=sql(RUNNING),
            postgresql_where=sql(RUNNING),
        ),
        Index(
            "ix_timers_wake",
            "wake_at",
            sqlite_where=sql("wake_at IS NOT NULL"),
            postgresql_where=sql("wake_at IS NOT NULL"),
        ),
        Index(
            "ix_timers_due",
            "due_on",
            "id",
            sqlite_where=sql("ended_seq IS NULL"),
            postgresql_where=sql("ended_seq IS NULL"),
        ),
        CheckConstraint(
            "status IN ('open', 'held', 'fired', 'cancelled')", name="timer_is_in_a_known_status"
        ),
    )

    id: Mapped[IdPk]
    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"))
    name: Mapped[Word]
    kind: Mapped[Word]
    basis: Mapped[Word]
    nominal_on: Mapped[Day]
    due_on: Mapped[Day]
    due_at: Mapped[Instant]
    provisional: Mapped[bool]
    period: Mapped[Whole | None]
    armed_seq: Mapped[Whole]
    status: Mapped[Word]
    hold: Mapped[Word | None]
    wake_at: Mapped[Instant | None]
    fired_at: Mapped[Instant | None]
    ended_seq: Mapped[Whole | None]


class Rung(Base):
    """One reminder that was sent, or passed over because a later one took its place; days are counted from the due day."""

    __tablename__ = "rungs"
    __table_args__ = (UniqueConstraint("timer_id", "days", name="one_reminder_per_rung"),)

    id: Mapped[IdPk]
    timer_id: Mapped[Id] = mapped_column(ForeignKey("timers.id"))
    days: Mapped[Whole]
    due_at: Mapped[Instant]
    recorded_at: Mapped[Instant]
    coalesced: Mapped[bool]


class Task(Base):
    """Whose turn it is: an act expected of a role, or of the one person named. A projection of the case, written with it."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index(
            "ix_tasks_open",
            "role",
            "unit_id",
            "due_on",
            "id",
            sqlite_where=sql("closed_at IS NULL"),
            postgresql_where=sql("closed_at IS NULL"),
        ),
        Index("ix_tasks_case", "case_id"),
        Index(
            "ix_tasks_person",
            "person_id",
            sqlite_where=sql("closed_at IS NULL"),
            postgresql_where=sql("closed_at IS NULL"),
        ),
    )

    id: Mapped[IdPk]
    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"))
    act: Mapped[Word]
    role: Mapped[Word]
    unit_id: Mapped[Id | None]
    person_id: Mapped[Id | None]
    due_on: Mapped[Day | None]
    opened_at: Mapped[Instant]
    closed_at: Mapped[Instant | None]


class Holiday(Base):
    """A day that differs from the plain week: an announced rest day, or a make-up working day (调休).

    One that a corrected notice took back is kept as `plain`: it follows the week again.
    """

    __tablename__ = "holidays"
    __table_args__ = (
        CheckConstraint("kind IN ('rest', 'work', 'plain')", name="holiday_is_of_a_known_kind"),
    )

    day: Mapped[Day] = mapped_column(primary_key=True)
    kind: Mapped[Word]
    name: Mapped[Line]


class CalendarYear(Base):
    """A year whose calendar has been loaded; days of other years are provisional."""

    __tablename__ = "calendar_years"

    year: Mapped[Whole] = mapped_column(primary_key=True, autoincrement=False)
    source: Mapped[Line]
    loaded_at: Mapped[Instant]


class CalendarPass(Base):
    """How far the bases were gone through after a year was loaded, for the deadlines that move.

    `after` is the last that was looked at, in the order of the identifiers; `total` those in question at the loading.
    `failed` were passed over, each an incident.
    """

    __tablename__ = "calendar_passes"

    year: Mapped[Whole] = mapped_column(primary_key=True, autoincrement=False)
    after: Mapped[Id | None]
    looked_at: Mapped[Whole]
    total: Mapped[Whole]
    cases: Mapped[Whole]
    timers: Mapped[Whole]
    certain: Mapped[Whole]
    failed: Mapped[Whole]
    begun_at: Mapped[Instant]
    done_at: Mapped[Instant | None]


class Heartbeat(Base):
    """The last sign of life of a scheduler; `left_at` where it said that it stops."""

    __tablename__ = "heartbeats"

    name: Mapped[Line] = mapped_column(primary_key=True)
    started_at: Mapped[Instant]
    ticked_at: Mapped[Instant]
    fired_count: Mapped[Whole]
    failure: Mapped[Prose | None]
    left_at: Mapped[Instant | None]


class Incident(Base):
    """Something the office must look at, such as a case whose timer failed.

    While it is open the clock passes its case over: until `retry_at`, unless the case has another version by then.
    """

    __tablename__ = "incidents"
    __table_args__ = (
        Index(
            "one_open_incident_per_case_and_kind",
            "case_id",
            "kind",
            unique=True,
            sqlite_where=sql("closed_at IS NULL"),
            postgresql_where=sql("closed_at IS NULL"),
        ),
    )

    id: Mapped[IdPk]
    case_id: Mapped[Id | None] = mapped_column(ForeignKey("cases.id"), index=True)
    kind: Mapped[Word]
    params: Mapped[Json]
    opened_at: Mapped[Instant]
    closed_at: Mapped[Instant | None]
    retry_at: Mapped[Instant | None]
    case_version: Mapped[Whole | None]


class Installation(Base):
    """What is true of this database as a whole, such as whether it is a demonstration and its clock's offset."""

    __tablename__ = "installation"

    name: Mapped[Word] = mapped_column(primary_key=True)
    value: Mapped[Json]
