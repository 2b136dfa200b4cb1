"""Whom a declared ban binds, and what it says against an act."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from workflow.barring import HELD, Applicant, Found, tie_to
from workflow.blockers import Blocker, Rank
from workflow.definition.values.acts import Need
from workflow.definition.values.edition import Ban
from workflow.guards.view import View
from workflow.snapshot import Row


def barred(view: View, ban: Ban) -> Iterator[Blocker]:
    """What a declared ban says against the act: blocked until its last day, or held for a person to look at."""
    for bar, found in bans_against(view, ban):
        possible = bar["last_day"] + timedelta(days=1)
        params = {
            "partner": bar["partner_name"],
            "number": bar["base_number"],
            "day": bar["last_day"],
            "possible": possible,
            "ban": bar["id"],
            **found.params,
        }
        basis = "local" if found.tie in HELD else ban.basis
        yield Blocker(code=str(found.tie), basis=basis, rank=Rank.RULE, params=params, from_on=possible)


def bans_against(view: View, ban: Ban) -> Iterator[tuple[Row, Found]]:
    """The bans in force that concern the partner, colleges or leader of the act, each with how."""
    snapshot = view.snapshot
    applicant = Applicant(
        partner=view.partner,
        colleges=view.college_ids,
        leaders=frozenset(row["person_id"] for row in snapshot.duty(snapshot.definition.opens)),
    )
    for bar in snapshot.bars:
        if bar["name"] != ban.name or bar["last_day"] < min(view.effective_on, snapshot.today):
            continue
        found = tie_to(bar, applicant, snapshot.world.lineage)
        if found is not None:
            yield bar, found


def new_identity_allowed(view: View, need: Need) -> Iterator[Blocker]:
    """A change of partner or college does not slip past a ban."""
    if not {"partner", "lead_college", "other_colleges"} & view.form.keys():
        return
    yield from barred(view, view.snapshot.definition.bans[need.params["on"]])
