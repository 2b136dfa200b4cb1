"""Whether the installation is well, for a machine to ask: no sign-in, no secrets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, jsonify
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from web import door
from workflow import clock
from workflow.queries import office

blueprint = Blueprint("health", __name__)

LATE = timedelta(minutes=1)
"""A scheduler silent for longer, or a timer not looked at for longer, is not well."""


@blueprint.get("/health")
def health() -> tuple[Response, int]:
    """Answer 200 when the database answers and a scheduler keeps up, else 503."""
    try:
        with door.database().reading() as session:
            found = _look(session)
    except SQLAlchemyError:
        found = {
            "status": "failing",
            "database": "failing",
            "last_tick": None,
            "overdue": None,
            "incidents": None,
        }
    answer = jsonify(found)
    answer.headers["Cache-Control"] = "no-store"
    return answer, 200 if found["status"] == "ok" else 503


def _look(session: Session) -> dict[str, Any]:
    """Beats are of the machine's clock; what is overdue is of the database's."""
    beat = next(iter(office.heartbeats(session)), None)
    overdue = office.late_timers(session, since=clock.now(session) - LATE)
    fresh = beat is not None and beat["failure"] is None and clock.machine_time() - beat["ticked_at"] <= LATE
    return {
        "status": "ok" if fresh and not overdue else "failing",
        "database": "ok",
        "last_tick": beat["ticked_at"].isoformat() if beat else None,
        "overdue": overdue,
        "incidents": office.open_incidents(session),
    }
