"""What protects the log: its checkpoints, the places outside that have them, its keys."""

from __future__ import annotations

from flask import Response, render_template

from web import door, pages
from web.audit import blueprint
from web.documents import disposition
from web.words import t
from workflow.errors import NotFound
from workflow.queries.sealing import ENOUGH, log_faults, note_of, seal_state
from workflow.unreadable import told_as_damage


@blueprint.get("/audit/checkpoints")
def checkpoints() -> str:
    """How far the log is sealed, signed and kept outside, and what protects the rest."""
    with told_as_damage(), pages.looking() as look:
        state = seal_state(look.session)
        failing = [t(f"audit.checkpoint_place.{name}", door.language()) for name in state.failing]
        return render_template(
            "audit/checkpoints.html",
            state=state,
            failing=", ".join(failing),
            enough=ENOUGH,
            faults=log_faults(look.session),
        )


@blueprint.get("/audit/checkpoints/<int:size>.txt")
def checkpoint(size: int) -> Response:
    """One checkpoint as a file, to be kept elsewhere."""
    with told_as_damage(), door.database().reading() as session:
        note = note_of(session, size) if size < 2**63 else None
    if note is None:
        raise NotFound("no_such_checkpoint", size=size)
    answer = Response(note, content_type="text/plain; charset=utf-8")
    answer.headers["Content-Disposition"] = disposition(f"checkpoint-{size:012d}.txt")
    return answer
