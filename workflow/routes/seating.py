"""Who has a seat in a round, and the ballots they have cast."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workflow.conflicts import kept_out
from workflow.definition.values.people import Held
from workflow.definition.values.routes import Choice, Step, StepKind
from workflow.snapshot import Row, Snapshot

ADDED = frozenset({"before", "after", "reassigned"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A person who may cast a ballot in a round, and in which role."""

    person: str
    role: str
    kind: str = "role"
    """`role` by grant or duty; `panel`; `before`, `after`: a signer added; `reassigned`."""


def seats(snapshot: Snapshot, step: Step, row: Row | None) -> tuple[Seat, ...]:
    """The people who may take part in a round, each once; whoever stood aside or was taken out is not among them.

    Rights are those of the day: a grant that was revoked, or a duty that ended, gives no seat any more. An expert who is
    no longer in the pool loses a seat whose sheet was not sealed before.
    """
    key = (seats, step.name, row["id"] if row is not None else None)
    return snapshot.remembered(key, lambda: tuple(_seated(snapshot, step, row)))


def _seated(snapshot: Snapshot, step: Step, row: Row | None) -> Iterator[Seat]:
    given = [seat for seat in snapshot.living("seats") if row is not None and seat["round_id"] == row["id"]]
    gone = {seat["person_id"] for seat in given if seat["kind"] == "removed"}
    gone |= {seat["instead_of"] for seat in given if seat["instead_of"]}
    gone |= recused(snapshot, row)
    found: dict[str, Seat] = {}
    if step.kind is not StepKind.SCORE:
        for person, role in holders_of(snapshot, step):
            if person not in gone:
                found.setdefault(person, Seat(person=person, role=role))
    pool = {person for person, _ in holders_of(snapshot, step)}
    for seat in given:
        person = seat["person_id"]
        has_left = seat["kind"] == "panel" and person not in pool and ballot_of(snapshot, row, person) is None
        if seat["kind"] != "removed" and not has_left and person not in gone | found.keys():
            role = _role_taken(snapshot, step, seat)
            found[person] = Seat(person=person, role=role, kind=seat["kind"])
    barred = {role: kept_out(snapshot, role) for role in {seat.role for seat in found.values()}}
    yield from (seat for seat in found.values() if seat.person not in barred[seat.role])


def _role_taken(snapshot: Snapshot, step: Step, seat: Row) -> str:
    """The role a seat was given in: that of whom it stands for, the vacant one where they have left, else the first."""
    roles = list(holders_of(snapshot, step))
    theirs = next((role for person, role in roles if person == seat["instead_of"]), None)
    if theirs is not None:
        return theirs
    held = {role for _, role in roles}
    vacant = (role for role in step.by if role not in held) if seat["kind"] == "reassigned" else iter(())
    return next(vacant, step.by[0] if step.by else "")


def recused(snapshot: Snapshot, row: Row | None) -> set[str]:
    return {ballot["person_id"] for ballot in ballots(snapshot, row) if ballot["choice"] == Choice.RECUSE}


def holders_of(snapshot: Snapshot, step: Step) -> Iterator[tuple[str, str]]:
    for name in step.by:
        role = snapshot.definition.roles[name]
        if role.held is Held.DUTY:
            yield from ((row["person_id"], name) for row in snapshot.duty(name) if row["person_id"])
            continue
        unit = snapshot.stored(role.of) if role.of else None
        for row in snapshot.holders:
            if row["role"] == name and (role.of is None or row["unit_id"] == unit):
                yield row["person_id"], name


def ballots(snapshot: Snapshot, row: Row | None) -> list[Row]:
    """The ballots of a round that stand."""
    if row is None:
        return []
    return [ballot for ballot in snapshot.living("ballots") if ballot["round_id"] == row["id"]]


def ballot_of(snapshot: Snapshot, row: Row | None, person: str | None) -> Row | None:
    return next((ballot for ballot in ballots(snapshot, row) if ballot["person_id"] == person), None)
