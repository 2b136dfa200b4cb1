"""Cases: the list, one case with its facts and its history, and opening a draft."""

from __future__ import annotations

from sqlalchemy import select

from models import Edition
from web.api import wording
from web.api.problems import Refused
from web.api.routing import Call, Desk, Reply, operation, tag
from web.api.shapes.cases import (
    CaseLine,
    CasePage,
    CaseQuery,
    CaseView,
    DateOf,
    NewCase,
    NextDeadline,
    Opened,
)
from web.api.shapes.entries import EntryPage
from web.api.shapes.parts import PlacePaging
from web.api.shapes.problems import Fault, Kind
from web.api.tongue import language, t
from workflow.blockers import Blocker, Rank
from workflow.definition.values.edition import Definition
from workflow.errors import WorkflowError
from workflow.explain.standing import standing
from workflow.operations import open_case
from workflow.operations.answers import Made
from workflow.operations.repeats import once
from workflow.queries import BaseFilter, Deadline, bases_page, case_for, history_page, names_of, seen
from workflow.snapshot import Row
from workflow.words import label_text
from workflow.world import current_edition, editions_in_use

FIRST_VERSION = 1
"""The version of a case nobody has acted on."""


@operation("GET", "/cases", answer=CasePage, query=CaseQuery)
def list_cases(call: Call, *, query: CaseQuery) -> CasePage:
    with call.reading() as desk:
        wanted = BaseFilter(
            lifecycle=query.lifecycle or _only_lifecycle(desk),
            state=query.state or "",
            college=query.unit or "",
            text=query.q or "",
            deadline=Deadline.OVERDUE if query.overdue == "true" else None,
        )
        found = bases_page(
            desk.session, desk.rights, wanted, at=desk.ctx.at, after=query.after, before=query.before
        )
        editions = editions_in_use(desk.session)
    return CasePage(
        items=[_line(row, editions[row["edition_id"]]) for row in found.rows],
        newer=found.newer,
        older=found.older,
    )


def _only_lifecycle(desk: Desk) -> str:
    """The lifecycle published first, where the caller names none."""
    first = select(Edition.lifecycle).order_by(Edition.published_at, Edition.id).limit(1)
    return desk.session.scalar(first) or ""


def _line(row: Row, definition: Definition) -> CaseLine:
    return CaseLine(
        id=row["case_id"],
        state=wording.state(definition, row["state"]),
        base_name=row["base_name"],
        base_number=row["base_number"],
        application_number=row["application_number"],
        partner=row["partner_name"],
        college=row["college_name"],
        level=row["level"],
        entered_on=row["entered_on"],
        closed_at=row["closed_at"],
        next_deadline=_next(row, definition),
        agreement_last_day=row["agreement_last_day"],
    )


def _next(row: Row, definition: Definition) -> NextDeadline | None:
    if row["due_on"] is None:
        return None
    label = definition.timers[row["due_name"]].label
    return NextDeadline(name=row["due_name"], text=label_text(label, language()), due_on=row["due_on"])


@operation("GET", "/cases/<case_id>", answer=CaseView, tagged=True)
def read_case(call: Call, case_id: str) -> Reply:
    with call.reading() as desk:
        seen(desk.session, desk.rights, case_id)
        case = case_for(desk.session, case_id, ctx=desk.ctx)
        snapshot = case.snapshot
        names = names_of(
            desk.session, people=(), documents=snapshot.table("documents"), partners=snapshot.partners
        )
    definition, row = case.definition, snapshot.case
    view = CaseView(
        id=case_id,
        lifecycle=definition.name,
        edition=definition.edition,
        state=wording.state(definition, snapshot.state),
        version=case.version,
        opened_at=row["opened_at"],
        entered_on=row["entered_on"],
        closed_at=row["closed_at"],
        standing=standing(snapshot, call.language),
        facts=wording.facts(snapshot, names),
        dates=[
            DateOf(name=name, text=label_text(rule.label, call.language), day=day, basis=rule.basis)
            for (name, day), rule in zip(snapshot.dates().items(), definition.dates.values(), strict=True)
        ],
        pending=snapshot.pending["id"] if snapshot.pending else None,
    )
    return Reply(body=view, headers=tag(case.version))


@operation("GET", "/cases/<case_id>/history", answer=EntryPage, query=PlacePaging)
def read_history(call: Call, case_id: str, *, query: PlacePaging) -> EntryPage:
    with call.reading() as desk:
        seen(desk.session, desk.rights, case_id)
        definition = case_for(desk.session, case_id, ctx=desk.ctx).definition
        found = history_page(desk.session, case_id, after=query.after, before=query.before)
    return EntryPage(
        items=[
            wording.entry(row, definition, actor=wording.actor_name(row, row["actor_name"], definition))
            for row in found.rows
        ],
        newer=found.newer,
        older=found.older,
    )


@operation(
    "POST", "/cases", answer=Opened, body=NewCase, key=True, decides=True, tagged=True, statuses=(200, 201)
)
def open_draft(call: Call, *, body: NewCase) -> Reply:
    def work(desk: Desk) -> Made:
        what = ["open", body.lifecycle, body.unit]
        return once(desk.session, what=what, ctx=desk.ctx, kind=Made, work=lambda: _opened(desk, body))

    made = call.act(work)
    with call.reading() as desk:
        definition = current_edition(desk.session, body.lifecycle)[1]
    state = wording.state(definition, definition.initial)
    opened = Opened(id=made.id, version=FIRST_VERSION, state=state, repeated=made.repeated)
    headers = {**tag(opened.version), "Location": f"/api/v1/cases/{opened.id}"}
    return Reply(body=opened, status=200 if made.repeated else 201, headers=headers)


def _opened(desk: Desk, body: NewCase) -> Made:
    try:
        definition = current_edition(desk.session, body.lifecycle)[1]
    except LookupError:
        raise Refused(Kind.BAD_INPUT, faults=[_unknown_lifecycle()]) from None
    try:
        return Made(id=open_case(desk.session, body.lifecycle, unit_id=body.unit, ctx=desk.ctx))
    except WorkflowError as refused:
        if refused.code != "not_your_role":
            raise
        roles = refused.params["roles"]
        blocker = Blocker(
            code="not_your_role", basis="local", rank=Rank.ROLE, params={"roles": roles}, mend=tuple(roles)
        )
        raise Refused(Kind.NOT_ALLOWED, blockers=wording.reasons([blocker], definition)) from None


def _unknown_lifecycle() -> Fault:
    return Fault(field="lifecycle", code="unknown_choice", text=t("fault.unknown_choice", field="lifecycle"))
