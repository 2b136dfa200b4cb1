"""Where a case stands on its route: the rounds of its present stay, folded in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from workflow.definition.values.routes import BACK_TO, MORE_TIME_FOR, Route, Step, StepKind
from workflow.snapshot import Row, Snapshot
from workflow.timers import FIRED


class Result(StrEnum):
    """What a round came to. A sending back is `back_to_` and the name of the step.

    One that ended because a task before it was given more time is `more_time_for_` and the name of the task.
    """

    PASSED = "passed"
    SKIPPED = "skipped"
    REFUSED = "refused"
    OBJECTED = "objected"
    TIE = "tie"
    NO_QUORUM = "no_quorum"


AGAIN = frozenset({Result.TIE, Result.NO_QUORUM})
"""Results that leave the case at the same step, for another round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a case stands: the step it is at, None when all are done; the round that is open; the motion carried so far."""

    route: Route | None
    step: Step | None
    round: Row | None
    motion: Mapping[str, Any] | None

    @property
    def is_over(self) -> bool:
        return self.route is not None and self.step is None


def rounds(snapshot: Snapshot) -> list[Row]:
    """The rounds of the present stay that no correction has undone, in order."""
    stay = snapshot.case["stay"]
    return sorted(
        (row for row in snapshot.living("rounds") if row["stay"] == stay), key=lambda row: row["place"]
    )


def standing(snapshot: Snapshot) -> Standing:
    """Say which step the case is at, from its rounds and what was handed in."""
    return snapshot.remembered(standing, lambda: _standing(snapshot))


def _standing(snapshot: Snapshot) -> Standing:
    route = snapshot.definition.routes.get(snapshot.state)
    if route is None:
        return Standing(route=None, step=None, round=None, motion=None)
    place, motion = 0, None
    for row in rounds(snapshot):
        if row["closed_seq"] is None:
            step = route.steps[route.place(row["step"])]
            return Standing(route=route, step=step, round=row, motion=row["motion"])
        place = _next(route, row)
        decision = route.decision
        if decision is not None and place <= route.place(decision.name):
            motion = None
        elif row["motion"]:
            motion = row["motion"]
    while (onward := _after_task(route, place, snapshot)) is not None:
        place = onward
    step_now = route.steps[place] if place < len(route.steps) else None
    return Standing(route=route, step=step_now, round=None, motion=motion)


def _next(route: Route, row: Row) -> int:
    """The place a closed round leads to."""
    place, result = route.place(row["step"]), row["result"]
    if result in (Result.PASSED, Result.SKIPPED):
        return place + 1
    if result in AGAIN:
        return place
    target = leads_to(route.steps[place], result)
    names = [step.name for step in route.steps]
    return names.index(target) if target in names else len(names)


def leads_to(step: Step, result: str) -> str | None:
    """The earlier step or the transition that a round's result other than a passing leads to."""
    for prefix in (BACK_TO, MORE_TIME_FOR):
        if result.startswith(prefix):
            return result.removeprefix(prefix)
    if result == Result.OBJECTED:
        return step.objected
    return step.failed or step.refuse


def _after_task(route: Route, place: int, snapshot: Snapshot) -> int | None:
    """The place a task leads to that was handed in or is overdue; None at any other step, and past the last.

    One that was sent back waits for something new: its deadline was answered, or has had its say already.
    """
    step = route.steps[place] if place < len(route.steps) else None
    if step is None or step.kind is not StepKind.TASK or sent_back(snapshot, step) is not None:
        return None
    if snapshot.hand_ins(step.name, in_this_stay=True):
        return place + 1
    return route.place(step.overdue) if step.overdue is not None and is_missed(snapshot, step.name) else None


def is_missed(snapshot: Snapshot, task: str) -> bool:
    """Whether the day of a task has passed without it, as the clock has recorded."""
    return any(row["status"] == FIRED for row in _deadlines(snapshot, task))


def _deadlines(snapshot: Snapshot, task: str) -> Iterator[Row]:
    rows = snapshot.table("timers")
    return (row for row in rows if row["name"] == task and row["ended_seq"] is None)


def given_time(snapshot: Snapshot, *, at: datetime) -> Step | None:
    """The task that the case went past when its day was missed, where that day is to come again; None where there is none.

    What was decided since was decided without it, so the case waits for the task anew; also where a signer had sent the
    case back to it.
    """
    here = standing(snapshot)
    if here.route is None or here.step is None:
        return None
    for task in here.route.steps[: here.route.place(here.step.name) + 1]:
        if task.kind is not StepKind.TASK or task.overdue is None:
            continue
        if task is here.step and sent_back(snapshot, task) is None:
            continue
        runs = any(row["status"] != FIRED and row["due_at"] > at for row in _deadlines(snapshot, task.name))
        if runs and not snapshot.hand_ins(task.name, in_this_stay=True):
            return task
    return None


def sent_back(snapshot: Snapshot, task: Step) -> Row | None:
    """The round in which a signer sent back what was handed in on a task; None once something new is, or it has time again."""
    ends = (f"{BACK_TO}{task.name}", f"{MORE_TIME_FOR}{task.name}")
    back = [row for row in rounds(snapshot) if row["result"] in ends]
    if not back or back[-1]["result"] == ends[1]:
        return None
    handed_in = snapshot.hand_ins(task.name, in_this_stay=True)
    is_answered = any(row["seq"] > back[-1]["closed_seq"] for row in handed_in)
    return None if is_answered else back[-1]


def at_sent_back(snapshot: Snapshot, *, task: str | None = None) -> Row | None:
    """The round that sent a case back to the task it is at, or to the one named; None anywhere else."""
    step = standing(snapshot).step
    if step is None or step.kind is not StepKind.TASK or task not in (None, step.name):
        return None
    return sent_back(snapshot, step)


def is_concluded(snapshot: Snapshot) -> bool:
    """Whether the last round refused, and a transition is to follow rather than another step."""
    rows = rounds(snapshot)
    route = snapshot.definition.routes.get(snapshot.state)
    if not rows or route is None or rows[-1]["result"] is None:
        return False
    step = route.steps[route.place(rows[-1]["step"])]
    result = rows[-1]["result"]
    if result in AGAIN or result in (Result.PASSED, Result.SKIPPED):
        return False
    return leads_to(step, result) not in {known.name for known in route.steps}
