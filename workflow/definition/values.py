"""The frozen values a lifecycle file becomes: what the engine, the pages and the checker read.

Nothing here computes. Names refer to one another by text; the loader has proved that every name resolves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from workflow.periods import Kind, Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One thing's name in both languages."""

    zh: str
    en: str


class ActKind(StrEnum):
    """A transition changes the state (or corrects a fact); a task hands something in; a ballot is one person's part of a step."""

    TRANSITION = "transition"
    TASK = "task"
    BALLOT = "ballot"


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


class FieldType(StrEnum):
    """What a form field holds, and so how it is read, shown and kept."""

    LINE = "line"
    TEXT = "text"
    DATE = "date"
    COUNT = "count"
    MONEY = "money"
    YES_NO = "yes_no"
    CHOICE = "choice"
    DOCUMENT = "document"
    PERSON = "person"
    PARTNER = "partner"
    UNIT = "unit"
    UNITS = "units"
    CHECKLIST = "checklist"
    SHEET = "sheet"
    REASONS = "reasons"
    FACT = "fact"


TO_SAME = "same"
TO_UNDO = "undo"
BY_TIMER = "timer"
BY_TURN = "whose_turn"


# ───────────────────────────── Days


@dataclass(frozen=True, slots=True, kw_only=True)
class Addend:
    """One signed period of a day expression: `- final_before`, `+ extension * times(extend)`, `+ 90 days`."""

    sign: int
    period: Period | str
    """A literal period, or the name of a term or setting that holds one."""
    times: str | None = None
    """The transition whose count multiplies the period; None multiplies by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """`anchor + period − period`: the periods are added up first and applied to the anchor in one step."""

    anchor: str
    """A date of the file, a date field, a transition (the day it last took effect), `today`, or a setting naming one of them."""
    old: bool = False
    """Read the value the case has, not the one the form would give it."""
    addends: tuple[Addend, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """A day that comes back each year: `every yearly_data_day`, the setting holding MM-DD."""

    setting: str


# ───────────────────────────── What the text fixes and what the office chose


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A length or number fixed by the regulation; changes only with an edition."""

    name: str
    value: Period | int
    basis: str
    label: Label


class SettingType(StrEnum):
    """What a setting holds; it follows from its default."""

    PERIOD = "period"
    COUNT = "count"
    YES_NO = "yes_no"
    CHOICE = "choice"
    DAYS = "days"
    """A ladder of day numbers before a deadline."""
    ESCALATION = "escalation"
    """Days after a missed deadline -> the role told."""
    MONTH_DAY = "month_day"
    HOURS = "hours"
    """Hours of a day, such as `20:00-08:00`, or `none`."""
    FRACTION = "fraction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A local choice of the office. Its value is kept as plain JSON (`"90 days"`, `3`, `[30, 7, 0]`, `{"1": "project_leader"}`)."""

    name: str
    type: SettingType
    default: Any
    label: Label
    one_of: tuple[str, ...] = ()
    choices: Mapping[str, Label] = field(default_factory=dict)
    """For a choice: each value of `one_of` -> its label; a name of the file brings its own."""
    pinned_by: str | None = None
    """The transition that copies the value onto the case; later changes of the setting do not reach that case."""


# ───────────────────────────── Who


class Held(StrEnum):
    """How a role is held: by a dated grant (on a unit or everywhere) or by a duty on one case."""

    GRANT = "grant"
    DUTY = "duty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Someone who decides, hands in or is told."""

    name: str
    label: Label
    basis: str
    held: Held = Held.GRANT
    of: str | None = None
    """The unit field of the case a grant must be on; None: a grant of this role counts wherever it is."""
    stand_in: tuple[str, ...] = ()
    """Who is told and asked instead while a duty of this role names no linked person."""
    quorum: str | None = None
    majority: str | None = None
    secret: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Nobody may act in one of the roles `nobody` on a case on which the same person is `who_is`."""

    name: str
    basis: str
    label: Label
    nobody: tuple[str, ...]
    who_is: str | None = None
    who_is_of: tuple[str, ...] = ()
    when: str | None = None
    """A yes/no setting that switches the rule on; None: always."""


# ───────────────────────────── States and what may happen in them


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    name: str
    label: Label
    basis: str
    family: str
    end: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One guard of an act with its parameters. `confirm` turns its blockers into warnings that must be confirmed."""

    guard: str
    basis: str
    params: Mapping[str, Any] = field(default_factory=dict)
    """Names as text, day expressions as `Day`, everything else as read."""
    confirm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A field of an act's form."""

    field: str
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What somebody may do with a case while it is in one of the states `source`."""

    name: str
    kind: ActKind
    label: Label
    basis: str
    by_basis: str
    source: frozenset[str]
    to: str | None
    """A state, `same`, `undo`; None for a task."""
    by: tuple[str, ...]
    """Roles; any holder of one of them may act. Empty: only the clock."""
    by_timer: bool = False
    by_turn: bool = False
    """Whoever may complete the step the case is at."""
    second: str | None = None
    """The role of the other person who confirms before the act takes effect."""
    asks: tuple[Ask, ...] = ()
    either: tuple[str, ...] = ()
    """Fields of which exactly one must be given."""
    needs: tuple[Need, ...] = ()
    does: tuple[str, ...] = ()
    tell: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    """The recorded words its form's `outcome` offers in any state; empty: no outcome is asked. One: it is recorded without asking."""
    outcomes_by_state: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """State -> the words offered there: those of the route's choices that fire this transition."""
    facts: tuple[str, ...] = ()
    """The fields an amendment may change; empty for every other act."""
    timer: str | None = None
    """The timer a task answers; None for a transition."""


# ───────────────────────────── Timers and routes


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """A deadline as a function of state and dates: it runs exactly while the state is one of `while_` or `held` and its day is known."""

    name: str
    label: Label
    basis: str
    kind: Kind
    day: Day | Every
    while_: frozenset[str]
    held: frozenset[str] = frozenset()
    """States in which it stays open without firing."""
    fires: str | None = None
    """The transition that takes effect by itself; never for `due`."""
    remind: str | None = None
    """The setting that holds the ladder of days before."""
    tell: tuple[str, ...] = ()
    """The roles the ladder reaches."""
    escalate: str | None = None
    """The setting that says who is told how many days after."""
    answer: str | None = None
    """The act that answers it: a task's name, or a transition such as the renewal. None: nobody can."""
    answered_by: str | None = None
    """The field of a task that ends the deadline once it is handed in; None: whatever is handed in ends it."""
    overdue: str | None = None
    """The step of the same route that the case goes on to when the day has passed unanswered."""
    moved_by: str | None = None
    """The transition that may name a later day for this stay in the state."""
    suspended_by: str | None = None
    """The transition that lets it stand still; None: nobody may, as where an article fixes the day."""
    resumed_by: str | None = None
    """The transition that lets it run again, with the days that were left."""
    asked_after: str | None = None
    """The setting that says how late the clock may open the state before those who may move the day are asked to."""
    closes: str | None = None
    """The step whose round is over when the day has passed."""


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


# ───────────────────────────── Forms, lists and words


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    name: str
    type: FieldType
    label: Label
    basis: str
    personal: bool = False
    """The value enters the log only as a salted commitment and can be erased."""
    lists: tuple[str, ...] = ()
    """For a checklist: the lists it is judged by."""
    sheets: tuple[str, ...] = ()
    """For a sheet: the headings that are marked."""
    one_of: Mapping[str, Label] = field(default_factory=dict)
    """For a choice: value -> label."""
    hint: Label | None = None
    longest: int = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of a list (met or not) or a sheet (marks)."""

    name: str
    label: Label
    basis: str
    one_of: str | None = None
    """Items that share this word count as met when one of them is."""
    counted: str | None = None
    """The count or yearly field that measures it."""
    at_least: str | None = None
    """The term it is measured against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A number measured from yearly hand-ins: the sum of a field over the cycle."""

    name: str
    label: Label
    basis: str
    sums: str
    over: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A recorded word, apart from the transition it fires."""

    name: str
    label: Label
    basis: str
    lists: tuple[str, ...] = ()
    """The criteria it demands, its own list first."""


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
class DateRule:
    """A date of the file that follows from others."""

    name: str
    label: Label
    basis: str
    day: Day


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
