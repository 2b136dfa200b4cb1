"""What `lianpei check` prints of a lifecycle file: its problems, or what it says in words and as a diagram."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from workflow.definition import Problem, load, problems
from workflow.definition.values.acts import TO_SAME, TO_UNDO, Act, ActKind
from workflow.definition.values.edition import Definition
from workflow.definition.values.labels import Label
from workflow.definition.values.timers import Timer
from workflow.lifecycle_words import day_words, named, route_lines
from workflow.queries.staffing import Shortage
from workflow.words import article_text, label_text, say

# Signs that Mermaid would read as its own, and the full-width ones that stand for them.
_MERMAID = str.maketrans(
    {":": "：", ";": "；", '"': "”", "#": "＃", "{": "｛", "}": "｝", "<": "＜", ">": "＞"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One file looked at: its problems, or its definition where there are none."""

    file: str
    problems: tuple[Problem, ...]
    definition: Definition | None

    @property
    def good(self) -> bool:
        return self.definition is not None

    def text(self, language: str) -> str:
        """Say what was found, a problem a line; of a good file, what it says."""
        if self.definition is None:
            lines = [problem.line(language) for problem in self.problems]
            return "\n".join([*lines, say("check.bad", language, file=self.file, count=len(self.problems))])
        return f"{say('check.good', language, file=self.file)}\n\n{summary(self.definition, language)}"

    def as_json(self) -> Mapping[str, Any]:
        """Give what was found as plain values, for a program to read."""
        return {
            "file": self.file,
            "good": self.good,
            "problems": [
                {
                    "path": problem.path,
                    "code": problem.code,
                    "params": dict(problem.params),
                    "zh": problem.text("zh"),
                    "en": problem.text("en"),
                }
                for problem in self.problems
            ],
        }


def check(source: bytes, *, file: str) -> Checked:
    """Look at a lifecycle file; nothing in it can raise."""
    found = problems(source, file=file)
    if found:
        return Checked(file=file, problems=tuple(found), definition=None)
    return Checked(file=file, problems=(), definition=load(source))


# ───────────────────────────── In words


def summary(definition: Definition, language: str) -> str:
    """Say a lifecycle in lines a clerk can hold against the regulation: states, what may happen in each and how it is decided, timers."""
    lines = [*_heading(definition, language)]
    for state in definition.states.values():
        lines += [
            "",
            say("check.state", language, state=state.label, basis=article_text(state.basis, language)),
        ]
        if state.end:
            lines[-1] += f" · {say('check.ends', language)}"
        lines += _acts(definition, language, partial(_only_from, state=state.name, definition=definition))
        route = definition.routes.get(state.name)
        if route is not None:
            lines += [f"  {line}" for line in route_lines(route, definition, language)]
    everywhere = partial(_from_everywhere, definition=definition)
    lines += ["", say("check.everywhere", language), *_acts(definition, language, everywhere)]
    lines += ["", say("check.timers", language)]
    lines += [f"  {_timer_line(timer, definition, language)}" for timer in definition.timers.values()]
    return "\n".join(lines)


def _heading(definition: Definition, language: str) -> Iterator[str]:
    yield say(
        "check.head",
        language,
        label=definition.label,
        name=definition.name,
        edition=definition.edition,
        source=definition.source,
    )
    yield say("check.digest", language, sha256=definition.sha256)
    kinds = [act.kind for act in definition.acts.values()]
    yield say(
        "check.counts",
        language,
        states=len(definition.states),
        transitions=kinds.count(ActKind.TRANSITION),
        tasks=kinds.count(ActKind.TASK),
        timers=len(definition.timers),
        settings=len(definition.settings),
    )


def _from_everywhere(act: Act, *, definition: Definition) -> bool:
    return act.source == frozenset(definition.states)


def _only_from(act: Act, *, state: str, definition: Definition) -> bool:
    """Tell whether the act is possible in the state, and not simply in all of them."""
    return state in act.source and not _from_everywhere(act, definition=definition)


def _acts(definition: Definition, language: str, wanted: Callable[[Act], bool]) -> list[str]:
    """The acts that stand by themselves; a ballot is part of a step, and said with its route."""
    acts = (act for act in definition.acts.values() if act.kind is not ActKind.BALLOT and wanted(act))
    return [f"  {_act_line(act, definition, language)}" for act in acts]


def _act_line(act: Act, definition: Definition, language: str) -> str:
    by = [named(role, definition, language) for role in act.by]
    if act.by_timer:
        by.insert(0, say("check.clock", language))
    if act.by_turn:
        by.append(say("check.turn", language))
    return say(
        "check.task" if act.kind is ActKind.TASK else "check.act",
        language,
        act=act.label,
        to=_target(act, definition, language),
        by=by,
        basis=article_text(act.basis, language),
        by_basis=article_text(act.by_basis, language),
    ) + (say("check.second", language, second=named(act.second, definition, language)) if act.second else "")


def _target(act: Act, definition: Definition, language: str) -> str:
    if act.to in (None, TO_SAME):
        return say("check.same", language)
    return say("check.undo", language) if act.to == TO_UNDO else named(str(act.to), definition, language)


def _timer_line(timer: Timer, definition: Definition, language: str) -> str:
    line = say(
        "check.timer",
        language,
        timer=timer.label,
        kind=say(f"check.kind.{timer.kind}", language),
        day=day_words(timer.day, definition, language),
        basis=article_text(timer.basis, language),
    )
    return line + (
        say("check.fires", language, act=definition.acts[timer.fires].label) if timer.fires else ""
    )


# ───────────────────────────── As a diagram


def draw(definition: Definition, language: str) -> str:
    """Draw the states and what leads from one to another, as Mermaid text.

    What leaves the state as it is, and corrections, are left out; several transitions between two states share an arrow.
    """
    arrows: dict[tuple[str, str], list[str]] = {}
    for act in definition.acts.values():
        if act.to in definition.states:
            for source in definition.states:
                if source in act.source:
                    arrows.setdefault((source, str(act.to)), []).append(_arrow_words(act, language))
    return "\n".join(["stateDiagram-v2", *_drawn(definition, language, arrows), ""])


def _drawn(
    definition: Definition, language: str, arrows: Mapping[tuple[str, str], list[str]]
) -> Iterator[str]:
    for state in definition.states.values():
        yield f'  state "{_plain(state.label, language)}" as {state.name}'
    yield f"  [*] --> {definition.initial}"
    for (source, target), words in arrows.items():
        yield f"  {source} --> {target}: {' / '.join(words)}"
    for state in definition.states.values():
        if state.end:
            yield f"  {state.name} --> [*]"


def _arrow_words(act: Act, language: str) -> str:
    words = _plain(act.label, language)
    return f"{words} ({say('check.clock', language)})" if act.by_timer else words


def _plain(label: Label, language: str) -> str:
    return label_text(label, language).translate(_MERMAID)


# ───────────────────────────── The people there are


def shortage_text(shortage: Shortage, definition: Definition, language: str) -> str:
    """Say which step lacks whom, for which college."""
    unit = say("check.people.of", language, unit=shortage.unit) if shortage.unit else ""
    roles = [label_text(definition.roles[role].label, language) for role in shortage.roles]
    what = say(f"check.people.{shortage.kind}", language, want=shortage.want, have=shortage.have)
    step = label_text(shortage.label, language)
    return say("check.people.line", language, unit=unit, step=step, roles=roles, what=what)
