"""The way of a case along its route as one reader may see it: steps done, the present one, those to come, earlier rounds.

Read from the same rows and by the same functions the engine goes by. What others chose in an open vote or panel is not
among it: the reader sees their own ballot and how many of how many there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from workflow import routes
from workflow.definition.values.routes import CONFIDENTIAL, Step, StepKind
from workflow.plan import recipients
from workflow.snapshot import Row, Snapshot, held_roles
from workflow.tasks import NAME_PANEL


class Mark(StrEnum):
    """How far a step has come."""

    DONE = "done"
    CURRENT = "current"
    COMING = "coming"
    SKIPPED = "skipped"
    EARLIER = "earlier"
    """A round that was run before: of a step that is run again, or of an earlier stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One step of the way, or one earlier round of it."""

    step: Step
    mark: Mark
    round: Row | None = None
    hand_in: Row | None = None
    """What was handed in, where the step is a task."""
    since: date | None = None
    """Of the present step: the day from which it is waited for."""
    cast: int = 0
    seats: int = 0
    """Ballots, of how many people with a seat; of a panel, of how many it wants."""
    ballots: tuple[Row, ...] = ()
    """The ballots the reader may see."""
    waits_for: tuple[str, ...] = ()
    """The people whose turn it is; nobody where the reader may not know who has not voted yet."""
    roles: tuple[str, ...] = ()
    """The roles whose turn it is."""
    until: date | None = None
    """The last day of a notice in public, or of what is to be handed in."""

    @property
    def is_hidden(self) -> bool:
        """Whether others' ballots are not told yet."""
        return self.step.kind in CONFIDENTIAL and self.round is not None and self.round["closed_seq"] is None


def stops(snapshot: Snapshot, reader: str | None) -> tuple[Stop, ...]:
    """The steps of the present state's route, in their order; none where the route has none."""
    here = routes.standing(snapshot)
    if here.route is None:
        return ()
    place = here.route.place(here.step.name) if here.step is not None else len(here.route.steps)
    return tuple(
        _present(snapshot, step, here.round, reader)
        if step is here.step
        else _other(snapshot, step, at < place)
        for at, step in enumerate(here.route.steps)
    )


def earlier(snapshot: Snapshot, *, shown: tuple[Stop, ...]) -> tuple[Stop, ...]:
    """The rounds that are not among the stops shown: run again since, or of earlier stays; the latest first."""
    on_the_way = {stop.round["id"] for stop in shown if stop.round is not None}
    steps = {step.name: step for step in snapshot.definition.steps}
    rows = [row for row in snapshot.living("rounds") if row["id"] not in on_the_way and row["step"] in steps]
    rows.sort(key=lambda row: (row["stay"], row["place"]), reverse=True)
    return tuple(_of_round(snapshot, steps[row["step"]], row, Mark.EARLIER) for row in rows)


def people_named(found: tuple[Stop, ...]) -> Iterator[str | None]:
    """The people whose names the stops want."""
    for stop in found:
        yield from stop.waits_for
        if stop.hand_in is not None:
            yield stop.hand_in["person_id"]
        for ballot in stop.ballots:
            yield from (ballot["person_id"], ballot["cast_by"])


# ───────────────────────────── The present step


def _present(snapshot: Snapshot, step: Step, row: Row | None, reader: str | None) -> Stop:
    if row is None:
        return Stop(
            step=step,
            mark=Mark.CURRENT,
            since=_since(snapshot),
            waits_for=_holders(snapshot, step.by),
            roles=step.by,
            until=_until(snapshot, step.name),
        )
    seated = routes.seats(snapshot, step, row)
    turns = routes.in_turn(snapshot, step, row)
    cast = routes.ballots(snapshot, row)
    seats = max(len(seated), row["rules"]["count"] if step.kind is StepKind.SCORE else 0)
    return Stop(
        step=step,
        mark=Mark.CURRENT,
        round=row,
        since=row["opened_on"],
        cast=len(cast),
        seats=seats,
        ballots=tuple(ballot for ballot in cast if _may_see(step, ballot, reader)),
        waits_for=_waited_for(snapshot, step, turns, reader),
        roles=_roles_waited_for(snapshot, step, turns),
        until=_until(snapshot, f"{step.name}_over") if step.kind is StepKind.PUBLICITY else None,
    )


def _may_see(step: Step, ballot: Row, reader: str | None) -> bool:
    return step.kind not in CONFIDENTIAL or ballot["person_id"] == reader


def _waited_for(
    snapshot: Snapshot, step: Step, turns: tuple[routes.Seat, ...], reader: str | None
) -> tuple[str, ...]:
    """Whoever has not voted yet is known to the office, which may have to remind them, and to nobody else."""
    office = snapshot.definition.import_.by
    if _wants_panel(snapshot):
        return _holders(snapshot, (office,))
    if step.kind is StepKind.PUBLICITY:
        return ()
    if step.kind in CONFIDENTIAL and office not in held_roles(snapshot, reader):
        return ()
    return tuple(seat.person for seat in turns)


def _roles_waited_for(snapshot: Snapshot, step: Step, turns: tuple[routes.Seat, ...]) -> tuple[str, ...]:
    if _wants_panel(snapshot):
        return (snapshot.definition.import_.by,)
    if step.kind is StepKind.PUBLICITY:
        return ()
    return tuple(dict.fromkeys(seat.role for seat in turns if seat.role)) or step.by


def _wants_panel(snapshot: Snapshot) -> bool:
    return any(row["act"] == NAME_PANEL and row["closed_at"] is None for row in snapshot.table("tasks"))


def _holders(snapshot: Snapshot, roles: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(person for role in roles for person in recipients(snapshot, role)))


def _since(snapshot: Snapshot) -> date:
    """The day the step before was over, else the day the case entered its state."""
    days: list[date] = [row["closed_on"] for row in routes.rounds(snapshot) if row["closed_on"]]
    entered: date = snapshot.case["entered_on"]
    return max([entered, *days])


def _until(snapshot: Snapshot, timer: str) -> date | None:
    days = (
        row["due_on"] for row in snapshot.table("timers") if row["name"] == timer and row["ended_seq"] is None
    )
    return min(days, default=None)


# ───────────────────────────── The others


def _other(snapshot: Snapshot, step: Step, is_before: bool) -> Stop:
    if not is_before:
        return Stop(step=step, mark=Mark.COMING)
    rows = [row for row in routes.rounds(snapshot) if row["step"] == step.name]
    if rows:
        skipped = rows[-1]["result"] == routes.Result.SKIPPED
        return _of_round(snapshot, step, rows[-1], Mark.SKIPPED if skipped else Mark.DONE)
    handed_in = snapshot.hand_ins(step.name, in_this_stay=True)
    if handed_in:
        return Stop(step=step, mark=Mark.DONE, hand_in=handed_in[-1])
    return Stop(step=step, mark=Mark.DONE if step.kind is StepKind.TASK else Mark.COMING)


def _of_round(snapshot: Snapshot, step: Step, row: Row, mark: Mark) -> Stop:
    """A round that is over: everybody may see who said what. One left open by its stay is over too, and tells nothing."""
    cast = tuple(routes.ballots(snapshot, row))
    told = step.kind not in CONFIDENTIAL or row["closed_seq"] is not None
    return Stop(
        step=step,
        mark=mark,
        round=row,
        cast=len(cast),
        seats=len(row["electorate"] or cast),
        ballots=cast if told else (),
    )
