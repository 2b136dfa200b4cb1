"""The four lists of the inbox: what waits for me, what I did, what I opened, what I was told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    String,
    and_,
    cast,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session

from models import (
    Case,
    Duty,
    Entry,
    JointBase,
    Notice,
    Partner,
    PendingAct,
    Person,
    Task,
    Timer,
    Unit,
)
from workflow.definition.values.people import Held
from workflow.definition.values.routes import StepKind
from workflow.in_force import duty_holds
from workflow.queries.kept_out import conflicted, kept_out
from workflow.queries.paging import Order, Page, key_mark, number_mark, page
from workflow.queries.rights import Rights, on_duty, rights_of, visible_to
from workflow.snapshot import Row
from workflow.tasks import CONFIRM, NAME_PANEL
from workflow.world import editions_in_use

SUBJECT = (
    Case.id.label("case_id"),
    Case.state,
    Case.edition_id,
    JointBase.base_name,
    JointBase.base_number,
    JointBase.application_number,
    Partner.name.label("partner_name"),
    Unit.name.label("college_name"),
)
"""What every row says of its case."""

NEVER = "9999-12-31"
"""Stands for no deadline, after all that have one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TodoFilter:
    """What the reader asked to see of what waits: a state, a word, only what is overdue."""

    state: str = ""
    text: str = ""
    overdue: bool = False


def with_subject(statement: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Join what `SUBJECT` reads to a statement that selects from `cases`."""
    return (
        statement.join(JointBase, JointBase.case_id == Case.id)
        .outerjoin(Partner, Partner.id == JointBase.partner_id)
        .outerjoin(Unit, Unit.id == JointBase.lead_college_id)
    )


def text_matches(text: str) -> ColumnElement[bool]:
    """The condition that a name or number of the case holds a text, letter for letter, in either case."""
    columns = (JointBase.base_name, JointBase.base_number, JointBase.application_number, Partner.name)
    return or_(*(column.icontains(text, autoescape=True) for column in columns))


def subjects_of(session: Session, rights: Rights, case_ids: Sequence[str]) -> dict[str, Row]:
    """What a row of a list says of each case, by its id; those the person may not see are left out like missing ones."""
    statement = with_subject(select(*SUBJECT).select_from(Case)).where(
        Case.id.in_(case_ids), visible_to(rights)
    )
    return {row["case_id"]: dict(row) for row in session.execute(statement).mappings()}


# ───────────────────────────── What waits for me


def _duties(session: Session) -> frozenset[str]:
    """The roles that are held by a duty on one case; a grant of such a role opens drafts and asks for nothing."""
    return frozenset(
        role.name
        for definition in editions_in_use(session).values()
        for role in definition.roles.values()
        if role.held is Held.DUTY
    )


def _mine(session: Session, rights: Rights) -> ColumnElement[bool]:
    """The open tasks that wait for a person: their own, and those of the people they act for."""
    return and_(Task.closed_at.is_(None), or_(*(turn for _, turn in _turns(session, rights))))


def _turns(session: Session, rights: Rights) -> Iterator[tuple[str, ColumnElement[bool]]]:
    """Whose tasks a person takes, themselves first, each with the condition by which it is that one's turn."""
    yield rights.person, _own_turn(session, rights)
    lenders = dict.fromkeys(right.lender for right in rights.lent)
    for lender in lenders:
        yield lender, _lent_turn(session, rights, lender)


def _own_turn(session: Session, rights: Rights) -> ColumnElement[bool]:
    """By grant on the task's unit, by a duty on its case, or by name. Nobody is asked to confirm what they proposed."""
    duties = _duties(session)
    by_grant = [_of_role(role, unit) for role, unit in rights.grants if role not in duties]
    by_duty = exists().where(
        Duty.case_id == Task.case_id,
        Duty.role == Task.role,
        Duty.person_id == rights.person,
        duty_holds(rights.today),
    )
    own_proposal = exists().where(
        PendingAct.case_id == Task.case_id,
        PendingAct.status == "open",
        PendingAct.proposed_by == rights.person,
    )
    return and_(
        or_(and_(Task.person_id.is_(None), or_(*by_grant, by_duty)), Task.person_id == rights.person),
        or_(Task.act != CONFIRM, ~own_proposal),
        ~kept_out(session, rights),
    )


def _lent_turn(session: Session, rights: Rights, lender: str) -> ColumnElement[bool]:
    """By a role the lender has delegated, unless one of the two is kept out.

    A second look, the naming of a panel and an expert's sheet are nobody else's to do.
    """
    mine = [right for right in rights.lent if right.lender == lender]
    return and_(
        or_(
            and_(Task.person_id.is_(None), or_(*(_of_role(right.role, right.unit) for right in mine))),
            and_(Task.person_id == lender, Task.role.in_([right.role for right in mine])),
        ),
        Task.act.not_in((CONFIRM, NAME_PANEL, *_score_steps(session))),
        ~kept_out(session, rights_of(session, lender, today=rights.today)),
        ~conflicted(session, rights),
    )


def _score_steps(session: Session) -> frozenset[str]:
    return frozenset(
        step.name
        for definition in editions_in_use(session).values()
        for step in definition.steps
        if step.kind is StepKind.SCORE
    )


def _of_role(role: str, unit: str | None) -> ColumnElement[bool]:
    here = Task.unit_id.is_(None) | (Task.unit_id == unit) if unit else Task.unit_id.is_(None)
    return and_(Task.role == role, here)


def _with_takers(session: Session, rights: Rights, found: Page) -> Page:
    """Say of each task whether it is the reader's own turn (`own`) and for whom else they could take it (`lenders`)."""
    if not rights.lent:
        return replace(found, rows=tuple({**row, "own": True, "lenders": ()} for row in found.rows))
    ids = [row["id"] for row in found.rows]
    takers: dict[str, list[Row]] = {task: [] for task in ids}
    for person, turn in _turns(session, rights):
        statement = select(Task.id, Person.id.label("person_id"), Person.name).join(
            Person, Person.id == person
        )
        for taker in session.execute(statement.where(Task.id.in_(ids), turn)).mappings():
            takers[taker["id"]].append(dict(taker))
    return replace(found, rows=tuple(_taken_by(row, takers[row["id"]], rights.person) for row in found.rows))


def _taken_by(row: Row, takers: list[Row], reader: str) -> Row:
    lenders = tuple(taker for taker in takers if taker["person_id"] != reader)
    return {**row, "own": len(lenders) < len(takers), "lenders": lenders}


def to_do(
    session: Session,
    rights: Rights,
    wanted: TodoFilter,
    *,
    after: str | None = None,
    before: str | None = None,
) -> Page:
    """What waits for a person, the earliest deadline first.

    Rows: the case's subject, and id, act, role, due_on, provisional, opened_at, asked_by (who moved the case last), pending_act; whether
    it is the reader's own turn (own), and the people for whom they could take it (lenders: person_id, name).
    """
    mark = (func.coalesce(cast(Task.due_on, String), NEVER) + cast(Task.id, String)).label("mark")
    asked_by = (
        select(Person.name)
        .join(Entry, Entry.actor_id == Person.id)
        .where(Entry.stream == "case:" + cast(Case.id, String), Entry.seq == Case.log_seq)
        .scalar_subquery()
        .label("asked_by")
    )
    pending = (
        select(PendingAct.act)
        .where(PendingAct.case_id == Case.id, PendingAct.status == "open")
        .scalar_subquery()
        .label("pending_act")
    )
    unsure = _provisional(Task.due_on)
    statement = with_subject(
        select(
            Task.id,
            Task.act,
            Task.role,
            Task.due_on,
            Task.opened_at,
            mark,
            asked_by,
            pending,
            unsure,
            *SUBJECT,
        )
        .select_from(Task)
        .join(Case, Case.id == Task.case_id)
    ).where(_mine(session, rights))
    if wanted.state:
        statement = statement.where(Case.state == wanted.state)
    if wanted.text:
        statement = statement.where(text_matches(wanted.text))
    if wanted.overdue:
        statement = statement.where(Task.due_on < rights.today)
    order = Order(column=mark.element, name="mark", read=_todo_mark, descending=False)
    return _with_takers(session, rights, page(session, statement, order, after=after, before=before))


def _provisional(due_on: SQLColumnExpression[Any]) -> ColumnElement[bool]:
    """Whether the case has a deadline on a day that may still move, because its year's holidays are not announced."""
    return (
        exists()
        .correlate(Case, Task)
        .where(Timer.case_id == Case.id, Timer.due_on == due_on, Timer.ended_seq.is_(None), Timer.provisional)
        .label("provisional")
    )


def _todo_mark(text: str) -> str:
    """A day and an identifier, as `to_do` puts them together. Raises ValueError for anything else."""
    return date.fromisoformat(text[: len(NEVER)]).isoformat() + key_mark(text[len(NEVER) :])


def to_do_count(session: Session, rights: Rights) -> int:
    """How much waits for a person."""
    return session.scalar(select(func.count()).select_from(Task).where(_mine(session, rights))) or 0


# ───────────────────────────── What I did, what I opened


def done_by_me(
    session: Session, rights: Rights, *, after: str | None = None, before: str | None = None
) -> Page:
    """The entries about cases in which a person acted, uploads aside, newest first: seq, kind, act, outcome, states, days, hash."""
    statement = with_subject(
        select(
            Entry.id,
            Entry.seq,
            Entry.kind,
            Entry.act,
            Entry.outcome,
            Entry.from_state,
            Entry.to_state,
            Entry.recorded_at,
            Entry.effective_on,
            Entry.hash,
            *SUBJECT,
        )
        .select_from(Entry)
        .join(Case, Case.id == Entry.case_id)
    ).where(
        Entry.actor_id == rights.person,
        Entry.stream.startswith("case:"),
        Entry.kind != "document",
        visible_to(rights),
    )
    return page(
        session, statement, Order(column=Entry.id, name="id", read=number_mark), after=after, before=before
    )


def opened_by_me(
    session: Session,
    rights: Rights,
    *,
    roles: Sequence[str],
    after: str | None = None,
    before: str | None = None,
) -> Page:
    """The cases on which a person holds an opening duty, newest first; `due_on` is the next deadline, perhaps provisional."""
    due_on = (
        select(func.min(Task.due_on))
        .where(Task.case_id == Case.id, Task.closed_at.is_(None))
        .correlate(Case)
        .scalar_subquery()
        .label("due_on")
    )
    statement = with_subject(
        select(
            *SUBJECT, Case.opened_at, Case.entered_on, Case.closed_at, due_on, _provisional(due_on.element)
        ).select_from(Case)
    ).where(on_duty(rights, *roles))
    return page(
        session, statement, Order(column=Case.id, name="case_id", read=key_mark), after=after, before=before
    )


# ───────────────────────────── What I was told


def copied_to_me(
    session: Session,
    rights: Rights,
    *,
    unread: bool = False,
    after: str | None = None,
    before: str | None = None,
) -> Page:
    """The notices on the page to a person, newest first: id, template, params, queued_at, read_at, proposer."""
    proposer = (
        select(Person.name)
        .join(PendingAct, PendingAct.proposed_by == Person.id)
        .where(PendingAct.case_id == Notice.case_id)
        .order_by(PendingAct.proposed_at.desc())
        .limit(1)
        .scalar_subquery()
        .label("proposer")
    )
    statement = (
        select(
            Notice.id, Notice.template, Notice.params, Notice.queued_at, Notice.read_at, proposer, *SUBJECT
        )
        .select_from(Notice)
        .outerjoin(Case, Case.id == Notice.case_id)
        .outerjoin(JointBase, JointBase.case_id == Case.id)
        .outerjoin(Partner, Partner.id == JointBase.partner_id)
        .outerjoin(Unit, Unit.id == JointBase.lead_college_id)
        .where(Notice.person_id == rights.person, Notice.channel == "app")
    )
    if unread:
        statement = statement.where(Notice.read_at.is_(None))
    return page(
        session, statement, Order(column=Notice.id, name="id", read=key_mark), after=after, before=before
    )


def unread_count(session: Session, rights: Rights) -> int:
    """How many notices on the page a person has not marked as read."""
    mine = (Notice.person_id == rights.person, Notice.channel == "app", Notice.read_at.is_(None))
    return session.scalar(select(func.count()).select_from(Notice).where(*mine)) or 0
