"""Deadlines in words: those a plan begins and stops, how far one is, how it stands still."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from workflow.deadlines import days_suspended, still
from workflow.explain.names import title_of
from workflow.periods import Kind
from workflow.plan import Plan
from workflow.snapshot import Row, Snapshot
from workflow.timers import HELD_BY_PEOPLE, stands_still
from workflow.words import article_text, days_left_text, say


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A deadline that begins or, with `ends`, stops; with `suspended` it stands still on its day."""

    label: str
    on: date
    basis: str
    ends: bool
    note: str = ""
    suspended: bool = False


def deadlines_of(plan: Plan, snapshot: Snapshot, language: str) -> list[Deadline]:
    """The deadlines that begin and those that stop; one that only moves appears as both."""
    rows = {row["id"]: row for row in snapshot.table("timers")}
    armed = [change.values for step in plan.steps for change in step.armed]
    rows |= {row["id"]: row for row in armed}
    ended = [
        rows[change.key]
        for step in plan.steps
        for change in step.ended
        if change.values.get("ended_seq") is not None and change.key in rows
    ]
    stopped = {row["id"] for row in ended}
    begins = [_deadline(row, snapshot, language, ends=False) for row in armed if row["id"] not in stopped]
    fresh = {row["id"] for row in armed}
    stops = [_deadline(row, snapshot, language, ends=True) for row in ended if row["id"] not in fresh]
    return begins + _standing_still(plan, rows, snapshot, language) + stops


def _standing_still(plan: Plan, rows: Mapping[str, Row], snapshot: Snapshot, language: str) -> list[Deadline]:
    """The deadlines that people suspend."""
    return [
        replace(_deadline(rows[change.key], snapshot, language, ends=False), suspended=True)
        for step in plan.steps
        for change in step.ended
        if change.values.get("hold") == HELD_BY_PEOPLE and change.key in rows
    ]


def _deadline(row: Row, snapshot: Snapshot, language: str, *, ends: bool) -> Deadline:
    timer = snapshot.definition.timers[row["name"]]
    return Deadline(
        label=title_of(timer.label, language),
        on=row["due_on"],
        basis=article_text(row["basis"], language),
        ends=ends,
        note="" if ends else " ".join(day_notes(row, language)),
    )


def day_left(kind: str, on: date, today: date, language: str) -> str:
    """How far a timer's day is; one that opens something is never overdue."""
    if kind != Kind.OPENS:
        return days_left_text(on, today, language)
    days = (on - today).days
    key = "days.opens_today" if days == 0 else "days.opens_in" if days > 0 else "days.opened"
    return say(key, language, count=abs(days))


def day_notes(row: Row, language: str) -> list[str]:
    """What is to be known about a timer's day: that it moved off a rest day, that it may still move."""
    notes = []
    if row["nominal_on"] != row["due_on"]:
        notes.append(say("days.moved", language, day=row["nominal_on"]))
    if row["provisional"]:
        notes.append(say("days.provisional", language))
    return notes


def still_notes(row: Row, snapshot: Snapshot, language: str) -> list[str]:
    """What is to be known of a deadline that stands still, or stood still in this stay: since when, why, how long."""
    found = still(snapshot, row["name"]) if stands_still(row) else None
    notes = [say("days.suspended", language, day=found.since, reason=found.reason)] if found else []
    total = days_suspended(snapshot, row["name"], until=snapshot.today) if row["kind"] == Kind.DUE else 0
    if total:
        notes.append(say("days.stood", language, count=total))
    return notes


def left_text(row: Row, snapshot: Snapshot, language: str) -> str:
    """How far the day of a timer is or, while it stands still, how many days were left."""
    found = still(snapshot, row["name"]) if stands_still(row) else None
    if found is not None:
        return say("days.standing", language, count=found.left)
    return day_left(row["kind"], row["due_on"], snapshot.today, language)
