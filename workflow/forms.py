"""Read what came in from outside, by the fields of the lifecycle file: one reader for page, API and command line.

Raw input is JSON-like: text, numbers, true/false, lists, objects. All faults are reported at once; nothing is guessed
and nothing unknown is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from workflow.blockers import Fault
from workflow.definition.values.acts import Act
from workflow.definition.values.edition import Definition
from workflow.definition.values.forms import Field, FieldType
from workflow.errors import BadInput
from workflow.identity import CodeProblem, canonical_code, canonical_name, code_problems
from workflow.plan import Form

LINE_LONGEST = 200
EARLIEST, LATEST = date(1990, 1, 1), date(2100, 12, 31)
KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class _Bad(Exception):
    """A value that cannot be read; turned into a fault of its field."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code, self.params = code, params


def read_form(
    definition: Definition,
    act: Act,
    raw: Mapping[str, Any],
    *,
    outcome: Any = None,
    effective_on: Any = None,
    confirmed: Iterable[Any] = (),
) -> Form:
    """Return the form an act was given. Raises BadInput with every fault: unknown fields, unreadable values."""
    values, faults = read_values(definition, act, raw)
    known_outcomes = set(act.outcomes)
    if outcome in (None, ""):
        outcome = None
    elif not isinstance(outcome, str) or outcome not in known_outcomes:
        faults.append(
            Fault(field="outcome", code="unknown_choice", params={"choices": sorted(known_outcomes)})
        )
    day = None
    if effective_on not in (None, ""):
        try:
            day = _date(effective_on)
        except _Bad as bad:
            faults.append(Fault(field="effective_on", code=bad.code, params=bad.params))
    words = frozenset(word for word in confirmed if isinstance(word, str))
    if faults:
        raise BadInput(tuple(faults))
    return Form(values=values, outcome=outcome, effective_on=day, confirmed=words)


def read_values(
    definition: Definition, act: Act, raw: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Fault]]:
    """Read what can be read and list what cannot, for a draft that is shown again as it was typed."""
    names = [ask.field for ask in act.asks]
    values: dict[str, Any] = {}
    faults = [Fault(field=str(name)[:60], code="unknown_field") for name in raw if name not in names]
    for name in names:
        value = raw.get(name)
        if value is None or value == "" or value == [] or value == {}:
            continue
        try:
            read = _read(definition, act, definition.fields[name], value)
        except _Bad as bad:
            faults.append(Fault(field=name, code=bad.code, params=bad.params))
            continue
        if read is not None:
            values[name] = read
    return values, faults


def _read(definition: Definition, act: Act, field: Field, value: Any) -> Any:
    match field.type:
        case FieldType.LINE | FieldType.PERSON:
            return _text(value, min(field.longest, LINE_LONGEST), one_line=True)
        case FieldType.TEXT:
            return _text(value, field.longest, one_line=False)
        case FieldType.DATE:
            return _date(value)
        case FieldType.COUNT:
            return _count(value)
        case FieldType.MONEY:
            return _money(value)
        case FieldType.YES_NO:
            return _yes_no(value)
        case FieldType.CHOICE:
            return _choice(value, field.one_of)
        case FieldType.DOCUMENT | FieldType.UNIT:
            return _key(value)
        case FieldType.UNITS:
            return tuple(dict.fromkeys(_key(item) for item in _list(value)))
        case FieldType.PARTNER:
            return _partner(value)
        case FieldType.CHECKLIST:
            return _checklist(definition, field, value)
        case FieldType.SHEET:
            return _sheet(definition, field, value)
        case FieldType.REASONS:
            return _reasons(definition, value)
        case FieldType.FACT:
            return _fact(definition, act, value)


def _text(value: Any, longest: int, *, one_line: bool) -> str | None:
    if not isinstance(value, str):
        raise _Bad("not_text")
    value = value.replace("\r\n", "\n").strip()
    if CONTROL.search(value):
        raise _Bad("control_characters")
    if one_line and "\n" in value:
        raise _Bad("one_line_only")
    if len(value) > longest:
        raise _Bad("too_long", longest=longest, length=len(value))
    return value or None


def _date(value: Any) -> date:
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip(), re.ASCII):
        raise _Bad("not_a_date")
    try:
        day = date.fromisoformat(value.strip())
    except ValueError:
        raise _Bad("no_such_day") from None
    if not EARLIEST <= day <= LATEST:
        raise _Bad("date_out_of_range", first=EARLIEST, last=LATEST)
    return day


def _count(value: Any) -> int:
    text = str(value).strip() if not isinstance(value, bool) else ""
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII):
        raise _Bad("not_a_count")
    return int(text)


def _money(value: Any) -> int:
    """Yuan with up to two decimals, kept as whole fen."""
    text = str(value).strip().replace(",", "") if not isinstance(value, bool) else ""
    if not re.fullmatch(r"\d{1,12}(\.\d{1,2})?", text, re.ASCII):
        raise _Bad("not_money")
    whole, _, part = text.partition(".")
    return int(whole) * 100 + int((part + "00")[:2])


def _yes_no(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("yes", "true", "1"):
        return True
    if value in ("no", "false", "0"):
        return False
    raise _Bad("not_yes_or_no")


def _choice(value: Any, choices: Mapping[str, Any]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise _Bad("unknown_choice", choices=list(choices))
    return value


def _key(value: Any) -> str:
    if not isinstance(value, str) or not KEY.fullmatch(value):
        raise _Bad("not_an_identifier")
    return value


def _list(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, (list, tuple)) or len(value) > 100:
        raise _Bad("not_a_list")
    return list(value)


PARTNER_KINDS = ("enterprise", "public_institution", "social_organisation", "research_institute")
"""The four kinds of Art. 1."""


def _partner(value: Any) -> dict[str, Any] | None:
    """A partner as it was typed, with its canonical identities; which organisation it is the plan finds out."""
    if not isinstance(value, Mapping) or value.keys() - {"name", "kind", "credit_code"}:
        raise _Bad("not_a_partner")
    name = _text(value.get("name") or "", LINE_LONGEST, one_line=True)
    code = _text(value.get("credit_code") or "", 60, one_line=True)
    if name is None:
        if code is None and not value.get("kind"):
            return None
        raise _Bad("partner_name_missing")
    identity = canonical_name(name)
    if not identity:
        raise _Bad("partner_name_missing")
    kind = value.get("kind")
    if kind not in PARTNER_KINDS:
        raise _Bad("partner_kind_missing", choices=list(PARTNER_KINDS))
    hard = [problem for problem in code_problems(code) if not problem.is_warning] if code else []
    if hard:
        raise _Bad(f"code_{hard[0]}")
    return {
        "name": name,
        "kind": kind,
        "credit_code": code,
        "name_identity": identity,
        "code_identity": canonical_code(code) if code else None,
    }


def read_partner(value: Mapping[str, Any], faults: list[Fault]) -> dict[str, Any] | None:
    """Read a partner stated outside a lifecycle's form; a fault is that of its name, kind or credit code."""
    try:
        read = _partner(value)
    except _Bad as bad:
        faults.append(Fault(field=_FAULTY_PART.get(bad.code, "name"), code=bad.code, params=bad.params))
        return None
    if read is None:
        faults.append(Fault(field="name", code="partner_name_missing"))
    return read


_FAULTY_PART = {
    "partner_kind_missing": "kind",
    **{f"code_{problem}": "credit_code" for problem in CodeProblem},
}


def _checklist(definition: Definition, field: Field, value: Any) -> dict[str, Any]:
    items = {item for name in field.lists for item in definition.lists[name]}
    if not isinstance(value, Mapping) or value.keys() - items:
        raise _Bad("unknown_item")
    answers = {}
    for item, answer in value.items():
        if not isinstance(answer, Mapping) or answer.keys() - {"met", "note"}:
            raise _Bad("not_an_answer", item=item)
        met = answer.get("met")
        answers[item] = {
            "met": _yes_no(met) if met not in (None, "") else False,
            "note": _text(answer.get("note") or "", 2000, one_line=False) or "",
        }
    return answers


MARK = re.compile(r"\d{1,3}", re.ASCII)
HIGHEST_MARK = 100


def _sheet(definition: Definition, field: Field, value: Any) -> dict[str, dict[str, Any]] | None:
    """Heading -> {"mark": 0 to 100 or none, "remark": text or none}; headings left empty are left out."""
    known = [name for sheet in field.sheets for name in definition.sheets[sheet]]
    if not isinstance(value, Mapping):
        raise _Bad("not_a_sheet")
    if unknown := sorted(str(name)[:60] for name in value if name not in known):
        raise _Bad("unknown_item", items=unknown)
    read = {name: _line_of_sheet(value[name]) for name in known if value.get(name)}
    return {name: line for name, line in read.items() if line} or None


def _line_of_sheet(line: Any) -> dict[str, Any]:
    if not isinstance(line, Mapping) or not line.keys() <= {"mark", "remark"}:
        raise _Bad("not_a_sheet")
    mark, remark = line.get("mark"), line.get("remark")
    read: dict[str, Any] = {}
    if mark not in (None, ""):
        digits = str(mark).strip() if not isinstance(mark, bool) else ""
        if not MARK.fullmatch(digits) or int(digits) > HIGHEST_MARK:
            raise _Bad("not_a_mark", highest=HIGHEST_MARK)
        read["mark"] = int(digits)
    if remark not in (None, "") and (text := _text(remark, 1000, one_line=False)):
        read["remark"] = text
    return read


def _reasons(definition: Definition, value: Any) -> dict[str, str] | None:
    if not isinstance(value, Mapping) or any(name not in definition.fields for name in value):
        raise _Bad("unknown_field")
    read = {name: _text(text, 1000, one_line=False) for name, text in value.items()}
    return {name: text for name, text in read.items() if text} or None


def _fact(definition: Definition, act: Act, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or value.keys() - {"name", "value"}:
        raise _Bad("not_a_fact")
    name = value.get("name")
    if not isinstance(name, str) or name not in act.facts:
        raise _Bad("unknown_choice", choices=list(act.facts))
    new = value.get("value")
    if new in (None, "", [], {}):
        raise _Bad("fact_value_missing", fact=name)
    return {"name": name, "value": _read(definition, act, definition.fields[name], new)}
