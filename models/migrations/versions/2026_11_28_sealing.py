"""Take the log's entries into one tree, keep signed checkpoints of it, and remember how far both have come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_28_sealing"
down_revision = "2026_11_28_letters"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
LARGE = sa.BigInteger()
DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "leaves",
        sa.Column("number", LARGE, autoincrement=False, nullable=False),
        sa.Column("entry_id", LARGE, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_leaves")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_leaves_entry_id")),
    )
    op.create_table(
        "nodes",
        sa.Column("place", LARGE, autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_nodes")),
    )
    op.create_table(
        "sealing",
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("size", LARGE, nullable=False),
        sa.Column("floor", LARGE, nullable=False),
        sa.Column("mark", LARGE, nullable=False),
        sa.Column("mark_xid", LARGE, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sealing")),
    )
    op.create_table(
        "log_keys",
        sa.Column("hint", sa.String(60), nullable=False),
        sa.Column("public_key", sa.String(200), nullable=False),
        sa.Column("from_size", LARGE, nullable=False),
        sa.Column("until_size", LARGE, nullable=True),
        sa.PrimaryKeyConstraint("hint", name=op.f("pk_log_keys")),
    )
    op.create_table(
        "checkpoints",
        sa.Column("size", LARGE, autoincrement=False, nullable=False),
        sa.Column("root", sa.String(64), nullable=False),
        sa.Column("signed_at", INSTANT, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_checkpoints")),
    )
    op.create_table(
        "checkpoint_places",
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("size", LARGE, nullable=False),
        sa.Column("delivered_at", INSTANT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", INSTANT, nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_checkpoint_places")),
    )
    op.create_table(
        "log_watch",
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("position", LARGE, nullable=False),
        sa.Column("newest", LARGE, nullable=False),
        sa.Column("checked_at", INSTANT, nullable=True),
        sa.Column("round_ended_at", INSTANT, nullable=True),
        sa.Column("findings", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_log_watch")),
    )
