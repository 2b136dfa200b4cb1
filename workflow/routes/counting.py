"""What the ballots of a round come to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

from workflow.definition.values.routes import BACK_TO, Choice, Rule, Step, StepKind
from workflow.routes.seating import ballots, seats
from workflow.routes.standing import Result
from workflow.snapshot import Row, Snapshot


def verdict(snapshot: Snapshot, step: Step, row: Row) -> str | None:
    """The result of a round whose ballots settle it by themselves; None while it stays open."""
    cast = ballots(snapshot, row)
    match step.kind:
        case StepKind.SIGN:
            return _signed(snapshot, step, row, cast)
        case StepKind.VOTE:
            everybody = seats(snapshot, step, row)
            voted = {ballot["person_id"] for ballot in cast}
            if everybody and all(seat.person in voted for seat in everybody):
                return vote_result(snapshot, step, row)
            return None
        case StepKind.SCORE:
            panel = seats(snapshot, step, row)
            sealed = {ballot["person_id"] for ballot in cast if ballot["choice"] == Choice.SCORE}
            if len(panel) >= row["rules"]["count"] and all(seat.person in sealed for seat in panel):
                return Result.PASSED
            return None
        case StepKind.PUBLICITY:
            return Result.OBJECTED if any(b["choice"] == Choice.OBJECT for b in cast) else None
    return None


def _signed(snapshot: Snapshot, step: Step, row: Row, cast: list[Row]) -> str | None:
    for ballot in cast:
        if ballot["choice"] == Choice.REFUSE:
            return Result.REFUSED
        if str(ballot["choice"]).startswith(BACK_TO):
            return str(ballot["choice"])
    agreed = {ballot["person_id"] for ballot in cast if ballot["choice"] == Choice.AGREE}
    added = [seat for seat in seats(snapshot, step, row) if seat.kind in ("before", "after")]
    if any(seat.person not in agreed for seat in added):
        return None
    return Result.PASSED if has_passed_without(snapshot, step, row) else None


def has_passed_without(snapshot: Snapshot, step: Step, row: Row) -> bool:
    """Whether those asked by their role have agreed, signers added aside."""
    asked = [seat for seat in seats(snapshot, step, row) if seat.kind in ("role", "reassigned")]
    agreed = {b["person_id"] for b in ballots(snapshot, row) if b["choice"] == Choice.AGREE}
    if step.rule is Rule.ONE:
        return any(seat.person in agreed for seat in asked)
    if step.rule is Rule.IN_ORDER:
        return all(has_agreed(snapshot, step, row, role) for role in step.by)
    if any(not has_agreed(snapshot, step, row, role) for role in step.must):
        return False
    count = sum(seat.person in agreed for seat in asked)
    return count >= step.enough if step.enough is not None else bool(asked) and count == len(asked)


def has_agreed(snapshot: Snapshot, step: Step, row: Row, role: str) -> bool:
    agreed = {b["person_id"] for b in ballots(snapshot, row) if b["choice"] == Choice.AGREE}
    return any(seat.role == role and seat.person in agreed for seat in seats(snapshot, step, row))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The count of a vote: members with a seat, ballots by choice, and the two bounds they are held against."""

    members: int
    agree: int
    refuse: int
    abstain: int
    quorum: int
    """The fewest ballots, abstentions included."""
    wanted: Fraction
    more_than: bool
    """The share of agree in agree and refuse that carries: more than it, or at least it."""

    @property
    def ballots(self) -> int:
        return self.agree + self.refuse + self.abstain

    @property
    def result(self) -> Result:
        if self.ballots < self.quorum:
            return Result.NO_QUORUM
        if self.agree == self.refuse:
            return Result.TIE
        share = Fraction(self.agree, self.agree + self.refuse)
        carried = share > self.wanted if self.more_than else share >= self.wanted
        return Result.PASSED if carried else Result.REFUSED

    @property
    def counts(self) -> dict[str, int]:
        return {
            "members": self.members,
            "agree": self.agree,
            "refuse": self.refuse,
            "abstain": self.abstain,
            "quorum": self.quorum,
        }


def tally(snapshot: Snapshot, step: Step, row: Row) -> Tally:
    """Count a vote by the rules in force when its round was opened; of a secret one the slips are counted."""
    rules = row["rules"]
    secret = rules["secret"]
    given = (
        [slip["choice"] for slip in snapshot.table("slips") if slip["round_id"] == row["id"]]
        if secret
        else [ballot["choice"] for ballot in ballots(snapshot, row)]
    )
    choices = Counter(given)
    members = len(seats(snapshot, step, row))
    fraction = Fraction(rules["quorum"].removeprefix("more than "))
    share = Fraction(rules["majority"].removeprefix("more than "))
    return Tally(
        members=members,
        agree=choices[Choice.AGREE],
        refuse=choices[Choice.REFUSE],
        abstain=choices[Choice.ABSTAIN],
        quorum=max(1, -(-members * fraction.numerator // fraction.denominator)),
        wanted=share,
        more_than=rules["majority"].startswith("more than "),
    )


def vote_result(snapshot: Snapshot, step: Step, row: Row) -> Result:
    return tally(snapshot, step, row).result
