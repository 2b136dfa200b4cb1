"""Let people fetch their deadlines with a calendar program, by a secret address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_28_calendar_links"
down_revision = "2026_11_28_parked_cases"
branch_labels = None
depends_on = None

KEY = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "calendar_links",
        sa.Column("id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("everything", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_calendar_links_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_links")),
        sa.UniqueConstraint("sha256", name=op.f("uq_calendar_links_sha256")),
    )
    living = sa.text("revoked_at IS NULL")
    op.create_index(
        "one_living_link_per_account",
        "calendar_links",
        ["account_id"],
        unique=True,
        sqlite_where=living,
        postgresql_where=living,
    )
