"""Who calls: the bearer of a token in the Authorization header. Cookies mean nothing here."""

from __future__ import annotations

import re
from datetime import datetime

from flask import current_app, request
from sqlalchemy.exc import DBAPIError

from web import door
from web.api.problems import Refused
from web.api.shapes.problems import Kind
from workflow import clock
from workflow.operations.tokens import USED_AGAIN, note_use
from workflow.queries.tokens import Bearer, bearer_of

HEADER = re.compile(r"Bearer +([A-Za-z0-9._~+/=-]{1,200})", re.IGNORECASE)


def bearer() -> Bearer:
    """The person the request's token stands for. Raises Refused without a token, and for one that opens nothing."""
    given = HEADER.fullmatch(request.headers.get("Authorization", "").strip())
    if given is None:
        raise Refused(Kind.NO_TOKEN)
    with door.database().reading() as session:
        at = clock.now(session)
        found = bearer_of(session, given[1], at=at)
    if found is None:
        raise Refused(Kind.NO_TOKEN)
    _note(found, at)
    return found


def _note(found: Bearer, at: datetime) -> None:
    """Remember the use now and then; a database that cannot be written must not stop reading."""
    if found.last_used_at is not None and at - found.last_used_at < USED_AGAIN:
        return
    try:
        door.database().run(lambda session: note_use(session, found.token_id, at=at))
    except DBAPIError:
        current_app.logger.warning("the use of token %s could not be noted", found.token_id)
