"""Link a contact to a person: who an imported name is."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Person
from models.changes import UPDATE, Change
from workflow import gather
from workflow.context import Context
from workflow.errors import NotFound
from workflow.operations.answers import Receipt, Refusal, only_for
from workflow.operations.steps import note, write_steps
from workflow.snapshot import Row, Snapshot, held_roles
from workflow.world import definition_of


def link_duty(
    session: Session, case_id: str, duty_id: str, *, person_id: str, version: int, ctx: Context
) -> Receipt | Refusal:
    """Say which person a duty's contact is; from then on tasks and notices of the role reach them.

    The name that was imported stays beside it. Only the office may, Article 8. Raises NotFound for a duty that is
    not one of the case or is linked already, and for an unknown person.
    """
    row = gather.lock(session, case_id)
    definition = definition_of(session, row[1])
    wish = gather.Wish(people=tuple(filter(None, [ctx.actor.person])), roles=tuple(definition.roles))
    snapshot = gather.gather(session, [row], wish=wish, today=ctx.today)[case_id]
    office = definition.import_.by
    if office not in held_roles(snapshot, ctx.actor.person):
        return only_for(office)
    if snapshot.case["version"] != version:
        return Refusal(stale=())
    duty = _unlinked(snapshot, duty_id)
    if session.scalar(select(Person.id).where(Person.id == person_id)) is None:
        raise NotFound("no_such_person", person=person_id)
    changes = [Change(table="duties", op=UPDATE, key=duty_id, values={"person_id": person_id})]
    step = note(snapshot, kind="duty", act=str(duty["role"]), changes=changes, form={}, ctx=ctx)
    return write_steps(session, row, (step,), ctx)


def _unlinked(snapshot: Snapshot, duty_id: str) -> Row:
    for duty in snapshot.table("duties"):
        if duty["id"] == duty_id and duty["person_id"] is None:
            return duty
    raise NotFound("no_such_duty", duty=duty_id)
