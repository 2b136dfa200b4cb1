"""What a ballot is about: the motion with its form, the files, what was said at the steps before, what the records measure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import url_for

from web import fields, pages, route_page
from web.pages import Look
from workflow import routes, way
from workflow.definition.values.acts import Act, ActKind
from workflow.definition.values.forms import FieldType
from workflow.explain.names import act_label, headed, title_of
from workflow.explain.route import motion_text
from workflow.explain.values import value_text
from workflow.plan.rights import is_motion
from workflow.queries import Case, Names
from workflow.snapshot import Row
from workflow.words import article_text


def matter_of(look: Look, case: Case, act: Act) -> dict[str, Any] | None:
    """The values of `decisions/_matter.html`; None for an act no step of a route asks for.

    Of what was sent back, whoever hands it in anew reads by whom and why.
    """
    if act.kind is ActKind.TASK:
        return _sent_back(look, case, act)
    if act.kind is not ActKind.BALLOT and not is_motion(case.snapshot, act):
        return None
    stops = way.stops(case.snapshot, look.rights.person)
    before = tuple(stop for stop in stops if stop.ballots and stop.mark is way.Mark.DONE)
    names = pages.names_for(look, case, people=way.people_named(before))
    return {
        "is_sent_back": False,
        "base_href": url_for("bases.show", case_id=case.snapshot.id),
        "motion": _motion(look, case, names, routes.standing(case.snapshot).motion),
        "files": _files(look, case),
        "opinions": [route_page.stop_in_words(look, case.definition, names, stop) for stop in before],
        "measured": list(_measured(look, case, act)),
    }


def _sent_back(look: Look, case: Case, act: Act) -> dict[str, Any] | None:
    back = routes.at_sent_back(case.snapshot, task=act.name)
    if back is None:
        return None
    stops = way.earlier(case.snapshot, shown=way.stops(case.snapshot, look.rights.person))
    returned = tuple(stop for stop in stops if stop.round is not None and stop.round["id"] == back["id"])
    names = pages.names_for(look, case, people=way.people_named(returned))
    return {
        "is_sent_back": True,
        "base_href": url_for("bases.show", case_id=case.snapshot.id),
        "motion": None,
        "files": [],
        "opinions": [route_page.stop_in_words(look, case.definition, names, stop) for stop in returned],
        "measured": [],
    }


def _motion(look: Look, case: Case, names: Names, motion: Any) -> dict[str, Any] | None:
    """What was moved and with which values; None where the case itself is what is decided on."""
    if motion is None:
        return None
    definition = case.definition
    lines = [
        {
            "name": title_of(definition.fields[name].label, look.language),
            "value": value_text(definition, definition.fields[name], value, names, look.language),
        }
        for name, value in motion["values"].items()
        if name in definition.fields
        and value not in (None, "", [], {})
        and not definition.fields[name].personal
    ]
    return {"text": motion_text(motion, definition, look.language), "lines": lines}


def _files(look: Look, case: Case) -> list[dict[str, Any]]:
    """The latest version of every file of the case, by what it is for."""
    latest: dict[str, Row] = {}
    for row in sorted(case.snapshot.table("documents"), key=lambda row: row["uploaded_at"]):
        latest[row["field"]] = row
    return [
        {
            "label": headed(act_label(case.definition, name, look.language), look.language),
            "name": row["name"],
            "at": row["uploaded_at"],
            "href": url_for("documents.download", document_id=row["id"]),
        }
        for name, row in latest.items()
    ]


def _measured(look: Look, case: Case, act: Act) -> Iterator[dict[str, str]]:
    """The criteria the records count, shown beside a sheet: whoever marks by judgement sees what is measured (Art. 18)."""
    definition = case.definition
    if not any(definition.fields[ask.field].type is FieldType.SHEET for ask in act.asks):
        return
    for listed in definition.lists.values():
        for item in listed.values():
            if item.counted is not None:
                yield {
                    "name": title_of(item.label, look.language),
                    "value": fields.counted_text(case.snapshot, item, act, look.language),
                    "basis": article_text(item.basis, look.language),
                }
