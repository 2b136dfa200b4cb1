"""The administration: what the office keeps, each change with its reason and one entry.

Only administrators and the office come in; to everybody else these addresses do not exist. The operations ask for the
right again, in the transaction that writes.
"""

from __future__ import annotations

from flask import Blueprint, request
from flask_login import current_user

from web import door
from workflow.errors import NotFound
from workflow.operations.deeds import OFFICE
from workflow.operations.papers import note_taken

blueprint = Blueprint("admin", __name__, url_prefix="/admin")


@blueprint.before_request
def _only_the_office() -> None:
    """Answer anybody else as if there were nothing here; the attempt is logged."""
    if current_user.roles & {*OFFICE}:
        return
    content = {"act": str(request.endpoint), "refused": ["not_your_role"]}
    door.act(lambda session, ctx: note_taken(session, kind="denied", content=content, ctx=ctx))
    raise NotFound("no_such_page")


# The routes; each module adds its own to the blueprint.
from web.admin import (  # noqa: E402, F401
    accounts,
    calendar,
    calls,
    delegations,
    editions,
    grants,
    overview,
    partners,
    people,
    settings,
    units,
    works,
)
