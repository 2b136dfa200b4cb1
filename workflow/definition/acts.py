"""Reads what may happen: transitions with their guards, timers, and routes with their steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workflow.definition.names import EFFECTS, GUARDS, WANT_AN_OUTCOME, Param, ParamKind
from workflow.definition.table import LOCAL, Sort, Table
from workflow.definition.values import (
    BY_TIMER,
    TO_SAME,
    TO_UNDO,
    Act,
    ActKind,
    Ask,
    FieldType,
    Label,
    Need,
    Route,
    SettingType,
    Step,
    StepKind,
    Timer,
)
from workflow.definition.vocabulary import Vocabulary, demand, setting_type, states_of
from workflow.definition.when import day_from, read_day, read_every
from workflow.periods import Kind

RUNNING = (StepKind.TASK, StepKind.DECIDE)
"""The kinds of step this release can run."""


@dataclass(slots=True, kw_only=True)
class Acts:
    """The acts, timers and routes of one file while they are read."""

    words: Vocabulary
    acts: dict[str, Act] = field(default_factory=dict)
    timers: dict[str, Timer] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)

    def outcomes(self, transition: str) -> Mapping[str, tuple[str, ...]]:
        """Give the outcomes that fire a transition, by the state of their route."""
        offered = {
            route.state: tuple(
                outcome
                for step in route.steps
                for outcome, fired in step.choices.items()
                if fired == transition
            )
            for route in self.routes.values()
        }
        return {state: outcomes for state, outcomes in offered.items() if outcomes}

    def handed_in(self) -> frozenset[str]:
        """Give the fields that some task asks for."""
        tasks = (act for act in self.acts.values() if act.kind is ActKind.TASK)
        return frozenset(ask.field for act in tasks for ask in act.asks)


def read_acts(root: Table, words: Vocabulary) -> Acts:
    """Read tasks before transitions, since a guard may ask what was handed in and which outcomes there are."""
    read = Acts(words=words)
    for name, table in root.tables("timers"):
        _timer(name, table, read)
    for name, table in root.tables("routes"):
        _route(name, table, read)
    for name, table in root.tables("transitions"):
        read.acts[name] = _transition(name, table, read)
    return read


# ───────────────────────────── Transitions


def _transition(name: str, table: Table, read: Acts) -> Act:
    by, by_timer = _deciders(table)
    asks = _asks(table, "asks", required=False)
    facts = table.refs("facts", Sort.FIELD, required=False)
    by_state = read.outcomes(name)
    outcomes = tuple(dict.fromkeys(outcome for offered in by_state.values() for outcome in offered))
    act = Act(
        name=name,
        kind=ActKind.TRANSITION,
        label=table.label(),
        basis=table.basis(),
        by_basis=table.basis("by_basis", default=LOCAL),
        source=states_of(table, "from", read.words),
        to=_target(table),
        by=by,
        by_timer=by_timer,
        second=table.ref("second", Sort.ROLE, required=False),
        asks=asks,
        either=_either(table, asks),
        needs=tuple(
            _need(row, read, {ask.field for ask in asks} | {*facts}, outcomes) for row in table.rows("needs")
        ),
        does=_does(table),
        tell=table.refs("tell", Sort.ROLE, required=False),
        outcomes=outcomes,
        outcomes_by_state=by_state,
        facts=facts,
    )
    _prove_facts(table, act, read.words)
    if not outcomes and WANT_AN_OUTCOME.intersection(act.does):
        table.add("does", "no_outcome_to_keep")
    table.close()
    return act


def _deciders(table: Table) -> tuple[tuple[str, ...], bool]:
    named = table.words("by", required=False)
    if not named:
        table.add("by", "nobody_acts")
    roles = tuple(
        name for name, path in named if name != BY_TIMER and table.book.find(name, (Sort.ROLE,), path)
    )
    return roles, any(name == BY_TIMER for name, _ in named)


def _target(table: Table) -> str:
    target = table.text("to")
    if target not in ("", TO_SAME, TO_UNDO):
        table.book.find(target, (Sort.STATE,), table.at("to"))
    return target


def _asks(table: Table, key: str, *, required: bool) -> tuple[Ask, ...]:
    asks: dict[str, Ask] = {}
    for word, path in table.words(key, required=required):
        name = word.removesuffix("?")
        if name in asks:
            table.book.findings.add(path, "said_twice", name=name)
        elif table.book.find(name, (Sort.FIELD,), path):
            asks[name] = Ask(field=name, required=name == word)
    return tuple(asks.values())


def _either(table: Table, asks: tuple[Ask, ...]) -> tuple[str, ...]:
    """Read the fields of which exactly one is given: at least two, each asked for and none required."""
    either = table.refs("either", Sort.FIELD, required=False)
    optional = {ask.field for ask in asks if not ask.required}
    if table.has("either") and (len(either) < 2 or not optional.issuperset(either)):
        table.add("either", "bad_either")
    return either


def _does(table: Table) -> tuple[str, ...]:
    does = table.words("does", required=False)
    for effect, path in does:
        if effect not in EFFECTS:
            table.book.findings.unknown(path, "unknown_effect", effect, EFFECTS)
    return tuple(effect for effect, _ in does)


def _prove_facts(table: Table, act: Act, words: Vocabulary) -> None:
    """Report an amendment without a field for the fact, and a form for a fact without facts to amend."""
    asked = [words.fields[ask.field] for ask in act.asks if ask.field in words.fields]
    if bool(act.facts) != any(one.type is FieldType.FACT for one in asked):
        table.add("facts", "facts_and_fact")


# ───────────────────────────── Guards


def _need(row: Table, read: Acts, answers: set[str], outcomes: tuple[str, ...]) -> Need:
    guard = row.text("guard")
    basis = row.basis()
    confirm = row.flag("confirm")
    if guard and guard not in GUARDS:
        row.book.findings.unknown(row.at("guard"), "unknown_guard", guard, GUARDS)
    params: dict[str, Any] = {}
    for key, param in GUARDS.get(guard, {}).items():
        if row.has(key) or param.required:
            params[key] = _param(row, key, param, read)
            _prove_param(row, key, param.kind, params[key], read, answers, outcomes)
    if guard in GUARDS:
        row.close()
    return Need(guard=guard, basis=basis, params=params, confirm=confirm)


_SORTS = {
    ParamKind.FIELD: Sort.FIELD,
    ParamKind.FIELDS: Sort.FIELD,
    ParamKind.ANSWER: Sort.FIELD,
    ParamKind.HANDED_IN: Sort.FIELD,
    ParamKind.SETTING: Sort.SETTING,
    ParamKind.GROUP: Sort.GROUP,
    ParamKind.TRANSITION: Sort.TRANSITION,
    ParamKind.TRANSITIONS: Sort.TRANSITION,
    ParamKind.TASK: Sort.TASK,
    ParamKind.OUTCOME: Sort.OUTCOME,
    ParamKind.LIST: Sort.LIST,
    ParamKind.BAN: Sort.BAN,
    ParamKind.ROLE: Sort.ROLE,
}


def _param(row: Table, key: str, param: Param, read: Acts) -> Any:
    match param.kind:
        case ParamKind.DAY:
            return read_day(row, key, read.words, today=True)
        case ParamKind.DAYS:
            return tuple(day_from(row, path, text, read.words, today=True) for text, path in row.words(key))
        case ParamKind.FIELDS | ParamKind.TRANSITIONS:
            return row.refs(key, _SORTS[param.kind])
        case ParamKind.FLAG:
            return row.flag(key)
    return row.ref(key, _SORTS[param.kind])


def _prove_param(
    row: Table,
    key: str,
    kind: ParamKind,
    value: Any,
    read: Acts,
    answers: set[str],
    outcomes: tuple[str, ...],
) -> None:
    """Report a name that is known but cannot mean anything here."""
    match kind:
        case ParamKind.ANSWER if value is not None and value not in answers:
            row.add(key, "not_asked", name=value)
        case ParamKind.HANDED_IN if value is not None and value not in read.handed_in():
            row.add(key, "never_handed_in", name=value)
        case ParamKind.OUTCOME if value is not None and value not in outcomes:
            row.add(key, "outcome_not_offered", name=value)
        case ParamKind.TASK if value is not None and value not in read.timers:
            row.add(key, "task_without_deadline", name=value)
        case ParamKind.LIST if value is not None and not _judged_by(value, answers, read.words):
            row.add(key, "list_not_asked", name=value)
        case ParamKind.SETTING:
            demand(row, key, value, setting_type(read.words.settings, value), (SettingType.PERIOD,))
        case ParamKind.DAYS if len(value) < 2:
            row.add(key, "one_day_alone")


def _judged_by(name: str, answers: set[str], words: Vocabulary) -> bool:
    return any(name in words.fields[answer].lists for answer in answers if answer in words.fields)


# ───────────────────────────── Timers


def _timer(name: str, table: Table, read: Acts) -> None:
    """Read a timer; with `hands_in` it also declares the task that answers it."""
    kinds = [kind for kind in Kind if table.has(kind)]
    if len(kinds) != 1:
        table.add("", "one_kind_of_day", kinds=", ".join(Kind))
    kind = kinds[0] if kinds else Kind.DUE
    label, basis, running = table.label(), table.basis(), states_of(table, "while", read.words)
    if table.has("hands_in"):
        read.acts[name] = _task(name, table, label=label, basis=basis, source=running, timer=name)
    remind, tell = _remind(table, read.acts[name].by if table.has("hands_in") else ())
    read.timers[name] = Timer(
        name=name,
        label=label,
        basis=table.basis("due_basis", default=basis),
        kind=kind,
        day=read_every(table, kind, read.words) if kinds else read_day(table, kind, read.words, today=False),
        while_=running,
        held=states_of(table, "held", read.words, required=False),
        fires=table.ref("fires", Sort.TRANSITION, required=False),
        remind=_ladder(table, "remind", remind, SettingType.DAYS, read.words),
        tell=tell,
        escalate=_ladder(
            table,
            "escalate",
            table.ref("escalate", Sort.SETTING, required=False),
            SettingType.ESCALATION,
            read.words,
        ),
        answer=name
        if table.has("hands_in")
        else table.ref("answer", Sort.TRANSITION, Sort.TASK, required=False),
    )
    table.close()


def _task(
    name: str, table: Table, *, label: Label, basis: str, source: frozenset[str], timer: str | None
) -> Act:
    asks = _asks(table, "hands_in", required=True)
    return Act(
        name=name,
        kind=ActKind.TASK,
        label=label,
        basis=basis,
        by_basis=table.basis("by_basis", default=LOCAL),
        source=source,
        to=None,
        by=_people(table),
        asks=asks,
        either=_either(table, asks),
        tell=table.refs("tell", Sort.ROLE, required=False),
        timer=timer,
    )


def _people(table: Table) -> tuple[str, ...]:
    """Read who acts where the clock cannot."""
    people, by_timer = _deciders(table)
    if by_timer:
        table.add("by", "timer_cannot")
    return people


def _remind(table: Table, by: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """Read `remind = setting`, which reaches those who act, or `remind = { days = setting, to = roles }`."""
    if not isinstance(table.take("remind"), dict):
        remind = table.ref("remind", Sort.SETTING, required=False)
        if remind and not by:
            table.add("remind", "nobody_reminded")
        return remind, by
    inner = table.table("remind")
    remind, tell = inner.ref("days", Sort.SETTING), inner.refs("to", Sort.ROLE)
    inner.close()
    return remind, tell


def _ladder(table: Table, key: str, name: str | None, wanted: SettingType, words: Vocabulary) -> str | None:
    demand(table, key, name, setting_type(words.settings, name), (wanted,))
    return name


# ───────────────────────────── Routes

_OWN_KEYS = ("basis", "then", "label")


def _route(state: str, table: Table, read: Acts) -> None:
    known = table.book.find(state, (Sort.STATE,), table.path)
    basis = table.basis()
    names = [key for key, raw in table.raw.items() if key not in _OWN_KEYS and isinstance(raw, dict)]
    source = frozenset({state}) if known else frozenset()
    steps = tuple(_step(name, table.table(name), source, basis, names, read) for name in names)
    then = table.ref("then", Sort.TRANSITION, required=False)
    read.routes[state] = Route(state=state, basis=basis, steps=steps, then=then)
    table.close()


def _step(name: str, table: Table, source: frozenset[str], basis: str, names: list[str], read: Acts) -> Step:
    kind = StepKind(table.one_of("kind", StepKind) or StepKind.TASK)
    if kind not in RUNNING:
        # Its other keys belong to an edition this release cannot run yet.
        table.add("kind", "step_kind_not_yet", kind=str(kind))
        return Step(name=name, kind=kind, label=Label(zh=name, en=name), basis=basis, by=())
    label, basis = table.label(), table.basis(default=basis)
    if kind is StepKind.DECIDE:
        step = Step(
            name=name, kind=kind, label=label, basis=basis, by=_people(table), choices=_choices(table)
        )
    else:
        step = _task_step(name, table, source, basis, label, names, read)
    table.close()
    return step


def _choices(table: Table) -> Mapping[str, str]:
    choices = {}
    inner = table.table("choices")
    for outcome in inner.raw:
        inner.book.find(outcome, (Sort.OUTCOME,), inner.at(outcome))
        choices[outcome] = inner.ref(outcome, Sort.TRANSITION) or ""
    if not choices:
        table.add("choices", "no_choices")
    return choices


def _task_step(
    name: str, table: Table, source: frozenset[str], basis: str, label: Label, names: list[str], read: Acts
) -> Step:
    """Read a task; with `due` it also declares the timer that waits for it."""
    due = table.has("due")
    act = _task(name, table, label=label, basis=basis, source=source, timer=name if due else None)
    read.acts[name] = act
    overdue = _later_step(table, name, names)
    if due:
        read.timers[name] = _deadline(name, table, act, overdue, read)
    return Step(name=name, kind=StepKind.TASK, label=label, basis=basis, by=act.by, act=name, overdue=overdue)


def _later_step(table: Table, name: str, names: list[str]) -> str | None:
    """Read `overdue`: a step after this one, and only where there is a deadline to miss."""
    overdue = table.text("overdue", required=False) or None
    if overdue is None:
        return None
    if not table.has("due"):
        table.add("overdue", "overdue_without_due")
    later = names[names.index(name) + 1 :]
    if overdue not in later:
        table.book.findings.unknown(table.at("overdue"), "unknown_step", overdue, later)
    return overdue


def _deadline(name: str, table: Table, act: Act, overdue: str | None, read: Acts) -> Timer:
    remind, tell = _remind(table, act.by)
    escalate = table.ref("escalate", Sort.SETTING, required=False)
    moved_by = table.ref("moved_by", Sort.TRANSITION, required=False)
    answered_by = table.ref("answered_by", Sort.FIELD, required=False)
    if answered_by and answered_by not in {ask.field for ask in act.asks}:
        table.add("answered_by", "not_asked", name=answered_by)
    asked_after = table.ref("asked_after", Sort.SETTING, required=False)
    demand(
        table,
        "asked_after",
        asked_after,
        setting_type(read.words.settings, asked_after),
        (SettingType.PERIOD,),
    )
    if asked_after and not moved_by:
        table.add("asked_after", "nobody_asked")
    return Timer(
        name=name,
        label=act.label,
        basis=table.basis("due_basis", default=act.basis),
        kind=Kind.DUE,
        day=read_every(table, "due", read.words),
        while_=act.source,
        remind=_ladder(table, "remind", remind, SettingType.DAYS, read.words),
        tell=tell,
        escalate=_ladder(table, "escalate", escalate, SettingType.ESCALATION, read.words),
        answer=name,
        answered_by=answered_by,
        overdue=overdue,
        moved_by=moved_by,
        asked_after=asked_after,
    )
