"""The demonstration served to a real browser, and what its people do there on a base's way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from sqlalchemy import select

from models import Account, Case, Database, Person
from models.schema import upgrade
from tests.university import ROUTED_FILE
from tests.web.browsing import Visitor, chromium, served
from web.app import create_app
from web.config import Config, Environment
from web.demo.loading import load_demonstration
from workflow import clock
from workflow.definition import load_file
from workflow.doctor import examine
from workflow.periods import beijing_day
from workflow.verify import verify

BASE = load_file(ROUTED_FILE)
LISTS = BASE.lists
MEMBERS = ("chair", "member", "member2", "member3", "member4")
PANEL = ("expert1", "expert2")
"""One from outside the university and one of its own, where the office has set the panel's size to two."""


@dataclass
class Town:
    """The demonstration, served, with a browser at hand."""

    database: Database
    address: str
    browser: Any
    signed_in: dict[str, Visitor] = field(default_factory=dict)

    def visitor(self, login: str) -> Visitor:
        """Somebody at the site; whoever is signed in stays so until the clock moves."""
        if login not in self.signed_in:
            self.signed_in[login] = Visitor(self.browser, self.address, login)
        return self.signed_in[login]

    def leave(self) -> None:
        for visitor in self.signed_in.values():
            visitor.close()
        self.signed_in.clear()

    @property
    def today(self) -> date:
        with self.database.reading() as session:
            return beijing_day(clock.now(session))

    def called(self, login: str) -> str:
        """The name of the person with an account."""
        with self.database.reading() as session:
            return session.scalars(select(Person.name).join(Account).where(Account.login == login)).one()

    def state(self, case_id: str) -> str:
        with self.database.reading() as session:
            return session.get_one(Case, case_id).state

    def said(self, case_id: str) -> str:
        """All the base's page says to the office, what is folded away included."""
        office = self.visitor("office")
        office.open(f"/bases/{case_id}")
        return str(office.page.text_content("main"))

    def wait_until(self, day: date) -> None:
        """Move the demonstration's clock, in the browser, to the morning of a day."""
        visitor = self.visitor("office")
        visitor.open("/demonstration/clock")
        visitor.fill({"day": day})
        visitor.press("button.btn-primary")
        self.leave()

    def set(self, **settings: Any) -> None:
        """Let the office change settings, each on its page, with what it moves shown in between."""
        office = self.visitor("office")
        for name, value in settings.items():
            office.open(f"/admin/settings/{name}")
            office.fill({"value": value, "reason": "试行"})
            office.press("button.btn-primary")
            office.press("button.btn-primary")


@pytest.fixture(scope="module")
def town_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration's database as it was loaded, for every test to copy."""
    file = tmp_path_factory.mktemp("journey") / "town.sqlite3"
    database = Database(f"sqlite:///{file}")
    upgrade(database)
    load_demonstration(database)
    database.dispose()
    return file


@pytest.fixture(scope="module")
def town_browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def town(town_file: Path, town_browser: Any, tmp_path: Path) -> Iterator[Town]:
    url = f"sqlite:///{shutil.copy(town_file, tmp_path / 'town.sqlite3')}"
    database = Database(url)
    app = create_app(Config(environment=Environment.DEMONSTRATION, database_url=url), database=database)
    with served(app) as address:
        here = Town(database=database, address=address, browser=town_browser)
        here.set(panel_size="2", expert_review_on="no", midterm_experts_on="no")
        yield here
        here.leave()
    database.dispose()


def proposed(town: Town, partner: str) -> str:
    """File a proposal section by section, as a project leader does; return the case's id."""
    leader = town.visitor("leader")
    leader.open("/proposals/new")
    leader.page.check("main input[name=unit]")
    leader.press("button")
    case_id = str(leader.page.url).rstrip("/").split("/")[-1]
    sections: dict[str, dict[str, Any]] = {
        "basics": {"base_name": f"{partner}研究生联合培养基地"},
        "partner": {"partner.name": partner, "partner.kind": "enterprise"},
        "colleges": {},
        "eligibility": {
            name: value
            for item in LISTS["eligibility"]
            for name, value in (
                (f"eligibility.{item}.met", "yes"),
                (f"eligibility.{item}.note", "见合作计划"),
            )
        },
        "plan": {"cooperation_plan": "合作计划.pdf"},
    }
    for section, fields in sections.items():
        leader.open(f"/proposals/{case_id}/{section}")
        if section == "colleges":
            leader.page.select_option("main [name=lead_college]", label="计算机学院")
        leader.fill(fields)
        leader.press("button[value=list]")
    leader.open(f"/proposals/{case_id}/review")
    while leader.page.locator("main form button.btn-primary").count():
        leader.press("button.btn-primary")
    return case_id


def agree(town: Town, case_id: str, step: str, *logins: str) -> None:
    """Let people sign or vote in favour at a step, one after the other."""
    for login in logins:
        town.visitor(login).decide(case_id, step, {"outcome": "agree"})


def name_panel(town: Town, case_id: str) -> None:
    """Give the experts their seats, as the office does."""
    town.visitor("office").about_round(
        case_id, "name_experts", {"people": [town.called(one) for one in PANEL]}
    )


def judge(town: Town, case_id: str, step: str, sheet: dict[str, str]) -> None:
    """Let every expert of the panel declare no conflict, fill in the sheet, read it back and seal it."""
    name_panel(town, case_id)
    for login in PANEL:
        seal(town, case_id, step, sheet, login)


def seal(town: Town, case_id: str, step: str, sheet: dict[str, str], login: str) -> None:
    declare(town, case_id, login)
    town.visitor(login).decide(case_id, step, sheet)


def declare(town: Town, case_id: str, login: str) -> None:
    """Let an expert declare that there is no conflict of interest."""
    expert = town.visitor(login)
    expert.open(f"/bases/{case_id}/round/declare")
    expert.press("button.btn-primary")


def assessment() -> dict[str, str]:
    """Marks and remarks under the headings of Article 16."""
    return {
        name: value
        for heading in BASE.sheets["assessment"]
        for name, value in (
            (f"assessment.{heading}.mark", "85"),
            (f"assessment.{heading}.remark", "见报告"),
        )
    }


def opinion() -> dict[str, str]:
    """Every item of Article 6 found met."""
    return {
        name: value
        for item in LISTS["eligibility"]
        for name, value in (
            (f"eligibility_opinion.{item}.met", "yes"),
            (f"eligibility_opinion.{item}.note", "见申报书"),
        )
    }


def approved(town: Town, partner: str, *, by_experts: bool = False) -> str:
    case_id = proposed(town, partner)
    assert town.state(case_id) == "proposed"
    agree(town, case_id, "college_opinion", "head")
    agree(town, case_id, "form_check", "office")
    if by_experts:
        judge(town, case_id, "expert_review", opinion())
    agree(town, case_id, "selection", *MEMBERS[:-1])
    assert town.state(case_id) == "proposed"
    agree(town, case_id, "selection", MEMBERS[-1])
    assert town.state(case_id) == "approved"
    return case_id


def submitted_again(town: Town, case_id: str) -> None:
    """Send in a proposal that was sent back, from its last page."""
    leader = town.visitor("leader")
    leader.open(f"/proposals/{case_id}/review")
    while leader.page.locator("main form button.btn-primary").count():
        leader.press("button.btn-primary")
    assert town.state(case_id) == "proposed"


def signed(town: Town, partner: str, *, years: int = 4, by_experts: bool = False) -> str:
    case_id = approved(town, partner, by_experts=by_experts)
    sign(town, case_id, years=years)
    return case_id


def sign(town: Town, case_id: str, *, years: int = 4) -> None:
    town.visitor("office").decide(
        case_id,
        "sign_agreement",
        {
            "agreement_number": "XY-2026-901", "signed_on": town.today, "agreement_first_day": town.today,
            "agreement_last_day": town.today + relativedelta(years=years, days=-1), "agreement_scan": "协议.pdf",
            "contact_person": "孙经理",
        },
    )  # fmt: skip
    assert town.state(case_id) == "agreement_signed"


def midterm_over(town: Town, case_id: str, start: date, *, by_experts: bool = False) -> None:
    """Take a base through its mid-term: the report, the college, the experts where they are asked, the office."""
    town.wait_until(start + relativedelta(months=18))
    assert town.state(case_id) == "midterm"
    town.visitor("leader").decide(case_id, "progress_report", {"progress_report_file": "进展报告.pdf"})
    agree(town, case_id, "midterm_college", "head")
    if by_experts:
        judge(town, case_id, "midterm_experts", assessment())
    town.visitor("office").decide(case_id, "conclude_midterm", {"outcome": "passed", "opinion": "进展良好"})
    assert town.state(case_id) == "midterm_assessed"


def in_final(town: Town, partner: str, *, by_experts: bool = False) -> tuple[str, date]:
    """A base whose cycle is over and whose experts have judged it; with the cycle's last day."""
    start = town.today
    case_id = signed(town, partner, by_experts=by_experts)
    midterm_over(town, case_id, start, by_experts=by_experts)
    end = start + relativedelta(years=3)
    town.wait_until(end - timedelta(days=89))
    assert town.state(case_id) == "final"
    town.visitor("leader").decide(case_id, "final_report", {"final_report_file": "结项报告.pdf"})
    agree(town, case_id, "final_college", "head")
    judge(town, case_id, "final_experts", assessment())
    town.wait_until(end + timedelta(days=1))
    return case_id, end


def moved(town: Town, case_id: str, act: str, fields: dict[str, Any], *, vote: str) -> str:
    """Let the office move an outcome and the leading group carry it; return the page of the last receipt."""
    before = town.state(case_id)
    town.visitor("office").decide(case_id, act, fields)
    assert town.state(case_id) == before
    agree(town, case_id, vote, *MEMBERS)
    return town.visitor(MEMBERS[-1]).text


def criteria(*lists: str) -> dict[str, Any]:
    return {
        name: value
        for chosen in lists
        for item, entry in LISTS[chosen].items()
        if not entry.counted
        for name, value in ((f"criteria.{item}.met", "yes"), (f"criteria.{item}.note", "见结项报告"))
    }


def troubles(database: Database) -> list[object]:
    """What the verifier and the doctor find wrong: nothing, after honest work."""
    with database.reading() as session:
        return [*verify(session).findings, *examine(session)]
