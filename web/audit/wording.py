"""An entry in words: what it is of, who acted, between which states it leads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from web.words import catalogue, t
from workflow.definition.values.edition import Definition
from workflow.explain.names import act_label, headed, system_text
from workflow.queries.editions import Editions
from workflow.words import written


def word(prefix: str, name: str, language: str) -> str:
    """A name's text under a prefix of the catalogue; the name itself where there is none."""
    key = f"{prefix}{name}"
    return t(key, language) if key in catalogue() else name


def kind_text(kind: str, language: str) -> str:
    """What a kind of entry is called."""
    return headed(word("entry.kinds.", kind, language), language)


def edition_text(key: str, editions: Editions, language: str) -> str:
    """What an edition is called, with its lifecycle where there are several; the key of one that is not known."""
    if key not in editions.by_id:
        return key
    edition = editions.by_id[key]
    if len(editions.present) == 1:
        return edition.edition
    return t("audit.edition_of", language, lifecycle=edition.label, edition=edition.edition)


def act_text(definition: Definition, name: str, language: str) -> str:
    """What was done or asked for: an act of the lifecycle, a list that was exported, or the page that somebody tried to open."""
    if "." in name:
        return word("audit.endpoint.", name.partition(".")[0], language)
    taken = f"audit.taken.{name}"
    return t(taken, language) if taken in catalogue() else act_label(definition, name, language)


def what_text(row: Mapping[str, Any], definition: Definition, language: str) -> str:
    """What an entry is of: its kind, and the act where there is one."""
    kind = kind_text(row["kind"], language)
    if not row["act"] or row["act"] == row["kind"]:
        return kind
    what = headed(act_text(definition, row["act"], language), language)
    return (
        what if row["kind"] in ("transition", "task") else t("audit.kind_of", language, kind=kind, what=what)
    )


def who_text(row: Mapping[str, Any], definition: Definition, language: str) -> str:
    """Who acted: a person by name, the system by the name of what moved it."""
    if row["actor_name"]:
        return str(row["actor_name"])
    return system_text(definition, row["actor"], language)


def states_text(row: Mapping[str, Any], definition: Definition, language: str) -> tuple[str, str] | None:
    """The states an entry leads from and to, where it moves the case."""
    if not row["to_state"] or row["from_state"] == row["to_state"]:
        return None
    labels = [
        definition.states[name].label if name in definition.states else name
        for name in (row["from_state"], row["to_state"])
    ]
    before, after = (written(label, language) for label in labels)
    return before, after
