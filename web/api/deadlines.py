"""Deadlines: those that run over all cases, and those of one case with what set and ended each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from web.api import wording
from web.api.routing import Call, operation
from web.api.shapes.deadlines import DeadlineLine, DeadlineList, DeadlinePage, DeadlineQuery, TimerQuery
from workflow.definition.values.edition import Definition
from workflow.periods import Kind
from workflow.queries import DeadlineFilter, case_for, deadlines_page, roles_asked, seen, timers_of
from workflow.snapshot import Row
from workflow.timers import answering_roles
from workflow.world import editions_in_use


@operation("GET", "/deadlines", answer=DeadlinePage, query=DeadlineQuery)
def list_deadlines(call: Call, *, query: DeadlineQuery) -> DeadlinePage:
    with call.reading() as desk:
        found = deadlines_page(
            desk.session, desk.rights, _wanted(query), at=desk.ctx.at, after=query.after, before=query.before
        )
        asked = roles_asked(desk.session, found.rows)
        editions = editions_in_use(desk.session)
        at = desk.ctx.at
    return DeadlinePage(
        items=[_line(row, editions[row["edition_id"]], asked, at=at) for row in found.rows],
        newer=found.newer,
        older=found.older,
    )


def _wanted(query: DeadlineQuery) -> DeadlineFilter:
    return DeadlineFilter(
        mine=query.mine == "true",
        college=query.unit or "",
        lifecycle=query.lifecycle or "",
        kind=Kind(query.kind) if query.kind else None,
        overdue=query.overdue == "true",
        first=date.fromisoformat(query.since) if query.since else None,
        last=date.fromisoformat(query.until) if query.until else None,
    )


def _line(
    row: Row, definition: Definition, asked: Mapping[tuple[str, str], tuple[str, ...]], *, at: datetime
) -> DeadlineLine:
    timer = definition.timers[row["name"]]
    roles = asked.get((row["case_id"], timer.answer or "")) or answering_roles(timer, definition)
    return DeadlineLine(
        id=row["id"],
        case_id=row["case_id"],
        state=wording.state(definition, row["state"]),
        base_name=row["base_name"],
        base_number=row["base_number"],
        partner=row["partner_name"],
        college=row["college_name"],
        turn=[wording.role(definition, role) for role in roles],
        deadline=wording.deadline(row, definition, at=at),
    )


@operation("GET", "/cases/<case_id>/deadlines", answer=DeadlineList, query=TimerQuery)
def read_deadlines(call: Call, case_id: str, *, query: TimerQuery) -> DeadlineList:
    with call.reading() as desk:
        seen(desk.session, desk.rights, case_id)
        snapshot = case_for(desk.session, case_id, ctx=desk.ctx).snapshot
        rows = timers_of(desk.session, case_id)
        at = desk.ctx.at
    chosen = rows if query.over == "true" else [row for row in rows if row["ended_seq"] is None]
    chosen = sorted(chosen, key=lambda row: (row["due_at"], row["name"], row["armed_seq"]))
    return DeadlineList(items=[wording.case_deadline(row, snapshot, at=at) for row in chosen])
