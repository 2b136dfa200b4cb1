"""Documents and drafts: keep an uploaded file for ever, keep what somebody has typed and not yet sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from models import Blob, Draft, Notice, StoredDocument, new_key
from models.changes import INSERT, Change, write
from models.database import insert_into
from workflow import entries, gather
from workflow.blockers import Fault
from workflow.context import Context
from workflow.errors import BadInput, NotFound
from workflow.operations.steps import write_steps
from workflow.plan import Step
from workflow.snapshot import Snapshot
from workflow.uploads import Upload
from workflow.world import definition_of

LARGEST_DRAFT = 200_000
"""Bytes of JSON of one draft: every field of a form at its longest fits several times."""


ASIDE = timedelta(days=1)
"""How long bytes wait for the act that names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A file whose bytes are here and that no document names yet."""

    sha256: str
    name: str
    media_type: str
    size: int


def set_aside(session: Session, upload: Upload, *, at: datetime) -> Paper:
    """Keep a checked file's bytes for a day, until an act names them; what waited longer than that is thrown away.

    It leaves no entry: nothing was decided by it, and nobody but whoever sent it knows of it.
    """
    session.execute(delete(Blob).where(Blob.until < at))
    digest = hashlib.sha256(upload.content).hexdigest()
    waits = {"until": at + ASIDE}
    row = insert_into(session, Blob).values(sha256=digest, content=upload.content, **waits)
    session.execute(
        row.on_conflict_do_update(index_elements=["sha256"], set_=waits, where=Blob.until.is_not(None))
    )
    return Paper(sha256=digest, name=upload.name, media_type=upload.media_type, size=len(upload.content))


def store_document(session: Session, case_id: str, *, field: str, upload: Upload, ctx: Context) -> str:
    """Keep a checked file on a case, with its entry; return the document's id.

    The case's version stays as it is: a file decides nothing until an act names it, and nobody else's form goes stale.
    The same person sending the same bytes for the same field again gets the document that is already there.
    """
    gather.lock(session, case_id)
    return cite(session, case_id, field=field, paper=set_aside(session, upload, at=ctx.at), ctx=ctx)


def cite(session: Session, case_id: str, *, field: str, paper: Paper, ctx: Context) -> str:
    """The same of a file that was set aside: from now on its bytes stay. Raises NotFound where they are gone."""
    row = gather.lock(session, case_id)
    session.execute(update(Blob).where(Blob.sha256 == paper.sha256).values(until=None))
    if session.scalar(select(Blob.sha256).where(Blob.sha256 == paper.sha256)) is None:
        raise NotFound("no_such_file", sha256=paper.sha256)
    known = _already_there(session, case_id, field, paper, ctx)
    if known is not None:
        return known
    definition = definition_of(session, row[1])
    wish = gather.Wish(people=tuple(filter(None, [ctx.actor.person])))
    snapshot = gather.gather(session, [row], wish=wish, today=ctx.today)[case_id]
    document = {
        "id": new_key(), "case_id": case_id, "field": field, "name": paper.name, "media_type": paper.media_type,
        "size": paper.size, "sha256": paper.sha256, "uploaded_by": ctx.actor.person, "uploaded_at": ctx.at,
    }  # fmt: skip
    basis = definition.fields[field].basis if field in definition.fields else "local"
    write_steps(session, row, (_kept(snapshot, document, basis, ctx),), ctx)
    return str(document["id"])


def _already_there(session: Session, case_id: str, field: str, paper: Paper, ctx: Context) -> str | None:
    return session.scalar(
        select(StoredDocument.id)
        .where(
            StoredDocument.case_id == case_id,
            StoredDocument.field == field,
            StoredDocument.name == paper.name,
            StoredDocument.sha256 == paper.sha256,
            StoredDocument.uploaded_by == ctx.actor.person,
        )
        .limit(1)
    )


def _kept(snapshot: Snapshot, document: Mapping[str, Any], basis: str, ctx: Context) -> Step:
    """The entry of an upload: one new row, and nothing else about the case moves."""
    seq = snapshot.case["log_seq"] + 1
    return Step(
        seq=seq, kind="document", act=str(document["field"]), from_state=snapshot.state, to_state=snapshot.state,
        actor=ctx.actor, source=ctx.source, effective_on=ctx.today, basis=basis, by_basis="local", before=snapshot,
        changes=(Change(table="documents", op=INSERT, key=str(document["id"]), values=document),),
    )  # fmt: skip


def note_taken(
    session: Session, *, kind: str, content: Mapping[str, Any], ctx: Context, unit_id: str | None = None
) -> None:
    """Leave the entry of something taken out, a download or an export, in the stream of the person who took it."""
    rows = entries.append(
        session, ctx.actor.text, kind=kind, content=content, changes=[], ctx=ctx, unit_id=unit_id
    )
    write(session, rows)


# ───────────────────────────── Drafts


def save_draft(
    session: Session, case_id: str, act: str, *, form: Mapping[str, Any], ctx: Context
) -> datetime:
    """Keep what the actor has typed into a form, as it was typed; return when. Raises BadInput when it is too long.

    A draft decides nothing and is nobody else's business: it leaves no entry.
    """
    if len(json.dumps(form, ensure_ascii=False).encode()) > LARGEST_DRAFT:
        raise BadInput((Fault(field="draft", code="draft_too_long"),))
    mine = (Draft.case_id == case_id, Draft.act == act, Draft.person_id == ctx.actor.person)
    values = {"form": dict(form), "saved_at": ctx.at}
    moved = session.execute(update(Draft).where(*mine).values(**values).returning(Draft.id)).first()
    if moved is None:
        row = {"id": new_key(), "case_id": case_id, "act": act, "person_id": ctx.actor.person, **values}
        session.execute(_new_draft(session, row, values))
    return ctx.at


def _new_draft(session: Session, row: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    """Two windows of one person may save their first draft at once; the later one stays."""
    return (
        insert_into(session, Draft)
        .values(**row)
        .on_conflict_do_update(index_elements=["case_id", "act", "person_id"], set_=dict(values))
    )


def discard(session: Session, case_id: str, act: str, *, ctx: Context) -> None:
    """Throw away the actor's draft; nothing happens where there is none."""
    session.execute(
        delete(Draft).where(Draft.case_id == case_id, Draft.act == act, Draft.person_id == ctx.actor.person)
    )


# ───────────────────────────── Notices on the page


def mark_read(session: Session, notices: Iterable[str] | None, *, ctx: Context) -> int:
    """Mark the actor's notices on the page as read: the given ones, or with None all of them. Return how many."""
    mine = [Notice.person_id == ctx.actor.person, Notice.channel == "app", Notice.read_at.is_(None)]
    if notices is not None:
        mine.append(Notice.id.in_(list(notices)))
    return len(session.execute(update(Notice).where(*mine).values(read_at=ctx.at).returning(Notice.id)).all())
