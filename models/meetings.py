"""Meetings of a body that votes: what is on the agenda, who is there."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.database import Base
from models.types import Day, Id, IdPk, Instant, Prose, Whole, Word


class Meeting(Base):
    """A meeting the office convened. Its rows are voted on until it is closed; what came of each stands in its round."""

    __tablename__ = "meetings"
    __table_args__ = (
        UniqueConstraint("number", name="one_meeting_per_number"),
        CheckConstraint("status IN ('open', 'closed')", name="meeting_is_open_or_closed"),
        CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name="closed_meeting_says_when"),
    )

    id: Mapped[IdPk]
    number: Mapped[Word]
    role: Mapped[Word]
    """The role of its members, such as that of the leading group."""
    held_on: Mapped[Day]
    place: Mapped[Prose]
    chair_id: Mapped[Id] = mapped_column(ForeignKey("people.id"))
    convened_by: Mapped[Id] = mapped_column(ForeignKey("people.id"))
    convened_at: Mapped[Instant]
    status: Mapped[Word]
    closed_at: Mapped[Instant | None]


class AgendaItem(Base):
    """A row of the agenda: the round of a case that is voted on. A case voted on again comes with its new round."""

    __tablename__ = "agenda_items"
    __table_args__ = (
        UniqueConstraint("meeting_id", "place", name="one_agenda_item_per_place"),
        UniqueConstraint("meeting_id", "round_id", name="one_agenda_item_per_round"),
    )

    id: Mapped[IdPk]
    meeting_id: Mapped[Id] = mapped_column(ForeignKey("meetings.id"))
    place: Mapped[Whole]
    case_id: Mapped[Id] = mapped_column(ForeignKey("cases.id"), index=True)
    round_id: Mapped[Id] = mapped_column(ForeignKey("rounds.id"), index=True)


class Attendance(Base):
    """Whether a member is present; the last word counts."""

    __tablename__ = "attendances"
    __table_args__ = (UniqueConstraint("meeting_id", "person_id", name="one_attendance_per_member"),)

    id: Mapped[IdPk]
    meeting_id: Mapped[Id] = mapped_column(ForeignKey("meetings.id"))
    person_id: Mapped[Id] = mapped_column(ForeignKey("people.id"))
    present: Mapped[bool]
