"""What an entry holds, in words: identifiers by their names, codes by their labels, commitments by what they hide."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from web import pages
from web.admin.people import TONGUES
from web.admin.setting_values import period_text, setting_text
from web.audit.filters import chip_text
from web.audit.wording import act_text, word
from web.words import catalogue, t
from workflow import queries
from workflow.definition.values.edition import Definition
from workflow.definition.values.routes import BACK_TO, MORE_TIME_FOR
from workflow.explain.names import NO_VALUE, headed, role_label
from workflow.explain.values import value_text
from workflow.queries.editions import editions_of
from workflow.queries.log import disclosed, is_undisclosed
from workflow.queries.names import steps_of_rounds, things_named
from workflow.queries.roles import roles_of
from workflow.words import article_text, say, written

ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
ISO_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z", re.ASCII)

ACTS = frozenset({"act", "transition", "task", "field"})
LABELS: Mapping[str, str] = {
    "ballots.choice": "outcomes",
    "bans.name": "bans",
    "deadline_decisions.timer": "timers",
    "from_state": "states",
    "outcome": "outcomes",
    "settings.name": "settings",
    "state": "states",
    "timers.name": "timers",
    "to_state": "states",
}
"""Columns that name something of the lifecycle file, and the part of the file that labels it."""
FORMS = frozenset({"ballots.form", "cases.facts", "hand_ins.form"})
"""Columns that keep a form: the file's fields with their values."""
CODES: Mapping[str, str] = {
    "bases.level": "level.",
    "deadline_decisions.kind": "audit.decided.",
    "holidays.kind": "audit.holiday.",
    "meetings.status": "meetings.is.",
    "partners.kind": "partner_kind.",
    "pending_acts.status": "audit.pending.",
    "seats.kind": "audit.seat.",
    "timers.hold": "audit.hold.",
    "timers.kind": "audit.timer.",
    "timers.status": "timer.",
    "units.kind": "unit_kind.",
}
"""Columns of codes, and where the catalogue has their words."""
LONGEST = 300
"""Signs of a value in a table; the whole of it stands in the entry's text below."""


class Values:
    """One entry's body with the names and personal values behind its identifiers and commitments."""

    def __init__(self, look: pages.Look, definition: Definition, body: Mapping[str, Any]) -> None:
        self._look, self._language = look, look.language
        self._definition, self._body = definition, body
        found: set[str] = set()
        keys: set[str] = set()
        _walk(body, found, keys)
        self._waits = is_undisclosed(look.session, body)
        self._values = {} if self._waits else disclosed(look.session, found)
        self._units = {key: row["name"] for key, row in queries.units_by_id(look.session).items()}
        self._names = queries.names_of(look.session, people=sorted(keys))
        self._people = self._names.people
        self._things = things_named(look.session, keys)
        self._rounds = steps_of_rounds(look.session, keys)

    @classmethod
    def of_rows(
        cls, look: pages.Look, definition: Definition, rows: Mapping[str, Iterable[Mapping[str, Any]]]
    ) -> Values:
        """The same for rows as the log had left them; what was chosen in a ballot is not asked for."""
        return cls(look, definition, {name: list(some) for name, some in rows.items() if name != "ballots"})

    def cell(self, table: str, name: str, row: Mapping[str, Any]) -> str:
        """One column of a row in words."""
        return self._cell(table, name, row.get(name), row)

    def person(self, key: str | None) -> str:
        """The name of a person the entry speaks of."""
        return self._names.person(key)

    # ───────────────────────────── The parts of the page

    def changes(self) -> list[dict[str, Any]]:
        """Old and new values, table by table; a row in which nothing is another than before says nothing."""
        told = [
            {
                "table": word("audit.table.", change.get("table", ""), self._language),
                "key": change.get("key", ""),
                "new_row": change.get("op") == "insert",
                "values": list(self._columns(change)),
            }
            for change in self._body.get("changes") or ()
        ]
        return [change for change in told if change["values"]]

    def _columns(self, change: Mapping[str, Any]) -> Any:
        table, now = change.get("table", ""), change.get("set") or {}
        was = change.get("was") or {}
        for name, value in now.items():
            if value == was.get(name):
                continue
            yield {
                "name": headed(column_text(name, self._language, table=table), self._language),
                "old": self._cell(table, name, was.get(name), was),
                "new": self._cell(table, name, value, now),
            }

    def said(self) -> list[tuple[str, str]]:
        """What was stated: the form of an act, the details of a deed."""
        stated = {**(self._body.get("form") or {}), **(self._body.get("details") or {})}
        return [
            (headed(self._field(name), self._language), self._stated(name, value))
            for name, value in stated.items()
        ]

    def deadlines(self) -> list[tuple[str, date]]:
        """The timers the entry armed: name and day."""
        timers = self._definition.timers
        rows = [
            change.get("set") or {}
            for change in self._body.get("changes") or ()
            if change.get("table") == "timers"
        ]
        return [
            (
                headed(written(timers[row["name"]].label, self._language), self._language),
                date.fromisoformat(row["due_on"]),
            )
            for row in rows
            if row.get("name") in timers and row.get("due_on")
        ]

    # ───────────────────────────── What was stated

    def _field(self, name: str) -> str:
        if name in self._definition.fields:
            return written(self._definition.fields[name].label, self._language)
        return word("audit.detail.", name, self._language)

    def _stated(self, name: str, value: Any) -> str:
        if _is_commitment(value):
            if value["commitment"] not in self._values:
                return self._text(value)
            value = self._values[value["commitment"]]
        if name in self._definition.fields:
            field = self._definition.fields[name]
            return value_text(self._definition, field, value, self._names, self._language)
        match name:
            case "act":
                return act_text(self._definition, value, self._language)
            case "file":
                return str(value).upper()
            case "setting":
                return self._label(self._definition.settings, value)
            case "refused":
                return written(
                    [word("audit.refusal.", code, self._language) for code in value], self._language
                )
            case "filters":
                editions, of = editions_of(self._look.session), str(value.get("lifecycle", ""))
                chips = [chip_text(self._look, editions, *pair, of=of) for pair in value.items()]
                return self._joined(chips) if chips else t("audit.no_filter", self._language)
            case "approximate":
                return written([column_text(one, self._language) for one in value] or None, self._language)
            case "incident":
                return word("admin.incident.", value, self._language)
        return self._of_round(name, value)

    def _of_round(self, name: str, value: Any) -> str:
        """What is said of a round: its step, its result, and whose ballots made it."""
        match name:
            case "side":
                return word("audit.seat.", value, self._language)
            case "step":
                return self._step(value)
            case "result":
                return self._result(value)
            case "choice":
                return self._label(self._definition.outcomes, value)
            case "choices":
                return written([self._stated("choice", one) for one in value] or None, self._language)
            case "ballots":
                return "\n".join(self._fields(ballot) for ballot in value) or NO_VALUE
        return self._text(value)

    # ───────────────────────────── What changed

    def _cell(self, table: str, name: str, value: Any, row: Mapping[str, Any]) -> str:
        text = self._value(table, name, value, row)
        if len(text) <= LONGEST:
            return text
        return t("audit.cut", self._language, text=text[:LONGEST], count=len(text))

    def _value(self, table: str, name: str, value: Any, row: Mapping[str, Any]) -> str:
        """A column's value in words. A value that nothing is known of stays as the entry spells it."""
        place = f"{table}.{name}"
        known = LABELS.get(place) or LABELS.get(name)
        if _is_commitment(value) and value["commitment"] in self._values:
            value = self._values[value["commitment"]]
        if value is None or _is_commitment(value):
            return self._text(value)
        if place in CODES:
            return word(CODES[place], value, self._language)
        if known is not None:
            return self._label(getattr(self._definition, known), value)
        if place in FORMS:
            return self._fields(value)
        if name in ACTS:
            return act_text(self._definition, value, self._language)
        return self._particular(place, name, value, row)

    def _particular(self, place: str, name: str, value: Any, row: Mapping[str, Any]) -> str:
        definition, language = self._definition, self._language
        match place:
            case "cases.dates":
                return self._dates(value)
            case "cases.pins":
                return self._joined(self._pin(*pin) for pin in value.items())
            case "settings.value":
                return self._setting(row.get("name", ""), value)
            case "bans.subject":
                return self._choice(value)
            case "rounds.step":
                return self._step(value)
            case "rounds.result":
                return self._result(value)
            case "rounds.motion" | "rounds.rules" | "rounds.tally":
                return self._fields(value)
            case "pending_acts.form":
                return self._fields(value.get("values") or {})
            case "people.language":
                return t(TONGUES[value], language)
            case "timers.basis":
                return article_text(value, language)
        if name == "role":
            return self._role(value)
        if name in definition.fields and isinstance(value, Mapping):
            return value_text(definition, definition.fields[name], value, self._names, language)
        return self._text(value)

    def _label(self, known: Mapping[str, Any], name: str) -> str:
        return written(known[name].label, self._language) if name in known else name

    def _role(self, name: str) -> str:
        """A role of the entry's lifecycle, or of another where it is of no case."""
        if name in self._definition.roles:
            return role_label(self._definition, name, self._language)
        return roles_of(self._look.session).label(name, self._language)

    def _step(self, name: str) -> str:
        step = self._definition.any_step(name)
        return written(step.label, self._language) if step is not None else name

    def _result(self, value: str) -> str:
        """What a round came to; a sending back names the step, one that ended for a task the task."""
        if value.startswith(MORE_TIME_FOR):
            task = self._step(value.removeprefix(MORE_TIME_FOR))
            return say("route.result.more_time", self._language, task=task)
        if value.startswith(BACK_TO):
            return say("route.result.back_to", self._language, step=self._step(value.removeprefix(BACK_TO)))
        return word("audit.round.", value, self._language)

    def _choice(self, value: str) -> str:
        """A choice that a setting of the lifecycle offers."""
        for setting in self._definition.settings.values():
            if value in setting.choices:
                return written(setting.choices[value], self._language)
        return value

    def _fields(self, values: Mapping[str, Any]) -> str:
        pairs = values.items()
        return self._joined(
            self._named(self._field(name), self._stated(name, value)) for name, value in pairs
        )

    def _dates(self, values: Mapping[str, Any]) -> str:
        pairs = values.items()
        known = self._definition.dates
        return self._joined(self._named(self._label(known, name), self._text(value)) for name, value in pairs)

    def _pin(self, name: str, value: Any) -> str:
        """A length or a setting that the case keeps."""
        if name not in self._definition.terms:
            return self._named(self._label(self._definition.settings, name), self._setting(name, value))
        text = period_text(value, self._language) if isinstance(value, str) else self._text(value)
        return self._named(self._label(self._definition.terms, name), text)

    def _setting(self, name: str, value: Any) -> str:
        setting = self._definition.settings.get(name)
        if setting is None:
            return self._text(value)
        return setting_text(self._definition, setting, value, self._language)

    def _named(self, name: str, value: str) -> str:
        return t("audit.named", self._language, name=name, value=value)

    def _joined(self, parts: Any) -> str:
        return t("audit.between", self._language).join(parts) or NO_VALUE

    # ───────────────────────────── Whatever it is

    def _text(self, value: Any) -> str:
        if _is_commitment(value):
            if value["commitment"] in self._values:
                return written(self._values[value["commitment"]], self._language)
            return t("audit.undisclosed" if self._waits else "audit.erased", self._language)
        if isinstance(value, Mapping):
            if set(value) == {"sha256"}:
                return t("audit.sealed", self._language, sha256=value["sha256"])
            return self._fields(value)
        if isinstance(value, list):
            return written([self._text(item) for item in value] or None, self._language)
        if isinstance(value, str):
            return self._named_by(value) or _moment_text(value, self._language)
        return written(value, self._language)

    def _named_by(self, key: str) -> str | None:
        """What an identifier stands for; None for any other text, and for what nothing is named after."""
        if key in self._rounds:
            return self._step(self._rounds[key])
        if key in self._things:
            return self._things[key] or t("audit.unnamed", self._language)
        return self._units.get(key) or self._people.get(key)


def column_text(name: str, language: str, *, table: str = "") -> str:
    """What a column is called, in its table where that has a word of its own for it."""
    if f"audit.value_of.{table}.{name}" in catalogue():
        return t(f"audit.value_of.{table}.{name}", language)
    return (
        word("column.", name, language)
        if f"column.{name}" in catalogue()
        else word("audit.value.", name, language)
    )


def _is_commitment(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"commitment"}


def _moment_text(value: str, language: str) -> str:
    """A day or an instant as an entry spells it, written for the reader; any other text as it is."""
    try:
        if ISO_DAY.fullmatch(value):
            return written(date.fromisoformat(value), language)
        if ISO_INSTANT.fullmatch(value):
            return written(datetime.fromisoformat(value), language)
    except ValueError:
        return value
    return value


def _walk(value: Any, commitments: set[str], keys: set[str]) -> None:
    """Collect the commitments and the identifiers in a body."""
    if _is_commitment(value):
        commitments.add(str(value["commitment"]))
    elif isinstance(value, Mapping):
        for item in value.values():
            _walk(item, commitments, keys)
    elif isinstance(value, list):
        for item in value:
            _walk(item, commitments, keys)
    elif isinstance(value, str) and len(value) == 36 and value.count("-") == 4:
        try:
            keys.add(str(UUID(value)))
        except ValueError:
            return
