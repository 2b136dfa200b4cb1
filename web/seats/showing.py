"""The pages of an act about a round: its form, what it will do, or every reason why it cannot be done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import render_template

from web import pages
from web.decisions.consequences import digest_of, following
from web.decisions.saying import reasons_shown, told_meanwhile
from web.pages import Look
from web.seats.asking import Asked, as_typed, read_back
from web.words import t
from workflow import queries
from workflow.blockers import Blocker, Fault
from workflow.explain.names import badge_of, title_of
from workflow.explain.standing import standing
from workflow.operations.open_round import Here, plan_of
from workflow.operations.rounds import RoundAct, Stated
from workflow.plan import Form, Step
from workflow.queries import Case
from workflow.snapshot import Row
from workflow.words import article_text

Answer = Any


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
    """Which base, where it stands, and the version that is shown."""
    snapshot = case.snapshot
    return {
        "case_id": snapshot.id,
        "name": snapshot.subject.get("base_name") or "",
        "number": snapshot.subject.get("base_number") or snapshot.subject.get("application_number") or "",
        "badge": badge_of(case.definition, snapshot.state, look.language),
        "standing": standing(snapshot, look.language),
        "lender": "",
        "version": case.version,
        "seq": snapshot.case["log_seq"],
        "back": pages.back(),
    }


def form_page(
    look: Look,
    case: Case,
    here: Here,
    act: RoundAct,
    asked: Asked,
    values: Mapping[str, Any],
    *,
    faults: tuple[Fault, ...] = (),
    blockers: tuple[Blocker, ...] = (),
    meanwhile: tuple[Row, ...] | None = None,
    key: str | None = None,
) -> str:
    """The form with what was typed into it, and what is wrong with it."""
    fields = as_typed(asked, values, faults)
    names = {one.name for one in fields}
    return render_template(
        "seats/form.html",
        **head(look, case, act, here),
        fields=fields,
        panel=_panel(look, case, here, act, asked),
        others=[
            t(f"fault.{fault.code}", look.language, field=fault.field)
            for fault in faults
            if fault.field not in names
        ],
        reasons=reasons_shown(blockers, case.definition, look.language),
        meanwhile=told_meanwhile(look, case, meanwhile),
        key=key or pages.new_request_key(),
    )


def _panel(look: Look, case: Case, here: Here, act: RoundAct, asked: Asked) -> dict[str, Any] | None:
    """How many experts the panel wants and has, and who of the pool is kept out and why."""
    if act not in (RoundAct.NAME_EXPERTS, RoundAct.REPLACE_EXPERT):
        return None
    names = queries.names_of(look.session, people=[seat.person for seat in here.seated])
    return {
        "wants": here.row["rules"]["count"],
        "wants_external": here.row["rules"]["industry"],
        "seated": sorted(names.person(seat.person) for seat in here.seated),
        "kept_out": [
            {
                "name": one.name,
                "reasons": reasons_shown([one.barred], case.definition, look.language),
            }
            for one in asked.pool
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
    look: Look,
    case: Case,
    here: Here,
    act: RoundAct,
    steps: tuple[Step, ...],
    asked: Asked,
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
        **head(look, case, act, here),
        said=read_back(look, asked, values, stated),
        following=following(look, case, plan_of(here, steps), Form()),
        flat=[*flat, *(("people", key_of) for key_of in values.get("people", ()))],
        has_fields=bool(asked.fields),
        key=key,
        shown=shown_by(here, steps),
        changed=changed,
    )
