"""What became of each base in a decision on several: kept under the request's key, shown again to whoever sends it twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from web import door, pages
from web.decisions.carrying import Changed
from web.decisions.saying import reasons_shown, told_meanwhile
from web.pages import Look
from workflow import queries
from workflow.context import Context
from workflow.errors import BadInput, WorkflowError
from workflow.operations import Receipt, Refusal
from workflow.operations.answers import Answer
from workflow.operations.repeats import kept_answer, once
from workflow.queries import Case
from workflow.reasons import fault_text
from workflow.words import LANGUAGES

Stopped = Refusal | Changed | WorkflowError
"""Why an act on one of the bases did not happen."""


class Result(StrEnum):
    """What became of the act on one base."""

    DONE = "done"
    REFUSED = "refused"
    UNCONFIRMED = "unconfirmed"
    """A warning was not confirmed."""
    STALE = "stale"
    """Something else came first."""
    CHANGED = "changed"
    """It would have done something else than was shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """The result for one base: the entry where it was done, else why not, in every language."""

    case_id: str
    result: Result
    seq: int | None = None
    reasons: Mapping[str, Sequence[Mapping[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results(Answer):
    """The results of one request, base by base, in the order they were selected."""

    act: str
    rows: tuple[RowResult, ...]

    @property
    def done(self) -> int:
        return sum(row.result is Result.DONE for row in self.rows)

    def kept(self) -> dict[str, Any]:
        return {"act": self.act, "rows": [asdict(row) for row in self.rows]}

    @classmethod
    def read_back(cls, kept: Mapping[str, Any]) -> Results:
        rows = (RowResult(**{**row, "result": Result(row["result"])}) for row in kept["rows"])
        return cls(act=kept["act"], rows=tuple(rows), repeated=True)


def done(receipt: Receipt) -> RowResult:
    return RowResult(case_id=receipt.case_id, result=Result.DONE, seq=receipt.seq, reasons={})


def not_done(look: Look, case_id: str, stopped: Stopped, *, seq: int) -> RowResult:
    """The result of an act that did not happen. `seq`: the last entry the reader had seen."""
    case = pages.case_seen(look, case_id, None)
    reasons = {
        language: _why(replace(look, language=language), case, stopped, seq=seq) for language in LANGUAGES
    }
    return RowResult(case_id=case_id, result=_kind(stopped), reasons=reasons)


def _kind(stopped: Stopped) -> Result:
    if isinstance(stopped, Changed):
        return Result.CHANGED
    if isinstance(stopped, Refusal) and stopped.stale is not None:
        return Result.STALE
    if isinstance(stopped, Refusal) and not stopped.blockers:
        return Result.UNCONFIRMED
    return Result.REFUSED


def _why(look: Look, case: Case, stopped: Stopped, *, seq: int) -> list[dict[str, str]]:
    definition, language = case.definition, look.language
    if isinstance(stopped, BadInput):
        return [_said(fault_text(fault, definition, language)) for fault in stopped.faults]
    if not isinstance(stopped, Refusal):
        return []
    if stopped.stale is not None:
        entries = queries.entries_since(look.session, case.snapshot.id, seq)
        told = told_meanwhile(look, case, entries) or ()
        return [_said(f"{entry['who']} · {entry['what']}") for entry in told]
    reasons = stopped.blockers or stopped.warnings
    return reasons_shown(reasons, definition, language, case_id=case.snapshot.id)


def _said(text: str) -> dict[str, str]:
    return {"text": text, "basis": "", "mend": "", "from_on": ""}


# ───────────────────────────── Kept under the request's key


def _name(key: str) -> str:
    return f"{key}:together"


def kept_results(look: Look, key: str) -> Results | None:
    """What became of a request of the reader's, or None where it has not been carried out."""
    return kept_answer(look.session, Results, ctx=replace(look.ctx, key=_name(key)))


def keep(results: Results, *, key: str) -> None:
    """Keep the results of a request; where it was sent twice at once, the first stay."""

    def work(session: Session, ctx: Context) -> None:
        once(session, what=_name(key), ctx=ctx, kind=Results, work=lambda: results)

    door.act(work, key=_name(key))
