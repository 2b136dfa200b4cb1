"""Let the calendar find the deadlines of a month without reading all others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_28_deadlines_by_day"
down_revision = "2026_11_28_invitations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    running = sa.text("ended_seq IS NULL")
    op.create_index(
        "ix_timers_due", "timers", ["due_on", "id"], sqlite_where=running, postgresql_where=running
    )
