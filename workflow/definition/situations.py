"""Where a case can stand and what can happen there, as far as the lifecycle file alone decides it.

A situation forgets days, forms and people. What only time or a form decides (a deadline, a criterion, a vote) may go
either way; what history decides (a transition that happened, a report handed in, a ballot cast) is kept, and guards
that ask about it are asked. The moves are those of the engine: `workflow.routes` and `workflow.plan`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

from workflow.definition.values.acts import TO_SAME, TO_UNDO, Act, ActKind, Need
from workflow.definition.values.days import Day, Every
from workflow.definition.values.edition import Definition
from workflow.definition.values.routes import REOPENED, Route, Rule, Step, StepKind
from workflow.definition.values.timers import Timer

Value = bool | str


class Situation(NamedTuple):
    """A case in a state, at a step of its route; `place` is past the last step when the route is over."""

    state: str
    place: int = 0
    motion: tuple[str, str | None] | None = None
    """The transition and the outcome that were moved and await the steps after, or that a route which is over has come to."""
    decided: bool = False
    """Whether somebody has agreed, voted or picked an outcome since the case came into the state."""
    facts: frozenset[str] = frozenset()
    """What guards and days ask about: `happened`, and of this stay `given`, `handed`, `opened`, `voted`; and the tasks `sent_back`."""


class Move(NamedTuple):
    """Something that can happen: what a trace calls it, the situation after it, the transition that took effect."""

    word: str
    after: Situation
    act: str | None = None
    place: str = ""
    """The element of the file that brings it about, within its route: `then`, `selection.failed`."""
    concludes: bool = False
    """The route came to it, or somebody carried out what the route is there to decide."""
    alone: bool = False
    """Nobody decided: a timer fired it, or a route that only waited for papers and silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One lifecycle under one choice of everything its conditions and days ask of settings and fields."""

    definition: Definition
    chosen: Mapping[str, Value]
    asked: frozenset[str] = field(default_factory=frozenset)
    """The facts some guard or day asks about; others are not kept."""


LASTING = "happened:"

SENT_BACK = "sent_back:"

REOPENING = "reopened"
"""What a trace calls the office's reopening of a route."""


def begin(here: Setting) -> Situation:
    """The situation every case begins in."""
    return _entered(here, here.definition.initial, frozenset())


def step_at(here: Setting, at: Situation) -> Step | None:
    """The step a situation waits at, None where there is no route or it is over."""
    route = here.definition.routes.get(at.state)
    return route.steps[at.place] if route is not None and at.place < len(route.steps) else None


def moves(here: Setting, at: Situation) -> Iterator[Move]:
    """Everything that can happen next; corrections, which undo, are left out."""
    step = step_at(here, at)
    route = here.definition.routes.get(at.state)
    if step is not None and route is not None:
        yield from _of_step(here, at, route, step)
    yield from _of_papers(here, at, step)
    yield from _of_people(here, at, route, step)
    yield from _of_clock(here, at)
    if step is None and route is not None and route.has_ballots:
        yield from _reopened(here, at, route)


# ───────────────────────────── Along the route


def _of_step(here: Setting, at: Situation, route: Route, step: Step) -> Iterator[Move]:
    match step.kind:
        case StepKind.TASK:
            if _is_sent_back(at, step):
                yield from _reopened(here, at, route, after=at.place)
            elif step.overdue and _is_known(here, at, here.definition.timers[step.name]):
                place = route.place(step.overdue)
                yield Move(f"{step.name} overdue", _moved(here, at, route, place))
        case StepKind.PUBLICITY:
            yield _onward(here, at, route, step, "silence")
            if step.objected:
                yield _back(here, at, route, step, "object", step.objected)
        case StepKind.DECIDE if route.has_ballots and can_act(here, step):
            yield from _choices(here, at, route, step)
        case StepKind.SIGN | StepKind.VOTE | StepKind.SCORE if can_act(here, step):
            yield from _ballots(here, at, route, step)


def _ballots(here: Setting, at: Situation, route: Route, step: Step) -> Iterator[Move]:
    at = _with(here, at, f"voted:{step.name}")
    if step.kind is StepKind.SCORE:
        yield _onward(here, at, route, step, "sealed")
        return
    at = at._replace(decided=True)
    yield _onward(here, at, route, step, "agree" if step.kind is StepKind.SIGN else "carried")
    if step.kind is StepKind.VOTE:
        yield Move(f"{step.name} tie", at)
    if step.refuse:
        yield _concluded(
            *(here, at, route, step.refuse, None),
            word=f"{step.name} refuse",
            place=f"{step.name}.refuse",
            filled={ask.field for ask in here.definition.acts[step.name].asks},
        )
    names = {known.name for known in route.steps}
    if step.failed in names:
        yield _back(here, at, route, step, "voted down", str(step.failed))
    elif step.failed:
        yield _concluded(
            *(here, at, route, step.failed, None),
            word=f"{step.name} voted down",
            place=f"{step.name}.failed",
        )
    if step.kind is StepKind.SIGN:
        for earlier in route.steps[: at.place]:
            yield _back(here, at, route, step, f"back to {earlier.name}", earlier.name)


def _choices(here: Setting, at: Situation, route: Route, step: Step) -> Iterator[Move]:
    for outcome, name in step.choices.items():
        act, word = here.definition.acts[name], f"{step.name} {outcome}"
        place = f"{step.name}.choices.{outcome}"
        if not _is_met(at, act, outcome) or (act.second and not _has_people(here, (act.second,))):
            continue
        moved = at._replace(decided=True)
        if route.is_moved:
            moved = _moved(here, moved._replace(motion=(name, outcome)), route, at.place + 1)
            yield _ended(here, moved, route, word=word, place=place)
        else:
            yield Move(word, _fired(here, moved, act), name, place=place, concludes=True)


def _onward(here: Setting, at: Situation, route: Route, step: Step, word: str) -> Move:
    after = _moved(here, at, route, at.place + 1)
    return _ended(here, after, route, word=f"{step.name} {word}", place="then")


def _back(here: Setting, at: Situation, route: Route, step: Step, word: str, target: str) -> Move:
    place = route.place(target)
    if route.steps[place].kind is StepKind.TASK:
        at = at._replace(facts=at.facts | {f"{SENT_BACK}{target}"})
    return Move(f"{step.name} {word}", _moved(here, at, route, place))


def _ended(here: Setting, after: Situation, route: Route, *, word: str, place: str) -> Move:
    """The move to a step or, where none is left, what the route has come to."""
    if after.place < len(route.steps):
        return Move(word, after)
    if route.then is not None:
        return _concluded(here, after, route, route.then, None, word=word, place=place)
    if after.motion is None or route.decision is None:
        return Move(word, after)
    act, outcome = after.motion
    filled = {ask.field for ask in here.definition.acts[act].asks}
    place = f"{route.decision.name}.choices.{outcome}"
    return _concluded(here, after, route, act, outcome, word=word, place=place, filled=filled)


def _concluded(
    here: Setting,
    at: Situation,
    route: Route,
    name: str,
    outcome: str | None,
    *,
    word: str,
    place: str,
    filled: Iterable[str] = (),
) -> Move:
    """What a route has come to takes effect, or waits for somebody to fill in or confirm what is lacking."""
    act = here.definition.acts[name]
    lacking = {ask.field for ask in act.asks if ask.required} - {*filled}
    if lacking or not _is_met(at, act, outcome) or (act.second and not at.decided):
        return Move(word, at._replace(place=len(route.steps), motion=(name, outcome)))
    return Move(
        word,
        _fired(here, at, act),
        name,
        place=place,
        concludes=True,
        alone=not at.decided and not act.second,
    )


def _is_sent_back(at: Situation, task: Step) -> bool:
    return f"{SENT_BACK}{task.name}" in at.facts


def _reopened(here: Setting, at: Situation, route: Route, *, after: int = -1) -> Iterator[Move]:
    """The office reopens a route that is over, or one `after` whose place nothing new comes; every later step follows."""
    if not _has_people(here, (here.definition.import_.by,)):
        return
    for place, step in enumerate(route.steps):
        if place > after and step.kind in REOPENED and _is_taken(here, step):
            yield Move(REOPENING, _moved(here, at._replace(motion=None), route, place))
            return


# ───────────────────────────── Beside the route


def _of_papers(here: Setting, at: Situation, step: Step | None) -> Iterator[Move]:
    """What can be handed in: where the route waits for it, the case goes on; elsewhere it is a fact like others."""
    route = here.definition.routes.get(at.state)
    for act in here.definition.acts.values():
        if act.kind is not ActKind.TASK or at.state not in act.source or not _has_people(here, act.by):
            continue
        waited_for = step is not None and step.name == act.name
        for given in _fillings(here, act):
            facts = [f"handed:{act.name}"]
            for fact in here.asked:
                kind, _, rest = fact.partition(":")
                name, _, before = rest.partition("<")
                if kind == "given" and name in given and f"opened:{before}" not in at.facts:
                    facts.append(fact)
            answered = at._replace(facts=at.facts - {f"{SENT_BACK}{act.name}"})
            after = _with(here, answered, *facts)
            if waited_for and route is not None:
                after = _moved(here, after, route, at.place + 1)
            if after != at:
                yield Move(act.name if len(given) != 1 else f"{act.name} ({given[0]})", after)


def _fillings(here: Setting, act: Act) -> Iterator[tuple[str, ...]]:
    """The ways a form can be filled in, as far as some guard asks about its fields."""
    if act.either:
        yield from ((name,) for name in act.either)
        return
    asked = {
        fact.removeprefix("given:").partition("<")[0] for fact in here.asked if fact.startswith("given:")
    }
    always = tuple(ask.field for ask in act.asks if ask.required and ask.field in asked)
    maybe = tuple(ask.field for ask in act.asks if not ask.required and ask.field in asked)
    for count in range(len(maybe) + 1):
        yield from ((*always, *some) for some in combinations(maybe, count))


def _of_people(here: Setting, at: Situation, route: Route | None, step: Step | None) -> Iterator[Move]:
    """The transitions somebody may carry out; of those a route decides on, once it is over, the one it came to."""
    governed = route.governed if route is not None else frozenset()
    for act in here.definition.acts.values():
        if act.kind is not ActKind.TRANSITION or act.to == TO_UNDO or at.state not in act.source:
            continue
        decided = route is not None and route.has_ballots and act.name in governed and not act.by_turn
        if decided and (step is not None or at.motion is None or at.motion[0] != act.name):
            continue
        if not _has_people(here, _deciders(here, act, route, step)):
            continue
        if act.second and not _has_people(here, (act.second,)):
            continue
        outcomes: tuple[str | None, ...] = act.outcomes_by_state.get(at.state, ()) or (None,)
        if decided and at.motion is not None and at.motion[1] is not None:
            outcomes = (at.motion[1],)
        after, concludes = _fired(here, at, act), act.name in governed
        if (concludes or after != at) and any(_is_met(at, act, word) for word in outcomes):
            yield Move(act.name, after, act.name, place="then", concludes=concludes)


def _deciders(here: Setting, act: Act, route: Route | None, step: Step | None) -> tuple[str, ...]:
    if not act.by_turn:
        return act.by
    if step is not None:
        return step.by
    return here.definition.acts[route.then].by if route is not None and route.then is not None else act.by


def _of_clock(here: Setting, at: Situation) -> Iterator[Move]:
    for timer in here.definition.timers.values():
        if timer.fires is None or at.state not in timer.while_ or not _is_known(here, at, timer):
            continue
        act = here.definition.acts[timer.fires]
        if _is_met(at, act, None):
            yield Move(timer.name, _fired(here, at, act), act.name, place=timer.name, alone=True)


# ───────────────────────────── What changes


def _fired(here: Setting, at: Situation, act: Act) -> Situation:
    after = _with(here, at, f"{LASTING}{act.name}")
    if act.to in (None, TO_SAME, TO_UNDO, at.state):
        return after
    return _entered(here, str(act.to), frozenset(fact for fact in after.facts if fact.startswith(LASTING)))


def _entered(here: Setting, state: str, facts: frozenset[str]) -> Situation:
    at = Situation(state=state, facts=facts)
    route = here.definition.routes.get(state)
    return at if route is None else _moved(here, at, route, 0)


def _moved(here: Setting, at: Situation, route: Route, place: int) -> Situation:
    """The situation at a step or, where its condition does not hold, at the next that is taken."""
    while place < len(route.steps) and not _is_taken(here, route.steps[place]):
        place += 1
    if route.decision is not None and place <= route.place(route.decision.name):
        at = at._replace(motion=None)
    at = at._replace(place=place)
    return _with(here, at, f"opened:{route.steps[place].name}") if place < len(route.steps) else at


def _with(here: Setting, at: Situation, *facts: str) -> Situation:
    new = {fact for fact in facts if fact in here.asked}
    return at if new <= at.facts else at._replace(facts=at.facts | new)


def _is_taken(here: Setting, step: Step) -> bool:
    if step.when is None:
        return True
    value = here.chosen[step.when.name]
    holds = value == step.when.value if step.when.value is not None else bool(value)
    return holds is not step.when.negated


# ───────────────────────────── What may be


def can_act(here: Setting, step: Step) -> bool:
    """Whether the people a step wants can exist: each role it must have, and one of those that may."""
    wanted = step.by if step.rule is Rule.IN_ORDER else step.must
    return _has_people(here, step.by) and all(_has_people(here, (role,)) for role in wanted)


def _has_people(here: Setting, roles: tuple[str, ...]) -> bool:
    """Whether somebody can hold one of the roles on a case and not have to stand aside from it for that alone."""
    if not roles:
        return False
    return any(
        not any(
            name in conflict.nobody and here.definition.roles[name].of in conflict.who_is_of
            for conflict in here.definition.conflicts.values()
        )
        for name in roles
    )


def _is_met(at: Situation, act: Act, outcome: str | None) -> bool:
    """Whether no guard that asks about history stands in the way for good; the others may be met in time."""
    return all(need.confirm or _is_open(at, need, outcome) for need in act.needs)


def _is_open(at: Situation, need: Need, outcome: str | None) -> bool:
    params = need.params
    match need.guard:
        case "never":
            return not any(f"{LASTING}{name}" in at.facts for name in params["happened"])
        case "handed_in":
            return f"given:{params['field']}<{params.get('before', '')}" in at.facts
        case "overdue":
            only = params.get("if_outcome")
            return (only is not None and outcome != only) or f"handed:{params['task']}" not in at.facts
        case "no_ballot_yet":
            return f"voted:{params['step']}" not in at.facts
    return True


def _is_known(here: Setting, at: Situation, timer: Timer) -> bool:
    """Whether a timer's day can be known: the transition it is counted from has happened."""
    if isinstance(timer.day, Every):
        return True
    anchor = anchor_of(here, timer.day)
    act = here.definition.acts.get(anchor)
    return act is None or act.kind is ActKind.BALLOT or f"{LASTING}{anchor}" in at.facts


def anchor_of(here: Setting, day: Day) -> str:
    """What a day is counted from in the end, through dates and settings."""
    name = day.anchor
    if name in here.definition.settings:
        name = str(here.chosen[name])
    if name in here.definition.dates:
        return anchor_of(here, here.definition.dates[name].day)
    return name
