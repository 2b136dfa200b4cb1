"""A deadline may stand still: when it was suspended and resumed, and how many days were left.

What was decided before this were moves. The day they were decided on is in the log; nothing is counted from it.
SQLite adds no constraint to a table that is there, so the table is made anew there, its rows carried over.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_28_suspensions"
down_revision = "2026_11_28_knocks"
branch_labels = None
depends_on = None

TABLE = "deadline_decisions"
KEPT = "id, case_id, seq, timer, stay, last_day, reason, voided_seq"
CHECKS = {
    "deadline_decision_is_known": "kind IN ('moved', 'suspended', 'resumed')",
    "days_left_iff_suspended": "(kind = 'suspended') = (days_left IS NOT NULL)",
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _made_anew()
        return
    for column in _new():
        op.add_column(TABLE, column)
    for name, rule in CHECKS.items():
        op.create_check_constraint(op.f(name), TABLE, rule)


def _new() -> list[sa.Column[object]]:
    return [
        sa.Column("kind", sa.String(length=60), nullable=False, server_default="moved"),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("days_left", sa.Integer(), nullable=True),
    ]


def _made_anew() -> None:
    op.execute(f"CREATE TEMPORARY TABLE decided AS SELECT {KEPT} FROM {TABLE}")
    op.drop_table(TABLE)
    op.create_table(
        TABLE,
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("case_id", sa.String(36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("timer", sa.String(length=60), nullable=False),
        sa.Column("stay", sa.Integer(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("voided_seq", sa.Integer(), nullable=True),
        *_new(),
        *(sa.CheckConstraint(rule, name=op.f(name)) for name, rule in CHECKS.items()),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_deadline_decisions_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deadline_decisions")),
    )
    op.create_index(op.f("ix_deadline_decisions_case_id"), TABLE, ["case_id"], unique=False)
    op.execute(f"INSERT INTO {TABLE} ({KEPT}) SELECT {KEPT} FROM decided")
    op.execute("DROP TABLE decided")
