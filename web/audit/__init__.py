"""The log for those who audit it: search with filters in the address, one entry with its proof, export.

Only its readers come in; to everybody else these addresses do not exist.
"""

from __future__ import annotations

from flask import Blueprint, request
from flask_login import current_user

from web import door
from workflow.errors import NotFound
from workflow.operations.deeds import READERS_OF_THE_LOG
from workflow.operations.papers import note_taken

blueprint = Blueprint("audit", __name__)


@blueprint.before_request
def _only_readers() -> None:
    """To anybody else the log does not exist; the attempt is logged."""
    if current_user.roles & {*READERS_OF_THE_LOG}:
        return
    content = {"act": str(request.endpoint), "refused": ["not_your_role"]}
    door.act(lambda session, ctx: note_taken(session, kind="denied", content=content, ctx=ctx))
    raise NotFound("no_such_page")


# The routes; each module adds its own to the blueprint.
from web.audit import checkpoints, entry, export, listing, packet  # noqa: E402, F401
