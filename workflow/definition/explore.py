"""Tries everything a lifecycle allows, within stated bounds, and tells what must not be, with the way that leads there.

A case begins at the initial state. Under each choice of what conditions and days ask of settings and fields (at most
MOST_CHOICES of them, beyond that every choice with one of them changed) every situation is visited, at most
MOST_SITUATIONS. Imported cases, corrections and people who fall ill are not explored.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod

from workflow.definition.names import PUNISHING
from workflow.definition.problems import Findings
from workflow.definition.situations import (
    LASTING,
    REOPENING,
    Move,
    Setting,
    Situation,
    Value,
    begin,
    can_act,
    moves,
    step_at,
)
from workflow.definition.values.days import Every
from workflow.definition.values.edition import Definition
from workflow.definition.values.forms import FieldType
from workflow.definition.values.routes import StepKind

MOST_CHOICES = 64
MOST_SITUATIONS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored:
    """Every situation of one choice, in the order it was found, with the moves from it and the move that found it."""

    here: Setting
    onward: Mapping[Situation, tuple[Move, ...]]
    found_by: Mapping[Situation, tuple[Situation, Move] | None]

    def way(self, at: Situation, *more: Move) -> str:
        """Write how a case comes to a situation, and on: `draft: submit → proposed: selection carried → …`."""
        ats = (at, *(move.after for move in more))
        steps = deque(zip(ats, more, strict=False))
        found = self.found_by[at]
        while found is not None:
            steps.appendleft(found)
            found = self.found_by[found[0]]
        words = [f"{before.state}: {move.word}" for before, move in steps]
        told = _told(self.here, {at.state, *(before.state for before, _ in steps)})
        return " → ".join([*told, *words]) or at.state

    def onto(self, at: Situation, *, within: bool) -> tuple[Move, ...]:
        """The moves that lead on from step to step, `within` the state where so asked, until one repeats or none is left."""
        more: list[Move] = []
        seen = {at}
        while self.onward[at]:
            move = self.onward[at][0]
            stays = move.after.state == at.state
            if (
                move.word == REOPENING
                or move.after in seen
                or (stays and move.after.place == at.place)
                or (within and not stays)
            ):
                break
            more.append(move)
            at = move.after
            seen.add(at)
        return tuple(more)


def explore(definition: Definition, findings: Findings) -> None:
    """Report what can go wrong in a file that is sound in itself; each place once, by the shortest way found."""
    seen: set[tuple[str, str]] = set()
    reached: set[str] = set()
    for chosen in _choices(definition):
        here = Setting(definition=definition, chosen=chosen, asked=_asked(definition, chosen))
        explored = _explored(here)
        if explored is None:
            findings.add("", "too_many_situations", most=MOST_SITUATIONS)
            return
        for path, code, params in _judged(explored):
            if (path, code) not in seen:
                seen.add((path, code))
                findings.add(path, code, **params)
        reached |= {at.state for at in explored.onward}
    for state in () if seen else definition.states.keys() - reached:
        findings.add(f"states.{state}", "unreachable", state=state)


# ───────────────────────────── What is chosen


def _choices(definition: Definition) -> Iterator[Mapping[str, Value]]:
    """Every combination of what is asked of settings and fields, the defaults first."""
    values = _values(definition)
    if prod(len(one) for one in values.values()) <= MOST_CHOICES:
        yield from (dict(zip(values, chosen, strict=True)) for chosen in product(*values.values()))
        return
    usual = {name: one[0] for name, one in values.items()}
    yield usual
    yield from ({**usual, name: other} for name, one in values.items() for other in one[1:])


def _values(definition: Definition) -> dict[str, tuple[Value, ...]]:
    found: dict[str, tuple[Value, ...]] = {}
    for condition in (step.when for step in definition.steps if step.when):
        field = definition.fields.get(condition.name)
        setting = definition.settings.get(condition.name)
        if setting is not None:
            found[condition.name] = (bool(setting.default), not setting.default)
        elif field is not None and field.type is FieldType.CHOICE:
            found[condition.name] = (*field.one_of, "")
        else:
            found[condition.name] = (True, False)
    for name in _anchoring(definition):
        setting = definition.settings[name]
        others = (word for word in setting.one_of if word != setting.default)
        found[name] = (str(setting.default), *others)
    return found


def _anchoring(definition: Definition) -> set[str]:
    """The settings that say what a day is counted from."""
    days = [rule.day for rule in definition.dates.values()]
    days += [timer.day for timer in definition.timers.values() if not isinstance(timer.day, Every)]
    return {day.anchor for day in days if day.anchor in definition.settings}


def _told(here: Setting, states: Collection[str]) -> Iterator[str]:
    """What was chosen on a way through some states: of the fields what was said, of the settings what is not usual."""
    routes = (route for route in here.definition.routes.values() if route.state in states)
    asked = {step.when.name for route in routes for step in route.steps if step.when}
    for name, value in here.chosen.items():
        setting = here.definition.settings.get(name)
        usual = setting is not None and value == setting.default
        if not usual and (name in asked or (setting is not None and setting.one_of)):
            yield f"{name} = {str(value).lower()}"


def _asked(definition: Definition, chosen: Mapping[str, Value]) -> frozenset[str]:
    """The facts that guards and days ask about."""
    asked: set[str] = set()
    for need in (need for act in definition.acts.values() for need in act.needs):
        params = need.params
        match need.guard:
            case "never":
                asked |= {f"{LASTING}{name}" for name in params["happened"]}
            case "handed_in":
                asked |= {f"given:{params['field']}<{params.get('before', '')}"}
                asked |= {f"opened:{params['before']}"} if "before" in params else set()
            case "overdue":
                asked.add(f"handed:{params['task']}")
            case "no_ballot_yet":
                asked.add(f"voted:{params['step']}")
    days = [timer.day for timer in definition.timers.values() if not isinstance(timer.day, Every)]
    days += [rule.day for rule in definition.dates.values()]
    anchors = {day.anchor for day in days} | {str(value) for value in chosen.values()}
    return frozenset(asked | {f"{LASTING}{name}" for name in anchors if name in definition.acts})


# ───────────────────────────── Every situation


def _explored(here: Setting) -> Explored | None:
    """Visit everything from the beginning, nearest first; None where there is too much."""
    first = begin(here)
    found_by: dict[Situation, tuple[Situation, Move] | None] = {first: None}
    onward: dict[Situation, tuple[Move, ...]] = {}
    waiting = deque([first])
    while waiting:
        at = waiting.popleft()
        ended = here.definition.states[at.state].end
        onward[at] = () if ended else tuple(moves(here, at))
        for move in onward[at]:
            if move.after not in found_by:
                found_by[move.after] = (at, move)
                waiting.append(move.after)
        if len(found_by) > MOST_SITUATIONS:
            return None
    return Explored(here=here, onward=onward, found_by=found_by)


def _leading_to(explored: Explored, goals: Iterable[Situation], *, within: bool) -> set[Situation]:
    """The situations from which one of the goals can be reached; `within` the same state where so asked."""
    back: dict[Situation, list[Situation]] = {}
    for at, onward in explored.onward.items():
        for move in onward:
            if not within or move.after.state == at.state:
                back.setdefault(move.after, []).append(at)
    found = set(goals)
    waiting = list(found)
    while waiting:
        for before in back.get(waiting.pop(), ()):
            if before not in found:
                found.add(before)
                waiting.append(before)
    return found


# ───────────────────────────── What must not be

Finding = tuple[str, str, Mapping[str, str]]


def _judged(explored: Explored) -> Iterator[Finding]:
    """Every fault; dead ends only where nothing else explains them."""
    faults = [fault for at, onward in explored.onward.items() for fault in _faults(explored, at, onward)]
    yield from faults
    if not faults:
        yield from _dead_ends(explored)


def _faults(explored: Explored, at: Situation, onward: Collection[Move]) -> Iterator[Finding]:
    step = step_at(explored.here, at)
    if step is not None:
        path = f"routes.{at.state}.{step.name}"
        if not can_act(explored.here, step):
            yield f"{path}.by", "nobody_can_act", {"way": explored.way(at)}
        if step.kind is StepKind.PUBLICITY and step.objected is None:
            yield path, "refusal_without_target", {"way": explored.way(at)}
    for move in onward:
        if move.act is not None:
            yield from _of_move(explored, at, move)


def _of_move(explored: Explored, at: Situation, move: Move) -> Iterator[Finding]:
    definition = explored.here.definition
    act = definition.acts[str(move.act)]
    known = {"transition": act.name, "state": at.state}
    if move.concludes and move.after.state == at.state:
        yield f"routes.{at.state}.{move.place}", "does_not_leave", {**known, "way": explored.way(at, move)}
    starts = any(ban.starts == act.name for ban in definition.bans.values())
    harsh = definition.states[move.after.state].family == PUNISHING
    if move.alone and (starts or (harsh and move.after.state != at.state)):
        path = f"routes.{at.state}.{move.place}" if move.concludes else f"timers.{move.place}.fires"
        yield path, "punishes_alone", {"transition": act.name, "way": explored.way(at, move)}
    for ban in definition.bans.values():
        into = move.after.state == ban.keeps_out_of != at.state
        if into and act.name not in ban.blocks:
            params = {"transition": act.name, "state": move.after.state, "way": explored.way(at, move)}
            yield f"bans.{ban.name}.blocks", "ban_leaks", params


def _dead_ends(explored: Explored) -> Iterator[Finding]:
    definition = explored.here.definition
    ends = [at for at in explored.onward if definition.states[at.state].end]
    alive = _leading_to(explored, ends, within=False)
    decided = [at for at, onward in explored.onward.items() if any(move.concludes for move in onward)]
    led = _leading_to(explored, decided, within=True)
    for at in explored.onward:
        if at not in alive:
            params = {"state": at.state, "way": explored.way(at, *explored.onto(at, within=False))}
            yield f"states.{at.state}", "no_way_on", params
        elif at.state in definition.routes and at not in led:
            params = {"state": at.state, "way": explored.way(at, *explored.onto(at, within=True))}
            yield f"routes.{at.state}", "no_outcome_leads_out", params
