"""The list of entries, newest first, with the form that narrows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import render_template, request, url_for

from web import pages
from web.audit import blueprint
from web.audit.filters import as_address, chips, wanted
from web.audit.wording import edition_text, kind_text, states_text, what_text, who_text, word
from web.words import t
from workflow import queries
from workflow.context import Source
from workflow.definition.values.edition import Definition
from workflow.explain.names import headed
from workflow.log import KINDS
from workflow.queries import office
from workflow.queries.editions import Editions, editions_of
from workflow.queries.log import COUNTED, base_asked_for, log_count, log_page
from workflow.words import written


@blueprint.get("/audit")
def index() -> str:
    """Entries of every stream, newest first."""
    chosen = wanted()
    with pages.looking() as look:
        editions = editions_of(look.session)
        found = log_page(
            look.session, chosen, after=request.args.get("after"), before=request.args.get("before")
        )
        count = log_count(look.session, chosen)
        bases = office.base_names(look.session, [row["case_id"] for row in found.rows if row["case_id"]])
        rows = [_row(row, editions.of_row(row), bases, look.language) for row in found.rows]
        return render_template(
            "audit/index.html", rows=rows, chosen=chosen, chips=chips(look, chosen, editions), choices=_choices(look, editions),
            turn=pages.turn(found, "audit.index", **as_address(chosen)), address=as_address(chosen),
            key=pages.new_request_key(), base=base_asked_for(look.session, chosen),
            total=t("audit.more", look.language, count=COUNTED) if count > COUNTED else t("audit.total", look.language, count=count),
        )  # fmt: skip


def _choices(look: pages.Look, editions: Editions) -> dict[str, list[dict[str, str]]]:
    """What the form offers: kinds, acts, sources, units, editions."""
    language = look.language
    kinds = sorted({kind for known in KINDS.values() for kind in known})
    sources = [str(source) for source in Source]
    acts = {name: None for one in editions.present.values() for name in (*one.acts, *one.timers)}
    return {
        "kind": sorted(
            ({"value": kind, "label": kind_text(kind, language)} for kind in kinds),
            key=lambda one: one["label"],
        ),
        "act": [
            {"value": name, "label": headed(written(editions.act_labels(name, language), language), language)}
            for name in acts
        ],
        "source": [{"value": name, "label": word("entry.sources.", name, language)} for name in sources],
        "unit": [
            {"value": row["id"], "label": row["name"]} for row in queries.units_by_id(look.session).values()
        ],
        "edition": [
            {"value": key, "label": edition_text(key, editions, language)}
            for key in reversed(list(editions.by_id))
        ],
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
        "source": word("entry.sources.", row["source"], language),
        "base": bases.get(row["case_id"] or "", ""),
        "base_href": url_for("bases.show", case_id=row["case_id"]) if row["case_id"] else "",
        "states": states_text(row, definition, language),
        "hash": row["hash"][:12],
    }
