"""Forms built from the fields of a lifecycle file: what was sent, read into nested values, and what is shown again.

Names in a page are flat with dots (`partner.name`, `eligibility.standing.met`); `workflow.forms` reads the nested
values, the same for page, API and command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from datetime import date
from typing import Any

from flask import url_for
from werkzeug.datastructures import MultiDict

from web import door
from web.pages import storable
from web.words import t
from workflow.blockers import Blocker, Fault
from workflow.definition.values.acts import Act
from workflow.definition.values.edition import Definition
from workflow.definition.values.forms import Field, FieldType, Item
from workflow.explain.names import headed, title_of
from workflow.forms import PARTNER_KINDS
from workflow.guards.criteria import measured, wanted_count
from workflow.guards.view import View
from workflow.queries import Names, Rights, units_offered
from workflow.reasons import fault_text, reason_of
from workflow.snapshot import Row, Snapshot
from workflow.uploads import KINDS
from workflow.words import article_text, label_text

OUR_OWN = frozenset(
    {
        "csrf_token",
        "version",
        "seq",
        "key",
        "shown",
        "back",
        "do",
        "outcome",
        "effective_on",
        "confirmed",
        "copies",
        "for",
        "case",
        "row",
    }
)
"""What a page sends beside the fields of the lifecycle file."""

DEEPEST = 4
FEN_IN_YUAN = 100


# ───────────────────────────── What was sent


def raw_of(sent: MultiDict[str, str], definition: Definition) -> dict[str, Any]:
    """Read the flat names of a sent form into nested values, as they were typed; unknown names stay, to be refused."""
    raw: dict[str, Any] = {}
    for name, values in sent.lists():
        if name not in OUR_OWN:
            typed = [storable(value) for value in values]
            _put(raw, storable(name).split(".")[:DEEPEST], _kept(name, typed, definition))
    return {name: value for name, value in raw.items() if not _blank(value)}


def _kept(name: str, values: list[str], definition: Definition) -> Any:
    known = definition.fields.get(name)
    if known is not None and known.type is FieldType.UNITS:
        return [value for value in values if value]
    return values if len(values) > 1 else values[0]


def _put(raw: dict[str, Any], path: list[str], value: Any) -> None:
    """Set a value at a path; `document.kept` is the document's own value."""
    if path[-1] == "kept" and len(path) > 1:
        path = path[:-1]
    place = raw
    for part in path[:-1]:
        found = place.get(part)
        if not isinstance(found, dict):
            found = place[part] = {}
        place = found
    place[path[-1]] = value


def _blank(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_blank(item) for item in value.values())
    return value in ("", None, [])


def flat_of(raw: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """The names and values that carry nested values through a page, the way back from `raw_of`."""
    for name, value in raw.items():
        path = f"{before}{name}"
        if isinstance(value, Mapping):
            yield from flat_of(value, f"{path}.")
        elif isinstance(value, list | tuple):
            yield from ((path, str(item)) for item in value)
        else:
            yield path, str(value)


# ───────────────────────────── What is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a form needs to be drawn: the case, the reader, and the choices."""

    snapshot: Snapshot
    names: Names
    colleges: Iterable[Row]
    rights: Rights
    language: str
    raw: Mapping[str, Any] = default(default_factory=dict)
    errors: Mapping[str, tuple[str, ...]] = default(default_factory=dict)
    """Field → what is wrong with it."""

    @property
    def definition(self) -> Definition:
        return self.snapshot.definition


def drawn(setting: Setting, act: Act, *, only: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """The fields of an act for `macros/field.html`, in the file's order; `only` picks some of them."""
    wanted = {ask.field for ask in act.asks} if only is None else set(only)
    return [
        _drawn(setting, setting.definition.fields[ask.field], name=ask.field, required=ask.required, act=act)
        for ask in act.asks
        if ask.field in wanted
    ]


def _drawn(setting: Setting, field: Field, *, name: str, required: bool, act: Act) -> dict[str, Any]:
    value = setting.raw.get(name)
    errors: tuple[str, ...] = setting.errors.get(name, ())
    if field.type is FieldType.FACT and isinstance(value, Mapping) and value.get("name") in act.facts:
        return _drawn_fact(setting, str(value["name"]), value.get("value"), errors, act)
    return {
        "name": name,
        "type": str(field.type),
        "label": title_of(field.label, setting.language),
        "hint": _hint(field, setting.language),
        "basis": article_text(field.basis, setting.language),
        "required": required or name in act.either,
        "errors": list(errors),
        "value": _shown_value(setting, field, value),
        "longest": field.longest,
        "options": _options(setting, field, act),
        "items": _items(setting, field, act),
    }


def _hint(field: Field, language: str) -> str:
    if field.hint:
        return label_text(field.hint, language)
    if field.type is FieldType.DOCUMENT:
        megabytes = door.config().upload_limit // (1024 * 1024)
        return t("documents.hint", language, kinds=sorted(KINDS), megabytes=megabytes)
    return ""


def _drawn_fact(setting: Setting, fact: str, value: Any, errors: tuple[str, ...], act: Act) -> dict[str, Any]:
    """The one fact to be changed, asked for in the way of its own type."""
    field = setting.definition.fields[fact]
    inner = Setting(
        snapshot=setting.snapshot, names=setting.names, colleges=setting.colleges, rights=setting.rights,
        language=setting.language, raw={"fact.value": value}, errors={"fact.value": errors},
    )  # fmt: skip
    return _drawn(inner, field, name="fact.value", required=True, act=act)


def _shown_value(setting: Setting, field: Field, value: Any) -> Any:
    match field.type:
        case FieldType.DOCUMENT:
            if isinstance(value, str) and value in setting.names.documents:
                href = url_for("documents.download", document_id=value)
                return {"id": value, "name": setting.names.documents[value], "href": href}
            return None
        case FieldType.UNITS:
            return [value] if isinstance(value, str) else list(value or ())
        case FieldType.PARTNER | FieldType.CHECKLIST | FieldType.SHEET | FieldType.REASONS | FieldType.FACT:
            return _mapping(value)
        case _:
            return value if isinstance(value, str) else None


def _mapping(value: Any) -> dict[str, Any]:
    """What was typed, as far as it has the shape the page draws; anything else was no answer of this page."""
    if not isinstance(value, Mapping):
        return {}
    return {name: item for name, item in value.items() if isinstance(item, str | Mapping)}


def _options(setting: Setting, field: Field, act: Act) -> list[dict[str, str]]:
    match field.type:
        case FieldType.CHOICE:
            return [
                {"value": value, "label": title_of(label, setting.language)}
                for value, label in field.one_of.items()
            ]
        case FieldType.PARTNER:
            return [
                {
                    "value": kind,
                    "label": headed(t(f"partner_kind.{kind}", setting.language), setting.language),
                }
                for kind in PARTNER_KINDS
            ]
        case FieldType.UNIT | FieldType.UNITS:
            offered = units_offered(setting.rights, act, field.name)
            return [
                {"value": unit["id"], "label": unit["name"]}
                for unit in setting.colleges
                if offered is None or unit["id"] in offered
            ]
        case _:
            return []


def _items(setting: Setting, field: Field, act: Act) -> list[dict[str, str]]:
    definition = setting.definition
    match field.type:
        case FieldType.CHECKLIST:
            return [
                {
                    "name": item.name,
                    "label": title_of(item.label, setting.language),
                    "basis": article_text(item.basis, setting.language),
                    "counted": counted_text(setting.snapshot, item, act, setting.language),
                }
                for listed in field.lists
                for item in definition.lists[listed].values()
            ]
        case FieldType.SHEET:
            return [
                {
                    "name": item.name,
                    "label": title_of(item.label, setting.language),
                    "basis": article_text(item.basis, setting.language),
                }
                for sheet in field.sheets
                for item in definition.sheets[sheet].values()
            ]
        case FieldType.REASONS:
            return [_named(definition, name, setting.language) for name in _asked_before(setting.snapshot)]
        case FieldType.FACT:
            return [_named(definition, name, setting.language) for name in act.facts]
        case _:
            return []


def _named(definition: Definition, name: str, language: str) -> dict[str, str]:
    return {"name": name, "label": title_of(definition.fields[name].label, language), "now": ""}


def _asked_before(snapshot: Snapshot) -> tuple[str, ...]:
    """The fields of the acts that lead into the case's state: what a reviewer can find fault with."""
    acts = (act for act in snapshot.definition.acts.values() if act.to == snapshot.state)
    return tuple(dict.fromkeys(ask.field for act in acts for ask in act.asks))


def counted_text(snapshot: Snapshot, item: Item, act: Act, language: str) -> str:
    """What the records say about an item that is counted and not judged."""
    if item.counted is None:
        return ""
    at = snapshot.case["opened_at"]
    view = View(snapshot=snapshot, act=act, form={}, outcome=None, effective_on=snapshot.today, at=at)
    return t("decision.counted", language, have=measured(view, item), want=wanted_count(view, item))


# ───────────────────────────── What is wrong


def errors_of(
    faults: Iterable[Fault], blockers: Iterable[Blocker], act: Act, definition: Definition, language: str
) -> dict[str, tuple[str, ...]]:
    """What is wrong with each field: values that cannot be read, and fields that are still empty."""
    found: dict[str, list[str]] = {}
    for fault in faults:
        found.setdefault(fault.field, []).append(fault_text(fault, definition, language))
    for blocker in blockers:
        name = field_of(blocker, act)
        if name is not None:
            found.setdefault(name, []).append(reason_of(blocker, definition, language).text)
    return {name: tuple(texts) for name, texts in found.items()}


def field_of(blocker: Blocker, act: Act) -> str | None:
    """The field of the form a reason is about, or None where it is about the case."""
    named = blocker.params.get("field")
    if named in {ask.field for ask in act.asks}:
        return str(named)
    if blocker.code in ("outcome_missing", "outcome_unknown"):
        return "outcome"
    if blocker.code.startswith("effective_"):
        return "effective_on"
    return None


# ───────────────────────────── What is already there


def typed_again(snapshot: Snapshot, field: Field) -> Any:
    """A stored value as somebody would have typed it, so that a form that was sent back can be mended; None for nothing."""
    value = snapshot.stored(field.name)
    if value is None:
        return None
    match field.type:
        case FieldType.DATE:
            return value.isoformat() if isinstance(value, date) else value
        case FieldType.MONEY:
            return f"{int(value) // FEN_IN_YUAN}.{int(value) % FEN_IN_YUAN:02d}"
        case FieldType.YES_NO:
            return "yes" if value else "no"
        case FieldType.PARTNER:
            partner = snapshot.partner
            return (
                {name: partner[name] or "" for name in ("name", "credit_code", "kind")} if partner else None
            )
        case FieldType.CHECKLIST:
            return {
                name: {"met": "yes" if answer.get("met") else "no", "note": answer.get("note") or ""}
                for name, answer in value.items()
            }
        case FieldType.UNITS:
            return list(value)
        case FieldType.REASONS | FieldType.FACT:
            return None
        case _:
            return str(value)
