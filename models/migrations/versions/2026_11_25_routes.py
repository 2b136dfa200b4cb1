"""Rounds, seats, ballots, slips and delegations: how a decision is reached by several people; tasks of one person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_25_routes"
down_revision = "2026_11_25_deadline_decisions"
branch_labels = None
depends_on = None

KEY = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
INSTANT = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

STANDING = sa.text("voided_seq IS NULL")
OPEN = sa.text("closed_at IS NULL")


def upgrade() -> None:
    _rounds()
    _seats()
    _ballots()
    op.create_table(
        "slips",
        sa.Column("id", KEY, nullable=False),
        sa.Column("round_id", KEY, nullable=False),
        sa.Column("choice", sa.String(60), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_slips_round_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slips")),
    )
    op.create_index(op.f("ix_slips_round_id"), "slips", ["round_id"])
    _delegations()
    with op.batch_alter_table("tasks") as batch:
        batch.add_column(sa.Column("person_id", KEY, nullable=True))
    op.create_index("ix_tasks_person", "tasks", ["person_id"], sqlite_where=OPEN, postgresql_where=OPEN)


def _rounds() -> None:
    is_open = sa.text("closed_seq IS NULL AND voided_seq IS NULL")
    op.create_table(
        "rounds",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("stay", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(60), nullable=False),
        sa.Column("motion", DOCUMENT, nullable=True),
        sa.Column("rules", DOCUMENT, nullable=True),
        sa.Column("opened_seq", sa.Integer(), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("result", sa.String(60), nullable=True),
        sa.Column("reason", DOCUMENT, nullable=True),
        sa.Column("electorate", DOCUMENT, nullable=True),
        sa.Column("tally", DOCUMENT, nullable=True),
        sa.Column("closed_seq", sa.Integer(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("voided_seq", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(closed_seq IS NULL) = (result IS NULL)", name=op.f("round_is_closed_by_its_result")
        ),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_rounds_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rounds")),
        sa.UniqueConstraint("case_id", "stay", "place", name="one_round_per_place"),
    )
    op.create_index(
        "one_open_round_per_stay",
        "rounds",
        ["case_id", "stay"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def _seats() -> None:
    op.create_table(
        "seats",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("round_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("instead_of", KEY, nullable=True),
        sa.Column("given_by", KEY, nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("voided_seq", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('panel', 'before', 'after', 'reassigned', 'removed')",
            name=op.f("seat_is_of_a_known_kind"),
        ),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_seats_case_id")),
        sa.ForeignKeyConstraint(["given_by"], ["people.id"], name=op.f("fk_seats_given_by")),
        sa.ForeignKeyConstraint(["instead_of"], ["people.id"], name=op.f("fk_seats_instead_of")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_seats_person_id")),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_seats_round_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seats")),
    )
    op.create_index(op.f("ix_seats_case_id"), "seats", ["case_id"])
    op.create_index(
        "one_seat_per_person_and_round",
        "seats",
        ["round_id", "person_id"],
        unique=True,
        sqlite_where=STANDING,
        postgresql_where=STANDING,
    )


def _ballots() -> None:
    op.create_table(
        "ballots",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("round_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("cast_by", KEY, nullable=False),
        sa.Column("choice", sa.String(60), nullable=True),
        sa.Column("form", DOCUMENT, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("cast_on", sa.Date(), nullable=False),
        sa.Column("voided_seq", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_ballots_case_id")),
        sa.ForeignKeyConstraint(["cast_by"], ["people.id"], name=op.f("fk_ballots_cast_by")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_ballots_person_id")),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_ballots_round_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ballots")),
    )
    op.create_index("ix_ballots_case", "ballots", ["case_id"])
    op.create_index("ix_ballots_person", "ballots", ["person_id", "round_id"])
    op.create_index(
        "one_ballot_per_person_and_round",
        "ballots",
        ["round_id", "person_id"],
        unique=True,
        sqlite_where=STANDING,
        postgresql_where=STANDING,
    )


def _delegations() -> None:
    op.create_table(
        "delegations",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("delegate_id", KEY, nullable=False),
        sa.Column("role", sa.String(60), nullable=False),
        sa.Column("unit_id", KEY, nullable=True),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("granted_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.CheckConstraint("from_on <= until_on", name=op.f("delegation_begins_before_it_ends")),
        sa.CheckConstraint("delegate_id <> person_id", name=op.f("nobody_delegates_to_themselves")),
        sa.ForeignKeyConstraint(["delegate_id"], ["people.id"], name=op.f("fk_delegations_delegate_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_delegations_person_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_delegations_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegations")),
    )
    op.create_index("ix_delegations_delegate", "delegations", ["delegate_id"])
    op.create_index("ix_delegations_person", "delegations", ["person_id"])
