"""What becomes of partners and units: a new name from a day on, and who came after whom.

A name given up stays known with its days, and a line of succession is followed to its ends: by both a ban is recognised
(Art. 18). Every deed is one entry with its reason, and is seen by the next act of every process.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from models import Partner, PartnerName, Unit, new_key
from models.changes import INSERT, UPDATE, Change
from workflow.context import Context
from workflow.forms import read_partner
from workflow.identity import canonical_code, canonical_name
from workflow.operations.deeds import OFFICE, Done, Faults, demand, found, record
from workflow.plan.partners import partner_kept, resolved_partner
from workflow.world import bump

ONE_DAY = timedelta(days=1)

OF_PARTNERS, OF_UNITS = "system:partners", "system:units"


# ───────────────────────────── Partners


def add_partner(
    session: Session, *, name: str, kind: str, credit_code: str | None, reason: str, ctx: Context
) -> Done:
    """Enter a partner nobody has proposed with, such as a successor. Raises BadInput for one that is known."""
    demand(session, ctx, *OFFICE)
    faults = Faults()
    entry = read_partner({"name": name, "kind": kind, "credit_code": credit_code or ""}, faults.found)
    row = (
        resolved_partner(_alike(session, entry["name_identity"], entry["code_identity"]), entry)
        if entry
        else {}
    )
    if row and not row.get("new"):
        faults.add("name", "partner_known", partner=row["name"])
    why = faults.reason(reason)
    faults.done()
    changes = [*partner_kept(row, ctx.at)]
    return _partner_deed(session, kind="partner_added", subject=row["id"], changes=changes, why=why, ctx=ctx)


def rename_partner(
    session: Session, partner_id: str, *, name: str, from_on: date | None, reason: str, ctx: Context
) -> Done:
    """Give a partner a new name from a day on; the name it bore until then is kept with its days.

    Raises BadInput for a name another partner bears, a day to come, and a day not after the last change of name.
    """
    demand(session, ctx, *OFFICE)
    columns = (Partner.name, Partner.name_identity)
    old = found(
        session.execute(select(*columns).where(Partner.id == partner_id).with_for_update()).first(),
        partner=partner_id,
    )
    faults = Faults()
    title = faults.line("name", name)
    identity = canonical_name(title or "")
    if title:
        _own_name(session, faults, partner_id, title, identity, old.name)
    days = days_borne(
        faults,
        last_day_borne(session, PartnerName.until_on, PartnerName.partner_id == partner_id),
        from_on,
        ctx,
    )
    why = faults.reason(reason)
    faults.done()
    borne = {
        "id": new_key(),
        "partner_id": partner_id,
        "name": old.name,
        "name_identity": old.name_identity,
        **days,
    }
    changes = [
        Change(
            table="partners", op=UPDATE, key=partner_id, values={"name": title, "name_identity": identity}
        ),
        Change(table="partner_names", op=INSERT, key=str(borne["id"]), values=borne),
    ]
    return _partner_deed(
        session, kind="partner_renamed", subject=partner_id, changes=changes, why=why, ctx=ctx
    )


def succeed_partner(
    session: Session, partner_id: str, *, successor: str | None, reason: str, ctx: Context
) -> Done:
    """Record which partner came after one, by its name or code; nothing given takes a record back.

    Raises BadInput for a successor nobody knows, for the partner itself, and for a line that would go in a circle.
    """
    demand(session, ctx, *OFFICE)
    old = found(
        session.execute(
            select(Partner.succeeded_by).where(Partner.id == partner_id).with_for_update()
        ).first(),
        partner=partner_id,
    )
    faults = Faults()
    written = faults.line("successor", successor, required=False)
    after = _known(session, written) if written else None
    if written and after is None:
        faults.add("successor", "partner_unknown")
    elif after == old.succeeded_by:
        faults.add("successor", "nothing_changed")
    elif after is not None:
        _no_circle(session, faults, Partner, partner_id, after)
    why = faults.reason(reason)
    faults.done()
    change = Change(table="partners", op=UPDATE, key=partner_id, values={"succeeded_by": after})
    return _partner_deed(
        session, kind="partner_succeeded", subject=partner_id, changes=[change], why=why, ctx=ctx
    )


def _partner_deed(
    session: Session, *, kind: str, subject: str, changes: list[Change], why: str, ctx: Context
) -> Done:
    done = record(
        session, OF_PARTNERS, kind=kind, subject=subject, changes=changes, ctx=ctx, content={"reason": why}
    )
    bump(session)
    return done


def _alike(session: Session, name: str, code: str | None) -> list[dict[str, Any]]:
    """The partners of a canonical name or code, the oldest first."""
    table = Partner.__table__
    rows = [
        dict(row)
        for column, value in ((table.c.code_identity, code), (table.c.name_identity, name))
        if value
        for row in session.execute(select(table).where(column == value).order_by(table.c.id)).mappings()
    ]
    return rows


def _known(session: Session, written: str) -> str | None:
    """The partner of a name or code as somebody wrote it."""
    rows = _alike(session, canonical_name(written), canonical_code(written))
    return str(rows[0]["id"]) if rows else None


def _own_name(
    session: Session, faults: Faults, partner_id: str, title: str, identity: str, old_name: str
) -> None:
    if not identity:
        faults.add("name", "partner_name_missing")
    elif title == old_name:
        faults.add("name", "nothing_changed")
    for row in _alike(session, identity, None):
        if row["id"] != partner_id:
            faults.add("name", "name_of_another", partner=row["name"])
            return


# ───────────────────────────── Units


def succeed_unit(
    session: Session, unit_id: str, *, successor_id: str | None, reason: str, ctx: Context
) -> Done:
    """Record into which unit of its kind one was merged; nothing given takes a record back.

    Raises BadInput for the unit itself, for one of another kind, and for a line that would go in a circle.
    """
    demand(session, ctx, *OFFICE)
    old = found(
        session.execute(
            select(Unit.kind, Unit.succeeded_by).where(Unit.id == unit_id).with_for_update()
        ).first(),
        unit=unit_id,
    )
    faults = Faults()
    if successor_id == old.succeeded_by:
        faults.add("successor", "nothing_changed")
    elif successor_id is not None and successor_id not in _units_of_kind(session, old.kind):
        faults.add("successor", "unknown_choice")
    elif successor_id is not None:
        _no_circle(session, faults, Unit, unit_id, successor_id)
    why = faults.reason(reason)
    faults.done()
    change = Change(table="units", op=UPDATE, key=unit_id, values={"succeeded_by": successor_id})
    done = record(
        session, OF_UNITS, kind="unit_succeeded", subject=unit_id, changes=[change], ctx=ctx, unit_id=unit_id,
        content={"reason": why},
    )  # fmt: skip
    bump(session)
    return done


def _units_of_kind(session: Session, kind: str) -> frozenset[str]:
    """All of them, to be compared here: the key of a form may be no key, which PostgreSQL refuses to look for."""
    return frozenset(session.scalars(select(Unit.id).where(Unit.kind == kind)))


# ───────────────────────────── What partners and units have in common


def last_day_borne(
    session: Session, until_on: InstrumentedAttribute[date | None], whose: ColumnElement[bool]
) -> date | None:
    """The last day of the name given up last."""
    return session.scalar(select(func.max(until_on)).where(whose))


def days_borne(
    faults: Faults, last: date | None, from_on: date | None, ctx: Context
) -> dict[str, date | None]:
    """The days a name was borne that is given up on a day: since the one before it, until the day before."""
    day = faults.day("from_on", from_on)
    if day is not None and day > ctx.today:
        faults.add("from_on", "in_future")
    if day is not None and last is not None and day <= last + ONE_DAY:
        faults.add("from_on", "not_after", day=last + ONE_DAY)
    return {"from_on": last + ONE_DAY if last else None, "until_on": day - ONE_DAY if day else None}


def _no_circle(
    session: Session, faults: Faults, kind: type[Partner] | type[Unit], key: str, successor: str
) -> None:
    if successor == key:
        faults.add("successor", "itself")
    elif key in set(_line_after(session, kind, successor)):
        faults.add("successor", "circle")


def _line_after(session: Session, kind: type[Partner] | type[Unit], key: str) -> Iterator[str]:
    """Follow a line to its end, each row locked: of two deeds that would close a circle together one has to wait."""
    passed: set[str] = set()
    following: str | None = key
    while following is not None and following not in passed:
        passed.add(following)
        yield following
        following = session.scalar(select(kind.succeeded_by).where(kind.id == following).with_for_update())
