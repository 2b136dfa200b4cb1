"""Reads the rules that stand beside the acts: bans, conflicts, the import, and the lifecycle's own head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workflow.definition.names import BAN_SUBJECTS, SUBJECTS
from workflow.definition.problems import shown
from workflow.definition.table import LONGEST_NAME, NAME, Sort, Table
from workflow.definition.values.edition import Ban, Import
from workflow.definition.values.forms import FieldType
from workflow.definition.values.labels import Label
from workflow.definition.values.people import Conflict
from workflow.definition.values.settings import Setting, SettingType
from workflow.definition.vocabulary import Vocabulary, demand, setting_type
from workflow.periods import Period

MOST_ARTICLES = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The section `lifecycle`: what the edition is called and where a case begins."""

    name: str
    edition: str
    label: Label
    source: str
    articles: int
    initial: str
    subject: str
    opens: str
    backdating: tuple[str, ...]


def read_head(table: Table) -> Head:
    """Read the section `lifecycle`."""
    head = Head(
        name=_own_name(table),
        edition=table.text("edition", most=LONGEST_NAME),
        label=table.label(),
        source=table.text("source"),
        articles=table.number("articles", least=1, most=MOST_ARTICLES),
        initial=table.ref("initial", Sort.STATE) or "",
        subject=table.one_of("subject", SUBJECTS) or "",
        opens=table.ref("opens", Sort.ROLE) or "",
        backdating=table.refs("backdating", Sort.ROLE, required=False),
    )
    table.close()
    return head


def _own_name(table: Table) -> str:
    name = table.text("name")
    if name and not NAME.fullmatch(name):
        table.add("name", "bad_name", name=shown(name))
    return name


def read_bans(root: Table, words: Vocabulary) -> Mapping[str, Ban]:
    """Read the bans: what starts each, how long, on whom, what it blocks and what it promises."""
    return {name: _ban(name, table, words) for name, table in root.tables("bans")}


def read_conflicts(root: Table, words: Vocabulary) -> Mapping[str, Conflict]:
    """Read who may not act on which cases."""
    return {name: _conflict(name, table, words) for name, table in root.tables("conflicts")}


def read_import(table: Table) -> Import:
    """Read who may bring in a ledger, and which state each of its words stands for."""
    states = table.table("states")
    read = Import(
        label=table.label(),
        by=table.ref("by", Sort.ROLE) or "",
        basis=table.basis(),
        states={word: states.ref(word, Sort.STATE) or "" for word in states.raw},
    )
    if not read.states:
        table.add("states", "empty_list")
    table.close()
    return read


def _ban(name: str, table: Table, words: Vocabulary) -> Ban:
    lasts = table.ref("lasts", Sort.TERM)
    term = words.terms.get(lasts or "")
    demand(
        table,
        "lasts",
        lasts,
        None if term is None or isinstance(term.value, Period) else "number",
        ("period",),
    )
    on = table.ref("on", Sort.SETTING)
    demand(table, "on", on, setting_type(words.settings, on), (SettingType.CHOICE,))
    _prove_subjects(table, words.settings.get(on or ""))
    finding = table.ref("finding", Sort.FIELD, required=False)
    field = words.fields.get(finding or "")
    demand(table, "finding", finding, field.type if field else None, (FieldType.TEXT,))
    ban = Ban(
        name=name,
        label=table.label(),
        basis=table.basis(),
        starts=table.ref("starts", Sort.TRANSITION) or "",
        lasts=lasts or "",
        on=on or "",
        blocks=table.refs("blocks", Sort.TRANSITION),
        keeps_out_of=table.ref("keeps_out_of", Sort.STATE) or "",
        finding=finding,
    )
    table.close()
    return ban


def _prove_subjects(table: Table, setting: Setting | None) -> None:
    """Report a choice of whom the ban binds that no act could be held against."""
    for word in setting.one_of if setting else ():
        if word not in BAN_SUBJECTS:
            known = ", ".join(BAN_SUBJECTS)
            table.book.findings.unknown(table.at("on"), "unknown_word", word, BAN_SUBJECTS, words=known)


def _conflict(name: str, table: Table, words: Vocabulary) -> Conflict:
    when = table.ref("when", Sort.SETTING, required=False)
    demand(table, "when", when, setting_type(words.settings, when), (SettingType.YES_NO,))
    if table.has("who_is") == table.has("who_is_of"):
        table.add("", "who_is_or_of")
    of = table.refs("who_is_of", Sort.FIELD, required=False)
    for unit in of:
        field = words.fields.get(unit)
        demand(table, "who_is_of", unit, field.type if field else None, _BODIES)
    conflict = Conflict(
        name=name,
        basis=table.basis(),
        label=table.label(),
        nobody=table.refs("nobody", Sort.ROLE),
        who_is=table.ref("who_is", Sort.ROLE, required=False),
        who_is_of=of,
        when=when,
    )
    table.close()
    return conflict


_BODIES = (FieldType.UNIT, FieldType.UNITS, FieldType.PARTNER)
