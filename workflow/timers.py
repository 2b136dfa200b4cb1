"""Timers as a function of state and dates: what should run, compared with what runs.

No transition arms or cancels anything. After each act the wanted timers are computed and compared with the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache, partial
from typing import Any

from models import new_key
from models.changes import INSERT, UPDATE, Change
from workflow.days import evaluate, measure
from workflow.definition.values.days import Day, Every
from workflow.definition.values.edition import Definition
from workflow.definition.values.timers import Timer
from workflow.periods import BEIJING, ONE_DAY, FallingDue, Kind, Period, fall_due, start_of
from workflow.snapshot import Row, Snapshot

REMINDED_AT = time(8, 0)
"""Reminders go out at eight in the morning, Beijing time."""

OPEN, HELD, FIRED, CANCELLED = "open", "held", "fired", "cancelled"

HELD_BY_STATE = "state"
HELD_BY_IMPORT = "import"
HELD_BY_GUARD = "guard"
HELD_BY_PEOPLE = "suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A timer that should run now."""

    timer: Timer
    falls: FallingDue
    period: int | None = None
    """For a deadline that comes back each year, the year its data are of."""
    suspended: bool = False
    """It stands still: people suspended it and have not let it run again."""


def wanted(snapshot: Snapshot) -> Iterator[Wanted]:
    """The timers that follow from the case's state and dates, at most one per name and, yearly ones, per year."""
    for timer in snapshot.definition.timers.values():
        if snapshot.state not in timer.while_ and snapshot.state not in timer.held:
            continue
        if isinstance(timer.day, Every):
            yield from _yearly(timer, timer.day, snapshot)
            continue
        if is_answered(timer, snapshot):
            continue
        falls = falls_due(timer, timer.day, snapshot)
        if falls is not None:
            falls = _after_loading(falls, timer, None, snapshot)
            still = snapshot.suspension(timer.name) is not None
            yield Wanted(timer=timer, falls=falls, suspended=still)


def falls_due(timer: Timer, day: Day, snapshot: Snapshot) -> FallingDue | None:
    """When a timer falls due in this stay: on the day people named, else on the day that follows from the file."""
    moved = snapshot.moved_deadline(timer.name)
    if moved is not None:
        return _fall_due(moved["last_day"], timer, snapshot)
    return regular(timer, day, snapshot)


def regular(timer: Timer, day: Day, snapshot: Snapshot) -> FallingDue | None:
    """When a timer falls due by the file alone, whatever people decided."""
    return _falls(timer, snapshot, partial(_nominal, day))


def is_answered(timer: Timer, snapshot: Snapshot) -> bool:
    """Say whether what a task's deadline waits for has been handed in during this stay."""
    if timer.answer != timer.name:
        return False
    rows = snapshot.hand_ins(timer.name, in_this_stay=True)
    return any(timer.answered_by is None or row["form"].get(timer.answered_by) for row in rows)


def _nominal(day: Day, snapshot: Snapshot) -> date | None:
    return evaluate(day, snapshot.scope())


def _falls(timer: Timer, snapshot: Snapshot, nominal: Callable[[Snapshot], date | None]) -> FallingDue | None:
    """When a timer falls due, through every change of the settings its day is made of, those to come as well.

    A deadline that had come when a change began to count keeps its day, and no change lets one come before the change
    counts. So what a setting moves follows from its rows alone, whenever somebody looks.
    """
    days = snapshot.setting_days(_settings_of(timer, snapshot.definition))
    view = snapshot if not days else replace(snapshot, settings_on=days[0] - ONE_DAY)
    falls = _fall_due(nominal(view), timer, snapshot)
    for day in days:
        if falls is not None and falls.at <= start_of(day):
            return falls
        moved = nominal(replace(snapshot, settings_on=day))
        if moved is not None and (falls is None or moved < falls.nominal_on):
            moved = max(moved, day)
        falls = _fall_due(moved, timer, snapshot)
    return falls


def _fall_due(day: date | None, timer: Timer, snapshot: Snapshot) -> FallingDue | None:
    return fall_due(day, timer.kind, snapshot.calendar) if day is not None else None


def _after_loading(falls: FallingDue, timer: Timer, period: int | None, snapshot: Snapshot) -> FallingDue:
    """When a timer that runs falls due by a calendar loaded since: one that had come stays, none comes before the loading counts.

    What the calendar moves follows from the rows alone, whenever somebody looks.
    """
    row = _running(timer.name, period, snapshot)
    loaded_on = snapshot.calendar.loaded_on
    if row is None or loaded_on is None or row["due_at"] == falls.at:
        return falls
    if not _is_the_same_promise(row, falls, timer, snapshot):
        return falls
    if row["status"] == FIRED or row["due_on"] < loaded_on:
        return FallingDue(
            kind=timer.kind,
            nominal_on=row["nominal_on"],
            day=row["due_on"],
            at=row["due_at"],
            provisional=row["provisional"],
        )
    if loaded_on < falls.day:
        return falls
    earliest = fall_due(loaded_on + ONE_DAY, timer.kind, snapshot.calendar)
    latest = fall_due(row["due_on"], timer.kind, snapshot.calendar)
    return replace(min(earliest, latest, key=lambda one: one.at), nominal_on=falls.nominal_on)


def _running(name: str, period: int | None, snapshot: Snapshot) -> Row | None:
    """The row of a timer that has not ended."""
    for row in snapshot.table("timers"):
        if row["name"] == name and row["period"] == period and row["ended_seq"] is None:
            return row
    return None


def _is_the_same_promise(row: Row, falls: FallingDue, timer: Timer, snapshot: Snapshot) -> bool:
    """Whether only the calendar can have moved a timer: its nominal day is the same, or one counted in working days."""
    if row["nominal_on"] == falls.nominal_on:
        return True
    if isinstance(timer.day, Every) or snapshot.moved_deadline(timer.name) is not None:
        return False
    measured = measure(timer.day, snapshot.scope())
    return measured is not None and measured[1].working_days != 0 and measured[0] <= row["due_on"]


_settings: dict[tuple[str, str], frozenset[str]] = {}


def _settings_of(timer: Timer, definition: Definition) -> frozenset[str]:
    """The settings a timer's day is made of."""
    key = (definition.sha256, timer.name)
    if key not in _settings:
        day = timer.day
        _settings[key] = frozenset({day.setting} if isinstance(day, Every) else _named_in(day, definition))
    return _settings[key]


def _named_in(day: Day, definition: Definition) -> Iterator[str]:
    if day.anchor in definition.settings:
        yield day.anchor
        for name in definition.settings[day.anchor].one_of:
            if name in definition.dates:
                yield from _named_in(definition.dates[name].day, definition)
    elif day.anchor in definition.dates:
        yield from _named_in(definition.dates[day.anchor].day, definition)
    for addend in day.addends:
        if isinstance(addend.period, str) and addend.period in definition.settings:
            yield addend.period


def counts_working_days(timer: Timer, definition: Definition, chosen: Mapping[str, Iterable[Any]]) -> bool:
    """Whether working days may be part of a timer's length; `chosen` are the values its settings were ever given."""
    if isinstance(timer.day, Every):
        return False
    values = (
        value
        for period in _periods_in(timer.day, definition)
        for value in _values(period, definition, chosen)
    )
    return any(
        Period.parse(value).working_days if isinstance(value, str) else value.working_days for value in values
    )


def _periods_in(day: Day, definition: Definition) -> Iterator[Period | str]:
    """What a day adds to its anchor, and whatever the anchor itself is made of."""
    yield from (addend.period for addend in day.addends)
    anchors = (
        day.anchor,
        *(definition.settings[day.anchor].one_of if day.anchor in definition.settings else ()),
    )
    for name in anchors:
        if name in definition.dates:
            yield from _periods_in(definition.dates[name].day, definition)


def _values(
    period: Period | str, definition: Definition, chosen: Mapping[str, Iterable[Any]]
) -> Iterator[Period | str]:
    if isinstance(period, Period):
        yield period
    elif period in definition.terms:
        value = definition.terms[period].value
        if isinstance(value, Period):
            yield value
    else:
        given = (definition.settings[period].default, *chosen.get(period, ()))
        yield from (value for value in given if isinstance(value, str))


def _yearly(timer: Timer, every: Every, snapshot: Snapshot) -> Iterator[Wanted]:
    """Each year's deadline that was missed and is still unanswered, and the next one that is to come.

    The data are of the calendar year before the deadline; the first year asked for is the one in which the case came
    into the timer's states.
    """
    began = _entered(snapshot, timer)
    if began is None:
        return
    answered = {row["period"] for row in snapshot.hand_ins(timer.name) if row["period"] is not None}
    missed = {
        row["period"]
        for row in snapshot.table("timers")
        if row["name"] == timer.name and row["status"] == FIRED
    }
    year = max([began.year, *(of + 1 for of in answered | missed)])
    for of in sorted((missed - answered) | {year}):
        falls = _falls(timer, snapshot, partial(_day_in, of + 1, every.setting))
        if falls is not None:
            yield Wanted(timer=timer, falls=_after_loading(falls, timer, of, snapshot), period=of)


def _day_in(year: int, setting: str, snapshot: Snapshot) -> date:
    """The day of a year that a setting of month and day stands for; the month's last where there is none."""
    month, day = (int(part) for part in str(snapshot.setting(setting)).split("-"))
    try:
        return date(year, month, day)
    except ValueError:
        return date(year, month + 1, 1) - timedelta(days=1)


def _entered(snapshot: Snapshot, timer: Timer) -> date | None:
    """The day the case last came from outside into the timer's states."""
    inside = timer.while_ | timer.held
    began = None
    for row in snapshot.passages():
        if row["to_state"] not in inside:
            began = None
        elif began is None:
            began = row["effective_on"]
    return began


# ───────────────────────────── Rungs


def rungs(timer: Timer, due_on: date, snapshot: Snapshot) -> list[tuple[int, datetime]]:
    """The ladder of a timer: days from the due day (negative: before) and the instant of each, in order."""
    days: list[int] = []
    if timer.remind:
        days += [-int(count) for count in snapshot.setting(timer.remind)]
    if timer.escalate:
        days += [int(count) for count in snapshot.setting(timer.escalate)]
    return [(count, rung_at(due_on, count)) for count in sorted(set(days))]


@lru_cache(maxsize=4096)
def rung_at(due_on: date, days: int) -> datetime:
    """Eight in the morning, Beijing time, so many days from the due day."""
    return datetime.combine(due_on + timedelta(days=days), REMINDED_AT, BEIJING).astimezone(UTC)


def told(timer: Timer, days: int, snapshot: Snapshot) -> tuple[str, ...]:
    """The roles a rung reaches: those reminded before the day, those an escalation has come to after it."""
    if days <= 0:
        return timer.tell
    ladder: Mapping[str, Any] = snapshot.setting(timer.escalate) if timer.escalate else {}
    reached = ladder.get(str(days))
    if reached is None:
        return ()
    return tuple(dict.fromkeys((*timer.tell[:1], reached)))


def answering_roles(timer: Timer, definition: Definition) -> tuple[str, ...]:
    """The roles that can meet a deadline: those of its act, or of its step. None where it is for nobody to meet."""
    act = definition.acts.get(timer.answer or "")
    if act is not None:
        return act.by
    step = definition.any_step(timer.answer)
    return step.by if step is not None else ()


def next_wake(row: Row, timer: Timer, snapshot: Snapshot, *, after: datetime) -> datetime | None:
    """The next instant somebody must look at a timer: its next rung, or its due instant while it is still open."""
    moments = [at for _, at in rungs(timer, row["due_on"], snapshot) if at > after]
    if row["status"] == OPEN:
        moments.append(row["due_at"])
    return min(moments, default=None)


# ───────────────────────────── Comparison


def reconcile(snapshot: Snapshot, *, seq: int, at: datetime) -> list[Change]:
    """The changes that make the timer rows equal to the wanted timers; `seq` is the entry they belong to.

    `at` is the instant the entry's act took effect: reminders of a new timer that lie before it are nobody's, those
    after it are due even when the act was recorded late.
    """
    rows = {(row["name"], row["due_at"]): row for row in snapshot.table("timers") if row["ended_seq"] is None}
    changes: list[Change] = []
    arriving: list[Change] = []
    for want in wanted(snapshot):
        row = rows.pop((want.timer.name, want.falls.at), None)
        if row is None:
            arriving.append(_arm(want, snapshot, seq=seq, at=at))
        elif values := _stays(row, want, snapshot, at=at):
            changes.append(_update(row, values))
    return [*changes, *(_ended(row, seq=seq) for row in rows.values()), *arriving]


def _ended(row: Row, *, seq: int) -> Change:
    status = row["status"] if row["status"] == FIRED else CANCELLED
    return _update(row, {"status": status, "hold": None, "wake_at": None, "ended_seq": seq})


def _stays(row: Row, want: Wanted, snapshot: Snapshot, *, at: datetime) -> dict[str, Any]:
    """What changes of a timer that runs on: what held it lets it go, people suspended it, its day is known by now."""
    values: dict[str, Any] = {}
    if want.suspended and not stands_still(row):
        values = {"status": HELD, "hold": HELD_BY_PEOPLE, "wake_at": None}
    elif not want.suspended and _is_let_go(row, want.timer, snapshot):
        freed = {"status": OPEN, "hold": None}
        values = {**freed, "wake_at": next_wake({**row, **freed}, want.timer, snapshot, after=at)}
    if row["provisional"] != want.falls.provisional:
        values["provisional"] = want.falls.provisional
    return values


def _is_let_go(row: Row, timer: Timer, snapshot: Snapshot) -> bool:
    """Whether what held a timer holds it no more: the case left the state, or people let it run again."""
    if row["hold"] == HELD_BY_STATE:
        return snapshot.state not in timer.held
    return stands_still(row)


def _arm(want: Wanted, snapshot: Snapshot, *, seq: int, at: datetime) -> Change:
    row = {
        "id": new_key(),
        "case_id": snapshot.id,
        "name": want.timer.name,
        "kind": str(want.timer.kind),
        "basis": want.timer.basis,
        "nominal_on": want.falls.nominal_on,
        "due_on": want.falls.day,
        "due_at": want.falls.at,
        "provisional": want.falls.provisional,
        "period": want.period,
        "armed_seq": seq,
        "status": HELD if want.suspended else OPEN,
        "hold": HELD_BY_PEOPLE if want.suspended else None,
        "fired_at": None,
        "ended_seq": None,
    }
    row["wake_at"] = None if want.suspended else next_wake(row, want.timer, snapshot, after=at)
    return Change(table="timers", op=INSERT, key=str(row["id"]), values=row)


def _update(row: Row, values: Mapping[str, Any]) -> Change:
    return Change(table="timers", op=UPDATE, key=row["id"], values=values)


ORDER = (Kind.DUE, Kind.ENDS, Kind.OPENS)
"""What takes effect first at one instant: 24:00 of a day comes before 00:00 of the next."""


def due(snapshot: Snapshot, at: datetime) -> Row | None:
    """The earliest timer that should take effect now, or None."""
    ready = [
        row
        for row in snapshot.table("timers")
        if row["due_at"] <= at and row["ended_seq"] is None and row["status"] == OPEN
    ]
    return min(
        ready, key=lambda row: (row["due_at"], ORDER.index(Kind(row["kind"])), row["name"]), default=None
    )


def running(snapshot: Snapshot, timer: Timer) -> Row | None:
    """The row of a timer that runs, is held or has passed unanswered; of a yearly one, the earliest."""
    rows = (row for row in snapshot.table("timers") if row["name"] == timer.name and row["ended_seq"] is None)
    return min(rows, key=lambda row: row["due_at"], default=None)


def stands_still(row: Row) -> bool:
    """Say whether people have suspended a deadline: its day does not come, however late it is."""
    return bool(row["hold"] == HELD_BY_PEOPLE)


def has_passed(row: Row, at: datetime) -> bool:
    """Say whether the day of a running timer is over; that of a suspended one does not come."""
    return bool(row["due_at"] <= at) and not stands_still(row)


def is_held_now(row: Row, snapshot: Snapshot) -> bool:
    """Say whether a due timer may not fire in the state the case is in."""
    return snapshot.state in snapshot.definition.timers[row["name"]].held
