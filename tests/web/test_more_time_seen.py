"""A round that ended because the report before it has time again, as people meet it: on the base's page and in the log."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models import Database, Entry
from tests.web.conftest import text_of
from tests.web.signing_in import Site, site_over
from tests.workflow.routing import founded
from tests.workflow.test_more_time import missed, move
from workflow.operations import Receipt

ENDED = {
    "zh": "因“进展报告”的期限顺延而终止，不计结果",
    "en": "ended uncounted, for “progress report” has time again",
}


@pytest.fixture
def lite(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, at_ten: object) -> Site:
    return site_over(sqlite_database, monkeypatch, university=founded(sqlite_database))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_page_and_log_say_why_the_round_ended(lite: Site, language: str) -> None:
    case_id = missed(lite.university)
    answer = move(lite.university, case_id)
    assert isinstance(answer, Receipt)
    browser = lite.browser("office")

    browser.client.set_cookie("lang", language)
    with lite.database.reading() as session:
        number = session.scalars(select(Entry.id).where(Entry.hash == answer.hash)).one()

    base = text_of(browser.get(f"/bases/{case_id}"))
    entry = text_of(browser.get(f"/audit/{number}"))

    assert ENDED[language] in base
    assert ENDED[language] in entry
