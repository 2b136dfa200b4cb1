"""The open round of a case for the pages and the API: who could be given a seat, and why others not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Person
from workflow import gather
from workflow.blockers import Blocker
from workflow.context import Context
from workflow.definition.values.routes import StepKind
from workflow.operations.open_round import Here, here_of, read
from workflow.operations.seats import unfit
from workflow.queries.acting import Case
from workflow.world import definition_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A person of the pool: whether they can be given a seat, and why not."""

    person: str
    name: str
    external: bool
    """Not of the university."""
    barred: Blocker | None


def case_at_round(session: Session, case_id: str, *, ctx: Context, people: Iterable[str] = ()) -> Case:
    """Read a case as an act about its open round needs it, at a panel with all rights of everybody in its pool.

    Raises NotFound; whether one may see it is asked with `seen`.
    """
    located = gather.look(session, case_id)
    snapshot = read(session, located, people=people, ctx=ctx)
    here = here_of(snapshot, ctx)
    if here is not None and here.step.kind is StepKind.SCORE:
        snapshot = read(session, located, people=[*people, *_members(here)], ctx=ctx)
    definition = definition_of(session, located[1])
    acts = tuple(act for act in definition.acts.values() if snapshot.state in act.source)
    return Case(snapshot=snapshot, acts=acts)


def _members(here: Here) -> set[str]:
    return {row["person_id"] for row in here.snapshot.holders if row["role"] in here.step.by}


def pool_of(session: Session, here: Here) -> tuple[Candidate, ...]:
    """Everybody who holds the role of the panel, by name; those who have a seat already are not among them."""
    held = _members(here) - {seat.person for seat in here.seated}
    columns = Person.__table__.c
    rows = session.execute(
        select(columns.id, columns.name, columns.external).where(columns.id.in_(sorted(held)))
    ).all()
    return tuple(
        Candidate(
            person=row.id, name=row.name, external=row.external, barred=unfit(here, row.id, here.step.by)
        )
        for row in sorted(rows, key=lambda row: (row.name, row.id))
    )
