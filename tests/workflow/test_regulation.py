"""The regulation as a table a clerk can check: who may do what in which state, and what becomes of the base.

The table is written by hand from the articles and the office's readings of them; nothing of it is taken from the
lifecycle file. Whatever it does not list is refused, for every state, every act and every role.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest

from models import Database
from tests.conftest import KINDS, Templates
from tests.university import LATE_AGREEMENT_END, SIGNED, University
from workflow import gather
from workflow.context import Actor, Context, Source
from workflow.operations import Receipt
from workflow.plan import Form, decide, probe
from workflow.snapshot import Snapshot

STATES = (
    "draft", "proposed", "approved", "agreement_signed", "midterm", "midterm_assessed", "final", "extended",
    "rectification", "certified", "not_approved", "withdrawn", "revoked", "lapsed", "exited",
)  # fmt: skip

TRANSITIONS = (
    "submit", "send_back", "withdraw", "approve", "reject", "sign_agreement", "renew_agreement", "lapse", "exit",
    "open_midterm", "conclude_midterm", "open_final", "certify", "extend", "order_rectification", "revoke", "correct",
    "amend", "set_report_deadline",
)  # fmt: skip

HAND_INS = ("progress_report", "final_report", "evidence", "yearly_data")
"""What is handed in changes no state."""

ROLES = {
    "project_leader": "leader",
    "college_head": "head",
    "college_officer": "officer",
    "base_office": "office",
    "leading_group": "member",
    "expert": "expert",
    "partner_contact": "partner",
    "auditor": "auditor",
    "administrator": "administrator",
    "nobody": "stranger",
}
"""Every role, and the person of the test's university who holds it and no other."""

FROM_ELSEWHERE = ("other_leader", "other_head")
"""The same roles, held on another college or another base, which gives no right here."""

EVERY_STATE = " ".join(STATES)
BUILDING = "agreement_signed midterm midterm_assessed"
ASSESSED = "final extended rectification"

# from                           transition             who                                      becomes             Art.
TABLE = (
    ("draft",                    "submit",              "project_leader",                        "proposed"),        # 4, 6
    ("proposed",                 "send_back",           "college_head base_office leading_group", "draft"),          # local
    ("draft proposed",           "withdraw",            "project_leader",                        "withdrawn"),       # local
    ("proposed",                 "approve",             "leading_group",                         "approved"),        # 5, 7
    ("proposed",                 "reject",              "leading_group",                         "not_approved"),    # 7
    ("approved",                 "sign_agreement",      "base_office",                           "agreement_signed"),  # 5, 10
    (f"{BUILDING} {ASSESSED}",   "renew_agreement",     "base_office",                           "same"),            # 5
    ("certified",                "renew_agreement",     "base_office",                           "same"),            # 5
    (f"{BUILDING} certified",    "lapse",               "the clock",                             "lapsed"),          # 5
    (f"approved {BUILDING}",     "exit",                "base_office",                           "exited"),          # 8, local
    ("certified",                "exit",                "base_office",                           "exited"),          # 8, local
    ("agreement_signed",         "open_midterm",        "the clock, base_office",                "midterm"),         # 17
    ("midterm",                  "conclude_midterm",    "base_office",                           "midterm_assessed"),  # 17
    ("midterm_assessed extended", "open_final",         "the clock, base_office",                "final"),           # 17, 18
    ("final rectification",      "certify",             "leading_group",                         "certified"),       # 18
    ("final",                    "extend",              "leading_group",                         "extended"),        # 18
    ("final",                    "order_rectification", "leading_group",                         "rectification"),   # 18
    ("final rectification",      "revoke",              "leading_group",                         "proposed: revoked"),  # 18
    (EVERY_STATE,                "correct",             "base_office",                           "proposed: undone"),  # local
    (EVERY_STATE,                "amend",               "base_office",                           "proposed: same"),  # local
    ("midterm final",            "set_report_deadline", "base_office",                           "same"),            # local
    ("midterm",                  "progress_report",     "project_leader",                        "same"),            # 17
    ("final",                    "final_report",        "project_leader",                        "same"),            # 17
    ("rectification",            "evidence",            "project_leader",                        "same"),            # 18
    (f"{BUILDING} {ASSESSED}",   "yearly_data",         "project_leader",                        "same"),            # 18(1)
)  # fmt: skip

BEFORE = {
    "draft": "proposed", "proposed": "draft", "approved": "proposed", "agreement_signed": "approved",
    "midterm": "agreement_signed", "midterm_assessed": "midterm", "final": "midterm_assessed", "extended": "final",
    "rectification": "final", "certified": "final", "not_approved": "proposed", "withdrawn": "proposed",
    "revoked": "rectification", "lapsed": "agreement_signed", "exited": "agreement_signed",
}  # fmt: skip
"""The state a correction leads back to, on the way by which the test's cases came (the draft was sent back once)."""

CLOCK = "the clock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One allowed cell of the table: what becomes of a case of `state` when `role` does `act`."""

    state: str
    act: str
    role: str
    target: str
    second: bool = False

    def __str__(self) -> str:
        return f"{self.state}-{self.act}-{self.role.replace(' ', '_')}"


def allowed() -> Iterator[Cell]:
    for states, act, roles, becomes in TABLE:
        target = becomes.removeprefix("proposed: ")
        people = roles.split(", ") if CLOCK in roles else roles.split()
        for state, role in product(states.split(), people):
            goes_to = {"same": state, "undone": BEFORE[state]}.get(target, target)
            yield Cell(state=state, act=act, role=role, target=goes_to, second=target != becomes)


ALLOWED = {(cell.state, cell.act, cell.role): cell for cell in allowed()}


# ───────────────────────────── Every cell, by planning


@pytest.fixture(scope="module", params=KINDS)
def university(request: pytest.FixtureRequest, templates: Templates) -> Iterator[University]:
    """One university per database for the whole table; every case in it stands alone."""
    url = templates.copy(request.param)
    database = Database(url)
    yield University.founded(database)
    database.dispose()
    templates.drop(url)


def reasons_of_right(snapshot: Snapshot, act: str, ctx: Context) -> frozenset[str]:
    """What probing and deciding say about state and right; both must say the same."""
    about = {"not_from_here", "not_your_role", "only_by_timer", "not_by_timer", "conflict"}
    plans = (probe(snapshot, act, ctx), decide(snapshot, act, Form(), ctx, proposed_by=None))
    first, second = (frozenset(blocker.code for blocker in plan.blockers) & about for plan in plans)
    assert first == second, (
        f"{snapshot.state}: the button of {act} says {set(first)}, the act says {set(second)}"
    )
    return first


def expected(state: str, act: str, role: str) -> frozenset[str]:
    """What the table says about a cell; empty: the act may go on to its other conditions."""
    sources = {s for s, a, _ in ALLOWED if a == act}
    deciders = {r for _, a, r in ALLOWED if a == act}
    reasons = set() if state in sources else {"not_from_here"}
    if role not in deciders:
        people = deciders - {CLOCK}
        reasons.add("not_by_timer" if role == CLOCK else "not_your_role" if people else "only_by_timer")
    return frozenset(reasons)


@pytest.mark.parametrize("state", STATES)
def test_every_act_of_every_role_is_allowed_or_refused_by_the_table(
    university: University, state: str
) -> None:
    case_id = university.reach(state)
    university.assign(case_id, "expert", "expert")
    university.assign(case_id, "partner_contact", "partner")
    people = {**ROLES, **{name: name for name in FROM_ELSEWHERE}}
    actors = {role: Actor(person=university.people[name]) for role, name in people.items()}
    actors[CLOCK] = Actor(system="sweep")
    definition = university.definition
    wish = gather.Wish.for_acts(
        definition, definition.acts.values(), people=university.people.values(), values={}
    )
    with university.database.reading() as session:
        row = gather.look(session, case_id)
        snapshot = gather.gather(session, [row], wish=wish, today=date(2029, 3, 12))[case_id]

    wrong = {}
    for act, (role, actor) in product((*TRANSITIONS, *HAND_INS), actors.items()):
        ctx = Context(actor=actor, at=university.at, source=Source.PAGE)
        said = reasons_of_right(snapshot, act, ctx)
        if said != expected(state, act, role):
            wrong[act, role] = (sorted(said), "should be", sorted(expected(state, act, role)))

    assert wrong == {}, f"in state {state} the engine departs from the regulation"


def test_table_speaks_of_every_state_act_and_role_there_is(university: University) -> None:
    definition = university.definition

    roles = {role for roles in (row[2] for row in TABLE) for role in roles.replace(",", "").split()} - {
        "the",
        "clock",
    }

    assert (set(definition.states), set(definition.acts)) == (set(STATES), {*TRANSITIONS, *HAND_INS})
    assert roles <= set(ROLES)
    assert set(definition.roles) <= set(ROLES)


# ───────────────────────────── Every allowed cell, performed


def nothing(_: University, __: str) -> dict[str, Any]:
    return {}


def _document(field: str) -> Callable[[University, str], dict[str, Any]]:
    return lambda university, case_id: {field: university.document(case_id, field)}


FORMS: dict[str, Callable[[University, str], dict[str, Any]]] = {
    "submit": lambda u, c: u.proposal(c),
    "send_back": lambda u, c: {"reasons_by_field": {"base_name": "too long"}},
    "reject": lambda u, c: {"reason": "not this year"},
    "sign_agreement": lambda u, c: u.agreement(c, last=date(2031, 3, 9)),
    "renew_agreement": lambda u, c: u.renewal(c, signed=SIGNED, last=date(2031, 3, 9)),
    "exit": lambda u, c: {"exit_agreement": u.document(c, "exit_agreement"), "reason": "both agreed"},
    "conclude_midterm": lambda u, c: {"outcome": "passed", "opinion": "on the way"},
    "certify": lambda u, c: {"outcome": "qualified", **u.verdict(c)},
    "order_rectification": lambda u, c: {
        "outcome": "unqualified",
        "reason": "few",
        "rectify_by": "2029-09-10",
    },
    "revoke": lambda u, c: {"reason": "not met", "clawback": False},
    "correct": lambda u, c: {"reason": "recorded by mistake"},
    "amend": lambda u, c: {"reason": "misspelt", "fact": {"name": "base_name", "value": "another name"}},
    "progress_report": _document("progress_report_file"),
    "final_report": _document("final_report_file"),
    "evidence": _document("rectification_report"),
    "yearly_data": lambda u, c: {"students_half_year": 21, "awards_won": 0},
    "set_report_deadline": lambda u, c: {
        "reason": "the server stood still",
        "report_by": {"midterm": "2027-12-01", "final": "2029-06-01"}[u.state(c)],
    },
}


ENDING_SOON = {
    "agreement_signed": date(2026, 6, 9), "midterm": date(2027, 12, 31), "midterm_assessed": date(2027, 12, 31),
    "final": date(2029, 5, 31), "extended": date(2029, 5, 31), "rectification": date(2029, 5, 31),
    "certified": date(2029, 5, 31),
}  # fmt: skip
"""The last day of an agreement that ends within 180 days of the day on which the test acts in that state."""


def opened_early(university: University, state: str) -> str:
    """A case whose assessment the office opened by hand before its day, so that undoing it leaves nothing overdue."""
    if state == "midterm":
        case_id = university.signed()
        university.done(case_id, "open_midterm", "office")
    else:
        case_id = university.midterm_assessed()
        university.done(case_id, "open_final", "office")
    return case_id


def ready(university: University, cell: Cell) -> str:
    """A case in the cell's state for which nothing but the table decides: its days have come, its papers are there."""
    university.on(SIGNED)
    if cell.act == "extend":
        return university.applied()
    if cell.act == "revoke" and cell.state == "final":
        return university.in_extended_final()
    if cell.act == "correct" and cell.state in ("midterm", "final"):
        return opened_early(university, cell.state)
    if cell.act == "renew_agreement":
        return university.reach(cell.state, last=ENDING_SOON[cell.state])
    if cell.act == "yearly_data" and cell.state in ASSESSED:
        return university.reach(cell.state, years=(2026, 2027))
    case_id = university.reach(cell.state)
    if cell.act == "revoke":
        university.evidence(case_id)
    if cell.act == "yearly_data":
        university.tick(case_id, date(university.at.year + 1, 1, 15))
    return case_id


OPENS = {"open_midterm": date(2027, 9, 10), "open_final": date(2029, 12, 10)}
"""Days on which the assessments have opened, an extended base's final among them."""


def test_clock_moves_what_the_table_says(university: University) -> None:
    """Its cells are performed by letting the day come: the lapse from each state, and the two openings."""
    clocks = {(cell.state, cell.act): cell.target for cell in ALLOWED.values() if cell.role == CLOCK}
    came = {}
    for state, act in clocks:
        last, day = LATE_AGREEMENT_END, OPENS.get(act)
        if day is None:
            last = ENDING_SOON[state]
            day = last + timedelta(days=1)
        case_id = university.reach(state, last=last)
        university.tick(case_id, day)
        came[state, act] = university.state(case_id)

    assert came == clocks


@pytest.mark.parametrize("cell", [c for c in ALLOWED.values() if c.role != CLOCK], ids=str)
def test_allowed_act_takes_the_case_where_the_table_says(university: University, cell: Cell) -> None:
    case_id = ready(university, cell)
    raw = FORMS.get(cell.act, nothing)(university, case_id)
    if cell.act == "correct" and cell.state == "lapsed":
        raw |= university.renewal(case_id, signed=date(2027, 3, 1), last=date(2031, 3, 9))

    answer = university.act(case_id, cell.act, ROLES[cell.role], **raw)

    assert isinstance(answer, Receipt), answer
    assert answer.proposed == cell.second
    if cell.second:
        assert university.state(case_id) == cell.state
        confirmed = university.confirmed(case_id, "second_office")
        assert isinstance(confirmed, Receipt), confirmed
    assert university.state(case_id) == cell.target
