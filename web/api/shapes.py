"""What goes in and out of the API, as closed pydantic models: an unknown field is refused, not dropped.

`text` beside a name is what a person reads, in the caller's language; names, days and numbers are for programs.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

NO_CONTROL = r"^[^\x00-\x1f\x7f]*$"

Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
"""A name of a lifecycle file."""
Key = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
]
"""The identifier of a row."""
Line = Annotated[str, StringConstraints(max_length=200, pattern=NO_CONTROL)]
LogPlace = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,17}-[0-9]{1,18}$")]
"""The mark of a page of the log: when an entry was recorded, and its number."""
Place = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}$")]
"""The mark of a page that goes by places in a stream."""
DayAndKey = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
    ),
]
"""The mark of a page that goes by days."""
YesNo = Literal["true", "false"]


def _a_day(text: str) -> str:
    """The text, if the calendar has such a day. Raises ValueError for any other."""
    return date.fromisoformat(text).isoformat()


DayText = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_a_day)]
"""A day of the calendar, as ISO 8601 writes it."""


class Shape(BaseModel):
    """Closed and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# ───────────────────────────── In


class CaseQuery(Shape):
    """Which cases to list; what is left out narrows nothing."""

    lifecycle: Word | None = None
    state: Word | None = None
    unit: Key | None = None
    q: Line | None = None
    overdue: YesNo | None = None
    after: Key | None = None
    before: Key | None = None


class TaskQuery(Shape):
    """Which of the tasks that wait for me."""

    state: Word | None = None
    q: Line | None = None
    overdue: YesNo | None = None
    after: DayAndKey | None = None
    before: DayAndKey | None = None


class DeadlineQuery(Shape):
    """Which of the deadlines that run; what is left out narrows nothing. Both days are included."""

    mine: YesNo | None = None
    lifecycle: Word | None = None
    unit: Key | None = None
    kind: Literal["opens", "due", "ends"] | None = None
    overdue: YesNo | None = None
    since: DayText | None = None
    until: DayText | None = None
    after: DayAndKey | None = None
    before: DayAndKey | None = None


class TimerQuery(Shape):
    """Whether the deadlines of a case that are over are told, too."""

    over: YesNo | None = None


class KeyPaging(Shape):
    """A page of a list that goes by identifiers."""

    after: Key | None = None
    before: Key | None = None


class PlacePaging(Shape):
    """A page of a list that goes by places in a stream."""

    after: Place | None = None
    before: Place | None = None


class EntryQuery(Shape):
    """Which entries of the log."""

    kind: Word | None = None
    case: Key | None = None
    actor: Key | None = None
    after: LogPlace | None = None
    before: LogPlace | None = None


class NewCase(Shape):
    """A draft to be opened on a unit."""

    lifecycle: Word
    unit: Key


class NewDelegation(Shape):
    """One person is to act for another in a role, both days included; without a unit, wherever the role is held."""

    delegate_id: Key
    role: Word
    unit: Key | None = None
    from_on: date
    until_on: date
    reason: Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
    person_id: Key | None = None
    """The delegator: the caller, where it is left out; the office names somebody absent."""


class Revocation(Shape):
    """Why something given is taken back."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]


class Form(Shape):
    """What is stated with an act. Who acts and what state follows are nobody's to state."""

    values: dict[str, JsonValue] = Field(default_factory=dict, max_length=100)
    outcome: Word | None = None
    effective_on: date | None = None
    confirmed: list[Word] = Field(default_factory=list, max_length=50)
    copies: list[Key] = Field(default_factory=list, max_length=50)
    """The people who are sent a copy of a ballot; it gives them no right to see more."""


class RoundForm(Shape):
    """What is stated with an act about an open round: `person` is whose seat it is about, `to` who gets one."""

    people: list[Key] = Field(default_factory=list, max_length=50)
    person: Key | None = None
    to: Key | None = None
    side: Literal["before", "after"] | None = None
    reason: Annotated[str, StringConstraints(max_length=2000)] = ""


class Decline(Shape):
    """Why a proposal is turned down or taken back."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True)]


class Reopening(Shape):
    """At which step a route that is over is reopened, and why."""

    step: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    reason: Annotated[str, StringConstraints(max_length=4000, strip_whitespace=True)]


# ───────────────────────────── Out


class Named(Shape):
    """A name of the lifecycle file and what people call it."""

    name: str
    text: str


class Unit(Shape):
    """A college or office."""

    id: str
    name: str


class Reason(Shape):
    """Why something cannot be done: the object the page shows. `mend` can remove it, on `from_on` it goes by itself."""

    code: str
    text: str
    basis: str
    basis_text: str
    rank: Literal["role", "time", "material", "rule", "final"]
    mend: list[Named]
    from_on: date | None
    params: dict[str, Any]


class Fault(Shape):
    """A value that cannot be read: where it stands and what is wrong with it."""

    field: str
    code: str
    text: str


class Entry(Shape):
    """One entry of the log."""

    stream: str
    seq: int
    kind: Named
    act: Named | None
    outcome: Named | None
    from_state: Named | None
    to_state: Named | None
    actor: str
    """A person's name, or the system's."""
    actor_id: str | None
    source: Named
    effective_on: date
    recorded_at: datetime
    hash: str
    case_id: str | None


class Kind(StrEnum):
    """The types of problem; the catalogue has a title and a detail for each."""

    MALFORMED = "malformed"
    TOO_DEEP = "too_deep"
    BAD_QUERY = "bad_query"
    BAD_HEADER = "bad_header"
    KEY_MISSING = "key_missing"
    NO_TOKEN = "no_token"
    NOT_ALLOWED = "not_allowed"
    NOT_FOUND = "not_found"
    WRONG_METHOD = "wrong_method"
    STALE = "stale"
    TOO_LARGE = "too_large"
    WRONG_MEDIA_TYPE = "wrong_media_type"
    BAD_INPUT = "bad_input"
    REFUSED = "refused"
    UNCONFIRMED = "unconfirmed"
    KEY_REUSED = "key_reused"
    VERSION_MISSING = "version_missing"
    FAILED = "failed"


class Problem(Shape):
    """Problem details (RFC 9457)."""

    type: Kind
    status: int
    title: str
    detail: str
    blockers: list[Reason] | None = None
    warnings: list[Reason] | None = None
    faults: list[Fault] | None = None
    since: list[Entry] | None = None
    """For a stale version: what happened meanwhile, newest first."""
    version: int | None = None
    """For a stale version: the present one."""


class Suspended(Shape):
    """A deadline that stands still: since when, why, and how many days are left from the day it is resumed."""

    since: date
    reason: str
    days_left: int


class Deadline(Shape):
    """A day of a case by which something must have happened, or on which something happens by itself."""

    name: str
    text: str
    kind: Literal["opens", "due", "ends"]
    due_on: date
    due_at: datetime
    nominal_on: date
    provisional: bool
    status: Literal["open", "held", "fired", "cancelled"]
    hold: str | None
    overdue: bool
    armed_seq: int
    ended_seq: int | None
    period: int | None
    answered_by: Named | None
    basis: str
    basis_text: str


class DeadlineLine(Shape):
    """One deadline in the list over all cases, with whose turn it is; nobody's where it takes effect by itself."""

    id: str
    case_id: str
    state: Named
    base_name: str | None
    base_number: str | None
    partner: str | None
    college: str | None
    turn: list[Named]
    deadline: Deadline


class DeadlinePage(Shape):
    """A page of deadlines, the earliest first."""

    items: list[DeadlineLine]
    newer: str | None
    older: str | None


class NextDeadline(Shape):
    """The nearest deadline of a case in a list."""

    name: str
    text: str
    due_on: date


class CaseLine(Shape):
    """One case in a list."""

    id: str
    state: Named
    base_name: str | None
    base_number: str | None
    application_number: str | None
    partner: str | None
    college: str | None
    level: str
    entered_on: date
    closed_at: datetime | None
    next_deadline: NextDeadline | None
    agreement_last_day: date | None


class CasePage(Shape):
    """A page of cases; `newer` and `older` are the marks to ask with, as `before` and `after`."""

    items: list[CaseLine]
    newer: str | None
    older: str | None


class Fact(Shape):
    """One thing the case says of itself: the value as it is kept, and in words."""

    name: str
    label: str
    value: JsonValue
    text: str


class DateOf(Shape):
    """A date of the lifecycle file that follows from others."""

    name: str
    text: str
    day: date | None
    basis: str


class CaseView(Shape):
    """One case. The entity tag of the answer is its version."""

    id: str
    lifecycle: str
    edition: str
    state: Named
    version: int
    opened_at: datetime
    entered_on: date
    closed_at: datetime | None
    standing: str
    """Where the case is and what comes next, in a sentence."""
    facts: list[Fact]
    dates: list[DateOf]
    pending: str | None
    """The proposal that waits for a second person."""


class Choice(Shape):
    """One of the values a field may take."""

    value: str
    text: str


class FieldView(Shape):
    """One field of an act's form."""

    name: str
    text: str
    type: str
    required: bool
    basis: str
    hint: str | None
    longest: int | None
    personal: bool
    choices: list[Choice]
    """Of a choice, a unit or units, a fact: its values; of a checklist: its items."""


class ActView(Shape):
    """One act: whether the caller may take it now, why not, and what its form asks."""

    name: str
    text: str
    kind: Literal["transition", "task", "ballot"]
    basis: str
    basis_text: str
    by: list[Named]
    second: Named | None
    allowed: bool
    blockers: list[Reason]
    warnings: list[Reason]
    fields: list[FieldView]
    either: list[str]
    outcomes: list[Named]


class ActList(Shape):
    """The acts the case's state offers."""

    version: int
    items: list[ActView]


class Change(Shape):
    """One thing an act changes: its name, the value before and the value after, in words."""

    text: str
    old: str
    new: str


class DeadlineChange(Shape):
    """A deadline that begins, stops or is suspended with an act."""

    text: str
    on: date
    basis_text: str
    ends: bool
    suspended: bool
    note: str


class Told(Shape):
    """A person an act tells, and by which channels."""

    who: str
    how: str


class Step(Shape):
    """One entry an act would write: its own first, then what it lets take effect at once."""

    act: Named
    from_state: Named | None
    to_state: Named
    effective_on: date


class Preview(Shape):
    """What an act would do, as the page shows it before. Nothing was written."""

    version: int
    allowed: bool
    proposes: bool
    """Another person must confirm it before it takes effect."""
    blockers: list[Reason]
    warnings: list[Reason]
    steps: list[Step]
    changes: list[Change]
    deadlines: list[DeadlineChange]
    told: list[Told]
    final: list[str]
    """What cannot be undone."""
    undisclosed: str
    """Where a ballot closes a confidential round: that all ballots together decide what follows, which is not shown before."""


class RoundActView(Shape):
    """One act about an open round: whether the caller may do it, why not, and what is stated with it."""

    name: str
    text: str
    allowed: bool
    blockers: list[Reason]
    fields: list[str]
    optional: list[str]


class CandidateView(Shape):
    """A person of the pool of experts: whether they can be given a seat, and why not."""

    person_id: str
    name: str
    external: bool
    allowed: bool
    blockers: list[Reason]


class RoundView(Shape):
    """The open round of a case and what can be done about it; the pool is told to whoever names experts."""

    version: int
    step: Named | None
    items: list[RoundActView]
    pool: list[CandidateView]


class EntryMark(Shape):
    """The place, act and hash of an entry."""

    seq: int
    act: str
    hash: str


class Receipt(Shape):
    """An act that took effect: its place in the log, and what the case became."""

    case_id: str
    act: str
    seq: int
    hash: str
    recorded_at: datetime
    state: Named
    version: int
    proposed: bool
    repeated: bool
    entries: list[EntryMark]


class Opened(Shape):
    """A draft that was opened."""

    id: str
    version: int
    state: Named
    repeated: bool


class Deed(Shape):
    """A deed outside any case that took effect: the row it is about, and its place in the log."""

    id: str
    stream: str
    seq: int
    hash: str
    recorded_at: datetime
    repeated: bool


class DelegationView(Shape):
    """One person acts for another in a role."""

    id: str
    person_id: str
    person: str
    delegate_id: str
    delegate: str
    role: Named
    unit: Unit | None
    from_on: date
    until_on: date
    reason: str
    granted_at: datetime
    revoked_at: datetime | None


class DelegationPage(Shape):
    """A page of delegations, the latest first."""

    items: list[DelegationView]
    newer: str | None
    older: str | None


class EntryPage(Shape):
    """A page of entries, newest first."""

    items: list[Entry]
    newer: str | None
    older: str | None


class CaseDeadline(Deadline):
    """A deadline of one case, with how it stands still or stood still since the case came into its state."""

    suspended: Suspended | None
    days_suspended: int


class DeadlineList(Shape):
    """The deadlines that run on a case, or all it ever had."""

    items: list[CaseDeadline]


class Document(Shape):
    """A stored file."""

    id: str
    case_id: str
    field: str
    name: str
    media_type: str
    size: int
    sha256: str


class TaskView(Shape):
    """An act somebody expects of me."""

    id: str
    case_id: str
    act: Named
    role: Named
    state: Named
    due_on: date | None
    overdue: bool
    provisional: bool
    """The day may still move: the holidays of its year are not announced."""
    opened_at: datetime
    asked_by: str | None
    mine: bool
    """Expected of me in my own right."""
    mend: str | None
    """Where it is asked of me only because nobody is linked in whose part it is: who mends that, and where."""
    for_people: list[str]
    """The names of those for whom I could do it, as their delegate."""
    base_name: str | None
    base_number: str | None
    partner: str | None
    college: str | None


class TaskPage(Shape):
    """A page of what waits for me, the earliest deadline first."""

    items: list[TaskView]
    newer: str | None
    older: str | None


class PendingView(Shape):
    """An act somebody proposed and another person must confirm."""

    id: str
    case_id: str
    act: Named
    case_version: int
    proposed_by: str
    proposed_at: datetime
    mine: bool
    confirmed_by: Named
    """The role of the second person."""
    base_name: str | None


class PendingPage(Shape):
    """A page of proposals that wait."""

    items: list[PendingView]
    newer: str | None
    older: str | None


class Role(Shape):
    """A role I hold, and on which unit; without one it holds wherever the role does."""

    role: Named
    unit: Unit | None


class Me(Shape):
    """Who the token speaks for."""

    person_id: str
    name: str
    login: str
    language: Literal["zh", "en"]
    roles: list[Role]
    token_name: str
    token_expires_at: datetime


class StateView(Shape):
    """A state of a lifecycle."""

    name: str
    text: str
    family: str
    end: bool
    basis: str


class ActRule(Shape):
    """An act as the edition states it."""

    name: str
    text: str
    kind: Literal["transition", "task", "ballot"]
    from_states: list[str]
    to_state: str | None
    """A state, `same`, or `undo`; nothing for a task."""
    by: list[str]
    by_timer: bool
    second: str | None
    fields: list[str]
    optional: list[str]
    either: list[str]
    outcomes: list[str]
    basis: str
    by_basis: str


class LifecycleView(Shape):
    """One edition of a lifecycle."""

    name: str
    edition: str
    sha256: str
    text: str
    initial: str
    roles: list[Named]
    states: list[StateView]
    acts: list[ActRule]
    fields: list[FieldView]
    outcomes: list[Named]
    dates: list[Named]
