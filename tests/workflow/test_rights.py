"""Who sees a case: its colleges, those who hold a duty on it, and the bodies that see all."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select, text

from models import Case, Database
from tests.university import University
from tests.workflow.routing import at_vote, do, founded
from workflow.operations.rounds import name_experts, replace_expert
from workflow.queries import Rights, rights_of, visible_to
from workflow.queries.rights import Sight

TODAY = date(2026, 3, 20)


def seen_by(university: University, who: str) -> set[str]:
    with university.database.reading() as session:
        rights = rights_of(session, university.people[who], today=TODAY)
        return set(session.scalars(select(Case.id).where(visible_to(rights))))


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("head", {"led", "shared"}),
        ("officer", {"led", "shared"}),
        ("other_head", {"shared", "elsewhere"}),
        ("leader", {"led", "shared"}),
        ("other_leader", {"elsewhere"}),
        ("office", {"led", "shared", "elsewhere"}),
        ("stranger", set()),
    ],
)
def test_case_is_seen_by_its_colleges_and_those_on_duty(
    university: University, who: str, sees: set[str]
) -> None:
    cases = {
        "led": university.proposed(),
        "shared": university.proposed(others=("药学院",)),
        "elsewhere": university.proposed(who="other_leader", unit="药学院"),
    }

    assert seen_by(university, who) == {cases[name] for name in sees}


def test_one_college_of_several_is_enough(university: University) -> None:
    case_id = university.proposed(others=("药学院",))
    grants = tuple(("college_head", university.units[name]) for name in ("药学院", "法学院"))
    of_college = {"base": Sight(on_their_unit=frozenset({"college_head"}))}
    rights = Rights(person=university.people["stranger"], today=TODAY, grants=grants, sights=of_college)

    with university.database.reading() as session:
        seen = session.scalars(select(Case.id).where(visible_to(rights))).all()

    assert seen == [case_id]


def test_college_that_leaves_by_an_amendment_sees_the_base_no_longer(university: University) -> None:
    case_id = university.signed(others=("药学院",))
    before = seen_by(university, "other_head")
    fact = {"name": "other_colleges", "value": [university.units["法学院"]]}

    university.done(case_id, "amend", "office", fact=fact, reason="it never took part")
    university.confirmed(case_id, "second_office")

    assert (before, seen_by(university, "other_head")) == ({case_id}, set())


def test_case_is_seen_by_whoever_has_a_seat_also_once_they_have_answered(database: Database) -> None:
    here = founded(database, expert_review_on=True)
    case_id = at_vote(here)
    panel = [here.people[f"expert_{number}"] for number in (1, 2, 3)]
    do(here, name_experts, case_id, panel, who="office")
    met = {name: {"met": True, "note": "seen"} for name in here.definition.lists["eligibility"]}
    here.done(case_id, "expert_review", "expert_1", outcome="seal", eligibility_opinion=met)
    replaced, by = here.people["expert_3"], here.people["expert_4"]
    do(here, replace_expert, case_id, replaced, by=by, reason="ill", who="office")

    seen = {
        name: seen_by(here, name) == {case_id} for name in ("expert_1", "expert_2", "expert_3", "expert_4")
    }

    assert seen == {"expert_1": True, "expert_2": True, "expert_3": False, "expert_4": True}


def test_list_of_a_college_is_read_by_index(university: University) -> None:
    """However many bases there are, a college's list reads its own."""
    with university.database.transaction() as session:
        rights = rights_of(session, university.people["other_head"], today=TODAY)
        dialect = university.database.engine.dialect
        asked = str(
            select(Case.id)
            .where(visible_to(rights))
            .compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        )
        if university.database.is_sqlite:
            plan = [row.detail for row in session.execute(text(f"EXPLAIN QUERY PLAN {asked}"))]
        else:
            session.execute(text("SET LOCAL enable_seqscan = off"))
            plan = [row[0] for row in session.connection().exec_driver_sql(f"EXPLAIN {asked}")]

    told = "\n".join(plan)
    assert "ix_bases_other_college_ids" in told
    assert "ix_bases_lead_college_id" in told
    assert "ix_duties_person_id" in told
    assert "ix_seats_person" in told
