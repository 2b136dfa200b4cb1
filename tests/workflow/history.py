"""A long honest history for those who check the log: every state, every kind of act, an import, the office's own rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models import Base, Case, Database, Duty, Partner, PendingAct
from models.changes import INSERT, Change, key_column, plain, write
from tests.university import University
from workflow import entries
from workflow.context import Actor, Context, Source
from workflow.ledger import read_ledger
from workflow.operations import Receipt, calendar_links, decline
from workflow.operations.accounts import create_account, end_sessions, knock, set_password, sign_in
from workflow.operations.duties import link_duty
from workflow.operations.ledger_import import bring_in, create_units, judge
from workflow.operations.office import (
    add_person,
    change_call,
    change_person,
    give_grant,
    open_call,
    rename_unit,
    revoke_grant,
)
from workflow.operations.organisations import add_partner, rename_partner, succeed_partner, succeed_unit
from workflow.operations.papers import store_document
from workflow.operations.settings import change_setting
from workflow.operations.tokens import issue
from workflow.uploads import Upload

LEDGER = Path(__file__).parents[2] / "web" / "demo" / "ledger_sample.xlsx"
AT = datetime(2026, 11, 23, 4, tzinfo=UTC)
CTX = Context(actor=Actor(system="cli"), at=AT, source=Source.IMPORT)

SECRET = "of the tests"

STATES = (
    "draft", "proposed", "approved", "agreement_signed", "midterm", "midterm_assessed", "final", "extended",
    "rectification", "certified", "not_approved", "withdrawn", "revoked", "lapsed", "exited",
)  # fmt: skip

OFFICE = ("editions", "units", "people", "grants", "calls", "holidays", "calendar_years")
"""Tables the university sets down directly."""


def founding(university: University, *tables: str) -> None:
    """Give the rows the university set down an entry, as the office's own operations do."""
    with university.database.transaction() as session:
        changes = []
        for name in tables:
            table = Base.metadata.tables[name]
            for row in session.execute(select(table)).mappings():
                key = str(plain(row[key_column(name)]))
                changes.append(Change(table=name, op=INSERT, key=key, values=dict(row)))
        rows = entries.append(
            session, "system:office", kind="unit_added", content={}, changes=changes, ctx=CTX
        )
        write(session, [row for row in rows if row.table not in tables])


def lived(university: University) -> dict[str, str]:
    """Put a case into every state, correct one, amend one, turn one down, move a deadline, refuse a stranger; return ids by state."""
    cases = {state: university.reach(state) for state in STATES}
    moved = university.reach("midterm")
    university.done(moved, "set_report_deadline", "office", report_by="2027-12-01", reason="asked for")
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
    return {**cases, "amended": amended, "corrected": corrected, "declined": declined, "moved": moved}


def office(university: University, cases: dict[str, str]) -> None:
    """Let the office do what it does besides deciding: people, rights, accounts, calls, settings, papers, tokens."""
    university.on(date(2031, 1, 10))
    ctx = university.ctx("administrator")
    desk = university.ctx("office")
    unit = university.units["法学院"]
    with university.database.transaction() as session:
        person = add_person(
            session, name="王五", staff_number="N-77", email="w@example.org", phone=None, language="zh", external=False,
            reason="new", ctx=ctx,
        ).subject  # fmt: skip
        change_person(
            session, person, name="王五", email="w5@example.org", phone="13000000001", language="en", reason="moved",
            ctx=ctx,
        )  # fmt: skip
        grant = give_grant(
            session, person_id=person, role="college_officer", unit_id=unit, from_on=ctx.today, until_on=None,
            reason="new", ctx=ctx,
        ).subject  # fmt: skip
        account = create_account(
            session, person_id=person, login="wang5", password="two horses and a cart", reason="new", ctx=ctx
        ).subject
        set_password(session, account, password="three carts and a horse", reason="forgot", ctx=ctx)
        end_sessions(session, account, reason="lost phone", ctx=ctx)
        revoke_grant(session, grant, reason="left", ctx=ctx)
        rename_unit(session, unit, name="法学与政治学院", from_on=ctx.today, reason="merged", ctx=ctx)
        succeed_unit(session, unit, successor_id=university.units["药学院"], reason="merged", ctx=ctx)
        partner = add_partner(
            session, name="莘州恒信仪表厂", kind="enterprise", credit_code=None, reason="took over", ctx=ctx
        ).subject
        rename_partner(session, partner, name="莘州恒信集团", from_on=ctx.today, reason="grown", ctx=ctx)
        before = session.scalars(select(Partner.id).where(Partner.id != partner).order_by(Partner.id)).first()
        succeed_partner(session, str(before), successor="莘州恒信集团", reason="merged", ctx=ctx)
        knocked = knock(session, "wang5", "three carts and a horse", at=ctx.at, secret=SECRET)
        nobody = knock(session, "nobody", "no", at=ctx.at, secret=SECRET)
        assert sign_in(session, nobody, at=ctx.at, source=Source.PAGE) is None
        assert sign_in(session, knocked, at=ctx.at, source=Source.PAGE) is not None
        assert (
            sign_in(
                session,
                knock(session, "wang5", "no", at=ctx.at, secret=SECRET),
                at=ctx.at,
                source=Source.PAGE,
            )
            is None
        )
        mine = Context(actor=Actor(person=person, account=account), at=ctx.at, source=Source.PAGE)
        issue(session, name="reports", days=30, ctx=mine)
        calendar_links.issue(session, everything=False, ctx=mine)
        call = open_call(
            session, lifecycle="base", year=2032, opens_on=date(2032, 1, 1), closes_on=date(2032, 2, 1), reason="yearly",
            ctx=desk,
        ).subject  # fmt: skip
        change_call(
            session, call, opens_on=date(2032, 1, 1), closes_on=date(2032, 3, 1), reason="asked for", ctx=desk
        )
        for name, value, day in (
            ("midterm_after", "20 months", desk.today),
            ("final_time", "90 days", date(2031, 6, 1)),
        ):
            change_setting(
                session, lifecycle="base", name=name, value=value, from_on=day, reason="more time", ctx=desk
            )
        upload = Upload(name="计划.pdf", media_type="application/pdf", content=b"%PDF-1.4 plan")
        store_document(
            session, cases["draft"], field="cooperation_plan", upload=upload, ctx=university.ctx("leader")
        )


def link(university: University) -> None:
    """Say who an imported leader is."""
    desk = university.ctx("office")
    with university.database.transaction() as session:
        duty = session.scalars(
            select(Duty)
            .join(Case)
            .where(Duty.role == "project_leader", Duty.person_id.is_(None), Case.closed_at.is_(None))
        ).first()
        assert duty is not None
        version = session.get_one(Case, duty.case_id).version
        person = university.people["leader"]
        answer = link_duty(session, duty.case_id, duty.id, person_id=person, version=version, ctx=desk)
    assert isinstance(answer, Receipt)


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
