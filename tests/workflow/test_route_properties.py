"""Random people at random steps: whatever they try, there is one outcome, no vote counts twice, nothing is shown early."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from sqlalchemy import select, update

from models import Ballot, Ban, Entry, Grant, Passage, Round, Seat
from tests.university import BODIES
from tests.university import PEOPLE as GRANTS
from tests.workflow.routing import EXPERTS, MEMBERS, founded, proposed
from tests.workflow.test_conclusions import ban_partner_of
from tests.workflow.trying import LIKE_THIS, Lives, ahead
from workflow import queries, routes
from workflow.blockers import Blocker
from workflow.errors import BadInput
from workflow.operations import Receipt, Refusal, open_round, rounds
from workflow.operations.delegations import give_delegation, revoke_delegation
from workflow.operations.office import revoke_grant
from workflow.operations.reopening import reopen
from workflow.operations.rounds import (
    add_signer,
    name_experts,
    reassign,
    remove_signer,
    replace_expert,
    withdraw_ballot,
)

PEOPLE = (
    "head",
    "office",
    "second_office",
    "officer",
    "leader",
    "other_head",
    "stranger",
    *MEMBERS,
    *EXPERTS,
)
CHOICES = ("agree", "refuse", "abstain", "recuse", "seal", "back_to_college_opinion", "back_to_form_check")
ROLES = {
    "college_opinion": "college_head",
    "form_check": "base_office",
    "expert_review": "expert",
    "selection": "leading_group",
}
"""Who is asked at each step at which somebody casts a ballot."""
CONFIDENTIAL = ("expert_review", "selection")
OUTCOMES = ("approve", "reject", "withdraw")

anybody = st.sampled_from(PEOPLE)
officers = st.sampled_from(("office", "second_office", "head", "member"))


class Proposals(Lives):
    """Proposals on their way, one after the other, and people who do what they like; what is lost to one stays lost."""

    confidential = CONFIDENTIAL

    def __init__(self) -> None:
        super().__init__()
        self.roles: dict[str, set[str]] = {
            name: {role for role, _ in grants} for name, grants in {**GRANTS, **BODIES}.items()
        }
        self.loans: dict[str, tuple[str, str, str]] = {}
        """What is lent: delegation -> lender, delegate, role."""

    @initialize(secret=st.booleans(), experts=st.booleans())
    def begin(self, secret: bool, experts: bool) -> None:
        self.here = founded(self.database, secret_ballot=secret, expert_review_on=experts)
        self.names = {person: name for name, person in self.here.people.items()}
        self.secret = secret
        self.case_id = proposed(self.here)

    # ── what people do

    @property
    def is_open(self) -> bool:
        return self.here.state(self.case_id) == "proposed"

    @precondition(lambda self: self.is_open)
    @rule(who=anybody, step=st.sampled_from(tuple(ROLES)), choice=st.sampled_from(CHOICES))
    def cast(self, who: str, step: str, choice: str) -> None:
        self._cast(who, step, choice)

    @precondition(lambda self: self.is_open and self.step is not None)
    @rule(who=anybody, choice=st.sampled_from(("agree", "agree", "abstain", "refuse", "recuse", "seal")))
    def cast_where_it_stands(self, who: str, choice: str) -> None:
        self._cast(who, str(self.step), choice)

    @precondition(lambda self: self.is_open and self.step in ROLES)
    @rule(choice=st.sampled_from(("agree", "agree", "agree", "abstain", "refuse")))
    def cast_by_all(self, choice: str) -> None:
        """Everybody asked at the step, one after the other, so that lives come to an end."""
        step = str(self.step)
        for who in [name for name in PEOPLE if ROLES[step] in self.roles[name]]:
            if self.is_open and self.step == step:
                self._cast(who, step, "seal" if step == "expert_review" else choice)

    def _cast(self, who: str, step: str, choice: str) -> None:
        if choice not in self.here.definition.acts[step].outcomes:
            return
        raw: dict[str, Any] = {"comment": f"note by {who}"}
        if step == "expert_review":
            raw["eligibility_opinion"] = {
                name: {"met": True, "note": "seen"} for name in self.here.definition.lists["eligibility"]
            }
        seated = self._seated()
        answer = self._act(step, who, outcome=choice, **raw)
        if isinstance(answer, Receipt):
            self._had_the_right(who, step, seated, answer)

    def _had_the_right(self, who: str, step: str, seated: set[str], answer: Receipt) -> None:
        """By their own role, by a seat they were given, or by a role that is lent and still held by whoever lent it."""
        with self.database.reading() as session:
            row = session.scalars(
                select(Ballot).where(Ballot.case_id == self.case_id, Ballot.seq == answer.seq)
            ).one()
        voter = self.names[row.person_id]
        assert row.cast_by == self.here.people[who]
        needed = ROLES[step]
        assert needed in self.roles[voter] or (voter in seated and step != "expert_review"), (
            "a right taken away stops at once"
        )
        assert voter == who or (voter, who, needed) in self.loans.values(), "and so does what was lent"

    def _seated(self) -> set[str]:
        """Whoever was given a seat in the open round by name."""
        with self.database.reading() as session:
            people = session.scalars(
                select(Seat.person_id)
                .join(Round, Round.id == Seat.round_id)
                .where(Round.case_id == self.case_id, Round.closed_seq.is_(None), Seat.voided_seq.is_(None))
            ).all()
        return {self.names[person] for person in people}

    @precondition(lambda self: self.is_open)
    @rule(who=anybody)
    def send_back(self, who: str) -> None:
        self._act("send_back", who, comment="look again")

    @precondition(lambda self: self.is_open)
    @rule(who=st.sampled_from(("leader", "head", "office")))
    def withdraw(self, who: str) -> None:
        answer = self._act("withdraw", who)
        assert isinstance(answer, Refusal) or who == "leader"

    @precondition(lambda self: self.is_open)
    @rule(act=st.sampled_from(("approve", "reject")), who=st.sampled_from(("office", *MEMBERS)))
    def carry_out(self, act: str, who: str) -> None:
        raw = {"reason": "carried"} if act == "reject" else {}
        if isinstance(self._act(act, who, **raw), Receipt):
            holds = "leading_group" in self.roles[who]
            assert holds or any(loan[1:] == (who, "leading_group") for loan in self.loans.values())

    @precondition(lambda self: not self.is_open)
    @rule()
    def propose(self) -> None:
        """The same again where it was sent back, else another."""
        if self.here.state(self.case_id) == "draft":
            self.here.done(self.case_id, "submit", "leader", **self.here.proposal(self.case_id))
        else:
            self.case_id = proposed(self.here)

    # ── what they do about an open round

    @precondition(lambda self: self.is_open)
    @rule(who=anybody, other=anybody, side=st.sampled_from(("before", "after")))
    def add(self, who: str, other: str, side: str) -> None:
        self._round(add_signer, self.here.people[other], who=who, side=side, comment="")

    @precondition(lambda self: self.is_open and self._seated())
    @rule(who=anybody, data=st.data())
    def take_out(self, who: str, data: st.DataObject) -> None:
        other = data.draw(st.sampled_from(sorted(self._seated())))
        self._round(remove_signer, self.here.people[other], who=who, reason="not needed")

    @precondition(lambda self: self.is_open)
    @rule(who=anybody, other=anybody, person=st.none() | anybody)
    def pass_on(self, who: str, other: str, person: str | None) -> None:
        giver = self.here.people[person] if person else None
        self._round(reassign, who=who, to=self.here.people[other], reason="away", person=giver)

    @precondition(lambda self: self.is_open)
    @rule(who=anybody)
    def take_back(self, who: str) -> None:
        self._round(withdraw_ballot, who=who)

    @precondition(lambda self: self.is_open)
    @rule(who=officers)
    def close(self, who: str) -> None:
        with self.database.reading() as session:
            case = queries.case_for(session, self.case_id, ctx=self.here.ctx(who))
        steps = open_round.planned(case.snapshot, rounds.closing, self.here.ctx(who))
        answer = self._round(rounds.close_vote, who=who)
        if isinstance(answer, Receipt):
            assert not isinstance(steps, Blocker)
            assert self._written(answer) == ahead(steps), "what was shown is what was written"
            assert "base_office" in self.roles[who]

    @precondition(lambda self: self.is_open and self.step == "expert_review")
    @rule(first=st.integers(0, 2))
    def panel(self, first: int) -> None:
        chosen = [self.here.people[name] for name in EXPERTS[first : first + 3]]
        self._round(name_experts, chosen, who="office")

    @precondition(lambda self: self.is_open and self.step == "expert_review")
    @rule(old=st.sampled_from(EXPERTS), new=st.sampled_from(EXPERTS), who=officers)
    def replace(self, old: str, new: str, who: str) -> None:
        by = self.here.people[new]
        self._round(replace_expert, self.here.people[old], who=who, by=by, reason="ill")

    @precondition(lambda self: self.is_open)
    @rule(who=officers, step=st.sampled_from(tuple(ROLES)))
    def open_again(self, who: str, step: str) -> None:
        if isinstance(self._round(reopen, step, who=who, reason="cannot follow"), Receipt):
            assert "base_office" in self.roles[who]
            assert self.step == step

    # ── rights come and go

    @rule(
        lender=st.sampled_from(("head", "office", *MEMBERS)),
        delegate=st.sampled_from(("stranger", "officer", "second_office", *MEMBERS)),
    )
    def lend(self, lender: str, delegate: str) -> None:
        role = next(iter(sorted(self.roles[lender])), None)
        if role is None:
            return
        ctx = self.here.ctx(lender)
        with suppress(BadInput), self.database.transaction() as session:
            done = give_delegation(
                session, person_id=self.here.people[lender], delegate_id=self.here.people[delegate], role=role,
                unit_id=None, from_on=ctx.today, until_on=ctx.today, reason="away", ctx=ctx,
            )  # fmt: skip
            self.loans[done.subject] = (lender, delegate, role)

    @precondition(lambda self: self.loans)
    @rule(data=st.data())
    def end_a_loan(self, data: st.DataObject) -> None:
        self._end_the_loan(data.draw(st.sampled_from(sorted(self.loans))))

    @precondition(lambda self: self.is_open and self.step in ROLES)
    @rule(data=st.data(), used=st.booleans())
    def lend_and_end_at_the_step(self, data: st.DataObject, used: bool) -> None:
        """A loan of those who have the turn, used or not, ends; whoever had it tries at once."""
        step = str(self.step)
        holders = [name for name in PEOPLE if ROLES[step] in self.roles[name] and name != "stranger"]
        if not holders:
            return
        lender = data.draw(st.sampled_from(holders))
        self.lend(lender=lender, delegate="stranger")
        if used:
            self._cast("stranger", step, "agree")
        for key in [key for key, loan in self.loans.items() if loan[1] == "stranger"]:
            self._end_the_loan(key)
        if self.is_open and self.step in ROLES:
            self._cast("stranger", str(self.step), "agree")

    def _end_the_loan(self, key: str) -> None:
        lender, _, _ = self.loans.pop(key)
        with self.database.transaction() as session:
            revoke_delegation(session, key, reason="back", ctx=self.here.ctx(lender))

    @rule(who=st.sampled_from(("head", *MEMBERS[2:], *EXPERTS[:2])))
    def leave(self, who: str) -> None:
        with self.database.transaction() as session:
            grants = session.scalars(
                select(Grant.id).where(Grant.person_id == self.here.people[who], Grant.revoked_at.is_(None))
            ).all()
            for grant in grants:
                revoke_grant(session, grant, reason="left", ctx=self.here.ctx("administrator"))
        self.roles[who] = set()
        if self.is_open and self.step in ROLES:
            self._cast(who, str(self.step), "agree")

    @precondition(lambda self: self.is_open)
    @rule()
    def bar(self) -> None:
        """A ban comes down on the pair meanwhile, so that what was carried cannot follow."""
        ban_partner_of(self.here, self.case_id)

    @rule()
    def lift(self) -> None:
        with self.database.transaction() as session:
            session.execute(update(Ban).values(voided_seq=1))

    # ── what always holds

    @invariant()
    def one_outcome(self) -> None:
        if not hasattr(self, "case_id"):
            return
        with self.database.reading() as session:
            ends = session.scalars(select(Passage.case_id).where(Passage.transition.in_(OUTCOMES))).all()
        assert max(Counter(ends).values(), default=0) <= 1
        assert (self.here.state(self.case_id) in ("proposed", "draft")) == (self.case_id not in ends)

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
            linked = session.scalars(
                select(Ballot.choice)
                .join(Round, Round.id == Ballot.round_id)
                .where(Round.step == "selection", Ballot.choice.is_not(None), Ballot.choice != "recuse")
            ).all()
        assert not (self.secret and linked), "a secret choice is linked to nobody"
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


TestProposals = Proposals.TestCase
TestProposals.settings = LIKE_THIS
