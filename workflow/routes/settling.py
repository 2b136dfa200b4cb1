"""The rounds as they should be: those that are settled are closed, what is not wanted is skipped, the next is opened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from models import new_key
from models.changes import INSERT, UPDATE, Change
from workflow.definition.values.routes import MORE_TIME_FOR, Condition, Step, StepKind
from workflow.routes.counting import tally, verdict
from workflow.routes.seating import seats
from workflow.routes.standing import Result, Standing, given_time, is_concluded, rounds, standing
from workflow.snapshot import Row, Snapshot


def settle(snapshot: Snapshot, *, seq: int, day: date, at: datetime) -> list[Change]:
    """The changes that bring the rounds to where the case stands; `seq` is the entry they belong to, `at` its instant.

    Where a task that was missed has time again, what went on without it ends. A round whose ballots settle it is closed,
    a step whose condition does not hold is skipped, the next one is opened, until somebody is waited for.
    """
    task = given_time(snapshot, at=at)
    changes = [] if task is None else [_ended(snapshot, task, seq=seq, day=day)]
    snapshot = snapshot.after(changes)
    while True:
        change = _settled_once(snapshot, seq=seq, day=day)
        if change is None:
            return changes
        changes.append(change)
        snapshot = snapshot.after([change])


def _settled_once(snapshot: Snapshot, *, seq: int, day: date) -> Change | None:
    here = standing(snapshot)
    if here.round is not None and here.step is not None:
        result = verdict(snapshot, here.step, here.round)
        return None if result is None else closed(snapshot, here.step, here.round, result, seq=seq, day=day)
    if here.step is None or not here.step.by_ballot or is_concluded(snapshot):
        return None
    reason = skipped_because(here.step.when, snapshot)
    if reason is not None:
        return _inserted(snapshot, here, seq=seq, day=day, result=Result.SKIPPED, reason=reason)
    return _inserted(snapshot, here, seq=seq, day=day)


def closed(snapshot: Snapshot, step: Step, row: Row, result: str, *, seq: int, day: date) -> Change:
    """The closing of a round: its result, who had a seat, and for a vote its tally."""
    values: dict[str, Any] = {
        "result": str(result),
        "electorate": sorted(seat.person for seat in seats(snapshot, step, row)),
        "tally": tally(snapshot, step, row).counts if step.kind is StepKind.VOTE else None,
        "closed_seq": seq,
        "closed_on": day,
    }
    return Change(table="rounds", op=UPDATE, key=row["id"], values=values)


def _ended(snapshot: Snapshot, task: Step, *, seq: int, day: date) -> Change:
    """The end of what went on without a task: of the open round or, where none is, a round of the last step that only says so.

    Nothing of it is counted; the ballots stay where they are.
    """
    here = standing(snapshot)
    over = {"result": f"{MORE_TIME_FOR}{task.name}", "closed_seq": seq, "closed_on": day}
    if here.round is not None and here.step is not None:
        values = {
            "electorate": sorted(seat.person for seat in seats(snapshot, here.step, here.round)),
            **over,
        }
        return Change(table="rounds", op=UPDATE, key=here.round["id"], values=values)
    last = snapshot.definition.step(snapshot.state, rounds(snapshot)[-1]["step"])
    assert last is not None
    row = opened(snapshot, last, seq=seq, day=day, motion=None) | over
    return Change(table="rounds", op=INSERT, key=str(row["id"]), values=row)


def opened(
    snapshot: Snapshot, step: Step, *, seq: int, day: date, motion: Mapping[str, Any] | None
) -> dict[str, Any]:
    """A row of `rounds` for a step, at the next place of the stay."""
    stay = snapshot.case["stay"]
    place = max((row["place"] for row in snapshot.table("rounds") if row["stay"] == stay), default=0) + 1
    return {
        "id": new_key(),
        "case_id": snapshot.id,
        "stay": stay,
        "place": place,
        "step": step.name,
        "motion": motion,
        "rules": _rules(snapshot, step),
        "opened_seq": seq,
        "opened_on": day,
        "result": None,
        "reason": None,
        "electorate": None,
        "tally": None,
        "closed_seq": None,
        "closed_on": None,
        "voided_seq": None,
    }


def _inserted(
    snapshot: Snapshot,
    here: Standing,
    *,
    seq: int,
    day: date,
    result: Result | None = None,
    reason: Mapping[str, Any] | None = None,
) -> Change:
    assert here.step is not None
    row = opened(snapshot, here.step, seq=seq, day=day, motion=here.motion)
    if result is not None:
        row |= {"result": str(result), "reason": reason, "closed_seq": seq, "closed_on": day}
    return Change(table="rounds", op=INSERT, key=str(row["id"]), values=row)


def _rules(snapshot: Snapshot, step: Step) -> dict[str, Any] | None:
    if step.kind is StepKind.VOTE:
        return {
            "quorum": snapshot.setting(step.quorum) if step.quorum else "2/3",
            "majority": snapshot.setting(step.majority) if step.majority else "more than 1/2",
            "secret": bool(step.secret and snapshot.setting(step.secret)),
        }
    if step.kind is StepKind.SCORE:
        return {
            "count": int(snapshot.setting(step.count)) if step.count else 1,
            "industry": int(snapshot.setting(step.industry)) if step.industry else 0,
        }
    return None


def skipped_because(when: Condition | None, snapshot: Snapshot) -> Mapping[str, Any] | None:
    """Why a step is not taken, None where it is: the setting or field its condition names, and what that holds."""
    if when is None:
        return None
    value: Any
    if when.name in snapshot.definition.settings:
        value = snapshot.setting(when.name)
        holds = bool(value)
    else:
        value = snapshot.stored(when.name)
        holds = value == when.value if when.value is not None else bool(value)
    if holds is not when.negated:
        return None
    return {"name": when.name, "value": value}
