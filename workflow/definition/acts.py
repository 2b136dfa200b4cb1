"""Reads what may happen: transitions with their guards, and timers with the tasks that answer them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workflow.definition.names import EFFECTS, GUARDS, WANT_AN_OUTCOME, Param, ParamKind
from workflow.definition.table import LOCAL, Sort, Table
from workflow.definition.values.acts import (
    BY_TIMER,
    BY_TURN,
    TO_SAME,
    TO_UNDO,
    Act,
    ActKind,
    Ask,
    Need,
    Outcome,
)
from workflow.definition.values.days import Day, Every
from workflow.definition.values.forms import FieldType
from workflow.definition.values.labels import Label
from workflow.definition.values.routes import Route
from workflow.definition.values.settings import SettingType
from workflow.definition.values.timers import Timer
from workflow.definition.vocabulary import Vocabulary, demand, setting_type, states_of
from workflow.definition.when import day_from, read_day, read_every
from workflow.periods import Kind


@dataclass(slots=True, kw_only=True)
class Acts:
    """The acts, timers and routes of one file while they are read."""

    words: Vocabulary
    acts: dict[str, Act] = field(default_factory=dict)
    timers: dict[str, Timer] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)
    outcomes_added: dict[str, Outcome] = field(default_factory=dict)
    """What the ballots of the routes may say."""

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


def read_timers(root: Table, read: Acts) -> None:
    """Read the timers that stand by themselves, with the tasks that answer them."""
    for name, table in root.tables("timers"):
        _timer(name, table, read)


def read_transitions(root: Table, read: Acts) -> None:
    """Read the transitions, after the tasks and routes: a guard may ask what was handed in and which outcomes there are."""
    for name, table in root.tables("transitions"):
        read.acts[name] = _transition(name, table, read)


# ───────────────────────────── Transitions


def _transition(name: str, table: Table, read: Acts) -> Act:
    by, by_timer, by_turn = deciders_of(table)
    asks = asks_of(table, "asks", required=False)
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
        by_turn=by_turn,
        second=table.ref("second", Sort.ROLE, required=False),
        asks=asks,
        either=either_of(table, asks),
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


def deciders_of(table: Table) -> tuple[tuple[str, ...], bool, bool]:
    """Read who acts: roles, and whether the clock may, and whether whoever completes the step the case is at."""
    named = table.words("by", required=False)
    if not named:
        table.add("by", "nobody_acts")
    roles = tuple(
        name
        for name, path in named
        if name not in (BY_TIMER, BY_TURN) and table.book.find(name, (Sort.ROLE,), path)
    )
    return (
        roles,
        any(name == BY_TIMER for name, _ in named),
        any(name == BY_TURN for name, _ in named),
    )


def _target(table: Table) -> str:
    target = table.text("to")
    if target not in ("", TO_SAME, TO_UNDO):
        table.book.find(target, (Sort.STATE,), table.at("to"))
    return target


def asks_of(table: Table, key: str, *, required: bool) -> tuple[Ask, ...]:
    asks: dict[str, Ask] = {}
    for word, path in table.words(key, required=required):
        name = word.removesuffix("?")
        if name in asks:
            table.book.findings.add(path, "said_twice", name=name)
        elif table.book.find(name, (Sort.FIELD,), path):
            asks[name] = Ask(field=name, required=name == word)
    return tuple(asks.values())


def either_of(table: Table, asks: tuple[Ask, ...]) -> tuple[str, ...]:
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
    ParamKind.ANSWERS: Sort.FIELD,
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
    ParamKind.STEP: Sort.STEP,
}


def _param(row: Table, key: str, param: Param, read: Acts) -> Any:
    match param.kind:
        case ParamKind.DAY:
            return read_day(row, key, read.words, today=True)
        case ParamKind.DAYS:
            return tuple(day_from(row, path, text, read.words, today=True) for text, path in row.words(key))
        case ParamKind.FIELDS | ParamKind.ANSWERS | ParamKind.TRANSITIONS:
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
        case ParamKind.ANSWERS:
            for name in value:
                if name not in answers:
                    row.add(key, "not_asked", name=name)
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
        read.acts[name] = task_of(name, table, label=label, basis=basis, source=running, timer=name)
    remind, tell = remind_of(table, read.acts[name].by if table.has("hands_in") else ())
    day = read_every(table, kind, read.words) if kinds else read_day(table, kind, read.words, today=False)
    ground = table.basis("due_basis", default=basis)
    suspended_by, resumed_by = suspension_of(table, kind=kind, basis=ground, day=day)
    read.timers[name] = Timer(
        name=name,
        label=label,
        basis=ground,
        kind=kind,
        day=day,
        while_=running,
        held=states_of(table, "held", read.words, required=False),
        fires=table.ref("fires", Sort.TRANSITION, required=False),
        remind=ladder_of(table, "remind", remind, SettingType.DAYS, read.words),
        tell=tell,
        escalate=ladder_of(
            table,
            "escalate",
            table.ref("escalate", Sort.SETTING, required=False),
            SettingType.ESCALATION,
            read.words,
        ),
        answer=name
        if table.has("hands_in")
        else table.ref("answer", Sort.TRANSITION, Sort.TASK, required=False),
        suspended_by=suspended_by,
        resumed_by=resumed_by,
    )
    table.close()


def task_of(
    name: str, table: Table, *, label: Label, basis: str, source: frozenset[str], timer: str | None
) -> Act:
    asks = asks_of(table, "hands_in", required=True)
    return Act(
        name=name,
        kind=ActKind.TASK,
        label=label,
        basis=basis,
        by_basis=table.basis("by_basis", default=LOCAL),
        source=source,
        to=None,
        by=people_of(table),
        asks=asks,
        either=either_of(table, asks),
        tell=table.refs("tell", Sort.ROLE, required=False),
        timer=timer,
    )


def suspension_of(table: Table, *, kind: Kind, basis: str, day: Day | Every) -> tuple[str | None, str | None]:
    """Read which acts let a deadline stand still and run again: both or neither, and only where the office chose the day."""
    acts = tuple(table.ref(key, Sort.TRANSITION, required=False) for key in ("suspended_by", "resumed_by"))
    suspended, resumed = (table.has(key) for key in ("suspended_by", "resumed_by"))
    if not (suspended or resumed):
        return None, None
    key = "suspended_by" if suspended else "resumed_by"
    if suspended != resumed:
        table.add(key, "suspended_or_resumed_alone")
    if kind is not Kind.DUE:
        table.add(key, "only_a_deadline_stands_still", kind=str(kind))
    elif basis != LOCAL:
        table.add(key, "article_fixes_the_day", basis=basis)
    elif isinstance(day, Every):
        table.add(key, "yearly_never_stands_still")
    return acts[0], acts[1]


def people_of(table: Table) -> tuple[str, ...]:
    """Read who acts where only roles can."""
    people, by_timer, by_turn = deciders_of(table)
    if by_timer:
        table.add("by", "timer_cannot")
    if by_turn:
        table.add("by", "turn_cannot")
    return people


def remind_of(table: Table, by: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
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


def ladder_of(table: Table, key: str, name: str | None, wanted: SettingType, words: Vocabulary) -> str | None:
    demand(table, key, name, setting_type(words.settings, name), (wanted,))
    return name
