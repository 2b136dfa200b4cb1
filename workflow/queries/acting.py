"""One case as a page about its acts needs it: the snapshot the engine decides on, read without a lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Counter
from workflow import gather
from workflow.context import Context
from workflow.definition.values.acts import TO_UNDO, Act
from workflow.definition.values.edition import Definition
from workflow.effects import counters
from workflow.errors import NotFound
from workflow.operations.acts import with_undone
from workflow.operations.turned_away import with_turned_away
from workflow.plan import Plan
from workflow.snapshot import Snapshot
from workflow.wake import in_its_wake
from workflow.world import definition_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A snapshot, and the acts whose source holds the case's state, in the file's order."""

    snapshot: Snapshot
    acts: tuple[Act, ...]

    @property
    def definition(self) -> Definition:
        return self.snapshot.definition

    @property
    def version(self) -> int:
        return int(self.snapshot.case["version"])


def case_for(
    session: Session,
    case_id: str,
    *,
    ctx: Context,
    act: str | None = None,
    values: Mapping[str, Any] | None = None,
    people: Iterable[str | None] = (),
) -> Case:
    """Read a case for one act, or with None for all acts its state offers, in a number of queries that never grows.

    Raises NotFound for a case or act that does not exist. Whether the person may see it is asked with `seen`.
    """
    row = gather.look(session, case_id)
    definition = definition_of(session, row[1])
    state = row[0]["state"]
    if act is not None and act not in definition.acts:
        raise NotFound("unknown_act", act=act)
    offered = tuple(known for known in definition.acts.values() if state in known.source)
    chosen = offered if act is None else (definition.acts[act],)
    follow = in_its_wake(definition, state)
    wish = gather.Wish.for_acts(
        definition, (*chosen, *follow), people=(ctx.actor.person, *people), values=values or {}
    )
    if act is not None:
        wish = wish.answering(definition.acts[act])
    snapshot = gather.gather(session, [row], wish=wish, today=ctx.today)[case_id]
    for known in chosen:
        if known.to == TO_UNDO:
            snapshot = with_undone(session, snapshot, known)
    if act is not None:
        snapshot = with_turned_away(session, snapshot)
        snapshot = _numbered(session, snapshot, (*chosen, *follow), year=ctx.today.year)
    return Case(snapshot=snapshot, acts=offered)


def definition_for(session: Session, case_id: str) -> Definition:
    """The edition a case follows. Raises NotFound for a case that does not exist."""
    return definition_of(session, gather.look(session, case_id)[1])


def cases_for(
    session: Session,
    case_ids: Sequence[str],
    *,
    ctx: Context,
    act: str | None = None,
    people: Iterable[str | None] = (),
) -> list[Case]:
    """Read several cases as `case_for` does, in the order asked for, in a number of queries that does not grow with them.

    `people` are those whose rights are read besides the actor's.

    What a correction would undo and how far the counters have come are left out. Raises NotFound for an act an edition
    does not know, and KeyError for a case that does not exist.
    """
    by_edition: dict[str, list[gather.Located]] = {}
    for row in gather.look_at(session, case_ids):
        by_edition.setdefault(row[1], []).append(row)
    found: dict[str, Case] = {}
    for sha256, rows in by_edition.items():
        definition = definition_of(session, sha256)
        if act is not None and act not in definition.acts:
            raise NotFound("unknown_act", act=act)
        states = {row[0]["state"] for row in rows}
        offered = [known for known in definition.acts.values() if act is None and known.source & states]
        chosen = offered if act is None else [definition.acts[act]]
        wish = gather.Wish.for_acts(definition, chosen, people=(ctx.actor.person, *people), values={})
        for snapshot in gather.gather(session, rows, wish=wish, today=ctx.today).values():
            acts = tuple(known for known in definition.acts.values() if snapshot.state in known.source)
            found[snapshot.id] = Case(snapshot=snapshot, acts=acts)
    return [found[case_id] for case_id in case_ids]


def _numbered(session: Session, snapshot: Snapshot, acts: tuple[Act, ...], *, year: int) -> Snapshot:
    """Read how far the counters have come, unlocked: the number shown before an act may be taken by then."""
    names = tuple(dict.fromkeys(name for act in acts for name in counters(act.does, year)))
    if not names:
        return snapshot
    rows = session.execute(select(Counter.name, Counter.value).where(Counter.name.in_(names)))
    return replace(snapshot, numbers={row.name: row.value for row in rows})


def told(plan: Plan) -> tuple[str, ...]:
    """The people a plan's notices go to, each once."""
    return tuple(dict.fromkeys(change.values["person_id"] for step in plan.steps for change in step.notices))
