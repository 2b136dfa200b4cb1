"""A lifecycle of another shape runs on the same engine: other states, roles and words, and not a line of code of its own.

Its status lasts four years; a passed review renews it by itself, a failed one ends it with a ban of three years.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from models import Ban, Call, Case, Database, Edition, Grant, Notice, PendingAct, Person, new_key
from tests.university import ROUTED_FILE, Founding, University
from tests.workflow.routing import do, rounds
from workflow.check import check
from workflow.definition import load
from workflow.doctor import examine
from workflow.operations import Receipt, Refusal, decline
from workflow.operations.rounds import name_experts
from workflow.queries.rights import rights_of, visible_to
from workflow.verify import verify
from workflow.world import bump

STATION = Path(__file__).parents[1] / "lifecycles" / "station.toml"
COMMITTEE = ("judge_1", "judge_2", "judge_3")
ASSESSORS = ("assessor_1", "assessor_2", "assessor_3")
COLLEGE = "计算机学院"
PEOPLE: Mapping[str, tuple[tuple[str, str | None], ...]] = {
    "applicant": (("applicant", COLLEGE),),
    "dean": (("dean", COLLEGE),),
    "secretary": (("secretariat", None),),
    "second_secretary": (("secretariat", None),),
    **dict.fromkeys(COMMITTEE, (("committee", None),)),
    **dict.fromkeys(ASSESSORS, (("assessor", None),)),
}

APPLIED = date(2026, 3, 10)
GRANTED = date(2026, 3, 18)
"""The public notice lasts five working days after the day of the vote: to the end of Tuesday, 17 March 2026."""
NEXT_TERM = date(2030, 3, 19)


def founded(database: Database) -> University:
    here = University.founded(database, file=STATION, more=PEOPLE)
    with database.transaction() as session:
        session.get_one(Person, here.people["assessor_1"]).external = True
        for year in (2033, 2036):
            session.add(
                Call(
                    id=new_key(), lifecycle=here.definition.name, year=year, opens_on=date(year, 1, 1),
                    closes_on=date(year, 12, 31),
                )
            )  # fmt: skip
        bump(session)
    return here


@pytest.fixture
def founding() -> Founding:
    return founded


def application(here: University, case_id: str, *, partner: str = "水城机床厂") -> dict[str, Any]:
    return {
        "base_name": f"{partner}工作站",
        "partner": {"name": partner, "kind": "enterprise"},
        "lead_college": here.units[COLLEGE],
        "plan": here.document(case_id, "plan"),
    }


def applied(here: University) -> str:
    case_id = here.open("applicant", COLLEGE)
    here.done(case_id, "apply", "applicant", **application(here, case_id))
    return case_id


def under_notice(here: University) -> str:
    case_id = applied(here)
    here.done(case_id, "deans_word", "dean", outcome="agree")
    for who in COMMITTEE:
        here.done(case_id, "committee_vote", who, outcome="agree")
    return case_id


def in_force(here: University) -> str:
    case_id = under_notice(here)
    here.tick(case_id, GRANTED)
    return case_id


def assessed(here: University, case_id: str) -> None:
    """Let the panel judge the account of the term."""
    do(here, name_experts, case_id, [here.people[name] for name in ASSESSORS], who="secretary")
    marks = {name: {"mark": 70, "remark": "seen"} for name in here.definition.sheets["headings"]}
    for who in ASSESSORS:
        here.done(case_id, "assessment", who, outcome="seal", marks=marks)


def decided(here: University, case_id: str, act: str, **form: Any) -> None:
    """Let the secretariat move a result, and the committee carry it."""
    here.done(case_id, act, "secretary", **form)
    for who in COMMITTEE:
        here.done(case_id, "review_vote", who, outcome="agree")


def renewed(here: University) -> str:
    """A station in its second term."""
    case_id = in_force(here)
    here.tick(case_id, date(2029, 9, 19))
    here.done(case_id, "account", "applicant", account_file=here.document(case_id, "account_file"))
    assessed(here, case_id)
    decided(here, case_id, "pass")
    here.tick(case_id, NEXT_TERM)
    return case_id


def to_be_lost(here: University) -> str:
    """A station whose loss of status is voted for and waits for the second person."""
    case_id = renewed(here)
    here.tick(case_id, date(2033, 12, 1))
    assessed(here, case_id)
    decided(here, case_id, "fail", note="no students in two years")
    return case_id


def troubles(database: Database) -> list[object]:
    with database.reading() as session:
        return [*verify(session).findings, *examine(session)]


# ───────────────────────────── The file


def test_file_has_no_problems_and_every_step_can_be_taken() -> None:
    checked = check(STATION.read_bytes(), file=STATION.name)

    assert [problem.line("en") for problem in checked.problems] == []


def test_proposal_is_what_leads_on_whichever_act_comes_first() -> None:
    text = STATION.read_text(encoding="utf-8")
    begins, ends = text.index("[transitions.give_up]"), text.index("[transitions.grant]")
    giving_up = text[begins:ends]
    moved = text.replace(giving_up, "").replace("[transitions.apply]", f"{giving_up}\n[transitions.apply]")

    found = load(moved.encode())

    assert [*found.acts].index("give_up") < [*found.acts].index("apply")
    assert found.proposal is found.acts["apply"]


def test_case_that_others_send_on_is_no_proposal() -> None:
    text = STATION.read_text(encoding="utf-8")
    assert text.count('to    = "applied"\nby    = "applicant"') == 1

    found = load(
        text.replace('to    = "applied"\nby    = "applicant"', 'to    = "applied"\nby    = "dean"').encode()
    )

    assert found.proposal is None


# ───────────────────────────── One life


def test_approval_comes_after_five_working_days_of_notice(university: University) -> None:
    case_id = under_notice(university)

    university.tick(case_id, date(2026, 3, 17), 23)
    before = university.state(case_id)
    university.tick(case_id, GRANTED)

    assert (before, university.state(case_id)) == ("applied", "in_force")
    assert university.case(case_id).dates == {"term_end": "2030-03-18"}


def test_passed_review_enters_the_next_term_by_itself(university: University) -> None:
    case_id = in_force(university)
    university.tick(case_id, date(2029, 9, 19))
    assert university.state(case_id) == "review"
    university.done(
        case_id, "account", "applicant", account_file=university.document(case_id, "account_file")
    )
    assessed(university, case_id)
    decided(university, case_id, "pass")
    between = university.state(case_id)

    university.tick(case_id, NEXT_TERM)

    assert (between, university.state(case_id)) == ("reviewed", "renewed")
    assert university.case(case_id).dates == {"term_end": "2034-03-18"}
    assert troubles(university.database) == []


def test_failed_review_ends_the_status_with_a_ban_of_three_years(university: University) -> None:
    case_id = to_be_lost(university)
    waiting = university.state(case_id)

    answer = university.confirmed(case_id, "second_secretary")

    assert isinstance(answer, Receipt), answer
    assert (waiting, university.state(case_id)) == ("review", "lost")
    with university.database.reading() as session:
        ban = session.scalars(select(Ban)).one()
    assert (ban.name, ban.subject, ban.decided_on, ban.last_day) == (
        *("again", "partner"),
        *(date(2033, 12, 1), date(2036, 12, 1)),
    )
    assert ban.person_id == university.people["applicant"]
    assert troubles(university.database) == []


def test_banned_partner_is_refused_until_the_ban_is_over(university: University) -> None:
    lost = to_be_lost(university)
    university.confirmed(lost, "second_secretary")
    again = university.open("applicant", COLLEGE)
    form = application(university, again)

    refused = university.refused(again, "apply", "applicant", **form)
    university.on(date(2036, 12, 2))

    assert refused == ["banned"]
    university.done(again, "apply", "applicant", **form)


# ───────────────────────────── Its own roles and words


def blockers(
    here: University, case_id: str, act: str, who: str, **form: Any
) -> list[tuple[str, tuple[str, ...]]]:
    """The reasons against an act, each with the roles that can mend it."""
    answer = here.act(case_id, act, who, **form)
    assert isinstance(answer, Refusal), answer
    return [(blocker.code, blocker.mend) for blocker in answer.blockers]


def test_returned_application_is_sent_again_after_the_call_has_closed(small: University) -> None:
    case_id = applied(small)
    small.on(date(2026, 12, 20))
    small.done(case_id, "return", "dean", note="the plan is thin", again_by="2027-01-15")
    form = application(small, case_id)

    small.on(date(2027, 1, 16))
    late = blockers(small, case_id, "apply", "applicant", **form)
    small.on(date(2027, 1, 15))

    assert late == [("call_closed", ("secretariat",))]
    small.done(case_id, "apply", "applicant", **form)


def test_missing_account_is_the_applicants_to_mend(small: University) -> None:
    case_id = in_force(small)
    small.tick(case_id, date(2029, 12, 1))
    assessed(small, case_id)

    assert blockers(small, case_id, "pass", "secretary") == [("not_handed_in", ("applicant",))]


def test_right_on_another_college_is_the_secretariats_to_mend(small: University) -> None:
    case_id = small.open("applicant", COLLEGE)
    form = {**application(small, case_id), "lead_college": small.units["药学院"]}

    assert blockers(small, case_id, "apply", "applicant", **form) == [("not_granted_on", ("secretariat",))]


def test_objection_returns_to_the_vote(small: University) -> None:
    case_id = under_notice(small)

    small.done(case_id, "notice", "secretary", outcome="object", note="a letter says otherwise")
    small.tick(case_id, GRANTED)

    assert small.state(case_id) == "applied"
    assert rounds(small, case_id)[-2:] == [("notice", "objected"), ("committee_vote", None)]


def test_applicant_stands_aside_whatever_else_they_are(small: University) -> None:
    with small.database.transaction() as session:
        session.add(
            Grant(
                id=new_key(), person_id=small.people["applicant"], role="dean", unit_id=small.units[COLLEGE],
                from_on=date(2020, 1, 1),
            )
        )  # fmt: skip
    case_id = applied(small)

    assert small.refused(case_id, "deans_word", "applicant", outcome="agree") == ["conflict"]


def test_second_person_of_the_file_is_asked_and_alone_declines(small: University) -> None:
    case_id = to_be_lost(small)
    with small.database.reading() as session:
        pending = session.scalars(select(PendingAct.id)).one()
        asked = set(session.scalars(select(Notice.person_id).where(Notice.template == "asked_to_confirm")))

    def declined(who: str) -> Receipt | Refusal:
        with small.database.transaction() as session:
            return decline(session, pending, reason="not convinced", ctx=small.ctx(who))

    refused, done = declined("dean"), declined("second_secretary")

    assert asked == {small.people["secretary"], small.people["second_secretary"]}
    assert isinstance(refused, Refusal)
    assert [blocker.mend for blocker in refused.blockers] == [("secretariat",)]
    assert isinstance(done, Receipt)
    assert small.state(case_id) == "review"


def beside_the_bases(here: University) -> University:
    """The same university under the bases' lifecycle, published in the same database."""
    source = ROUTED_FILE.read_bytes()
    definition = load(source)
    with here.database.transaction() as session:
        session.add(
            Edition(
                id=new_key(), lifecycle=definition.name, label=definition.edition, sha256=definition.sha256,
                source=source.decode(), published_at=here.at,
            )
        )  # fmt: skip
        session.add(
            Call(
                id=new_key(), lifecycle=definition.name, year=2026, opens_on=date(2026, 3, 1),
                closes_on=date(2026, 12, 31),
            )
        )  # fmt: skip
        bump(session)
    return replace(here, definition=definition)


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("secretary", {"station"}),
        ("judge_1", {"station"}),
        ("dean", {"station"}),
        ("applicant", {"station"}),
        ("assessor_1", set()),  # has no seat yet
        ("office", {"base"}),
        ("member", {"base"}),
        ("head", {"base"}),
        ("expert", set()),
        ("auditor", {"station", "base"}),
        ("stranger", set()),
    ],
)
def test_roles_of_a_lifecycle_see_its_cases_and_no_others(
    small: University, who: str, sees: set[str]
) -> None:
    cases = {"station": applied(small), "base": beside_the_bases(small).proposed()}

    with small.database.reading() as session:
        rights = rights_of(session, small.people[who], today=APPLIED)
        seen = set(session.scalars(select(Case.id).where(visible_to(rights))))

    assert seen == {cases[name] for name in sees}


def test_assessor_sees_the_station_they_have_a_seat_on(small: University) -> None:
    case_id = in_force(small)
    small.tick(case_id, date(2029, 12, 1))
    assessed(small, case_id)

    with small.database.reading() as session:
        rights = rights_of(session, small.people["assessor_2"], today=APPLIED)
        seen = session.scalars(select(Case.id).where(visible_to(rights))).all()

    assert seen == [case_id]
