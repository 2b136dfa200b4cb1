"""Settings: what the office chose, from a day on. The act that changes one moves the timers it moves, each with an entry.

A length pinned onto a case stays with it, and a deadline that has come stays where it was; `timers.wanted` works out
the rest from the settings' rows. What is shown before the act is computed by the same functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Case, new_key
from models.changes import INSERT, Change, write
from workflow import gather
from workflow.context import Context
from workflow.definition import fits
from workflow.definition.values.edition import Definition
from workflow.definition.values.settings import Setting, SettingType
from workflow.errors import BadInput, NotFound
from workflow.hours import NeverOpens, Quiet, spelled
from workflow.operations.deeds import OFFICE, Done, Faults, demand, record
from workflow.operations.moving_timers import Move, Moving, as_changes, in_batches, planned_moves
from workflow.snapshot import Row, World
from workflow.world import bump, current_edition, world

LADDERS = (SettingType.DAYS, SettingType.ESCALATION)
"""Settings that say when reminders go out; they count from today only, for a reminder is worked out as it goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a change of a setting would do."""

    setting: Setting
    value: Any
    moves: tuple[Move, ...]
    cases: int
    """Cases with a timer that moves."""


# ───────────────────────────── Reading a value


def read_setting(definition: Definition, name: str, stated: Any) -> Any:
    """Return a setting's new value as it is kept, from what a form or a program stated.

    Texts are read by the setting's type; an escalation is stated as role → day. Raises NotFound for a setting the
    edition does not know and BadInput with what is wrong.
    """
    setting = definition.settings.get(name)
    if setting is None:
        raise NotFound("no_such_setting", setting=name)
    faults = Faults()
    value = _read(setting, stated.strip() if isinstance(stated, str) else stated)
    if setting.type is SettingType.HOURS and _never_opens(value):
        faults.add("value", "never_opens")
    elif value is None or not fits(setting, value, roles=frozenset(definition.roles)):
        faults.add("value", _CODES[setting.type])
    faults.done()
    return value


_CODES: Mapping[SettingType, str] = {
    SettingType.PERIOD: "not_a_period",
    SettingType.COUNT: "not_a_count",
    SettingType.YES_NO: "not_yes_or_no",
    SettingType.CHOICE: "unknown_choice",
    SettingType.DAYS: "not_days",
    SettingType.ESCALATION: "not_a_ladder",
    SettingType.MONTH_DAY: "not_a_month_day",
    SettingType.HOURS: "not_hours",
    SettingType.FRACTION: "not_a_fraction",
}


def _read(setting: Setting, stated: Any) -> Any:
    if not isinstance(stated, str):
        return _ladder(stated) if setting.type is SettingType.ESCALATION else stated
    match setting.type:
        case SettingType.COUNT:
            return int(stated) if re.fullmatch(r"\d{1,7}", stated, re.ASCII) else None
        case SettingType.YES_NO:
            return {"yes": True, "no": False, "true": True, "false": False}.get(stated)
        case SettingType.DAYS:
            return _days(stated)
        case SettingType.MONTH_DAY:
            found = re.fullmatch(r"(\d{1,2})-(\d{1,2})", stated, re.ASCII)
            return f"{int(found[1]):02d}-{int(found[2]):02d}" if found else None
        case SettingType.HOURS:
            return spelled(stated)
        case SettingType.PERIOD:
            return " ".join(stated.split())
        case _:
            return stated


def _never_opens(value: Any) -> bool:
    """Whether quiet hours would let no mail out at all."""
    try:
        Quiet.parse(value if isinstance(value, str) else "")
    except NeverOpens:
        return True
    except ValueError:
        return False
    return False


def _days(stated: str) -> list[int] | None:
    """Numbers between whatever separates them; none at all is a ladder without rungs."""
    parts = [part for part in re.split(r"[^\w.+-]+", stated) if part]
    if any(not re.fullmatch(r"\d{1,4}", part, re.ASCII) for part in parts):
        return None
    return sorted((int(part) for part in parts), reverse=True)


def _ladder(stated: Any) -> dict[str, str] | None:
    """Role → day turned into day → role; a role without a day is not told. None where two share a day."""
    if not isinstance(stated, Mapping):
        return None
    told = {str(role): str(day).strip() for role, day in stated.items() if str(day).strip()}
    ladder = {(day.lstrip("0") or day): role for role, day in told.items()}
    if len(ladder) != len(told) or not all(day.isascii() and day.isdigit() for day in ladder):
        return None
    return {day: ladder[day] for day in sorted(ladder, key=int)}


# ───────────────────────────── Before and in the act


def preview_setting(
    session: Session, *, lifecycle: str, name: str, value: Any, from_on: date | None, ctx: Context
) -> Preview:
    """Say which timers a change would move; nothing is written. Raises BadInput as `change_setting` does."""
    demand(session, ctx, *OFFICE)
    _, definition = current_edition(session, lifecycle)
    faults = Faults()
    row = _row(session, faults, definition, name, value, from_on, ctx)
    faults.done()
    moves: list[Move] = []
    for batch in _batches(session, lifecycle):
        located = gather.look_at(session, batch)
        for moved in planned_moves(session, located, _moving(row), ctx):
            moves += moved.moves
    return Preview(
        setting=definition.settings[name],
        value=row["value"],
        moves=tuple(moves),
        cases=len({move.case_id for move in moves}),
    )


def change_setting(
    session: Session,
    *,
    lifecycle: str,
    name: str,
    value: Any,
    from_on: date | None,
    reason: str,
    ctx: Context,
) -> Done:
    """Let a setting have a value from a day on, and move every timer it moves, in this one act.

    The setting has its entry with the reason, each case with a moved timer one of its own. Raises BadInput for a value
    that cannot stand, a day that is past, or no change; NotFound for a setting the edition does not know.
    """
    demand(session, ctx, *OFFICE)
    _, definition = current_edition(session, lifecycle)
    faults = Faults()
    row = _row(session, faults, definition, name, value, from_on, ctx)
    why = faults.reason(reason)
    faults.done()
    change = Change(table="settings", op=INSERT, key=str(row["id"]), values={**row, "reason": why})
    done = record(
        session,
        "system:settings",
        kind="setting_changed",
        subject=str(row["id"]),
        changes=[change],
        ctx=ctx,
        content={"reason": why},
    )
    cases = moves = 0
    moving = _moving(row)
    for batch in _batches(session, lifecycle):
        located = [gather.lock(session, case_id) for case_id in batch]
        for moved in planned_moves(session, located, moving, ctx):
            told = {"setting": name, "entry": f"{done.stream}#{done.seq}"}
            write(session, as_changes(replace(moved, step=replace(moved.step, form=told)), ctx))
            cases, moves = cases + bool(moved.moves), moves + len(moved.moves)
    bump(session)
    return replace(done, counts={"cases": cases, "timers": moves})


def _row(
    session: Session,
    faults: Faults,
    definition: Definition,
    name: str,
    value: Any,
    from_on: date | None,
    ctx: Context,
) -> dict[str, Any]:
    """The setting's row to be; what is wrong with it goes to `faults`."""
    try:
        read = read_setting(definition, name, value)
    except BadInput as bad:
        faults.found += bad.faults
        read = None
    day = faults.day("from_on", from_on)
    if day is not None and day < ctx.today:
        faults.add("from_on", "in_past")
    elif day is not None and day > ctx.today and definition.settings[name].type in LADDERS:
        faults.add("from_on", "only_today")
    if read is not None and day is not None and read == value_on(session, definition, name, day):
        faults.add("value", "nothing_changed")
    return {
        "id": new_key(),
        "lifecycle": definition.name,
        "name": name,
        "value": read,
        "from_on": day,
        "reason": "",
        "recorded_at": ctx.at,
    }


def value_on(session: Session, definition: Definition, name: str, day: date) -> Any:
    """The value a setting has on a day, for what is not pinned."""
    value = definition.settings[name].default
    for row in world(session, None).settings.get(definition.name, ()):
        if row["name"] == name and row["from_on"] <= day:
            value = row["value"]
    return value


def _batches(session: Session, lifecycle: str) -> Iterator[Sequence[str]]:
    """The living cases in the order of their identifiers, so that two acts lock them in the same order."""
    ids = session.scalars(
        select(Case.id).where(Case.lifecycle == lifecycle, Case.closed_at.is_(None)).order_by(Case.id)
    ).all()
    yield from in_batches(ids)


def _moving(row: Row) -> Moving:
    """What the new row does to a case."""
    return Moving(
        kind="setting_moved",
        act="change_setting",
        world=lambda known: _with(known, row),
        concerns=lambda definition: row["name"] in definition.settings,
    )


def _with(known: World, row: Row) -> World:
    """The world as it will be; it is put together here, for one read before the commit could outlive a rollback."""
    of_lifecycle = (*known.settings.get(row["lifecycle"], ()), row)
    ordered = tuple(sorted(of_lifecycle, key=lambda item: item["from_on"]))
    return replace(known, settings={**known.settings, row["lifecycle"]: ordered})
