"""The keys the log is signed with: the first one, and the next in its place. Each leaves one entry that names them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Checkpoint, Database, LogKey, Sealing
from models.changes import INSERT, UPDATE, Change
from models.database import insert_into
from workflow.context import Context
from workflow.errors import WorkflowError
from workflow.keyfile import KeyFault, read_key, successor, take_over, write_key
from workflow.notes import Signer
from workflow.operations.deeds import Done, record
from workflow.operations.sealing import LOG, key_in_force, write_checkpoints

STREAM = "system:log"


def declare_key(session: Session, signer: Signer, *, ctx: Context) -> Done:
    """Let the log go by its first key. Raises WorkflowError `key_exists` when it has one."""
    _lock(session)
    if session.scalar(select(LogKey.hint).limit(1)) is not None:
        raise KeyFault("key_exists", file="log_keys")
    change = _new(signer, from_size=0)
    return record(
        session, STREAM, kind="key_made", subject=signer.public.hint, changes=[change], ctx=ctx,
        content={"new": signer.public.text},
    )  # fmt: skip


def succeed_key(session: Session, last: Signer, signer: Signer, *, ctx: Context, at: datetime) -> Done:
    """Let the log go by another key from now on; the last one signs all that is in the tree before it goes.

    Raises WorkflowError `key_not_in_force` when `last` is not the key the log goes by.
    """
    size = _lock(session)
    covered = session.scalar(select(Checkpoint.size).order_by(Checkpoint.size.desc()).limit(1)) or 0
    row = key_in_force(session)
    if row is None or row.hint != last.public.hint:
        raise WorkflowError("key_not_in_force", key=last.public.hint, in_force=row.hint if row else None)
    if size > covered:
        write_checkpoints(session, last, sizes=[size], at=at)
    changes = [
        Change(table="log_keys", op=UPDATE, key=row.hint, values={"until_size": size}),
        _new(signer, from_size=size + 1),
    ]
    return record(
        session, STREAM, kind="key_rotated", subject=signer.public.hint, changes=changes, ctx=ctx,
        content={"old": last.public.text, "new": signer.public.text},
    )  # fmt: skip


def _new(signer: Signer, *, from_size: int) -> Change:
    values = {
        "hint": signer.public.hint,
        "public_key": signer.public.text,
        "from_size": from_size,
        "until_size": None,
    }
    return Change(table="log_keys", op=INSERT, key=signer.public.hint, values=values)


def _lock(session: Session) -> int:
    """Keep every sealer from signing meanwhile; return the tree's size."""
    session.execute(
        insert_into(session, Sealing)
        .values(name=LOG, size=0, floor=0, mark=0, mark_xid=0)
        .on_conflict_do_nothing()
    )
    return session.execute(select(Sealing.size).where(Sealing.name == LOG).with_for_update()).scalar_one()


# ───────────────────────────── The file and the rows


def signer_in_force(session: Session, file: Path) -> Signer:
    """The key of the file, when the log goes by it. Raises KeyFault.

    A rotation that was cut off after it was recorded is finished here: its key waits beside the file.
    """
    row = key_in_force(session)
    if row is None:
        raise KeyFault("key_not_declared", file=str(file))
    waiting = successor(file)
    if waiting.exists() and read_key(waiting).public.hint == row.hint:
        take_over(file)
    signer = read_key(file)
    if signer.public.hint != row.hint:
        raise KeyFault("key_of_another_log", file=str(file), key=signer.public.hint, in_force=row.hint)
    return signer


def make_key(database: Database, file: Path, origin: str, *, ctx: Context) -> Signer:
    """Draw the log's first key, write its file and record it; a file left by a cut-off try is used.

    Raises KeyFault, and ReadOnly when this process must not write.
    """
    database.demand_open()
    with database.reading() as session:
        if key_in_force(session) is not None:
            raise KeyFault("key_exists", file="log_keys")
    try:
        write_key(file, Signer.fresh(origin))
    except KeyFault as fault:
        if fault.code != "key_exists":
            raise
    signer = read_key(file)
    database.run(lambda session: declare_key(session, signer, ctx=ctx))
    return signer


def rotate_key(database: Database, file: Path, *, ctx: Context, at: datetime) -> Signer:
    """Draw the next key and put it in force. Raises KeyFault, WorkflowError or ReadOnly, and then the last one stays."""
    database.demand_open()
    with database.reading() as session:
        last = signer_in_force(session, file)
    waiting = successor(file)
    waiting.unlink(missing_ok=True)
    write_key(waiting, Signer.fresh(last.origin))
    signer = read_key(waiting)
    try:
        database.run(lambda session: succeed_key(session, last, signer, ctx=ctx, at=at))
    except WorkflowError:
        waiting.unlink()
        raise
    take_over(file)
    return signer
