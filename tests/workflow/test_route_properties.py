"""Random people at random steps: whatever they try, there is one outcome, no vote counts twice, nothing is shown early."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from models import Ballot, Database, Entry, Grant, Passage, Round
from models.schema import create_all
from tests.conftest import MEMORY
from tests.workflow.routing import EXPERTS, MEMBERS, founded, proposed
from workflow import queries, routes
from workflow.doctor import examine
from workflow.forms import read_form
from workflow.operations import Receipt, Refusal
from workflow.operations.rounds import add_signer, close_vote, name_experts, reassign, withdraw_ballot
from workflow.plan import foresee

PEOPLE = ("head", "office", "second_office", "officer", "leader", "other_head", *MEMBERS, *EXPERTS)
CHOICES = ("agree", "refuse", "abstain", "recuse", "seal", "back_to_college_opinion", "back_to_form_check")
STEPS = ("college_opinion", "form_check", "expert_review", "selection")
CONFIDENTIAL = ("expert_review", "selection")

EXAMPLES = int(os.environ.get("LIANPEI_EXAMPLES", "10"))
"""How many lives are tried; the same ones each time unless a number is asked for."""


class Proposal(RuleBasedStateMachine):
    """One proposal on its way, and people who do what they like."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lp", dir=MEMORY))
        self.database = Database(f"sqlite:///{self.folder / 'one.sqlite3'}")
        self.lost: set[str] = set()

    @initialize(secret=st.booleans(), experts=st.booleans())
    def begin(self, secret: bool, experts: bool) -> None:
        create_all(self.database)
        self.here = founded(self.database, secret_ballot=secret, expert_review_on=experts)
        self.secret = secret
        self.case_id = proposed(self.here)

    def teardown(self) -> None:
        self.database.dispose()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ── what people do

    @property
    def is_open(self) -> bool:
        return self.here.state(self.case_id) == "proposed"

    @precondition(lambda self: self.is_open)
    @rule(who=st.sampled_from(PEOPLE), step=st.sampled_from(STEPS), choice=st.sampled_from(CHOICES))
    def cast(self, who: str, step: str, choice: str) -> None:
        act = self.here.definition.acts[step]
        if choice not in act.outcomes:
            return
        raw: dict[str, Any] = {"comment": f"note by {who}"}
        if step == "expert_review":
            raw["eligibility_opinion"] = {
                name: {"met": True, "note": "seen"} for name in self.here.definition.lists["eligibility"]
            }
        shown, undisclosed = self._shown(step, who, choice, raw)
        answer = self.here.act(self.case_id, step, who, outcome=choice, **raw)
        if isinstance(answer, Receipt):
            assert who not in self.lost, "a right taken away stops at once"
            written = [act for _, act, _ in answer.entries]
            assert written[: len(shown)] == shown, "what was shown is what was written"
            assert undisclosed or written == shown, (
                "only a confidential round leaves something to be seen later"
            )
            assert not undisclosed or step in CONFIDENTIAL
        else:
            assert answer.blockers or answer.stale is not None

    def _shown(self, step: str, who: str, choice: str, raw: dict[str, Any]) -> tuple[list[str], bool]:
        """The acts the page of consequences announces, and whether it leaves out what the ballots come to."""
        ctx = self.here.ctx(who)
        form = read_form(self.here.definition, self.here.definition.acts[step], raw, outcome=choice)
        with self.database.reading() as session:
            case = queries.case_for(session, self.case_id, ctx=ctx, act=step, values=form.values)
        plan = foresee(case.snapshot, step, form, ctx, proposed_by=None)
        return [one.act for one in plan.steps], plan.undisclosed is not None

    @precondition(lambda self: self.is_open)
    @rule(who=st.sampled_from(PEOPLE))
    def send_back_and_again(self, who: str) -> None:
        answer = self.here.act(self.case_id, "send_back", who, comment="look again")
        if isinstance(answer, Receipt):
            assert who not in self.lost
            self.here.done(self.case_id, "submit", "leader", **self.here.proposal(self.case_id))

    @precondition(lambda self: self.is_open)
    @rule(
        who=st.sampled_from(PEOPLE), other=st.sampled_from(PEOPLE), side=st.sampled_from(("before", "after"))
    )
    def add(self, who: str, other: str, side: str) -> None:
        self._round(add_signer, self.here.people[other], who=who, side=side, comment="")

    @precondition(lambda self: self.is_open)
    @rule(who=st.sampled_from(PEOPLE), other=st.sampled_from(PEOPLE))
    def pass_on(self, who: str, other: str) -> None:
        self._round(reassign, who=who, to=self.here.people[other], reason="away")

    @precondition(lambda self: self.is_open)
    @rule(who=st.sampled_from(PEOPLE))
    def take_back(self, who: str) -> None:
        self._round(withdraw_ballot, who=who)

    @precondition(lambda self: self.is_open)
    @rule(who=st.sampled_from(("office", "head", "member")))
    def close(self, who: str) -> None:
        answer = self._round(close_vote, who=who)
        assert isinstance(answer, Refusal) or who == "office"

    @precondition(lambda self: self.is_open)
    @rule(first=st.integers(0, 2))
    def panel(self, first: int) -> None:
        chosen = [self.here.people[name] for name in EXPERTS[first : first + 3]]
        self._round(name_experts, chosen, who="office")

    @precondition(lambda self: self.is_open)
    @rule(who=st.sampled_from(MEMBERS[2:]))
    def leaves(self, who: str) -> None:
        with self.database.transaction() as session:
            for grant in session.scalars(select(Grant).where(Grant.person_id == self.here.people[who])):
                grant.revoked_at = self.here.at
        self.lost.add(who)

    def _round(self, work: Any, *args: Any, who: str, **rest: Any) -> Receipt | Refusal:
        version = self.here.case(self.case_id).version
        answer: Receipt | Refusal = self.database.run(
            lambda session: work(
                session, self.case_id, *args, version=version, ctx=self.here.ctx(who), **rest
            )
        )
        return answer

    # ── what always holds

    @invariant()
    def one_outcome(self) -> None:
        if not hasattr(self, "case_id"):
            return
        with self.database.reading() as session:
            ends = session.scalars(
                select(Passage.transition).where(
                    Passage.case_id == self.case_id, Passage.transition.in_(("approve", "reject"))
                )
            ).all()
        assert len(ends) <= 1

    @invariant()
    def no_vote_counts_twice(self) -> None:
        if not hasattr(self, "case_id"):
            return
        with self.database.reading() as session:
            ballots = session.execute(
                select(Ballot.round_id, Ballot.person_id).where(Ballot.voided_seq.is_(None))
            ).all()
            tallies: list[Any] = list(session.scalars(select(Round.tally).where(Round.tally.is_not(None))))
        assert max(Counter(map(tuple, ballots)).values(), default=1) == 1
        for tally in tallies:
            assert tally["agree"] + tally["refuse"] + tally["abstain"] <= tally["members"]

    @invariant()
    def nothing_is_shown_early(self) -> None:
        if not hasattr(self, "case_id"):
            return
        with self.database.reading() as session:
            open_rounds = set(session.scalars(select(Round.step).where(Round.closed_seq.is_(None))))
            rows = session.execute(
                select(Entry.act, Entry.outcome, Entry.body).where(
                    Entry.kind == "ballot", Entry.act.in_(CONFIDENTIAL)
                )
            ).all()
        for row in rows:
            body = json.loads(row.body)
            assert row.outcome in (None, "recuse")
            if row.outcome is None:
                assert "note by" not in json.dumps(body["form"])
            if row.act in open_rounds and self.secret and row.act == "selection":
                assert "choices" not in body["details"] or body["details"]["result"] is not None

    @invariant()
    def the_case_stands_at_one_step(self) -> None:
        if not hasattr(self, "case_id") or not self.is_open:
            return
        with self.database.reading() as session:
            snapshot = queries.case_for(session, self.case_id, ctx=self.here.ctx("office")).snapshot
        here = routes.standing(snapshot)
        assert here.is_over or (here.step is not None and here.round is not None)

    @invariant()
    def the_log_tells_it_all(self) -> None:
        if hasattr(self, "case_id") and not self.is_open and not self.lost:
            with self.database.reading() as session:
                assert examine(session) == []


TestProposal = Proposal.TestCase
TestProposal.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    derandomize="LIANPEI_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
