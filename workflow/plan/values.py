"""What a plan is made of: the form a person stated, the log entries to be, the answer to "may I, and what happens"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from models.changes import Change, merged, plain
from workflow.blockers import Blocker
from workflow.context import Actor, Source
from workflow.definition.values.acts import Act
from workflow.definition.values.forms import Field, FieldType
from workflow.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a person stated: field values, the outcome, an effective day, and the warnings they confirmed."""

    values: Mapping[str, Any] = field(default_factory=dict)
    outcome: str | None = None
    effective_on: date | None = None
    confirmed: frozenset[str] = frozenset()
    on_behalf_of: str | None = None
    """The person whose right is used, where somebody acts as their delegate."""
    copies: tuple[str, ...] = ()
    """The people who are sent a copy of a ballot (抄送); it gives them no right to see more."""

    @property
    def stored(self) -> dict[str, Any]:
        """The form as JSON, for a proposal or a motion to keep."""
        return {
            "values": plain(dict(self.values)),
            "outcome": self.outcome,
            "effective_on": plain(self.effective_on),
            "confirmed": sorted(self.confirmed),
        }


def form_of(stored: Mapping[str, Any], fields: Mapping[str, Field]) -> Form:
    """Read back the form a proposal or a motion kept as JSON."""
    values = dict(stored["values"])
    for name, value in values.items():
        if name in fields and fields[name].type is FieldType.DATE and isinstance(value, str):
            values[name] = date.fromisoformat(value)
    fact = values.get("fact")
    if isinstance(fact, dict) and fact["name"] in fields and fields[fact["name"]].type is FieldType.DATE:
        values["fact"] = {**fact, "value": date.fromisoformat(fact["value"])}
    effective = stored.get("effective_on")
    return Form(
        values=values,
        outcome=stored.get("outcome"),
        effective_on=date.fromisoformat(effective) if effective else None,
        confirmed=frozenset(stored.get("confirmed", ())),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One log entry to be: what it says, and the rows it brings about."""

    seq: int
    kind: str
    act: str
    outcome: str | None = None
    from_state: str | None
    to_state: str
    actor: Actor
    proposed_by: str | None = None
    source: Source
    effective_on: date
    basis: str
    by_basis: str
    form: Mapping[str, Any] = field(default_factory=dict)
    before: Snapshot
    changes: tuple[Change, ...]
    """Rows of the typed tables, the case and the subject."""
    armed: tuple[Change, ...] = ()
    ended: tuple[Change, ...] = ()
    """Timer rows that began, and timer rows whose status moved."""
    turns: tuple[Change, ...] = ()
    notices: tuple[Change, ...] = ()
    corrects: int | None = None
    ground: str | None = None
    """The entry this act rests on, as `stream#seq`; a correction of that entry is then refused."""
    confirmed: tuple[str, ...] = ()
    """The codes of the warnings that were shown and confirmed."""
    due_at: datetime | None = None
    """For an act of the clock, the instant its timer was due."""
    confidential: bool = False
    """What was chosen and written enters the log as commitments: nobody reads it there before the round is closed."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What entries of this kind say besides: the motion, the count of a vote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The answer to "may I, and what happens": blockers and unconfirmed warnings, or the steps to write."""

    act: Act
    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[Blocker, ...] = ()
    steps: tuple[Step, ...] = ()
    after: Snapshot | None = None
    proposes: bool = False
    """The act only becomes a proposal: another person must confirm it."""
    moves: str | None = None
    """The act only becomes a motion: the step that decides on it."""
    undisclosed: str | None = None
    """The confidential step that the act closes: what its ballots come to is left out of the plan until then."""
    on_behalf_of: str | None = None
    """Of an act that was only probed: for whom it would be done, where not in one's own right."""

    @property
    def allowed(self) -> bool:
        return not self.blockers

    @property
    def changes(self) -> list[Change]:
        """Everything the steps write, entries excepted."""
        return merged(
            change
            for step in self.steps
            for change in (*step.changes, *step.ended, *step.armed, *step.turns, *step.notices)
        )
