"""What the office decides about the deadline of a report: a later last day, or that it stays."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_25_deadline_decisions"
down_revision = "2026_11_25_succession"
branch_labels = None
depends_on = None

KEY = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def upgrade() -> None:
    op.create_table(
        "deadline_decisions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("timer", sa.String(length=60), nullable=False),
        sa.Column("stay", sa.Integer(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("voided_seq", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_deadline_decisions_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deadline_decisions")),
    )
    op.create_index(op.f("ix_deadline_decisions_case_id"), "deadline_decisions", ["case_id"], unique=False)
