"""The page of consequences: what an act will do, from the plan that will carry it out."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import render_template

from web import pages
from web.decisions.saying import reason_shown
from web.decisions.sent import Sent
from web.decisions.showing import frame
from web.pages import Look
from workflow import queries
from workflow.definition.values.edition import Definition
from workflow.explain.consequences import finals_of, lines_of, promised, proposes_text, told_of
from workflow.explain.deadlines import deadlines_of
from workflow.explain.names import badge_of
from workflow.explain.route import brought_about, people_asked
from workflow.log import canonical
from workflow.plan import Form, Plan
from workflow.queries import Case


def digest_of(plan: Plan, form: Form) -> str:
    """A hash of what a page of consequences showed."""
    return hashlib.sha256(canonical(promised(plan, form)).encode()).hexdigest()


def consequences_page(
    look: Look, case: Case, plan: Plan, read: Form, sent: Sent, *, key: str, changed: bool = False
) -> str:
    """What the act will do, from the plan that will carry it out."""
    definition, language = case.definition, look.language
    return render_template(
        "decisions/consequences.html",
        **frame(look, case, plan),
        following=following(look, case, plan, read),
        warnings=warnings_of(plan, definition, language),
        flat=sent.flat(),
        key=key,
        back=pages.back(),
        shown=digest_of(plan, read),
        changed=changed,
        confirmed=sent.confirmed,
    )


def warnings_of(plan: Plan, definition: Definition, language: str) -> list[dict[str, str]]:
    """What must be confirmed by a tick, each code once."""
    return [
        {"code": warning.code, **reason_shown(warning, definition, language)} for warning in plan.warnings
    ]


def following(look: Look, case: Case, plan: Plan, read: Form) -> dict[str, Any]:
    """The values of `macros/consequences.html`."""
    definition, language, snapshot = case.definition, look.language, case.snapshot
    names = pages.names_for(look, case, people=(*queries.told(plan), *people_asked(plan)))
    after = plan.after.state if plan.after is not None else snapshot.state
    return {
        "from_state": badge_of(definition, snapshot.state, language),
        "to_state": badge_of(definition, after, language) if after != snapshot.state else None,
        "proposes": proposes_text(plan, definition, language),
        "undisclosed": plan.undisclosed is not None,
        "brings": brought_about(plan, snapshot, names, language),
        "changes": lines_of(plan, snapshot, read, names, language),
        "deadlines": deadlines_of(plan, snapshot, language),
        "notices": told_of(plan, names, language),
        "final": finals_of(plan, snapshot, language),
    }
