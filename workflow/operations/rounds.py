"""What people do about an open round besides casting a ballot: seats given and taken away, a round closed, a ballot taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Grant, Person
from models.changes import UPDATE, Change
from workflow import routes
from workflow.blockers import Blocker, Rank
from workflow.context import Context
from workflow.definition.values.routes import StepKind
from workflow.operations.answers import Receipt, Refusal
from workflow.operations.declaring import (
    declaring_conflict,
    declaring_none,
    may_declare,
    may_declare_none,
)
from workflow.operations.deeds import Faults
from workflow.operations.open_round import VOTE_CLOSED, Here, Wanted, Work, at_round, barrier, only
from workflow.operations.repeats import once
from workflow.operations.seats import (
    SIDES,
    adding,
    may_name,
    may_pass_on,
    may_remove,
    may_sign_on,
    naming,
    passing_on,
    removing,
    replacing,
)


class RoundAct(StrEnum):
    """What can be done about an open round besides casting a ballot."""

    NAME_EXPERTS = "name_experts"
    REPLACE_EXPERT = "replace_expert"
    ADD_SIGNER = "add_signer"
    REMOVE_SIGNER = "remove_signer"
    REASSIGN = "reassign"
    WITHDRAW_BALLOT = "withdraw_ballot"
    CLOSE_VOTE = "close_vote"
    DECLARE_NO_CONFLICT = "declare_no_conflict"
    DECLARE_CONFLICT = "declare_conflict"


OFFERED: Mapping[StepKind, tuple[RoundAct, ...]] = {
    StepKind.SIGN: (RoundAct.ADD_SIGNER, RoundAct.REMOVE_SIGNER, RoundAct.REASSIGN, RoundAct.WITHDRAW_BALLOT),
    StepKind.SCORE: (
        RoundAct.DECLARE_NO_CONFLICT,
        RoundAct.DECLARE_CONFLICT,
        RoundAct.NAME_EXPERTS,
        RoundAct.REPLACE_EXPERT,
        RoundAct.WITHDRAW_BALLOT,
    ),
    StepKind.VOTE: (RoundAct.CLOSE_VOTE, RoundAct.WITHDRAW_BALLOT),
}
"""What a step of a kind offers."""

ASKED: Mapping[RoundAct, tuple[str, ...]] = {
    RoundAct.NAME_EXPERTS: ("people",),
    RoundAct.REPLACE_EXPERT: ("person", "to", "reason"),
    RoundAct.ADD_SIGNER: ("to", "side", "reason?"),
    RoundAct.REMOVE_SIGNER: ("person", "reason"),
    RoundAct.REASSIGN: ("person?", "to", "reason"),
    RoundAct.WITHDRAW_BALLOT: (),
    RoundAct.CLOSE_VOTE: (),
    RoundAct.DECLARE_NO_CONFLICT: (),
    RoundAct.DECLARE_CONFLICT: ("reason",),
}
"""What each asks to be stated; `?` = may be left empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What is stated with an act about a round: `person` is whose seat it is about, `to` who gets one."""

    people: tuple[str, ...] = ()
    person: str | None = None
    to: str | None = None
    side: str = ""
    reason: str = ""


def offered(here: Here | None) -> tuple[RoundAct, ...]:
    """The acts about the open round, possible now or not."""
    return () if here is None else OFFERED.get(here.step.kind, ())


def barred(here: Here, act: RoundAct) -> Blocker | None:
    """Why the actor cannot do it, whatever they state; None where they may."""
    asks: Mapping[RoundAct, Callable[[Here], Blocker | None]] = {
        RoundAct.NAME_EXPERTS: may_name,
        RoundAct.REPLACE_EXPERT: may_name,
        RoundAct.ADD_SIGNER: may_sign_on,
        RoundAct.REMOVE_SIGNER: may_remove,
        RoundAct.REASSIGN: may_pass_on,
        RoundAct.WITHDRAW_BALLOT: may_withdraw,
        RoundAct.CLOSE_VOTE: may_close,
        RoundAct.DECLARE_NO_CONFLICT: may_declare_none,
        RoundAct.DECLARE_CONFLICT: may_declare,
    }
    return asks[act](here)


def work_of(session: Session, act: RoundAct, stated: Stated) -> Work:
    """What is to be written for an act. Raises BadInput with everything that is wrong with what was stated."""
    said = _checked(session, act, stated)
    to, person = said.to or "", said.person or ""
    match act:
        case RoundAct.NAME_EXPERTS:
            external = externals(session)
            return lambda here: naming(here, said.people, external)
        case RoundAct.REPLACE_EXPERT:
            external = externals(session)
            return lambda here: replacing(here, person, by=to, reason=said.reason, external=external)
        case RoundAct.ADD_SIGNER:
            return lambda here: adding(here, to, side=said.side, comment=said.reason)
        case RoundAct.REMOVE_SIGNER:
            return lambda here: removing(here, person, reason=said.reason)
        case RoundAct.REASSIGN:
            return lambda here: passing_on(here, to=to, reason=said.reason, person=said.person)
        case RoundAct.WITHDRAW_BALLOT:
            return withdrawing
        case RoundAct.CLOSE_VOTE:
            return closing
        case RoundAct.DECLARE_NO_CONFLICT:
            return declaring_none
        case RoundAct.DECLARE_CONFLICT:
            return lambda here: declaring_conflict(here, reason=said.reason)


def act_on_round(
    session: Session, case_id: str, act: RoundAct, stated: Stated, *, version: int, ctx: Context
) -> Receipt | Refusal:
    """Do something about the open round as it stood at `version`, once for the context's key.

    Raises BadInput with every fault of what was stated, NotFound, WorkflowError `key_reused`.
    """

    def work() -> Receipt | Refusal:
        wanted = work_of(session, act, stated)
        people = concerned(stated)
        return at_round(session, case_id, wanted, version=version, ctx=ctx, people=people)

    what: list[Any] = [
        "round", case_id, act.value, list(stated.people), stated.person, stated.to, stated.side, stated.reason,
    ]  # fmt: skip
    return once(session, what=what, ctx=ctx, kind=Receipt, work=work)


def concerned(stated: Stated) -> tuple[str, ...]:
    """The people an act about a round is about."""
    return tuple(filter(None, (*stated.people, stated.person, stated.to)))


def externals(session: Session) -> frozenset[str]:
    """The people with a role who are not of the university."""
    rows = select(Person.id).join(Grant, Grant.person_id == Person.id).where(Person.external)
    return frozenset(session.scalars(rows))


def _checked(session: Session, act: RoundAct, stated: Stated) -> Stated:
    """What was stated, each name of a person known and each text fit to be kept. Raises BadInput."""
    faults = Faults()
    asked = {name.removesuffix("?"): not name.endswith("?") for name in ASKED[act]}
    for name in ("people", "person", "to", "side", "reason"):
        value = getattr(stated, name)
        if value and name not in asked:
            faults.add(name, "unknown_field")
        elif not value and asked.get(name, False) and name != "reason":
            faults.add(name, "missing")
    if stated.side and stated.side not in SIDES:
        faults.add("side", "unknown_choice")
    reason = faults.reason(stated.reason) if asked.get("reason") or stated.reason.strip() else ""
    known = set(session.scalars(select(Person.id).where(Person.id.in_(sorted({*concerned(stated)})))))
    for name, people in _named(stated):
        if {*people} - known:
            faults.add(name, "unknown_choice")
    faults.done()
    return Stated(people=stated.people, person=stated.person, to=stated.to, side=stated.side, reason=reason)


def _named(stated: Stated) -> Iterable[tuple[str, tuple[str, ...]]]:
    yield "people", stated.people
    yield "person", (stated.person,) if stated.person else ()
    yield "to", (stated.to,) if stated.to else ()


# ───────────────────────────── Seats


def name_experts(
    session: Session, case_id: str, people: Sequence[str], *, version: int, ctx: Context
) -> Receipt | Refusal:
    """Give experts of the pool a seat on the panel of the open round (Art. 17).

    Refused for whoever is not in the pool, belongs to the lead college, leads the base or has a seat already, and when
    the panel would then be full without enough experts from outside the university.
    """
    stated = Stated(people=tuple(people))
    return act_on_round(session, case_id, RoundAct.NAME_EXPERTS, stated, version=version, ctx=ctx)


def replace_expert(
    session: Session, case_id: str, person: str, *, by: str, reason: str, version: int, ctx: Context
) -> Receipt | Refusal:
    """Give an expert's seat to another of the pool, with the reason; a sheet already sealed stays."""
    stated = Stated(person=person, to=by, reason=reason)
    return act_on_round(session, case_id, RoundAct.REPLACE_EXPERT, stated, version=version, ctx=ctx)


def add_signer(
    session: Session, case_id: str, person: str, *, side: str, comment: str, version: int, ctx: Context
) -> Receipt | Refusal:
    """Ask one more person to sign, before the others go on or after them (加签); whoever has the turn may."""
    stated = Stated(to=person, side=side, reason=comment)
    return act_on_round(session, case_id, RoundAct.ADD_SIGNER, stated, version=version, ctx=ctx)


def remove_signer(
    session: Session, case_id: str, person: str, *, reason: str, version: int, ctx: Context
) -> Receipt | Refusal:
    """Take back a signer one has added, who has not signed yet (减签); the office may take back any."""
    stated = Stated(person=person, reason=reason)
    return act_on_round(session, case_id, RoundAct.REMOVE_SIGNER, stated, version=version, ctx=ctx)


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
    """Pass one's turn on to another person who could take it (转交); the office also that of somebody else, or one nobody has."""
    stated = Stated(person=person, to=to, reason=reason)
    return act_on_round(session, case_id, RoundAct.REASSIGN, stated, version=version, ctx=ctx)


# ───────────────────────────── Closing and taking back


def close_vote(session: Session, case_id: str, *, version: int, ctx: Context) -> Receipt | Refusal:
    """Close a vote though not everybody has voted: the ballots there are are counted by the rules of its opening.

    Too few of them is the named result `no_quorum`, and the motion waits for another round.
    """
    return at_round(session, case_id, closing, version=version, ctx=ctx)


def may_close(here: Here) -> Blocker | None:
    """Why the actor cannot close the round."""
    if not here.is_office():
        return only(here.office)
    if here.step.kind is not StepKind.VOTE:
        return barrier("no_vote_here", Rank.TIME, step=here.step.name)
    return None


def closing(here: Here) -> Wanted | Blocker:
    """The closing of an open vote by the ballots there are."""
    found = may_close(here)
    if found is not None:
        return found
    result = routes.vote_result(here.snapshot, here.step, here.row)
    change = routes.closed(here.snapshot, here.step, here.row, result, seq=here.seq, day=here.ctx.today)
    return Wanted(kind=VOTE_CLOSED, changes=[change], form={})


def withdraw_ballot(session: Session, case_id: str, *, version: int, ctx: Context) -> Receipt | Refusal:
    """Take back one's own ballot while its round is open and nobody has acted after it; the earlier choice stays in the log.

    A slip of a secret vote cannot be found again, so it stays.
    """
    return at_round(session, case_id, withdrawing, version=version, ctx=ctx)


def may_withdraw(here: Here) -> Blocker | None:
    """Why the actor has no ballot here that could be taken back."""
    cast = routes.ballot_of(here.snapshot, here.row, here.ctx.actor.person)
    if cast is None:
        return barrier("no_ballot_of_yours", Rank.FINAL)
    if here.row["rules"] and here.row["rules"].get("secret") and cast["choice"] is None:
        return barrier("secret_ballot_stays", Rank.FINAL)
    later = [b for b in routes.ballots(here.snapshot, here.row) if b["seq"] > cast["seq"]]
    if later and here.step.kind is StepKind.SIGN:
        return barrier("acted_after_it", Rank.FINAL)
    return None


def withdrawing(here: Here) -> Wanted | Blocker:
    """The taking back of the actor's own ballot."""
    found = may_withdraw(here)
    cast = routes.ballot_of(here.snapshot, here.row, here.ctx.actor.person)
    if found is not None or cast is None:
        return found or barrier("no_ballot_of_yours", Rank.FINAL)
    change = Change(table="ballots", op=UPDATE, key=cast["id"], values={"voided_seq": here.seq})
    return Wanted(kind="ballot_withdrawn", changes=[change], form={})
