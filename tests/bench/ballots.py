"""A ballot and a vote that closes its round beside their rows by hand; fifteen voting at once beside one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from models import Database
from tests.bench.acts import Scene, Supply, act_ratios, supply
from tests.bench.clients import ENGINE, Crew, Job, crew
from tests.bench.pairs import Options, Ratio, interleaved, middle, middles
from tests.bench.places import LABELS, Places
from tests.university import University
from tests.workflow.routing import MEMBERS, at_vote, founded

VOTERS = tuple(f"voter_{number}" for number in range(1, 16))
"""Those who vote; the members the university has besides do not, so that no ballot closes the round."""


def _vote(here: University, partner: str) -> str:
    return at_vote(here, partner=partner)


def _all_but_one(here: University, partner: str) -> str:
    case_id = at_vote(here, partner=partner)
    for who in MEMBERS[:-1]:
        here.done(case_id, "selection", who, outcome="agree")
    return case_id


def _nothing(here: University, case_id: str, partner: str) -> dict[str, Any]:
    return {}


def _with_voters(database: Database) -> University:
    return founded(database, members=VOTERS)


BALLOT = Scene(
    name="ballot",
    act="selection",
    outcome="agree",
    who=MEMBERS[0],
    case=_vote,
    form=_nothing,
    founded=founded,
)
CLOSING = Scene(
    name="closing vote",
    act="selection",
    outcome="agree",
    who=MEMBERS[-1],
    case=_all_but_one,
    form=_nothing,
    founded=founded,
)
POLL = replace(BALLOT, founded=_with_voters)


def bench_ballot(places: Places, options: Options) -> Iterator[Ratio]:
    """A ballot, and the last one, with which the decision is carried out, beside the same durable writes."""
    turn = 20 if options.quick else 40
    for scene in (BALLOT, CLOSING):
        for kind in LABELS:
            yield from act_ratios(
                places, kind, scene, clients=1, turn=turn, must=0.4, aim=0.6, options=options
            )
    for kind in LABELS:
        yield at_once(places, kind, options)


# ───────────────────────────── Fifteen at once


@dataclass(slots=True)
class Poll:
    """Votes of fifteen members on one case after the other, all of them at once or by one client."""

    crew: Crew
    supply: Supply
    cases: int

    def __call__(self) -> float:
        """Let all vote on some cases; return the seconds a case took. A refused ballot is an error."""
        spent = 0.0
        for job in self.supply.jobs(self.cases):
            turn = self.crew.turn(ENGINE, [self._by(job, voter) for voter in VOTERS])
            spent += turn.ended - turn.began
        return spent / self.cases

    def _by(self, job: Job, voter: str) -> Job:
        return Job(
            copy=job.copy, version=job.version, key=f"{job.key}-{voter}", person=self.supply.people[voter]
        )


def at_once(places: Places, kind: str, options: Options) -> Ratio:
    cases = 2 if options.quick else 5
    with places.database(kind) as url:
        made = supply(url, POLL, count=2 * cases * (options.pairs + 1))
        with crew(made.spec, size=len(VOTERS)) as many, crew(made.spec, size=1) as one:
            together, in_turn = Poll(many, made, cases), Poll(one, made, cases)
            measured = interleaved(together, in_turn, pairs=options.pairs)
    seconds = middles(measured)
    return Ratio(
        name=f"15 voters at once · {LABELS[kind]} · growth", ratio=middle(measured), must=1.2, aim=None, pairs=options.pairs,
        note=f"{seconds[0] * 1000:.0f} beside {seconds[1] * 1000:.0f} ms one after the other",
    )  # fmt: skip
