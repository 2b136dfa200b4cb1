"""Whose turn it is, as a function of the case: the acts somebody is expected to take, compared with their rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from models import new_key
from models.changes import INSERT, UPDATE, Change
from workflow.deadlines import asked_about
from workflow.definition.values.people import Held
from workflow.definition.values.routes import Step, StepKind
from workflow.definition.values.timers import Timer
from workflow.guards.calls import last_day
from workflow.routes import conclusion, in_turn, standing, wants_panel
from workflow.snapshot import Row, Snapshot
from workflow.standing_in import is_linked
from workflow.timers import FIRED, rungs, stands_still

CONFIRM = "confirm"
"""The act of the second person on a proposal."""

NAME_PANEL = "name_panel"
"""The office's task while a panel has fewer experts than it needs."""


Place = tuple[str, str, str | None, str | None]
"""What tells one turn of a case from another: the act, the role, the unit, the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """An act expected of a role, on a unit where the role is bound to one, or of one person; by a day where there is one."""

    act: str
    role: str
    unit_id: str | None
    due_on: date | None
    person_id: str | None = None

    @property
    def place(self) -> Place:
        return self.act, self.role, self.unit_id, self.person_id


def turns(snapshot: Snapshot, at: datetime) -> Iterable[Turn]:
    """The acts expected now, one per act, role and unit: of two years' data asked for at once, the one due first."""
    chosen: dict[Place, Turn] = {}
    for turn in _expected(snapshot, at):
        known = chosen.get(turn.place)
        if known is None or (turn.due_on or date.max) < (known.due_on or date.max):
            chosen[turn.place] = turn
    return chosen.values()


def _expected(snapshot: Snapshot, at: datetime) -> Iterator[Turn]:
    """In the order: a proposal to confirm, the step of the route, deadlines that have begun, one asked about."""
    pending = snapshot.pending
    if pending is not None:
        act = snapshot.definition.acts[pending["act"]]
        yield from _for_roles(snapshot, CONFIRM, (act.second or act.by[0],), None)
    yield from _of_route(snapshot)
    yield from _of_timers(snapshot, at)
    yield from _of_late_opening(snapshot)


def _of_route(snapshot: Snapshot) -> Iterator[Turn]:
    yield from _of_rest(snapshot)
    here = standing(snapshot)
    step, route = here.step, here.route
    if step is not None and here.round is not None:
        yield from _of_round(snapshot, step, here.round)
        return
    if step is not None:
        yield from _for_roles(snapshot, step.name, step.by, _due_on(snapshot, step.name))
        return
    found = conclusion(snapshot)
    if route is not None and found is not None and found.act != route.then and snapshot.pending is None:
        act = snapshot.definition.acts[found.act]
        yield from _for_roles(snapshot, act.name, act.by, None)
        return
    if route is not None and route.then is not None and not _is_untouched(snapshot):
        act = snapshot.definition.acts[route.then]
        days = (_due_on(snapshot, timer.name) for timer in _answered_by(snapshot, act.name))
        due_on = next((day for day in days if day), None) or last_day(snapshot, act)
        yield from _for_roles(snapshot, act.name, act.by, due_on)


def _is_untouched(snapshot: Snapshot) -> bool:
    """Whether the case never left the state it began in: what somebody has begun and not sent is asked of nobody."""
    return snapshot.state == snapshot.definition.initial and not snapshot.passages()


def _of_rest(snapshot: Snapshot) -> Iterator[Turn]:
    """A task on which something was handed in is still expected while its deadline runs for the rest."""
    route = snapshot.definition.routes.get(snapshot.state)
    for step in route.steps if route else ():
        if step.kind is StepKind.TASK and snapshot.hand_ins(step.name, in_this_stay=True):
            rows = [
                row
                for row in snapshot.table("timers")
                if row["name"] == step.name and row["ended_seq"] is None
            ]
            if any(row["status"] != FIRED for row in rows):
                yield from _for_roles(snapshot, step.name, step.by, _due_on(snapshot, step.name))


def _of_round(snapshot: Snapshot, step: Step, row: Row) -> Iterator[Turn]:
    """The roles whose turn it is, all of them while nobody has it; people asked one by one; whoever names a panel that lacks experts."""
    if step.kind is StepKind.PUBLICITY:
        return
    if wants_panel(snapshot, step, row):
        yield from _for_roles(snapshot, NAME_PANEL, (snapshot.definition.import_.by,), None)
    waiting = in_turn(snapshot, step, row)
    if step.kind is not StepKind.SCORE:
        roles = {seat.role for seat in waiting if seat.kind == "role"} if waiting else {*step.by}
        in_order = tuple(role for role in step.by if role in roles)
        yield from _for_roles(snapshot, step.name, in_order, None)
    for seat in waiting:
        if seat.kind != "role":
            yield Turn(act=step.name, role=seat.role, unit_id=None, due_on=None, person_id=seat.person)


def _of_timers(snapshot: Snapshot, at: datetime) -> Iterator[Turn]:
    """Deadlines answered outside the route are expected from their first reminder on."""
    route = snapshot.definition.routes.get(snapshot.state)
    on_route: set[str | None] = {route.then, *(step.name for step in route.steps)} if route else set()
    for row in snapshot.table("timers"):
        timer = snapshot.definition.timers[row["name"]]
        if row["ended_seq"] is not None or timer.answer is None or {timer.name, timer.answer} & on_route:
            continue
        if stands_still(row):
            continue
        act = snapshot.definition.acts[timer.answer]
        ladder = rungs(timer, row["due_on"], snapshot)
        if snapshot.state in act.source and (not ladder or ladder[0][1] <= at):
            yield from _for_roles(snapshot, act.name, act.by, row["due_on"])


def _of_late_opening(snapshot: Snapshot) -> Iterator[Turn]:
    """Those who may move a deadline are asked whether it moves, where the state it runs in was opened too late."""
    timer = asked_about(snapshot)
    if timer is not None and timer.moved_by is not None:
        act = snapshot.definition.acts[timer.moved_by]
        yield from _for_roles(snapshot, act.name, act.by, _due_on(snapshot, timer.name))


def _answered_by(snapshot: Snapshot, act: str) -> list[Timer]:
    return [timer for timer in snapshot.definition.timers.values() if timer.answer == act]


def _due_on(snapshot: Snapshot, timer: str) -> date | None:
    """The day a deadline falls due; none while it is suspended."""
    rows = [row for row in snapshot.table("timers") if row["name"] == timer and row["ended_seq"] is None]
    return min((row["due_on"] for row in rows if not stands_still(row)), default=None)


def _for_roles(snapshot: Snapshot, act: str, roles: tuple[str, ...], due_on: date | None) -> Iterator[Turn]:
    """One turn per role; a duty nobody linked fills falls to those who stand in."""
    for name in roles:
        role = snapshot.definition.roles[name]
        if not is_linked(snapshot, name):
            yield from _for_roles(snapshot, act, role.stand_in, due_on)
            continue
        unit = snapshot.unit_of(role.of) if role.held is Held.GRANT and role.of else None
        yield Turn(act=act, role=name, unit_id=unit, due_on=due_on)


def reconcile(snapshot: Snapshot, *, at: datetime) -> list[Change]:
    """The changes that make the task rows equal to the turns expected now."""
    rows: dict[Place, Row] = {
        (row["act"], row["role"], row["unit_id"], row["person_id"]): row
        for row in snapshot.table("tasks")
        if row["closed_at"] is None
    }
    changes = []
    for turn in turns(snapshot, at):
        row = rows.pop(turn.place, None)
        if row is None:
            values = {
                "id": new_key(),
                "case_id": snapshot.id,
                "act": turn.act,
                "role": turn.role,
                "unit_id": turn.unit_id,
                "person_id": turn.person_id,
                "due_on": turn.due_on,
                "opened_at": at,
                "closed_at": None,
            }
            changes.append(Change(table="tasks", op=INSERT, key=str(values["id"]), values=values))
        elif row["due_on"] != turn.due_on:
            changes.append(Change(table="tasks", op=UPDATE, key=row["id"], values={"due_on": turn.due_on}))
    for row in rows.values():
        changes.append(Change(table="tasks", op=UPDATE, key=row["id"], values={"closed_at": at}))
    return changes
