"""The calendar: the notice of a year is loaded or corrected, and every deadline it moves moves with it.

The days are rows of one entry, stored at once; each case of which a deadline moves or becomes certain has an entry of its
own. The cases are gone through afterwards (`calendar_passes`): what their deadlines should be follows from the rows alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import and_, or_, select, true
from sqlalchemy.orm import Session

from models import CalendarPass, CalendarYear, Case, Entry, Holiday, Timer
from models.changes import INSERT, UPDATE, Change, write
from workflow import gather
from workflow.blockers import Fault
from workflow.context import Context
from workflow.holidays import Notice
from workflow.operations.deeds import OFFICE, Done, Faults, demand, record
from workflow.operations.moving_timers import Move, Moved, Moving, as_changes, in_batches, planned_moves
from workflow.periods import Calendar, Kind, beijing_day
from workflow.snapshot import Row
from workflow.timers import FIRED, counts_working_days
from workflow.world import bump, calendar, calendar_of, editions_in_use, world

STREAM = "system:calendar"
LOADED, MOVED = "calendar_loaded", "calendar_moved"
PLAIN = "plain"
"""The kind of a day that a corrected notice took back."""
NOTHING_NEW = Fault(field="notice", code="notice_unchanged")
"""What is said of a notice that is loaded already and moves nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of cases: those with an entry, the timers that moved, and those that only became certain."""

    cases: int = 0
    timers: int = 0
    certain: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            cases=self.cases + other.cases,
            timers=self.timers + other.timers,
            certain=self.certain + other.certain,
        )

    @property
    def by_name(self) -> Mapping[str, int]:
        return {"cases": self.cases, "timers": self.timers, "certain": self.certain}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a notice would do: the days it adds, changes and takes back, and the timers it moves."""

    notice: Notice
    is_new: bool
    added: int
    changed: int
    taken_back: int
    moves: tuple[Move, ...]
    counts: Counts
    worked_out: int
    total: int
    """The bases worked out one by one, of those in question; `moves` and `counts` are of these."""

    @property
    def changes_nothing(self) -> bool:
        return not (self.is_new or self.added or self.changed or self.taken_back or self.counts.cases)


# ───────────────────────────── Before and in the act


def preview_notice(session: Session, notice: Notice, *, ctx: Context, most: int | None = None) -> Preview:
    """Say which days a notice changes and which timers it would move, of `most` bases or of all; nothing is written."""
    demand(session, ctx, *OFFICE)
    days = list(_day_changes(session, notice))
    is_new = session.get(CalendarYear, notice.year) is None
    known = _calendar_with(session, notice, ctx) if days or is_new else calendar(session)
    counts, moves = Counts(), list[Move]()
    ids = cases_in_question(session, notice.year, known)
    for batch in in_batches(ids[:most]):
        located = gather.look_at(session, batch)
        for moved in planned_moves(session, located, _moving(known), ctx):
            counts += _counted(moved)
            moves += moved.moves
    kinds = [_sort_of(change) for change in days]
    return Preview(
        notice=notice,
        is_new=is_new,
        added=kinds.count("added"),
        changed=kinds.count("changed"),
        taken_back=kinds.count("taken_back"),
        moves=tuple(moves),
        counts=counts,
        worked_out=len(ids[:most]),
        total=len(ids),
    )


def load_notice(session: Session, notice: Notice, *, reason: str, ctx: Context) -> Done | None:
    """Keep the days of a notice with their one entry, and begin the pass that moves the timers; that takes later steps.

    None when the days are what is kept already: then only what an earlier pass may have left is gone through.
    """
    demand(session, ctx, *OFFICE)
    faults = Faults()
    why = faults.reason(reason)
    faults.done()
    days = list(_day_changes(session, notice))
    is_new = session.get(CalendarYear, notice.year) is None
    if not days and not is_new:
        _begin_pass(session, notice.year, anew=False, ctx=ctx)
        return None
    kept = {"source": notice.source, "loaded_at": ctx.at}
    year = Change(
        table="calendar_years",
        op=INSERT if is_new else UPDATE,
        key=str(notice.year),
        values={"year": notice.year, **kept} if is_new else kept,
    )
    done = record(
        session,
        STREAM,
        kind=LOADED,
        subject=str(notice.year),
        changes=[*days, year],
        ctx=ctx,
        content={"year": notice.year, "reason": why},
    )
    _begin_pass(session, notice.year, anew=True, ctx=ctx)
    bump(session)
    return done


def _begin_pass(session: Session, year: int, *, anew: bool, ctx: Context) -> None:
    """Go through the bases in question from the first; unless `anew`, one that is under way goes on where it is."""
    row = session.get(CalendarPass, year, with_for_update=True)
    if row is not None and row.done_at is None and not anew:
        return
    total = len(cases_in_question(session, year, calendar(session)))
    row = row or CalendarPass(year=year)
    row.after, row.looked_at, row.total = None, 0, total
    row.cases = row.timers = row.certain = row.failed = 0
    row.begun_at, row.done_at = ctx.at, None if total else ctx.at
    session.add(row)


def move_timers(session: Session, case_ids: Sequence[str], *, year: int, ctx: Context) -> Counts:
    """Move the timers of some cases to where the calendar now puts them, each with an entry; what stands right is left alone."""
    demand(session, ctx, *OFFICE)
    known, source = calendar(session), loading_of(session, year)
    told = {"year": year, "entry": f"{source['stream']}#{source['seq']}"} if source else {"year": year}
    located = [gather.lock(session, case_id) for case_id in case_ids]
    counts = Counts()
    for moved in planned_moves(session, located, _moving(known), ctx):
        write(session, as_changes(replace(moved, step=replace(moved.step, form=told)), ctx))
        counts += _counted(moved)
    return counts


# ───────────────────────────── What a notice changes


def _day_changes(session: Session, notice: Notice) -> Iterator[Change]:
    """The rows that make the kept days of the year equal to the announced ones."""
    known = {row.day: row for row in _kept(session, notice.year)}
    for announced in notice.days:
        values = {"kind": announced.kind, "name": announced.name}
        row, key = known.pop(announced.day, None), announced.day.isoformat()
        if row is None:
            yield Change(table="holidays", op=INSERT, key=key, values={"day": announced.day, **values})
            continue
        differing = {name: value for name, value in values.items() if getattr(row, name) != value}
        if differing:
            yield Change(table="holidays", op=UPDATE, key=key, values=differing)
    for day, row in known.items():
        if row.kind != PLAIN:
            yield Change(table="holidays", op=UPDATE, key=day.isoformat(), values={"kind": PLAIN})


def _kept(session: Session, year: int) -> Sequence[Holiday]:
    query = select(Holiday).where(Holiday.day.between(date(year, 1, 1), date(year, 12, 31)))
    return session.scalars(query.order_by(Holiday.day)).all()


def _sort_of(change: Change) -> str:
    if change.op == INSERT:
        return "added"
    return "taken_back" if change.values.get("kind") == PLAIN else "changed"


def _calendar_with(session: Session, notice: Notice, ctx: Context) -> Calendar:
    """The calendar as the notice will leave it."""
    kept = session.execute(select(Holiday.day, Holiday.kind))
    days = {row.day: row.kind for row in kept if row.day.year != notice.year}
    days |= {announced.day: announced.kind for announced in notice.days}
    loaded = session.execute(select(CalendarYear.year, CalendarYear.loaded_at))
    years = {row.year: beijing_day(row.loaded_at) for row in loaded}
    return calendar_of(days, {**years, notice.year: ctx.today})


def cases_in_question(
    session: Session, year: int, known: Calendar, *, after: str | None = None, limit: int | None = None
) -> list[str]:
    """The living cases with a timer that the days of a year can move or make certain, in the order they are locked.

    All of them, or up to so many after one. The timer is a deadline in the year, one that is provisional and known by
    now, or one counted in working days.
    """
    first, last = date(year, 1, 1), date(year, 12, 31)
    touched = or_(
        and_(Timer.provisional, Timer.nominal_on <= known.known_through),
        and_(Timer.kind == Kind.DUE, Timer.due_on >= first, Timer.nominal_on <= last),
        and_(Timer.name.in_(_in_working_days(session)), Timer.due_on >= first),
    )
    query = (
        select(Case.id)
        .join(Timer, Timer.case_id == Case.id)
        .where(Case.closed_at.is_(None), Timer.ended_seq.is_(None), Timer.status != FIRED, touched)
        .where(Case.id > after if after is not None else true())
        .distinct()
        .order_by(Case.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def _in_working_days(session: Session) -> list[str]:
    """The timers, of any edition, whose length may count working days."""
    settings = world(session, None).settings
    names: set[str] = set()
    for definition in editions_in_use(session).values():
        chosen: dict[str, list[object]] = {}
        for row in settings.get(definition.name, ()):
            chosen.setdefault(row["name"], []).append(row["value"])
        names |= {
            timer.name
            for timer in definition.timers.values()
            if counts_working_days(timer, definition, chosen)
        }
    return sorted(names)


def _moving(known: Calendar) -> Moving:
    return Moving(kind=MOVED, act="import_calendar", world=lambda world: replace(world, calendar=known))


def _counted(moved: Moved) -> Counts:
    step = moved.step
    certain = sum(change.values.keys() == {"provisional"} for change in step.ended)
    return Counts(cases=int(bool(step.armed or step.ended)), timers=len(moved.moves), certain=certain)


# ───────────────────────────── Which loading it was


def loading_of(session: Session, year: int) -> Row | None:
    """The entry that last loaded a year: its stream, number, hash and instant; None where no entry tells of it."""
    rows = session.execute(
        select(Entry.stream, Entry.seq, Entry.hash, Entry.recorded_at, Entry.body)
        .where(Entry.stream == STREAM, Entry.kind == LOADED)
        .order_by(Entry.seq.desc())
    ).mappings()
    for row in rows:
        if json.loads(row["body"])["details"].get("year") == year:
            return dict(row)
    return None
