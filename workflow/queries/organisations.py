"""Partners as the office keeps them: their present names and those of before, and who came after whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased

from models import Partner, PartnerName
from workflow.errors import NotFound
from workflow.queries.paging import Order, Page, key_mark, page
from workflow.snapshot import Row


def partners_page(
    session: Session, *, text: str, after: str | None = None, before: str | None = None
) -> Page:
    """Partners whose name, name of before or credit code holds a text, the newest first, each with its successor's name."""
    statement = _partners()
    if text:
        bore = select(PartnerName.partner_id).where(PartnerName.name.icontains(text, autoescape=True))
        matches = [column.icontains(text, autoescape=True) for column in (Partner.name, Partner.credit_code)]
        statement = statement.where(matches[0] | matches[1] | Partner.id.in_(bore))
    return page(
        session, statement, Order(column=Partner.id, name="id", read=key_mark), after=after, before=before
    )


def partner_of(session: Session, partner_id: str) -> Row:
    """One partner with its successor's name. Raises NotFound."""
    row = session.execute(_partners().where(Partner.id == partner_id)).mappings().first()
    if row is None:
        raise NotFound("no_such_row")
    return dict(row)


def names_before(session: Session, partners: Sequence[str]) -> dict[str, list[Row]]:
    """The names some partners bore before, the newest of each first."""
    found: dict[str, list[Row]] = {}
    statement = (
        select(PartnerName.partner_id, PartnerName.name, PartnerName.until_on)
        .where(PartnerName.partner_id.in_(list(partners)))
        .order_by(PartnerName.until_on.desc(), PartnerName.id.desc())
    )
    for row in session.execute(statement).mappings():
        found.setdefault(row["partner_id"], []).append(dict(row))
    return found


def _partners() -> Select[*tuple[Any, ...]]:
    after = aliased(Partner)
    return select(
        Partner.id, Partner.name, Partner.kind, Partner.credit_code, after.name.label("successor")
    ).outerjoin(after, after.id == Partner.succeeded_by)
