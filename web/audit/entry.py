"""One entry: all it says, what it changed, and whether it is whole and in its place."""

from __future__ import annotations

import json

from flask import render_template

from web import pages
from web.audit import blueprint
from web.audit.values import Values
from web.audit.wording import states_text, what_text, who_text, word
from workflow.errors import NotFound
from workflow.queries.log import proof_of
from workflow.queries.sealing import receipt_of
from workflow.world import current_edition, editions_in_use


@blueprint.get("/audit/<int:entry_id>")
def entry(entry_id: int) -> str:
    """All an entry says, what it changed, and whether it is whole and in its place."""
    if entry_id >= 2**63:
        raise NotFound("no_such_entry", entry=entry_id)
    with pages.looking() as look:
        proof = proof_of(look.session, entry_id)
        _, current = current_edition(look.session, pages.LIFECYCLE)
        definition = editions_in_use(look.session).get(proof.row["edition_id"], current)
        held = Values(look, definition, proof.body)
        row, language = proof.row, look.language
        return render_template(
            "audit/entry.html", proof=proof, row=row, body=proof.body, what=what_text(row, definition, language),
            who=who_text(row, definition, language), source=word("entry.sources.", row["source"], language),
            states=states_text(row, definition, language), changes=held.changes(), said=held.said(),
            lender=held.person(proof.body.get("on_behalf_of")),
            deadlines=held.deadlines(), text=json.dumps(proof.body, ensure_ascii=False, indent=2), raw=row["body"],
            receipt=receipt_of(look.session, entry_id),
        )  # fmt: skip
