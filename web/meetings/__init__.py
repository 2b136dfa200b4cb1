"""Meetings of the leading group: one page with every row, one form for all votes, a page of consequences for the closing.

The office, the members, auditors and administrators come in; to everybody else these addresses do not exist. What may
be done is asked again by the operations, in the transaction that writes.
"""

from __future__ import annotations

from flask import Blueprint
from flask_login import current_user, login_required

from workflow.errors import NotFound
from workflow.operations.deeds import READERS_OF_THE_LOG

blueprint = Blueprint("meetings", __name__, url_prefix="/meetings")


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator]
def _only_those_concerned() -> None:
    """Answer anybody else as if there were nothing here."""
    if not current_user.roles & {*READERS_OF_THE_LOG}:
        raise NotFound("no_such_page")


# The routes; each module adds its own to the blueprint.
from web.meetings import closing, convening, minutes, papers, showing, voting  # noqa: E402, F401
