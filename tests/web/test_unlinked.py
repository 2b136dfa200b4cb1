"""A base whose leader is only a name: whoever is asked in the leader's stead is told what mends it, by whom and where."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from models import Duty
from tests.university import University
from tests.web.conftest import text_of
from tests.web.programs import program
from tests.web.signing_in import Site
from tests.workflow.test_ledger_import import brought_in

STANDS_IN = {
    "zh": "尚无项目负责人与系统中的人员关联；由联培基地办公室在基地页面",
    "en": "it is theirs once base office has linked a person",
}
REFUSED = {
    "zh": "此项由项目负责人办理，尚无人与其关联",
    "en": "This is done by: project leader, and no person is linked as such yet",
}


@pytest.fixture
def asked(lite: Site) -> str:
    """A base in the mid-term assessment that asks for the year's data; its leader's name is linked to nobody."""
    here = lite.university
    case_id = here.in_midterm()
    with here.database.transaction() as session:
        duty = session.scalars(
            select(Duty).where(Duty.case_id == case_id, Duty.role == "project_leader")
        ).one()
        duty.person_id, duty.contact_name = None, "李四"
    here.tick(case_id, date(2028, 1, 3), 12)
    return case_id


@pytest.mark.parametrize("who", ["head", "office"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_row_of_a_stand_in_leads_to_where_a_person_is_linked(
    lite: Site, asked: str, who: str, lang: str
) -> None:
    browser = lite.browser(who)
    browser.client.set_cookie("lang", lang)

    page = text_of(browser.get("/"))

    assert STANDS_IN[lang] in page
    assert f'href="/bases/{asked}#people"' in page
    assert f"/bases/{asked}/acts/yearly_data" not in page


@pytest.mark.parametrize("who", ["head", "office"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_form_of_a_stand_in_says_what_mends_it(lite: Site, asked: str, who: str, lang: str) -> None:
    browser = lite.browser(who)
    browser.client.set_cookie("lang", lang)

    page = text_of(browser.get(f"/bases/{asked}/acts/yearly_data"))

    assert REFUSED[lang] in page
    assert f'href="/bases/{asked}#people"' in page


def test_refusal_names_who_links(lite: Site, asked: str) -> None:
    here: University = lite.university
    answer = {
        who: here.act(asked, "yearly_data", who, students_half_year=1, awards_won=0)
        for who in ("head", "member")
    }

    reasons = {who: [(b.code, b.mend) for b in refusal.blockers] for who, refusal in answer.items()}  # type: ignore[union-attr]

    assert reasons == {
        "head": [("duty_unlinked", ("base_office",))],
        "member": [("not_your_role", ("project_leader",))],
    }


def test_interface_says_it_likewise(lite: Site, asked: str) -> None:
    rows = program(lite, "office").get("/tasks").get_json()["items"]

    assert [
        STANDS_IN["en"] in (row["mend"] or "") for row in rows if row["act"]["name"] == "yearly_data"
    ] == [True]


def test_linked_leader_is_asked_and_nobody_in_the_stead(lite: Site) -> None:
    case_id = lite.university.in_midterm()
    lite.university.tick(case_id, date(2028, 1, 3), 12)

    pages = {who: text_of(lite.browser(who).get("/")) for who in ("leader", "office")}

    assert STANDS_IN["zh"] not in pages["leader"] + pages["office"]
    assert f"/bases/{case_id}/acts/yearly_data" in pages["leader"]


@pytest.mark.parametrize(
    ("lang", "said", "who"),
    [
        ("zh", "来自台账工作表“", "系统（命令行）"),
        ("en", " of the ledger’s sheet “", "the system (command line)"),
    ],
)
def test_history_of_an_imported_base_is_in_words(lite: Site, lang: str, said: str, who: str) -> None:
    case_id = brought_in(lite.university)[0].case_id
    browser = lite.browser("office")
    browser.client.set_cookie("lang", lang)

    page = text_of(browser.get(f"/bases/{case_id}"))

    assert said in page
    assert who in page
    assert "sheet：" not in page
