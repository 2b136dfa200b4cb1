"""A long honest history for those who check the log: every state, every kind of act, an import, the office's own rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models import Base, Database, PendingAct
from models.changes import INSERT, Change, key_column, plain, write
from tests.university import University
from workflow import entries
from workflow.context import Actor, Context, Source
from workflow.ledger import read_ledger
from workflow.operations import Receipt, decline
from workflow.operations.ledger_import import bring_in, create_units, judge

LEDGER = Path(__file__).parents[2] / "web" / "demo" / "ledger_sample.xlsx"
AT = datetime(2026, 11, 23, 4, tzinfo=UTC)
CTX = Context(actor=Actor(system="cli"), at=AT, source=Source.IMPORT)

STATES = (
    "draft", "proposed", "approved", "agreement_signed", "midterm", "midterm_assessed", "final", "extended",
    "rectification", "certified", "not_approved", "withdrawn", "revoked", "lapsed", "exited",
)  # fmt: skip

OFFICE = ("editions", "units", "people", "grants", "calls", "holidays", "calendar_years")
"""Tables the university sets down directly."""


def founding(university: University) -> None:
    """Give the rows the university set down an entry, as the office's own operations do."""
    with university.database.transaction() as session:
        changes = []
        for name in OFFICE:
            table = Base.metadata.tables[name]
            for row in session.execute(select(table)).mappings():
                key = str(plain(row[key_column(name)]))
                changes.append(Change(table=name, op=INSERT, key=key, values=dict(row)))
        rows = entries.append(session, "system:office", kind="founding", content={}, changes=changes, ctx=CTX)
        write(session, [row for row in rows if row.table not in OFFICE])


def lived(university: University) -> dict[str, str]:
    """Put a case into every state, correct one, amend one, turn one proposal down, refuse a stranger; return ids by state."""
    cases = {state: university.reach(state) for state in STATES}
    university.on(date(2031, 1, 10))
    amended = university.reach("approved")
    university.done(
        amended, "amend", "office", fact={"name": "base_name", "value": "另一名称"}, reason="misspelt"
    )
    assert isinstance(university.confirmed(amended, "second_office"), Receipt)
    corrected = university.reach("revoked")
    university.done(corrected, "correct", "office", reason="decided too early")
    assert isinstance(university.confirmed(corrected, "second_office"), Receipt)
    declined = university.reach("approved")
    university.done(
        declined, "amend", "office", fact={"name": "base_name", "value": "又一名称"}, reason="misspelt"
    )
    with university.database.transaction() as session:
        pending = session.scalars(select(PendingAct.id).where(PendingAct.case_id == declined)).one()
        decline(session, pending, reason="no need", ctx=university.ctx("second_office"))
    assert "not_your_role" in university.refused(declined, "sign_agreement", "stranger")
    return {**cases, "amended": amended, "corrected": corrected, "declined": declined}


def imported(university: University) -> None:
    """Bring the sample ledger in."""
    ledger = read_ledger(LEDGER, today=date(2026, 11, 23))
    with university.database.transaction() as session:
        judged = judge(session, ledger, lifecycle="base", create_units=True)
        create_units(session, list(judged.new_units), ctx=CTX)
        bring_in(session, judged.ready, lifecycle="base", ctx=CTX)


def unlock(session: Session) -> None:
    """Take the guard off the log, as somebody with the database's own rights could."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("ALTER TABLE entries DISABLE TRIGGER USER"))
    else:
        for verb in ("update", "delete"):
            session.execute(text(f"DROP TRIGGER entries_refuse_{verb}"))


def without_foreign_keys(session: Session) -> None:
    """Let an edit point anywhere, for the rest of the transaction."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL session_replication_role = replica"))
    else:
        session.execute(text("PRAGMA defer_foreign_keys = ON"))


class _RolledBack(Exception):
    pass


@contextmanager
def passing(database: Database) -> Iterator[Session]:
    """A transaction that leaves nothing behind."""
    try:
        with database.transaction() as session:
            yield session
            raise _RolledBack
    except _RolledBack:
        pass
