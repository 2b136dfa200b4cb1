"""Do a thing once per key: the same request gets the first answer again, whatever became of the answer on its way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from models import IdempotencyKey
from workflow.context import Context
from workflow.errors import WorkflowError
from workflow.log import canonical

R = TypeVar("R")
Answer = Mapping[str, Any]


def once(
    session: Session, *, what: Any, ctx: Context, work: Callable[[], Answer | R]
) -> tuple[Answer | R, bool]:
    """Do `work` unless this actor did it under the context's key; return its answer and whether it is a repeat.

    `what` is what was asked for. Only an answer that is a mapping (of plain JSON) is kept; after anything else the key
    is free again. Raises `key_reused` when the key came with something else. Two requests at once wait for each other.
    """
    if ctx.key is None:
        return work(), False
    name = f"{ctx.actor.text}:{ctx.key}"
    fingerprint = hashlib.sha256(canonical(what).encode()).hexdigest()
    mine = IdempotencyKey.name == name
    if session.execute(_claim(session, name, fingerprint, ctx)).first() is None:
        known = session.execute(select(IdempotencyKey.fingerprint, IdempotencyKey.answer).where(mine)).one()
        if known.fingerprint != fingerprint:
            raise WorkflowError("key_reused", key=ctx.key)
        return known.answer, True
    answer = work()
    if isinstance(answer, Mapping):
        session.execute(update(IdempotencyKey).where(mine).values(answer=dict(answer)))
    else:
        session.execute(delete(IdempotencyKey).where(mine))
    return answer, False


def _claim(session: Session, name: str, fingerprint: str, ctx: Context) -> Any:
    """Take the key before the work: on PostgreSQL a second request waits here until the first has committed."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    return (
        insert(IdempotencyKey)
        .values(name=name, fingerprint=fingerprint, answer={}, recorded_at=ctx.at)
        .on_conflict_do_nothing()
        .returning(IdempotencyKey.name)
    )
