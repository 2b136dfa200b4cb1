"""A university whose decisions are reached by routes, and the ways to bring a case to a step of one."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import insert, select, update

from models import Database, Person, Round, Setting, new_key
from tests.university import BODIES, ROUTED_FILE, SIGNED, People, University
from workflow.operations import Receipt, Refusal
from workflow.world import bump

MEMBERS = ("member", "second_member", "third_member", "fourth_member", "fifth_member")
EXPERTS = tuple(f"expert_{number}" for number in range(1, 6))


USUAL = {
    "expert_review_on": False,
    "panel_size": 3,
    "quiet_hours": "none",
    "reminders_on_working_days": False,
}
"""What the office chose, unless a test says otherwise: mail goes out at any hour."""


def founded(
    database: Database,
    *,
    file: Path = ROUTED_FILE,
    members: tuple[str, ...] = (),
    others: People = MappingProxyType({}),
    **settings: Any,
) -> University:
    """A university under the edition with routes; proposals are not reviewed by experts unless a test says so.

    `members` are further people of the leading group, `others` people in any role.
    """
    more = {**BODIES, **others, **dict.fromkeys(members, (("leading_group", None),))}
    here = University.founded(database, file=file, more=more)
    set_so = {**USUAL, **settings}
    of_all = {"lifecycle": here.definition.name, "from_on": SIGNED.replace(year=2020), "reason": "test"}
    rows = [
        {"id": new_key(), "name": name, "value": value, "recorded_at": here.at, **of_all}
        for name, value in set_so.items()
    ]
    with database.transaction() as session:
        session.execute(update(Person).values(external=True).where(Person.id == here.people["expert_1"]))
        session.execute(insert(Setting), rows)
        bump(session)
    return here


def proposed(here: University, **rest: Any) -> str:
    case_id = here.open()
    here.done(case_id, "submit", "leader", **here.proposal(case_id, **rest))
    return case_id


def at_vote(here: University, **rest: Any) -> str:
    case_id = proposed(here, **rest)
    here.done(case_id, "college_opinion", "head", outcome="agree")
    here.done(case_id, "form_check", "office", outcome="agree")
    return case_id


def do(here: University, work: Any, case_id: str, *args: Any, who: str, **rest: Any) -> Receipt | Refusal:
    """Carry out an operation on the open round, on the present version."""
    version = here.case(case_id).version
    answer: Receipt | Refusal = here.database.run(
        lambda session: work(session, case_id, *args, version=version, ctx=here.ctx(who), **rest)
    )
    return answer


def rounds(here: University, case_id: str) -> list[tuple[str, str | None]]:
    with here.database.reading() as session:
        rows = session.scalars(
            select(Round)
            .where(Round.case_id == case_id, Round.voided_seq.is_(None))
            .order_by(Round.stay, Round.place)
        )
        return [(row.step, row.result) for row in rows]
