"""Reads the days of a lifecycle file and proves their names: anchors that can be days, addends that are lengths."""

from __future__ import annotations

from collections.abc import Mapping

from workflow.definition.days import DayError, parse_day
from workflow.definition.problems import shown
from workflow.definition.table import Sort, Table
from workflow.definition.values.days import Addend, DateRule, Day, Every
from workflow.definition.values.forms import FieldType
from workflow.definition.values.settings import SettingType
from workflow.definition.vocabulary import Vocabulary, in_order
from workflow.periods import Period

TODAY = "today"
NO_DAY = Day(anchor=TODAY)
"""Stands in for a day that could not be read."""


def read_dates(root: Table, words: Vocabulary) -> Mapping[str, DateRule]:
    """Read the dates that follow from others; report those that follow from themselves."""
    dates = {name: _date(name, table, words) for name, table in root.tables("dates")}
    in_order({name: {date.day.anchor} & dates.keys() for name, date in dates.items()}, root.table("dates"))
    return dates


def read_day(table: Table, key: str, words: Vocabulary, *, today: bool) -> Day:
    """Read the day under a key. `today` tells whether the day of the act may be meant, as in a guard."""
    return day_from(table, table.at(key), table.text(key), words, today=today)


def read_every(table: Table, key: str, words: Vocabulary) -> Day | Every:
    """Read a day, or `every` and the setting that holds a day of the year."""
    text = table.text(key)
    if not text.lstrip().startswith("every "):
        return day_from(table, table.at(key), text, words, today=False)
    every = _parsed(table, table.at(key), text)
    if isinstance(every, Every):
        _prove_length(
            table, table.at(key), every.setting, words, settings=(SettingType.MONTH_DAY,), terms=False
        )
        return every
    return NO_DAY


def day_from(table: Table, path: str, text: str, words: Vocabulary, *, today: bool) -> Day:
    """Read one day expression that stands at the path; an unreadable one is reported and stands in as today."""
    day = _parsed(table, path, text) if text else NO_DAY
    if isinstance(day, Every):
        table.book.findings.add(path, "every_here")
        return NO_DAY
    if day is NO_DAY:
        return day
    _prove_anchor(table, path, day, words, today=today)
    for addend in day.addends:
        _prove_addend(table, path, addend, words)
    return day


def _date(name: str, table: Table, words: Vocabulary) -> DateRule:
    rule = DateRule(
        name=name,
        label=table.label(),
        basis=table.basis(),
        day=read_day(table, "is", words, today=False),
    )
    table.close()
    return rule


def _parsed(table: Table, path: str, text: str) -> Day | Every:
    try:
        return parse_day(text)
    except DayError:
        table.book.findings.add(path, "unreadable_day", text=shown(text))
        return NO_DAY


def _prove_anchor(table: Table, path: str, day: Day, words: Vocabulary, *, today: bool) -> None:
    if day.anchor == TODAY and not day.old:
        if not today:
            table.book.findings.add(path, "today_here")
        return
    sorts = (Sort.FIELD,) if day.old else (Sort.DATE, Sort.FIELD, Sort.TRANSITION, Sort.SETTING)
    sort = table.book.find(day.anchor, sorts, path)
    field, setting = words.fields.get(day.anchor), words.settings.get(day.anchor)
    if sort is Sort.FIELD and field and field.type is not FieldType.DATE:
        _wrong_kind(table, path, day.anchor, field.type, (FieldType.DATE,))
    if sort is Sort.SETTING and setting and not _names_days(setting.one_of, table):
        _wrong_kind(table, path, day.anchor, setting.type, (SettingType.CHOICE,))


def _names_days(names: tuple[str, ...], table: Table) -> bool:
    known = table.book.names
    return bool(names) and all(
        any(name in known[sort] for sort in (Sort.DATE, Sort.FIELD, Sort.TRANSITION)) for name in names
    )


def _prove_addend(table: Table, path: str, addend: Addend, words: Vocabulary) -> None:
    if isinstance(addend.period, str):
        _prove_length(table, path, addend.period, words, settings=(SettingType.PERIOD,), terms=True)
    if addend.times is not None:
        table.book.find(addend.times, (Sort.TRANSITION,), path)


def _prove_length(
    table: Table, path: str, name: str, words: Vocabulary, *, settings: tuple[SettingType, ...], terms: bool
) -> None:
    table.book.find(name, (Sort.TERM, Sort.SETTING) if terms else (Sort.SETTING,), path)
    term, setting = words.terms.get(name), words.settings.get(name)
    if term and terms and not isinstance(term.value, Period):
        _wrong_kind(table, path, name, "number", ("period",))
    elif setting and setting.type not in settings:
        _wrong_kind(table, path, name, setting.type, settings)


def _wrong_kind(table: Table, path: str, name: str, kind: str, kinds: tuple[str, ...]) -> None:
    table.book.findings.add(path, "wrong_kind", name=name, kind=str(kind), kinds=[str(one) for one in kinds])
