"""Count failures with logins nobody has, so that the door pauses for them as for the others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_28_knocks"
down_revision = "2026_11_28_sealing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "knocks",
        sa.Column("mark", sa.String(64), nullable=False),
        sa.Column("failed_count", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("mark", name=op.f("pk_knocks")),
    )
