"""Seats given and taken away in an open round: experts of a panel, signers added, a turn passed on.

Each function says what is to be written, or why not; `workflow.operations.rounds` writes it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from models import new_key
from models.changes import INSERT, UPDATE, Change
from workflow import routes
from workflow.blockers import Blocker, Rank
from workflow.conflicts import conflict_of
from workflow.definition.values.routes import Choice, StepKind
from workflow.operations.open_round import Here, Wanted, barrier, only
from workflow.snapshot import Row, held_roles

SIDES = ("before", "after")
GIVEN = ("panel", *SIDES, "reassigned")


# ───────────────────────────── A panel


def may_name(here: Here) -> Blocker | None:
    """Why the actor cannot name or replace experts here."""
    if not here.is_office():
        return only(here.office)
    if here.step.kind is not StepKind.SCORE:
        return barrier("no_panel_here", Rank.TIME, step=here.step.name)
    return None


def naming(here: Here, people: Sequence[str], external: Collection[str]) -> Wanted | Blocker:
    """Give experts of the pool a seat on the panel (Art. 17), enough of them from outside the university once it is full."""
    found = may_name(here) or next(filter(None, (unfit(here, p, here.step.by) for p in people)), None)
    if found is not None:
        return found
    found = _too_few_external(here, {seat.person for seat in here.seated} | {*people}, external)
    if found is not None:
        return found
    changes = [_seat(here, person, "panel") for person in dict.fromkeys(people)]
    return Wanted(kind="seated", changes=changes, form={"people": list(dict.fromkeys(people))})


def replacing(
    here: Here, person: str, *, by: str, reason: str, external: Collection[str]
) -> Wanted | Blocker:
    """Give an expert's seat to another of the pool; a sheet already sealed stays."""
    found = may_name(here)
    if found is not None:
        return found
    seat = seat_of(here, person, "panel")
    if seat is None:
        return barrier("no_such_seat", Rank.FINAL)
    cast = routes.ballot_of(here.snapshot, here.row, person)
    if cast is not None and cast["choice"] == Choice.SCORE:
        return barrier("has_acted", Rank.FINAL)
    panel = {known.person for known in here.seated} - {person} | {by}
    found = unfit(here, by, here.step.by) or _too_few_external(here, panel, external)
    if found is not None:
        return found
    leaving = Change(table="seats", op=UPDATE, key=seat["id"], values={"voided_seq": here.seq})
    coming = _seat(here, by, "panel", instead_of=person, comment=reason)
    form = {"person": person, "to": by, "reason": reason}
    return Wanted(kind="reassigned", changes=[leaving, coming], form=form)


def _too_few_external(here: Here, panel: set[str], external: Collection[str]) -> Blocker | None:
    rules = here.row["rules"]
    have = len(panel & set(external))
    if len(panel) < rules["count"] or have >= rules["industry"]:
        return None
    return barrier("too_few_from_industry", Rank.RULE, want=rules["industry"], have=have)


# ───────────────────────────── Signers


def may_sign_on(here: Here) -> Blocker | None:
    """Why the actor cannot add a signer here."""
    if here.step.kind is not StepKind.SIGN:
        return barrier("not_signed_here", Rank.TIME, step=here.step.name)
    return None if here.has_turn() else only(*here.step.by)


def adding(here: Here, person: str, *, side: str, comment: str) -> Wanted | Blocker:
    """Ask one more person to sign, before the others go on or after them (加签)."""
    found = may_sign_on(here) or unfit(here, person, ())
    if found is not None:
        return found
    return Wanted(
        kind="signer_added",
        changes=[_seat(here, person, side, comment=comment)],
        form={"person": person, "side": side, "comment": comment},
    )


def may_remove(here: Here) -> Blocker | None:
    """Why the actor can take back no signer here: none was added who has not signed, or it was not they who added one."""
    if here.step.kind is not StepKind.SIGN:
        return barrier("not_signed_here", Rank.TIME, step=here.step.name)
    return None if removable(here) else barrier("no_signer_to_remove", Rank.FINAL)


def removable(here: Here) -> list[Row]:
    """The seats of added signers whom the actor may take back."""
    return [
        seat
        for seat in here.snapshot.living("seats")
        if seat["round_id"] == here.row["id"]
        and seat["kind"] in SIDES
        and (seat["given_by"] == here.ctx.actor.person or here.is_office())
        and routes.ballot_of(here.snapshot, here.row, seat["person_id"]) is None
    ]


def removing(here: Here, person: str, *, reason: str) -> Wanted | Blocker:
    """Take back a signer one has added, who has not signed yet (减签); the office may take back any."""
    seat = seat_of(here, person, *SIDES)
    if seat is None:
        return barrier("no_such_seat", Rank.FINAL)
    if seat["given_by"] != here.ctx.actor.person and not here.is_office():
        return only(here.office)
    if routes.ballot_of(here.snapshot, here.row, person) is not None:
        return barrier("has_acted", Rank.FINAL)
    change = Change(table="seats", op=UPDATE, key=seat["id"], values={"voided_seq": here.seq})
    return Wanted(kind="signer_removed", changes=[change], form={"person": person, "reason": reason})


# ───────────────────────────── A turn passed on


def may_pass_on(here: Here) -> Blocker | None:
    """Why the actor cannot pass a turn on here."""
    if here.step.kind is not StepKind.SIGN:
        return barrier("not_signed_here", Rank.TIME, step=here.step.name)
    return None if here.has_turn() or here.is_office() else only(*here.step.by)


def passing_on(here: Here, *, to: str, reason: str, person: str | None) -> Wanted | Blocker:
    """Pass one's turn on to another person who could take it (转交); the office may pass on that of somebody else.

    Of a signer who stood aside or has left the office passes on the turn too, and where nobody is left to sign it seats
    somebody without naming whom they stand for.
    """
    found = may_pass_on(here)
    if found is not None:
        return found
    giver = person or here.ctx.actor.person
    if giver != here.ctx.actor.person and not here.is_office():
        return only(here.office)
    aside = routes.recused(here.snapshot, here.row)
    in_stead = here.is_office() and (not here.turns or giver in aside)
    if all(seat.person != giver for seat in here.turns) and not in_stead:
        return only(*here.step.by)
    found = barrier("has_acted", Rank.FINAL) if to in aside else unfit(here, to, ())
    if found is not None:
        return found
    named = person if person in aside else None
    stands_for = named if in_stead else giver
    return Wanted(
        kind="reassigned",
        changes=[_seat(here, to, "reassigned", instead_of=stands_for, comment=reason)],
        form={"to": to, "reason": reason} | ({"person": stands_for} if stands_for else {}),
    )


# ───────────────────────────── What they share


def seat_of(here: Here, person: str, *kinds: str) -> Row | None:
    """The seat a person was given in the round, if it is of one of the kinds."""
    return next(
        (
            seat
            for seat in here.snapshot.living("seats")
            if seat["round_id"] == here.row["id"] and seat["person_id"] == person and seat["kind"] in kinds
        ),
        None,
    )


def unfit(here: Here, person: str, pool: tuple[str, ...]) -> Blocker | None:
    """Why a person cannot be given a seat: not in the pool, seated already, or standing too near."""
    if pool and not held_roles(here.snapshot, person) & {*pool}:
        return barrier("not_in_the_pool", Rank.RULE, roles=list(pool))
    if seat_of(here, person, *GIVEN) is not None or any(seat.person == person for seat in here.seated):
        return barrier("seated_already", Rank.FINAL)
    found = conflict_of(here.snapshot, person, here.step.by)
    if found is None:
        return None
    params = {"conflict": found.name, "who_is": found.who_is}
    return Blocker(code="their_conflict", basis=found.basis, rank=Rank.RULE, params=params)


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
        "declared_seq": None,
        "seq": here.seq,
        "voided_seq": None,
    }
    return Change(table="seats", op=INSERT, key=str(row["id"]), values=row)
