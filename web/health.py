"""Whether the installation is well, for a machine to ask: no sign-in, no secrets."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from web import door
from workflow.clock import machine_time
from workflow.queries.schedulers import clock_work
from workflow.queries.sealing import log_alarm

blueprint = Blueprint("health", __name__)

UNKNOWN = dict.fromkeys(("last_tick", "lag_seconds", "due", "overdue", "incidents", "failure"))
"""What cannot be told when the database does not answer."""


@blueprint.get("/health")
def health() -> tuple[Response, int]:
    """Answer 200 when the database answers and a scheduler keeps up, else 503."""
    try:
        with door.database().reading() as session:
            found = _look(session)
    except SQLAlchemyError:
        found = {"status": "failing", "database": "failing", **UNKNOWN}
    answer = jsonify(found)
    answer.headers["Cache-Control"] = "no-store"
    return answer, 200 if found["status"] == "ok" else 503


def _look(session: Session) -> dict[str, Any]:
    """What went wrong may hold secrets: only that something did is told."""
    work = clock_work(session)
    is_alarmed = door.database().is_closed_for_writing or log_alarm(session, at=machine_time()) is not None
    return {
        "status": "ok" if work.is_well and not is_alarmed else "failing",
        "log": "failing" if is_alarmed else "ok",
        "database": "ok",
        "last_tick": work.last_tick.isoformat() if work.last_tick else None,
        "lag_seconds": round(work.lag.total_seconds()),
        "due": work.due,
        "overdue": work.overdue,
        "incidents": work.incidents,
        "failure": work.failure is not None,
    }
