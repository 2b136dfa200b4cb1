"""What a base's page offers about its open round: each act with its address, or with the reason why not."""

from __future__ import annotations

from typing import Any

from flask import url_for

from web.decisions.saying import reasons_shown
from web.pages import Look
from web.seats.urging import offers
from web.words import t
from workflow.operations.open_round import here_of
from workflow.operations.rounds import barred, offered
from workflow.queries import Case


def about_round(look: Look, case: Case) -> dict[str, list[dict[str, Any]]]:
    """The values of `seats/_offer.html`: what the reader may do about the present step, and what not, with the reason."""
    here = here_of(case.snapshot, look.ctx)
    allowed, refused = [], []
    for act in offered(here) if here is not None else ():
        assert here is not None
        label = t(f"seats.act.{act}", look.language)
        found = barred(here, act)
        if found is None:
            allowed.append(
                {"label": label, "href": url_for("seats.form", case_id=case.snapshot.id, act=act.value)}
            )
        else:
            refused.append(
                {"label": label, "reasons": reasons_shown([found], case.definition, look.language)}
            )
    for urged in offers(look, case):
        (allowed if urged["href"] else refused).append(urged)
    return {"allowed": allowed, "refused": refused}
