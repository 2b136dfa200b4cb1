"""Who calls: the bearer of a token in the Authorization header. Cookies mean nothing here."""

from __future__ import annotations

import re
from datetime import datetime

from flask import current_app, request
from sqlalchemy.exc import DBAPIError

from models.database import ReadOnly
from web import door
from web.api.problems import Refused
from web.api.shapes.problems import Kind
from workflow import clock
from workflow.operations.tokens import USED_AGAIN, note_use, turn_away, unopened
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
        _turn_away(given[1])
        raise Refused(Kind.NO_TOKEN)
    _note(found, at)
    return found


def _note(found: Bearer, at: datetime) -> None:
    """Remember the use now and then; a database that cannot be written must not stop reading."""
    if found.last_used_at is not None and at - found.last_used_at < USED_AGAIN:
        return
    try:
        door.database().run(lambda session: note_use(session, found.token_id, at=at))
    except (DBAPIError, ReadOnly):
        current_app.logger.warning("the use of token %s could not be noted", found.token_id)


def _turn_away(text: str) -> None:
    """Log a token that opens nothing, the first times and then now and then; it opens nothing either way."""
    database = door.database()
    with database.reading() as session:
        found = unopened(session, text, at=clock.now(session), secret=door.config().secret_key)
    if found is None:
        return
    try:
        database.run(lambda session: turn_away(session, found, at=clock.now(session)))
    except (DBAPIError, ReadOnly):
        current_app.logger.warning("a token that opens nothing could not be logged")
