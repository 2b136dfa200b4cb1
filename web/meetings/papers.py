"""Paper votes: the clerk enters what a member put on paper, with the scan, for every row at once (代录)."""

from __future__ import annotations

from uuid import UUID

from flask import render_template, request
from sqlalchemy.orm import Session

from web import door, pages
from web.admin.sheets import fault_text
from web.meetings import blueprint
from web.meetings.showing import Sight, row_of, sight_of
from web.meetings.voting import attempted, results_page
from web.words import t
from workflow import explain
from workflow.context import Context
from workflow.errors import BadInput, NotFound
from workflow.operations import Receipt, Refusal
from workflow.operations.meetings import enter_paper
from workflow.operations.papers import store_document
from workflow.operations.transcribing import SCAN
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
        if item.is_open and person in item.electorate and person not in _voted(item)
    ]
    return render_template(
        "meetings/paper.html", meeting=sight.meeting, member=member, person=person, rows=rows, problem=problem,
        key=pages.new_request_key(), chosen=request.form,
    )  # fmt: skip


def _voted(item: Agendum) -> set[str]:
    return {ballot["person_id"] for ballot in item.ballots}


def _choices(sight: Sight, item: Agendum) -> list[dict[str, str]]:
    outcomes = item.definition.acts[item.step.name].outcomes
    return [
        {"value": name, "label": explain.title_of(item.definition.outcomes[name].label, sight.look.language)}
        for name in outcomes
    ]


@blueprint.post("/<uuid:meeting_id>/papers/<uuid:person_id>")
def enter(meeting_id: UUID, person_id: UUID) -> Answer:
    """Keep the scan with each row's case and enter its choice; each row in a transaction of its own."""
    key, person, meeting = pages.sent_key(), str(person_id), str(meeting_id)
    with pages.looking() as look:
        sight = _sight(look, meeting_id)
        _member(sight, person)
        chosen = [(item, choice) for item in sight.agenda if (choice := _chosen(item))]
        try:
            scan = _scan()
        except BadInput as bad:
            label = t("meetings.scan", look.language)
            return _form(sight, person, problem=fault_text(bad.faults[0], label)), 422
        if scan is None or not chosen:
            name = "meetings.scan_wanted" if scan is None else "meetings.nothing_chosen"
            return _form(sight, person, problem=t(name, look.language)), 422
    done = [
        (
            item,
            attempted(
                lambda s, ctx, it=item, c=choice: _entered(s, ctx, meeting, it, person, c, scan), key, item
            ),
        )
        for item, choice in chosen
    ]
    return results_page(meeting, done, title="meetings.entered")


def _chosen(item: Agendum) -> str:
    choice = request.form.get(f"choice.{item.id}", "")
    return choice if choice in item.definition.acts[item.step.name].outcomes else ""


def _scan() -> Upload | None:
    """The sent file as it may be kept, None where none was sent. Raises BadInput."""
    sent = request.files.get(SCAN)
    if sent is None or not sent.filename:
        return None
    limit = door.config().upload_limit
    return checked(field=SCAN, name=sent.filename, content=sent.stream.read(limit + 1), limit=limit)


def _entered(
    session: Session, ctx: Context, meeting: str, item: Agendum, person: str, choice: str, scan: Upload
) -> Receipt | Refusal:
    document = store_document(session, item.snapshot.id, field=SCAN, upload=scan, ctx=ctx)
    version = pages.sent_number(f"version.{item.id}")
    return enter_paper(
        session, meeting, item.id, person, choice=choice, scan=document, version=version, ctx=ctx
    )
