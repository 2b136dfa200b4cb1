"""The declaration on conflicts of interest, for an expert who is signed in: first of all, before the sheet."""

from __future__ import annotations

from uuid import UUID

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response

from web import pages
from web.seats import blueprint
from web.seats.showing import head, refused_page, shown_by
from workflow import queries
from workflow.blockers import Blocker, Rank
from workflow.operations.declaring import declaring_none
from workflow.operations.open_round import barrier, here_of, planned
from workflow.operations.rounds import RoundAct
from workflow.queries.rounds import case_at_round

NONE = RoundAct.DECLARE_NO_CONFLICT


@blueprint.get("/round/declare")
def declare(case_id: UUID) -> Response | str | tuple[str, int]:
    """Both answers side by side; the sheet for whoever has declared before."""
    with pages.looking() as look:
        queries.seen(look.session, look.rights, str(case_id))
        case = case_at_round(look.session, str(case_id), ctx=look.ctx)
        here = here_of(case.snapshot, look.ctx)
        steps = planned(case.snapshot, declaring_none, look.ctx)
        if here is not None and isinstance(steps, Blocker) and steps.code == "declared_already":
            return redirect(url_for("decisions.form", case_id=case_id, act=here.step.name))
        if here is None or isinstance(steps, Blocker):
            found = steps if isinstance(steps, Blocker) else barrier("no_open_round", Rank.FINAL)
            return refused_page(look, case, NONE, here, found), 403 if found.rank is Rank.ROLE else 409
        return render_template(
            "seats/declare.html",
            **head(look, case, NONE, here),
            key=pages.new_request_key(),
            shown=shown_by(here, steps),
        )
