"""The inbox: what waits for me, what I did, what I opened, what I was told."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from web import door, pages
from web.decisions.saying import reasons_shown
from web.decisions.selection import may_be_selected
from web.pages import Look
from web.proposals import open_to
from web.words import t
from workflow import queries
from workflow.definition.values.acts import State
from workflow.definition.values.edition import Definition
from workflow.errors import BadInput
from workflow.explain.entries import entry_title
from workflow.explain.names import act_label, headed, role_label, title_of
from workflow.explain.standing import stands_in_note
from workflow.messages import About, compose
from workflow.operations.papers import mark_read
from workflow.operations.rounds import RoundAct
from workflow.queries import Page, TodoFilter
from workflow.queries.meetings import concerned_with_meetings
from workflow.snapshot import Row
from workflow.standing_in import stood_in_for
from workflow.tasks import CONFIRM, NAME_PANEL
from workflow.words import days_left_text, say
from workflow.world import editions_in_use, lifecycles_in_use

blueprint = Blueprint("inbox", __name__)

LISTS = ("todo", "done", "opened", "copied")
FILTERS = ("list", "q", "state", "overdue", "after", "before")
"""What an address of the list of what waits may say."""


@blueprint.get("/")
def index() -> str:
    """One of the four lists, the first when the address names none."""
    chosen = pages.asked("list") if pages.asked("list") in LISTS else "todo"
    with pages.looking() as look:
        show = {"todo": _todo, "done": _done, "opened": _opened, "copied": _copied}[chosen]
        return render_template(
            "inbox/index.html",
            chosen=chosen,
            lists=LISTS,
            counts={
                "todo": queries.to_do_count(look.session, look.rights),
                "copied": queries.unread_count(look.session, look.rights),
            },
            meetings=queries.open_meetings_of(look.session, look.rights.person),
            sees_meetings=bool(look.rights.roles & concerned_with_meetings(look.session)),
            propose=_propose(look),
            **show(look),
        )


def _propose(look: Look) -> str:
    """What the way to a new proposal says; nothing to whoever may open none."""
    if not open_to(look):
        return ""
    return t(
        "inbox.propose" if len(lifecycles_in_use(look.session)) == 1 else "inbox.propose_any", look.language
    )


def _opening_roles(look: Look) -> tuple[str, ...]:
    return tuple(definition.opens for definition in lifecycles_in_use(look.session).values())


def _marks() -> dict[str, str | None]:
    return {"after": request.args.get("after"), "before": request.args.get("before")}


def _todo(look: Look) -> dict[str, Any]:
    wanted = TodoFilter(
        state=pages.asked("state"), text=pages.asked("q"), overdue=request.args.get("overdue") == "1"
    )
    found = queries.to_do(look.session, look.rights, wanted, **_marks())
    editions = editions_in_use(look.session)
    overdue = "1" if wanted.overdue else ""
    return {
        "stuck": [
            _stuck_row(look, one) for one in queries.stuck_steps(look.session, look.rights, ctx=look.ctx)
        ],
        "held_up": [
            _held_up_row(look, one)
            for one in queries.decisions_held_up(look.session, look.rights, ctx=look.ctx)
        ],
        "rows": [_todo_row(look, row, editions) for row in found.rows],
        "turn": pages.turn(
            found, "inbox.index", list="todo", state=wanted.state, q=wanted.text, overdue=overdue
        ),
        "wanted": wanted,
        "ticked": pages.asked("ticked") == "all",
        "unticked": _here(),
        "all_ticked": _here(ticked="all"),
        "states": _open_states(look),
    }


def _open_states(look: Look) -> list[dict[str, str]]:
    """The states in which something may wait, of every lifecycle; one that several name alike once."""
    states: dict[str, State] = {}
    for definition in lifecycles_in_use(look.session).values():
        for state in definition.states.values():
            if not state.end:
                states.setdefault(state.name, state)
    return [{"value": state.name, "label": title_of(state.label, look.language)} for state in states.values()]


def _stuck_row(look: Look, stuck: queries.Stuck) -> dict[str, Any]:
    """The step, why nobody can act on it, and what mends it."""
    subject, language = stuck.snapshot.subject, look.language
    roles = [stuck.snapshot.definition.roles[role].label for role in stuck.step.by]
    return {
        "name": subject.get("base_name") or subject.get("application_number") or t("bases.unnamed", language),
        "href": url_for("bases.show", case_id=stuck.snapshot.id),
        "step": title_of(stuck.step.label, language),
        "reason": say(f"route.lack.{stuck.lack}", language, roles=roles),
        "mend": say(f"route.mend.{stuck.lack}", language, roles=roles),
    }


def _held_up_row(look: Look, waiting: queries.Waiting) -> dict[str, Any]:
    """What was decided, and everything that stands in its way."""
    snapshot, language = waiting.snapshot, look.language
    return {
        "name": snapshot.subject.get("base_name")
        or snapshot.subject.get("application_number")
        or t("bases.unnamed", language),
        "href": url_for("bases.show", case_id=snapshot.id),
        "act": title_of(waiting.act.label, language),
        "reasons": reasons_shown(waiting.blockers, snapshot.definition, language, case_id=snapshot.id),
    }


def _left(look: Look, row: Row) -> str:
    """How far the row's deadline is, and that it may still move; nothing where there is none."""
    if not row["due_on"]:
        return ""
    return days_left_text(row["due_on"], look.ctx.today, look.language, provisional=bool(row["provisional"]))


def _todo_row(look: Look, row: Row, editions: Any) -> dict[str, Any]:
    definition, language = editions[row["edition_id"]], look.language
    due_on = row["due_on"]
    stands_for = stood_in_for(definition, row["act"], row["role"])
    return {
        "id": row["id"],
        "subject": pages.subject(row, editions, language),
        "what": headed(act_label(definition, row["act"], language, pending=row["pending_act"]), language),
        "role": headed(role_label(definition, row["role"], language), language),
        "asked_by": row["asked_by"] or "",
        "since": row["opened_at"],
        "due_on": due_on,
        "left": _left(look, row),
        "overdue": bool(due_on and due_on < look.ctx.today),
        "href": _task_address(row, definition) if row["own"] else "",
        "note": stands_in_note(definition, stands_for, language),
        "may_be_selected": row["own"]
        and not stands_for
        and may_be_selected(definition, state=row["state"], asked=row["act"]),
        "lenders": [
            {"name": lender["name"], "href": _task_address(row, definition, lender=lender["person_id"])}
            for lender in row["lenders"]
        ],
    }


def _here(*, ticked: str | None = None) -> str:
    """The address of this list with its filters, to come back to; with nothing ticked in it unless that is asked for."""
    kept: dict[str, Any] = {name: request.args[name] for name in FILTERS if name in request.args}
    return url_for("inbox.index", **kept, ticked=ticked)


def _task_address(row: Row, definition: Definition, *, lender: str | None = None) -> str:
    """Where a task is done, with a lender in that person's stead; of one that falls to a stand-in, where a person is linked."""
    back = _here()
    if stood_in_for(definition, row["act"], row["role"]):
        return url_for("bases.show", case_id=row["case_id"], _anchor="people")
    if row["act"] == CONFIRM:
        return url_for("decisions.pending", case_id=row["case_id"], back=back)
    if pages.is_proposal(definition, row["state"], row["act"]):
        return url_for("proposals.show", case_id=row["case_id"])
    if row["act"] == NAME_PANEL:
        return url_for("seats.form", case_id=row["case_id"], act=RoundAct.NAME_EXPERTS)
    if row["act"] not in definition.acts:
        return url_for("bases.step", case_id=row["case_id"], name=row["act"], back=back)
    stead: dict[str, Any] = {"for": lender} if lender else {}
    return url_for("decisions.form", case_id=row["case_id"], act=row["act"], back=back, **stead)


def _done(look: Look) -> dict[str, Any]:
    found = queries.done_by_me(look.session, look.rights, **_marks())
    editions = editions_in_use(look.session)
    rows = [
        {
            "subject": pages.subject(row, editions, look.language),
            "what": entry_title(row, editions[row["edition_id"]], look.language),
            "at": row["recorded_at"],
            "number": row["seq"],
            "href": url_for("decisions.receipt", case_id=row["case_id"], seq=row["seq"], back=pages.here()),
        }
        for row in found.rows
    ]
    return {"rows": rows, "turn": pages.turn(found, "inbox.index", list="done")}


def _opened(look: Look) -> dict[str, Any]:
    found = queries.opened_by_me(look.session, look.rights, roles=_opening_roles(look), **_marks())
    editions = editions_in_use(look.session)
    rows = [_opened_row(look, row, editions) for row in found.rows]
    return {"rows": rows, "turn": pages.turn(found, "inbox.index", list="opened")}


def _opened_row(look: Look, row: Row, editions: Any) -> dict[str, Any]:
    is_draft = pages.is_draft(editions[row["edition_id"]], row["state"])
    endpoint = "proposals.show" if is_draft else "bases.show"
    return {
        "subject": pages.subject(row, editions, look.language),
        "at": row["opened_at"],
        "since": row["entered_on"],
        "due_on": row["due_on"],
        "left": _left(look, row),
        "overdue": bool(row["due_on"] and row["due_on"] < look.ctx.today),
        "href": url_for(endpoint, case_id=row["case_id"]),
    }


def _copied(look: Look) -> dict[str, Any]:
    unread = request.args.get("unread") == "1"
    found = queries.copied_to_me(look.session, look.rights, unread=unread, **_marks())
    return {
        "rows": _messages(look, found),
        "turn": pages.turn(found, "inbox.index", list="copied", unread="1" if unread else ""),
        "unread": unread,
        "here": pages.here(),
    }


def _messages(look: Look, found: Page) -> list[dict[str, Any]]:
    editions = editions_in_use(look.session)
    senders = queries.names_of(look.session, people=[row["params"].get("by") for row in found.rows])
    rows = []
    for row in found.rows:
        if row["case_id"] is None:
            continue
        about = About(
            definition=editions[row["edition_id"]],
            base=row["base_name"] or row["application_number"] or "",
            name="",
            language=look.language,
            link="",
            today=look.ctx.today,
            proposer=row["proposer"] or "",
            by=senders.person(row["params"].get("by")),
        )
        rows.append(
            {
                "id": row["id"],
                "subject": pages.subject(row, editions, look.language),
                "text": compose(row["template"], row["params"], about).subject,
                "at": row["queued_at"],
                "read": row["read_at"],
                "href": url_for("bases.show", case_id=row["case_id"]),
            }
        )
    return rows


@blueprint.post("/notices/read")
def read() -> Response:
    """Mark notices as read: those that were ticked, or all of them."""
    ticked = None if request.form.get("all") else _keys(request.form.getlist("notice"))
    door.act(lambda session, ctx: mark_read(session, ticked, ctx=ctx))
    return redirect(pages.back() or url_for("inbox.index", list="copied"), code=303)


def _keys(texts: list[str]) -> list[str]:
    try:
        return [str(UUID(text)) for text in texts]
    except ValueError:
        raise BadInput(()) from None
