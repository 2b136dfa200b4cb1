"""One edition of a lifecycle, whole, with what it declares for all its cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workflow.definition.values.acts import Act, Outcome, State
from workflow.definition.values.days import DateRule
from workflow.definition.values.forms import Count, Field, Item
from workflow.definition.values.labels import Label
from workflow.definition.values.people import Conflict, Role
from workflow.definition.values.routes import Route, Step
from workflow.definition.values.settings import Setting, Term
from workflow.definition.values.timers import Timer


@dataclass(frozen=True, slots=True, kw_only=True)
class Ban:
    """Declared with what starts it, how long it lasts, on whom, what it blocks and what it promises."""

    name: str
    label: Label
    basis: str
    starts: str
    lasts: str
    on: str
    blocks: tuple[str, ...]
    keeps_out_of: str
    finding: str | None = None
    """The field in which a near match is cleared with its reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """The genesis transition: the ledger's words for states, and who may bring a ledger in."""

    label: Label
    by: str
    basis: str
    states: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One edition of one lifecycle, whole and proved free of problems."""

    name: str
    edition: str
    label: Label
    source: str
    articles: int
    initial: str
    subject: str
    """The table that holds the subject's own columns, one-to-one with its case."""
    opens: str
    """The role whose grant on a unit lets a person open a draft there; opening writes that duty."""
    sha256: str
    backdating: tuple[str, ...]
    """The roles that may state an effective day."""
    terms: Mapping[str, Term]
    settings: Mapping[str, Setting]
    roles: Mapping[str, Role]
    states: Mapping[str, State]
    groups: Mapping[str, frozenset[str]]
    """Group -> the states in it, groups within groups resolved."""
    dates: Mapping[str, DateRule]
    acts: Mapping[str, Act]
    """Transitions and tasks, in the file's order."""
    timers: Mapping[str, Timer]
    """The file's timers and those of the routes' tasks."""
    routes: Mapping[str, Route]
    fields: Mapping[str, Field]
    outcomes: Mapping[str, Outcome]
    lists: Mapping[str, Mapping[str, Item]]
    sheets: Mapping[str, Mapping[str, Item]]
    counts: Mapping[str, Count]
    bans: Mapping[str, Ban]
    conflicts: Mapping[str, Conflict]
    import_: Import

    @property
    def has_ballots(self) -> bool:
        """Whether any of its decisions is reached by several people."""
        return any(route.has_ballots for route in self.routes.values())

    @property
    def proposal(self) -> Act | None:
        """The act by which whoever opened a case sends it on its way; None where nobody who opens one can.

        It is the first in the file's order that they may do where a case begins and that leads to a state with a way on.
        """
        return next(
            (
                act
                for act in self.acts.values()
                if self.initial in act.source
                and self.opens in act.by
                and act.to in self.states.keys() - {self.initial}
                and not self.states[act.to].end
            ),
            None,
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of all routes, in the file's order."""
        return tuple(step for route in self.routes.values() for step in route.steps)

    def step(self, state: str, name: str) -> Step | None:
        """A step of a state's route by its name."""
        route = self.routes.get(state)
        return next((step for step in route.steps if step.name == name), None) if route else None

    def any_step(self, name: str | None) -> Step | None:
        """The first step of that name, whatever the state; only steps that choose may share one."""
        return next((step for step in self.steps if step.name == name), None)
