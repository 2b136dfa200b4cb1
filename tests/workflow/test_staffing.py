"""`lianpei check --people`: which steps the people there are can take, for which college, and why not."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, update

from models import Database, Grant, Person
from tests.university import University
from tests.workflow.routing import founded
from workflow.queries.staffing import shortages


@pytest.fixture
def university(sqlite_database: Database) -> University:
    return founded(sqlite_database)


def lacking(university: University, **settings: Any) -> set[tuple[str, str | None, str, int, int]]:
    with university.database.reading() as session:
        found = shortages(session, university.definition, today=university.at.date())
    return {(one.label.en, one.unit, one.kind, one.have, one.want) for one in found}


def take_away(university: University, role: str, *but: str) -> None:
    kept = [university.people[name] for name in but]
    with university.database.transaction() as session:
        session.execute(delete(Grant).where(Grant.role == role, Grant.person_id.not_in(kept)))


def test_people_of_every_role_are_enough(database: Database) -> None:
    assert lacking(founded(database)) == set()


def test_college_without_a_head_cannot_sign(university: University) -> None:
    take_away(university, "college_head", "head")

    assert {(unit, kind) for _, unit, kind, _, _ in lacking(university)} == {("药学院", "nobody")}
    assert ("opinion of the lead college", "药学院", "nobody", 0, 1) in lacking(university)


def test_expert_of_the_lead_college_is_not_counted(university: University) -> None:
    take_away(university, "expert", "expert_1", "expert_2", "near_expert")

    assert ("expert review", "计算机学院", "panel", 2, 3) in lacking(university)
    assert not any(unit == "药学院" for _, unit, _, _, _ in lacking(university))


def test_panel_wants_somebody_from_outside(university: University) -> None:
    with university.database.transaction() as session:
        session.execute(update(Person).values(external=False))

    assert ("expert review", None, "industry", 0, 1) in lacking(university)


def test_nobody_confirms_what_they_proposed(university: University) -> None:
    take_away(university, "base_office", "office")

    assert ("correct", None, "second", 1, 2) in lacking(university)


def test_leading_group_of_the_college_s_own_head_cannot_vote(university: University) -> None:
    take_away(university, "leading_group", "head")
    with university.database.transaction() as session:
        first = session.get_one(Person, university.people["head"])
        session.add(
            Grant(
                id=first.id,
                person_id=first.id,
                role="leading_group",
                from_on=university.at.date(),
                reason="test",
            )
        )

    found = lacking(university)

    assert ("vote of the leading group", "计算机学院", "nobody", 0, 1) in found
    assert ("vote of the leading group", "药学院", "nobody", 0, 1) not in found
