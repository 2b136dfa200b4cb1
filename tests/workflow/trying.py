"""What a try-out of random lives is made of: people act on a base, and whatever they try is held to what was shown before."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant
from sqlalchemy import select

from models import Ballot, Case, Database, Entry, Round
from models.schema import create_all
from tests.conftest import MEMORY
from tests.university import University
from workflow import queries
from workflow.doctor import examine
from workflow.forms import read_form
from workflow.operations import Receipt, Refusal
from workflow.plan import Step, foresee
from workflow.verify import verify

EXAMPLES = int(os.environ.get("LIANPEI_EXAMPLES", "10"))
"""How many lives are tried; the same ones each time unless a number is asked for."""

LIKE_THIS = settings(
    max_examples=EXAMPLES,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    stateful_step_count=30,
    deadline=None,
    derandomize="LIANPEI_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)

Ahead = tuple[list[tuple[str | None, str]], set[str]]
"""The acts of some steps with the state after each, and the messages that go out, each under its key."""


class Lives(RuleBasedStateMachine):
    """Lives in a database of their own, one case at a time."""

    here: University
    case_id: str
    confidential: ClassVar[tuple[str, ...]]
    """The steps whose ballots nobody sees before they are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lp", dir=MEMORY))
        self.database = Database(f"sqlite:///{self.folder / 'one.sqlite3'}")
        create_all(self.database)

    def teardown(self) -> None:
        """At the end of every life the log is whole and the tables follow from it."""
        if hasattr(self, "case_id"):
            with self.database.reading() as session:
                faults = [fault for fault in examine(session) if fault.table != "bans"]
                verdict = verify(session)
            assert faults == []
            assert verdict.findings == ()
        self.database.dispose()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def step(self) -> str | None:
        """The step at which somebody is waited for."""
        with self.database.reading() as session:
            found = session.scalars(
                select(Round.step)
                .join(Case, Case.id == Round.case_id)
                .where(
                    Case.id == self.case_id,
                    Round.stay == Case.stay,
                    Round.closed_seq.is_(None),
                    Round.voided_seq.is_(None),
                )
            ).all()
        assert len(found) <= 1, "one round is open at a time"
        return found[0] if found else None

    def _act(self, name: str, who: str, **rest: Any) -> Receipt | Refusal:
        """Perform an act and compare what its page showed with what it wrote; a refusal says why and writes nothing."""
        raw = {key: value for key, value in rest.items() if key != "outcome"}
        form = read_form(
            self.here.definition, self.here.definition.acts[name], raw, outcome=rest.get("outcome")
        )
        ctx = self.here.ctx(who)
        if rest.get("outcome") == "seal":
            self.here.declare(self.case_id, who)
        before = self.here.case(self.case_id).log_seq
        with self.database.reading() as session:
            case = queries.case_for(session, self.case_id, ctx=ctx, act=name, values=form.values)
        plan = foresee(case.snapshot, name, form, ctx, proposed_by=None)
        answer = self.here.act(self.case_id, name, who, **rest)
        if isinstance(answer, Refusal):
            assert not plan.allowed, "what is shown as possible is possible"
            assert answer.blockers or answer.warnings
            assert self.here.case(self.case_id).log_seq == before
            return answer
        acts, told = self._written(answer)
        shown, shown_told = ahead(plan.steps)
        if plan.undisclosed is None:
            assert (acts, told) == (shown, shown_told), "what was shown is what was written"
        else:
            assert name in self.confidential, "only a confidential round leaves something to be seen later"
            assert [act for act, _ in acts][: len(shown)] == [act for act, _ in shown]
            assert shown_told <= told
        return answer

    def _written(self, answer: Receipt) -> Ahead:
        """The same of what was written."""
        with self.database.reading() as session:
            rows = session.execute(
                select(Entry.act, Entry.to_state, Entry.body)
                .where(
                    Entry.stream == f"case:{self.case_id}",
                    Entry.seq.in_([seq for seq, _, _ in answer.entries]),
                )
                .order_by(Entry.seq)
            ).all()
        notices = {key for row in rows for key in json.loads(row.body)["notices"]}
        return [(row.act, row.to_state) for row in rows], notices

    def _round(self, work: Any, *args: Any, who: str, **rest: Any) -> Receipt | Refusal:
        version = self.here.case(self.case_id).version
        answer: Receipt | Refusal = self.database.run(
            lambda session: work(
                session, self.case_id, *args, version=version, ctx=self.here.ctx(who), **rest
            )
        )
        assert isinstance(answer, Receipt) or answer.blockers
        return answer

    @invariant()
    def no_vote_counts_twice(self) -> None:
        if not hasattr(self, "case_id"):
            return
        with self.database.reading() as session:
            ballots = session.execute(
                select(Ballot.round_id, Ballot.person_id).where(Ballot.voided_seq.is_(None))
            ).all()
            counted = session.execute(select(Round.id, Round.tally).where(Round.tally.is_not(None))).all()
            abstained = Counter(
                session.scalars(
                    select(Ballot.round_id).where(Ballot.voided_seq.is_(None), Ballot.choice == "recuse")
                )
            )
        assert max(Counter(map(tuple, ballots)).values(), default=1) == 1
        cast = Counter(round_id for round_id, _ in ballots)
        for round_id, tally in counted:
            assert tally is not None
            given = tally["agree"] + tally["refuse"] + tally["abstain"]
            assert given == cast[round_id] - abstained[round_id]
            assert given <= tally["members"]


def ahead(steps: Iterable[Step]) -> Ahead:
    """The acts a page of consequences announces, and whom it says are told."""
    listed = tuple(steps)
    told = {change.values["stable_key"] for step in listed for change in step.notices}
    return [(step.act, step.to_state) for step in listed], told
