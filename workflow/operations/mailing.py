"""How a person wants to be told by mail; what the pages show is nobody's to switch off."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import MailChoice, Person, new_key
from models.changes import INSERT, UPDATE, Change
from workflow.context import Context
from workflow.mailing import NoticeKind, Pace
from workflow.operations.deeds import Done, Faults, record
from workflow.queries.mailing import is_responsible, paces_of


def choose_mail(session: Session, chosen: Mapping[str, str], *, ctx: Context) -> Done | None:
    """Keep how the actor wants the mails of each kind; one entry in the person's stream, None where nothing changes.

    Raises BadInput for a kind or a pace there is none of, and where somebody responsible for a base would go without the
    mails about its deadlines.
    """
    person = str(ctx.actor.person)
    # Two windows of one person may choose at once; the later one finds the rows of the earlier.
    session.execute(select(Person.id).where(Person.id == person).with_for_update())
    _check(session, chosen, ctx)
    now = paces_of(session, person)
    known = {
        row.kind: row.id for row in session.scalars(select(MailChoice).where(MailChoice.person_id == person))
    }
    changes = [
        _change(person, kind, pace, known.get(kind))
        for kind, pace in chosen.items()
        if now[NoticeKind(kind)] != pace
    ]
    if not changes:
        return None
    return record(session, f"person:{person}", kind="mail_chosen", subject=person, changes=changes, ctx=ctx)


def _check(session: Session, chosen: Mapping[str, str], ctx: Context) -> None:
    faults = Faults()
    for kind, pace in chosen.items():
        if kind not in list(NoticeKind) or pace not in list(Pace):
            faults.add(kind[:60], "unknown_choice")
    if chosen.get(NoticeKind.DEADLINES) == Pace.OFF and is_responsible(
        session, str(ctx.actor.person), today=ctx.today
    ):
        faults.add(NoticeKind.DEADLINES, "deadlines_are_yours")
    faults.done()


def _change(person: str, kind: str, pace: str, key: str | None) -> Change:
    if key is not None:
        return Change(table="mail_choices", op=UPDATE, key=key, values={"pace": pace})
    row = {"id": new_key(), "person_id": person, "kind": kind, "pace": pace}
    return Change(table="mail_choices", op=INSERT, key=str(row["id"]), values=row)
