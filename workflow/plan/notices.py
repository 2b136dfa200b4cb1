"""Who is told of an act, and the outbox rows that tell them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from models import new_key
from models.changes import INSERT, Change, plain
from workflow import routes
from workflow.conflicts import conflict_of
from workflow.context import Context
from workflow.deadlines import asked_about, days_late
from workflow.definition.values.acts import TO_UNDO
from workflow.definition.values.days import Every
from workflow.definition.values.forms import FieldType
from workflow.definition.values.people import Held
from workflow.definition.values.routes import BACK_TO, MORE_TIME_FOR, Choice, StepKind
from workflow.definition.values.routes import Step as RouteStep
from workflow.definition.values.timers import Timer
from workflow.guards.view import View
from workflow.periods import Kind
from workflow.plan.following import Followed
from workflow.snapshot import Row, Snapshot
from workflow.tasks import NAME_PANEL

CHANNELS = ("app", "mail")

RUNG = "rung"
"""How the stable key of a reminder begins; the timer and the rung follow."""


def recipients(snapshot: Snapshot, role_name: str) -> list[str]:
    """The people a role stands for on this case; while a duty names nobody linked, those who stand in."""
    role = snapshot.definition.roles[role_name]
    if role.held is Held.DUTY:
        linked = [row["person_id"] for row in snapshot.duty(role_name) if row["person_id"]]
        return linked or [person for name in role.stand_in for person in recipients(snapshot, name)]
    unit = snapshot.stored(role.of) if role.of else None
    return [
        row["person_id"]
        for row in snapshot.holders
        if row["role"] == role_name and (role.of is None or row["unit_id"] == unit)
    ]


def act_notices(view: View, follows: Followed, seq: int, ctx: Context, *, template: str) -> Iterator[Change]:
    """One row per person and channel; whoever acted is not told of their own act, whoever is now asked is asked.

    A deadline that moved or was met is told with it; who hears that one is met, or that their turn is over, need not
    hear of the act as well.
    """
    act = view.act
    after = follows.after
    turns = tuple(asked(view.snapshot, after, seq, ctx))
    met = tuple(met_deadlines(view, follows, seq, ctx))
    over = tuple(turns_over(view.snapshot, follows, seq, ctx))
    yield from (*turns, *met, *over, *moved_deadlines(view.snapshot, follows, seq, ctx, why=act.name))
    people = dict.fromkeys(person for role in act.tell for person in recipients(after, role))
    if template == "act":
        people.update(dict.fromkeys(_told_of_undone(view)))
    for person in (ctx.actor.person, *(change.values["person_id"] for change in (*turns, *met, *over))):
        people.pop(person or "", None)
    for person in people:
        yield from notice(
            after.id,
            person,
            key=f"{after.id}:{seq}",
            template=template,
            at=ctx.at,
            params={
                "act": act.name,
                "outcome": view.outcome,
                "from": view.snapshot.state,
                "to": after.state,
                "day": plain(view.effective_on),
                "basis": act.basis,
            },
        )


def _told_of_undone(view: View) -> Iterator[str]:
    """Everybody who was notified of the act a correction undoes, whatever they hold now: what they were told is not so."""
    if view.act.to == TO_UNDO and view.snapshot.undone is not None:
        for key in view.snapshot.undone["notices"]:
            yield key.split(":")[2]


def late_notices(after: Snapshot, opening: Row, ctx: Context) -> Iterator[Change]:
    """Ask those who may move a deadline about it, where the timer that just fired opened its state too late."""
    timer = asked_about(after)
    if timer is None or timer.moved_by is None:
        return
    act = after.definition.acts[timer.moved_by]
    params = {
        "act": act.name,
        "task": timer.name,
        "opening": opening["name"],
        "day": plain(opening["due_on"]),
        "late": days_late(after),
        "until": next((plain(t["due_on"]) for t in after.table("timers") if t["name"] == timer.name), None),
    }
    for person in dict.fromkeys(person for role in act.by for person in recipients(after, role)):
        key = f"{after.id}:{after.case['log_seq']}-late"
        yield from notice(after.id, person, key=key, template="late_opening", at=ctx.at, params=params)


def lifted_notices(view: View, ctx: Context) -> Iterator[Change]:
    """Tell those whom a ban refused that the correction lifts it; each is told about the case of their own."""
    snapshot, partner = view.snapshot, view.snapshot.partner
    changes = snapshot.undone["changes"] if snapshot.undone else ()
    ban = next((change for change in changes if change["table"] == "bans" and change["op"] == INSERT), None)
    if ban is None:
        return
    for row in snapshot.turned_away:
        params = {
            "act": row["act"],
            "ban": ban["set"]["name"],
            "partner": partner["name"] if partner else "",
            "day": plain(ctx.today),
            "from_on": plain(row["from_on"]),
        }
        key = f"{row['case_id']}:{ban['key']}-lifted"
        yield from notice(
            row["case_id"], row["person_id"], key=key, template="ban_lifted", at=ctx.at, params=params
        )


def moved_deadlines(
    before: Snapshot, follows: Followed, seq: int, ctx: Context, *, why: str
) -> Iterator[Change]:
    """Tell those a timer tells that its day has moved: the same promise in the same stay, now with another day.

    `why` is the act, or the kind of the entry that is no act of the case. Nobody is told of their own act.
    """
    if not follows.armed or not follows.ended or before.case["stay"] != follows.after.case["stay"]:
        return
    rows = {row["id"]: row for row in before.table("timers")}
    ended = [rows[c.key] for c in follows.ended if c.key in rows and c.values.get("ended_seq") is not None]
    was = {(row["name"], row["period"]): row for row in ended}
    for change in follows.armed:
        new = change.values
        old = was.get((new["name"], new["period"]))
        timer = before.definition.timers[new["name"]]
        if old is not None and old["due_on"] != new["due_on"] and _runs_on(timer, before, follows.after):
            yield from _moved_deadline(timer, old, new, follows.after, seq, ctx, why=why)


def _runs_on(timer: Timer, before: Snapshot, after: Snapshot) -> bool:
    """Whether a deadline is still that of the same round, where it is one of a round."""
    if isinstance(timer.day, Every) or timer.day.anchor not in before.definition.acts:
        return True
    step = timer.day.anchor
    first, then = (
        {row["id"] for row in one.living("rounds") if row["step"] == step and row["closed_seq"] is None}
        for one in (before, after)
    )
    return first == then


def _moved_deadline(
    timer: Timer, old: Row, new: Row, after: Snapshot, seq: int, ctx: Context, *, why: str
) -> Iterator[Change]:
    params = {
        "timer": timer.name,
        "old": plain(old["due_on"]),
        "day": plain(new["due_on"]),
        "provisional": new["provisional"],
        "why": why,
        "basis": new["basis"],
        "answer": timer.answer,
        "period": new["period"],
        "sequence": new["armed_seq"],
    }
    for person in dict.fromkeys(person for role in timer.tell for person in recipients(after, role)):
        if person != ctx.actor.person:
            key = f"{after.id}:{seq}-moved-{timer.name}"
            yield from notice(after.id, person, key=key, template="deadline_moved", at=ctx.at, params=params)


def met_deadlines(view: View, follows: Followed, seq: int, ctx: Context) -> Iterator[Change]:
    """Tell those who were reminded of a deadline that it is met, once what it waited for is handed in."""
    if not view.snapshot.reminded:
        return
    rows = {row["id"]: row for row in view.snapshot.table("timers")}
    for change in follows.ended:
        row = rows.get(change.key)
        if row is None or change.values.get("ended_seq") is None or row["kind"] != Kind.DUE:
            continue
        timer = view.snapshot.definition.timers[row["name"]]
        if timer.answer != view.act.name:
            continue
        params = {
            "timer": timer.name,
            "act": view.act.name,
            "until": plain(row["due_on"]),
            "day": plain(view.effective_on),
            "late": row["due_at"] <= view.at,
            "basis": row["basis"],
            "period": row["period"],
            "sequence": change.values["ended_seq"],
        }
        for person in _reminded_of(row, view.snapshot):
            if person != ctx.actor.person:
                key = f"{view.snapshot.id}:{seq}-met-{timer.name}"
                yield from notice(
                    view.snapshot.id, person, key=key, template="deadline_met", at=ctx.at, params=params
                )


def _reminded_of(timer: Row, snapshot: Snapshot) -> Iterable[str]:
    """The people to whom a reminder of a timer went out."""
    rungs = f"{RUNG}:{timer['id']}:"
    return dict.fromkeys(row["person_id"] for row in snapshot.reminded if row["stable_key"].startswith(rungs))


def asked(before: Snapshot, after: Snapshot, seq: int, ctx: Context) -> Iterator[Change]:
    """Tell whoever has a turn after an act that they had not before it; nobody of two turns at once, nor of their own act."""
    if not after.definition.has_ballots:
        return
    known = {ctx.actor.person}
    turns = [turn for turn in _turns(after) if turn.person not in known]
    had = {turn.again for turn in _turns(before, interrupted=True)} if turns else set()
    for turn in turns:
        if turn.person in known or turn.again in had:
            continue
        known.add(turn.person)
        params = {"act": turn.act, "basis": turn.basis, "day": plain(turn.since or ctx.today), **turn.said}
        yield from notice(
            after.id,
            turn.person,
            key=f"{after.id}:{seq}",
            template="your_turn",
            at=ctx.at,
            params=params,
        )


def turns_over(before: Snapshot, follows: Followed, seq: int, ctx: Context) -> Iterator[Change]:
    """Tell those who were asked, and those who took part, that what went on without a task has ended: it has time again."""
    results = (change.values.get("result") or "" for change in follows.rounds)
    task = next((one.removeprefix(MORE_TIME_FOR) for one in results if one.startswith(MORE_TIME_FOR)), None)
    step = routes.standing(before).step
    if task is None or step is None or step.name == task:
        return
    after = follows.after
    until = next(t["due_on"] for t in after.table("timers") if t["name"] == task and t["ended_seq"] is None)
    params = {"act": step.name, "task": task, "until": plain(until), "basis": step.basis}
    asked = (turn.person for turn in _turns(before, interrupted=True))
    for person in dict.fromkeys((*asked, *_took_part(before))):
        if person != ctx.actor.person:
            key = f"{after.id}:{seq}-over"
            yield from notice(after.id, person, key=key, template="turn_over", at=ctx.at, params=params)


def _took_part(snapshot: Snapshot) -> Iterator[str]:
    """Who cast a ballot since the route last went back."""
    for row in reversed(routes.rounds(snapshot)):
        if str(row["result"]).startswith((BACK_TO, MORE_TIME_FOR)):
            return
        yield from (ballot["person_id"] for ballot in routes.ballots(snapshot, row))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """What somebody is asked for: the act, and the run of the step it belongs to."""

    person: str
    act: str
    run: tuple[Any, ...]
    basis: str
    since: date | None = None
    said: Mapping[str, Any] = field(default_factory=dict)
    """Of what was sent back: by whom, and why."""

    @property
    def again(self) -> tuple[Any, ...]:
        """What it has in common with the same turn before an act."""
        return self.person, self.act, self.run


def _turns(snapshot: Snapshot, *, interrupted: bool = False) -> Iterator[_Turn]:
    """The turns people have; with `interrupted`, also those that wait for a signer who was added before them."""
    here = routes.standing(snapshot)
    step, row = here.step, here.round
    if step is None:
        return
    if row is None:
        if step.kind is StepKind.DECIDE:
            run: tuple[Any, ...] = (snapshot.case["stay"], len(routes.rounds(snapshot)))
            for person in _unbiased(snapshot, step.by):
                yield _Turn(person=person, act=step.name, run=run, basis=step.basis)
        elif (back := routes.sent_back(snapshot, step)) is not None:
            yield from _sent_back(snapshot, step, back)
        return
    opened, run = row["opened_on"], (row["id"],)
    if routes.wants_panel(snapshot, step, row):
        for person in _unbiased(snapshot, (snapshot.definition.import_.by,)):
            yield _Turn(person=person, act=NAME_PANEL, run=run, basis=step.basis, since=opened)
    seats = routes.in_turn(snapshot, step, row)
    if interrupted:
        seats += routes.in_regular_turn(snapshot, step, row)
    for seat in seats:
        yield _Turn(person=seat.person, act=step.name, run=run, basis=step.basis, since=opened)


def _sent_back(snapshot: Snapshot, task: RouteStep, back: Row) -> Iterator[_Turn]:
    """The turns of those who handed in what a signer sent back, with what the signer wrote."""
    ballot = next((row for row in routes.ballots(snapshot, back) if row["choice"] == back["result"]), None)
    said = {"by": ballot["person_id"], "reason": _reason(snapshot, back, ballot)} if ballot else {}
    for person in _unbiased(snapshot, task.by):
        yield _Turn(
            person=person,
            act=task.name,
            run=(back["id"],),
            basis=task.basis,
            since=back["closed_on"],
            said=said,
        )


def _reason(snapshot: Snapshot, back: Row, ballot: Row) -> str:
    fields = snapshot.definition.fields
    asks = snapshot.definition.acts[back["step"]].asks
    texts = (ballot["form"].get(ask.field) for ask in asks if fields[ask.field].type is FieldType.TEXT)
    return next((str(text) for text in texts if text), "")


def _unbiased(snapshot: Snapshot, roles: tuple[str, ...]) -> Iterator[str]:
    """The people a role stands for who need not stand aside."""
    for role in roles:
        for person in recipients(snapshot, role):
            if conflict_of(snapshot, person, (role,)) is None:
                yield person


def copy_notices(
    view: View, people: Iterable[str], seq: int, ctx: Context, *, outcome: str | None
) -> Iterator[Change]:
    """Send the people a voter named a copy of the ballot, without its choice where that is not told yet."""
    params = {"act": view.act.name, "outcome": outcome, "by": view.on_behalf_of or ctx.actor.person}
    for person in dict.fromkeys(people):
        key = f"{view.snapshot.id}:{seq}-copy"
        yield from notice(view.snapshot.id, person, key=key, template="copied", at=ctx.at, params=params)


def aside_notices(view: View, step: RouteStep, after: Snapshot, seq: int, ctx: Context) -> Iterator[Change]:
    """Tell whoever names experts that one has stood aside."""
    if step.kind is not StepKind.SCORE or view.outcome != Choice.RECUSE:
        return
    params = {"act": step.name, "basis": step.basis, "by": view.on_behalf_of or ctx.actor.person}
    for person in dict.fromkeys(recipients(after, after.definition.import_.by)):
        key = f"{after.id}:{seq}-aside"
        yield from notice(after.id, person, key=key, template="stood_aside", at=ctx.at, params=params)


def notice(
    case_id: str | None, person: str, *, key: str, template: str, at: Any, params: Mapping[str, Any]
) -> Iterator[Change]:
    """The outbox rows that tell one person one thing; mail waits to be sent, the page shows its row at once."""
    for channel in CHANNELS:
        row = {
            "id": new_key(),
            "stable_key": f"{key}:{person}:{channel}",
            "case_id": case_id,
            "person_id": person,
            "channel": channel,
            "template": template,
            "params": dict(params),
            "queued_at": at,
            "next_try_at": at if channel == "mail" else None,
            "sent_at": None,
            "read_at": None,
            "attempts": 0,
            "parked_at": None,
            "failure": None,
            "letter": None,
            "letter_at": None,
        }
        yield Change(table="notices", op=INSERT, key=str(row["id"]), values=row)
