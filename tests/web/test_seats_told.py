"""A base's history names the people whose seats were given, taken or passed on, in both languages."""

from __future__ import annotations

import re
from typing import Any

import pytest

from models import Database
from tests.web.conftest import text_of
from tests.web.signing_in import Site, site_over
from tests.workflow.routing import EXPERTS, at_vote, do, founded, proposed
from workflow.operations.rounds import add_signer, name_experts, reassign, remove_signer, replace_expert
from workflow.operations.transcribing import transcribe

KEY = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def site(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, at_ten: object) -> Site:
    return site_over(sqlite_database, monkeypatch, university=founded(sqlite_database, expert_review_on=True))


def history(site: Site, case_id: str, language: str) -> str:
    """What the page says, what stands in addresses and hidden fields aside."""
    browser = site.browser("office")
    browser.client.set_cookie("lang", language)
    page = text_of(browser.get(f"/bases/{case_id}"))
    return re.sub(r"<[^>]*>", " ", page)


def seated(site: Site) -> str:
    """A proposal on which seats were passed on, added, taken back and replaced."""
    here = site.university
    people: dict[str, Any] = here.people
    case_id = proposed(here)
    do(here, reassign, case_id, to=people["officer"], reason="出差", who="head")
    do(here, add_signer, case_id, people["second_office"], side="before", comment="请先看", who="officer")
    do(here, remove_signer, case_id, people["second_office"], reason="不需要", who="officer")
    do(here, add_signer, case_id, people["second_office"], side="after", comment="", who="officer")
    here.done(case_id, "college_opinion", "officer", outcome="agree")
    here.done(case_id, "college_opinion", "second_office", outcome="agree")
    here.done(case_id, "form_check", "office", outcome="agree")
    do(here, name_experts, case_id, [people[name] for name in EXPERTS[:3]], who="office")
    do(here, replace_expert, case_id, people[EXPERTS[1]], by=people[EXPERTS[3]], reason="生病", who="office")
    return case_id


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "zh",
            ("由head改为officer；理由：出差", "请second_office先行签署；意见：请先看", "不再请second_office签署",
             "请second_office随后签署", "由expert_2改为expert_4；理由：生病"),
        ),
        (
            "en",
            ("from head to officer", "second_office is asked to sign first", "second_office is no longer asked to sign",
             "second_office is asked to sign afterwards", "from expert_2 to expert_4"),
        ),
    ],
)  # fmt: skip
def test_history_names_whom_a_seat_went_to(site: Site, language: str, lines: tuple[str, ...]) -> None:
    page = history(site, seated(site), language)

    for line in lines:
        assert line in page
    assert KEY.search(page) is None


def test_history_names_the_scan_of_a_paper_vote(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, at_ten: object
) -> None:
    here = founded(sqlite_database)
    site = site_over(sqlite_database, monkeypatch, university=here)
    case_id = at_vote(here)
    scan = here.document(case_id, "attachment")
    do(here, transcribe, case_id, here.people["member"], choice="agree", scan=scan, who="office")

    page = history(site, case_id, "zh")

    assert "attachment.pdf" in page
    assert KEY.search(page) is None
