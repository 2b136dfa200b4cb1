"""Drawing a form of a decision, or every reason why it cannot be filled in now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import render_template

from web import door, fields, pages
from web.decisions.matter import matter_of
from web.decisions.routing import Answer
from web.decisions.saying import reasons_shown, told_meanwhile, who_of
from web.decisions.sent import LONGEST_COPIES, Sent
from web.pages import Look
from web.words import t
from workflow import queries
from workflow.blockers import Blocker, Fault
from workflow.definition.values.acts import Act, ActKind
from workflow.definition.values.forms import FieldType
from workflow.definition.values.routes import Choice, StepKind
from workflow.explain.entries import entry_title
from workflow.explain.names import badge_of, title_of
from workflow.explain.standing import standing
from workflow.plan import Plan
from workflow.queries import Case
from workflow.snapshot import Row, held_roles
from workflow.words import article_text, label_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """Why a form is shown again."""

    faults: tuple[Fault, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    meanwhile: tuple[Row, ...] | None = None
    """What others did since the form was opened."""
    changed: bool = False
    """The consequences are no longer those that were shown."""
    key_reused: bool = False


def form_page(
    look: Look,
    case: Case,
    plan: Plan,
    sent: Sent,
    wrong: Wrong,
    *,
    saved_at: Any = None,
    key: str | None = None,
) -> str:
    """The form with what was typed into it, and what is wrong with it."""
    definition, act = case.definition, plan.act
    errors = fields.errors_of(wrong.faults, wrong.blockers, act, definition, look.language)
    setting = fields.Setting(
        snapshot=case.snapshot,
        names=pages.names_for(look, case),
        colleges=list(queries.units_by_id(look.session, kind="college").values()),
        rights=look.rights,
        language=look.language,
        raw=sent.raw,
        errors=errors,
    )
    drawn = fields.drawn(setting, act)
    known = {item["name"].partition(".")[0] for item in drawn} | {"outcome", "effective_on", "copies"}
    loose = [fault for fault in wrong.faults if fault.field not in known]
    return render_template(
        "decisions/form.html",
        **frame(look, case, plan),
        fields=[
            *outcome_field(case, act, sent, errors, look.language),
            *drawn,
            *copy_field(act, sent, errors, look.language),
        ],
        effective=effective_field(look, case, sent, errors),
        fact=_chosen_fact(sent, act),
        either=[label_text(definition.fields[name].label, look.language) for name in act.either],
        others=[
            text
            for fault in loose
            for text in fields.errors_of([fault], [], act, definition, look.language)[fault.field]
        ],
        reasons=_case_reasons(wrong.blockers, act, case, look.language),
        open_reasons=() if wrong.blockers else _case_reasons(plan.blockers, act, case, look.language),
        wrong=wrong,
        meanwhile=told_meanwhile(look, case, wrong.meanwhile),
        key=key or pages.new_request_key(),
        back=pages.back(),
        on_behalf_of=sent.on_behalf_of,
        saved_at=saved_at,
        undoes=_undoes(look, case),
        matter=matter_of(look, case, act),
        outcome=str(Choice.SCORE) if is_sheet(case, act) else "",
        autosaves=is_sheet(case, act),
        has_files=any(definition.fields[ask.field].type is FieldType.DOCUMENT for ask in act.asks),
    )


def _case_reasons(blockers: Iterable[Blocker], act: Act, case: Case, language: str) -> list[dict[str, str]]:
    loose = [b for b in blockers if fields.field_of(b, act) is None]
    return reasons_shown(loose, case.definition, language, case_id=case.snapshot.id)


def _undoes(look: Look, case: Case) -> str:
    """Which entry a correction would undo: its act, its day and by whom; nothing at the form of any other act."""
    undone = case.snapshot.undone
    row = queries.entry_of(look.session, case.snapshot.id, undone["seq"]) if undone else None
    if row is None:
        return ""
    return t(
        "decision.undoes",
        look.language,
        seq=row["seq"],
        act=entry_title(row, case.definition, look.language),
        who=who_of(row, case.definition, look.language),
        day=row["effective_on"],
    )


def _chosen_fact(sent: Sent, act: Act) -> str:
    fact = sent.raw.get("fact")
    name = fact.get("name") if isinstance(fact, Mapping) else None
    return name if isinstance(name, str) and name in act.facts else ""


def frame(look: Look, case: Case, plan: Plan) -> dict[str, Any]:
    """What every page of a decision says at its top."""
    lender = plan.on_behalf_of or (plan.steps[0].actor.on_behalf_of if plan.steps else None)
    return {
        **shown_case(look, case),
        "lender": pages.names_for(look, case, people=(lender,)).person(lender) if lender else "",
        "act": plan.act.name,
        "label_of_act": title_of(plan.act.label, look.language),
        "ground": article_text(plan.act.basis, look.language),
    }


def shown_case(look: Look, case: Case) -> dict[str, Any]:
    """Which base, where it stands, and the version that is shown."""
    snapshot = case.snapshot
    return {
        "case_id": snapshot.id,
        "name": snapshot.subject.get("base_name") or "",
        "number": snapshot.subject.get("base_number") or snapshot.subject.get("application_number") or "",
        "badge": badge_of(case.definition, snapshot.state, look.language),
        "standing": standing(snapshot, look.language),
        "version": case.version,
        "seq": snapshot.case["log_seq"],
    }


def outcome_field(
    case: Case, act: Act, sent: Sent, errors: Mapping[str, tuple[str, ...]], language: str
) -> list[dict[str, Any]]:
    """The choice of the outcome, where there is more than one and none follows by itself.

    An expert at their sheet has said before that they do not stand aside, so there is nothing to choose.
    """
    if is_sheet(case, act):
        return []
    outcomes = act.outcomes_by_state.get(case.snapshot.state, act.outcomes)
    if len(outcomes) < 2:
        return []
    options = [
        {"value": name, "label": title_of(case.definition.outcomes[name].label, language)}
        for name in outcomes
    ]
    return [
        {
            "name": "outcome", "type": "choice", "label": t("decision.outcome", language), "hint": "", "basis": "",
            "required": True, "errors": list(errors.get("outcome", ())), "value": sent.outcome, "options": options,
        }
    ]  # fmt: skip


def is_sheet(case: Case, act: Act) -> bool:
    """Whether the act is an expert's opinion on a panel."""
    step = case.definition.any_step(act.name)
    return act.kind is ActKind.BALLOT and step is not None and step.kind is StepKind.SCORE


def copy_field(
    act: Act, sent: Sent, errors: Mapping[str, tuple[str, ...]], language: str
) -> list[dict[str, Any]]:
    """Who is sent a copy of a ballot, and that it gives them no right to see more."""
    if act.kind is not ActKind.BALLOT or door.is_guest():
        return []
    return [
        {
            "name": "copies", "type": "line", "label": t("decision.copies", language),
            "hint": t("decision.copies_hint", language), "basis": "", "required": False, "longest": LONGEST_COPIES,
            "errors": list(errors.get("copies", ())), "value": sent.copies, "options": [],
        }
    ]  # fmt: skip


def effective_field(
    look: Look, case: Case, sent: Sent, errors: Mapping[str, tuple[str, ...]]
) -> dict[str, Any] | None:
    """The effective day, for the roles that may state an earlier one."""
    if not held_roles(case.snapshot, look.rights.person) & set(case.definition.backdating):
        return None
    return {
        "name": "effective_on", "type": "date", "label": t("decision.effective_on", look.language),
        "hint": t("decision.effective_hint", look.language), "basis": article_text("local", look.language),
        "required": False, "errors": list(errors.get("effective_on", ())), "value": sent.effective_on,
    }  # fmt: skip


def refused_page(look: Look, case: Case, plan: Plan) -> str:
    return render_template(
        "decisions/refused.html",
        **frame(look, case, plan),
        reasons=reasons_shown(plan.blockers, case.definition, look.language, case_id=case.snapshot.id),
        back=pages.back(),
    )


def stale_page(look: Look, case: Case, plan: Plan, sent: Sent, *, seq: int) -> Answer:
    """Somebody was faster: who did what meanwhile, and the form with everything typed, on the case as it stands now."""
    meanwhile = queries.entries_since(look.session, case.snapshot.id, seq)
    wrong = Wrong(blockers=plan.blockers, meanwhile=meanwhile)
    return form_page(look, case, plan, sent, wrong), 409
