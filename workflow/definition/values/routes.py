"""How a decision is reached: the routes, their steps, and what people may say at one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from workflow.definition.values.labels import Label


class StepKind(StrEnum):
    """The kinds of step a route may have."""

    TASK = "task"
    """Somebody must hand something in."""
    SIGN = "sign"
    """One, each, or one after the other agrees (或签 / 会签 / 顺签)."""
    VOTE = "vote"
    """A body votes on one motion (票签)."""
    SCORE = "score"
    """A panel of experts, each on a sheet of their own."""
    DECIDE = "decide"
    """One person picks the outcome; where a vote follows, it is the motion of that vote."""
    PUBLICITY = "publicity"
    """A notice in public, for some days, that takes objections (公示)."""


BY_BALLOT = frozenset({StepKind.SIGN, StepKind.VOTE, StepKind.SCORE, StepKind.PUBLICITY})
"""The kinds of step that people complete by ballots, in rounds."""

CONFIDENTIAL = frozenset({StepKind.VOTE, StepKind.SCORE})
"""The kinds whose ballots nobody else sees before the round is closed."""

REOPENED = frozenset({StepKind.SIGN, StepKind.VOTE, StepKind.SCORE, StepKind.DECIDE})
"""The kinds at which a route that is over may be reopened: those at which people decide."""


class Rule(StrEnum):
    """Whose agreement a signed step wants."""

    ONE = "one"
    EACH = "each"
    IN_ORDER = "in_order"


class Choice(StrEnum):
    """What a ballot may say. A sending back to an earlier step is `back_to_` and the step's name."""

    AGREE = "agree"
    REFUSE = "refuse"
    ABSTAIN = "abstain"
    RECUSE = "recuse"
    SCORE = "seal"
    OBJECT = "object"


BACK_TO = "back_to_"

MORE_TIME_FOR = "more_time_for_"
"""How the result of a round begins that ended because the deadline it went on without runs again; the task follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Whether a step is taken: a yes/no setting, a field of the case that is filled in, or one that has a value."""

    name: str
    negated: bool = False
    value: str | None = None
    """The value a field must have; None: any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a route, in the order they stand."""

    name: str
    kind: StepKind
    label: Label
    basis: str
    by: tuple[str, ...]
    act: str | None = None
    """The act that takes part in it (same name); None for `decide`, whose acts are its transitions."""
    choices: Mapping[str, str] = field(default_factory=dict)
    """For `decide`: outcome -> transition."""
    overdue: str | None = None
    when: Condition | None = None
    """Otherwise the step is skipped, and the log says why."""
    rule: Rule = Rule.ONE
    enough: int | None = None
    """For `each`: how many must agree; None: all."""
    must: tuple[str, ...] = ()
    """Roles without whose agreement the others are not enough."""
    refuse: str | None = None
    """The transition a refusal fires; None: nobody can refuse."""
    failed: str | None = None
    """What a vote against fires (a transition), or the earlier step it returns to."""
    quorum: str | None = None
    majority: str | None = None
    secret: str | None = None
    count: str | None = None
    """The setting that says how many experts a panel has."""
    industry: str | None = None
    """The setting that says how many of them come from outside the university, at least."""
    objected: str | None = None
    """The earlier step an objection returns to."""

    @property
    def by_ballot(self) -> bool:
        return self.kind in BY_BALLOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How a decision is reached while a case is in `state`: its steps, then `then` or the choices of a `decide` step."""

    state: str
    basis: str
    steps: tuple[Step, ...] = ()
    then: str | None = None

    def place(self, step: str) -> int:
        """Where a step stands. Raises StopIteration for one that is not of this route."""
        return next(i for i, known in enumerate(self.steps) if known.name == step)

    @property
    def has_ballots(self) -> bool:
        return any(step.by_ballot for step in self.steps)

    @property
    def decision(self) -> Step | None:
        """The step whose choices say what the route fires."""
        return next((step for step in self.steps if step.kind is StepKind.DECIDE), None)

    @property
    def is_moved(self) -> bool:
        """Whether what is decided is a motion that later steps still carry or refuse."""
        return self.decision is not None and self.decision is not self.steps[-1]

    @property
    def governed(self) -> frozenset[str]:
        """The transitions nobody fires but this route: what it ends in, and what a refusal brings about."""
        fired = {self.then, *(step.failed for step in self.steps)}
        fired |= {name for step in self.steps for name in step.choices.values()}
        return frozenset(name for name in fired if name) - {step.name for step in self.steps}

    @property
    def concludes(self) -> frozenset[str]:
        """The transitions it may come to: those it governs, and what a refusal fires though others may, too."""
        return self.governed | {step.refuse for step in self.steps if step.refuse}
