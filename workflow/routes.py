"""Where a case stands on its route, who has a seat in the open round, and what its ballots come to.

Pure functions of the case, like timers and tasks: no transition opens a round or closes one. After each act the rounds
that should be are computed and compared with the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Any

from models import new_key
from models.changes import INSERT, UPDATE, Change
from workflow.conflicts import conflict_of
from workflow.definition.values import BACK_TO, Choice, Condition, Held, Route, Rule, Step, StepKind
from workflow.snapshot import Row, Snapshot
from workflow.timers import FIRED


class Result(StrEnum):
    """What a round came to. A sending back is `back_to_` and the name of the step."""

    PASSED = "passed"
    SKIPPED = "skipped"
    REFUSED = "refused"
    OBJECTED = "objected"
    TIE = "tie"
    NO_QUORUM = "no_quorum"


AGAIN = frozenset({Result.TIE, Result.NO_QUORUM})
"""Results that leave the case at the same step, for another round."""

ADDED = frozenset({"before", "after", "reassigned"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A person who may cast a ballot in a round, and in which role."""

    person: str
    role: str
    kind: str = "role"
    """`role` by grant or duty; `panel`; `before`, `after`: a signer added; `reassigned`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a case stands: the step it is at, None when all are done; the round that is open; the motion carried so far."""

    route: Route | None
    step: Step | None
    round: Row | None
    motion: Mapping[str, Any] | None

    @property
    def is_over(self) -> bool:
        return self.route is not None and self.step is None


# ───────────────────────────── Where it stands


def rounds(snapshot: Snapshot) -> list[Row]:
    """The rounds of the present stay that no correction has undone, in order."""
    stay = snapshot.case["stay"]
    return sorted(
        (row for row in snapshot.living("rounds") if row["stay"] == stay), key=lambda row: row["place"]
    )


def standing(snapshot: Snapshot) -> Standing:
    """Say which step the case is at, from its rounds and what was handed in."""
    route = snapshot.definition.routes.get(snapshot.state)
    if route is None:
        return Standing(route=None, step=None, round=None, motion=None)
    place, motion = 0, None
    for row in rounds(snapshot):
        if row["closed_seq"] is None:
            step = route.steps[route.place(row["step"])]
            return Standing(route=route, step=step, round=row, motion=row["motion"])
        place = _next(route, row)
        decision = route.decision
        if decision is not None and place <= route.place(decision.name):
            motion = None
        elif row["motion"]:
            motion = row["motion"]
    while (onward := _after_task(route, place, snapshot)) is not None:
        place = onward
    step_now = route.steps[place] if place < len(route.steps) else None
    return Standing(route=route, step=step_now, round=None, motion=motion)


def _next(route: Route, row: Row) -> int:
    """The place a closed round leads to."""
    place, result = route.place(row["step"]), row["result"]
    if result in (Result.PASSED, Result.SKIPPED):
        return place + 1
    if result in AGAIN:
        return place
    target = leads_to(route.steps[place], result)
    names = [step.name for step in route.steps]
    return names.index(target) if target in names else len(names)


def leads_to(step: Step, result: str) -> str | None:
    """The earlier step or the transition that a round's result other than a passing leads to."""
    if result.startswith(BACK_TO):
        return result.removeprefix(BACK_TO)
    if result == Result.OBJECTED:
        return step.objected
    return step.failed or step.refuse


def _after_task(route: Route, place: int, snapshot: Snapshot) -> int | None:
    """The place a task leads to that was handed in or is overdue; None at any other step, and past the last.

    One that was sent back waits for something new: its deadline was answered, or has had its say already.
    """
    step = route.steps[place] if place < len(route.steps) else None
    if step is None or step.kind is not StepKind.TASK or sent_back(snapshot, step) is not None:
        return None
    if snapshot.hand_ins(step.name, in_this_stay=True):
        return place + 1
    missed = any(
        row["name"] == step.name and row["status"] == FIRED and row["ended_seq"] is None
        for row in snapshot.table("timers")
    )
    return route.place(step.overdue) if step.overdue is not None and missed else None


def sent_back(snapshot: Snapshot, task: Step) -> Row | None:
    """The round in which a signer sent back what was handed in on a task; None once something new is."""
    back = [row for row in rounds(snapshot) if row["result"] == f"{BACK_TO}{task.name}"]
    if not back:
        return None
    handed_in = snapshot.hand_ins(task.name, in_this_stay=True)
    is_answered = any(row["seq"] > back[-1]["closed_seq"] for row in handed_in)
    return None if is_answered else back[-1]


def at_sent_back(snapshot: Snapshot, *, task: str | None = None) -> Row | None:
    """The round that sent a case back to the task it is at, or to the one named; None anywhere else."""
    step = standing(snapshot).step
    if step is None or step.kind is not StepKind.TASK or task not in (None, step.name):
        return None
    return sent_back(snapshot, step)


# ───────────────────────────── Who has a seat


def seats(snapshot: Snapshot, step: Step, row: Row | None) -> tuple[Seat, ...]:
    """The people who may take part in a round, each once; whoever stood aside or was taken out is not among them.

    Rights are those of the day: a grant that was revoked, or a duty that ended, gives no seat any more.
    """
    given = [seat for seat in snapshot.living("seats") if row is not None and seat["round_id"] == row["id"]]
    gone = {seat["person_id"] for seat in given if seat["kind"] == "removed"}
    gone |= {seat["instead_of"] for seat in given if seat["instead_of"]}
    gone |= recused(snapshot, row)
    found: dict[str, Seat] = {}
    if step.kind is not StepKind.SCORE:
        for person, role in _holders(snapshot, step):
            if person not in gone:
                found.setdefault(person, Seat(person=person, role=role))
    for seat in given:
        person = seat["person_id"]
        if seat["kind"] != "removed" and person not in gone | found.keys():
            role = _role_taken(snapshot, step, seat)
            found[person] = Seat(person=person, role=role, kind=seat["kind"])
    return tuple(seat for seat in found.values() if conflict_of(snapshot, seat.person, (seat.role,)) is None)


def _role_taken(snapshot: Snapshot, step: Step, seat: Row) -> str:
    """The role a seat was given in: that of whom it stands for, the vacant one where they have left, else the first."""
    roles = list(_holders(snapshot, step))
    theirs = next((role for person, role in roles if person == seat["instead_of"]), None)
    if theirs is not None:
        return theirs
    held = {role for _, role in roles}
    vacant = (role for role in step.by if role not in held) if seat["kind"] == "reassigned" else iter(())
    return next(vacant, step.by[0] if step.by else "")


def recused(snapshot: Snapshot, row: Row | None) -> set[str]:
    return {ballot["person_id"] for ballot in ballots(snapshot, row) if ballot["choice"] == Choice.RECUSE}


def _holders(snapshot: Snapshot, step: Step) -> Iterator[tuple[str, str]]:
    for name in step.by:
        role = snapshot.definition.roles[name]
        if role.held is Held.DUTY:
            yield from ((row["person_id"], name) for row in snapshot.duty(name) if row["person_id"])
            continue
        unit = snapshot.stored(role.of) if role.of else None
        for row in snapshot.holders:
            if row["role"] == name and (role.of is None or row["unit_id"] == unit):
                yield row["person_id"], name


def ballots(snapshot: Snapshot, row: Row | None) -> list[Row]:
    """The ballots of a round that stand."""
    if row is None:
        return []
    return [ballot for ballot in snapshot.living("ballots") if ballot["round_id"] == row["id"]]


def ballot_of(snapshot: Snapshot, row: Row | None, person: str | None) -> Row | None:
    return next((ballot for ballot in ballots(snapshot, row) if ballot["person_id"] == person), None)


def in_turn(snapshot: Snapshot, step: Step, row: Row) -> tuple[Seat, ...]:
    """The seats whose ballot is waited for now: added signers before the others, roles in their order."""
    waiting = [seat for seat in seats(snapshot, step, row) if ballot_of(snapshot, row, seat.person) is None]
    first = tuple(seat for seat in waiting if seat.kind == "before")
    return first or in_regular_turn(snapshot, step, row)


def in_regular_turn(snapshot: Snapshot, step: Step, row: Row) -> tuple[Seat, ...]:
    """The seats whose turn it is once no signer added before them is waited for."""
    waiting = [
        seat
        for seat in seats(snapshot, step, row)
        if seat.kind != "before" and ballot_of(snapshot, row, seat.person) is None
    ]
    if step.rule is Rule.IN_ORDER:
        for role in step.by:
            if not _agreed(snapshot, step, row, role):
                return tuple(
                    seat for seat in waiting if seat.role == role and seat.kind in ("role", "reassigned")
                )
    if step.kind is StepKind.SIGN and _has_passed_without(snapshot, step, row):
        return tuple(seat for seat in waiting if seat.kind == "after")
    return tuple(seat for seat in waiting if seat.kind != "after" or step.rule is not Rule.IN_ORDER)


def wants_panel(snapshot: Snapshot, step: Step, row: Row) -> bool:
    """Whether a panel has fewer experts than it needs, and somebody has to name them."""
    return step.kind is StepKind.SCORE and len(seats(snapshot, step, row)) < row["rules"]["count"]


class Lack(StrEnum):
    """Why nobody can act on a step."""

    NO_SEAT = "no_seat"
    """Whoever could act has stood aside, left, or is kept out by a conflict."""
    NO_EXPERT = "no_expert"
    """The pool holds fewer experts without a conflict than the panel still lacks."""


def lack(snapshot: Snapshot, step: Step, row: Row) -> Lack | None:
    """Why nobody can act on the open round of a step, None where somebody can. Objections are not waited for."""
    if step.kind is StepKind.PUBLICITY:
        return None
    if not wants_panel(snapshot, step, row):
        return None if in_turn(snapshot, step, row) else Lack.NO_SEAT
    panel = {seat.person for seat in seats(snapshot, step, row)}
    spent = panel | recused(snapshot, row)
    pool = {
        person
        for person, role in _holders(snapshot, step)
        if person not in spent and conflict_of(snapshot, person, (role,)) is None
    }
    return Lack.NO_EXPERT if len(panel) + len(pool) < row["rules"]["count"] else None


# ───────────────────────────── What the ballots come to


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
    return Result.PASSED if _has_passed_without(snapshot, step, row) else None


def _has_passed_without(snapshot: Snapshot, step: Step, row: Row) -> bool:
    """Whether those asked by their role have agreed, signers added aside."""
    asked = [seat for seat in seats(snapshot, step, row) if seat.kind in ("role", "reassigned")]
    agreed = {b["person_id"] for b in ballots(snapshot, row) if b["choice"] == Choice.AGREE}
    if step.rule is Rule.ONE:
        return any(seat.person in agreed for seat in asked)
    if step.rule is Rule.IN_ORDER:
        return all(_agreed(snapshot, step, row, role) for role in step.by)
    if any(not _agreed(snapshot, step, row, role) for role in step.must):
        return False
    count = sum(seat.person in agreed for seat in asked)
    return count >= step.enough if step.enough is not None else bool(asked) and count == len(asked)


def _agreed(snapshot: Snapshot, step: Step, row: Row, role: str) -> bool:
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


# ───────────────────────────── Comparison


def settle(snapshot: Snapshot, *, seq: int, day: date) -> list[Change]:
    """The changes that bring the rounds to where the case stands; `seq` is the entry they belong to.

    A round whose ballots settle it is closed, a step whose condition does not hold is skipped, the next one is opened,
    until somebody is waited for.
    """
    changes: list[Change] = []
    while True:
        change = _settled_once(snapshot, seq=seq, day=day)
        if change is None:
            return changes
        changes.append(change)
        snapshot = snapshot.after([change])


def _settled_once(snapshot: Snapshot, *, seq: int, day: date) -> Change | None:
    here = standing(snapshot)
    if here.round is not None and here.step is not None:
        result = verdict(snapshot, here.step, here.round)
        return None if result is None else closed(snapshot, here.step, here.round, result, seq=seq, day=day)
    if here.step is None or not here.step.by_ballot or is_concluded(snapshot):
        return None
    reason = skipped_because(here.step.when, snapshot)
    if reason is not None:
        return _inserted(snapshot, here, seq=seq, day=day, result=Result.SKIPPED, reason=reason)
    return _inserted(snapshot, here, seq=seq, day=day)


def is_concluded(snapshot: Snapshot) -> bool:
    """Whether the last round refused, and a transition is to follow rather than another step."""
    rows = rounds(snapshot)
    route = snapshot.definition.routes.get(snapshot.state)
    if not rows or route is None or rows[-1]["result"] is None:
        return False
    step = route.steps[route.place(rows[-1]["step"])]
    result = rows[-1]["result"]
    if result in AGAIN or result in (Result.PASSED, Result.SKIPPED):
        return False
    return leads_to(step, result) not in {known.name for known in route.steps}


def closed(snapshot: Snapshot, step: Step, row: Row, result: str, *, seq: int, day: date) -> Change:
    """The closing of a round: its result, who had a seat, and for a vote its tally."""
    values: dict[str, Any] = {
        "result": str(result),
        "electorate": sorted(seat.person for seat in seats(snapshot, step, row)),
        "tally": tally(snapshot, step, row).counts if step.kind is StepKind.VOTE else None,
        "closed_seq": seq,
        "closed_on": day,
    }
    return Change(table="rounds", op=UPDATE, key=row["id"], values=values)


def opened(
    snapshot: Snapshot, step: Step, *, seq: int, day: date, motion: Mapping[str, Any] | None
) -> dict[str, Any]:
    """A row of `rounds` for a step, at the next place of the stay."""
    stay = snapshot.case["stay"]
    place = max((row["place"] for row in snapshot.table("rounds") if row["stay"] == stay), default=0) + 1
    return {
        "id": new_key(),
        "case_id": snapshot.id,
        "stay": stay,
        "place": place,
        "step": step.name,
        "motion": motion,
        "rules": _rules(snapshot, step),
        "opened_seq": seq,
        "opened_on": day,
        "result": None,
        "reason": None,
        "electorate": None,
        "tally": None,
        "closed_seq": None,
        "closed_on": None,
        "voided_seq": None,
    }


def _inserted(
    snapshot: Snapshot,
    here: Standing,
    *,
    seq: int,
    day: date,
    result: Result | None = None,
    reason: Mapping[str, Any] | None = None,
) -> Change:
    assert here.step is not None
    row = opened(snapshot, here.step, seq=seq, day=day, motion=here.motion)
    if result is not None:
        row |= {"result": str(result), "reason": reason, "closed_seq": seq, "closed_on": day}
    return Change(table="rounds", op=INSERT, key=str(row["id"]), values=row)


def _rules(snapshot: Snapshot, step: Step) -> dict[str, Any] | None:
    if step.kind is StepKind.VOTE:
        return {
            "quorum": snapshot.setting(step.quorum) if step.quorum else "2/3",
            "majority": snapshot.setting(step.majority) if step.majority else "more than 1/2",
            "secret": bool(step.secret and snapshot.setting(step.secret)),
        }
    if step.kind is StepKind.SCORE:
        return {
            "count": int(snapshot.setting(step.count)) if step.count else 1,
            "industry": int(snapshot.setting(step.industry)) if step.industry else 0,
        }
    return None


def skipped_because(when: Condition | None, snapshot: Snapshot) -> Mapping[str, Any] | None:
    """Why a step is not taken, None where it is: the setting or field its condition names, and what that holds."""
    if when is None:
        return None
    value: Any
    if when.name in snapshot.definition.settings:
        value = snapshot.setting(when.name)
        holds = bool(value)
    else:
        value = snapshot.stored(when.name)
        holds = value == when.value if when.value is not None else bool(value)
    if holds is not when.negated:
        return None
    return {"name": when.name, "value": value}


# ───────────────────────────── What follows


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """The transition a route has come to, with the form of the motion that was carried."""

    act: str
    outcome: str | None
    values: Mapping[str, Any]
    confirmed: frozenset[str]
    ground: int
    """The entry that closed the last round."""


def conclusion(snapshot: Snapshot) -> Conclusion | None:
    """What the closed rounds of the stay have come to; None while somebody is waited for or nothing was closed."""
    rows = rounds(snapshot)
    here = standing(snapshot)
    if not rows or here.route is None or here.round is not None:
        return None
    last = rows[-1]
    if is_concluded(snapshot):
        step = here.route.steps[here.route.place(last["step"])]
        act = leads_to(step, last["result"])
        return _concluded(act, {"values": _said_in_refusing(snapshot, last)}, last) if act else None
    if here.step is not None:
        return None
    if here.route.then is not None:
        return _concluded(here.route.then, {}, last)
    return _concluded(here.motion["act"], here.motion, last) if here.motion else None


def _said_in_refusing(snapshot: Snapshot, row: Row) -> Mapping[str, Any]:
    """What the one who refused wrote; the transition keeps what it asks for."""
    refusing = (ballot for ballot in ballots(snapshot, row) if ballot["choice"] == Choice.REFUSE)
    return next((ballot["form"] for ballot in refusing if row["tally"] is None), {})


def _concluded(act: str, motion: Mapping[str, Any], last: Row) -> Conclusion:
    return Conclusion(
        act=act,
        outcome=motion.get("outcome"),
        values=motion.get("values", {}),
        confirmed=frozenset(motion.get("confirmed", ())),
        ground=last["closed_seq"],
    )


def revealed(snapshot: Snapshot, round_id: str) -> dict[str, Any]:
    """What the closing of a round makes known: of an open one every ballot, of a secret one who voted and the choices.

    The choices of a secret vote are sorted, so that nothing of the order in which they came is kept.
    """
    row = next(known for known in snapshot.table("rounds") if known["id"] == round_id)
    cast = sorted(ballots(snapshot, row), key=lambda ballot: str(ballot["person_id"]))
    told: dict[str, Any] = {"step": row["step"], "result": row["result"], "tally": row["tally"]}
    if row["rules"] and row["rules"].get("secret"):
        choices = [slip["choice"] for slip in snapshot.table("slips") if slip["round_id"] == round_id]
        return told | {"voters": [ballot["person_id"] for ballot in cast], "choices": sorted(choices)}
    names = ("person_id", "cast_by", "choice")
    return told | {"ballots": [{name: ballot[name] for name in names} for ballot in cast]}
