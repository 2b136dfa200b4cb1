"""Paper votes: what a member put on paper, entered by the clerk with the scan (代录)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from models.changes import Change
from workflow import routes
from workflow.blockers import Blocker, Rank
from workflow.conflicts import conflict_of
from workflow.context import Context
from workflow.definition.values.routes import StepKind
from workflow.operations.answers import Receipt, Refusal
from workflow.operations.open_round import Here, Wanted, Work, at_round, barrier, only
from workflow.plan import Form, Step
from workflow.plan.balloting import ballot
from workflow.plan.blocking import view_of

SCAN = "scan"
"""The field the scan of a paper ballot is kept under."""


def transcribe(
    session: Session, case_id: str, person: str, *, choice: str, scan: str | None, version: int, ctx: Context
) -> Receipt | Refusal:
    """Enter a member's paper ballot in the open vote; `scan` is the case's document that shows it.

    The ballot is the member's, cast by the clerk, and the entry names both. It counts like any other, and like any
    other leaves the version alone until it closes the round. A secret ballot's choice becomes a slip. Refused without
    the scan, over a ballot there is, and to whoever would enter their own.
    """

    planned = transcribing(person, choice=choice, scan=scan)

    def work(here: Here) -> Step | Wanted | Blocker:
        found = planned(here)
        missing = all(row["id"] != scan for row in here.snapshot.table("documents"))
        return barrier("scan_missing", Rank.MATERIAL) if missing and not isinstance(found, Blocker) else found

    return at_round(session, case_id, work, version=version, ctx=ctx, people=(person,))


def transcribing(person: str, *, choice: str, scan: str | None) -> Work:
    """What entering a member's paper ballot comes to, planned for its page as for the act; its scan is kept with it."""

    def work(here: Here) -> Step | Blocker:
        found = _unfit(here, person, choice)
        return found if found is not None else _planned(here, person, choice, str(scan))

    return work


def _unfit(here: Here, person: str, choice: str) -> Blocker | None:
    snapshot, actor = here.snapshot, here.ctx.actor.person
    if not here.is_office():
        return only(here.office)
    conflict = conflict_of(snapshot, actor, (here.office,))
    if conflict is not None:
        params = {"conflict": conflict.name, "who_is": conflict.who_is}
        return Blocker(code="conflict", basis=conflict.basis, rank=Rank.ROLE, params=params)
    if here.step.kind is not StepKind.VOTE:
        return barrier("no_vote_here", Rank.TIME, step=here.step.name)
    if person == actor:
        return barrier("own_paper_vote", Rank.ROLE)
    if routes.ballot_of(snapshot, here.row, person) is not None:
        return barrier("has_acted", Rank.FINAL)
    if all(seat.person != person for seat in routes.seats(snapshot, here.step, here.row)):
        return barrier("no_vote_of_theirs", Rank.ROLE, step=here.step.name)
    outcomes = snapshot.definition.acts[here.step.name].outcomes
    if choice not in outcomes:
        return barrier("outcome_unknown", Rank.RULE, outcomes=list(outcomes))
    return None


def _planned(here: Here, person: str, choice: str, scan: str) -> Step:
    act = here.snapshot.definition.acts[here.step.name]
    form = Form(outcome=choice, on_behalf_of=person)
    step = ballot(view_of(here.snapshot, act, form, here.ctx), form, here.ctx)
    changes = tuple(_with_scan(change, scan) for change in step.changes)
    return replace(step, kind="transcribed", form={**step.form, SCAN: scan}, changes=changes)


def _with_scan(change: Change, scan: str) -> Change:
    """The ballot's own row names the scan; every other row stays."""
    if change.table != "ballots":
        return change
    kept: dict[str, Any] = {**change.values["form"], SCAN: scan}
    return replace(change, values={**change.values, "form": kept})
