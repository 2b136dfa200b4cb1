"""Random people in an assessment whose report may be sent back: one step is waited for, the day never comes again, nothing stalls."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from sqlalchemy import func, select

from models import Grade, HandIn, Task, Timer
from tests.workflow.routing import EXPERTS, founded
from tests.workflow.test_sent_back import BACK, DUE, OPENED, in_midterm
from tests.workflow.trying import LIKE_THIS, Lives
from workflow import queries, routes
from workflow.definition.values.routes import StepKind
from workflow.operations import Receipt, Refusal
from workflow.operations.reopening import reopen
from workflow.operations.rounds import name_experts, withdraw_ballot
from workflow.routes.standing import Standing

PEOPLE = ("leader", "head", "office", "second_office", "other_leader", "other_head", "member", *EXPERTS[:4])
STEPS = ("progress_report", "midterm_college", "midterm_experts")
LAST = DUE + timedelta(days=30)

anybody = st.sampled_from(PEOPLE)


class Assessments(Lives):
    """A base in its mid-term: its report is handed in, sent back, handed in anew, missed, judged, and judged again."""

    confidential = ("midterm_experts",)

    @initialize(experts=st.booleans())
    def begin(self, experts: bool) -> None:
        self.here = founded(self.database, midterm_experts_on=experts)
        self.case_id = in_midterm(self.here)

    @property
    def is_open(self) -> bool:
        return self.here.state(self.case_id) == "midterm"

    def standing(self) -> Standing:
        with self.database.reading() as session:
            snapshot = queries.case_for(session, self.case_id, ctx=self.here.ctx("office")).snapshot
        return routes.standing(snapshot)

    # ── what people do

    @precondition(lambda self: self.is_open)
    @rule(who=st.sampled_from(("leader", "leader", "other_leader", "office")))
    def hand_in(self, who: str) -> None:
        report = self.here.document(self.case_id, "progress_report_file")
        answer = self._act("progress_report", who, progress_report_file=report)
        assert isinstance(answer, Refusal) or who == "leader"

    @precondition(lambda self: self.is_open)
    @rule(who=anybody, choice=st.sampled_from(("agree", "refuse", "recuse", BACK, BACK)))
    def judge(self, who: str, choice: str) -> None:
        if choice not in self.here.definition.acts["midterm_college"].outcomes:
            return
        answer = self._act("midterm_college", who, outcome=choice, comment="see the figures")
        if isinstance(answer, Receipt):
            assert who == "head"
            if choice == BACK:
                step = self.standing().step
                assert step is not None
                assert step.name == "progress_report", "what was sent back is waited for"

    @precondition(lambda self: self.is_open and self.step == "midterm_college")
    @rule(again=st.integers(0, 2))
    def go_to_and_fro(self, again: int) -> None:
        """The college sends the report back as often as it likes, and its leader hands it in as often."""
        for _ in range(again):
            self.judge(who="head", choice=BACK)
            self.hand_in(who="leader")

    @precondition(lambda self: self.is_open and self.step == "midterm_experts")
    @rule(who=st.sampled_from(EXPERTS[:4]), choice=st.sampled_from(("seal", "seal", "recuse", BACK)))
    def score(self, who: str, choice: str) -> None:
        if choice not in self.here.definition.acts["midterm_experts"].outcomes:
            return
        items = [name for sheet in self._sheets() for name in self.here.definition.sheets[sheet]]
        self._act("midterm_experts", who, outcome=choice, assessment={name: {"mark": 80} for name in items})

    def _sheets(self) -> tuple[str, ...]:
        field = self.here.definition.fields["assessment"]
        return tuple(field.sheets)

    @precondition(lambda self: self.is_open and self.step == "midterm_experts")
    @rule(first=st.integers(0, 1))
    def panel(self, first: int) -> None:
        chosen = [self.here.people[name] for name in EXPERTS[first : first + 3]]
        self._round(name_experts, chosen, who="office")

    @precondition(lambda self: self.is_open)
    @rule(who=anybody)
    def take_back(self, who: str) -> None:
        self._round(withdraw_ballot, who=who)

    @precondition(lambda self: self.is_open)
    @rule(who=st.sampled_from(("office", "member")), step=st.sampled_from(STEPS))
    def open_again(self, who: str, step: str) -> None:
        """Where nothing new comes, the office goes on without it."""
        if isinstance(self._round(reopen, step, who=who, reason="the first report will do"), Receipt):
            assert who == "office"

    @precondition(lambda self: self.is_open)
    @rule(who=st.sampled_from(("office", "head")), outcome=st.sampled_from(("passed", "not_held")))
    def conclude(self, who: str, outcome: str) -> None:
        said = {"reason": "none came"} if outcome == "not_held" else {"opinion": "on the way"}
        answer = self._act("conclude_midterm", who, outcome=outcome, **said)
        assert isinstance(answer, Refusal) or who == "office"

    @rule()
    def correct(self) -> None:
        """The last transition is undone, the opening of the assessment included."""
        if isinstance(self._act("correct", "office", reason="by mistake"), Receipt):
            self.here.confirmed(self.case_id, "second_office")

    @rule(days=st.sampled_from((1, 20, 60)))
    def wait(self, days: int) -> None:
        day = min(self.here.at.date() + timedelta(days=days), LAST)
        self.here.tick(self.case_id, max(day, OPENED), 10)

    # ── what always holds

    @invariant()
    def one_step_is_waited_for(self) -> None:
        """A task without a round, a round that is open, or the decision at the end; and somebody is asked for it."""
        if not hasattr(self, "case_id") or not self.is_open:
            return
        here = self.standing()
        assert here.step is not None, "an assessment ends by being concluded, never by itself"
        assert (here.round is not None) == (here.step.kind in (StepKind.SIGN, StepKind.SCORE))
        with self.database.reading() as session:
            asked = set(
                session.scalars(
                    select(Task.act).where(Task.case_id == self.case_id, Task.closed_at.is_(None))
                )
            )
        assert asked & {here.step.name, "name_panel"}

    @invariant()
    def the_day_does_not_come_again(self) -> None:
        """A report sent back has no new deadline, and is late by no second one."""
        if not hasattr(self, "case_id"):
            return
        with self.database.reading() as session:
            days = session.scalars(
                select(Timer.due_on).where(
                    Timer.case_id == self.case_id,
                    Timer.name == "progress_report",
                    Timer.ended_seq.is_(None),
                )
            ).all()
            late = session.scalar(
                select(func.count()).where(
                    HandIn.case_id == self.case_id, HandIn.late, HandIn.voided_seq.is_(None)
                )
            )
        assert len(days) <= 1
        assert not late or self.here.at.date() > DUE

    @invariant()
    def one_result_at_most(self) -> None:
        if not hasattr(self, "case_id"):
            return
        with self.database.reading() as session:
            given = session.scalar(
                select(func.count()).where(Grade.case_id == self.case_id, Grade.voided_seq.is_(None))
            )
        assert given == (self.here.state(self.case_id) == "midterm_assessed")


TestAssessments = Assessments.TestCase
TestAssessments.settings = LIKE_THIS
