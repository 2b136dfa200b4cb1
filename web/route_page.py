"""The steps of a base's present decision for its page: done, under way, to come, and the rounds before."""

from __future__ import annotations

from typing import Any

from flask import url_for

from web.pages import Look
from web.words import t
from workflow import way
from workflow.definition.values.edition import Definition
from workflow.definition.values.forms import FieldType
from workflow.explain.names import title_of
from workflow.explain.route import choice_text, outcome_text, tally_text, voter_text
from workflow.explain.values import value_text
from workflow.queries import Case, Names
from workflow.snapshot import Row
from workflow.way import Mark, Stop
from workflow.words import article_text, say


def stops_of(look: Look, case: Case) -> tuple[tuple[Stop, ...], tuple[Stop, ...]]:
    """The steps of the present route, and the rounds run before."""
    shown = way.stops(case.snapshot, look.rights.person)
    return shown, way.earlier(case.snapshot, shown=shown)


def route(
    look: Look, case: Case, names: Names, shown: tuple[Stop, ...], before: tuple[Stop, ...]
) -> dict[str, Any] | None:
    """The values of `macros/route.html`; None where no decision is on its way and none ever was."""
    if not shown and not before:
        return None
    return {
        "stops": [stop_in_words(look, case.definition, names, stop) for stop in shown],
        "earlier": [stop_in_words(look, case.definition, names, stop) for stop in before],
    }


def stop_in_words(look: Look, definition: Definition, names: Names, stop: Stop) -> dict[str, Any]:
    language, row = look.language, stop.round
    people = [name for person in stop.waits_for if (name := names.person(person))]
    roles = [definition.roles[role].label for role in stop.roles]
    return {
        "label": title_of(stop.step.label, language),
        "basis": article_text(stop.step.basis, language),
        "mark": str(stop.mark),
        "word": say(f"route.mark.{stop.mark}", language),
        "result": outcome_text(stop, definition, language),
        "tally": tally_text(row, language),
        "on": _day_of(stop),
        "who": names.person(stop.hand_in["person_id"]) if stop.hand_in is not None else "",
        "since": stop.since,
        "until": stop.until,
        "waits_for": say("route.waits_for", language, people=people or roles) if people or roles else "",
        "count": say("route.count", language, cast=stop.cast, seats=stop.seats) if stop.is_hidden else "",
        "hidden": say("route.hidden", language) if stop.is_hidden and stop.mark is Mark.CURRENT else "",
        "ballots": [ballot_in_words(look, definition, names, ballot) for ballot in stop.ballots],
    }


def _day_of(stop: Stop) -> Any:
    """The day a step was over."""
    if stop.hand_in is not None:
        return stop.hand_in["handed_in_on"]
    return stop.round["closed_on"] if stop.round is not None else None


def ballot_in_words(look: Look, definition: Definition, names: Names, ballot: Row) -> dict[str, Any]:
    """Who chose what, and what they wrote; a file as a link."""
    lines, files = [], []
    for name, value in ballot["form"].items():
        field = definition.fields[name]
        label = title_of(field.label, look.language)
        if field.type is FieldType.DOCUMENT:
            if value in names.documents:
                href = url_for("documents.download", document_id=value)
                files.append({"label": label, "name": names.documents[value], "href": href})
            continue
        text = value_text(definition, field, value, names, look.language)
        lines.append(t("explain.reason_line", look.language, field=label, text=text))
    return {
        "who": voter_text(ballot, names, look.language),
        "choice": choice_text(ballot, definition, look.language),
        "on": ballot["cast_on"],
        "lines": lines,
        "files": files,
    }
