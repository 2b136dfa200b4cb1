"""Find those who have a successor by an index: every change of a name or of the rules reads them anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_succession"
down_revision = "2026_11_25_other_colleges"
branch_labels = None
depends_on = None

SUCCEEDED = sa.text("succeeded_by IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        op.f("ix_partners_succeeded_by"),
        "partners",
        ["succeeded_by"],
        unique=False,
        sqlite_where=SUCCEEDED,
        postgresql_where=SUCCEEDED,
    )
