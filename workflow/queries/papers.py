"""Documents, drafts, proposals that wait, and what was decided about a case."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Base, Blob, Call, Case, Draft, JointBase, PendingAct, Person, StoredDocument
from workflow.errors import NotFound
from workflow.queries.rights import Rights, visible_to
from workflow.snapshot import Row


def document_is_of(session: Session, document_id: str, case_id: str) -> bool:
    """Whether a document is one of a case's."""
    rows = select(StoredDocument.id).where(
        StoredDocument.id == document_id, StoredDocument.case_id == case_id
    )
    return session.execute(rows).first() is not None


def document_for(session: Session, rights: Rights, document_id: str) -> Row:
    """A document with its bytes. Raises NotFound for one that does not exist or belongs to a case the person may not see."""
    row = (
        session.execute(
            select(
                StoredDocument.id,
                StoredDocument.case_id,
                StoredDocument.field,
                StoredDocument.name,
                StoredDocument.media_type,
                StoredDocument.size,
                StoredDocument.sha256,
                Blob.content,
            )
            .join(Blob, Blob.sha256 == StoredDocument.sha256)
            .join(Case, Case.id == StoredDocument.case_id)
            .join(JointBase, JointBase.case_id == Case.id)
            .where(StoredDocument.id == document_id, visible_to(rights))
        )
        .mappings()
        .first()
    )
    if row is None:
        raise NotFound("no_such_document", document=document_id)
    return dict(row)


def draft_of(session: Session, case_id: str, act: str, *, person: str) -> Row | None:
    """What a person has typed into a form and not yet sent."""
    statement = select(Draft.id, Draft.form, Draft.saved_at).where(
        Draft.case_id == case_id, Draft.act == act, Draft.person_id == person
    )
    row = session.execute(statement).mappings().first()
    return dict(row) if row is not None else None


def drafts_of(session: Session, case_id: str, *, person: str) -> dict[str, Row]:
    """A person's drafts on a case by the act they are for."""
    statement = select(Draft.act, Draft.form, Draft.saved_at).where(
        Draft.case_id == case_id, Draft.person_id == person
    )
    return {row["act"]: dict(row) for row in session.execute(statement).mappings()}


def pending_of(session: Session, case_id: str) -> Row | None:
    """The proposal that waits for a second person, with who made it; None once the case has moved."""
    row = (
        session.execute(
            select(
                PendingAct.id,
                PendingAct.act,
                PendingAct.form,
                PendingAct.case_version,
                PendingAct.proposed_by,
                PendingAct.proposed_at,
                Person.name.label("proposer"),
            )
            .join(Case, (Case.id == PendingAct.case_id) & (Case.version == PendingAct.case_version))
            .join(Person, Person.id == PendingAct.proposed_by)
            .where(PendingAct.case_id == case_id, PendingAct.status == "open")
        )
        .mappings()
        .first()
    )
    return dict(row) if row is not None else None


def verdicts_of(session: Session, case_id: str) -> dict[str, tuple[Row, ...]]:
    """What decisions left about a case, voided rows left out: grades, bans, clawbacks, oldest first."""
    answer: dict[str, tuple[Row, ...]] = {}
    for name in ("grades", "bans", "clawbacks"):
        table = Base.metadata.tables[name]
        standing = (
            select(table)
            .where(table.c.case_id == case_id, table.c.voided_seq.is_(None))
            .order_by(table.c.seq)
        )
        answer[name] = tuple(dict(row) for row in session.execute(standing).mappings())
    return answer


def calls_of(session: Session, lifecycle: str) -> list[Row]:
    """The calls for proposals of a lifecycle: year, opens_on, closes_on."""
    rows = session.execute(
        select(Call.year, Call.opens_on, Call.closes_on).where(Call.lifecycle == lifecycle)
    )
    return [dict(row) for row in rows.mappings()]
