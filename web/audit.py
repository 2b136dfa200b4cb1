"""The log for those who audit it: search with filters in the address, one entry with its proof, export."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, render_template, request, stream_with_context, url_for
from flask_login import current_user
from sqlalchemy.orm import Session

from web import door, pages
from web.words import catalogue, t
from workflow import queries
from workflow.context import Context, Source
from workflow.definition.values import Definition
from workflow.errors import NotFound
from workflow.explain import act_label, headed, value_text
from workflow.operations.deeds import READERS_OF_THE_LOG, Done, record
from workflow.operations.papers import note_taken
from workflow.operations.repeats import once
from workflow.periods import BEIJING, beijing_day
from workflow.queries import office
from workflow.queries.log import (
    COUNTED,
    LogFilter,
    Proof,
    disclosed,
    last_entry_id,
    log_count,
    log_page,
    log_rows,
    proof_of,
)
from workflow.words import shared, written
from workflow.world import current_edition, editions_in_use

blueprint = Blueprint("audit", __name__)

FORMULA = tuple("=+-@\t\r\n" + "".join(map(chr, (0xFF1D, 0xFF0B, 0xFF0D, 0xFF20))))
"""How a text begins that a spreadsheet program would compute, full-width forms too."""

COLUMNS = (
    "number", "stream", "seq", "recorded_at", "effective_on", "kind", "act", "outcome", "from", "to", "base", "base_number",
    "actor", "source", "unit", "reason", "hash",
)  # fmt: skip

ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
ISO_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z", re.ASCII)
BYTE_ORDER_MARK = "\ufeff"


@blueprint.before_request
def _only_readers() -> None:
    """To anybody else the log does not exist; the attempt is logged."""
    if current_user.roles & {*READERS_OF_THE_LOG}:
        return
    content = {"act": str(request.endpoint), "refused": ["not_your_role"]}
    door.act(lambda session, ctx: note_taken(session, kind="denied", content=content, ctx=ctx))
    raise NotFound("no_such_page")


# ───────────────────────────── Filters


def wanted() -> LogFilter:
    """The filter of the address; a part that cannot be read narrows nothing."""
    return LogFilter(
        who=pages.asked("who"),
        actor=_key("actor"),
        base=pages.asked("base"),
        case=_key("case"),
        unit=_key("unit"),
        act=pages.asked("act", longest=60),
        kind=pages.asked("kind", longest=60),
        edition=_key("edition"),
        source=pages.asked("source", longest=60),
        stream=pages.asked("stream", longest=200),
        refused=pages.asked("refused") == "yes",
        since=_day("since"),
        until=_day("until"),
    )


def _key(name: str) -> str:
    try:
        return str(UUID(pages.asked(name)))
    except ValueError:
        return ""


def _day(name: str) -> date | None:
    try:
        day = date.fromisoformat(pages.asked(name))
    except ValueError:
        return None
    return day if date(1990, 1, 1) <= day <= date(2100, 12, 31) else None


def as_address(chosen: LogFilter) -> dict[str, str]:
    """The filter as the address carries it."""
    return {
        name: "yes" if value is True else value.isoformat() if isinstance(value, date) else str(value)
        for name, value in asdict(chosen).items()
        if value
    }


def _address(chosen: LogFilter) -> str:
    filters: dict[str, Any] = as_address(chosen)
    return url_for("audit.index", **filters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One filter that narrows the list, and the address without it."""

    text: str
    href: str


def _chips(look: pages.Look, chosen: LogFilter, definition: Definition) -> list[Chip]:
    empty = LogFilter()
    return [
        Chip(
            text=t(
                f"audit.chip.{one.name}",
                look.language,
                value=_said(look, definition, one.name, getattr(chosen, one.name)),
            ),
            href=_address(replace(chosen, **{one.name: getattr(empty, one.name)})),
        )
        for one in fields(LogFilter)
        if getattr(chosen, one.name)
    ]


def _said(look: pages.Look, definition: Definition, name: str, value: Any) -> str:
    """A filter's value in words."""
    match name:
        case "unit":
            unit = queries.units_by_id(look.session).get(value)
            return str(unit["name"] if unit else value)
        case "kind":
            return kind_text(value, look.language)
        case "act":
            return act_label(definition, value, look.language)
        case "source":
            return _word("entry.sources.", value, look.language)
        case "actor":
            return queries.names_of(look.session, people=[value]).person(value) or value
        case _:
            return written(value, look.language)


def _word(prefix: str, name: str, language: str) -> str:
    key = f"{prefix}{name}"
    return t(key, language) if key in catalogue() else name


def kind_text(kind: str, language: str) -> str:
    """What a kind of entry is called."""
    return headed(_word("entry.kinds.", kind, language), language)


# ───────────────────────────── The list


@blueprint.get("/audit")
def index() -> str:
    """Entries of every stream, newest first."""
    chosen = wanted()
    with pages.looking() as look:
        _, definition = current_edition(look.session, pages.LIFECYCLE)
        found = log_page(
            look.session, chosen, after=request.args.get("after"), before=request.args.get("before")
        )
        count = log_count(look.session, chosen)
        editions = editions_in_use(look.session)
        bases = office.base_names(look.session, [row["case_id"] for row in found.rows if row["case_id"]])
        rows = [
            _row(row, editions.get(row["edition_id"], definition), bases, look.language) for row in found.rows
        ]
        return render_template(
            "audit/index.html", rows=rows, chosen=chosen, chips=_chips(look, chosen, definition), choices=_choices(look, definition),
            turn=pages.turn(found, "audit.index", **as_address(chosen)), address=as_address(chosen),
            key=pages.new_request_key(),
            total=t("audit.more", look.language, count=COUNTED) if count > COUNTED else t("audit.total", look.language, count=count),
        )  # fmt: skip


def _choices(look: pages.Look, definition: Definition) -> dict[str, list[dict[str, str]]]:
    """What the form offers: kinds, acts, sources, units, editions."""
    language = look.language
    kinds = [key.removeprefix("entry.kinds.") for key in shared().entries if key.startswith("entry.kinds.")]
    sources = [str(source) for source in Source]
    acts = [*definition.acts, *definition.timers]
    return {
        "kind": [{"value": kind, "label": kind_text(kind, language)} for kind in kinds],
        "act": [
            {"value": name, "label": headed(act_label(definition, name, language), language)} for name in acts
        ],
        "source": [{"value": name, "label": _word("entry.sources.", name, language)} for name in sources],
        "unit": [
            {"value": row["id"], "label": row["name"]} for row in queries.units_by_id(look.session).values()
        ],
        "edition": [{"value": row["id"], "label": row["label"]} for row in office.editions(look.session)],
    }


def _row(
    row: Mapping[str, Any], definition: Definition, bases: Mapping[str, str], language: str
) -> dict[str, Any]:
    return {
        "href": url_for("audit.entry", entry_id=row["id"]),
        "what": what_text(row, definition, language),
        "at": row["recorded_at"],
        "effective_on": row["effective_on"],
        "who": who_text(row, definition, language),
        "source": _word("entry.sources.", row["source"], language),
        "base": bases.get(row["case_id"] or "", ""),
        "base_href": url_for("bases.show", case_id=row["case_id"]) if row["case_id"] else "",
        "states": _states(row, definition),
        "hash": row["hash"][:12],
    }


def what_text(row: Mapping[str, Any], definition: Definition, language: str) -> str:
    """What an entry is of: its kind, and the act where there is one."""
    kind = kind_text(row["kind"], language)
    if not row["act"] or row["act"] == row["kind"]:
        return kind
    what = headed(act_label(definition, row["act"], language), language)
    return (
        what if row["kind"] in ("transition", "task") else t("audit.kind_of", language, kind=kind, what=what)
    )


def who_text(row: Mapping[str, Any], definition: Definition, language: str) -> str:
    """Who acted: a person by name, the system by the name of what moved it."""
    if row["actor_name"]:
        return str(row["actor_name"])
    name = row["actor"].partition(":")[2]
    key = f"audit.system.{name}"
    said = t(key, language) if key in catalogue() else act_label(definition, name, language)
    return t("actor.system", language, name=said)


def _states(row: Mapping[str, Any], definition: Definition) -> tuple[str, str] | None:
    """The states an entry leads from and to, where it moves the case."""
    if not row["to_state"] or row["from_state"] == row["to_state"]:
        return None
    labels = [
        definition.states[name].label if name in definition.states else name
        for name in (row["from_state"], row["to_state"])
    ]
    before, after = (written(label, door.language()) for label in labels)
    return before, after


# ───────────────────────────── One entry


@blueprint.get("/audit/<int:entry_id>")
def entry(entry_id: int) -> str:
    """All an entry says, what it changed, and whether it is whole and in its place."""
    if entry_id >= 2**63:
        raise NotFound("no_such_entry", entry=entry_id)
    with pages.looking() as look:
        proof = proof_of(look.session, entry_id)
        _, current = current_edition(look.session, pages.LIFECYCLE)
        definition = editions_in_use(look.session).get(proof.row["edition_id"], current)
        known = _Known(look, definition, proof)
        return render_template(
            "audit/entry.html", proof=proof, row=proof.row, body=proof.body, what=what_text(proof.row, definition, look.language),
            who=who_text(proof.row, definition, look.language), source=_word("entry.sources.", proof.row["source"], look.language),
            states=_states(proof.row, definition), changes=known.changes(), said=known.said(), deadlines=known.deadlines(),
            text=json.dumps(proof.body, ensure_ascii=False, indent=2), raw=proof.row["body"],
        )  # fmt: skip


class _Known:
    """One entry's body with the names and personal values behind its identifiers and commitments."""

    def __init__(self, look: pages.Look, definition: Definition, proof: Proof) -> None:
        self._language, self._definition, self._body = look.language, definition, proof.body
        found: set[str] = set()
        keys: set[str] = set()
        _walk(proof.body, found, keys)
        self._values = disclosed(look.session, found)
        self._units = {key: row["name"] for key, row in queries.units_by_id(look.session).items()}
        self._names = queries.names_of(look.session, people=sorted(keys))
        self._people = self._names.people

    def changes(self) -> list[dict[str, Any]]:
        """Old and new values, table by table."""
        return [
            {
                "table": _word("audit.table.", change.get("table", ""), self._language),
                "key": change.get("key", ""),
                "new_row": change.get("op") == "insert",
                "values": [
                    {
                        "name": self._column(name),
                        "old": self._text((change.get("was") or {}).get(name)),
                        "new": self._text(value),
                    }
                    for name, value in (change.get("set") or {}).items()
                    if value is not None or change.get("op") != "insert"
                ],
            }
            for change in self._body.get("changes") or ()
        ]

    def said(self) -> list[tuple[str, str]]:
        """What was stated: the form of an act, the details of a deed."""
        stated = {**(self._body.get("form") or {}), **(self._body.get("details") or {})}
        return [(self._field(name), self._stated(name, value)) for name, value in stated.items()]

    def _stated(self, name: str, value: Any) -> str:
        field = self._definition.fields.get(name)
        hidden = isinstance(value, Mapping) and set(value) == {"commitment"}
        if field is None or hidden:
            return self._text(value)
        return value_text(self._definition, field, value, self._names, self._language)

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

    def _field(self, name: str) -> str:
        if name in self._definition.fields:
            return written(self._definition.fields[name].label, self._language)
        key = f"audit.detail.{name}"
        return t(key, self._language) if key in catalogue() else name

    def _column(self, name: str) -> str:
        for key in (f"audit.value.{name}", f"column.{name}"):
            if key in catalogue():
                return t(key, self._language)
        return name

    def _text(self, value: Any) -> str:
        if isinstance(value, Mapping):
            if set(value) == {"commitment"}:
                found = value["commitment"] in self._values
                return (
                    written(self._values[value["commitment"]], self._language)
                    if found
                    else t("audit.erased", self._language)
                )
            return json.dumps(value, ensure_ascii=False)
        if isinstance(value, str):
            return self._units.get(value) or self._people.get(value) or _moment_text(value, self._language)
        return written(value, self._language)


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
    if isinstance(value, Mapping):
        if set(value) == {"commitment"}:
            commitments.add(str(value["commitment"]))
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


# ───────────────────────────── Export


@blueprint.post("/audit/export")
def export() -> Response:
    """The filtered entries as CSV, read as they are sent; taking them leaves one entry, written first."""
    chosen, language = wanted(), door.language()
    asked = ["audit", as_address(chosen)]
    done = door.act(
        lambda session, ctx: once(
            session, what=asked, ctx=ctx, kind=Done, work=lambda: _taken(session, ctx, chosen)
        ),
        key=pages.sent_key(),
    )
    lines = stream_with_context(_lines(chosen, done.counts["until"], language))
    answer = Response(lines, content_type="text/csv; charset=utf-8")
    name = f"{t('audit.file_name', language)}-{beijing_day(done.recorded_at).isoformat()}.csv"
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


def _taken(session: Session, ctx: Context, chosen: LogFilter) -> Done:
    """The one entry of an export: what was asked, and up to which entry it reaches."""
    until = last_entry_id(session)
    content = {"act": "export", "filters": as_address(chosen), "until": until, "file": "csv"}
    done = record(session, ctx.actor.text, kind="export", subject="", changes=[], ctx=ctx, content=content)
    return replace(done, counts={"until": until})


def _lines(chosen: LogFilter, until: int, language: str) -> Iterator[str]:
    yield BYTE_ORDER_MARK + _csv([t(f"audit.column.{name}", language) for name in COLUMNS])
    with door.database().reading() as session:
        _, current = current_edition(session, pages.LIFECYCLE)
        editions = editions_in_use(session)
        for row in log_rows(session, chosen, until=until):
            yield _csv(_cells(row, editions.get(row["edition_id"], current), language))


def _cells(row: Mapping[str, Any], definition: Definition, language: str) -> list[str]:
    reason = (
        (row["body"].get("details") or {}).get("reason")
        or (row["body"].get("form") or {}).get("reason")
        or ""
    )
    states = [
        written(definition.states[name].label, language) if name in definition.states else ""
        for name in (row["from_state"], row["to_state"])
    ]
    values = [
        row["id"], row["stream"], row["seq"], f"{row['recorded_at'].astimezone(BEIJING):%Y-%m-%d %H:%M:%S}",
        row["effective_on"], kind_text(row["kind"], language), act_label(definition, row["act"], language) if row["act"] else "",
        written(definition.outcomes[row["outcome"]].label, language) if row["outcome"] in definition.outcomes else row["outcome"],
        *states, row["base_name"], row["base_number"], who_text(row, definition, language),
        _word("entry.sources.", row["source"], language), row["unit_name"], reason if isinstance(reason, str) else "", row["hash"],
    ]  # fmt: skip
    return ["" if value is None else str(value) for value in values]


def _csv(cells: list[str]) -> str:
    """One line; a text that would be computed is led by an apostrophe."""
    out = io.StringIO(newline="")
    csv.writer(out).writerow([f"'{text}" if text.startswith(FORMULA) else text for text in cells])
    return out.getvalue()
