"""Deeds outside any case over the API: done once for a key, and what is wrong or who may where they are not done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from web.api import wording
from web.api.problems import Refused
from web.api.routing import Call, Desk
from web.api.shapes.deeds import Deed
from web.api.shapes.problems import Kind
from workflow.errors import BadInput, NotFound, WorkflowError
from workflow.operations.deeds import Done
from workflow.operations.repeats import once

T = TypeVar("T")

OVER = frozenset({"delegation_revoked", "meeting_closed", "row_closed", "rows_open"})
"""Refusals that say nothing of the caller: it is too late for anybody, or too early."""


def done(call: Call, what: Sequence[object], work: Callable[[Desk], Done]) -> Done:
    """Do a deed once for its key. Raises Refused with what is wrong or who may."""

    def deed(desk: Desk) -> Done:
        return once(desk.session, what=list(what), ctx=desk.ctx, kind=Done, work=lambda: work(desk))

    return answered(lambda: call.act(deed))


def answered(work: Callable[[], T]) -> T:
    """What the work comes to; what the engine refuses with a code of its own becomes a problem. Raises Refused."""
    try:
        return work()
    except BadInput as bad:
        raise Refused(Kind.BAD_INPUT, faults=wording.faults(bad, None)) from None
    except NotFound:
        raise
    except WorkflowError as refused:
        if refused.code == "key_reused":
            raise
        kind = Kind.REFUSED if refused.code in OVER else Kind.NOT_ALLOWED
        raise Refused(kind, blockers=[wording.deed_refused(refused)]) from None


def deed(written: Done) -> Deed:
    return Deed(
        id=written.subject, stream=written.stream, seq=written.seq, hash=written.hash,
        recorded_at=written.recorded_at, repeated=written.repeated,
    )  # fmt: skip
