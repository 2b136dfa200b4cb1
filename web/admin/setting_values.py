"""The value of a setting: in words, as the fields it is stated in, and read back from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from web import door
from web.admin.sheets import Ask, Typed, ask
from web.words import t
from workflow.definition.values.edition import Definition
from workflow.definition.values.settings import Setting, SettingType
from workflow.explain.names import role_label
from workflow.hours import NONE
from workflow.lifecycle_words import MORE_THAN
from workflow.periods import Period
from workflow.words import label_text, month_day_text, written

UNITS = ("days", "working_days", "months", "years")
SHARES = ("least", "more")


def setting_text(definition: Definition, setting: Setting, value: Any, language: str) -> str:
    """A setting's value as people read it."""
    match setting.type:
        case SettingType.PERIOD:
            return period_text(value, language)
        case SettingType.CHOICE:
            return _choice_text(definition, setting, value, language)
        case SettingType.ESCALATION:
            steps = [
                t(
                    "admin.settings.ladder",
                    language,
                    day=int(day),
                    role=role_label(definition, role, language),
                )
                for day, role in value.items()
            ]
            return written(steps, language)
        case SettingType.HOURS:
            return t("admin.settings.no_hours", language) if value == NONE else value
        case SettingType.DAYS:
            return written(value, language) if value else t("admin.settings.no_days", language)
        case SettingType.FRACTION:
            return t(f"admin.share.{_kind_of(value)}", language, share=value.removeprefix(MORE_THAN))
        case SettingType.MONTH_DAY:
            month, day = map(int, value.split("-"))
            return month_day_text(month, day, language)
        case _:
            return written(value, language)


def _kind_of(share: str) -> str:
    """Whether a share itself suffices, or only more than it."""
    return "more" if share.startswith(MORE_THAN) else "least"


def period_text(value: str, language: str) -> str:
    """A length of time as people read it."""
    period = Period.parse(value)
    counts = {unit: getattr(period, unit) for unit in UNITS}
    parts = [t(f"check.length.{unit}", language, count=count) for unit, count in counts.items() if count]
    return " ".join(parts) or t("check.length.days", language, count=0)


def _choice_text(definition: Definition, setting: Setting, value: str, language: str) -> str:
    if value in setting.choices:
        return label_text(setting.choices[value], language)
    named: tuple[Mapping[str, Any], ...] = (definition.dates, definition.fields, definition.acts)
    for table in named:
        if value in table:
            return label_text(table[value].label, language)
    return value


def value_asks(definition: Definition, one: Setting, now: Any) -> tuple[Ask, ...]:
    """The field, or fields, in which a value of the setting's type is stated."""
    language = door.language()
    match one.type:
        case SettingType.YES_NO:
            return (ask("value", "yes_no", value="yes" if now else "no"),)
        case SettingType.CHOICE:
            options = tuple(
                {"value": value, "label": _choice_text(definition, one, value, language)}
                for value in one.one_of
            )
            return (ask("value", "choice", options=options, value=now),)
        case SettingType.PERIOD:
            return _period_asks(now, language)
        case SettingType.ESCALATION:
            days = {role: day for day, role in now.items()}
            return tuple(
                ask(
                    f"value.{role}", "count", required=False, value=days.get(role, ""),
                    label=t("admin.settings.tell", language, role=role_label(definition, role, language)), hint="",
                )
                for role in definition.roles
            )  # fmt: skip
        case SettingType.DAYS:
            return (
                ask(
                    "value",
                    value=", ".join(map(str, now)),
                    required=False,
                    hint=t("admin.hint.days", language),
                ),
            )
        case SettingType.MONTH_DAY:
            return (ask("value", value=now, hint=t("admin.hint.month_day", language)),)
        case SettingType.FRACTION:
            return _share_asks(now, language)
        case SettingType.HOURS:
            return (ask("value", value=now, hint=t("admin.hint.hours", language)),)
        case _:
            return (ask("value", value=now),)


def _period_asks(now: str, language: str) -> tuple[Ask, ...]:
    """A count and its unit; a length of several units stays a text."""
    period = Period.parse(now)
    counts = {unit: getattr(period, unit) for unit in UNITS if getattr(period, unit)} or {"days": 0}
    if len(counts) > 1:
        return (ask("value", value=now),)
    ((unit, count),) = counts.items()
    options = tuple({"value": name, "label": t(f"admin.unit.{name}", language)} for name in UNITS)
    return (
        ask("value", "count", value=count),
        ask(
            "value.unit",
            "choice",
            options=options,
            value=unit,
            label=t("admin.field.unit_of_time", language),
            hint="",
        ),
    )


def _share_asks(now: str, language: str) -> tuple[Ask, ...]:
    """A fraction, and whether it suffices or more than it is needed."""
    options = tuple(
        {"value": kind, "label": t(f"admin.share.{kind}", language, share="").strip()} for kind in SHARES
    )
    return (
        ask(
            "value.kind",
            "choice",
            options=options,
            value=_kind_of(now),
            label=t("admin.field.kind_of_share", language),
            hint="",
        ),
        ask("value", value=now.removeprefix(MORE_THAN), hint=t("admin.hint.share", language)),
    )


def stated_in(definition: Definition, name: str, read: Typed) -> Any:
    """What was stated, as `read_setting` reads it."""
    if definition.settings[name].type is SettingType.ESCALATION:
        return {
            field.removeprefix("value."): text
            for field, text in read.values.items()
            if field.startswith("value.")
        }
    value, unit = read.text("value").strip(), read.text("value.unit")
    if read.text("value.kind") == "more":
        return f"{MORE_THAN}{value}"
    return f"{value} {unit.replace('_', ' ')}" if unit else value
