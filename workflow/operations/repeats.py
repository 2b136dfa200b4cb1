"""Do a thing once per key: the same request gets the first answer again, whatever became of the answer on its way.

Here alone it is said under which name a key is kept and what makes two requests the same. An act on a case keeps and
reads its answer within its own statements, for another round trip would cost more than the work; all else calls `once`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from models import IdempotencyKey
from models.database import insert_into
from workflow.context import Context
from workflow.errors import WorkflowError
from workflow.log import canonical
from workflow.operations.answers import Answer
from workflow.snapshot import Row

A = TypeVar("A", bound=Answer)
R = TypeVar("R")


def kept_under(ctx: Context) -> str | None:
    """The name a request's answer is kept under, None for a request without a key; people do not share keys."""
    return None if ctx.key is None else f"{ctx.actor.text}:{ctx.key}"


def fingerprint_of(what: Any) -> str:
    """What is compared to tell whether a key came with the same request. `what` is plain values and holds no secret."""
    return hashlib.sha256(canonical(what).encode()).hexdigest()


def first_answer(row: Row, kind: type[A], *, fingerprint: str, ctx: Context) -> A:
    """Read a kept answer back. Raises WorkflowError `key_reused` when the key came with another request."""
    if row["fingerprint"] != fingerprint:
        raise WorkflowError("key_reused", key=ctx.key)
    return kind.read_back(row["answer"])


def once(session: Session, *, what: Any, ctx: Context, kind: type[A], work: Callable[[], A | R]) -> A | R:
    """Do `work` unless this actor did it under the context's key; then return the first answer, marked as repeated.

    `what` is what was asked for. Only an answer of `kind` is kept; after anything else the key is free again. Raises
    WorkflowError `key_reused` when the key came with something else. Two requests at once wait for each other.
    """
    name = kept_under(ctx)
    if name is None:
        return work()
    fingerprint = fingerprint_of(what)
    mine = IdempotencyKey.name == name
    if session.execute(_claim(session, name, fingerprint, ctx)).first() is None:
        kept = select(IdempotencyKey.fingerprint, IdempotencyKey.answer).where(mine)
        row = dict(session.execute(kept).mappings().one())
        return first_answer(row, kind, fingerprint=fingerprint, ctx=ctx)
    answer = work()
    if isinstance(answer, kind):
        session.execute(update(IdempotencyKey).where(mine).values(answer=answer.kept()))
    else:
        session.execute(delete(IdempotencyKey).where(mine))
    return answer


def kept_answer(session: Session, kind: type[A], *, ctx: Context) -> A | None:
    """The answer this actor was given under the context's key, or None where there is none."""
    kept = session.scalar(select(IdempotencyKey.answer).where(IdempotencyKey.name == kept_under(ctx)))
    return None if kept is None else kind.read_back(kept)


def _claim(session: Session, name: str, fingerprint: str, ctx: Context) -> Any:
    """Take the key before the work: on PostgreSQL a second request waits here until the first has committed."""
    return (
        insert_into(session, IdempotencyKey)
        .values(name=name, fingerprint=fingerprint, answer={}, recorded_at=ctx.at)
        .on_conflict_do_nothing()
        .returning(IdempotencyKey.name)
    )
