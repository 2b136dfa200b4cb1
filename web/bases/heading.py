"""The head of every page about one base: its names, its state, where it stands."""

from __future__ import annotations

from typing import Any

from web import pages
from web.pages import Look
from workflow.blockers import Rank
from workflow.explain.names import badge_of
from workflow.explain.standing import stand_ins, standing
from workflow.plan import probe
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
        "may_write": _may_write(look, case),
    }


def _may_write(look: Look, case: Case) -> bool:
    """Whether the case is a proposal still written, and the reader's to write; others may read the base and not that."""
    proposal = case.definition.proposal
    if proposal is None or not pages.is_draft(case.definition, case.snapshot.state):
        return False
    plan = probe(case.snapshot, proposal.name, look.ctx)
    return all(blocker.rank is not Rank.ROLE for blocker in plan.blockers)
