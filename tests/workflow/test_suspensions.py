"""A deadline the office chose may stand still and run again: nobody is reminded, nothing is overdue, no day is gained.

The mid-term opens on 2027-09-10 (a Friday), people act from 2027-09-20; its report is due by 2027-11-09 (a Tuesday).
Years after 2026 know no holidays yet, so only weekends are rest days.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from models import Database, DeadlineDecision, Entry, HandIn, Notice, Task, Timer
from tests.university import LATE_AGREEMENT_END, University, instant
from tests.workflow.still import founded
from workflow import gather, queries
from workflow.context import Actor, Context, Source
from workflow.deadlines import days_suspended, still
from workflow.doctor import examine
from workflow.explain.consequences import lines_of
from workflow.explain.deadlines import deadlines_of, left_text, still_notes
from workflow.explain.standing import standing
from workflow.operations import Receipt
from workflow.operations.settings import change_setting
from workflow.plan import Form, Plan, foresee
from workflow.queries.bases import BaseFilter, Deadline, counts_by_state
from workflow.queries.names import Names
from workflow.snapshot import Snapshot
from workflow.verify import verify

ACTS_FROM = date(2027, 9, 20)
REPORT_DUE = date(2027, 11, 9)
EXAMPLES = int(os.environ.get("LIANPEI_EXAMPLES", "15"))


@pytest.fixture
def university(database: Database, tmp_path: Path) -> University:
    return founded(database, tmp_path)


@pytest.fixture
def small(sqlite_database: Database, tmp_path: Path) -> University:
    return founded(sqlite_database, tmp_path)


def suspend(here: University, case_id: str, **rest: Any) -> Any:
    return here.act(case_id, "suspend_deadline", "office", reason="the partner is moving house", **rest)


def resume(here: University, case_id: str, **rest: Any) -> Any:
    return here.act(case_id, "resume_deadline", "office", reason="it has moved", **rest)


def codes(answer: Any) -> list[str]:
    if isinstance(answer, Receipt):
        return []
    return ["stale"] if answer.stale is not None else [blocker.code for blocker in answer.blockers]


def due(here: University, case_id: str, name: str = "progress_report") -> list[tuple[date, str, str | None]]:
    """The timers of a name that have not ended: day, status, what holds them."""
    with here.database.reading() as session:
        rows = session.scalars(
            select(Timer).where(Timer.case_id == case_id, Timer.name == name, Timer.ended_seq.is_(None))
        )
        return [(row.due_on, row.status, row.hold) for row in rows]


def decided(here: University, case_id: str) -> list[tuple[str, date | None, date | None, int | None]]:
    with here.database.reading() as session:
        rows = session.scalars(
            select(DeadlineDecision)
            .where(DeadlineDecision.case_id == case_id, DeadlineDecision.voided_seq.is_(None))
            .order_by(DeadlineDecision.seq)
        )
        return [(row.kind, row.decided_on, row.last_day, row.days_left) for row in rows]


def seen(here: University, case_id: str) -> Snapshot:
    definition = here.definition
    wish = gather.Wish.for_acts(definition, definition.acts.values(), people=here.people.values(), values={})
    with here.database.reading() as session:
        row = gather.look(session, case_id)
        return gather.gather(session, [row], wish=wish, today=here.ctx("office").today)[case_id]


def agrees(here: University) -> bool:
    with here.database.reading() as session:
        return examine(session) == [] and verify(session).findings == ()


HELD = [(REPORT_DUE, "held", "suspended")]


# ───────────────────────────── Standing still and running again


def test_suspended_deadline_stays_held_and_runs_again_with_the_days_left(university: University) -> None:
    """Suspended on Monday 20 September with 50 days left, resumed on 1 November: due on 21 December."""
    case_id = university.in_midterm()
    receipt = suspend(university, case_id)
    held = due(university, case_id)
    university.on(date(2027, 11, 1))

    assert isinstance(resume(university, case_id), Receipt)

    assert held == HELD
    assert due(university, case_id) == [(date(2027, 12, 21), "open", None)]
    assert decided(university, case_id) == [
        ("suspended", ACTS_FROM, REPORT_DUE, 50),
        ("resumed", date(2027, 11, 1), date(2027, 12, 21), None),
    ]
    assert agrees(university)
    with university.database.reading() as session:
        stream = Entry.stream == f"case:{case_id}"
        body = json.loads(session.scalars(select(Entry.body).where(stream, Entry.seq == receipt.seq)).one())
    assert (body["act"], body["basis"], body["form"]) == (
        "suspend_deadline",
        "local",
        {"reason": "the partner is moving house"},
    )


def test_day_it_runs_to_moves_off_a_rest_day(small: University) -> None:
    """50 days from 5 November are 25 December, a Saturday."""
    case_id = small.in_midterm()
    suspend(small, case_id)
    small.on(date(2027, 11, 5))

    resume(small, case_id)

    assert due(small, case_id) == [(date(2027, 12, 27), "open", None)]


def test_nothing_happens_while_it_stands_still(university: University) -> None:
    """No reminder, no escalation, nothing overdue, not even long after its day; after it runs again they come."""
    case_id = university.in_midterm()
    suspend(university, case_id)

    def told() -> list[tuple[str, Any]]:
        with university.database.reading() as session:
            rows = session.scalars(
                select(Notice).where(
                    Notice.case_id == case_id, Notice.template.in_(("reminder", "overdue")),
                    Notice.channel == "app",
                )
            )  # fmt: skip
            return sorted(
                (row.template, row.params["days"]) for row in rows if row.params["timer"] == "progress_report"
            )

    university.tick(case_id, date(2028, 1, 20), 10)
    quiet, held = told(), due(university, case_id)
    resume(university, case_id)
    university.tick(case_id, date(2028, 3, 3), 10)
    reminded = told()
    university.tick(case_id, date(2028, 3, 13), 10)

    assert (quiet, held) == ([], HELD)
    assert reminded == [("reminder", -7)]
    assert due(university, case_id) == [(date(2028, 3, 10), "fired", None)]
    assert ("overdue", 1) in told()
    assert agrees(university)


def test_turn_has_no_day_while_the_deadline_stands_still(small: University) -> None:
    case_id = small.in_midterm()

    def days() -> list[date | None]:
        with small.database.reading() as session:
            found = select(Task.due_on).where(
                Task.case_id == case_id, Task.act == "progress_report", Task.closed_at.is_(None)
            )
            return list(session.scalars(found))

    before = days()
    suspend(small, case_id)
    still_open = days()
    small.on(date(2027, 11, 1))
    resume(small, case_id)

    assert (before, still_open, days()) == ([REPORT_DUE], [None], [date(2027, 12, 21)])


def test_report_handed_in_while_the_deadline_stands_still_is_in_time(small: University) -> None:
    case_id = small.in_midterm()
    suspend(small, case_id)
    small.tick(case_id, date(2028, 1, 20), 10)

    report = small.document(case_id, "progress_report_file")
    small.done(case_id, "progress_report", "leader", progress_report_file=report)

    with small.database.reading() as session:
        late = session.scalars(select(HandIn.late).where(HandIn.task == "progress_report")).one()
    assert late is False
    assert due(small, case_id) == []
    assert codes(suspend(small, case_id)) == codes(resume(small, case_id)) == ["answered_already"]
    assert agrees(small)


def test_suspended_report_is_not_overdue_for_an_act_that_asks(small: University) -> None:
    case_id = small.in_final()
    suspend(small, case_id)
    small.tick(case_id, date(2029, 7, 1), 10)
    form: dict[str, Any] = {"outcome": "not_submitted", "reason": "none came", "rectify_by": "2029-12-01"}

    early = small.refused(case_id, "order_rectification", "member", **form)
    resume(small, case_id)
    small.tick(case_id, date(2029, 9, 20), 10)

    assert early == ["stands_still"]
    assert isinstance(small.act(case_id, "order_rectification", "member", **form), Receipt)


def test_list_of_overdue_and_coming_deadlines_leaves_a_suspended_one_out(small: University) -> None:
    case_id = small.on(date(2026, 3, 10)).approved()
    with small.database.reading() as session:
        mine = queries.rights_of(session, small.people["office"], today=date(2026, 3, 10))

        def counted(deadline: Deadline, day: date) -> int:
            wanted = BaseFilter(lifecycle="base", deadline=deadline)
            return sum(counts_by_state(session, mine, wanted, at=instant(day)).values())

        coming = counted(Deadline.SOON, date(2026, 3, 10))
    suspend(small, case_id)
    with small.database.reading() as session:
        after = (counted(Deadline.SOON, date(2026, 3, 10)), counted(Deadline.OVERDUE, date(2027, 3, 10)))

    assert (coming, after) == (1, (0, 0))


@pytest.mark.parametrize("way", ["approved", "in_midterm", "in_final"])
def test_every_deadline_the_office_chose_can_stand_still(small: University, way: str) -> None:
    names = {"approved": "sign_by", "in_midterm": "progress_report", "in_final": "final_report"}
    case_id = getattr(small, way)()
    before = due(small, case_id, names[way])

    suspend(small, case_id)
    held = due(small, case_id, names[way])
    resume(small, case_id)

    assert held == [(before[0][0], "held", "suspended")]
    assert due(small, case_id, names[way]) == before
    assert agrees(small)


# ───────────────────────────── What is refused


def test_suspending_twice_and_resuming_what_runs_are_refused(small: University) -> None:
    case_id = small.in_midterm()
    running = codes(resume(small, case_id))
    suspend(small, case_id)

    assert running == ["not_suspended"]
    assert codes(suspend(small, case_id)) == ["stands_still"]


def test_what_is_over_is_not_suspended(small: University) -> None:
    case_id = small.in_midterm()
    small.on(date(2027, 11, 10))
    unswept = codes(suspend(small, case_id))

    assert unswept == ["stale"]
    assert codes(suspend(small, case_id)) == ["deadline_over"]
    assert codes(suspend(small, case_id, effective_on=date(2027, 11, 1))) == ["deadline_over"]


def test_elsewhere_there_is_nothing_to_suspend(small: University) -> None:
    case_id = small.signed()

    assert codes(suspend(small, case_id)) == ["not_from_here", "no_deadline_to_suspend"]


@pytest.mark.parametrize(
    ("effective_on", "refused"), [("2027-12-03", ["resumed_too_early"]), ("2027-12-04", [])]
)
def test_resumption_is_not_dated_back_so_far_that_the_day_is_past(
    small: University, effective_on: str, refused: list[str]
) -> None:
    """With 7 days left on 11 December, it can be resumed from the 4th on."""
    case_id = small.in_midterm()
    small.on(date(2027, 11, 2))
    suspend(small, case_id)
    small.on(date(2027, 12, 11))

    assert codes(resume(small, case_id, effective_on=date.fromisoformat(effective_on))) == refused


def test_only_the_office_suspends_and_says_why(small: University) -> None:
    case_id = small.in_midterm()

    assert small.refused(case_id, "suspend_deadline", "leader", reason="x") == ["not_your_role"]
    assert small.refused(case_id, "suspend_deadline", "office", reason="") == ["field_missing"]


# ───────────────────────────── Beside moves, corrections and settings


def move(here: University, case_id: str, day: str) -> Any:
    return here.act(case_id, "set_report_deadline", "office", report_by=day, reason="asked for")


def test_suspended_deadline_does_not_move(small: University) -> None:
    case_id = small.in_midterm()
    suspend(small, case_id)

    assert codes(move(small, case_id, "2027-12-01")) == ["stands_still"]


@pytest.mark.parametrize(
    ("day", "refused"),
    [
        ("2027-12-21", ["outside_bounds"]),  # the day it runs to
        ("2027-12-22", []),
        ("2028-02-19", []),  # 60 days more than 9 November, and 42 for those it stood still
        ("2028-02-20", ["outside_bounds"]),
    ],
)
def test_resumed_deadline_moves_farther_by_the_days_it_stood_still(
    small: University, day: str, refused: list[str]
) -> None:
    case_id = small.in_midterm()
    suspend(small, case_id)
    small.on(date(2027, 11, 1))
    resume(small, case_id)

    assert codes(move(small, case_id, day)) == refused


def test_resumed_day_is_nobodys_to_amend(small: University) -> None:
    case_id = small.in_midterm()
    suspend(small, case_id)
    resume(small, case_id)

    fact = {"name": "report_by", "value": "2027-12-01"}
    assert small.refused(case_id, "amend", "office", fact=fact, reason="x") == ["no_deadline_to_move"]


def test_days_rolled_over_rest_days_are_not_left_again(small: University) -> None:
    """Resumed to Saturday 25 December, it rolls to the 27th; suspended again on the 20th, 5 days are left and not 7."""
    case_id = small.in_midterm()
    suspend(small, case_id)
    small.on(date(2027, 11, 5))
    resume(small, case_id)
    small.on(date(2027, 12, 20))

    suspend(small, case_id)

    assert decided(small, case_id)[-1][3] == 5
    assert agrees(small)


def test_suspension_made_by_mistake_is_taken_back_by_resuming_from_its_own_day(
    university: University,
) -> None:
    case_id = university.in_midterm()
    suspend(university, case_id)
    university.on(date(2027, 9, 29))

    resume(university, case_id, effective_on=ACTS_FROM)

    assert due(university, case_id) == [(REPORT_DUE, "open", None)]
    assert agrees(university)


def test_correction_of_the_opening_takes_the_suspension_with_it(university: University) -> None:
    case_id = university.on(date(2026, 3, 10)).signed(last=LATE_AGREEMENT_END)
    university.yearly(case_id, 2026)
    university.on(date(2027, 9, 1))
    university.done(case_id, "open_midterm", "office")
    suspend(university, case_id)

    university.done(case_id, "correct", "office", reason="opened by mistake")
    assert isinstance(university.confirmed(case_id, "second_office"), Receipt)
    corrected = due(university, case_id)
    university.tick(case_id, date(2027, 9, 10), 10)

    assert corrected == []
    assert due(university, case_id) == [(REPORT_DUE, "open", None)]
    assert agrees(university)


def test_suspension_is_back_when_the_decision_after_it_is_corrected(small: University) -> None:
    case_id = small.in_midterm()
    suspend(small, case_id)
    small.done(case_id, "conclude_midterm", "office", outcome="passed", opinion="early")

    small.done(case_id, "correct", "office", reason="too early")
    assert isinstance(small.confirmed(case_id, "second_office"), Receipt)

    assert due(small, case_id) == HELD
    assert agrees(small)


def test_change_of_the_setting_leaves_a_suspended_deadline_where_it_is(small: University) -> None:
    case_id = small.in_midterm()
    suspend(small, case_id)
    with small.database.transaction() as session:
        change_setting(
            session, lifecycle="base", name="midterm_time", value="100 days", from_on=ACTS_FROM, reason="x",
            ctx=small.ctx("office"),
        )  # fmt: skip

    assert due(small, case_id) == HELD
    assert agrees(small)


# ───────────────────────────── What is said


WHY = Form(values={"reason": "why"})


def planned(
    here: University, case_id: str, act: str, *, who: str = "office", form: Form = WHY
) -> tuple[Plan, Snapshot]:
    snapshot = seen(here, case_id)
    ctx = Context(actor=Actor(person=here.people[who]), at=here.at, source=Source.PAGE)
    return foresee(snapshot, act, form, ctx, proposed_by=None), snapshot


def test_page_says_since_when_why_and_how_many_days_are_left(small: University) -> None:
    case_id = small.in_midterm()
    suspend(small, case_id)
    small.on(date(2027, 10, 4))
    snapshot = seen(small, case_id)
    (row,) = [row for row in snapshot.table("timers") if row["name"] == "progress_report"]

    assert left_text(row, snapshot, "en") == "suspended, 50 days left"
    assert still_notes(row, snapshot, "en") == [
        "suspended since 20 September 2027: the partner is moving house",
        "suspended for 14 days in all",
    ]
    assert "“进展报告”自2027年9月20日起中止，剩余50天。" in standing(snapshot, "zh")


def test_total_of_several_suspensions_is_told_after_the_last(small: University) -> None:
    case_id = small.in_midterm()
    for day in (date(2027, 9, 22), date(2027, 10, 11)):
        small.on(day)
        suspend(small, case_id)
        small.on(day + timedelta(days=10))
        resume(small, case_id)
    snapshot = seen(small, case_id)
    (row,) = [row for row in snapshot.table("timers") if row["name"] == "progress_report"]

    assert days_suspended(snapshot, "progress_report", until=small.ctx("office").today) == 20
    assert still(snapshot, "progress_report") is None
    assert still_notes(row, snapshot, "en") == ["suspended for 20 days in all"]


def test_consequences_say_that_it_stands_still_and_when_it_will_be_due(small: University) -> None:
    case_id = small.in_midterm()
    plan, snapshot = planned(small, case_id, "suspend_deadline")
    stops = [(it.on, it.ends, it.suspended) for it in deadlines_of(plan, snapshot, "en")]
    said = [line.new for line in lines_of(plan, snapshot, WHY, Names(), "en")]
    suspend(small, case_id)
    small.on(date(2027, 11, 1))
    plan, snapshot = planned(small, case_id, "resume_deadline")
    goes_on = [(it.on, it.ends, it.suspended) for it in deadlines_of(plan, snapshot, "en")]

    assert stops == [(REPORT_DUE, False, True)]
    assert "suspended with 50 days left, counted on from the day it is resumed" in said
    assert goes_on == [(date(2027, 12, 21), False, False), (REPORT_DUE, True, False)]
    assert "runs again from 1 November 2027, with 50 days left" in [
        line.new for line in lines_of(plan, snapshot, WHY, Names(), "en")
    ]


# ───────────────────────────── Any order of moving, suspending and resuming


@dataclass
class Oracle:
    """What a clerk with a paper calendar would note: the last day, whether it stands still, the days left."""

    today: date = ACTS_FROM
    nominal: date = REPORT_DUE
    left: int | None = None
    since: date = ACTS_FROM
    stood: int = 0
    by: str = "file"
    shown: list[int] = field(default_factory=list)

    @property
    def last(self) -> date:
        return self.rolled(self.nominal)

    @staticmethod
    def rolled(day: date) -> date:
        return day + timedelta(days=max(7 - day.weekday(), 0) if day.weekday() > 4 else 0)

    def suspend(self) -> bool:
        if self.left is not None or self.today > self.last:
            return False
        counted = self.nominal if self.by == "resumed" else self.last
        self.left, self.since = max((counted - self.today).days, 0), self.today
        return True

    def resume(self) -> bool:
        if self.left is None:
            return False
        self.stood += (self.today - self.since).days
        self.nominal, self.left, self.by = self.today + timedelta(days=self.left), None, "resumed"
        return True

    def move(self, day: date) -> bool:
        after = max(REPORT_DUE, self.last if self.by == "resumed" else REPORT_DUE)
        first = max(after + timedelta(days=1), self.today)
        most = REPORT_DUE + timedelta(days=60 + self.stood)
        if self.left is not None or not first <= day <= most or (self.by == "moved" and day <= self.nominal):
            return False
        self.nominal, self.by = day, "moved"
        return True


@settings(
    max_examples=EXAMPLES, derandomize=not os.environ.get("LIANPEI_EXAMPLES"), deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(
    st.lists(
        st.tuples(st.sampled_from(("suspend", "resume", "move")), st.integers(0, 20), st.integers(-5, 90)),
        min_size=3,
        max_size=14,
    )
)
def test_any_order_agrees_with_a_paper_calendar(small: University, tries: list[tuple[str, int, int]]) -> None:
    case_id, paper = small.on(date(2026, 3, 10)).in_midterm(), Oracle()
    for what, days, ahead in tries:
        paper.today += timedelta(days=days)
        small.tick(case_id, paper.today, 10)
        day, before = paper.last + timedelta(days=ahead), paper.left
        if what == "move":
            done = isinstance(move(small, case_id, day.isoformat()), Receipt)
            assert done == paper.move(day)
        else:
            done = isinstance({"suspend": suspend, "resume": resume}[what](small, case_id), Receipt)
            assert done == getattr(paper, what)()
        ((on, status, hold),) = due(small, case_id)
        over = paper.today > paper.last
        kept = (paper.rolled(paper.last), "held", "suspended") if paper.left is not None else None
        assert (on, status, hold) == (kept or (paper.last, "fired" if over else "open", None))
        assert before is None or paper.left is None or paper.left == before
        if what == "suspend" and done and before is None:
            paper.shown.append(paper.left or 0)
    assert agrees(small)


def test_days_left_never_grow_however_often_it_is_suspended(small: University) -> None:
    case_id = small.in_midterm()
    for step in range(8):
        small.on(ACTS_FROM + timedelta(days=step * 9))
        assert isinstance(suspend(small, case_id), Receipt)
        small.on(ACTS_FROM + timedelta(days=step * 9 + 4))
        assert isinstance(resume(small, case_id), Receipt)

    left = [days for kind, _, _, days in decided(small, case_id) if kind == "suspended"]
    assert left == [50, 45, 40, 35, 30, 25, 20, 15]
    assert agrees(small)
