"""The open round of a case as something is done about it: read under the lock, planned, settled and written in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from models.changes import Change
from workflow import gather, routes
from workflow.blockers import Blocker, Rank
from workflow.context import Context
from workflow.definition.values.routes import Step as RouteStep
from workflow.operations.acts import since
from workflow.operations.answers import Receipt, Refusal
from workflow.operations.numbering import numbered
from workflow.operations.steps import caught_up, note, write_steps
from workflow.operations.steps import planned as rows_of
from workflow.plan import Plan, catch_up
from workflow.plan import Step as Planned
from workflow.plan.concluding import concluding
from workflow.plan.foreseeing import foreseen
from workflow.plan.moving import moved
from workflow.snapshot import Row, Snapshot, held_roles
from workflow.wake import in_its_wake
from workflow.world import definition_of

VOTE_CLOSED = "vote_closed"
"""The kind of the entry by which a vote is closed before everybody has voted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be written about the open round: the kind of entry, the rows, what is said of it."""

    kind: str
    changes: Sequence[Change]
    form: Mapping[str, Any]
    moves: bool = True
    """Whether the case's version moves with it, so that whoever looked at it before is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """The open round an act is about, and the case around it."""

    snapshot: Snapshot
    step: RouteStep
    row: Row
    ctx: Context

    @property
    def seq(self) -> int:
        """The entry the act will have."""
        return int(self.snapshot.case["log_seq"]) + 1

    @property
    def office(self) -> str:
        return self.snapshot.definition.import_.by

    @property
    def turns(self) -> tuple[routes.Seat, ...]:
        return routes.in_turn(self.snapshot, self.step, self.row)

    @property
    def seated(self) -> tuple[routes.Seat, ...]:
        return routes.seats(self.snapshot, self.step, self.row)

    def is_office(self) -> bool:
        return self.office in held_roles(self.snapshot, self.ctx.actor.person)

    def has_turn(self) -> bool:
        return any(seat.person == self.ctx.actor.person for seat in self.turns)


Work = Callable[[Here], Wanted | Planned | Blocker]
"""What is to be done about the open round: rows to be noted, a step planned already, or why not."""


def here_of(snapshot: Snapshot, ctx: Context) -> Here | None:
    """The open round of a case, None where there is none."""
    here = routes.standing(snapshot)
    if here.step is None or here.round is None:
        return None
    return Here(snapshot=snapshot, step=here.step, row=here.round, ctx=ctx)


def at_round(
    session: Session, case_id: str, work: Work, *, version: int, ctx: Context, people: Iterable[str] = ()
) -> Receipt | Refusal:
    """Do something about the open round as it stood at `version`; what it settles is settled in the same transaction.

    `people` are those concerned besides the actor; their rights are read too. A stale version, a round that is not
    open and every reason of `work` refuse it, and nothing is written. Raises NotFound for a case that does not exist.
    """
    return at_case(
        session, case_id, lambda known: planned(known, work, ctx), version=version, ctx=ctx, people=people
    )


def at_case(
    session: Session,
    case_id: str,
    plan: Callable[[Snapshot], tuple[Planned, ...] | Blocker],
    *,
    version: int,
    ctx: Context,
    people: Iterable[str] = (),
) -> Receipt | Refusal:
    """Write what is planned on the case as it stood at `version`, read with every role. Refuses and raises as `at_round`."""
    located = gather.lock(session, case_id)
    snapshot = caught_up(session, located, read(session, located, people=people, ctx=ctx), ctx)
    if snapshot.case["version"] != version:
        return Refusal(stale=since(session, case_id, version))
    _, steps = numbered(
        session,
        snapshot,
        plan,
        lambda made: () if isinstance(made, Blocker) else rows_of(made),
    )
    if isinstance(steps, Blocker):
        return Refusal(blockers=(steps,))
    return write_steps(session, located, steps, ctx)


def read(session: Session, located: gather.Located, *, people: Iterable[str], ctx: Context) -> Snapshot:
    """The case with the rights of everybody who could be given a seat, of the actor, and of `people`."""
    definition = definition_of(session, located[1])
    concerned = tuple(person for person in (ctx.actor.person, *people) if person)
    follow = in_its_wake(definition, located.row["state"])
    wish = replace(
        gather.Wish.for_acts(definition, follow, people=concerned, values={}), roles=tuple(definition.roles)
    )
    return gather.gather(session, [located], wish=wish, today=ctx.today)[str(located[0]["id"])]


def planned(snapshot: Snapshot, work: Work, ctx: Context) -> tuple[Planned, ...] | Blocker:
    """The steps something done about the open round comes to, with the transition it decides on; or why it cannot be done.

    Shown before the act, written by it.
    """
    here = here_of(snapshot, ctx)
    if here is None:
        return barrier("no_open_round", Rank.FINAL)
    wanted = work(here)
    if isinstance(wanted, Blocker):
        return wanted
    step = (
        wanted
        if isinstance(wanted, Planned)
        else note(
            snapshot,
            kind=wanted.kind,
            act=here.step.name,
            changes=wanted.changes,
            form=wanted.form,
            ctx=ctx,
            moves=wanted.moves,
        )
    )
    if any(change.key == here.row["id"] for change in step.changes):
        step = replace(step, details=routes.revealed(moved(snapshot, step), str(here.row["id"])))
    return carried(snapshot, step, ctx)


def carried(snapshot: Snapshot, step: Planned, ctx: Context) -> tuple[Planned, ...]:
    """A step, the transition the route then comes to, and the timers that take effect with it."""
    after = moved(snapshot, step)
    decided = concluding(after, ctx)
    chain = (step,) if decided is None else (step, decided)
    late, _ = catch_up(after if decided is None else moved(after, decided), ctx)
    return (*chain, *late)


def plan_of(here: Here, steps: tuple[Planned, ...]) -> Plan:
    """The steps as pages and programs show them: of what ends a confidential round unasked only that it does.

    Whoever closes a vote early is to see what it comes to.
    """
    after = here.snapshot
    for step in steps:
        after = moved(after, step)
    plan = Plan(act=here.snapshot.definition.acts[here.step.name], steps=steps, after=after)
    return plan if steps[0].kind == VOTE_CLOSED else foreseen(plan)


def barrier(code: str, rank: Rank, **params: Any) -> Blocker:
    return Blocker(code=code, basis="local", rank=rank, params=params)


def only(*roles: str) -> Blocker:
    return Blocker(
        code="not_your_role", basis="local", rank=Rank.ROLE, params={"roles": list(roles)}, mend=roles
    )
