"""Carrying out what a page of consequences showed, through the one door, and nothing else than that."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from web import door, pages
from web.decisions.consequences import digest_of
from web.decisions.sent import Sent
from workflow import gather, queries
from workflow.context import Context
from workflow.errors import BadInput, WorkflowError
from workflow.operations import Receipt, Refusal, perform
from workflow.operations.papers import discard
from workflow.plan import foresee


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The act would now do something else than was shown; nothing happened."""


def attempted(
    case_id: str, act: str, sent: Sent, *, key: str, version: int, shown: str
) -> Receipt | Refusal | Changed | WorkflowError:
    """Carry out an act if it still does what was shown, in a transaction of its own; tell what stopped it.

    Raises NotFound for a case the person may not see.
    """

    def work(session: Session, ctx: Context) -> Receipt | Refusal | Changed:
        return _as_shown(session, ctx, case_id, act, sent, version=version, shown=shown)

    try:
        return door.act(work, key=key)
    except WorkflowError as error:
        if isinstance(error, BadInput) or error.code == "key_reused":
            return error
        raise


def _as_shown(
    session: Session, ctx: Context, case_id: str, act: str, sent: Sent, *, version: int, shown: str
) -> Receipt | Refusal | Changed:
    look = pages.look_at(session, ctx)
    queries.seen(session, look.rights, case_id)
    gather.lock(session, case_id)
    definition = queries.case_for(session, case_id, ctx=ctx, act=act).definition
    read = sent.read(session, definition, definition.acts[act])
    case = queries.case_for(session, case_id, ctx=ctx, act=act, values=read.values)
    if case.version == version:
        unconfirmed = replace(read, confirmed=frozenset())
        plan = foresee(case.snapshot, act, unconfirmed, ctx, proposed_by=None)
        if not plan.blockers and digest_of(plan, unconfirmed) != shown:
            return Changed()
    answer = perform(session, case_id, act, form=read, version=version, ctx=ctx)
    if isinstance(answer, Receipt):
        discard(session, case_id, act, ctx=ctx)
    return answer
