"""What may be done with a base now, and why not: the acts of its state, and what a step of its route can choose."""

from __future__ import annotations

from typing import Any

from flask import url_for

from web import pages
from web.bases.timers import timer_label
from web.decisions.saying import reason_shown
from web.fields import field_of
from web.pages import Look
from web.words import t
from workflow import routes
from workflow.blockers import Blocker
from workflow.definition.values.acts import Act, ActKind
from workflow.definition.values.routes import Step
from workflow.explain.names import act_label, title_of
from workflow.plan import Form, Plan, foresee, probe
from workflow.queries import Case
from workflow.snapshot import Row, Snapshot, held_roles
from workflow.tasks import CONFIRM
from workflow.timers import HELD_BY_IMPORT
from workflow.words import article_text, days_left_text, label_text


def acts(look: Look, case: Case) -> dict[str, Any]:
    """Every act the state offers, beside those that are not possible now with all their reasons, from one snapshot."""
    allowed, refused = [], []
    waiting = _expected(case)
    if case.snapshot.pending is not None:
        allowed.append(_pending_act(look, case))
    if case.definition.import_.by in held_roles(case.snapshot, look.rights.person) and _past(case.snapshot):
        allowed.append(_release_act(look, case))
    present = routes.standing(case.snapshot).step
    for act in case.acts:
        if act.kind is ActKind.BALLOT and (present is None or present.name != act.name):
            continue  # The steps of the decision say which one is not at hand.
        plan = probe(case.snapshot, act.name, look.ctx)
        label = title_of(act.label, look.language)
        if plan.allowed:
            allowed.append(
                {
                    "label": label,
                    "href": url_for("decisions.form", case_id=case.snapshot.id, act=act.name),
                    "note": _note(look, waiting.get(act.name), article_text(act.basis, look.language)),
                    "expected": act.name in waiting,
                }
            )
        else:
            refused.append(_refused(look, case, plan, label))
    allowed.sort(key=lambda item: not item["expected"])
    for item in allowed:
        item["minor"] = not item["expected"]
    return {"allowed": allowed, "refused": refused}


def _expected(case: Case) -> dict[str, Row]:
    """The acts somebody is waited for, with the task of each; a step that chooses waits for all it can choose."""
    waiting: dict[str, Row] = {}
    for row in case.snapshot.table("tasks"):
        if row["closed_at"] is None:
            step = case.definition.step(case.snapshot.state, row["act"])
            for name in step.choices.values() if step and step.choices else (row["act"],):
                waiting.setdefault(name, row)
    return waiting


def choices(look: Look, case: Case, step: Step) -> dict[str, Any]:
    """What a step can choose: each transition with the results it records, possible or not yet."""
    results: dict[str, list[str]] = {}
    for outcome, name in step.choices.items():
        label = label_text(case.definition.outcomes[outcome].label, look.language)
        results.setdefault(name, []).append(label)
    allowed, refused = [], []
    for name, labels in results.items():
        plan = probe(case.snapshot, name, look.ctx)
        label = t("bases.choice", look.language, act=title_of(plan.act.label, look.language), results=labels)
        if plan.allowed:
            href = url_for("decisions.form", case_id=case.snapshot.id, act=name, back=pages.back())
            allowed.append(
                {"label": label, "href": href, "note": article_text(plan.act.basis, look.language)}
            )
        else:
            refused.append(_refused(look, case, plan, label))
    return {"allowed": allowed, "refused": refused}


def _refused(look: Look, case: Case, plan: Plan, label: str) -> dict[str, Any]:
    """An act that is not possible now: every reason, and its form where one stated there would do."""
    return {
        "label": label,
        "reasons": _linked_reasons(look, case, plan.blockers),
        "href": _overriding(look, case, plan.act),
    }


def _overriding(look: Look, case: Case, act: Act) -> str:
    """The address of an act's form where a reason stated there removes everything that stands in the way, else nothing."""
    asked = {ask.field for ask in act.asks}
    stated = {need.params["unless"] for need in act.needs if need.params.get("unless") in asked}
    if not stated:
        return ""
    plan = foresee(
        case.snapshot, act.name, Form(values=dict.fromkeys(stated, "…")), look.ctx, proposed_by=None
    )
    if any(field_of(blocker, act) is None for blocker in plan.blockers):
        return ""
    return url_for("decisions.form", case_id=case.snapshot.id, act=act.name, back=pages.back())


def _linked_reasons(look: Look, case: Case, blockers: tuple[Blocker, ...]) -> list[dict[str, Any]]:
    """Every reason with, where an act of this state mends it, the address of that act."""
    offered = {act.name for act in case.acts}
    listed = []
    for blocker in blockers:
        mending = next((name for name in blocker.mend if name in offered), None)
        shown = reason_shown(blocker, case.definition, look.language, case_id=case.snapshot.id)
        if mending:
            shown["href"] = url_for("decisions.form", case_id=case.snapshot.id, act=mending)
        listed.append(shown)
    return listed


def _note(look: Look, task: Row | None, ground: str) -> str:
    if task is None or task["due_on"] is None:
        return ground
    left = days_left_text(task["due_on"], look.ctx.today, look.language)
    return f"{ground} {t('bases.due', look.language, day=task['due_on'], left=left)}"


def _pending_act(look: Look, case: Case) -> dict[str, Any]:
    pending = case.snapshot.pending
    name = pending["act"] if pending else ""
    return {
        "label": act_label(case.definition, CONFIRM, look.language, pending=name),
        "href": url_for("decisions.pending", case_id=case.snapshot.id),
        "note": t("bases.waits_for_second", look.language),
        "expected": True,
    }


def _release_act(look: Look, case: Case) -> dict[str, Any]:
    return {
        "label": t("bases.confirm_past", look.language),
        "href": url_for("bases.past_deadlines", case_id=case.snapshot.id),
        "note": t("bases.past_count", look.language, count=len(_past(case.snapshot))),
        "expected": True,
    }


def held_by_import(look: Look, snapshot: Snapshot) -> list[dict[str, Any]]:
    """The deadlines an import found past, in due order, with what each brings about once it is confirmed."""
    lines = []
    for row in sorted(_past(snapshot), key=lambda row: (row["due_at"], row["name"])):
        timer = snapshot.definition.timers[row["name"]]
        fires = snapshot.definition.acts[timer.fires].label if timer.fires else None
        key = "bases.takes_effect" if fires else "bases.counts_as_missed"
        lines.append(
            {
                "label": timer_label(snapshot.definition, row, look.language),
                "on": row["due_on"],
                "left": days_left_text(row["due_on"], look.ctx.today, look.language),
                "basis": article_text(row["basis"], look.language),
                "effect": t(key, look.language, **({"act": fires} if fires else {})),
            }
        )
    return lines


def _past(snapshot: Snapshot) -> list[Row]:
    return [row for row in snapshot.table("timers") if row["hold"] == HELD_BY_IMPORT]
