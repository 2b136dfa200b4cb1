"""Deciding several bases at once: the act they have in common, the one form, what it will do to each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flask import flash, redirect, render_template, request, url_for

from web import door, fields, pages
from web.decisions import selection
from web.decisions.consequences import digest_of
from web.decisions.routing import Answer, blueprint
from web.decisions.saying import reasons_shown
from web.decisions.selection import MOST, Planned, Selected
from web.decisions.sent import Sent, sent_form
from web.decisions.showing import outcome_field
from web.pages import Look
from web.words import t
from workflow import queries
from workflow.blockers import Blocker, Fault
from workflow.definition.values.acts import Act
from workflow.errors import BadInput
from workflow.explain.consequences import finals_of, told_of
from workflow.explain.deadlines import deadlines_of
from workflow.explain.names import badge_of, title_of
from workflow.queries import Names
from workflow.words import article_text

# ───────────────────────────── The act they have in common


@blueprint.get("/tasks/selected")
def choose() -> Answer:
    """The selected bases, and the acts that can be decided for all of them."""
    case_ids = selection.selected_ids()
    if wrong := _wrong_number(case_ids):
        return wrong
    with pages.looking() as look:
        chosen = selection.selected(look, case_ids)
        return render_template(
            "decisions/choose.html",
            chosen=[one.subject for one in chosen],
            acts=list(selection.common_acts(look, chosen)),
            case_ids=case_ids,
            back=pages.back(),
        )


def _wrong_number(case_ids: Sequence[str]) -> Answer | None:
    """The way back to the list where nothing was selected, or more than can be decided at once."""
    if 0 < len(case_ids) <= MOST:
        return None
    key = "together.too_many" if case_ids else "together.nothing_selected"
    flash(t(key, door.language(), most=MOST), "warning")
    return redirect(pages.back() or url_for("inbox.index"), code=303)


# ───────────────────────────── One form


@blueprint.get("/tasks/selected/<act>")
def fill_in(act: str) -> Answer:
    """The form of the act, or at once what it will do where it asks for nothing."""
    case_ids = selection.selected_ids()
    if wrong := _wrong_number(case_ids):
        return wrong
    with pages.looking() as look:
        chosen = selection.selected_for(look, case_ids, act)
        drawn = _drawn(look, chosen, act, Sent(), {})
        if drawn:
            return _form_page(look, chosen, act, drawn, ())
        return _consequences(look, chosen, act, Sent())


@blueprint.post("/tasks/selected/<act>/preview")
def preview_together(act: str) -> Answer:
    """What the act will do to each base, or the form again with what is wrong."""
    case_ids = selection.selected_ids()
    if wrong := _wrong_number(case_ids):
        return wrong
    with pages.looking() as look:
        chosen = selection.selected_for(look, case_ids, act)
        sent = sent_form(chosen[0].case.definition)
        if request.form.get("do") == "edit":
            return _form_page(look, chosen, act, _drawn(look, chosen, act, sent, {}), ())
        try:
            return _consequences(look, chosen, act, sent)
        except BadInput as bad:
            return _form_again(look, chosen, act, sent, faults=bad.faults), 400


def _drawn(
    look: Look, chosen: Sequence[Selected], act: str, sent: Sent, errors: dict[str, tuple[str, ...]]
) -> list[dict[str, Any]]:
    """The outcome and the fields that serve all."""
    case = chosen[0].case
    known = case.definition.acts[act]
    setting = fields.Setting(
        snapshot=case.snapshot,
        names=Names(),
        colleges=(),
        rights=look.rights,
        language=look.language,
        raw=sent.raw,
        errors=errors,
    )
    asked = selection.shared_fields(case.definition, known)
    return [
        *outcome_field(case, known, sent, errors, look.language),
        *fields.drawn(setting, known, only=asked),
    ]


def _form_again(
    look: Look,
    chosen: Sequence[Selected],
    act: str,
    sent: Sent,
    *,
    faults: Iterable[Fault] = (),
    blockers: Iterable[Blocker] = (),
) -> str:
    definition = chosen[0].case.definition
    errors = fields.errors_of(faults, blockers, definition.acts[act], definition, look.language)
    drawn = _drawn(look, chosen, act, sent, errors)
    shown = {item["name"] for item in drawn}
    others = [text for name, texts in errors.items() if name not in shown for text in texts]
    return _form_page(look, chosen, act, drawn, others)


def _form_page(
    look: Look, chosen: Sequence[Selected], act: str, drawn: list[dict[str, Any]], others: Iterable[str]
) -> str:
    return render_template(
        "decisions/fill_in.html",
        **_frame(look, chosen[0].case.definition.acts[act]),
        chosen=[one.subject for one in chosen],
        fields=drawn,
        others=list(others),
        back=pages.back(),
    )


def _frame(look: Look, act: Act) -> dict[str, Any]:
    return {
        "act": act.name,
        "label_of_act": title_of(act.label, look.language),
        "ground": article_text(act.basis, look.language),
    }


# ───────────────────────────── What it will do


def _consequences(look: Look, chosen: Sequence[Selected], act: str, sent: Sent) -> Answer:
    """What the act will do to each base, those left out for which it is not possible. Raises BadInput."""
    definition = chosen[0].case.definition
    known = definition.acts[act]
    plans = selection.planned(look, chosen, act, sent)
    if wanted := selection.about_the_form(plans, selection.shared_fields(definition, known)):
        return _form_again(look, chosen, act, sent, blockers=wanted), 422
    possible = [planned for planned in plans if planned.plan.allowed]
    names = queries.names_of(look.session, people=[who for one in possible for who in queries.told(one.plan)])
    rows = [_row(look, planned, names) for planned in possible]
    page = render_template(
        "decisions/together.html",
        **_frame(look, known),
        rows=rows,
        final=list(dict.fromkeys(line for row in rows for line in row["final"])),
        left_out=[_left_out(look, planned) for planned in plans if not planned.plan.allowed],
        case_ids=[one.case.snapshot.id for one in chosen],
        has_fields=bool(_drawn(look, chosen, act, sent, {})),
        flat=sent.flat(),
        key=pages.new_request_key(),
        back=pages.back(),
    )
    return page if possible else (page, 422)


def _row(look: Look, planned: Planned, names: Names) -> dict[str, Any]:
    """The consequences for one base in short."""
    snapshot, plan, language = planned.one.case.snapshot, planned.plan, look.language
    definition = snapshot.definition
    after = plan.after.state if plan.after is not None else snapshot.state
    return {
        "subject": planned.one.subject,
        "to_state": badge_of(definition, after, language),
        "deadlines": deadlines_of(plan, snapshot, language),
        "told": [told.who for told in told_of(plan, names, language)],
        "final": finals_of(plan, snapshot, language),
        "warnings": [
            {"code": warning.code, **reason}
            for warning, reason in zip(
                plan.warnings, reasons_shown(plan.warnings, definition, language), strict=True
            )
        ],
        "mark": f"{snapshot.id} {planned.one.case.version} {snapshot.case['log_seq']} {digest_of(plan, planned.form)}",
    }


def _left_out(look: Look, planned: Planned) -> dict[str, Any]:
    definition = planned.one.case.definition
    return {
        "subject": planned.one.subject,
        "reasons": reasons_shown(planned.plan.blockers, definition, look.language),
    }
