"""Meetings, their agenda and who was present."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_25_meetings"
down_revision = "2026_11_25_seats_by_person"
branch_labels = None
depends_on = None

KEY = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _meetings()
    _agenda_items()
    op.create_table(
        "attendances",
        sa.Column("id", KEY, nullable=False),
        sa.Column("meeting_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name=op.f("fk_attendances_meeting_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_attendances_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attendances")),
        sa.UniqueConstraint("meeting_id", "person_id", name="one_attendance_per_member"),
    )


def _meetings() -> None:
    op.create_table(
        "meetings",
        sa.Column("id", KEY, nullable=False),
        sa.Column("number", sa.String(60), nullable=False),
        sa.Column("role", sa.String(60), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("chair_id", KEY, nullable=False),
        sa.Column("convened_by", KEY, nullable=False),
        sa.Column("convened_at", INSTANT, nullable=False),
        sa.Column("status", sa.String(60), nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.CheckConstraint("status IN ('open', 'closed')", name=op.f("meeting_is_open_or_closed")),
        sa.CheckConstraint(
            "(status = 'closed') = (closed_at IS NOT NULL)", name=op.f("closed_meeting_says_when")
        ),
        sa.ForeignKeyConstraint(["chair_id"], ["people.id"], name=op.f("fk_meetings_chair_id")),
        sa.ForeignKeyConstraint(["convened_by"], ["people.id"], name=op.f("fk_meetings_convened_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meetings")),
        sa.UniqueConstraint("number", name="one_meeting_per_number"),
    )


def _agenda_items() -> None:
    op.create_table(
        "agenda_items",
        sa.Column("id", KEY, nullable=False),
        sa.Column("meeting_id", KEY, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("round_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_agenda_items_case_id")),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name=op.f("fk_agenda_items_meeting_id")),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_agenda_items_round_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agenda_items")),
        sa.UniqueConstraint("meeting_id", "place", name="one_agenda_item_per_place"),
        sa.UniqueConstraint("meeting_id", "round_id", name="one_agenda_item_per_round"),
    )
    op.create_index(op.f("ix_agenda_items_case_id"), "agenda_items", ["case_id"])
    op.create_index(op.f("ix_agenda_items_round_id"), "agenda_items", ["round_id"])
