"""What a form of a decision sent, as it was typed, and its files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from web import door, fields, pages
from workflow.blockers import Fault
from workflow.definition.values.acts import Act
from workflow.definition.values.edition import Definition
from workflow.definition.values.forms import FieldType
from workflow.errors import BadInput
from workflow.forms import read_form
from workflow.operations.papers import store_document
from workflow.plan import Form
from workflow.queries.delegations import people_called
from workflow.snapshot import Row
from workflow.uploads import Upload, checked

LONGEST_COPIES = 600
CODE = re.compile(r"[a-z_]{1,60}")
"""What a warning is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a form sent, as it was typed."""

    raw: Mapping[str, Any] = field(default_factory=dict)
    outcome: str = ""
    effective_on: str = ""
    confirmed: tuple[str, ...] = ()
    copies: str = ""
    """Who is to be sent a copy, by staff number or account."""
    on_behalf_of: str | None = None
    """The person for whom the reader acts, as the address of the form named them."""

    def flat(self) -> list[tuple[str, str]]:
        """Names and values that carry it through the next page."""
        pairs = list(fields.flat_of(self.raw))
        pairs += [("outcome", self.outcome)] if self.outcome else []
        pairs += [("effective_on", self.effective_on)] if self.effective_on else []
        pairs += [("copies", self.copies)] if self.copies else []
        pairs += [("for", self.on_behalf_of)] if self.on_behalf_of else []
        return pairs

    @property
    def address(self) -> dict[str, Any]:
        """What the address of the form says besides the act."""
        return {"for": self.on_behalf_of} if self.on_behalf_of else {}

    def read(self, session: Session, definition: Definition, act: Act) -> Form:
        """Read it as the engine does. Raises BadInput with every fault."""
        copies, unknown = people_called(session, self.copies, field="copies")
        faults = list(unknown)
        try:
            form = read_form(
                definition,
                act,
                self.raw,
                outcome=self.outcome,
                effective_on=self.effective_on,
                confirmed=self.confirmed,
            )
        except BadInput as bad:
            raise BadInput((*bad.faults, *faults)) from None
        if faults:
            raise BadInput(tuple(faults))
        return replace(form, on_behalf_of=self.on_behalf_of, copies=copies)


def sent_form(definition: Definition) -> Sent:
    return Sent(
        raw=fields.raw_of(request.form, definition),
        outcome=pages.storable(request.form.get("outcome", "")),
        effective_on=pages.storable(request.form.get("effective_on", "")),
        copies="" if door.is_guest() else pages.storable(request.form.get("copies", ""))[:LONGEST_COPIES],
        confirmed=tuple(code for code in request.form.getlist("confirmed") if CODE.fullmatch(code)),
        on_behalf_of=pages.asked_for(),
    )


def from_draft(draft: Row | None) -> Sent:
    kept: Mapping[str, Any] = draft["form"] if draft else {}
    fact = request.args.get("fact", "")
    raw = dict(kept.get("raw") or {})
    if fact:
        raw["fact"] = {"name": fact}
    return Sent(
        raw=raw,
        outcome=kept.get("outcome") or "",
        effective_on=kept.get("effective_on") or "",
        copies=kept.get("copies") or "",
        on_behalf_of=pages.asked_for(),
    )


def keep_uploads(
    case_id: str, act: Act, definition: Definition, sent: Sent
) -> tuple[Sent, tuple[Fault, ...]]:
    """Store the files of a form, each checked; what was refused is a fault of its field and the earlier file stays."""
    raw, faults = dict(sent.raw), list[Fault]()
    limit = door.config().upload_limit
    for ask in act.asks:
        upload = request.files.get(ask.field)
        if (
            definition.fields[ask.field].type is not FieldType.DOCUMENT
            or upload is None
            or not upload.filename
        ):
            continue
        try:
            file = checked(
                field=ask.field, name=upload.filename, content=upload.stream.read(limit + 1), limit=limit
            )
        except BadInput as bad:
            faults += bad.faults
            continue
        raw[ask.field] = _stored(case_id, ask.field, file)
    return replace(sent, raw=raw), tuple(faults)


def _stored(case_id: str, field: str, file: Upload) -> str:
    return door.act(lambda session, ctx: store_document(session, case_id, field=field, upload=file, ctx=ctx))
