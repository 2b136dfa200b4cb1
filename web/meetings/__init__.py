"""Meetings of whoever votes: one page with every row, one form for all votes, a page of consequences for the closing.

The offices that convene them, the members, auditors and administrators come in; to everybody else these addresses do not exist. What may
be done is asked again by the operations, in the transaction that writes.
"""

from __future__ import annotations

from flask import Blueprint
from flask_login import current_user, login_required

from web import door
from workflow.errors import NotFound
from workflow.queries.meetings import concerned_with_meetings

blueprint = Blueprint("meetings", __name__, url_prefix="/meetings")


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator]
def _only_those_concerned() -> None:
    """Answer anybody else as if there were nothing here."""
    with door.database().reading() as session:
        concerned = concerned_with_meetings(session)
    if not current_user.roles & concerned:
        raise NotFound("no_such_page")


# The routes; each module adds its own to the blueprint.
from web.meetings import closing, convening, minutes, papers, showing, voting  # noqa: E402, F401
