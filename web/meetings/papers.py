"""Paper votes: the clerk enters what a member put on paper, with the scan, for every row at once (代录)."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from flask import render_template, request
from sqlalchemy.orm import Session

from web import door, pages
from web.admin.sheets import fault_text
from web.decisions.saying import reasons_shown
from web.meetings import blueprint
from web.meetings.scans import left_aside, named_by
from web.meetings.showing import Sight, owes, row_of, sight_of
from web.meetings.voting import Changed, attempted, choices_in, following, results_page
from web.words import t
from workflow import gather
from workflow.blockers import Blocker
from workflow.context import Context
from workflow.errors import BadInput, NotFound
from workflow.explain.names import title_of
from workflow.explain.route import undisclosed_of
from workflow.log import canonical
from workflow.operations import Receipt, Refusal
from workflow.operations.meetings import enter_paper
from workflow.operations.open_round import planned
from workflow.operations.transcribing import SCAN, transcribing
from workflow.plan import Step
from workflow.plan.foreseeing import closes_confidential
from workflow.queries import meetings as asked
from workflow.queries.meetings import Agendum
from workflow.uploads import Upload, checked

Answer = str | tuple[str, int]


@blueprint.get("/<uuid:meeting_id>/papers/<uuid:person_id>")
def paper(meeting_id: UUID, person_id: UUID) -> Answer:
    """The form: the rows the member has not voted on, and the scan."""
    with pages.looking() as look:
        return _form(_sight(look, meeting_id), str(person_id))


def _sight(look: pages.Look, meeting_id: UUID) -> Sight:
    sight = sight_of(look, str(meeting_id))
    if not sight.is_office or not sight.is_open:
        raise NotFound("no_such_page")
    return sight


def _member(sight: Sight, person: str) -> str:
    """The name of a member who is present. Raises NotFound for anybody else."""
    for row in sight.attendance:
        if row["person_id"] == person and row["present"]:
            return str(row["name"])
    raise NotFound("no_such_page")


def _form(sight: Sight, person: str, *, problem: str = "") -> str:
    member = _member(sight, person)
    rows = [
        {**row_of(sight, item), "choices": _choices(sight, item)}
        for item in sight.agenda
        if owes(item, person)
    ]
    return render_template(
        "meetings/paper.html", meeting=sight.meeting, member=member, person=person, rows=rows, problem=problem,
        key=pages.new_request_key(), chosen=request.form,
    )  # fmt: skip


def _choices(sight: Sight, item: Agendum) -> list[dict[str, str]]:
    outcomes = item.definition.acts[item.step.name].outcomes
    return [
        {"value": name, "label": title_of(item.definition.outcomes[name].label, sight.look.language)}
        for name in outcomes
    ]


# ───────────────────────────── What it will do


@blueprint.post("/<uuid:meeting_id>/papers/<uuid:person_id>/check")
def check_papers(meeting_id: UUID, person_id: UUID) -> Answer:
    """Set the scan aside, and show what entering each choice will do; nothing is entered yet, and a scan left here does not stay."""
    key, person = pages.sent_key(), str(person_id)
    with pages.looking() as look:
        sight = _sight(look, meeting_id)
        _member(sight, person)
        chosen = choices_in(sight.agenda)
        try:
            scan = _scan()
        except BadInput as bad:
            label = t("meetings.scan", look.language)
            return _form(sight, person, problem=fault_text(bad.faults[0], label)), 422
        if scan is None or not chosen:
            name = "meetings.scan_wanted" if scan is None else "meetings.nothing_chosen"
            return _form(sight, person, problem=t(name, look.language)), 422
    aside = left_aside(scan)
    with pages.looking() as look:
        sight = _sight(look, meeting_id)
        rows = [_shown(sight, item, person, choice, aside) for item, choice in choices_in(sight.agenda)]
        member = _member(sight, person)
    return render_template(
        "meetings/paper_check.html",
        meeting=sight.meeting,
        member=member,
        person=person,
        rows=rows,
        key=key,
    )


def _shown(sight: Sight, item: Agendum, person: str, choice: str, scan: str) -> dict[str, Any]:
    language, plan = sight.look.language, _planned(item, person, choice, sight.look.ctx)
    row = {
        **row_of(sight, item),
        "choice": choice,
        "said": title_of(item.definition.outcomes[choice].label, language),
        "version": pages.sent_number(f"version.{item.id}"),
        "scan": scan,
    }
    if isinstance(plan, Blocker):
        return {**row, "reasons": reasons_shown((plan,), item.definition, language)}
    follows = _following(item, plan, language)
    return {**row, "reasons": [], "follows": follows, "shown": _digest(choice, plan)}


def _planned(item: Agendum, person: str, choice: str, ctx: Context) -> tuple[Step, ...] | Blocker:
    """The steps that may be shown: of a ballot that closes the vote only that one, for it would tell how the others voted."""
    steps = planned(item.snapshot, transcribing(person, choice=choice, scan=None), ctx)
    if isinstance(steps, Blocker) or not closes_confidential(steps[0]):
        return steps
    return steps[:1]


def _following(item: Agendum, steps: tuple[Step, ...], language: str) -> list[str]:
    if closes_confidential(steps[0]):
        return [undisclosed_of(item.definition, item.step.name, language)]
    return following(steps[1:], item, language)


def _digest(choice: str, steps: tuple[Step, ...]) -> str:
    """A hash of what was shown of a row."""
    shown = [choice, closes_confidential(steps[0]), [[step.act, step.to_state] for step in steps]]
    return hashlib.sha256(canonical(shown).encode()).hexdigest()


# ───────────────────────────── Entering it


@blueprint.post("/<uuid:meeting_id>/papers/<uuid:person_id>")
def enter(meeting_id: UUID, person_id: UUID) -> Answer:
    """Enter every choice that was shown, each row in a transaction of its own."""
    key, person, meeting = pages.sent_key(), str(person_id), str(meeting_id)
    with pages.looking() as look:
        sight = _sight(look, meeting_id)
        _member(sight, person)
        chosen = choices_in(sight.agenda)
    done = [
        (
            item,
            attempted(lambda s, ctx, it=item, c=choice: _entered(s, ctx, meeting, it, person, c), key, item),
        )
        for item, choice in chosen
    ]
    return results_page(meeting, done, title="meetings.entered")


def _scan() -> Upload | None:
    """The sent file as it may be kept, None where none was sent. Raises BadInput."""
    sent = request.files.get(SCAN)
    if sent is None or not sent.filename:
        return None
    limit = door.config().upload_limit
    return checked(field=SCAN, name=sent.filename, content=sent.stream.read(limit + 1), limit=limit)


def _entered(
    session: Session, ctx: Context, meeting: str, item: Agendum, person: str, choice: str
) -> Receipt | Refusal | Changed:
    version, scan = pages.sent_number(f"version.{item.id}"), named_by(request.form.get(f"scan.{item.id}", ""))
    gather.lock(session, item.snapshot.id)
    now = next(row for row in asked.agenda_of(session, meeting, ctx=ctx) if row.id == item.id)
    plan = _planned(now, person, choice, ctx)
    is_as_it_was = now.snapshot.case["version"] == version
    if (
        is_as_it_was
        and not isinstance(plan, Blocker)
        and _digest(choice, plan) != request.form.get(f"shown.{item.id}")
    ):
        return Changed()
    return enter_paper(session, meeting, item.id, person, choice=choice, scan=scan, version=version, ctx=ctx)
