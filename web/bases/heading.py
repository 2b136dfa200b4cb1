"""The head of every page about one base: its names, its state, where it stands."""

from __future__ import annotations

from typing import Any

from web.pages import Look
from workflow.explain.names import badge_of
from workflow.explain.standing import stand_ins, standing
from workflow.queries import Case


def top(look: Look, case: Case) -> dict[str, Any]:
    snapshot, subject = case.snapshot, case.snapshot.subject
    return {
        "name": subject.get("base_name") or "",
        "number": subject.get("base_number") or "",
        "application_number": subject.get("application_number") or "",
        "badge": badge_of(case.definition, snapshot.state, look.language),
        "standing": standing(snapshot, look.language),
        "stand_ins": stand_ins(snapshot, look.language),
        "is_draft": snapshot.state == case.definition.initial,
    }
