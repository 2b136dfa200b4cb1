"""Reads the routes of a lifecycle file: the steps by which a decision is reached while a case is in a state."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from workflow.definition.acts import (
    Acts,
    asks_of,
    ladder_of,
    people_of,
    remind_of,
    suspension_of,
    task_of,
)
from workflow.definition.table import LOCAL, Sort, Table
from workflow.definition.values.acts import Act, ActKind, Outcome
from workflow.definition.values.days import Addend, Day
from workflow.definition.values.forms import FieldType
from workflow.definition.values.labels import Label
from workflow.definition.values.routes import (
    BACK_TO,
    BY_BALLOT,
    Choice,
    Condition,
    Route,
    Rule,
    Step,
    StepKind,
)
from workflow.definition.values.settings import SettingType
from workflow.definition.values.timers import Timer
from workflow.definition.vocabulary import demand, setting_type
from workflow.definition.when import read_every
from workflow.periods import Kind, Period

MOST_SIGNERS = 100

OFFERED: Mapping[StepKind, tuple[Choice, ...]] = {
    StepKind.SIGN: (Choice.AGREE,),
    StepKind.VOTE: (Choice.AGREE, Choice.REFUSE, Choice.ABSTAIN, Choice.RECUSE),
    StepKind.SCORE: (Choice.SCORE, Choice.RECUSE),
    StepKind.PUBLICITY: (Choice.OBJECT,),
}
"""What a ballot of each kind may say; a signer may also refuse where the step says what follows, and send back."""

_OWN_KEYS = ("basis", "then", "label")
_CONDITION = re.compile(r"(?:(not) )?([a-z][a-z0-9_]*)(?: is ([a-z][a-z0-9_]*))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a step is read: its table, its state, the ground of its route, all steps of it by kind, what stands before."""

    name: str
    table: Table
    source: frozenset[str]
    basis: str
    kinds: Mapping[str, object]
    labels: dict[str, Label]
    """What the steps before this one are called."""
    read: Acts

    @property
    def earlier(self) -> list[str]:
        names = list(self.kinds)
        return names[: names.index(self.name)]

    @property
    def later(self) -> list[str]:
        names = list(self.kinds)
        return names[names.index(self.name) + 1 :]

    @property
    def returnable(self) -> list[str]:
        """The earlier steps people take part in: where a vote that fails or an objection may lead. A signer sends back to tasks too."""
        return [name for name in self.earlier if self.kinds[name] in (*BY_BALLOT, StepKind.DECIDE)]


def read_routes(root: Table, read: Acts) -> None:
    """Read every route; its steps become acts, and what they may say becomes outcomes."""
    for state, table in root.tables("routes"):
        known = table.book.find(state, (Sort.STATE,), table.path)
        basis = table.basis()
        kinds = {
            key: raw.get("kind")
            for key, raw in table.raw.items()
            if key not in _OWN_KEYS and isinstance(raw, dict)
        }
        source = frozenset({state}) if known else frozenset()
        labels: dict[str, Label] = {}
        steps = tuple(
            _step(
                _Place(
                    name=name,
                    table=table.table(name),
                    source=source,
                    basis=basis,
                    kinds=kinds,
                    labels=labels,
                    read=read,
                )
            )
            for name in kinds
        )
        then = table.ref("then", Sort.TRANSITION, required=False)
        read.routes[state] = Route(state=state, basis=basis, steps=steps, then=then)
        table.close()


def _step(here: _Place) -> Step:
    table = here.table
    kind = StepKind(table.one_of("kind", StepKind) or StepKind.TASK)
    label, basis = table.label(), table.basis(default=here.basis)
    here.labels[here.name] = label
    if kind is StepKind.DECIDE:
        step = Step(
            name=here.name, kind=kind, label=label, basis=basis, by=people_of(table), choices=_choices(table)
        )
    elif kind is StepKind.TASK:
        step = _task_step(here, basis, label)
    else:
        step = _ballot_step(here, kind, basis, label)
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


# ───────────────────────────── Tasks


def _task_step(here: _Place, basis: str, label: Label) -> Step:
    """Read a task; with `due` it also declares the timer that waits for it."""
    table, name = here.table, here.name
    due = table.has("due")
    act = task_of(name, table, label=label, basis=basis, source=here.source, timer=name if due else None)
    here.read.acts[name] = act
    overdue = _later_step(here)
    if due:
        here.read.timers[name] = _deadline(here, act, overdue)
    return Step(name=name, kind=StepKind.TASK, label=label, basis=basis, by=act.by, act=name, overdue=overdue)


def _later_step(here: _Place) -> str | None:
    """Read `overdue`: a step after this one, and only where there is a deadline to miss."""
    table = here.table
    overdue = table.text("overdue", required=False) or None
    if overdue is None:
        return None
    if not table.has("due"):
        table.add("overdue", "overdue_without_due")
    if overdue not in here.later:
        table.book.findings.unknown(table.at("overdue"), "unknown_step", overdue, here.later)
    return overdue


def _deadline(here: _Place, act: Act, overdue: str | None) -> Timer:
    table, words = here.table, here.read.words
    remind, tell = remind_of(table, act.by)
    escalate = table.ref("escalate", Sort.SETTING, required=False)
    moved_by = table.ref("moved_by", Sort.TRANSITION, required=False)
    answered_by = table.ref("answered_by", Sort.FIELD, required=False)
    if answered_by and answered_by not in {ask.field for ask in act.asks}:
        table.add("answered_by", "not_asked", name=answered_by)
    asked_after = table.ref("asked_after", Sort.SETTING, required=False)
    demand(
        table, "asked_after", asked_after, setting_type(words.settings, asked_after), (SettingType.PERIOD,)
    )
    if asked_after and not moved_by:
        table.add("asked_after", "nobody_asked")
    ground, day = table.basis("due_basis", default=act.basis), read_every(table, "due", words)
    suspended_by, resumed_by = suspension_of(table, kind=Kind.DUE, basis=ground, day=day)
    return Timer(
        name=here.name,
        label=act.label,
        basis=ground,
        kind=Kind.DUE,
        day=day,
        while_=act.source,
        remind=ladder_of(table, "remind", remind, SettingType.DAYS, words),
        tell=tell,
        escalate=ladder_of(table, "escalate", escalate, SettingType.ESCALATION, words),
        answer=here.name,
        answered_by=answered_by,
        overdue=overdue,
        moved_by=moved_by,
        suspended_by=suspended_by,
        resumed_by=resumed_by,
        asked_after=asked_after,
    )


# ───────────────────────────── Steps completed by ballots


def _ballot_step(here: _Place, kind: StepKind, basis: str, label: Label) -> Step:
    table = here.table
    by = people_of(table)
    rule = (
        Rule(table.one_of("rule", Rule, default=Rule.ONE) or Rule.ONE) if kind is StepKind.SIGN else Rule.EACH
    )
    step = Step(
        name=here.name,
        kind=kind,
        label=label,
        basis=basis,
        by=by,
        act=here.name,
        when=_condition(here),
        rule=rule,
        enough=_enough(table, rule) if kind is StepKind.SIGN else None,
        must=_must(table, by) if kind is StepKind.SIGN else (),
        refuse=table.ref("refuse", Sort.TRANSITION, required=False) if kind is StepKind.SIGN else None,
        failed=_transition_or_earlier(here, "failed") if kind is StepKind.VOTE else None,
        objected=_earlier(here, "objected") if kind is StepKind.PUBLICITY else None,
    )
    if kind is StepKind.VOTE:
        step = replace(step, **_voting(here, by))
    if kind is StepKind.SCORE:
        step = replace(step, **_panel(here))
    here.read.acts[here.name] = _ballot(here, step)
    if kind is StepKind.PUBLICITY:
        here.read.timers[f"{here.name}_over"] = _over(here, step)
    return step


def _ballot(here: _Place, step: Step) -> Act:
    """The act of taking part in a step, and the words a ballot may say."""
    table = here.table
    offered: dict[str, Label] = {choice: _words(choice) for choice in OFFERED[step.kind]}
    if step.refuse:
        offered[Choice.REFUSE] = _words(Choice.REFUSE)
    if step.kind is StepKind.SIGN:
        for name in here.earlier:
            offered[f"{BACK_TO}{name}"] = _words("back_to", here.labels.get(name))
        offered[Choice.RECUSE] = _words(Choice.RECUSE)
    for word, label in offered.items():
        here.read.outcomes_added.setdefault(word, Outcome(name=word, label=label, basis=LOCAL))
    return Act(
        name=step.name,
        kind=ActKind.BALLOT,
        label=step.label,
        basis=step.basis,
        by_basis=table.basis("by_basis", default=LOCAL),
        source=here.source,
        to=None,
        by=step.by,
        asks=asks_of(table, "asks", required=False),
        tell=table.refs("tell", Sort.ROLE, required=False),
        outcomes=tuple(offered),
    )


def _words(word: str, step: Label | None = None) -> Label:
    texts = _catalogue()[word]
    named = {"zh": step.zh, "en": step.en} if step else {"zh": "", "en": ""}
    return Label(zh=texts["zh"].format(step=named["zh"]), en=texts["en"].format(step=named["en"]))


@lru_cache(maxsize=1)
def _catalogue() -> Mapping[str, Any]:
    return tomllib.loads((Path(__file__).parent / "choices.toml").read_text(encoding="utf-8"))


def _enough(table: Table, rule: Rule) -> int | None:
    if not table.has("enough"):
        return None
    if rule is not Rule.EACH:
        table.add("enough", "enough_of_each")
    return table.number("enough", least=1, most=MOST_SIGNERS)


def _must(table: Table, by: tuple[str, ...]) -> tuple[str, ...]:
    must = table.refs("must", Sort.ROLE, required=False)
    for role in must:
        if role not in by:
            table.add("must", "must_not_asked", role=role)
    return must


def _earlier(here: _Place, key: str) -> str | None:
    step = here.table.text(key, required=False) or None
    if step is not None and step not in here.returnable:
        here.table.book.findings.unknown(here.table.at(key), "unknown_step", step, here.returnable)
        return None
    return step


def _transition_or_earlier(here: _Place, key: str) -> str | None:
    """Read where a refusal leads: an earlier step, or a transition. Without one a refusal would lead nowhere."""
    name = here.table.text(key)
    if name in here.returnable:
        return name
    return here.table.ref(key, Sort.TRANSITION) if name else None


def _voting(here: _Place, by: tuple[str, ...]) -> dict[str, Any]:
    """Read how a body votes: said on the step, else once on its role."""
    table, words = here.table, here.read.words
    role = words.roles.get(by[0]) if by else None
    found: dict[str, str | None] = {}
    for key, wanted in (
        ("quorum", SettingType.FRACTION),
        ("majority", SettingType.FRACTION),
        ("secret", SettingType.YES_NO),
    ):
        name = table.ref(key, Sort.SETTING, required=False)
        demand(table, key, name, setting_type(words.settings, name), (wanted,))
        found[key] = name or (getattr(role, key) if role else None)
        if found[key] is None and key != "secret":
            table.add(key, "no_voting_rule", key=key)
    return found


def _panel(here: _Place) -> dict[str, Any]:
    table, words = here.table, here.read.words
    found: dict[str, str | None] = {}
    for key in ("count", "industry"):
        found[key] = table.ref(key, Sort.SETTING, required=key == "count")
        demand(table, key, found[key], setting_type(words.settings, found[key]), (SettingType.COUNT,))
    return found


def _over(here: _Place, step: Step) -> Timer:
    """The timer that ends a notice in public: so many days after its round was opened."""
    lasts = here.table.ref("lasts", Sort.SETTING, Sort.TERM)
    words = here.read.words
    term = words.terms.get(lasts or "")
    if term is None:
        demand(here.table, "lasts", lasts, setting_type(words.settings, lasts), (SettingType.PERIOD,))
    elif not isinstance(term.value, Period):
        demand(here.table, "lasts", lasts, "number", ("period",))
    return Timer(
        name=f"{step.name}_over",
        label=step.label,
        basis=step.basis,
        kind=Kind.ENDS,
        day=Day(anchor=step.name, addends=(Addend(sign=1, period=lasts or ""),)),
        while_=here.source,
        closes=step.name,
    )


def _condition(here: _Place) -> Condition | None:
    """Read `when`: `setting`, `not setting`, `field`, `field is value`."""
    table, words = here.table, here.read.words
    text = table.text("when", required=False)
    if not text:
        return None
    found = _CONDITION.fullmatch(text)
    if found is None:
        table.add("when", "unreadable_condition", text=text)
        return None
    negated, name, value = found[1] is not None, found[2], found[3]
    sort = table.book.find(name, (Sort.SETTING, Sort.FIELD), table.at("when"))
    if sort is Sort.SETTING:
        demand(table, "when", name, setting_type(words.settings, name), (SettingType.YES_NO,))
    field = words.fields.get(name)
    if value is not None and (
        field is None or field.type is not FieldType.CHOICE or value not in field.one_of
    ):
        known = list(field.one_of) if field else []
        table.book.findings.unknown(table.at("when"), "unknown_word", value, known, words=", ".join(known))
    return Condition(name=name, negated=negated, value=value)
