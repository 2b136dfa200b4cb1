"""Documents: keep a file on a case, give one back."""

from __future__ import annotations

from flask import Response, request

from models import StoredDocument
from web import door
from web.api import wording
from web.api.problems import Refused
from web.api.reading import read_upload
from web.api.routing import Call, Desk, Reply, operation
from web.api.shapes.cases import Document
from web.api.shapes.problems import Kind
from web.documents import NO_PAGE, disposition
from workflow.blockers import Fault, Rank
from workflow.definition.values.forms import FieldType
from workflow.errors import BadInput
from workflow.operations.papers import note_taken, store_document
from workflow.plan import probe
from workflow.queries import Case, case_for, document_for, seen
from workflow.uploads import checked


@operation("POST", "/cases/<case_id>/documents", answer=Document, upload=True, decides=True, statuses=(201,))
def upload_document(call: Call, case_id: str) -> Reply:
    with call.reading() as desk:
        seen(desk.session, desk.rights, case_id)
    limit = door.config().upload_limit
    place, name, content = read_upload(limit)

    def work(desk: Desk) -> StoredDocument:
        seen(desk.session, desk.rights, case_id)
        case = case_for(desk.session, case_id, ctx=desk.ctx)
        _asked_of(desk, case, place)
        file = checked(field=place, name=name, content=content, limit=limit)
        key = store_document(desk.session, case_id, field=place, upload=file, ctx=desk.ctx)
        return desk.session.get_one(StoredDocument, key)

    try:
        kept = call.act(work)
    except BadInput as bad:
        raise Refused(Kind.BAD_INPUT, faults=wording.faults(bad, None)) from None
    view = Document(
        id=kept.id,
        case_id=case_id,
        field=kept.field,
        name=kept.name,
        media_type=kept.media_type,
        size=kept.size,
        sha256=kept.sha256,
    )
    return Reply(body=view, status=201, headers={"Location": f"/api/v1/documents/{kept.id}"})


def _asked_of(desk: Desk, case: Case, place: str) -> None:
    """Let a file through when an act the caller may take here asks for it.

    Raises BadInput for a field no act of the state asks a file for, and Refused for one asked of other people.
    """
    definition = case.definition
    field = definition.fields.get(place)
    asking = [act for act in case.acts if place in {ask.field for ask in act.asks}]
    if field is None or field.type is not FieldType.DOCUMENT or not asking:
        raise BadInput((Fault(field=place, code="unknown_field"),))
    plans = [probe(case.snapshot, act.name, desk.ctx) for act in asking]
    barred = [[blocker for blocker in plan.blockers if blocker.rank is Rank.ROLE] for plan in plans]
    if all(barred):
        raise Refused(Kind.NOT_ALLOWED, blockers=wording.reasons(barred[0], definition))


@operation("GET", "/documents/<document_id>", answer=None)
def read_document(call: Call, document_id: str) -> Response:
    """Give the bytes back as an attachment; taking them out leaves an entry, looking at the headers alone does not."""
    with call.reading() as desk:
        row = document_for(desk.session, desk.rights, document_id)
    if request.method != "HEAD":
        content = {"document": document_id, "case": row["case_id"], "sha256": row["sha256"]}
        call.act(lambda desk: note_taken(desk.session, kind="download", content=content, ctx=desk.ctx))
    answer = Response(row["content"], content_type=row["media_type"])
    answer.headers["Content-Disposition"] = disposition(row["name"])
    answer.headers["Content-Security-Policy"] = NO_PAGE
    return answer
