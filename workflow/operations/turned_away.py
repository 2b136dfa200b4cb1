"""Whom a ban kept from an act: found in the log when the ban is lifted, so that they can be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Ban, Entry
from models.changes import INSERT
from workflow.log import read
from workflow.periods import ONE_DAY
from workflow.snapshot import Snapshot

DENIAL = "denied"
"""The kind of entry a refusal leaves in the stream of the person who tried."""


def with_turned_away(session: Session, snapshot: Snapshot) -> Snapshot:
    """Read whom the bans of the entry a correction would undo have refused; a ban that ran out keeps nobody waiting."""
    undone = snapshot.undone
    imposed = (
        [c["key"] for c in undone["changes"] if c["table"] == "bans" and c["op"] == INSERT] if undone else []
    )
    if undone is None or not imposed:
        return snapshot
    in_force = dict(
        session.execute(
            select(Ban.id, Ban.last_day).where(Ban.voided_seq.is_(None), Ban.last_day >= snapshot.today)
        ).all()
    )
    entry = select(Entry.id).where(Entry.stream == f"case:{snapshot.id}", Entry.seq == undone["seq"])
    denials = session.execute(
        select(Entry.actor_id, Entry.case_id, Entry.act, Entry.body)
        .where(Entry.id > entry.scalar_subquery(), Entry.kind == DENIAL, Entry.case_id.is_not(None))
        .order_by(Entry.id)
    ).mappings()
    lifted = {ban for ban in imposed if ban in in_force}
    waiting = {
        (row["person_id"], row["case_id"]): row for row in _waiting(denials, lifted, in_force, snapshot.today)
    }
    return replace(snapshot, turned_away=tuple(waiting.values()))


def _waiting(
    denials: Any, lifted: set[str], in_force: Mapping[str, date], today: date
) -> Iterator[dict[str, Any]]:
    """The refusals by a lifted ban, each with the day from which no other ban of those named then stands."""
    for denial in denials:
        bans = read(denial["body"])["details"].get("bans") or ()
        stays = [in_force[ban] + ONE_DAY for ban in bans if ban in in_force and ban not in lifted]
        if lifted.intersection(bans):
            yield {
                "person_id": denial["actor_id"],
                "case_id": denial["case_id"],
                "act": denial["act"],
                "from_on": max(stays, default=today),
            }
