"""Whose turn it is in an open round, and why it may be nobody's."""

from __future__ import annotations

from enum import StrEnum

from workflow.conflicts import conflict_of
from workflow.definition.values.routes import Rule, Step, StepKind
from workflow.routes.counting import has_agreed, has_passed_without
from workflow.routes.seating import Seat, ballot_of, holders_of, recused, seats
from workflow.snapshot import Row, Snapshot


def in_turn(snapshot: Snapshot, step: Step, row: Row) -> tuple[Seat, ...]:
    """The seats whose ballot is waited for now: added signers before the others, roles in their order."""
    waiting = [seat for seat in seats(snapshot, step, row) if ballot_of(snapshot, row, seat.person) is None]
    first = tuple(seat for seat in waiting if seat.kind == "before")
    return first or in_regular_turn(snapshot, step, row)


def in_regular_turn(snapshot: Snapshot, step: Step, row: Row) -> tuple[Seat, ...]:
    """The seats whose turn it is once no signer added before them is waited for."""
    waiting = [
        seat
        for seat in seats(snapshot, step, row)
        if seat.kind != "before" and ballot_of(snapshot, row, seat.person) is None
    ]
    if step.rule is Rule.IN_ORDER:
        for role in step.by:
            if not has_agreed(snapshot, step, row, role):
                return tuple(
                    seat for seat in waiting if seat.role == role and seat.kind in ("role", "reassigned")
                )
    if step.kind is StepKind.SIGN and has_passed_without(snapshot, step, row):
        return tuple(seat for seat in waiting if seat.kind == "after")
    return tuple(seat for seat in waiting if seat.kind != "after" or step.rule is not Rule.IN_ORDER)


def wants_panel(snapshot: Snapshot, step: Step, row: Row) -> bool:
    """Whether a panel has fewer experts than it needs, and somebody has to name them."""
    return step.kind is StepKind.SCORE and len(seats(snapshot, step, row)) < row["rules"]["count"]


class Lack(StrEnum):
    """Why nobody can act on a step."""

    NO_SEAT = "no_seat"
    """Whoever could act has stood aside, left, or is kept out by a conflict."""
    NO_EXPERT = "no_expert"
    """The pool holds fewer experts without a conflict than the panel still lacks."""


def lack(snapshot: Snapshot, step: Step, row: Row) -> Lack | None:
    """Why nobody can act on the open round of a step, None where somebody can. Objections are not waited for."""
    if step.kind is StepKind.PUBLICITY:
        return None
    if not wants_panel(snapshot, step, row):
        return None if in_turn(snapshot, step, row) else Lack.NO_SEAT
    panel = {seat.person for seat in seats(snapshot, step, row)}
    spent = panel | recused(snapshot, row)
    pool = {
        person
        for person, role in holders_of(snapshot, step)
        if person not in spent and conflict_of(snapshot, person, (role,)) is None
    }
    return Lack.NO_EXPERT if len(panel) + len(pool) < row["rules"]["count"] else None
