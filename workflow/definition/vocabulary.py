"""Reads what the rest of a lifecycle file is written with: terms, settings, roles, states, groups, fields, lists, outcomes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from graphlib import CycleError, TopologicalSorter

from workflow.definition.names import FAMILIES, READ_BY_ENGINE
from workflow.definition.table import MOST_ENTRIES, Sort, Table
from workflow.definition.values.acts import Outcome, State
from workflow.definition.values.forms import Count, Field, FieldType, Item
from workflow.definition.values.labels import Label
from workflow.definition.values.people import Held, Role
from workflow.definition.values.settings import Setting, SettingType, Term
from workflow.hours import Quiet
from workflow.periods import Period, PeriodError

LONGEST_PERIOD = Period(years=100, months=1200, days=36500, working_days=36500)
LONGEST_LADDER_DAY = 3650
LARGEST_COUNT = 1_000_000
LONGEST_LINE = 200
LONGEST_TEXT = 4000

_FRACTION = re.compile(r"(?:more than )?([1-9]\d?)/([1-9]\d?)", re.ASCII)
_MONTH_DAY = re.compile(r"\d\d-\d\d", re.ASCII)
_DAY_NUMBER = re.compile(r"[1-9]\d{0,3}", re.ASCII)
# A day that is in every year, so 29 February is not one.
_COMMON_YEAR = 2023


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The words of the file that later sections refer to and whose type matters there."""

    terms: Mapping[str, Term]
    settings: Mapping[str, Setting]
    roles: Mapping[str, Role]
    states: Mapping[str, State]
    groups: Mapping[str, frozenset[str]]
    fields: Mapping[str, Field]
    lists: Mapping[str, Mapping[str, Item]]
    sheets: Mapping[str, Mapping[str, Item]]
    counts: Mapping[str, Count]
    outcomes: Mapping[str, Outcome]


def read_vocabulary(root: Table) -> Vocabulary:
    """Read the sections that the others are written with."""
    terms = {name: _term(name, table) for name, table in root.tables("terms")}
    settings = {name: _setting(name, table) for name, table in root.tables("settings")}
    fields = {name: _field(name, table) for name, table in root.tables("fields")}
    states = {name: _state(name, table) for name, table in root.tables("states")}
    counts = {name: _count(name, table, fields, terms) for name, table in root.tables("counts")}
    return Vocabulary(
        terms=terms,
        settings=settings,
        roles=_roles(root, fields, settings),
        states=states,
        groups=_groups(root.table("groups"), states),
        fields=fields,
        lists={name: _items(table, fields, terms) for name, table in root.tables("lists")},
        sheets={name: _items(table, fields, terms) for name, table in root.tables("sheets")},
        counts=counts,
        outcomes={name: _outcome(name, table) for name, table in root.tables("outcomes")},
    )


def states_of(table: Table, key: str, words: Vocabulary, *, required: bool = True) -> frozenset[str]:
    """Read states and groups as the set of states they stand for; `any` alone stands for all."""
    if table.take(key) == "any":
        return frozenset(words.states)
    names = table.refs(key, Sort.STATE, Sort.GROUP, required=required)
    return frozenset(state for name in names for state in words.groups.get(name, (name,)))


def demand(table: Table, key: str, name: str | None, kept: object, wanted: Collection[object]) -> bool:
    """Report a name whose kind, such as a field's or a setting's type, is not one of those wanted here."""
    if name is None or kept is None or kept in wanted:
        return True
    table.add(key, "wrong_kind", name=name, kind=str(kept), kinds=[str(kind) for kind in wanted])
    return False


def fits(setting: Setting, value: object, *, roles: Collection[str]) -> bool:
    """Tell whether a new value may stand in the setting: the type of the default, a listed choice, known roles."""
    if setting.type is SettingType.CHOICE:
        return value in setting.one_of
    if _type_of(value) is not setting.type:
        return False
    return not isinstance(value, dict) or set(value.values()) <= set(roles)


def _type_of(value: object) -> SettingType | None:
    """Give the type a setting's value shows, None for what no setting can hold."""
    match value:
        case bool():
            return SettingType.YES_NO
        case int():
            return SettingType.COUNT if 0 <= value <= LARGEST_COUNT else None
        case list():
            return SettingType.DAYS if _is_ladder(value) else None
        case dict():
            return SettingType.ESCALATION if _is_escalation(value) else None
        case str():
            return _type_of_text(value)
    return None


def _is_ladder(value: list[object]) -> bool:
    days = [day for day in value if isinstance(day, int) and not isinstance(day, bool)]
    return len(days) == len(value) == len(set(days)) and all(0 <= day <= LONGEST_LADDER_DAY for day in days)


def _is_escalation(value: dict[object, object]) -> bool:
    return all(
        isinstance(day, str) and _DAY_NUMBER.fullmatch(day) and isinstance(role, str)
        for day, role in value.items()
    )


def _type_of_text(value: str) -> SettingType | None:
    if _MONTH_DAY.fullmatch(value):
        return SettingType.MONTH_DAY if _is_month_day(value) else None
    if found := _FRACTION.fullmatch(value):
        return SettingType.FRACTION if int(found[1]) <= int(found[2]) else None
    if _is_hours(value):
        return SettingType.HOURS
    return SettingType.PERIOD if _period(value) is not None else None


def _is_hours(value: str) -> bool:
    try:
        Quiet.parse(value)
    except ValueError:
        return False
    return True


def _is_month_day(value: str) -> bool:
    try:
        date(_COMMON_YEAR, int(value[:2]), int(value[3:]))
    except ValueError:
        return False
    return True


def _period(value: str) -> Period | None:
    """Read a length that is not negative and not beyond reason."""
    try:
        period = Period.parse(value)
    except PeriodError:
        return None
    parts = ("years", "months", "days", "working_days")
    within = all(0 <= getattr(period, part) <= getattr(LONGEST_PERIOD, part) for part in parts)
    return period if within else None


def _term(name: str, table: Table) -> Term:
    value = table.take("value")
    length = _period(value) if isinstance(value, str) else None
    if value is None:
        table.missing("value")
    elif length is None and (
        not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST_COUNT
    ):
        table.wrong(table.at("value"), "bad_term", value)
    term = Term(
        name=name,
        value=length if length is not None else value if isinstance(value, int) else 0,
        basis=table.basis(),
        label=table.label(),
    )
    table.close()
    return term


def _setting(name: str, table: Table) -> Setting:
    default = table.take("default")
    choices = _choices(table)
    kind = SettingType.CHOICE if table.has("one_of") else _type_of(default)
    if default is None:
        table.missing("default")
    elif kind is None:
        table.wrong(table.at("default"), "bad_setting", default)
    elif kind is SettingType.CHOICE and default not in tuple(choices):
        table.wrong(table.at("default"), "not_a_choice", default, words=", ".join(choices))
    elif kind is SettingType.ESCALATION:
        for day, role in default.items():
            table.book.find(role, (Sort.ROLE,), f"{table.at('default')}.{day}")
    if name in READ_BY_ENGINE:
        demand(table, "default", name, kind, (READ_BY_ENGINE[name],))
    setting = Setting(
        name=name,
        type=kind or SettingType.CHOICE,
        default=default,
        label=table.label(),
        one_of=tuple(choices),
        choices={value: label for value, label in choices.items() if label is not None},
        pinned_by=table.ref("pinned_by", Sort.TRANSITION, required=False),
    )
    table.close()
    return setting


def _choices(table: Table) -> dict[str, Label | None]:
    """Read `one_of`: names of the file, which have labels of their own, or words with their labels."""
    if isinstance(table.take("one_of"), list):
        return dict.fromkeys(table.refs("one_of", Sort.DATE, Sort.FIELD, Sort.TRANSITION))
    choices: dict[str, Label | None] = {}
    for word, labelled in table.tables("one_of"):
        choices[word] = labelled.label()
        labelled.close()
    return choices


def _roles(root: Table, fields: Mapping[str, Field], settings: Mapping[str, Setting]) -> Mapping[str, Role]:
    """Read the roles; report those that stand in for one another in a circle, where nobody would be asked."""
    roles = {name: _role(name, table, fields, settings) for name, table in root.tables("roles")}
    in_order({name: {*role.stand_in} & roles.keys() for name, role in roles.items()}, root.table("roles"))
    return roles


def _role(name: str, table: Table, fields: Mapping[str, Field], settings: Mapping[str, Setting]) -> Role:
    of = table.ref("of", Sort.FIELD, required=False)
    demand(table, "of", of, _field_type(fields, of), (FieldType.UNIT,))
    votes = {key: table.ref(key, Sort.SETTING, required=False) for key in ("quorum", "majority", "secret")}
    for key, setting in votes.items():
        wanted = SettingType.YES_NO if key == "secret" else SettingType.FRACTION
        demand(table, key, setting, setting_type(settings, setting), (wanted,))
    role = Role(
        name=name,
        label=table.label(),
        basis=table.basis(),
        held=Held(table.one_of("held", Held, default=Held.GRANT) or Held.GRANT),
        of=of,
        stand_in=table.refs("stand_in", Sort.ROLE, required=False),
        quorum=votes["quorum"],
        majority=votes["majority"],
        secret=votes["secret"],
    )
    table.close()
    return role


def _state(name: str, table: Table) -> State:
    state = State(
        name=name,
        label=table.label(),
        basis=table.basis(),
        family=table.one_of("family", FAMILIES) or FAMILIES[0],
        end=table.flag("end"),
    )
    table.close()
    return state


def _groups(table: Table, states: Mapping[str, State]) -> Mapping[str, frozenset[str]]:
    """Read the groups and resolve groups within groups; report those that contain themselves."""
    members = {name: table.refs(name, Sort.STATE, Sort.GROUP) for name in list(table.raw)[:MOST_ENTRIES]}
    inner = {name: {one for one in named if one in members} for name, named in members.items()}
    resolved: dict[str, frozenset[str]] = {}
    for name in in_order(inner, table):
        own = {one for one in members[name] if one in states}
        within = (resolved[one] for one in members[name] if one in resolved and one not in states)
        resolved[name] = frozenset(own.union(*within))
    return {name: resolved[name] for name in members}


def in_order(inner: Mapping[str, set[str]], table: Table) -> tuple[str, ...]:
    """Order names so that each comes after those it is made of; report every circle and break it."""
    inner = dict(inner)
    while True:
        try:
            return tuple(TopologicalSorter(inner).static_order())
        except CycleError as error:
            circle = error.args[1][:-1]
            # Sets have no order of their own, so the circle is told from its first name in the alphabet.
            first = min(circle)
            place = circle.index(first)
            names = [*circle[place:], *circle[:place], first]
            table.add(first, "circle", names=" → ".join(reversed(names)))
            inner[first] = set()


def _field(name: str, table: Table) -> Field:
    kind = FieldType(table.one_of("type", FieldType) or FieldType.LINE)
    most = LONGEST_LINE if kind is FieldType.LINE else LONGEST_TEXT
    field = Field(
        name=name,
        type=kind,
        label=table.label(),
        basis=table.basis(),
        personal=table.flag("personal"),
        lists=table.refs("lists", Sort.LIST) if kind is FieldType.CHECKLIST else (),
        sheets=table.refs("sheets", Sort.SHEET) if kind is FieldType.SHEET else (),
        one_of=_field_choices(table) if kind is FieldType.CHOICE else {},
        hint=_hint(table),
        longest=table.number("longest", least=1, most=most, default=most) if kind in _WRITTEN else most,
    )
    table.close()
    return field


_WRITTEN = (FieldType.LINE, FieldType.TEXT)


def _field_choices(table: Table) -> Mapping[str, Label]:
    if not table.has("one_of"):
        table.missing("one_of")
    choices = {word: labelled.label() for word, labelled in table.tables("one_of")}
    return choices


def _hint(table: Table) -> Label | None:
    if not table.has("hint"):
        return None
    inner = table.table("hint")
    hint = inner.label()
    inner.close()
    return hint


def _count(name: str, table: Table, fields: Mapping[str, Field], terms: Mapping[str, Term]) -> Count:
    sums = table.ref("sums", Sort.FIELD)
    demand(table, "sums", sums, _field_type(fields, sums), (FieldType.COUNT,))
    over = table.ref("over", Sort.TERM)
    demand(table, "over", over, _term_kind(terms, over), ("period",))
    count = Count(name=name, label=table.label(), basis=table.basis(), sums=sums or "", over=over or "")
    table.close()
    return count


def _items(table: Table, fields: Mapping[str, Field], terms: Mapping[str, Term]) -> Mapping[str, Item]:
    items = {}
    for name, raw in list(table.raw.items()):
        table.take(name)
        items[name] = _item(name, Table(raw, table.at(name), table.book), fields, terms)
    if not items:
        table.add("", "empty_list")
    return items


def _item(name: str, table: Table, fields: Mapping[str, Field], terms: Mapping[str, Term]) -> Item:
    counted = table.ref("counted", Sort.COUNT, Sort.FIELD, required=table.has("at_least"))
    demand(table, "counted", counted, _field_type(fields, counted), (FieldType.COUNT,))
    at_least = table.ref("at_least", Sort.TERM, required=table.has("counted"))
    demand(table, "at_least", at_least, _term_kind(terms, at_least), ("number",))
    item = Item(
        name=name,
        label=table.label(),
        basis=table.basis(),
        one_of=table.text("one_of", required=False) or None,
        counted=counted,
        at_least=at_least,
    )
    table.close()
    return item


def _outcome(name: str, table: Table) -> Outcome:
    outcome = Outcome(
        name=name,
        label=table.label(),
        basis=table.basis(),
        lists=table.refs("lists", Sort.LIST, required=False),
    )
    table.close()
    return outcome


def _field_type(fields: Mapping[str, Field], name: str | None) -> FieldType | None:
    found = fields.get(name or "")
    return found.type if found else None


def setting_type(settings: Mapping[str, Setting], name: str | None) -> SettingType | None:
    """Give the type of a setting, None where there is none of that name."""
    found = settings.get(name or "")
    return found.type if found else None


def _term_kind(terms: Mapping[str, Term], name: str | None) -> str | None:
    found = terms.get(name or "")
    if found is None:
        return None
    return "period" if isinstance(found.value, Period) else "number"
