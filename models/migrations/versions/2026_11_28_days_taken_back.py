"""Let a corrected notice take a holiday back: the day stays, as a plain one, for rows the log speaks of are never deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_28_days_taken_back"
down_revision = "2026_11_28_calendar_links"
branch_labels = None
depends_on = None

KNOWN_KIND = "kind IN ('rest', 'work', 'plain')"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _make_anew()
    else:
        op.drop_constraint(op.f("holiday_is_rest_or_work"), "holidays", type_="check")
        op.create_check_constraint(op.f("holiday_is_of_a_known_kind"), "holidays", KNOWN_KIND)


def _make_anew() -> None:
    """SQLite cannot alter a constraint: the rows move into a new table."""
    op.rename_table("holidays", "holidays_before")
    op.create_table(
        "holidays",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.CheckConstraint(KNOWN_KIND, name=op.f("holiday_is_of_a_known_kind")),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_holidays")),
    )
    op.execute("INSERT INTO holidays (day, kind, name) SELECT day, kind, name FROM holidays_before")
    op.drop_table("holidays_before")
