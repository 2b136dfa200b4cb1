"""Take a packet out of the log: say so in the log, seal and sign what there is, then write it."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import IO

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Database, JointBase, Unit
from workflow.context import Context
from workflow.errors import NotFound
from workflow.notes import Signer
from workflow.operations.deeds import is_key
from workflow.operations.papers import note_taken
from workflow.operations.sealing import seal
from workflow.packet.writing import EVERYTHING, Progress, Scope, Written, write_packet
from workflow.unreadable import told_as_damage


def take_packet(
    database: Database,
    target: IO[bytes],
    *,
    signer: Signer | None,
    ctx: Context,
    at: datetime,
    scope: Scope = EVERYTHING,
    with_documents: bool = True,
    progress: Progress | None = None,
) -> Written:
    """Write a packet whose newest checkpoint covers the log up to the entry that tells of it; without a signer up to the last.

    Raises PacketFault when there is nothing to write and Damaged when what there is cannot be read; the attempt is in the log
    all the same.
    """
    content = {"act": "export", "file": "zip", "filters": scope.plain}
    database.run(partial(note_taken, kind="export", content=content, ctx=ctx))
    with told_as_damage():
        seal(database, signer=signer, at=at, pace=None)
    with database.reading() as session:
        return write_packet(session, target, scope=scope, with_documents=with_documents, progress=progress)


def case_called(session: Session, text: str) -> str:
    """The case of a base by its number, its application number or its identifier. Raises NotFound."""
    numbers = (JointBase.base_number == text) | (JointBase.application_number == text)
    known = session.scalars(select(JointBase.case_id).where(numbers)).first()
    if known is None and is_key(text):
        known = session.scalars(select(JointBase.case_id).where(JointBase.case_id == text)).first()
    if known is None:
        raise NotFound("no_such_base", base=text)
    return known


def unit_called(session: Session, text: str) -> str:
    """The unit of a name or an identifier. Raises NotFound."""
    known = session.scalars(select(Unit.id).where(Unit.name == text)).first()
    if known is None and is_key(text):
        known = session.scalars(select(Unit.id).where(Unit.id == text)).first()
    if known is None:
        raise NotFound("no_such_unit", unit=text)
    return known
