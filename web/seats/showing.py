"""The pages of an act about a round: its form, what it will do, or every reason why it cannot be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import render_template

from web import pages
from web.decisions.consequences import digest_of, following
from web.decisions.saying import reasons_shown, told_meanwhile
from web.decisions.showing import shown_case
from web.pages import Look
from web.seats.asking import Asked, as_typed, read_back
from web.words import t
from workflow import queries
from workflow.blockers import Blocker, Fault
from workflow.explain.names import title_of
from workflow.operations.open_round import Here, plan_of
from workflow.operations.rounds import RoundAct, Stated
from workflow.plan import Form, Step
from workflow.queries import Case
from workflow.snapshot import Row
from workflow.words import article_text


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """One look at the case and its open round, by somebody who may do the act."""

    look: Look
    case: Case
    here: Here
    act: RoundAct
    asked: Asked


def head(look: Look, case: Case, act: RoundAct, here: Here | None) -> dict[str, Any]:
    """What every page of an act about a round says at its top."""
    step = title_of(here.step.label, look.language) if here is not None else ""
    return {
        **about(look, case),
        "act": act.value,
        "label_of_act": t(f"seats.act.{act}", look.language),
        "step": step,
        "ground": article_text(here.step.basis if here is not None else "local", look.language),
    }


def about(look: Look, case: Case) -> dict[str, Any]:
    """Which base, and where the reader came from; nobody acts here in the stead of another."""
    return {**shown_case(look, case), "lender": "", "back": pages.back()}


def form_page(
    at: At,
    values: Mapping[str, Any],
    *,
    faults: tuple[Fault, ...] = (),
    blockers: tuple[Blocker, ...] = (),
    meanwhile: tuple[Row, ...] | None = None,
    key: str | None = None,
) -> str:
    """The form with what was typed into it, and what is wrong with it."""
    fields = as_typed(at.asked, values, faults)
    names, language = {one.name for one in fields}, at.look.language
    return render_template(
        "seats/form.html",
        **head(at.look, at.case, at.act, at.here),
        fields=fields,
        panel=_panel(at),
        others=[
            t(f"fault.{fault.code}", language, field=fault.field)
            for fault in faults
            if fault.field not in names
        ],
        reasons=reasons_shown(blockers, at.case.definition, language),
        meanwhile=told_meanwhile(at.look, at.case, meanwhile),
        key=key or pages.new_request_key(),
    )


def _panel(at: At) -> dict[str, Any] | None:
    """How many experts the panel wants and has, and who of the pool is kept out and why."""
    look, here = at.look, at.here
    if at.act not in (RoundAct.NAME_EXPERTS, RoundAct.REPLACE_EXPERT):
        return None
    names = queries.names_of(look.session, people=[seat.person for seat in here.seated])
    return {
        "wants": here.row["rules"]["count"],
        "wants_external": here.row["rules"]["industry"],
        "seated": sorted(names.person(seat.person) for seat in here.seated),
        "kept_out": [
            {
                "name": one.name,
                "reasons": reasons_shown([one.barred], at.case.definition, look.language),
            }
            for one in at.asked.pool
            if one.barred is not None
        ],
    }


def refused_page(look: Look, case: Case, act: RoundAct, here: Here | None, blocker: Blocker) -> str:
    return render_template(
        "decisions/refused.html",
        **head(look, case, act, here),
        reasons=reasons_shown([blocker], case.definition, look.language),
    )


# ───────────────────────────── What it will do


def shown_by(here: Here, steps: tuple[Step, ...]) -> str:
    """A hash of what the page of consequences showed."""
    return digest_of(plan_of(here, steps), Form())


def consequences_page(
    at: At,
    steps: tuple[Step, ...],
    values: Mapping[str, Any],
    stated: Stated,
    *,
    key: str,
    changed: bool = False,
) -> str:
    """What the act will do, from the plan that will carry it out."""
    flat = [(name, value) for name, value in values.items() if name != "people"]
    return render_template(
        "seats/consequences.html",
        **head(at.look, at.case, at.act, at.here),
        said=read_back(at.look, at.asked, values, stated),
        following=following(at.look, at.case, plan_of(at.here, steps), Form()),
        flat=[*flat, *(("people", key_of) for key_of in values.get("people", ()))],
        has_fields=bool(at.asked.fields),
        key=key,
        shown=shown_by(at.here, steps),
        changed=changed,
    )
