"""Acts that wait for a second person, across the cases somebody may see."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from models import Case, JointBase, PendingAct, Person
from workflow.errors import NotFound
from workflow.queries.paging import Order, Page, key_mark, page
from workflow.queries.rights import Rights, visible_to
from workflow.snapshot import Row

COLUMNS: tuple[Any, ...] = (
    PendingAct.id, PendingAct.case_id, PendingAct.act, PendingAct.case_version, PendingAct.proposed_by,
    PendingAct.proposed_at, Person.name.label("proposer"), Case.edition_id, JointBase.base_name,
)  # fmt: skip


def _waiting(rights: Rights) -> Select[Any]:
    """Open proposals on the version their case still has."""
    return (
        select(*COLUMNS)
        .select_from(PendingAct)
        .join(Case, Case.id == PendingAct.case_id)
        .join(JointBase, JointBase.case_id == Case.id)
        .join(Person, Person.id == PendingAct.proposed_by)
        .where(PendingAct.status == "open", PendingAct.case_version == Case.version, visible_to(rights))
    )


def proposals_page(
    session: Session, rights: Rights, *, after: str | None = None, before: str | None = None
) -> Page:
    """The proposals that wait on cases a person may see, newest first."""
    order = Order(column=PendingAct.id, name="id", read=key_mark)
    return page(session, _waiting(rights), order, after=after, before=before)


def case_of_proposal(session: Session, rights: Rights, pending_id: str) -> Row:
    """The case_id, act and status of a proposal, settled or not.

    Raises NotFound for one that does not exist or is on a case the person may not see.
    """
    row = (
        session.execute(
            select(PendingAct.case_id, PendingAct.act, PendingAct.status)
            .join(Case, Case.id == PendingAct.case_id)
            .join(JointBase, JointBase.case_id == Case.id)
            .where(PendingAct.id == pending_id, visible_to(rights))
        )
        .mappings()
        .first()
    )
    if row is None:
        raise NotFound("no_such_proposal", pending=pending_id)
    return dict(row)
