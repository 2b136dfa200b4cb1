"""What the office keeps: people and their rights, units, calls, settings, editions, the outbox, incidents, accounts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, aliased

from models import (
    Account,
    Call,
    Edition,
    Entry,
    Grant,
    Incident,
    JointBase,
    Notice,
    Person,
    Setting,
    Unit,
    UnitName,
)
from workflow.errors import NotFound
from workflow.in_force import grant_holds
from workflow.queries.paging import Order, Page, key_mark, page
from workflow.snapshot import Row

MOST = 1000
"""No count on the administration's first page goes further."""

OUTBOX = ("waiting", "sent", "parked", "unwanted")


# ───────────────────────────── People


def people_page(session: Session, *, text: str, after: str | None = None, before: str | None = None) -> Page:
    """People whose name, number, mail or login holds a text, the newest first: id, name, staff_number, email, external."""
    statement = select(
        Person.id, Person.name, Person.staff_number, Person.email, Person.external, Person.language
    )
    if text:
        columns = (Person.name, Person.staff_number, Person.email)
        logins = select(Account.person_id).where(Account.login.icontains(text, autoescape=True))
        matches = [column.icontains(text, autoescape=True) for column in columns]
        statement = statement.where(or_(*matches, Person.id.in_(logins)))
    order = Order(column=Person.id, name="id", read=key_mark)
    return page(session, statement, order, after=after, before=before)


def roles_by_person(session: Session, people: Iterable[str], *, today: date) -> dict[str, list[Row]]:
    """The grants in force of each of some people: role and unit name."""
    rows = session.execute(
        select(Grant.person_id, Grant.role, Unit.name.label("unit"))
        .outerjoin(Unit, Unit.id == Grant.unit_id)
        .where(Grant.person_id.in_(list(people)), grant_holds(today))
        .order_by(Grant.role, Grant.id)
    ).mappings()
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["person_id"], []).append(dict(row))
    return found


def person_of(session: Session, person_id: str) -> Row:
    """One person. Raises NotFound."""
    return _one(session, select(Person.__table__).where(Person.id == person_id))


def accounts_of(session: Session, person_id: str) -> list[Row]:
    """A person's accounts, oldest first; no hash among the columns."""
    statement = _accounts().where(Account.person_id == person_id).order_by(Account.id)
    return [dict(row) for row in session.execute(statement).mappings()]


# ───────────────────────────── Rights


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantFilter:
    """Which grants are asked for; empty parts narrow nothing."""

    unit: str = ""
    role: str = ""
    person: str = ""
    on: date | None = None
    """In force on this day."""


def grants_page(
    session: Session, wanted: GrantFilter, *, after: str | None = None, before: str | None = None
) -> Page:
    """Grants, the newest first: person, role, unit, days, when revoked, reason."""
    statement = _grants()
    for column, value in (
        (Grant.unit_id, wanted.unit),
        (Grant.role, wanted.role),
        (Grant.person_id, wanted.person),
    ):
        if value:
            statement = statement.where(column == value)
    if wanted.on is not None:
        statement = statement.where(grant_holds(wanted.on))
    return page(
        session, statement, Order(column=Grant.id, name="id", read=key_mark), after=after, before=before
    )


def grant_of(session: Session, grant_id: str) -> Row:
    """One grant. Raises NotFound."""
    return _one(session, _grants().where(Grant.id == grant_id))


def _grants() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Grant.id, Grant.person_id, Grant.role, Grant.unit_id, Grant.from_on, Grant.until_on, Grant.revoked_at,
            Grant.reason, Person.name, Person.staff_number, Unit.name.label("unit"),
        )
        .join(Person, Person.id == Grant.person_id)
        .outerjoin(Unit, Unit.id == Grant.unit_id)
    )  # fmt: skip


# ───────────────────────────── Units, calls, settings, editions


def units_with_names(session: Session) -> list[Row]:
    """Every unit with its successor's name, and the names it bore before, newest of them first."""
    borne: dict[str, list[Row]] = {}
    for row in session.execute(select(UnitName.__table__).order_by(UnitName.until_on.desc())).mappings():
        borne.setdefault(row["unit_id"], []).append(dict(row))
    after = aliased(Unit)
    units = session.execute(
        select(Unit.id, Unit.kind, Unit.name, after.name.label("successor"))
        .outerjoin(after, after.id == Unit.succeeded_by)
        .order_by(Unit.kind, Unit.name)
    ).mappings()
    return [{**unit, "borne": borne.get(unit["id"], [])} for unit in units]


def unit_of(session: Session, unit_id: str) -> Row:
    """One unit. Raises NotFound."""
    return _one(session, select(Unit.__table__).where(Unit.id == unit_id))


def calls(session: Session, lifecycle: str) -> list[Row]:
    """Every call of a lifecycle, the latest first."""
    found = select(Call.__table__).where(Call.lifecycle == lifecycle).order_by(Call.opens_on.desc())
    return [dict(row) for row in session.execute(found).mappings()]


def call_of(session: Session, call_id: str) -> Row:
    """One call. Raises NotFound."""
    return _one(session, select(Call.__table__).where(Call.id == call_id))


def setting_rows(session: Session, lifecycle: str, name: str | None = None) -> list[Row]:
    """The changes of a lifecycle's settings, or of one, the latest first."""
    statement = select(Setting.__table__).where(Setting.lifecycle == lifecycle)
    if name is not None:
        statement = statement.where(Setting.name == name)
    rows = session.execute(
        statement.order_by(Setting.from_on.desc(), Setting.recorded_at.desc(), Setting.id.desc())
    )
    return [dict(row) for row in rows.mappings()]


def editions(session: Session) -> list[Row]:
    """Every published edition, the latest first, without its text."""
    columns = (Edition.id, Edition.lifecycle, Edition.label, Edition.sha256, Edition.published_at)
    rows = session.execute(select(*columns).order_by(Edition.published_at.desc(), Edition.id.desc()))
    return [dict(row) for row in rows.mappings()]


def edition_of(session: Session, edition_id: str) -> Row:
    """One edition with its text. Raises NotFound."""
    return _one(session, select(Edition.__table__).where(Edition.id == edition_id))


# ───────────────────────────── Outbox, incidents, accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxFilter:
    """Which notices of the outbox are asked for; empty parts narrow nothing."""

    status: str
    channel: str = ""
    """`mail` or `robot`."""
    template: str = ""
    text: str = ""
    """Part of the person's name, number or address."""


def notices_page(
    session: Session, wanted: OutboxFilter, *, after: str | None = None, before: str | None = None
) -> Page:
    """What goes out by mail or through a robot, the newest first."""
    statement = (
        select(
            Notice.id, Notice.template, Notice.case_id, Notice.queued_at, Notice.next_try_at, Notice.sent_at, Notice.channel,
            Notice.attempts, Notice.parked_at, Notice.failure, Person.name, JointBase.base_name, JointBase.base_number,
        )
        .join(Person, Person.id == Notice.person_id)
        .outerjoin(JointBase, JointBase.case_id == Notice.case_id)
        .where(*_wanted(wanted))
    )  # fmt: skip
    return page(
        session, statement, Order(column=Notice.id, name="id", read=key_mark), after=after, before=before
    )


def notices_count(session: Session, wanted: OutboxFilter) -> int:
    """How many there are, counted up to MOST."""
    return _count(
        session, select(Notice.id).join(Person, Person.id == Notice.person_id).where(*_wanted(wanted))
    )


def _wanted(wanted: OutboxFilter) -> list[ColumnElement[bool]]:
    found = [Notice.channel != "app", _is(wanted.status)]
    if wanted.channel:
        found.append(Notice.channel.startswith(wanted.channel, autoescape=True))
    if wanted.template:
        found.append(Notice.template == wanted.template)
    if wanted.text:
        columns = (Person.name, Person.staff_number, Person.email)
        found.append(or_(*(column.icontains(wanted.text, autoescape=True) for column in columns)))
    return found


def notice_of(session: Session, notice_id: str) -> Row:
    """One notice of the outbox. Raises NotFound."""
    return _one(session, select(Notice.__table__).where(Notice.id == notice_id, Notice.channel != "app"))


def _is(status: str) -> ColumnElement[bool]:
    conditions: dict[str, ColumnElement[bool]] = {
        "waiting": Notice.next_try_at.is_not(None),
        "sent": Notice.sent_at.is_not(None),
        "parked": Notice.parked_at.is_not(None),
        "unwanted": Notice.failure == "switched_off",
    }
    return conditions[status]


def incidents_page(
    session: Session, *, open_only: bool, after: str | None = None, before: str | None = None
) -> Page:
    """Incidents, the newest first, with the base they are about."""
    statement = select(
        Incident.id, Incident.case_id, Incident.kind, Incident.params, Incident.opened_at, Incident.closed_at,
        JointBase.base_name, JointBase.base_number,
    ).outerjoin(JointBase, JointBase.case_id == Incident.case_id)  # fmt: skip
    if open_only:
        statement = statement.where(Incident.closed_at.is_(None))
    return page(
        session, statement, Order(column=Incident.id, name="id", read=key_mark), after=after, before=before
    )


def incident_of(session: Session, incident_id: str) -> Row:
    """One incident. Raises NotFound."""
    return _one(session, select(Incident.__table__).where(Incident.id == incident_id))


def base_names(session: Session, cases: Iterable[str]) -> dict[str, str]:
    """The name, else the number, of each of some bases."""
    wanted = sorted(set(cases))
    if not wanted:
        return {}
    rows = session.execute(
        select(
            JointBase.case_id, func.coalesce(JointBase.base_name, JointBase.base_number, "").label("name")
        ).where(JointBase.case_id.in_(wanted))
    )
    return {row.case_id: row.name for row in rows}


def parked_notices(session: Session) -> int:
    return _count(session, select(Notice.id).where(Notice.parked_at.is_not(None)))


def accounts_page(
    session: Session, *, text: str, after: str | None = None, before: str | None = None
) -> Page:
    """Accounts, the newest first; no hash among the columns."""
    statement = _accounts()
    if text:
        columns = (Account.login, Person.name, Person.staff_number)
        statement = statement.where(or_(*(column.icontains(text, autoescape=True) for column in columns)))
    order = Order(column=Account.id, name="id", read=key_mark)
    return page(session, statement, order, after=after, before=before)


def account_of(session: Session, account_id: str) -> Row:
    """One account with its person's name; no hash. Raises NotFound."""
    return _one(session, _accounts().where(Account.id == account_id))


def sign_ins_of(session: Session, person_id: str) -> list[Row]:
    """The latest entries of a person's comings and goings."""
    kinds = (
        "signed_in",
        "sign_in_failed",
        "signed_out",
        "password_changed",
        "password_set",
        "sessions_ended",
    )
    rows = session.execute(
        select(Entry.id, Entry.kind, Entry.recorded_at)
        .where(Entry.stream == f"person:{person_id}", Entry.kind.in_(kinds))
        .order_by(Entry.seq.desc())
        .limit(20)
    )
    return [dict(row) for row in rows.mappings()]


def _accounts() -> Select[*tuple[Any, ...]]:
    return select(
        Account.id, Account.person_id, Account.login, Account.disabled_at, Account.locked_until, Account.failed_count,
        Account.last_login_at, Account.created_at, Person.name, Person.staff_number,
    ).join(Person, Person.id == Account.person_id)  # fmt: skip


def _count(session: Session, rows: Select[*tuple[Any, ...]]) -> int:
    return session.scalar(select(func.count()).select_from(rows.limit(MOST).subquery())) or 0


def _one(session: Session, statement: Any) -> Row:
    row = session.execute(statement).mappings().first()
    if row is None:
        raise NotFound("no_such_row")
    return dict(row)
