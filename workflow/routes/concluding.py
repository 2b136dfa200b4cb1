"""What the closed rounds have come to, and what their closing makes known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflow.definition.values.routes import MORE_TIME_FOR, Choice
from workflow.routes.seating import ballots
from workflow.routes.standing import is_concluded, leads_to, rounds, standing
from workflow.snapshot import Row, Snapshot


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

    The choices of a secret vote are sorted, so that nothing of the order in which they came is kept. One that ended
    uncounted tells none: of the few who had voted, they could be guessed.
    """
    row = next(known for known in snapshot.table("rounds") if known["id"] == round_id)
    cast = sorted(ballots(snapshot, row), key=lambda ballot: str(ballot["person_id"]))
    told: dict[str, Any] = {"step": row["step"], "result": row["result"], "tally": row["tally"]}
    if row["rules"] and row["rules"].get("secret"):
        told["voters"] = [ballot["person_id"] for ballot in cast]
        if row["result"].startswith(MORE_TIME_FOR):
            return told
        choices = [slip["choice"] for slip in snapshot.table("slips") if slip["round_id"] == round_id]
        return told | {"choices": sorted(choices)}
    names = ("person_id", "cast_by", "choice")
    return told | {"ballots": [{name: ballot[name] for name in names} for ballot in cast]}
