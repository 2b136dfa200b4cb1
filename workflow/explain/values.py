"""Values of form fields in words, and what a change makes of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from workflow.definition.values.edition import Definition
from workflow.definition.values.forms import Field, FieldType
from workflow.explain.names import NO_VALUE
from workflow.queries.names import Names
from workflow.words import day_text, label_text, money_text, say, written


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that changes: its name, the value before and the value after, as people read them."""

    name: str
    old: str
    new: str


def value_text(definition: Definition, field: Field, value: Any, names: Names, language: str) -> str:
    """Write a field's value as people read it; identifiers by the names behind them."""
    if value is None or value == "" or value in ((), [], {}):
        return NO_VALUE
    match field.type:
        case FieldType.MONEY:
            return money_text(int(value), language)
        case FieldType.DATE:
            return day_text(value if isinstance(value, date) else date.fromisoformat(value), language)
        case FieldType.CHOICE:
            return written(field.one_of.get(value, value), language)
        case FieldType.DOCUMENT:
            return names.documents.get(value, say("explain.file", language))
        case FieldType.UNIT:
            return names.units.get(value, NO_VALUE)
        case FieldType.UNITS:
            return written([names.units.get(item, NO_VALUE) for item in value], language)
        case FieldType.PARTNER:
            return _partner_text(value, names, language)
        case FieldType.CHECKLIST:
            return _checklist_text(definition, field, value, language)
        case FieldType.SHEET:
            return sheet_text(definition, field, value, language)
        case FieldType.REASONS:
            return _reasons_text(definition, value, language)
        case FieldType.FACT:
            return _fact_text(definition, value, names, language)
        case _:
            return written(value, language)


def _partner_text(value: Any, names: Names, language: str) -> str:
    if not isinstance(value, Mapping):
        return names.partners.get(value, NO_VALUE)
    kind = say(f"partner_kind.{value['kind']}", language)
    key = "explain.partner_code" if value.get("credit_code") else "explain.partner"
    params = {"code": value["credit_code"]} if value.get("credit_code") else {}
    return say(key, language, name=value["name"], kind=kind, **params)


def _checklist_text(definition: Definition, field: Field, value: Mapping[str, Any], language: str) -> str:
    items = {name: item for listed in field.lists for name, item in definition.lists[listed].items()}
    answered = [name for name in items if name in value]
    unmet = [items[name].label for name in answered if not value[name].get("met")]
    counts = {"met": len(answered) - len(unmet), "all": len(answered)}
    if unmet:
        return say("explain.unmet_items", language, items=unmet, **counts)
    return say("explain.checklist", language, **counts)


def _reasons_text(definition: Definition, value: Mapping[str, str], language: str) -> str:
    lines = [
        say("explain.reason_line", language, field=definition.fields[name].label, text=text)
        for name, text in value.items()
        if name in definition.fields
    ]
    return say("blocked.between", language).join(lines)


def _fact_text(definition: Definition, value: Mapping[str, Any], names: Names, language: str) -> str:
    field = definition.fields[value["name"]]
    new = value_text(definition, field, value.get("value"), names, language)
    return say("explain.fact", language, name=field.label, value=new)


# ───────────────────────────── Sheets


def sheet_lines(
    definition: Definition, field: Field, value: Mapping[str, Any], language: str
) -> Iterator[tuple[str, str]]:
    """Every heading of a sheet with its mark and remark, in the file's order."""
    for sheet in field.sheets:
        for name, item in definition.sheets[sheet].items():
            if name in value:
                yield label_text(item.label, language), _line(value[name], language)


def _line(line: Mapping[str, Any], language: str) -> str:
    mark, remark = line.get("mark"), line.get("remark")
    if mark is None:
        return say("route.remark", language, remark=remark)
    key = "route.line_said" if remark else "route.line"
    return say(key, language, **{"mark": mark, **({"remark": remark} if remark else {})})


def sheet_text(definition: Definition, field: Field, value: Mapping[str, Any], language: str) -> str:
    """A whole sheet in one text, with the mean of its marks."""
    lines = say("blocked.between", language).join(
        say("route.heading", language, name=name, said=said)
        for name, said in sheet_lines(definition, field, value, language)
    )
    marks = [line["mark"] for line in value.values() if line.get("mark") is not None]
    if not marks:
        return lines
    return say("route.marks", language, lines=lines, mean=f"{sum(marks) / len(marks):.1f}")
