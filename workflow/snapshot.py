"""Everything the engine knows of one case at one instant, as one frozen value.

It is loaded once per act (`workflow.gather`), read by guards, timers and tasks, and moved forward by a plan's changes,
so that what is shown before an act and what the act writes come from the same computation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, TypeVar

from models.changes import UPDATE, Change
from workflow.days import evaluate
from workflow.definition.values.days import Day
from workflow.definition.values.edition import Definition
from workflow.definition.values.people import Held
from workflow.lineage import Lineage
from workflow.periods import Calendar, Period

Row = Mapping[str, Any]
T = TypeVar("T")

VOIDABLE = frozenset(
    {
        *("passages", "agreements", "grades", "clawbacks", "bans", "hand_ins", "deadline_decisions"),
        *("rounds", "seats", "ballots"),
    }
)
"""Tables whose rows a correction marks as undone instead of deleting."""

MOVED, SUSPENDED, RESUMED = "moved", "suspended", "resumed"
"""What may be decided about a deadline."""

KEPT: Mapping[str, tuple[str, str]] = {
    "agreement_number": ("agreements", "number"),
    "signed_on": ("agreements", "signed_on"),
    "agreement_first_day": ("agreements", "first_day"),
    "agreement_last_day": ("agreements", "last_day"),
    "agreement_scan": ("agreements", "document_id"),
    "contact_person": ("duties", "contact_name"),
    "contact_phone": ("duties", "contact_phone"),
    "report_by": ("deadline_decisions", "last_day"),
}
"""Form fields kept in a typed table of their own. Others are a column of the subject, or one of the case's facts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is the same for every case of a moment: the calendar, the settings per lifecycle and day, who became whom."""

    revision: int
    calendar: Calendar
    settings: Mapping[str, tuple[Row, ...]]
    """lifecycle -> its setting rows, oldest first."""
    calls: tuple[Row, ...]
    lineage: Lineage


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One case with its surroundings. `rows` holds the tables' rows by table name; `subject` is the subject's own row."""

    definition: Definition
    world: World
    today: date
    case: Row
    subject: Row
    rows: Mapping[str, tuple[Row, ...]]
    """passages, agreements, grades, clawbacks, bans (started by this case), hand_ins, deadline_decisions, timers,
    openings, tasks, duties, documents, pending_acts, and rounds, seats, ballots, slips where the edition has them: the
    case's own. Voided passages and agreements are left out; ended timers too, but for `openings`, those that fired the
    opening of a state."""
    bars: tuple[Row, ...] = ()
    """Bans of any case still in force, with the partner's identities; loaded when the act is one they block."""
    twins: tuple[Row, ...] = ()
    """Other cases of the same subject table in question as twins."""
    partners: tuple[Row, ...] = ()
    """Partner rows the case or the form names."""
    units: Mapping[str, Row] = field(default_factory=dict)
    grants: tuple[Row, ...] = ()
    """The grants in force of the people who act."""
    holders: tuple[Row, ...] = ()
    """People who hold, by grant, a role that may be told: role, unit_id, person_id, email, language."""
    kin: tuple[Row, ...] = ()
    """The grants of the people with a seat in a round, to see whether they stand too near."""
    lent: tuple[Row, ...] = ()
    """Grants others have delegated to the people who act, with `delegate_id`."""
    numbers: Mapping[str, int] = field(default_factory=dict)
    """The last number given out per counter."""
    held: frozenset[str] = frozenset()
    """The counters locked for this act; the others may have gone on since they were read."""
    undone: Mapping[str, Any] | None = None
    """The body of the entry a correction would undo."""
    built_on: bool = False
    """Whether a later act elsewhere names that entry as its ground."""
    turned_away: tuple[Row, ...] = ()
    """Whom a ban that a correction would lift has refused: person_id, case_id, act, from_on."""
    reminded: tuple[Row, ...] = ()
    """The reminders that went out for the case: person_id, stable_key; loaded for an act that a deadline waits for."""
    settings_on: date | None = None
    """The day whose settings count; None: today's."""
    answered: Row | None = None
    """The answer given before to the same request."""
    known: dict[Any, Any] = field(init=False, default_factory=dict, compare=False, repr=False)
    """What `remembered` has worked out from this snapshot; a snapshot made from it begins anew."""

    def remembered(self, key: Any, work: Callable[[], T]) -> T:
        """The result of `work`, done once for this snapshot: it never changes, so neither does what follows from it."""
        if key not in self.known:
            self.known[key] = work()
        result: T = self.known[key]
        return result

    # ── plain reading

    @property
    def id(self) -> str:
        return str(self.case["id"])

    @property
    def state(self) -> str:
        return str(self.case["state"])

    @property
    def calendar(self) -> Calendar:
        return self.world.calendar

    def table(self, name: str) -> tuple[Row, ...]:
        return self.rows.get(name, ())

    def living(self, name: str) -> tuple[Row, ...]:
        """The rows of a table that no correction has undone."""
        return self.remembered(
            name, lambda: tuple(row for row in self.table(name) if row.get("voided_seq") is None)
        )

    @property
    def agreement(self) -> Row | None:
        """The agreement in question: the one with the latest last day."""
        return max(self.living("agreements"), key=lambda row: (row["last_day"], row["seq"]), default=None)

    @property
    def _first_day(self) -> date | None:
        """The day the agreement began on: that of the one in question or, a renewal having none, of those before it."""
        rows = sorted(self.living("agreements"), key=lambda row: (row["last_day"], row["seq"]), reverse=True)
        return next((row["first_day"] for row in rows if row["first_day"] is not None), None)

    @property
    def opening(self) -> Row | None:
        """The timer that brought the case into the state it is in, where the clock did."""
        entered = next((row for row in self.passages() if row["place"] == self.case["stay"]), None)
        for row in (*self.table("openings"), *self.table("timers")):
            timer = self.definition.timers.get(row["name"])
            if entered is None or timer is None or timer.fires != entered["transition"]:
                continue
            if row["fired_at"] is not None and row["ended_seq"] == entered["seq"]:
                return row
        return None

    def deadline_decisions(self, timer: str) -> tuple[Row, ...]:
        """What was decided about a deadline during this stay in the state, oldest first."""
        rows = (
            row
            for row in self.living("deadline_decisions")
            if row["timer"] == timer and row["stay"] == self.case["stay"]
        )
        return tuple(sorted(rows, key=lambda row: row["seq"]))

    def moved_deadline(self, timer: str) -> Row | None:
        """The decision that named the last day of a deadline in this stay: the latest that named one."""
        rows = [row for row in self.deadline_decisions(timer) if row["last_day"] is not None]
        return rows[-1] if rows else None

    def suspension(self, timer: str) -> Row | None:
        """The decision by which a deadline stands still now, or None while it runs."""
        rows = self.deadline_decisions(timer)
        return rows[-1] if rows and rows[-1]["kind"] == SUSPENDED else None

    def kept_row(self, table: str) -> Row | None:
        """The row of a typed table that counts now, of those `KEPT` names."""
        if table == "agreements":
            return self.agreement
        if table == "duties":
            return next(iter(self.duty("partner_contact")), None)
        named = (self.moved_deadline(timer) for timer in self.definition.timers)
        return next((row for row in named if row is not None and row["kind"] == MOVED), None)

    @property
    def partner(self) -> Row | None:
        return next((row for row in self.partners if row["id"] == self.subject.get("partner_id")), None)

    @property
    def pending(self) -> Row | None:
        """The proposal waiting for a second person, if the case has not moved since."""
        for row in self.table("pending_acts"):
            if row["status"] == "open" and row["case_version"] == self.case["version"]:
                return row
        return None

    def duty(self, role: str) -> tuple[Row, ...]:
        """The duties of a role on this case that hold today."""
        return tuple(
            row
            for row in self.table("duties")
            if row["role"] == role
            and row["from_on"] <= self.today
            and (row["until_on"] is None or self.today <= row["until_on"])
        )

    def passages(self, transition: str | None = None) -> tuple[Row, ...]:
        """The transitions that took place and were not undone, in order."""
        return tuple(row for row in self.living("passages") if transition in (None, row["transition"]))

    def hand_ins(self, task: str, *, in_this_stay: bool = False) -> tuple[Row, ...]:
        return tuple(
            row
            for row in self.living("hand_ins")
            if row["task"] == task and (not in_this_stay or row["stay"] == self.case["stay"])
        )

    # ── settings, terms and days

    def setting(self, name: str) -> Any:
        """The value that counts for this case: pinned onto it, else the one in force."""
        pins = self.case["pins"] or {}
        return pins[name] if name in pins else self.setting_in_force(name)

    def setting_in_force(self, name: str) -> Any:
        """The value that counts for what is not pinned: the newest whose day has come, else the default."""
        value = self.definition.settings[name].default
        day = self.settings_on or self.today
        for row in self.world.settings.get(self.definition.name, ()):
            if row["name"] == name and row["from_on"] <= day:
                value = row["value"]
        return value

    def setting_days(self, names: frozenset[str]) -> list[date]:
        """The days, past and to come, from which one of the settings counts anew for this case."""
        pins = self.case["pins"] or {}
        rows = self.world.settings.get(self.definition.name, ())
        return sorted({row["from_on"] for row in rows if row["name"] in names and row["name"] not in pins})

    def length(self, name: str) -> Period:
        """The length a term or setting holds."""
        term = self.definition.terms.get(name)
        pinned = (self.case["pins"] or {}).get(name)
        value = pinned if pinned is not None else term.value if term is not None else self.setting(name)
        if isinstance(value, Period):
            return value
        return Period.parse(value) if isinstance(value, str) else Period(days=int(value))

    def stored(self, field_name: str) -> Any:
        """The value the case has for a form field, wherever it is kept."""
        if field_name in KEPT:
            table, kept_in = KEPT[field_name]
            row = self.kept_row(table)
            if field_name == "agreement_first_day":
                return self._first_day
            return row[kept_in] if row else None
        column = self.subject_column(field_name)
        if column is not None:
            return self.subject[column]
        facts = self.case["facts"] or {}
        value = facts.get(field_name)
        kind = self.definition.fields.get(field_name)
        if value is not None and kind is not None and kind.type == "date":
            return date.fromisoformat(value) if isinstance(value, str) else value
        return value

    def subject_column(self, field_name: str) -> str | None:
        """The column of the subject's table that keeps a field, or None."""
        for column in (field_name, f"{field_name}_id", f"{field_name.removesuffix('s')}_ids"):
            if column in self.subject:
                return column
        return None

    def unit_of(self, field_name: str) -> str | None:
        value = self.stored(field_name)
        return str(value) if value else None

    def times(self, transition: str) -> int:
        return len(self.passages(transition))

    def happened_on(self, transition: str) -> date | None:
        """The day a transition last took effect."""
        rows = self.passages(transition)
        return rows[-1]["effective_on"] if rows else None

    def round_opened_on(self, step: str) -> date | None:
        """The day the open round of a step was opened in this stay."""
        days: list[date] = [
            row["opened_on"]
            for row in self.living("rounds")
            if row["step"] == step and row["stay"] == self.case["stay"] and row["closed_seq"] is None
        ]
        return max(days, default=None)

    def scope(self, overrides: Mapping[str, Any] | None = None) -> SnapshotScope:
        """Where day expressions find their names; `overrides` are the form's values."""
        return SnapshotScope(snapshot=self, overrides=overrides or {})

    def dates(self) -> dict[str, date | None]:
        """The dates of the file as they stand now."""
        scope = self.scope()
        return {name: evaluate(rule.day, scope) for name, rule in self.definition.dates.items()}

    # ── moving forward

    def after(self, changes: Sequence[Change]) -> Snapshot:
        """The snapshot as it will be when the changes are written."""
        if not changes:
            return self
        case, subject = self.case, self.subject
        tables = dict(self.rows)
        partners = self.partners
        for change in changes:
            if change.table == "cases":
                case = {**case, **change.values}
            elif change.table == self.definition.subject:
                subject = {**subject, **change.values}
            elif change.table == "partners":
                partners = _with(partners, change)
            elif change.table in tables:
                tables[change.table] = _with(tables[change.table], change)
        return replace(
            self,
            case=case,
            subject=subject,
            rows=tables,
            partners=partners,
        )


def _with(rows: tuple[Row, ...], change: Change) -> tuple[Row, ...]:
    if change.op != UPDATE:
        return (*rows, change.values)
    return tuple({**row, **change.values} if row["id"] == change.key else row for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotScope:
    """The names a day expression may use, for one snapshot and the values of one form."""

    snapshot: Snapshot
    overrides: Mapping[str, Any]

    @property
    def calendar(self) -> Calendar:
        return self.snapshot.calendar

    def anchor(self, name: str, *, old: bool) -> date | None:
        definition = self.snapshot.definition
        if name == "today":
            return self.overrides.get("today") or self.snapshot.today
        if name in definition.acts:
            if definition.acts[name].kind == "ballot":
                return self.snapshot.round_opened_on(name)
            return self.snapshot.happened_on(name)
        if not old and self.overrides.get(name) is not None:
            value: date = self.overrides[name]
            return value
        stored: date | None = self.snapshot.stored(name)
        return stored

    def period(self, name: str) -> Period:
        return self.snapshot.length(name)

    def rule(self, name: str) -> Day | None:
        """The expression a name of the file stands for, where it stands for one: a date, or a setting that names an anchor."""
        definition = self.snapshot.definition
        if name in definition.settings:
            return Day(anchor=str(self.snapshot.setting(name)))
        return definition.dates[name].day if name in definition.dates else None

    def times(self, transition: str) -> int:
        return self.snapshot.times(transition)


def holds(row: Row, today: date) -> bool:
    """Say whether a dated grant or duty is in force on a day."""
    if row.get("revoked_at") is not None:
        return False
    ends: date | None = row["until_on"]
    begins: date = row["from_on"]
    return begins <= today and (ends is None or today <= ends)


def held_roles(snapshot: Snapshot, person: str | None) -> frozenset[str]:
    """The roles a person holds on this case today: by a grant on the right unit, or by a duty."""
    if person is None:
        return frozenset()
    by_duty = {
        role.name
        for role in snapshot.definition.roles.values()
        if role.held is Held.DUTY and any(row["person_id"] == person for row in snapshot.duty(role.name))
    }
    return _granted(snapshot, (row for row in snapshot.grants if row["person_id"] == person)) | by_duty


def lent_roles(snapshot: Snapshot, delegate: str | None) -> dict[str, frozenset[str]]:
    """Who has delegated which of their roles on this case to a person, today; a right the delegator lost is no longer lent."""
    lenders = dict.fromkeys(row["person_id"] for row in snapshot.lent if row["delegate_id"] == delegate)
    found = {
        lender: _granted(
            snapshot,
            (row for row in snapshot.lent if row["delegate_id"] == delegate and row["person_id"] == lender),
        )
        for lender in lenders
    }
    return {lender: roles for lender, roles in found.items() if roles}


def _granted(snapshot: Snapshot, grants: Iterable[Row]) -> frozenset[str]:
    rows = tuple(grants)
    return frozenset(
        role.name
        for role in snapshot.definition.roles.values()
        if role.held is Held.GRANT and any(_grants(snapshot, row, role.name, role.of) for row in rows)
    )


def _grants(snapshot: Snapshot, grant: Row, role: str, of: str | None) -> bool:
    if grant["role"] != role or not holds(grant, snapshot.today):
        return False
    return of is None or (grant["unit_id"] is not None and grant["unit_id"] == snapshot.stored(of))
