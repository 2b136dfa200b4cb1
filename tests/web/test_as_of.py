"""The time machine of a base: as the log had left it at the end of a Beijing day, to whoever sees the base, and only to look at."""

from __future__ import annotations

import re
from datetime import date

import pytest
from click.testing import CliRunner

from tests.university import SIGNED, instant
from tests.web.conftest import text_of
from tests.web.signing_in import Site
from web.cli import main
from workflow.queries.as_of import standing


def test_base_is_shown_as_it_stood_on_each_day(site: Site) -> None:
    case_id = site.university.reach("midterm_assessed")
    browser, now = site.browser("leader"), site.university.at.date().isoformat()

    before, signed, opened, last = (
        text_of(browser.get(f"/bases/{case_id}/as-of/{day}"))
        for day in ("2026-03-09", "2026-03-10", "2027-09-10", now)
    )

    assert "截至2026年3月9日，此基地尚未登记" in before
    assert "建设中" in signed
    assert "截至2026年3月10日24时" in signed
    assert "中期考核中" in opened.partition("<main")[2]
    assert "中期考核启动" in signed
    assert 'href="/bases/' in last
    assert '<button class="btn btn-primary"' not in signed.partition("<main")[2]


def test_links_lead_from_change_to_change(lite: Site) -> None:
    case_id = lite.university.reach("midterm_assessed")
    browser, address = lite.browser("leader"), f"/bases/{case_id}/as-of/2026-01-01"
    days = []

    while address:
        days.append(address.rpartition("/")[2])
        onward = re.search(r'href="([^"]+)" rel="next"', text_of(browser.get(address)))
        address = onward.group(1) if onward else ""
    back, address = [], f"/bases/{case_id}/as-of/2999-01-01".replace("2999", "2100")
    while address:
        back.append(address.rpartition("/")[2])
        onward = re.search(r'href="([^"]+)" rel="prev"', text_of(browser.get(address)))
        address = onward.group(1) if onward else ""

    assert days[1] == SIGNED.isoformat()
    assert days[1:] == sorted(days[1:])
    assert back[1:] == days[-2:0:-1]


def test_day_ends_at_midnight_in_beijing(lite: Site) -> None:
    here = lite.university
    here.at = instant(SIGNED, 23, 59)
    first = here.open()
    here.at = instant(date(2026, 3, 11), 0, 0)
    second = here.open()

    with lite.database.reading() as session:
        stood = [standing(session, case_id, SIGNED).case is not None for case_id in (first, second)]

    assert stood == [True, False]


@pytest.mark.parametrize(
    ("who", "status"), [("leader", 200), ("auditor", 200), ("stranger", 404), ("other_leader", 404)]
)
def test_whoever_sees_the_base_sees_its_past(lite: Site, who: str, status: int) -> None:
    case_id = lite.university.proposed()

    assert lite.browser(who).get(f"/bases/{case_id}/as-of/2026-03-10").status_code == status


@pytest.mark.parametrize(
    "day", ["yesterday", "2026-02-30", "1989-12-31", "2101-01-01", "20260310", "9999-12-31"]
)
def test_day_that_is_none_is_not_there(lite: Site, day: str) -> None:
    case_id, browser = lite.university.proposed(), lite.browser("leader")

    assert browser.get(f"/bases/{case_id}/as-of/{day}").status_code == 404
    assert browser.get(f"/bases/{case_id}/as-of?on={day}").status_code == 404


def test_typed_day_leads_to_its_page(lite: Site) -> None:
    case_id, browser = lite.university.proposed(), lite.browser("leader")

    answer = browser.get(f"/bases/{case_id}/as-of?on=2026-03-10")

    assert answer.location == f"/bases/{case_id}/as-of/2026-03-10"
    assert "/as-of" in text_of(browser.get(f"/bases/{case_id}"))


def test_command_tells_how_bases_stood(lite: Site) -> None:
    here = lite.university
    case_id = here.reach("midterm_assessed")
    environment = {
        "LIANPEI_DATABASE_URL": lite.database.url.render_as_string(hide_password=False),
        "LIANPEI_LANG": "zh",
    }

    def told(*words: str) -> tuple[int, str]:
        answer = CliRunner().invoke(main, ["doctor", *words], env=environment)
        return answer.exit_code, answer.output

    assert told("--as-of", "2026-03-09")[0] == 1
    status, text = told("--as-of", "2027-09-10")
    assert (status, "中期考核中" in text) == (0, True)
    status, text = told("--as-of", "2026-03-10", "--json", "--base", "LP2026-001")
    assert (status, case_id in text, '"state":"agreement_signed"' in text) == (0, True, True)
    assert told("--base", "LP2026-001")[0] == 2
    assert told("--as-of", "1900-01-01")[0] == 2
    assert told("--as-of", "2026-13-01")[0] == 2
