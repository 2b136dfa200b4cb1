"""What people do about an open round besides casting a ballot: seats given and taken away, a round closed, a ballot taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Grant, Person, new_key
from models.changes import INSERT, UPDATE, Change
from workflow import gather, routes
from workflow.blockers import Blocker, Rank
from workflow.conflicts import conflict_of
from workflow.context import Context
from workflow.definition.values import Choice, StepKind
from workflow.definition.values import Step as RouteStep
from workflow.operations.acts import since
from workflow.operations.answers import Receipt, Refusal
from workflow.operations.numbering import numbered
from workflow.operations.steps import caught_up, note, write_steps
from workflow.operations.steps import planned as rows_of
from workflow.plan import Step as Planned
from workflow.plan import catch_up
from workflow.plan.concluding import concluding
from workflow.plan.moving import moved
from workflow.snapshot import Row, Snapshot, held_roles
from workflow.wake import in_its_wake
from workflow.world import definition_of

SIDES = ("before", "after")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be written about the open round: the kind of entry, the rows, what is said of it."""

    kind: str
    changes: Sequence[Change]
    form: Mapping[str, Any]


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

    def is_office(self) -> bool:
        return self.office in held_roles(self.snapshot, self.ctx.actor.person)

    def has_turn(self) -> bool:
        turns = routes.in_turn(self.snapshot, self.step, self.row)
        return any(seat.person == self.ctx.actor.person for seat in turns)


Work = Callable[[Here], Wanted | Planned | Blocker]
"""What is to be done about the open round: rows to be noted, a step planned already, or why not."""


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
    definition = definition_of(session, located[1])
    concerned = tuple(person for person in (ctx.actor.person, *people) if person)
    follow = in_its_wake(definition, located.row["state"])
    wish = replace(
        gather.Wish.for_acts(definition, follow, people=concerned, values={}), roles=tuple(definition.roles)
    )
    snapshot = gather.gather(session, [located], wish=wish, today=ctx.today)[case_id]
    snapshot = caught_up(session, located, snapshot, ctx)
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


def planned(snapshot: Snapshot, work: Work, ctx: Context) -> tuple[Planned, ...] | Blocker:
    """The steps something done about the open round comes to, with the transition it decides on; or why it cannot be done.

    Shown before the act, written by it.
    """
    here = routes.standing(snapshot)
    if here.step is None or here.round is None:
        return barrier("no_open_round", Rank.FINAL)
    wanted = work(Here(snapshot=snapshot, step=here.step, row=here.round, ctx=ctx))
    if isinstance(wanted, Blocker):
        return wanted
    step = (
        wanted
        if isinstance(wanted, Planned)
        else note(
            snapshot, kind=wanted.kind, act=here.step.name, changes=wanted.changes, form=wanted.form, ctx=ctx
        )
    )
    if any(change.key == here.round["id"] for change in step.changes):
        step = replace(step, details=routes.revealed(moved(snapshot, step), str(here.round["id"])))
    return carried(snapshot, step, ctx)


def carried(snapshot: Snapshot, step: Planned, ctx: Context) -> tuple[Planned, ...]:
    """A step, the transition the route then comes to, and the timers that take effect with it."""
    after = moved(snapshot, step)
    decided = concluding(after, ctx)
    chain = (step,) if decided is None else (step, decided)
    late, _ = catch_up(after if decided is None else moved(after, decided), ctx)
    return (*chain, *late)


def barrier(code: str, rank: Rank, **params: Any) -> Blocker:
    return Blocker(code=code, basis="local", rank=rank, params=params)


def only(*roles: str) -> Blocker:
    return Blocker(
        code="not_your_role", basis="local", rank=Rank.ROLE, params={"roles": list(roles)}, mend=roles
    )


# ───────────────────────────── Seats


def name_experts(
    session: Session, case_id: str, people: Sequence[str], *, version: int, ctx: Context
) -> Receipt | Refusal:
    """Give experts of the pool a seat on the panel of the open round (Art. 17).

    Refused for whoever is not in the pool, belongs to the lead college, leads the base or has a seat already, and when
    the panel would then be full without enough experts from outside the university.
    """
    external = _external(session)

    def work(here: Here) -> Wanted | Blocker:
        if not here.is_office():
            return only(here.office)
        if here.step.kind is not StepKind.SCORE:
            return barrier("no_panel_here", Rank.TIME, step=here.step.name)
        for person in people:
            found = _unfit(here, person, here.step.by)
            if found is not None:
                return found
        panel = {seat.person for seat in routes.seats(here.snapshot, here.step, here.row)} | {*people}
        rules = here.row["rules"]
        if len(panel) >= rules["count"] and len(panel & external) < rules["industry"]:
            return barrier(
                "too_few_from_industry", Rank.RULE, want=rules["industry"], have=len(panel & external)
            )
        changes = [_seat(here, person, "panel") for person in dict.fromkeys(people)]
        return Wanted(kind="seated", changes=changes, form={"people": list(people)})

    return at_round(session, case_id, work, version=version, ctx=ctx, people=people)


def _external(session: Session) -> set[str]:
    """The people of the pool of experts who are not of the university."""
    rows = select(Person.id).join(Grant, Grant.person_id == Person.id).where(Person.external)
    return set(session.scalars(rows))


def replace_expert(
    session: Session, case_id: str, person: str, *, by: str, reason: str, version: int, ctx: Context
) -> Receipt | Refusal:
    """Give an expert's seat to another of the pool, with the reason; a sheet already sealed stays."""

    def work(here: Here) -> Wanted | Blocker:
        if not here.is_office():
            return only(here.office)
        seat = next((s for s in here.snapshot.living("seats") if _is(s, here, person, "panel")), None)
        if seat is None:
            return barrier("no_such_seat", Rank.FINAL)
        cast = routes.ballot_of(here.snapshot, here.row, person)
        if cast is not None and cast["choice"] == Choice.SCORE:
            return barrier("has_acted", Rank.FINAL)
        found = _unfit(here, by, here.step.by)
        if found is not None:
            return found
        leaving = Change(table="seats", op=UPDATE, key=seat["id"], values={"voided_seq": here.seq})
        coming = _seat(here, by, "panel", instead_of=person, comment=reason)
        return Wanted(
            kind="reassigned",
            changes=[leaving, coming],
            form={"person": person, "to": by, "reason": reason},
        )

    return at_round(session, case_id, work, version=version, ctx=ctx, people=(person, by))


def add_signer(
    session: Session, case_id: str, person: str, *, side: str, comment: str, version: int, ctx: Context
) -> Receipt | Refusal:
    """Ask one more person to sign, before the others go on or after them (加签); whoever has the turn may."""

    def work(here: Here) -> Wanted | Blocker:
        if here.step.kind is not StepKind.SIGN or side not in SIDES:
            return barrier("not_signed_here", Rank.TIME, step=here.step.name)
        if not here.has_turn():
            return only(*here.step.by)
        found = _unfit(here, person, ())
        if found is not None:
            return found
        return Wanted(
            kind="signer_added",
            changes=[_seat(here, person, side, comment=comment)],
            form={"person": person, "side": side, "comment": comment},
        )

    return at_round(session, case_id, work, version=version, ctx=ctx, people=(person,))


def remove_signer(
    session: Session, case_id: str, person: str, *, reason: str, version: int, ctx: Context
) -> Receipt | Refusal:
    """Take back a signer one has added, who has not signed yet (减签); the office may take back any."""

    def work(here: Here) -> Wanted | Blocker:
        seat = next((s for s in here.snapshot.living("seats") if _is(s, here, person, *SIDES)), None)
        if seat is None:
            return barrier("no_such_seat", Rank.FINAL)
        if seat["given_by"] != here.ctx.actor.person and not here.is_office():
            return only(here.office)
        if routes.ballot_of(here.snapshot, here.row, person) is not None:
            return barrier("has_acted", Rank.FINAL)
        change = Change(table="seats", op=UPDATE, key=seat["id"], values={"voided_seq": here.seq})
        return Wanted(kind="signer_removed", changes=[change], form={"person": person, "reason": reason})

    return at_round(session, case_id, work, version=version, ctx=ctx, people=(person,))


def reassign(
    session: Session,
    case_id: str,
    *,
    to: str,
    reason: str,
    version: int,
    ctx: Context,
    person: str | None = None,
) -> Receipt | Refusal:
    """Pass one's turn on to another person who could take it (转交); the office may pass on that of somebody else.

    Of a signer who stood aside or has left the office passes on the turn too, and where nobody is left to sign it seats
    somebody without naming whom they stand for.
    """

    def work(here: Here) -> Wanted | Blocker:
        giver = person or here.ctx.actor.person
        if giver != here.ctx.actor.person and not here.is_office():
            return only(here.office)
        turns = routes.in_turn(here.snapshot, here.step, here.row)
        if here.step.kind is not StepKind.SIGN:
            return barrier("not_signed_here", Rank.TIME, step=here.step.name)
        in_stead = here.is_office() and (not turns or giver in routes.recused(here.snapshot, here.row))
        if all(seat.person != giver for seat in turns) and not in_stead:
            return only(*here.step.by)
        if to in routes.recused(here.snapshot, here.row):
            return barrier("has_acted", Rank.FINAL)
        found = _unfit(here, to, ())
        if found is not None:
            return found
        named = person if person in routes.recused(here.snapshot, here.row) else None
        stands_for = named if in_stead else giver
        return Wanted(
            kind="reassigned",
            changes=[_seat(here, to, "reassigned", instead_of=stands_for, comment=reason)],
            form={"to": to, "reason": reason} | ({"person": stands_for} if stands_for else {}),
        )

    return at_round(
        session, case_id, work, version=version, ctx=ctx, people=tuple(filter(None, (to, person)))
    )


def _is(seat: Row, here: Here, person: str, *kinds: str) -> bool:
    return bool(seat["round_id"] == here.row["id"] and seat["person_id"] == person and seat["kind"] in kinds)


def _unfit(here: Here, person: str, pool: tuple[str, ...]) -> Blocker | None:
    """Why a person cannot be given a seat: not in the pool, seated already, or standing too near."""
    if pool and not held_roles(here.snapshot, person) & {*pool}:
        return barrier("not_in_the_pool", Rank.RULE, roles=list(pool))
    if any(
        _is(seat, here, person, "panel", "before", "after", "reassigned")
        for seat in here.snapshot.living("seats")
    ):
        return barrier("seated_already", Rank.FINAL)
    if any(seat.person == person for seat in routes.seats(here.snapshot, here.step, here.row)):
        return barrier("seated_already", Rank.FINAL)
    found = conflict_of(here.snapshot, person, here.step.by)
    if found is None:
        return None
    return Blocker(
        code="conflict",
        basis=found.basis,
        rank=Rank.ROLE,
        params={"conflict": found.name, "who_is": found.who_is},
    )


def _seat(
    here: Here, person: str, kind: str, *, instead_of: str | None = None, comment: str | None = None
) -> Change:
    row = {
        "id": new_key(),
        "case_id": here.snapshot.id,
        "round_id": here.row["id"],
        "person_id": person,
        "kind": kind,
        "instead_of": instead_of,
        "given_by": here.ctx.actor.person,
        "comment": comment,
        "seq": here.seq,
        "voided_seq": None,
    }
    return Change(table="seats", op=INSERT, key=str(row["id"]), values=row)


# ───────────────────────────── Closing and taking back


def close_vote(session: Session, case_id: str, *, version: int, ctx: Context) -> Receipt | Refusal:
    """Close a vote though not everybody has voted: the ballots there are are counted by the rules of its opening.

    Too few of them is the named result `no_quorum`, and the motion waits for another round.
    """

    return at_round(session, case_id, closing, version=version, ctx=ctx)


def closing(here: Here) -> Wanted | Blocker:
    """The closing of an open vote by the ballots there are."""
    if not here.is_office():
        return only(here.office)
    if here.step.kind is not StepKind.VOTE:
        return barrier("no_vote_here", Rank.TIME, step=here.step.name)
    result = routes.vote_result(here.snapshot, here.step, here.row)
    change = routes.closed(here.snapshot, here.step, here.row, result, seq=here.seq, day=here.ctx.today)
    return Wanted(kind="vote_closed", changes=[change], form={})


def withdraw_ballot(session: Session, case_id: str, *, version: int, ctx: Context) -> Receipt | Refusal:
    """Take back one's own ballot while its round is open and nobody has acted after it; the earlier choice stays in the log.

    A slip of a secret vote cannot be found again, so it stays.
    """

    def work(here: Here) -> Wanted | Blocker:
        cast = routes.ballot_of(here.snapshot, here.row, here.ctx.actor.person)
        if cast is None:
            return barrier("no_ballot_of_yours", Rank.FINAL)
        if here.row["rules"] and here.row["rules"].get("secret") and cast["choice"] is None:
            return barrier("secret_ballot_stays", Rank.FINAL)
        later = [b for b in routes.ballots(here.snapshot, here.row) if b["seq"] > cast["seq"]]
        if later and here.step.kind is StepKind.SIGN:
            return barrier("acted_after_it", Rank.FINAL)
        change = Change(table="ballots", op=UPDATE, key=cast["id"], values={"voided_seq": here.seq})
        return Wanted(kind="ballot_withdrawn", changes=[change], form={})

    return at_round(session, case_id, work, version=version, ctx=ctx)
