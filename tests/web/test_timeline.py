"""The time a base spent in each state: what the table and the sentence say, corrections left out, to whoever sees the base."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select

from models import Case, Database
from tests.university import SIGNED, University
from tests.web.conftest import Statements, text_of
from tests.web.signing_in import Site
from tests.workflow.routing import founded
from tests.workflow.test_corrections import corrected
from tests.workflow.test_ledger_import import brought_in
from workflow.periods import beijing_day
from workflow.queries import moves_of
from workflow.stays import Stay, stays_of, time_spent

TAG = re.compile(r"<[^>]+>")
EXTENDED = date(2029, 3, 11)
CYCLE_OVER = datetime(2029, 6, 1, 2, tzinfo=UTC)


@pytest.fixture
def university(database: Database) -> University:
    return University.founded(database)


@pytest.fixture
def late(lite: Site, at_ten: time_machine.Traveller) -> Site:
    """The site when the cycle of its first bases is over."""
    at_ten.move_to(CYCLE_OVER)
    return lite


def page(site: Site, case_id: str, who: str = "office", language: str = "zh") -> str:
    browser = site.browser(who)
    browser.client.set_cookie("lang", language)
    return text_of(browser.get(f"/bases/{case_id}/timeline"))


def said(text: str) -> str:
    """The sentence of the page."""
    found = re.search(r'<p class="standing">(.*?)</p>', text)
    assert found is not None
    return found.group(1)


def rows(text: str) -> list[list[str]]:
    """The cells of the table without their tags and blanks."""
    body = text.partition("<tbody")[2].partition("</tbody>")[0]
    return [
        [
            "".join(TAG.sub("", cell).split())
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        ]
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.DOTALL)
    ]


def lived(university: University, case_id: str) -> tuple[Stay, ...]:
    with university.database.reading() as session:
        return stays_of(moves_of(session, case_id))


# ───────────────────────────── What counts


def test_stays_follow_one_another_by_the_days_that_count(university: University) -> None:
    case_id = university.extended()

    stays = lived(university, case_id)

    assert [(stay.state, stay.from_on, stay.until_on) for stay in stays] == [
        ("draft", SIGNED, SIGNED),
        ("proposed", SIGNED, SIGNED),
        ("approved", SIGNED, SIGNED),
        ("agreement_signed", SIGNED, date(2027, 9, 10)),
        ("midterm", date(2027, 9, 10), date(2027, 9, 20)),
        ("midterm_assessed", date(2027, 9, 20), date(2028, 12, 10)),
        ("final", date(2028, 12, 10), EXTENDED),
        ("extended", EXTENDED, None),
    ]


def test_undone_stay_counts_for_nothing_and_the_one_before_lasts_on(university: University) -> None:
    case_id = university.extended()
    later = university.on(EXTENDED + timedelta(days=5))
    corrected(later, case_id)

    stays = lived(later, case_id)

    final, extended = stays[-2:]
    assert (final.state, final.until_on, final.counts) == ("final", None, True)
    assert (extended.from_on, extended.until_on, extended.counts) == (
        EXTENDED, EXTENDED + timedelta(days=5), False,
    )  # fmt: skip
    assert extended.undone_by is not None
    assert extended.undone_by["act"] == "correct"


def test_corrections_one_after_another_go_back_as_far(university: University) -> None:
    case_id = university.signed()
    corrected(university, case_id)
    corrected(university, case_id)
    university.done(case_id, "approve", "member")

    stays = lived(university, case_id)

    assert [(stay.state, stay.counts) for stay in stays] == [
        ("draft", True), ("proposed", True), ("approved", False), ("agreement_signed", False), ("approved", True),
    ]  # fmt: skip
    assert [stay.state for stay in stays if stay.until_on is None] == ["approved"]


def test_imported_base_counts_from_the_day_the_ledger_gives(database: Database) -> None:
    here = founded(database)
    brought_in(here)
    with database.reading() as session:
        cases = session.execute(select(Case.id, Case.state, Case.entered_on)).all()

    stays = {case.id: lived(here, case.id) for case in cases}

    assert {case.id: ((case.state, case.entered_on),) for case in cases} == {
        key: tuple((stay.state, stay.from_on) for stay in some) for key, some in stays.items()
    }


@pytest.mark.parametrize("state", ["withdrawn", "extended", "certified", "revoked", "lapsed"])
def test_days_of_all_states_are_those_of_the_whole_life(university: University, state: str) -> None:
    case_id = university.reach(state)
    today = beijing_day(university.at) + timedelta(days=100)
    ends = frozenset(name for name, one in university.definition.states.items() if one.end)

    stays = lived(university, case_id)
    spent = time_spent(stays, today=today, ends=ends)

    last = stays[-1]
    over = last.from_on if last.state in ends else today
    assert sum(one.days for one in spent) == (over - stays[0].from_on).days
    assert min(one.days for one in spent) >= 0


# ───────────────────────────── What the page says


def test_state_entered_twice_adds_up_in_the_sentence(lite: Site, at_ten: time_machine.Traveller) -> None:
    case_id = lite.university.in_extended_final()
    at_ten.move_to(lite.university.at + timedelta(days=7))
    twice = [stay for stay in lived(lite.university, case_id) if stay.state == "final"]
    days = sum(stay.days(beijing_day(lite.university.at) + timedelta(days=7)) for stay in twice)

    sentence = said(page(lite, case_id))

    assert len(twice) == 2
    assert f"结项考核中{days}天（2次）" in sentence
    assert sentence.endswith("现为“结项考核中”，已98天。")


def test_live_base_counts_until_today(lite: Site) -> None:
    case_id = lite.university.proposed()

    text = page(lite, case_id)

    assert said(text) == "2026年3月10日起至今共10天：已申报10天。现为“已申报”，已10天。"
    assert rows(text)[-1][:4] == ["2▷已申报", "2026年3月10日", "今天", "10"]
    assert said(page(lite, case_id, language="en")).startswith(
        "10 days since 10 March 2026: proposed 10 days."
    )


def test_end_takes_no_time(late: Site) -> None:
    case_id = late.university.revoked()

    text = page(late, case_id)

    assert "结束，为“撤销资格”" in said(text)
    assert rows(text)[-1][2:4] == ["终止状态", "—"]


def test_correction_is_shown_beside_what_it_undid(late: Site) -> None:
    case_id = late.university.extended()
    corrected(late.university, case_id)

    text = page(late, case_id)

    final, (state, begun, left, days, by) = rows(text)[-2:]
    assert (final[0], final[2]) == ("7▷结项考核中", "今天")
    assert state.endswith("延期结项已被更正，不计入")
    assert (begun, left, days) == ("2029年3月11日", "2029年3月11日", "—")
    assert re.search(r"同意延期一年·member第13号更正·second_office第15号", by)
    assert "延期结项" not in said(text)


def test_day_of_effect_and_day_of_record_are_both_told(late: Site) -> None:
    case_id = late.university.signed()
    late.university.tick(case_id, date(2027, 9, 13))

    midterm = rows(page(late, case_id))[-1]

    assert midterm[1] == "2027年9月10日2027年9月13日登记"
    assert "系统" in midterm[4] or "中期考核启动" in midterm[4]


def test_whoever_reads_the_log_is_led_to_the_entries_and_others_to_the_receipts(lite: Site) -> None:
    case_id = lite.university.approved()

    auditor, leader = page(lite, case_id, "auditor"), page(lite, case_id, "leader")

    assert re.findall(r'href="/audit/\d+"', auditor)
    assert f"/audit?case={case_id}" in auditor
    assert "/audit/" not in leader.partition("<main")[2]
    assert f"/bases/{case_id}/receipts/3" in leader


def test_stranger_sees_nothing(lite: Site) -> None:
    case_id, browser = lite.university.proposed(), lite.browser("stranger")
    missing = "01900000-0000-7000-8000-000000000000"

    hidden, none = (browser.get(f"/bases/{one}/timeline") for one in (case_id, missing))

    assert (hidden.status_code, none.status_code) == (404, 404)


def test_base_and_its_entries_in_the_log_lead_there(lite: Site) -> None:
    case_id = lite.university.proposed()
    auditor, address = lite.browser("auditor"), f"/bases/{case_id}/timeline"

    assert address in text_of(auditor.get(f"/bases/{case_id}"))
    assert address in text_of(auditor.get(f"/audit?case={case_id}"))
    assert address in text_of(auditor.get("/audit?base=人民医院"))
    assert address not in text_of(auditor.get("/audit"))


def test_page_costs_the_same_however_long_the_life(lite: Site) -> None:
    young, old = lite.university.approved(), lite.university.on(SIGNED).extended()
    browser, costs = lite.browser("office"), []

    for case_id in (young, old):
        browser.get(f"/bases/{case_id}/timeline")
        with Statements(lite.database) as sent:
            browser.get(f"/bases/{case_id}/timeline")
        costs.append(len(sent.texts))

    assert costs[0] == costs[1]
