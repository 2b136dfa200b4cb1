"""Letters: which notices go in one mail, fixed before it is sent; and how each person wants to be told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_28_letters"
down_revision = "2026_11_28_days_taken_back"
branch_labels = None
depends_on = None

KEY = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("notices", sa.Column("letter", KEY, nullable=True))
    op.add_column("notices", sa.Column("letter_at", INSTANT, nullable=True))
    op.create_index("ix_notices_letter", "notices", ["letter"], unique=False)
    op.create_index("ix_notices_letter_at", "notices", ["person_id", "letter_at"], unique=False)
    op.create_table(
        "mail_choices",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("pace", sa.String(length=60), nullable=False),
        sa.CheckConstraint("pace IN ('at_once', 'daily', 'off')", name=op.f("mail_comes_at_a_known_pace")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_mail_choices_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_choices")),
        sa.UniqueConstraint("person_id", "kind", name=op.f("one_choice_per_person_and_kind")),
    )
