"""Checks what no single element shows: that routes end, timers fire what can happen, and every state lies on a way to an end.

What only shows when a case is followed from act to act is `workflow.definition.explore`'s.
"""

from __future__ import annotations

from collections.abc import Mapping

from workflow.definition.names import READ_BY_ENGINE
from workflow.definition.table import Book, Sort
from workflow.definition.values.acts import TO_SAME, TO_UNDO, Act, ActKind
from workflow.definition.values.edition import Ban, Definition
from workflow.definition.values.routes import Route, Step, StepKind
from workflow.definition.values.timers import Timer
from workflow.periods import Kind


def check_whole(definition: Definition, book: Book) -> None:
    """Report the mistakes that only show between elements."""
    for route in definition.routes.values():
        _check_route(route, definition, book)
    for timer in definition.timers.values():
        _check_timer(timer, definition, book)
    for act in definition.acts.values():
        _check_act(act, definition, book)
    for ban in definition.bans.values():
        _check_ban(ban, definition, book)
    _check_ways(definition, book)
    if not book.findings.problems:
        # A misspelt reference leaves the right name unused; it is reported once, as what it is.
        _check_used(definition, book)


def _check_used(definition: Definition, book: Book) -> None:
    """Report what could be changed or filled in without any effect: it promises what does not happen."""
    asked = {ask.field for act in definition.acts.values() for ask in act.asks}
    for name in definition.fields.keys() - asked:
        book.findings.add(book.names[Sort.FIELD][name], "never_asked", name=name)
    for sort in (Sort.TERM, Sort.SETTING, Sort.OUTCOME, Sort.LIST, Sort.COUNT):
        for name, path in book.names[sort].items():
            if name not in book.used and name not in READ_BY_ENGINE:
                book.findings.add(path, "never_used", name=name)


# ───────────────────────────── Routes


def _check_route(route: Route, definition: Definition, book: Book) -> None:
    path = f"routes.{route.state}"
    decisions = [step for step in route.steps if step.kind is StepKind.DECIDE]
    endings = len(decisions) + (route.then is not None)
    if endings != 1:
        book.findings.add(path, "no_ending" if endings == 0 else "two_endings", count=endings)
    if route.state in definition.states and definition.states[route.state].end:
        book.findings.add(path, "route_in_an_end")
    if route.then:
        _check_source(route.state, route.then, f"{path}.then", definition, book)
    for step in decisions:
        _check_choices(route, step, definition, book)
    for step in route.steps:
        for key in ("refuse", "failed"):
            fired = getattr(step, key)
            if fired in definition.acts and fired not in {known.name for known in route.steps}:
                _check_source(route.state, fired, f"{path}.{step.name}.{key}", definition, book)


def _check_choices(route: Route, step: Step, definition: Definition, book: Book) -> None:
    path = f"routes.{route.state}.{step.name}"
    for outcome, transition in step.choices.items():
        _check_source(route.state, transition, f"{path}.choices.{outcome}", definition, book)
    fired = (
        definition.acts[name] for name in dict.fromkeys(step.choices.values()) if name in definition.acts
    )
    if route.is_moved:
        return
    if denied := [act.name for act in fired if act.by and not set(step.by) <= set(act.by)]:
        book.findings.add(f"{path}.by", "decider_may_not", roles=list(step.by), transitions=denied)


def _check_source(state: str, transition: str, path: str, definition: Definition, book: Book) -> None:
    act = definition.acts.get(transition)
    if act is None or not act.source or state not in definition.states:
        return
    if state not in act.source:
        book.findings.add(path, "not_from_here", transition=transition, state=state)


# ───────────────────────────── Timers


def _check_timer(timer: Timer, definition: Definition, book: Book) -> None:
    path = book.names[Sort.TIMER].get(timer.name, timer.name)
    if both := timer.while_ & timer.held:
        book.findings.add(f"{path}.held", "runs_and_held", states=", ".join(sorted(both)))
    if ends := sorted(
        state for state in timer.while_ if state in definition.states and definition.states[state].end
    ):
        book.findings.add(f"{path}.while", "timer_in_an_end", states=", ".join(ends))
    if timer.fires:
        _check_fires(timer, f"{path}.fires", definition, book)
    answer = definition.acts.get(timer.answer or "")
    if answer and answer.source and not answer.source & (timer.while_ | timer.held):
        book.findings.add(f"{path}.answer", "cannot_answer", act=answer.name)
    for key, effect in DECIDED_BY.items():
        _check_decided(timer, key, effect, path, definition, book)


DECIDED_BY = {
    "moved_by": "record_deadline",
    "suspended_by": "record_suspension",
    "resumed_by": "record_resumption",
}
"""What may be decided about a deadline -> the effect that keeps it."""


def _check_decided(
    timer: Timer, key: str, effect: str, path: str, definition: Definition, book: Book
) -> None:
    """Report an act that cannot decide about a deadline wherever it runs, or decides about two of a state at once."""
    act = definition.acts.get(getattr(timer, key) or "")
    if act is None or not act.source:
        return
    if not _decides(act, timer, effect):
        code = "cannot_move" if key == "moved_by" else "cannot_suspend"
        book.findings.add(f"{path}.{key}", code, act=act.name, effect=effect)
    for other in definition.timers.values():
        if other.name < timer.name and getattr(other, key) == act.name and other.while_ & timer.while_:
            book.findings.add(f"{path}.{key}", "two_deadlines_at_once", act=act.name, other=other.name)


def _decides(act: Act, timer: Timer, effect: str) -> bool:
    """Tell whether an act keeps the decision, with its reason, and leaves the state as it is, wherever the deadline runs."""
    says_why = any(ask.field == "reason" and ask.required for ask in act.asks)
    return act.to == TO_SAME and timer.while_ <= act.source and effect in act.does and says_why


def _check_fires(timer: Timer, path: str, definition: Definition, book: Book) -> None:
    if timer.kind is Kind.DUE:
        book.findings.add(path, "due_fires")
    act = definition.acts.get(timer.fires or "")
    if act is None:
        return
    if lacking := sorted(timer.while_ - act.source):
        book.findings.add(path, "fires_what_lacks", transition=act.name, states=", ".join(lacking))
    if not act.by_timer:
        book.findings.add(path, "not_by_timer", transition=act.name)
    if any(ask.required for ask in act.asks):
        book.findings.add(path, "timer_cannot_fill", transition=act.name)


# ───────────────────────────── Acts and bans


def _check_act(act: Act, definition: Definition, book: Book) -> None:
    sort = Sort.TASK if act.kind is ActKind.TASK else Sort.TRANSITION
    path = book.names[sort].get(act.name, act.name)
    if act.by_timer and not any(timer.fires == act.name for timer in definition.timers.values()):
        book.findings.add(f"{path}.by", "nothing_fires", transition=act.name)
    left = sorted(state for state in act.source if definition.states[state].end)
    if left and act.to not in (TO_SAME, TO_UNDO, None):
        book.findings.add(f"{path}.from", "leaves_an_end", states=", ".join(left))
    if act.to in act.source:
        book.findings.add(f"{path}.to", "goes_nowhere", state=act.to, same=TO_SAME)


def _check_ban(ban: Ban, definition: Definition, book: Book) -> None:
    """Report a finding that none of the acts it belongs to asks for."""
    asked = {
        ask.field for name in ban.blocks if name in definition.acts for ask in definition.acts[name].asks
    }
    if ban.finding and ban.finding not in asked:
        book.findings.add(f"bans.{ban.name}.finding", "not_asked", name=ban.finding)


# ───────────────────────────── Ways through the states


def _check_ways(definition: Definition, book: Book) -> None:
    """Report states no case can come to, and states no case can leave for an end. Corrections do not count."""
    onward = _edges(definition)
    back: dict[str, set[str]] = {}
    for source, targets in onward.items():
        for target in targets:
            back.setdefault(target, set()).add(source)
    reached = _closure({definition.initial} & definition.states.keys(), onward)
    ending = _closure({name for name, state in definition.states.items() if state.end}, back)
    for name in definition.states:
        if reached and name not in reached:
            book.findings.add(f"states.{name}", "unreachable", state=name)
        if name not in ending:
            book.findings.add(f"states.{name}", "no_way_to_an_end", state=name)
    if definition.initial in definition.states and definition.states[definition.initial].end:
        book.findings.add("lifecycle.initial", "begins_at_an_end", state=definition.initial)


def _edges(definition: Definition) -> Mapping[str, set[str]]:
    edges: dict[str, set[str]] = {}
    for act in definition.acts.values():
        if act.to is not None and act.to in definition.states:
            for source in act.source:
                edges.setdefault(source, set()).add(act.to)
    return edges


def _closure(start: set[str], edges: Mapping[str, set[str]]) -> set[str]:
    """Give every state that can be come to from the start, the start included."""
    found, waiting = set(start), list(start)
    while waiting:
        for target in edges.get(waiting.pop(), set()) - found:
            found.add(target)
            waiting.append(target)
    return found
