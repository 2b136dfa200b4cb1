"""The log speaks of rounds in words, and of nobody's choice before the round is over."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models import Database, Entry
from tests.web.conftest import text_of
from tests.web.signing_in import Site, site_over
from tests.workflow.routing import EXPERTS, MEMBERS, at_vote, do, founded, proposed
from workflow.operations.rounds import name_experts

WITHHELD = "（结束前不公开）"


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch, at_ten: object) -> Site:
    return site_over(database, monkeypatch, university=founded(database, expert_review_on=True))


@pytest.fixture
def lite(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, at_ten: object) -> Site:
    return site_over(sqlite_database, monkeypatch, university=founded(sqlite_database))


def page(site: Site, case_id: str, kind: str, act: str) -> str:
    """What a member of the leading group reads on the page of the first entry of a kind about a step."""
    with site.database.reading() as session:
        entries = select(Entry.id).where(Entry.case_id == case_id, Entry.kind == kind, Entry.act == act)
        first = session.scalars(entries.order_by(Entry.id)).first()
    return text_of(site.browser("member").get(f"/audit/{first}")).partition("<main")[2].partition("<pre")[0]


def test_vote_is_told_when_its_round_is_over(lite: Site) -> None:
    here = lite.university
    case_id = at_vote(here)
    for who in MEMBERS[:4]:
        here.done(case_id, "selection", who, outcome="refuse", comment="条件不足")
    running = page(lite, case_id, "ballot", "selection")
    here.done(case_id, "selection", MEMBERS[4], outcome="agree")

    over = page(lite, case_id, "ballot", "selection")

    assert (WITHHELD in running, "条件不足" in running, "不同意" in running) == (True, False, False)
    assert (WITHHELD in over, "条件不足" in over, "不同意" in over) == (False, True, True)


def test_panel_is_named_in_words_and_its_sheets_wait_for_the_last(site: Site) -> None:
    here = site.university
    case_id = proposed(here)
    here.done(case_id, "college_opinion", "head", outcome="agree")
    here.done(case_id, "form_check", "office", outcome="agree")
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who="office")
    opinion = {item: {"met": True, "note": "扎实"} for item in here.definition.lists["eligibility"]}
    here.done(case_id, "expert_review", EXPERTS[0], outcome="seal", eligibility_opinion=opinion)
    running = page(site, case_id, "ballot", "expert_review")
    for who in EXPERTS[1:3]:
        here.done(case_id, "expert_review", who, outcome="seal", eligibility_opinion=opinion)

    over = page(site, case_id, "ballot", "expert_review")

    seated = page(site, case_id, "seated", "expert_review")
    assert ("人员" in seated, "专家" in seated, "people" in seated, "panel" in seated) == (
        *(True, True),
        *(False, False),
    )
    assert (WITHHELD in running, "8/8项满足" in running) == (True, False)
    assert (WITHHELD in over, "8/8项满足" in over) == (False, True)


def test_step_and_result_of_a_round_are_said_in_words(lite: Site) -> None:
    here = lite.university
    case_id = proposed(here)
    here.done(case_id, "college_opinion", "head", outcome="agree")

    said = page(lite, case_id, "ballot", "college_opinion")

    assert ("形式审查" in said, "通过" in said, "form_check" in said, "passed" in said) == (
        *(True, True),
        *(False, False),
    )
