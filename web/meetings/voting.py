"""Voting on all rows in one form: what each ballot will do, then each through the one door, and what became of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import render_template, request
from sqlalchemy.orm import Session

from web import door, pages
from web.admin.sheets import refusal
from web.decisions.consequences import digest_of
from web.decisions.saying import reasons_shown
from web.meetings import blueprint
from web.meetings.showing import Sight, page_of, sight_of
from web.words import t
from workflow import gather, queries
from workflow.context import Context
from workflow.errors import WorkflowError
from workflow.explain.names import act_label, title_of
from workflow.explain.route import undisclosed_text
from workflow.operations import Receipt, Refusal
from workflow.operations.meetings import cast
from workflow.plan import Form, Plan, foresee
from workflow.queries.meetings import Agendum
from workflow.words import label_text

Answer = str | tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The row would now do something else than was shown; nothing happened on it."""


Outcome = Receipt | Refusal | Changed | WorkflowError
"""What became of one row."""


@blueprint.post("/<uuid:meeting_id>/votes/check")
def check_votes(meeting_id: UUID) -> Answer:
    """Show what each ballot will do; rows without a choice are left out."""
    with pages.looking() as look:
        sight = sight_of(look, str(meeting_id))
        chosen = choices_in(sight.agenda)
        if not chosen:
            return page_of(sight, problems=(t("meetings.nothing_chosen", look.language),)), 422
        rows = [_shown(sight, item, choice) for item, choice in chosen]
    return render_template("meetings/check.html", meeting=sight.meeting, rows=rows, key=pages.sent_key())


def choices_in(agenda: Iterable[Agendum]) -> list[tuple[Agendum, str]]:
    """The rows on which the form sent chooses something, each with its choice; one there is not counts as none."""
    sent = [(item, request.form.get(f"choice.{item.id}", "")) for item in agenda]
    return [
        (item, choice) for item, choice in sent if choice in item.definition.acts[item.step.name].outcomes
    ]


def _shown(sight: Sight, item: Agendum, choice: str) -> dict[str, Any]:
    form = Form(outcome=choice)
    plan = _planned(item.snapshot, item, form, sight.look.ctx)
    language = sight.look.language
    return {
        "id": item.id,
        "place": item.place,
        "name": item.snapshot.subject.get("base_name") or t("bases.unnamed", language),
        "choice": choice,
        "said": title_of(item.definition.outcomes[choice].label, language),
        "follows": [
            *filter(None, [undisclosed_text(plan, language)]),
            *following(plan.steps[1:], item, language),
        ],
        "reasons": reasons_shown(plan.blockers, item.definition, language),
        "version": pages.sent_number(f"version.{item.id}"),
        "shown": digest_of(plan, form),
    }


def following(steps: Iterable[Any], item: Agendum, language: str) -> list[str]:
    """What takes effect with it: each act and the state it leads to."""
    return [
        t(
            "meetings.follows",
            language,
            act=act_label(item.definition, step.act, language),
            state=label_text(item.definition.states[step.to_state].label, language),
        )
        for step in steps
    ]


def _planned(snapshot: Any, item: Agendum, form: Form, ctx: Context) -> Plan:
    return foresee(snapshot, item.step.name, form, ctx, proposed_by=None)


@blueprint.post("/<uuid:meeting_id>/votes")
def cast_votes(meeting_id: UUID) -> Answer:
    """Cast every ballot that was shown, each in a transaction of its own, and say of each what became of it."""
    key, meeting = pages.sent_key(), str(meeting_id)
    with pages.looking() as look:
        agenda = sight_of(look, meeting).agenda
    done = [
        (
            item,
            attempted(lambda s, ctx, it=item, c=choice: _as_shown(s, ctx, meeting, it, c), key, item),
        )
        for item, choice in choices_in(agenda)
    ]
    return results_page(meeting, done, title="meetings.voted")


def attempted(work: Any, key: str, item: Agendum) -> Outcome:
    """One row, once for the form's key and the row's place; a refusal of this row says nothing about the others."""
    try:
        outcome: Outcome = door.act(work, key=f"{key}-{item.place}")
    except WorkflowError as error:
        return error
    return outcome


def _as_shown(
    session: Session, ctx: Context, meeting: str, item: Agendum, choice: str
) -> Receipt | Refusal | Changed:
    form, version = Form(outcome=choice), pages.sent_number(f"version.{item.id}")
    gather.lock(session, item.snapshot.id)
    case = queries.case_for(session, item.snapshot.id, ctx=ctx, act=item.step.name)
    plan = _planned(case.snapshot, item, form, ctx)
    is_as_it_was = case.version == version and not plan.blockers
    if is_as_it_was and digest_of(plan, form) != request.form.get(f"shown.{item.id}"):
        return Changed()
    return cast(session, meeting, item.id, form=form, version=version, ctx=ctx)


# ───────────────────────────── What became of each


def results_page(meeting_id: str, done: list[tuple[Agendum, Outcome]], *, title: str) -> Answer:
    """The result row by row, with what followed; the status tells a program whether all went through."""
    with pages.looking() as look:
        sight = sight_of(look, meeting_id)
        rows = [_result(item, outcome, look.language) for item, outcome in done]
    page = render_template(
        "meetings/results.html", meeting=sight.meeting, rows=rows, title=t(title, look.language)
    )
    return page, 200 if all(row["done"] for row in rows) else 409


def _result(item: Agendum, outcome: Outcome, language: str) -> dict[str, Any]:
    name = item.snapshot.subject.get("base_name") or t("bases.unnamed", language)
    row: dict[str, Any] = {"place": item.place, "name": name, "done": isinstance(outcome, Receipt)}
    if isinstance(outcome, Receipt):
        acts = [act_label(item.definition, act, language) for _, act, _ in outcome.entries[1:] if act]
        state = label_text(item.definition.states[outcome.state].label, language)
        said = t("meetings.recorded", language, seq=outcome.seq, hash=outcome.hash[:12])
        follows = [t("meetings.followed", language, acts=acts, state=state)] if acts else []
        return {**row, "texts": [said, *follows]}
    return {**row, "texts": _why_not(item, outcome, language)}


def _why_not(item: Agendum, outcome: Refusal | Changed | WorkflowError, language: str) -> list[str]:
    if isinstance(outcome, WorkflowError):
        return [refusal(outcome)]
    if isinstance(outcome, Changed) or outcome.stale is not None:
        return [t("meetings.changed", language)]
    return [reason["text"] for reason in reasons_shown(outcome.blockers, item.definition, language)]
