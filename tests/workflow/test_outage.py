"""An outage changes nothing but when things were recorded: what happened does not depend on when the scheduler ran.

The same acts at the same instants, once with a scheduler that looks at the very instant anything is due, which is
what every ten seconds comes to, and once with one that looks on a few days only, or never.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from models import Agreement, Ban, Case, Database, Grade, HandIn, Notice, Passage, Rung, Task, Timer
from tests.conftest import KINDS, Templates
from tests.university import LATE_AGREEMENT_END, SIGNED, University, instant
from workflow.context import Actor, Context, Source
from workflow.operations import Receipt, fire_due

EXAMPLES = int(os.environ.get("LIANPEI_EXAMPLES", "20"))
START = SIGNED
DAYS = 6 * 365


@pytest.fixture(scope="module", params=KINDS)
def university(request: pytest.FixtureRequest, templates: Templates) -> Iterator[University]:
    url = templates.copy(request.param)
    database = Database(url)
    yield University.founded(database)
    database.dispose()
    templates.drop(url)


# ───────────────────────────── Two schedulers


def look(university: University, case_id: str, at: datetime) -> None:
    """One look at one case's due timers."""
    ctx = Context(actor=Actor(system="sweep"), at=at, source=Source.TIMER)
    while True:
        with university.database.transaction() as session:
            swept = fire_due(session, ctx=ctx, limit=1, case_id=case_id)
        if swept.fired == swept.reminded == 0:
            return


def always(university: University, case_id: str, until: datetime) -> None:
    """Look at every instant at which something is due, as a scheduler that never rests does."""
    while True:
        with university.database.reading() as session:
            wake = session.scalar(select(func.min(Timer.wake_at)).where(Timer.case_id == case_id))
        if wake is None or wake > until:
            return
        look(university, case_id, wake)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something a person does, or tries to do, so many days after the one before.

    A number means one of the acts that are possible in the state the case is found in.
    """

    after: int
    act: str | int


def forms(university: University, case_id: str, act: str, today: date) -> tuple[str, dict[str, Any]]:
    """Who does it, with what."""
    document = university.document
    known: dict[str, tuple[str, dict[str, Any]]] = {
        "progress_report": ("leader", {"progress_report_file": document(case_id, "progress_report_file")}),
        "final_report": ("leader", {"final_report_file": document(case_id, "final_report_file")}),
        "apply": ("leader", {"extension_application": document(case_id, "extension_application")}),
        "evidence": ("leader", {"rectification_report": document(case_id, "rectification_report")}),
        "yearly_data": ("leader", {"students_half_year": 25, "awards_won": 1}),
        "conclude_midterm": ("office", {"outcome": "passed", "opinion": "fine"}),
        "renew_agreement": (
            "office",
            {**university.renewal(case_id, signed=today, last=today + timedelta(days=800)), "confirmed": ()},
        ),
        "certify": ("member", {"outcome": "qualified", "confirmed": ("agreement_ends_before",), **university.verdict(case_id)}),
        "overrule": (
            "member",
            {
                "outcome": "excellent", "override_reason": "x", "confirmed": ("agreement_ends_before",),
                **university.verdict(case_id),
            },
        ),
        "extend": ("member", {"confirmed": ("agreement_ends_before",)}),
        "order_rectification": (
            "member",
            {"outcome": "unqualified", "reason": "x", "rectify_by": (today + timedelta(days=100)).isoformat()},
        ),
        "not_submitted": (
            "member",
            {"outcome": "not_submitted", "reason": "x", "rectify_by": (today + timedelta(days=100)).isoformat()},
        ),
        "revoke": ("member", {"reason": "x", "clawback": False}),
        "exit": ("office", {"reason": "x", "exit_agreement": document(case_id, "exit_agreement")}),
        "amend": ("office", {"reason": "x", "fact": {"name": "base_name", "value": "another name"}}),
        "correct": ("office", {"reason": "x"}),
    }  # fmt: skip
    return known[act]


NAMES = {"apply": "final_report", "overrule": "certify", "not_submitted": "order_rectification"}
ACTS = (
    "progress_report", "final_report", "apply", "evidence", "yearly_data", "conclude_midterm", "renew_agreement",
    "certify", "overrule", "extend", "order_rectification", "not_submitted", "revoke", "exit", "amend", "correct",
)  # fmt: skip


def tried(university: University, case_id: str, deed: Deed, today: date) -> list[str]:
    """Do it, once more where the case had moved meanwhile, and confirm what wants a second person; say how it ended."""
    assert isinstance(deed.act, str)
    who, raw = forms(university, case_id, deed.act, today)
    name = NAMES.get(deed.act, deed.act)
    answer = university.act(case_id, name, who, **raw)
    if not isinstance(answer, Receipt) and answer.stale is not None:
        answer = university.act(case_id, name, who, **raw)
    if not isinstance(answer, Receipt):
        assert answer.stale is None
        return sorted(blocker.code for blocker in (*answer.blockers, *answer.warnings))
    if answer.proposed:
        confirmed = university.confirmed(case_id, "second_office")
        assert isinstance(confirmed, Receipt), confirmed
    return ["done"]


def chosen(university: University, case_id: str, deed: Deed) -> Deed:
    """The deed with its act named."""
    if isinstance(deed.act, str):
        return deed
    state, acts = university.state(case_id), university.definition.acts
    possible = [act for act in ACTS if state in acts[NAMES.get(act, act)].source]
    return replace(deed, act=possible[deed.act % len(possible)])


def lived(
    university: University, deeds: list[Deed], *, last: date, looks: list[int] | None
) -> tuple[dict[str, Any], list[list[str]]]:
    """Live a life; `looks`: the days on which the scheduler runs, None: always. Return what happened.

    Deeds left open are named in the list as they are chosen, so that the second life does the same.
    """
    university.on(START)
    case_id = university.signed(last=last)
    day, told = START, []
    for place, deed in enumerate(deeds):
        before, day = day, day + timedelta(days=deed.after)
        if looks is None:
            always(university, case_id, instant(day))
        else:
            for offset in looks:
                if before < START + timedelta(days=offset) <= day:
                    look(university, case_id, instant(START + timedelta(days=offset), 9))
        university.on(day)
        deeds[place] = chosen(university, case_id, deed)
        told.append(tried(university, case_id, deeds[place], day))
    end = instant(START + timedelta(days=DAYS))
    if looks is None:
        always(university, case_id, end)
    look(university, case_id, end)
    return happened(university, case_id), told


def happened(university: University, case_id: str) -> dict[str, Any]:
    """The tables that tell what finally happened, without the instants of recording and without identifiers.

    Whether the office is asked about a late opening is left out: it alone is about when the scheduler looked.
    """
    with university.database.reading() as session:
        case = session.get_one(Case, case_id)

        def rows(table: Any, *columns: str) -> list[tuple[Any, ...]]:
            found = session.scalars(select(table).where(table.case_id == case_id))
            return sorted((tuple(getattr(row, column) for column in columns) for row in found), key=repr)

        return {
            "case": (case.state, case.entered_on, case.dates, case.pins, case.closed_at is None),
            "passages": rows(
                Passage, "place", "transition", "from_state", "to_state", "outcome", "effective_on"
            ),
            "timers": rows(Timer, "name", "due_at", "period", "status", "hold"),
            "hand_ins": rows(HandIn, "task", "period", "late", "handed_in_on"),
            "agreements": rows(Agreement, "first_day", "last_day"),
            "grades": rows(Grade, "transition", "outcome", "decided_on"),
            "bans": rows(Ban, "decided_on", "last_day"),
            "tasks": sorted(
                map(
                    tuple,
                    session.execute(
                        select(Task.act, Task.role, Task.due_on).where(
                            Task.case_id == case_id,
                            Task.closed_at.is_(None),
                            Task.act != "set_report_deadline",
                        )
                    ),
                ),
                key=repr,
            ),
        }


gaps = st.sampled_from([0, 1, 30, 60, 90, 180, 365, 540]) | st.integers(0, 500)
deeds = st.lists(st.builds(Deed, after=gaps, act=st.sampled_from(ACTS) | st.integers(0, 100)), max_size=12)
ends = st.sampled_from(
    [date(2027, 3, 9), date(2028, 12, 9), date(2029, 3, 10), date(2029, 3, 31), LATE_AGREEMENT_END]
)
outages = st.lists(st.integers(0, DAYS), max_size=6).map(sorted)


LONG_LIFE = [
    Deed(after=311, act="yearly_data"), Deed(after=248, act="progress_report"), Deed(after=0, act="conclude_midterm"),
    Deed(after=117, act="yearly_data"), Deed(after=366, act="yearly_data"), Deed(after=20, act="apply"),
    Deed(after=40, act="extend"), Deed(after=305, act="yearly_data"), Deed(after=60, act="revoke"), Deed(after=3, act="correct"),
    Deed(after=30, act="renew_agreement"), Deed(after=1, act="overrule"),
]  # fmt: skip
"""Every year's data, an extension, a revocation that is undone, a renewal, and the register."""


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(deeds=deeds, last=ends, looks=outages)
@example(deeds=[], last=date(2027, 3, 9), looks=[])
@example(deeds=[], last=LATE_AGREEMENT_END, looks=[40, 400])
@example(deeds=[Deed(after=1100, act="conclude_midterm")], last=date(2029, 3, 10), looks=[])
@example(
    deeds=[
        Deed(after=700, act="conclude_midterm"),
        Deed(after=500, act="certify"),
        Deed(after=1, act="overrule"),
    ],
    last=date(2029, 3, 10),
    looks=[],
)
@example(
    deeds=[
        Deed(after=400, act="yearly_data"),
        Deed(after=300, act="conclude_midterm"),
        Deed(after=420, act="yearly_data"),
    ],
    last=LATE_AGREEMENT_END,
    looks=[800],
)
@example(deeds=LONG_LIFE, last=LATE_AGREEMENT_END, looks=[])
@example(deeds=LONG_LIFE, last=date(2029, 3, 31), looks=[1500])
def test_what_happens_does_not_depend_on_when_the_scheduler_looks(
    university: University, deeds: list[Deed], last: date, looks: list[int]
) -> None:
    deeds = list(deeds)
    fine, told_fine = lived(university, deeds, last=last, looks=None)

    coarse, told_coarse = lived(university, deeds, last=last, looks=looks)
    event(f"ended {fine['case'][0]}")

    assert told_coarse == told_fine
    assert coarse == fine


@pytest.mark.parametrize("days", [40, 400])
def test_outage_of_many_days_fires_each_deadline_once_and_sends_one_reminder_each(
    university: University, days: int
) -> None:
    """Mid-term day is 2027-09-10: the scheduler stops the day before and comes back 40 or 400 days later."""
    university.on(START)
    case_id = university.signed(last=LATE_AGREEMENT_END)
    always(university, case_id, instant(date(2027, 9, 9)))
    back = instant(date(2027, 9, 9) + timedelta(days=days))

    look(university, case_id, back)
    look(university, case_id, back)

    with university.database.reading() as session:
        fired = session.execute(
            select(Timer.name, func.count().label("times"))
            .where(Timer.case_id == case_id, Timer.status == "fired")
            .group_by(Timer.name)
        ).all()
        sent = session.execute(
            select(Rung.timer_id, func.count())
            .join(Timer, Timer.id == Rung.timer_id)
            .where(Timer.case_id == case_id, Rung.recorded_at == back, Rung.coalesced.is_(False))
            .group_by(Rung.timer_id)
        ).all()
        recorded = session.scalars(
            select(Notice.stable_key).where(Notice.case_id == case_id, Notice.queued_at == back)
        ).all()
    counted = {row.name: row.times for row in fired}
    expected = {"midterm_opens": 1} if days == 40 else {"midterm_opens": 1, "progress_report": 1}
    assert {name: count for name, count in counted.items() if name != "yearly_data"} == expected
    assert all(count == 1 for _, count in map(tuple, sent))
    assert len(recorded) == len(set(recorded))
