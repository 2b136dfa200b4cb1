"""Rounds and ballots in words: what a step came to, who is waited for, what one's own ballot will bring about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from models.changes import INSERT, UPDATE
from workflow import routes
from workflow.definition.values.edition import Definition
from workflow.definition.values.routes import BACK_TO, CONFIDENTIAL, MORE_TIME_FOR, Step, StepKind
from workflow.explain.names import NO_VALUE, act_label, role_label
from workflow.plan import Plan
from workflow.queries.names import Names
from workflow.snapshot import Row, Snapshot
from workflow.tasks import NAME_PANEL
from workflow.way import Mark, Stop
from workflow.words import label_text, say

_PASSED: Mapping[StepKind, str] = {
    StepKind.SIGN: "agreed",
    StepKind.SCORE: "sealed",
    StepKind.PUBLICITY: "unopposed",
}
"""What passing a step is called, where it is not simply that."""


def outcome_text(stop: Stop, definition: Definition, language: str) -> str:
    """What a stop came to; nothing for one that is still to come or under way."""
    if stop.hand_in is not None:
        return say("route.result.late" if stop.hand_in["late"] else "route.result.handed_in", language)
    if stop.round is not None and (stop.mark is not Mark.CURRENT):
        return result_text(stop.step, stop.round, definition, language)
    missed = stop.mark is Mark.DONE and stop.step.kind is StepKind.TASK
    return say("route.result.missed", language) if missed else ""


def result_text(step: Step, row: Row, definition: Definition, language: str) -> str:
    """What a round came to."""
    result = row["result"]
    if result is None:
        return say("route.result.over", language)
    if result == routes.Result.SKIPPED:
        return _skipped(row["reason"] or {}, definition, language)
    if result.startswith(BACK_TO):
        name = result.removeprefix(BACK_TO)
        return say("route.result.back_to", language, step=_step(definition, name).label)
    if result.startswith(MORE_TIME_FOR):
        task = _step(definition, result.removeprefix(MORE_TIME_FOR)).label
        return say("route.result.more_time", language, task=task)
    if step.kind is StepKind.DECIDE and row["motion"]:
        return motion_text(row["motion"], definition, language)
    if result == routes.Result.PASSED:
        return say(f"route.result.{_PASSED.get(step.kind, 'passed')}", language)
    disagreed = result == routes.Result.REFUSED and step.kind is StepKind.SIGN
    return say("route.result.disagreed" if disagreed else f"route.result.{result}", language)


def _skipped(reason: Mapping[str, Any], definition: Definition, language: str) -> str:
    name = reason.get("name", "")
    known = definition.settings.get(name) or definition.fields.get(name)
    label = known.label if known is not None else name
    return say("route.result.skipped", language, name=label, value=reason.get("value"))


def motion_text(motion: Mapping[str, Any], definition: Definition, language: str) -> str:
    """What is moved: the act, and the outcome it would record."""
    act, outcome = definition.acts[motion["act"]], str(motion.get("outcome"))
    if outcome in definition.outcomes:
        label = definition.outcomes[outcome].label
        return say("route.result.moved_as", language, act=act.label, outcome=label)
    return say("route.result.moved", language, act=act.label)


def tally_text(row: Row | None, language: str) -> str:
    """The count of a vote, nothing where there was none."""
    return say("route.tally", language, **row["tally"]) if row is not None and row["tally"] else ""


def choice_text(ballot: Row, definition: Definition, language: str) -> str:
    """What somebody chose; of a secret vote, that it was one."""
    if ballot["choice"] is None:
        return say("route.secret", language)
    return label_text(definition.outcomes[ballot["choice"]].label, language)


def voter_text(ballot: Row, names: Names, language: str) -> str:
    """Whose ballot it is, and who cast it where that was somebody else."""
    who = names.person(ballot["person_id"]) or NO_VALUE
    if ballot["cast_by"] == ballot["person_id"]:
        return who
    return who + say("route.by_clerk", language, who=names.person(ballot["cast_by"]) or NO_VALUE)


def _step(definition: Definition, name: str) -> Step:
    return next(step for step in definition.steps if step.name == name)


# ───────────────────────────── What a ballot brings about


def people_asked(plan: Plan) -> tuple[str, ...]:
    """The people whose turn it is once the ballot or motion is recorded."""
    if not plan.steps or plan.undisclosed is not None:
        return ()
    after = plan.steps[0].before.after(plan.steps[0].changes)
    here = routes.standing(after)
    if here.step is None or here.round is None:
        return ()
    return tuple(seat.person for seat in routes.in_turn(after, here.step, here.round))


def brought_about(plan: Plan, snapshot: Snapshot, names: Names, language: str) -> list[str]:
    """Say whether the ballot or motion closes its round and what then follows, or who is still waited for."""
    if not plan.steps:
        return []
    if plan.undisclosed is not None:
        return [undisclosed_text(plan, language)]
    after = plan.steps[0].before.after(plan.steps[0].changes)
    lines = list(_rounds_moved(plan, after, names, language))
    if plan.moves is not None:
        moved_to = _step(snapshot.definition, plan.moves).label
        return [say("route.brings.moves", language, step=moved_to), *lines]
    here = routes.standing(snapshot)
    if lines or here.step is None or here.round is None or here.step.name != plan.act.name:
        return lines
    return [_still_waiting(after, here.step, here.round, names, language)]


def undisclosed_text(plan: Plan, language: str) -> str:
    """Say that the ballot closes its round and the ballots together decide what follows; nothing where all is shown."""
    if plan.undisclosed is None:
        return ""
    return undisclosed_of(plan.steps[0].before.definition, plan.undisclosed, language)


def undisclosed_of(definition: Definition, step: str, language: str) -> str:
    return say("route.brings.undisclosed", language, step=_step(definition, step).label)


def _rounds_moved(plan: Plan, after: Snapshot, names: Names, language: str) -> Iterator[str]:
    definition = after.definition
    rows = {row["id"]: row for row in after.living("rounds")}
    for change in (change for change in plan.steps[0].changes if change.table == "rounds"):
        row = rows[change.key]
        step = _step(definition, row["step"])
        result = result_text(step, row, definition, language) if row["result"] else ""
        if change.op == UPDATE and result:
            yield say("route.brings.closes", language, step=step.label, result=result)
        elif change.op == INSERT and row["result"] == routes.Result.SKIPPED:
            yield say("route.brings.skips", language, step=step.label, result=result)
        elif change.op == INSERT and not result:
            yield _opened(after, step, row, names, language)


def _opened(after: Snapshot, step: Step, row: Row, names: Names, language: str) -> str:
    """Say who is next at a round that opens; at one that lacks experts, whoever names them."""
    definition = after.definition
    if not routes.wants_panel(after, step, row):
        return say("route.brings.opens", language, step=step.label, people=_asked(after, step, row, names))
    office = role_label(definition, definition.import_.by, language)
    naming = act_label(definition, NAME_PANEL, language)
    return say("route.brings.opens", language, step=naming, people=[office])


def _asked(after: Snapshot, step: Step, row: Row, names: Names) -> list[Any]:
    """The people by name, or by their role where nobody's name was read."""
    people = [names.person(seat.person) for seat in routes.in_turn(after, step, row)]
    known = [name for name in people if name]
    return known or [after.definition.roles[role].label for role in step.by]


def _still_waiting(after: Snapshot, step: Step, row: Row, names: Names, language: str) -> str:
    waiting = routes.in_turn(after, step, row)
    people = [names.person(seat.person) for seat in waiting]
    if step.kind in CONFIDENTIAL or not all(people) or not people:
        return say("route.brings.waits_more", language, step=step.label, count=len(waiting))
    return say("route.brings.waits", language, step=step.label, people=people)
