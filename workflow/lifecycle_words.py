"""Says the days and the routes of a lifecycle in words: of a step who, by which rule, and where what is not a passing leads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workflow.definition.values.days import Addend, Day, Every
from workflow.definition.values.edition import Definition
from workflow.definition.values.labels import Label
from workflow.definition.values.routes import Condition, Route, Rule, Step, StepKind
from workflow.definition.values.settings import SettingType
from workflow.periods import Period
from workflow.words import article_text, label_text, say, written

TODAY = "today"
MORE_THAN = "more than "

# ───────────────────────────── Days


def day_words(day: Day | Every, definition: Definition, language: str) -> str:
    """Say a day of the file with the labels of what it is made of: 建设周期届满日 − 结项考核提前."""
    if isinstance(day, Every):
        return say("check.every", language, day=definition.settings[day.setting].label)
    anchor = named(day.anchor, definition, language)
    text = say("check.old", language, day=anchor) if day.old else anchor
    return text + "".join(_addend_words(addend, definition, language) for addend in day.addends)


def _addend_words(addend: Addend, definition: Definition, language: str) -> str:
    period = addend.period
    length = (
        _length_words(period, language) if isinstance(period, Period) else named(period, definition, language)
    )
    if addend.times is not None:
        length = say("check.times", language, period=length, act=named(addend.times, definition, language))
    return f" {'+' if addend.sign > 0 else '−'} {length}"


def _length_words(period: Period, language: str) -> str:
    counts = {unit: getattr(period, unit) for unit in ("years", "months", "days", "working_days")}
    return " ".join(
        say(f"check.length.{unit}", language, count=count) for unit, count in counts.items() if count
    )


def named(name: str, definition: Definition, language: str) -> str:
    """Give the label of whatever the name stands for."""
    if name == TODAY:
        return say("check.today", language)
    places: tuple[Mapping[str, Any], ...] = (
        *(definition.dates, definition.fields, definition.acts),
        *(definition.settings, definition.terms, definition.roles, definition.states),
    )
    label: Label = next(place[name] for place in places if name in place).label
    return label_text(label, language)


# ───────────────────────────── Routes


def route_lines(route: Route, definition: Definition, language: str) -> list[str]:
    """The lines of a route; of one without steps, what it leads to."""
    lines = [say("check.route.head", language, basis=article_text(route.basis, language))]
    for place, step in enumerate(route.steps, start=1):
        parts = _joined(_parts(route, step, definition, language), language)
        basis = article_text(step.basis, language)
        line = say("check.route.step", language, place=place, step=step.label, parts=parts, basis=basis)
        lines.append(f"  {line}")
    if route.then is not None:
        key = "check.route.then" if route.steps else "check.route.next"
        lines.append(f"  {say(key, language, act=definition.acts[route.then].label)}")
    return lines


def _joined(parts: Iterator[str], language: str) -> str:
    return ("；" if language == "zh" else "; ").join(parts)


def _parts(route: Route, step: Step, definition: Definition, language: str) -> Iterator[str]:
    if step.when is not None:
        yield _condition(step.when, definition, language)
    by = [definition.roles[role].label for role in step.by]
    if step.kind is StepKind.PUBLICITY:
        lasts = _lasting(definition, step, language)
        yield say("check.route.publicity", language, by=by, lasts=lasts)
    else:
        yield say(f"check.route.{step.kind}", language, by=by)
    if step.kind is StepKind.TASK and step.name in definition.timers:
        day = day_words(definition.timers[step.name].day, definition, language)
        yield say("check.route.due", language, day=day)
    if step.kind is StepKind.SIGN:
        yield from _rule(step, definition, language)
    yield from _settings(step, definition, language)
    yield from _outcomes(route, step, definition, language)
    yield from _leads(route, step, definition, language)


def _condition(when: Condition, definition: Definition, language: str) -> str:
    setting, field = definition.settings.get(when.name), definition.fields.get(when.name)
    if setting is not None:
        return say("check.when.off" if when.negated else "check.when.on", language, name=setting.label)
    assert field is not None
    if when.value is None:
        return say("check.when.empty" if when.negated else "check.when.filled", language, name=field.label)
    key = "check.when.is_not" if when.negated else "check.when.is"
    return say(key, language, name=field.label, value=field.one_of[when.value])


def _rule(step: Step, definition: Definition, language: str) -> Iterator[str]:
    if step.rule is Rule.EACH and step.enough is not None:
        yield say("check.rule.enough", language, count=step.enough)
    else:
        yield say(f"check.rule.{step.rule}", language)
    if step.must:
        yield say("check.rule.must", language, roles=[definition.roles[role].label for role in step.must])


def _settings(step: Step, definition: Definition, language: str) -> Iterator[str]:
    """How a vote is counted and a panel made up: the office's settings, with what they are unless it changes them."""
    for key, name in (("valued", step.quorum), ("valued", step.majority), ("secret", step.secret)):
        if name is not None and step.kind is StepKind.VOTE:
            yield _setting(key, name, definition, language)
    for name in (step.count, step.industry):
        if name is not None:
            yield _setting("valued", name, definition, language)


def _setting(key: str, name: str, definition: Definition, language: str) -> str:
    setting = definition.settings[name]
    value = setting.default
    if setting.type is SettingType.FRACTION and value.startswith(MORE_THAN):
        value = say("check.route.more_than", language, share=value.removeprefix(MORE_THAN))
    return say(f"check.route.{key}", language, setting=setting.label, value=value)


def _lasting(definition: Definition, step: Step, language: str) -> str:
    day = definition.timers[f"{step.name}_over"].day
    assert isinstance(day, Day)
    name = str(day.addends[0].period)
    return named(name, definition, language)


def _outcomes(route: Route, step: Step, definition: Definition, language: str) -> Iterator[str]:
    for outcome, act in step.choices.items():
        label = definition.outcomes[outcome].label
        yield say("check.route.choice", language, outcome=label, act=definition.acts[act].label)
    if step.choices and route.is_moved:
        yield say("check.route.motion", language)


def _leads(route: Route, step: Step, definition: Definition, language: str) -> Iterator[str]:
    """Where a refusal, a vote lost, an objection and a missed day lead."""
    for key in ("refuse", "failed", "objected", "overdue"):
        target = getattr(step, key)
        if target is not None:
            to = _target(route, step, target, definition, language)
            yield say(f"check.route.{key}", language, to=to)


def _target(route: Route, step: Step, name: str, definition: Definition, language: str) -> str:
    target = next((known for known in route.steps if known.name == name), None)
    if target is None:
        return written(definition.acts[name].label, language)
    is_earlier = route.place(name) <= route.place(step.name)
    return say("check.route.back" if is_earlier else "check.route.onto", language, step=target.label)
