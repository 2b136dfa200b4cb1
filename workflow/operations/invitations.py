"""One-time links by which experts come to the matter of their panel without an account.

A link is made when its mail is sent, so that its text is nowhere but in the mail: the database keeps its SHA-256. It is
one person's, for one round; it works once, until the round is over or `VALID_FOR` has passed. Opening it does nothing:
programs that look through mail open links too. It is used up by the declaration on conflicts of interest.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row as Record
from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from models import Ballot, Invitation, Person, Round, Seat, new_key
from models.changes import UPDATE, Change
from workflow import gather
from workflow.context import Actor, Context, Source
from workflow.errors import NotFound
from workflow.operations.answers import Receipt, Refusal
from workflow.operations.deeds import record
from workflow.operations.rounds import RoundAct, Stated, act_on_round
from workflow.operations.tokens import digest

VALID_FOR = timedelta(days=14)
"""Two weeks: time to read a report, short enough for what lies in a mailbox. It guards a mailbox and decides nothing, so
it is no setting of the office; whoever comes later asks for another."""


class Validity(StrEnum):
    """What a link is still good for."""

    OPEN = "open"
    USED = "used"
    EXPIRED = "expired"
    OVER = "over"
    """The round is closed, or the seat was given to somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """Whom a link invites, to what, and whether it still does."""

    id: str
    case_id: str
    person_id: str
    person: str
    language: str
    step: str
    expires_at: datetime
    validity: Validity
    has_declared: bool
    """They said before that they have no conflict of interest."""
    is_seated: bool
    """Their seat on the panel stands."""
    ended_at: datetime | None
    """When the session it began was left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link as it is mailed."""

    token: str
    expires_at: datetime


def invite(session: Session, case_id: str, person_id: str, step: str, *, at: datetime) -> Link | None:
    """Make a link for an expert with a seat in the open round of a step; None for anybody else, and after their ballot."""
    seat = session.execute(
        select(Seat.round_id)
        .join(Round, Round.id == Seat.round_id)
        .outerjoin(
            Ballot,
            (Ballot.round_id == Round.id)
            & (Ballot.person_id == Seat.person_id)
            & Ballot.voided_seq.is_(None),
        )
        .where(
            Seat.case_id == case_id,
            Seat.person_id == person_id,
            Seat.kind == "panel",
            Seat.voided_seq.is_(None),
            Round.step == step,
            Round.closed_seq.is_(None),
            Round.voided_seq.is_(None),
            Ballot.id.is_(None),
        )
    ).first()
    if seat is None:
        return None
    link = Link(token=secrets.token_urlsafe(32), expires_at=at + VALID_FOR)
    session.add(
        Invitation(
            id=new_key(),
            case_id=case_id,
            round_id=seat.round_id,
            person_id=person_id,
            sha256=digest(link.token),
            created_at=at,
            expires_at=link.expires_at,
        )
    )
    session.flush()
    return link


# ───────────────────────────── Who is invited


def invited_by(session: Session, token: str, *, at: datetime) -> Invited:
    """Whom a link invites. Raises NotFound for one there never was."""
    return _invited(session.execute(_known().where(Invitation.sha256 == digest(token))).first(), at)


def invitation_of(session: Session, invitation_id: str, *, at: datetime) -> Invited:
    """The same by the row's identifier, as a session keeps it. Raises NotFound."""
    return _invited(session.execute(_known().where(Invitation.id == invitation_id)).first(), at)


def _known() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Invitation.id, Invitation.case_id, Invitation.person_id, Invitation.expires_at, Invitation.used_at,
            Invitation.ended_at, Person.name, Person.language, Round.step, Round.closed_seq,
            Round.voided_seq.label("round_voided"), Seat.id.label("seat"), Seat.declared_seq,
        )
        .join(Round, Round.id == Invitation.round_id)
        .join(Person, Person.id == Invitation.person_id)
        .outerjoin(
            Seat,
            (Seat.round_id == Invitation.round_id)
            & (Seat.person_id == Invitation.person_id)
            & Seat.voided_seq.is_(None),
        )
    )  # fmt: skip


def _invited(row: Record[Any] | None, at: datetime) -> Invited:
    if row is None:
        raise NotFound("no_such_invitation")
    return Invited(
        id=row.id,
        case_id=row.case_id,
        person_id=row.person_id,
        person=row.name,
        language=row.language,
        step=row.step,
        expires_at=row.expires_at,
        validity=_validity(row, at),
        has_declared=row.declared_seq is not None,
        is_seated=row.seat is not None,
        ended_at=row.ended_at,
    )


def _validity(row: Record[Any], at: datetime) -> Validity:
    if row.used_at is not None:
        return Validity.USED
    if row.closed_seq is not None or row.round_voided is not None or row.seat is None:
        return Validity.OVER
    return Validity.EXPIRED if row.expires_at <= at else Validity.OPEN


# ───────────────────────────── Coming in


def come_in(
    session: Session, token: str, *, act: RoundAct, reason: str, at: datetime
) -> tuple[Invited, Receipt | Refusal | None]:
    """Use a link up by its expert's declaration; the person's stream tells of it. What is used or over does nothing.

    The answer is that of the declaration, None where it had been made before or nothing was done. A refusal leaves the
    link as it is. Raises NotFound, and BadInput for a conflict without its reason.
    """
    session.execute(select(Invitation.id).where(Invitation.sha256 == digest(token)).with_for_update())
    invited = invited_by(session, token, at=at)
    if invited.validity is not Validity.OPEN:
        return invited, None
    ctx = Context(actor=Actor(person=invited.person_id), at=at, source=Source.PAGE)
    answer = None
    if not (invited.has_declared and act is RoundAct.DECLARE_NO_CONFLICT):
        answer = _declared(session, invited, act, reason, ctx)
    if isinstance(answer, Refusal):
        return invited, answer
    used = Change(table="invitations", op=UPDATE, key=invited.id, values={"used_at": at})
    content = {"case": invited.case_id, "step": invited.step}
    record(
        session, ctx.actor.text, kind="invitation_used", subject=invited.id, changes=[used], ctx=ctx,
        content=content,
    )  # fmt: skip
    return invited, answer


def _declared(
    session: Session, invited: Invited, act: RoundAct, reason: str, ctx: Context
) -> Receipt | Refusal:
    """Declare on the case as it stands; once more where deadlines that were due took effect first."""
    answer: Receipt | Refusal = Refusal()
    for _ in range(2):
        version = gather.lock(session, invited.case_id).row["version"]
        answer = act_on_round(session, invited.case_id, act, Stated(reason=reason), version=version, ctx=ctx)
        if isinstance(answer, Receipt) or answer.stale is None:
            break
    return answer


def leave(session: Session, invitation_id: str, *, at: datetime) -> None:
    """End the session a link began."""
    session.execute(update(Invitation).where(Invitation.id == invitation_id).values(ended_at=at))
