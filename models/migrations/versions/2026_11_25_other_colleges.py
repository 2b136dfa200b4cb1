"""An index by the other colleges of a base, for they see the bases they take part in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_other_colleges"
down_revision = "2026_11_23_first_tables"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_bases_other_college_ids",
        "bases",
        ["other_college_ids"],
        postgresql_using="gin",
        sqlite_where=sa.text("other_college_ids IS NOT NULL"),
    )
