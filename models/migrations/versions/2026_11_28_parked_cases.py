"""Let one open incident park a case whose timer failed, and let a scheduler say that it has left."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_28_parked_cases"
down_revision = "2026_11_28_deadlines_by_day"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)

ONLY_THE_LATEST_STAYS_OPEN = """
    UPDATE incidents SET closed_at = opened_at
    WHERE closed_at IS NULL AND EXISTS (
        SELECT 1 FROM incidents o
        WHERE o.case_id = incidents.case_id AND o.kind = incidents.kind AND o.closed_at IS NULL AND o.id > incidents.id
    )
"""


def upgrade() -> None:
    op.add_column("heartbeats", sa.Column("left_at", INSTANT, nullable=True))
    op.add_column("incidents", sa.Column("retry_at", INSTANT, nullable=True))
    op.add_column("incidents", sa.Column("case_version", sa.Integer(), nullable=True))
    op.execute(ONLY_THE_LATEST_STAYS_OPEN)
    op.create_index(
        "one_open_incident_per_case_and_kind",
        "incidents",
        ["case_id", "kind"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
