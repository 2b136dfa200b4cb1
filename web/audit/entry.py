"""One entry: all it says, what it changed, and whether it is whole and in its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import render_template, url_for

from web import pages
from web.audit import blueprint
from web.audit.values import Values
from web.audit.wording import states_text, what_text, who_text, word
from web.words import t
from workflow.errors import NotFound
from workflow.queries.editions import editions_of
from workflow.queries.log import proof_of
from workflow.queries.sealing import Inclusion, inclusion_of
from workflow.unreadable import told_as_damage


@blueprint.get("/audit/<int:entry_id>")
def entry(entry_id: int) -> str:
    """All an entry says, what it changed, and whether it is whole and in its place."""
    if entry_id >= 2**63:
        raise NotFound("no_such_entry", entry=entry_id)
    with told_as_damage(), pages.looking() as look:
        proof = proof_of(look.session, entry_id)
        editions = editions_of(look.session)
        definition = editions.by_id.get(proof.row["edition_id"]) or editions.of_body(proof.body)
        held = Values(look, definition, proof.body)
        row, language = proof.row, look.language
        what, included = what_text(row, definition, language), inclusion_of(look.session, entry_id)
        return render_template(
            "audit/entry.html", proof=proof, row=row, body=proof.body, what=what,
            who=who_text(row, definition, language), source=word("entry.sources.", row["source"], language),
            states=states_text(row, definition, language), changes=held.changes(), said=held.said(),
            lender=held.person(proof.body.get("on_behalf_of")),
            deadlines=held.deadlines(), text=json.dumps(proof.body, ensure_ascii=False, indent=2), raw=row["body"],
            included=included, receipt=_receipt(row, what, included, language) if included else "",
        )  # fmt: skip


def _receipt(row: Mapping[str, Any], what: str, included: Inclusion, language: str) -> str:
    """What is kept of an entry outside: what it is of, for people; its text and its proof, for whoever checks it."""
    base = " ".join(row[name] for name in ("base_name", "base_number") if row[name])
    lines = {
        "number": {"number": included.number, "stream": row["stream"], "seq": row["seq"]},
        "at": {"at": row["recorded_at"]},
        "what": {"what": what},
        **({"base": {"base": base}} if base else {}),
        "hash": {"hash": row["hash"]},
        "checkpoint": {"size": included.size, "at": included.signed_at},
        "check": {"address": url_for("verifying.form", _external=True)},
    }
    said = [t("audit.receipt.title", language)]
    said += [t(f"audit.receipt.{name}", language, **params) for name, params in lines.items()]
    return "\n".join(said) + f"\n\n{row['body']}\n\n{included.text}"
