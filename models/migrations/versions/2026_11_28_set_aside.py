"""Let bytes wait for the act that names them, and be thrown away where none does."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_28_set_aside"
down_revision = "2026_11_28_suspensions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("blobs", sa.Column("until", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "blobs_set_aside",
        "blobs",
        ["until"],
        sqlite_where=sa.text("until IS NOT NULL"),
        postgresql_where=sa.text("until IS NOT NULL"),
    )
