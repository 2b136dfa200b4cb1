"""Meetings: the office convenes one, notes who is there, and closes it; its rows are decided each in a transaction of its own.

A meeting and its agenda are rows of the installation, told of in the stream `system:meetings`. What is decided on a row
is the case's own: a vote goes through `perform` like any other act, so the meeting adds only who may vote in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import AgendaItem, Attendance, Case, Edition, Grant, Meeting, Round, new_key
from models.changes import INSERT, UPDATE, Change
from workflow.context import Context
from workflow.definition.values.routes import StepKind
from workflow.errors import NotFound, WorkflowError
from workflow.in_force import grant_holds
from workflow.operations.acts import perform
from workflow.operations.answers import Receipt, Refusal
from workflow.operations.bodies import bodies, offices
from workflow.operations.deeds import Done, Faults, demand, found, record
from workflow.operations.papers import Paper, cite
from workflow.operations.repeats import kept_answer, once
from workflow.operations.rounds import close_vote
from workflow.operations.transcribing import SCAN, transcribe
from workflow.plan import Form
from workflow.world import definition_of

STREAM = "system:meetings"
OPEN, CLOSED = "open", "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenVote:
    """A vote that is open on a case, and the role whose holders vote."""

    case_id: str
    round_id: str
    role: str


def open_votes(session: Session) -> dict[str, OpenVote]:
    """The votes open now, by case."""
    rows = session.execute(
        select(Round.id, Round.step, Round.case_id, Case.state, Edition.sha256)
        .join(Case, Case.id == Round.case_id)
        .join(Edition, Edition.id == Case.edition_id)
        .where(Round.closed_seq.is_(None), Round.voided_seq.is_(None), Round.stay == Case.stay)
    )
    found: dict[str, OpenVote] = {}
    for row in rows:
        route = definition_of(session, row.sha256).routes[row.state]
        step = route.steps[route.place(row.step)]
        if step.kind is StepKind.VOTE:
            found[row.case_id] = OpenVote(case_id=row.case_id, round_id=row.id, role=step.by[0])
    return found


def members(session: Session, role: str, *, today: date) -> tuple[str, ...]:
    """The people who hold the role of a body on a day."""
    rows = select(Grant.person_id).where(
        Grant.role == role,
        grant_holds(today),
    )
    return tuple(sorted(set(session.scalars(rows))))


# ───────────────────────────── Convening


def convene(
    session: Session,
    *,
    role: str,
    held_on: date | None,
    place: str,
    chair: str | None,
    present: Sequence[str],
    agenda: Sequence[str],
    ctx: Context,
) -> Done:
    """Convene a meeting of a body over cases that are at a vote, in the order of the agenda.

    The chair and whoever is present are members. Raises BadInput with every fault, WorkflowError `not_your_role`.
    """
    demand(session, ctx, *_conveners(session, role))
    known = members(session, role, today=ctx.today)
    faults = Faults()
    if role not in bodies(session):
        faults.add("role", "unknown_choice")
    day, where = faults.day("held_on", held_on), faults.line("place", place)
    if day and day < ctx.today:
        faults.add("held_on", "in_past")
    if chair not in known:
        faults.add("chair", "not_a_member")
    _present_members(faults, present, known)
    votes = _agenda(session, faults, agenda, role)
    faults.done()
    row = {
        "id": new_key(),
        "number": _number(session, ctx.today.year),
        "role": role,
        "held_on": day,
        "place": where,
        "chair_id": chair,
        "convened_by": ctx.actor.person,
        "convened_at": ctx.at,
        "status": OPEN,
        "closed_at": None,
    }
    changes = [
        Change(table="meetings", op=INSERT, key=str(row["id"]), values=row),
        *(_item(str(row["id"]), number, vote) for number, vote in enumerate(votes, start=1)),
        *(_attends(str(row["id"]), person, present=person in present) for person in known),
    ]
    return _told(session, "meeting_convened", row, changes, ctx)


def _present_members(faults: Faults, present: Sequence[str], known: Sequence[str]) -> None:
    if not present:
        faults.add("present", "nobody_present")
    elif set(present) - set(known):
        faults.add("present", "not_a_member")


def _agenda(session: Session, faults: Faults, agenda: Sequence[str], role: str) -> list[OpenVote]:
    """The open votes of the cases asked for; each is on one open meeting's agenda only."""
    votes = open_votes(session)
    asked = [votes[case] for case in dict.fromkeys(agenda) if case in votes and votes[case].role == role]
    if not agenda:
        faults.add("agenda", "agenda_empty")
    elif len(asked) < len(set(agenda)):
        faults.add("agenda", "not_at_vote")
    elsewhere = (
        select(AgendaItem.id)
        .join(Meeting, Meeting.id == AgendaItem.meeting_id)
        .where(Meeting.status == OPEN, AgendaItem.round_id.in_([vote.round_id for vote in asked]))
    )
    if session.execute(elsewhere.limit(1)).first() is not None:
        faults.add("agenda", "on_another_agenda")
    return asked


def _number(session: Session, year: int) -> str:
    """The next number of a year. Two meetings convened at once would get the same, which their constraint refuses."""
    given = session.scalar(
        select(func.count()).select_from(Meeting).where(Meeting.number.startswith(f"{year}-"))
    )
    return f"{year}-{(given or 0) + 1:02d}"


def _item(meeting_id: str, place: int, vote: OpenVote) -> Change:
    row = {
        "id": new_key(),
        "meeting_id": meeting_id,
        "place": place,
        "case_id": vote.case_id,
        "round_id": vote.round_id,
    }
    return Change(table="agenda_items", op=INSERT, key=str(row["id"]), values=row)


def _attends(meeting_id: str, person: str, *, present: bool) -> Change:
    row = {"id": new_key(), "meeting_id": meeting_id, "person_id": person, "present": present}
    return Change(table="attendances", op=INSERT, key=str(row["id"]), values=row)


def _told(
    session: Session, kind: str, meeting: Mapping[str, Any], changes: list[Change], ctx: Context
) -> Done:
    content = {"meeting": meeting["number"]}
    return record(
        session, STREAM, kind=kind, subject=str(meeting["id"]), changes=changes, ctx=ctx, content=content
    )


# ───────────────────────────── Who is there


def note_attendance(session: Session, meeting_id: str, *, present: Iterable[str], ctx: Context) -> Done:
    """Say which members are present from now on; ballots already cast stay.

    Raises BadInput, WorkflowError `meeting_closed` or `not_your_role`.
    """
    meeting = _kept(session, meeting_id, ctx)
    there = set(present)
    known = members(session, meeting["role"], today=ctx.today)
    columns = Attendance.__table__.c
    rows = {
        row["person_id"]: row
        for row in session.execute(select(*columns).where(columns.meeting_id == meeting_id)).mappings()
    }
    faults = Faults()
    _present_members(faults, sorted(there), (*known, *rows))
    changes = [
        Change(table="attendances", op=UPDATE, key=row["id"], values={"present": person in there})
        for person, row in rows.items()
        if row["present"] is not (person in there)
    ]
    changes += [_attends(meeting_id, person, present=True) for person in sorted(there - rows.keys())]
    if not faults.found and not changes:
        faults.add("present", "nothing_changed")
    faults.done()
    return _told(session, "attendance_noted", meeting, changes, ctx)


def _kept(session: Session, meeting_id: str, ctx: Context) -> Mapping[str, Any]:
    """A meeting that is not closed, locked for whoever convenes its body. Raises as `_open` does, and `not_your_role`."""
    role = session.scalar(select(Meeting.role).where(Meeting.id == meeting_id))
    demand(session, ctx, *_conveners(session, role))
    return _open(session, meeting_id, shared=False)


def _conveners(session: Session, role: str | None) -> tuple[str, ...]:
    """Who keeps the meetings of a body; of what is none, whoever keeps any."""
    return tuple(sorted(bodies(session).get(role or "", offices(session))))


def _open(session: Session, meeting_id: str, *, shared: bool) -> Mapping[str, Any]:
    """A meeting that is not closed, locked so that nobody changes it meanwhile; many may vote under a shared lock.

    Raises NotFound, WorkflowError `meeting_closed`.
    """
    columns = Meeting.__table__.c
    row = found(
        session.execute(select(*columns).where(columns.id == meeting_id).with_for_update(read=shared))
        .mappings()
        .first(),
        meeting=meeting_id,
    )
    if row["status"] != OPEN:
        raise WorkflowError("meeting_closed", at=row["closed_at"])
    return dict(row)


# ───────────────────────────── Rows


def cast(
    session: Session, meeting_id: str, item_id: str, *, form: Form, version: int, ctx: Context
) -> Receipt | Refusal:
    """Cast one's own ballot on a row, through `perform`, once for the context's key.

    The same request again gets the first answer, though the ballot closed the row. Raises NotFound, WorkflowError
    `meeting_closed`, `row_closed` or `not_present`.
    """
    if kept_answer(session, Receipt, ctx=ctx) is None:
        _open(session, meeting_id, shared=True)
        _is_there(session, meeting_id, ctx.actor.person)
        _open_item(session, meeting_id, item_id)
    item = _item_of(session, meeting_id, item_id)
    return perform(session, item.case_id, item.step, form=form, version=version, ctx=ctx)


def enter_paper(
    session: Session,
    meeting_id: str,
    item_id: str,
    person: str,
    *,
    choice: str,
    scan: Paper | None,
    version: int,
    ctx: Context,
) -> Receipt | Refusal:
    """Enter the paper ballot of a member who is present, and keep its scan with it or not at all. Raises as `cast` does."""
    what = ["transcribe", item_id, person, choice, scan.sha256 if scan else None]

    def work() -> Receipt | Refusal:
        _open(session, meeting_id, shared=True)
        item = _open_item(session, meeting_id, item_id)
        _is_there(session, meeting_id, person)
        return _with_its_scan(session, item.case_id, person, choice, scan, version=version, ctx=ctx)

    return once(session, what=what, ctx=ctx, kind=Receipt, work=work)


def _with_its_scan(
    session: Session,
    case_id: str,
    person: str,
    choice: str,
    scan: Paper | None,
    *,
    version: int,
    ctx: Context,
) -> Receipt | Refusal:
    """Keep the scan and enter the ballot; where the ballot is refused, the scan is not kept either."""
    with session.begin_nested() as kept:
        document = _cited(session, case_id, scan, ctx)
        answer = transcribe(session, case_id, person, choice=choice, scan=document, version=version, ctx=ctx)
        if isinstance(answer, Refusal):
            kept.rollback()
    return answer


def _cited(session: Session, case_id: str, scan: Paper | None, ctx: Context) -> str | None:
    """The document of a scan; None where none was sent, or it waited too long and is gone."""
    if scan is None:
        return None
    try:
        return cite(session, case_id, field=SCAN, paper=scan, ctx=ctx)
    except NotFound:
        return None


def close_row(
    session: Session, meeting_id: str, item_id: str, *, version: int, ctx: Context
) -> Receipt | Refusal:
    """Close the vote on a row, once for the context's key. Raises NotFound, WorkflowError `meeting_closed`, `row_closed`."""
    what = ["close_row", item_id]

    def work() -> Receipt | Refusal:
        _open(session, meeting_id, shared=True)
        item = _open_item(session, meeting_id, item_id)
        return close_vote(session, item.case_id, version=version, ctx=ctx)

    return once(session, what=what, ctx=ctx, kind=Receipt, work=work)


def _open_item(session: Session, meeting_id: str, item_id: str) -> Any:
    """A row that is still voted on."""
    row = _item_of(session, meeting_id, item_id)
    if row.closed_seq is not None:
        raise WorkflowError("row_closed")
    return row


def _item_of(session: Session, meeting_id: str, item_id: str) -> Any:
    """The case, step and round of a row. Raises NotFound."""
    return found(
        session.execute(
            select(AgendaItem.case_id, Round.step, Round.closed_seq)
            .join(Round, Round.id == AgendaItem.round_id)
            .where(AgendaItem.id == item_id, AgendaItem.meeting_id == meeting_id)
        ).first(),
        item=item_id,
    )


def _is_there(session: Session, meeting_id: str, person: str | None) -> None:
    present = select(Attendance.id).where(
        Attendance.meeting_id == meeting_id, Attendance.person_id == person, Attendance.present
    )
    if session.execute(present).first() is None:
        raise WorkflowError("not_present")


# ───────────────────────────── Closing


def close_meeting(session: Session, meeting_id: str, *, ctx: Context) -> Done:
    """Close a meeting whose rows are all closed. Raises WorkflowError `rows_open`, `meeting_closed` or `not_your_role`."""
    meeting = _kept(session, meeting_id, ctx)
    count = session.scalar(
        select(func.count())
        .select_from(AgendaItem)
        .join(Round, Round.id == AgendaItem.round_id)
        .join(Case, Case.id == Round.case_id)
        .where(
            AgendaItem.meeting_id == meeting_id,
            Round.closed_seq.is_(None),
            Round.voided_seq.is_(None),
            Round.stay == Case.stay,
        )
    )
    if count:
        raise WorkflowError("rows_open", count=count)
    change = Change(
        table="meetings", op=UPDATE, key=meeting_id, values={"status": CLOSED, "closed_at": ctx.at}
    )
    return _told(session, "meeting_closed", meeting, [change], ctx)
