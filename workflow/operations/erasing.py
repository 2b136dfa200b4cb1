"""Erase what is personal about somebody, on lawful demand: the log stays as it is and can say no more who it was.

An entry only commits to a personal value; value and salt stand in `disclosures`. Erasing clears them there and puts a
placeholder into the rows. Who still decides, or is still answerable for a base, is not erased.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.orm import Session

from models import (
    Account,
    Base,
    Case,
    Delegation,
    Disclosure,
    Draft,
    Duty,
    Entry,
    Grant,
    Notice,
    PendingAct,
    Person,
    Round,
    Seat,
)
from models.changes import UPDATE, Change
from workflow.context import Context
from workflow.errors import WorkflowError
from workflow.log import read
from workflow.operations.deeds import Done, Faults, Role, demand, found, record
from workflow.replay import digests
from workflow.words import LANGUAGES, say

KIND = "person_erased"
"""The kind of the entry it leaves."""

FORMS = (
    ("cases", "facts"),
    ("hand_ins", "form"),
    ("pending_acts", "form"),
    ("ballots", "form"),
    ("drafts", "form"),
)
"""Columns of a case's rows that keep forms, and so perhaps the name of a contact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasing:
    """What erasing a person would do, and what stands in its way."""

    values: int
    """Personal values of the log that nobody could find out any more."""
    accounts: int
    duties: int
    drafts: int
    in_use: Mapping[str, int]
    """What the person still holds, by its sort; empty where they can be erased."""


def erasing(session: Session, person_id: str, *, ctx: Context) -> Erasing:
    """Work out what erasing somebody would do; nothing is written. Raises NotFound."""
    found(session.execute(select(Person.id).where(Person.id == person_id)).first(), person=person_id)
    return Erasing(
        values=len(_of_person(session, person_id)),
        accounts=_count(session, select(Account.id).where(Account.person_id == person_id)),
        duties=_count(session, select(Duty.id).where(Duty.person_id == person_id)),
        drafts=_count(session, select(Draft.id).where(Draft.person_id == person_id)),
        in_use=_in_use(session, person_id, ctx),
    )


def erase(session: Session, person_id: str, *, reason: str, ctx: Context) -> Done:
    """Erase a person's values from the log's disclosures and from the rows, with one entry that holds none of them.

    Raises WorkflowError `still_in_use` for somebody who still holds something, `already_erased`, and `not_your_role`
    for anybody but an administrator; BadInput without a reason.
    """
    demand(session, ctx, Role.ADMINISTRATOR)
    person = select(Person.id).where(Person.id == person_id).with_for_update()
    found(session.execute(person).first(), person=person_id)
    faults = Faults()
    why = faults.reason(reason)
    faults.done()
    _refuse(session, person_id, ctx)
    erased = _of_person(session, person_id)
    _clear(session, erased)
    _scrub(session, person_id, {str(value) for value in erased.values() if value is not None})
    return record(
        session, f"person:{person_id}", kind=KIND, subject=person_id, changes=_emptied(session, person_id, ctx), ctx=ctx,
        content={"reason": why, "count": len(erased)},
    )  # fmt: skip


# ───────────────────────────── What stands in its way


def _refuse(session: Session, person_id: str, ctx: Context) -> None:
    if person_id == ctx.actor.person:
        raise WorkflowError("own_person")
    earlier = select(Entry.id).where(Entry.stream == f"person:{person_id}", Entry.kind == KIND)
    if session.execute(earlier.limit(1)).first() is not None:
        raise WorkflowError("already_erased")
    in_use = _in_use(session, person_id, ctx)
    if in_use:
        raise WorkflowError(
            "still_in_use", **{name: in_use.get(name, 0) for name in _holdings(person_id, ctx)}
        )


def _in_use(session: Session, person_id: str, ctx: Context) -> dict[str, int]:
    counted = {name: _count(session, query) for name, query in _holdings(person_id, ctx).items()}
    return {name: count for name, count in counted.items() if count}


def _holdings(person_id: str, ctx: Context) -> dict[str, Select[Any]]:
    """What a person holds today or from a later day on."""
    today, both = ctx.today, or_(Delegation.person_id == person_id, Delegation.delegate_id == person_id)
    return {
        "grants": select(Grant.id).where(
            Grant.person_id == person_id, Grant.revoked_at.is_(None), _runs(Grant.until_on, today)
        ),
        "delegations": select(Delegation.id).where(
            both, Delegation.revoked_at.is_(None), Delegation.until_on >= today
        ),
        "duties": select(Duty.id)
        .join(Case, Case.id == Duty.case_id)
        .where(Duty.person_id == person_id, Case.closed_at.is_(None), _runs(Duty.until_on, today)),
        "seats": select(Seat.id)
        .join(Round, Round.id == Seat.round_id)
        .where(Seat.person_id == person_id, Seat.voided_seq.is_(None), Round.closed_seq.is_(None)),
        "proposals": select(PendingAct.id).where(
            PendingAct.proposed_by == person_id, PendingAct.status == "open"
        ),
    }


def _runs(until: Any, today: Any) -> Any:
    return until.is_(None) | (until >= today)


def _count(session: Session, query: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


# ───────────────────────────── What is erased


def _of_person(session: Session, person_id: str) -> dict[str, Any]:
    """The commitments that hide something of the person, with what they hide.

    Their own rows tell which; within a case in which they had a duty, whatever hides the same value is theirs, too.
    """
    duties = dict(session.execute(select(Duty.id, Duty.case_id).where(Duty.person_id == person_id)).all())
    accounts = session.scalars(select(Account.id).where(Account.person_id == person_id))
    rows = {
        ("people", person_id),
        *(("accounts", key) for key in accounts),
        *(("duties", key) for key in duties),
    }
    own = _disclosed(session, _committed(session, rows))
    values = [value for value in own.values() if value is not None]
    streams = [f"case:{case_id}" for case_id in sorted({*duties.values()})]
    told = {digest for body in _bodies(session, Entry.stream.in_(streams)) for digest in digests(body)}
    alike = {digest: value for digest, value in _disclosed(session, told).items() if value in values}
    return own | alike


def _committed(session: Session, rows: set[tuple[str, str]]) -> set[str]:
    """The commitments in what entries say of some rows."""
    spoken = or_(*(Entry.body.contains(key, autoescape=True) for _, key in sorted(rows)))
    return {
        digest
        for body in _bodies(session, spoken)
        for change in body["changes"]
        if (change["table"], change["key"]) in rows
        for digest in digests(change["set"])
    }


def _bodies(session: Session, which: Any) -> Iterable[Mapping[str, Any]]:
    query = select(Entry.body).where(which).execution_options(yield_per=500)
    return (read(body) for body in session.scalars(query))


def _disclosed(session: Session, commitments: set[str]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    wanted = sorted(commitments)
    for start in range(0, len(wanted), 500):
        some = Disclosure.commitment.in_(wanted[start : start + 500])
        query = select(Disclosure.commitment, Disclosure.value).where(some, Disclosure.salt.is_not(None))
        rows.update({row.commitment: row.value for row in session.execute(query)})
    return rows


def _clear(session: Session, erased: Iterable[str]) -> None:
    wanted = sorted(erased)
    for start in range(0, len(wanted), 500):
        some = Disclosure.commitment.in_(wanted[start : start + 500])
        session.execute(update(Disclosure).where(some).values(salt=None, value=None))


# ───────────────────────────── The rows


def placeholder() -> str:
    """What stands where a name stood, in both languages."""
    return " · ".join(say("deed.erased_name", language) for language in LANGUAGES)


def _emptied(session: Session, person_id: str, ctx: Context) -> list[Change]:
    """The person's own rows without their values; their accounts are closed for good."""
    nobody = {"name": placeholder(), "staff_number": None, "email": None, "phone": None}
    changes = [Change(table="people", op=UPDATE, key=person_id, values=nobody)]
    for row in session.execute(select(Account.id, Account.epoch).where(Account.person_id == person_id)):
        shut = {
            "login": f"erased-{row.id}",
            "password_hash": "erased",
            "disabled_at": ctx.at,
            "epoch": row.epoch + 1,
        }
        changes.append(Change(table="accounts", op=UPDATE, key=row.id, values=shut))
    return changes


def _scrub(session: Session, person_id: str, values: set[str]) -> None:
    """Take the values out of the rows entries only commit to: duties, forms, drafts, notices. It is no change of a case."""
    duties = Duty.person_id == person_id
    cases = sorted(session.scalars(select(Duty.case_id).where(duties).distinct()))
    session.execute(delete(Draft).where(Draft.person_id == person_id))
    session.execute(
        update(Duty)
        .where(duties, Duty.contact_name.is_not(None))
        .values(contact_name=placeholder(), contact_phone=None)
    )
    for table, column in FORMS:
        columns = Base.metadata.tables[table].c
        owner = columns["id" if table == "cases" else "case_id"]
        _replace(session, columns["id"], columns[column], owner.in_(cases), values)
    concerned = or_(Notice.person_id == person_id, Notice.case_id.in_(cases))
    columns = Base.metadata.tables["notices"].c
    _replace(session, columns["id"], columns["params"], concerned, values)


def _replace(session: Session, key: Any, column: Any, which: Any, values: set[str]) -> None:
    for row in session.execute(select(key, column).where(which)).all():
        cleaned = _without(row[1], values)
        if cleaned != row[1]:
            session.execute(update(key.table).where(key == row[0]).values({column.name: cleaned}))


def _without(value: Any, values: set[str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _without(item, values) for name, item in value.items()}
    if isinstance(value, list):
        return [_without(item, values) for item in value]
    return placeholder() if isinstance(value, str) and value in values else value
