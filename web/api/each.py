"""Several rows in one request, each in a transaction of its own under a key derived from the request's.

The request's own key is bound to the whole request first, so that it cannot come again with another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from web.api.acts import perform_act
from web.api.problems import problem_of, refused_as
from web.api.routing import Call, Reply, operation
from web.api.shapes.acts import Form, Receipt
from web.api.shapes.together import Results, RowResult, Together
from web.decisions.selection import serves_all
from workflow import gather
from workflow.errors import NotFound
from workflow.operations.answers import Answer
from workflow.operations.repeats import once
from workflow.queries import seen
from workflow.world import definition_of

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun(Answer):
    """A request on several rows was begun under its key; what became of each is kept under theirs."""


def row_by_row(
    call: Call,
    what: Sequence[object],
    rows: Iterable[R],
    *,
    named: Callable[[R], str],
    work: Callable[[Call, R], Reply],
) -> Results:
    """Do the work on each row by itself: what stops one does not stop the others. Raises `key_reused`.

    Sent again under the same key, a row that was done answers with its receipt, and one that was refused is tried again.
    """
    call.act(lambda desk: once(desk.session, what=list(what), ctx=desk.ctx, kind=Begun, work=Begun))
    return Results(
        items=[_tried(replace(call, key=f"{call.key}:{named(row)}"), named(row), row, work) for row in rows]
    )


def _tried(call: Call, name: str, row: R, work: Callable[[Call, R], Reply]) -> RowResult:
    try:
        receipt = work(call, row).body
    except Exception as error:
        refused = refused_as(error)
        if refused is None:
            raise
        return RowResult(id=name, done=False, problem=problem_of(refused))
    assert isinstance(receipt, Receipt)
    return RowResult(id=name, done=True, receipt=receipt)


# ───────────────────────────── One act on many


@operation("POST", "/acts/<act>", answer=Results, body=Together, key=True)
def perform_together(call: Call, act: str, *, body: Together) -> Results:
    """One act on several cases, if one form can answer it for all; what it would do on each is previewed case by case."""
    rows = {row.case_id: row for row in body.rows}.values()
    # As text, for what was sent may hold numbers that no form takes and the log's spelling does not know.
    sent = json.dumps(body.model_dump(mode="json"), sort_keys=True)
    return row_by_row(
        call, ["together", act, sent], rows, named=lambda row: row.case_id,
        work=lambda mine, row: _performed(replace(mine, version=row.version), row.case_id, act, body.form),
    )  # fmt: skip


def _performed(call: Call, case_id: str, act: str, form: Form) -> Reply:
    """The act on one of the cases. Raises NotFound for one that is decided for one base at a time."""
    with call.reading() as desk:
        seen(desk.session, desk.rights, case_id)
        definition = definition_of(desk.session, gather.look(desk.session, case_id)[1])
    if act not in definition.acts or not serves_all(definition, definition.acts[act]):
        raise NotFound("unknown_act", act=act)
    reply = perform_act(call, case_id, act, body=form)
    assert isinstance(reply, Reply)
    return reply
