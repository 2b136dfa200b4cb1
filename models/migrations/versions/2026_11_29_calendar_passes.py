"""After a notice of holidays is loaded its deadlines are moved in steps; how far that has come is kept, year by year."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_29_calendar_passes"
down_revision = "2026_11_28_audit_search"
branch_labels = None
depends_on = None

KEY = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    counts = [
        sa.Column(name, sa.Integer(), nullable=False)
        for name in ("looked_at", "total", "cases", "timers", "certain", "failed")
    ]
    op.create_table(
        "calendar_passes",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("after", KEY, nullable=True),
        *counts,
        sa.Column("begun_at", INSTANT, nullable=False),
        sa.Column("done_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_calendar_passes")),
    )
