"""What narrows the log: the filter of the address, and each part of it as a chip that takes it off."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from typing import Any

from flask import url_for

from web import pages
from web.audit.wording import act_text, edition_text, kind_text, word
from web.words import t
from workflow import queries
from workflow.queries import office
from workflow.queries.editions import Editions
from workflow.queries.log import LogFilter
from workflow.words import label_text, written


def wanted() -> LogFilter:
    """The filter of the address; a part that cannot be read narrows nothing."""
    return LogFilter(
        who=pages.asked("who"),
        actor=pages.key_in(pages.asked("actor")),
        behalf=pages.key_in(pages.asked("behalf")),
        base=pages.asked("base"),
        case=pages.key_in(pages.asked("case")),
        unit=pages.key_in(pages.asked("unit")),
        act=pages.asked("act", longest=60),
        kind=pages.asked("kind", longest=60),
        edition=pages.key_in(pages.asked("edition")),
        source=pages.asked("source", longest=60),
        stream=pages.asked("stream", longest=200),
        refused=pages.asked("refused") == "yes",
        since=_day("since"),
        until=_day("until"),
    )


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


def chips(look: pages.Look, chosen: LogFilter, editions: Editions) -> list[Chip]:
    empty = LogFilter()
    return [
        Chip(
            text=chip_text(look, editions, one.name, getattr(chosen, one.name)),
            href=_address(replace(chosen, **{one.name: getattr(empty, one.name)})),
        )
        for one in fields(LogFilter)
        if getattr(chosen, one.name)
    ]


def _base_name(look: pages.Look, case_id: str) -> str:
    names = office.base_names(look.session, [case_id])
    return names[case_id] or t("audit.unnamed", look.language) if case_id in names else case_id


def _stream_text(look: pages.Look, stream: str) -> str:
    """What a stream tells of: a base or a person by name, a part of the system by its word."""
    kind, _, key = stream.partition(":")
    match kind:
        case "case":
            return _base_name(look, key)
        case "person":
            return queries.names_of(look.session, people=[key]).person(key) or stream
        case "system":
            return word("audit.streams.", key, look.language)
    return stream


def chip_text(look: pages.Look, editions: Editions, name: str, value: Any, *, of: str = "") -> str:
    """One part of a filter in words, of the address or as the entry of an export keeps it; `of` a lifecycle, or the first."""
    return t(f"audit.chip.{name}", look.language, value=_said(look, editions, name, value, of))


def _said(look: pages.Look, editions: Editions, name: str, value: Any, of: str) -> str:
    """A filter's value in words."""
    present = editions.present
    definition = present.get(of) or next(iter(present.values()))
    match name:
        case "unit" | "college":
            unit = queries.units_by_id(look.session).get(value)
            return str(unit["name"] if unit else value)
        case "kind":
            return kind_text(value, look.language)
        case "act":
            return (
                act_text(definition, value, look.language)
                if "." in value
                else written(editions.act_labels(value, look.language), look.language)
            )
        case "source":
            return word("entry.sources.", value, look.language)
        case "case":
            return _base_name(look, value)
        case "actor" | "behalf":
            return queries.names_of(look.session, people=[value]).person(value) or value
        case "stream":
            return _stream_text(look, value)
        case "since" | "until":
            return written(date.fromisoformat(str(value)), look.language)
        case "refused" | "mine" | "overdue":
            return written(True, look.language)
        case "deadline":
            return word("bases.", value, look.language)
        case "day_kind":
            return word("calendar.kind.", value, look.language)
        case "state":
            return (
                label_text(definition.states[value].label, look.language)
                if value in definition.states
                else value
            )
        case "edition":
            return edition_text(value, editions, look.language)
        case "lifecycle" if value in present:
            return label_text(present[value].label, look.language)
        case _:
            return written(value, look.language)
