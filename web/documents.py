"""Documents: given back byte for byte, only to those who may see their base, and only as a download."""

from __future__ import annotations

from urllib.parse import quote
from uuid import UUID

from flask import Blueprint, Response, request

from web import door, pages
from workflow import queries
from workflow.operations.papers import note_taken

blueprint = Blueprint("documents", __name__)

NO_PAGE = "default-src 'none'; sandbox"
"""Whatever a browser takes the bytes for, nothing in them runs."""


@blueprint.get("/documents/<uuid:document_id>")
def download(document_id: UUID) -> Response:
    """Give a document back as it was uploaded; taking it leaves an entry, asking for its headers does not."""
    with pages.looking() as look:
        row = queries.document_for(look.session, look.rights, str(document_id))
    taken = {"case": row["case_id"], "document": row["id"], "sha256": row["sha256"]}
    if request.method == "GET":
        door.act(lambda session, ctx: note_taken(session, kind="download", content=taken, ctx=ctx))
    answer = Response(row["content"], content_type=row["media_type"])
    answer.headers["Content-Disposition"] = disposition(row["name"])
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = NO_PAGE
    answer.headers["Cache-Control"] = "no-store"
    return answer


def disposition(name: str) -> str:
    """An attachment under its own name (RFC 6266, RFC 5987), with plain letters for programs that read no other."""
    plain = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "._- ") else "_" for sign in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
