"""The list of meetings, convening one, and saying who is there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from web import door, pages
from web.admin.sheets import as_typed, ask, fault_text, others, refusal, tell
from web.meetings import blueprint
from web.words import t
from workflow.blockers import Fault
from workflow.context import Context
from workflow.errors import BadInput, NotFound, WorkflowError
from workflow.explain.names import title_of
from workflow.operations.bodies import bodies, body_label, offices
from workflow.operations.deeds import Done
from workflow.operations.meetings import convene, members, note_attendance
from workflow.operations.repeats import once
from workflow.queries import meetings as asked
from workflow.queries import names_of
from workflow.snapshot import Row

Answer = Response | str | tuple[str, int]


@blueprint.get("")
def index() -> str:
    """Every meeting, the latest first."""
    with pages.looking() as look:
        found = asked.meetings_page(
            look.session, after=request.args.get("after"), before=request.args.get("before")
        )
        return render_template(
            "meetings/index.html",
            rows=[{**row, "body": _named(look, row["role"])} for row in found.rows],
            several=len(bodies(look.session)) > 1,
            turn=pages.turn(found, "meetings.index"),
            may_convene=bool(look.rights.roles & offices(look.session)),
        )


def _named(look: pages.Look, role: str) -> str:
    return title_of(body_label(look.session, role), look.language)


@blueprint.route("/new", methods=["GET", "POST"])
def new() -> Answer:
    """Convene a meeting of a body over the votes of it that are open; where there are several, choose whose first."""
    language = door.language()
    with pages.looking() as look:
        mine = [role for role, keepers in bodies(look.session).items() if keepers & look.rights.roles]
        if not mine:
            raise NotFound("no_such_page")
        body = mine[0] if len(mine) == 1 else pages.asked("body")
        if body not in mine:
            return render_template(
                "meetings/whose.html", bodies=[{"value": role, "label": _named(look, role)} for role in mine]
            )
        people = _members(look, body)
        votes = asked.votable(look.session, body)
        today = look.ctx.today
    fields = _fields(people, votes, today)
    if request.method == "GET":
        return _form(fields, key=pages.new_request_key())
    key = pages.sent_key()
    try:
        done = door.act(lambda session, ctx: _convened(session, ctx, body), key=key)
    except BadInput as bad:
        return _form(_as_typed(fields, bad.faults), key=key, problems=others(fields, bad.faults)), 422
    except NotFound:
        raise
    except WorkflowError as refused:
        return _form(_as_typed(fields), key=key, problems=(refusal(refused),)), 422
    tell(done, t("meetings.convene", language))
    return redirect(url_for("meetings.show", meeting_id=done.subject), code=303)


def _members(look: pages.Look, body: str) -> tuple[dict[str, str], ...]:
    keys = members(look.session, body, today=look.ctx.today)
    names = names_of(look.session, people=keys)
    return tuple(
        {"value": key, "label": names.person(key)} for key in sorted(keys, key=lambda key: names.person(key))
    )


def _fields(people: tuple[dict[str, str], ...], votes: Iterable[Row], today: date) -> tuple[Any, ...]:
    language = door.language()

    def labelled(name: str, kind: str, **more: Any) -> Any:
        return ask(name, kind, label=t(f"meetings.{name}", language), **more)

    agenda = tuple(
        {
            "value": row["case_id"],
            "label": t(
                "meetings.agenda_row",
                language,
                name=row["base_name"] or "",
                number=row["application_number"] or row["base_number"] or "",
            ),
        }
        for row in votes
    )
    return (
        labelled("held_on", "date", value=today),
        labelled("place", "line", longest=200),
        labelled("chair", "person", options=people),
        labelled("present", "units", options=people, value=[]),
        labelled("agenda", "units", options=agenda, value=[one["value"] for one in agenda]),
    )


def _as_typed(fields: tuple[Any, ...], faults: Iterable[Fault] = ()) -> tuple[Any, ...]:
    """The form as it was typed; of what can be ticked, everything that was."""
    return tuple(
        replace(one, value=request.form.getlist(one.name)) if one.type == "units" else one
        for one in as_typed(fields, faults)
    )


def _form(fields: tuple[Any, ...], *, key: str, problems: tuple[str, ...] = ()) -> str:
    return render_template("meetings/new.html", fields=fields, key=key, others=problems)


def _convened(session: Session, ctx: Context, body: str) -> Done:
    """Convene what the form asks for, once for its key. A key that is none names nothing and is refused as such."""
    held_on, place, chair = (request.form.get(name, "") for name in ("held_on", "place", "chair"))
    present, agenda = ticked("present"), ticked("agenda")
    day = _day(held_on)

    def work() -> Done:
        return convene(
            session, role=body, held_on=day, place=pages.storable(place), chair=pages.key_in(chair) or None,
            present=present, agenda=agenda, ctx=ctx,
        )  # fmt: skip

    return once(
        session,
        what=["convene", body, held_on, place, chair, present, agenda],
        ctx=ctx,
        kind=Done,
        work=work,
    )


def ticked(name: str) -> list[str]:
    """The keys ticked in the sent form."""
    return [key for key in map(pages.key_in, request.form.getlist(name)) if key]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadInput((Fault(field="held_on", code="not_a_date"),)) from None


# ───────────────────────────── Who is there


@blueprint.route("/<uuid:meeting_id>/present", methods=["GET", "POST"])
def present(meeting_id: UUID) -> Answer:
    """Say which members are present."""
    key, back = str(meeting_id), url_for("meetings.show", meeting_id=meeting_id)
    with pages.looking() as look:
        meeting = asked.meeting_of(look.session, key)
        if not look.rights.roles & bodies(look.session).get(meeting["role"], frozenset()):
            raise NotFound("no_such_page")
        there = [row["person_id"] for row in asked.attendance_of(look.session, key) if row["present"]]
        people = _members(look, meeting["role"])
    field = ask("present", "units", label=t("meetings.present", door.language()), options=people, value=there)
    if request.method == "GET":
        return _attendance(meeting, field)
    try:
        done = door.act(lambda session, ctx: _noted(session, ctx, key), key=pages.sent_key())
    except BadInput as bad:
        wrong = tuple(fault_text(fault, field.label) for fault in bad.faults)
        return _attendance(meeting, replace(field, value=ticked("present"), errors=wrong)), 422
    except NotFound:
        raise
    except WorkflowError as refused:
        return _attendance(meeting, field, problems=(refusal(refused),)), 422
    tell(done, field.label)
    return redirect(back, code=303)


def _attendance(meeting: Row, field: Any, *, problems: tuple[str, ...] = ()) -> str:
    return render_template(
        "meetings/present.html",
        meeting=meeting,
        fields=(field,),
        key=pages.new_request_key(),
        others=problems,
    )


def _noted(session: Session, ctx: Context, key: str) -> Done:
    there = ticked("present")
    return once(
        session,
        what=["present", key, there],
        ctx=ctx,
        kind=Done,
        work=lambda: note_attendance(session, key, present=there, ctx=ctx),
    )
