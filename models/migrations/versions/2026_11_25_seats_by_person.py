"""Find the cases in which somebody has a seat by an index: every list of an expert or a signer asks for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_seats_by_person"
down_revision = "2026_11_25_routes"
branch_labels = None
depends_on = None

STANDING = sa.text("voided_seq IS NULL")


def upgrade() -> None:
    op.create_index(
        "ix_seats_person",
        "seats",
        ["person_id", "case_id"],
        unique=False,
        sqlite_where=STANDING,
        postgresql_where=STANDING,
    )
