"""The demonstration has somebody for every step of the routes, and something under way at every one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select

from models import (
    Account,
    AgendaItem,
    Attendance,
    Ballot,
    Case,
    Database,
    Grant,
    Installation,
    Meeting,
    Person,
    Round,
    Seat,
)
from models.schema import upgrade
from tests.university import ROUTED_FILE
from web.app import create_app
from web.config import Config, Environment
from web.demo.loading import ACCOUNTS, load_demonstration
from workflow import clock
from workflow.definition import load_file
from workflow.operations.meetings import open_votes
from workflow.periods import beijing_day
from workflow.queries import rights_of, visible_to

BASE = load_file(ROUTED_FILE)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('demonstration') / 'town.sqlite3'}")
    upgrade(database)
    load_demonstration(database)
    yield database
    database.dispose()


def open_steps(database: Database) -> Counter[tuple[str, str]]:
    """State and step of every case with an open round."""
    with database.reading() as session:
        rows = session.execute(
            select(Case.state, Round.step)
            .join(Round, Round.case_id == Case.id)
            .where(Round.closed_seq.is_(None), Round.voided_seq.is_(None), Round.stay == Case.stay)
        )
        return Counter((state, step) for state, step in rows)


def test_proposal_waits_at_every_step_of_its_route(town: Database) -> None:
    waiting = {step for state, step in open_steps(town) if state == "proposed"}

    assert waiting == {step.name for step in BASE.routes["proposed"].steps} - {"publicity"}  # which is off


def test_each_assessment_has_a_base_on_its_route(town: Database) -> None:
    at = open_steps(town)

    assert (at["midterm", "midterm_college"], at["final", "final_experts"]) == (1, 1)


def test_panels_are_at_work(town: Database) -> None:
    with town.reading() as session:
        rows = session.execute(
            select(Round.step, func.count(Seat.person_id.distinct()), func.count(Ballot.person_id.distinct()))
            .join(Seat, Seat.round_id == Round.id)
            .outerjoin(Ballot, Ballot.round_id == Round.id)
            .where(Round.closed_seq.is_(None))
            .group_by(Round.id)
            .order_by(Round.step)
        ).all()

    assert [tuple(row) for row in rows] == [("expert_review", 5, 2), ("final_experts", 5, 2)]


def test_meeting_is_convened_over_the_open_votes(town: Database) -> None:
    with town.reading() as session:
        meeting = session.scalars(select(Meeting)).one()
        agenda = session.scalars(select(AgendaItem.case_id).where(AgendaItem.meeting_id == meeting.id)).all()
        present = session.scalars(select(Attendance.person_id).where(Attendance.present)).all()
        votes = open_votes(session)

    assert (meeting.status, len(agenda), set(agenda)) == ("open", 2, set(votes))
    assert len(present) == 5


def test_roles_of_the_routes_are_held_by_enough_people(town: Database) -> None:
    with town.reading() as session:
        held = Counter(session.scalars(select(Grant.role)))
        outside = session.scalar(
            select(func.count()).select_from(Grant).join(Person, Person.id == Grant.person_id)
            .where(Grant.role == "expert", Person.external)
        )  # fmt: skip

    asked = {name for route in BASE.routes.values() for step in route.steps for name in step.by}
    assert asked - held.keys() == set()
    assert (held["leading_group"] >= 5, held["expert"] >= 7, held["base_office"] >= 2) == (True, True, True)
    assert outside == 3


def test_every_account_of_the_login_page_opens_the_door(town: Database) -> None:
    with town.reading() as session:
        shown = {row["login"]: row["password"] for row in session.get_one(Installation, ACCOUNTS).value}
        accounts = session.execute(select(Account.login, Account.password_hash)).all()

    assert {login for login, _ in accounts} == shown.keys()
    assert all(PasswordHasher().verify(secret, shown[login]) for login, secret in accounts[:3])


@pytest.mark.parametrize("login", ["office", "head", "expert1"])
def test_every_case_has_its_page_for_whoever_may_see_it(town: Database, login: str) -> None:
    config = Config(environment=Environment.DEMONSTRATION, database_url="sqlite://")
    browser = create_app(config, database=town).test_client()
    with town.reading() as session:
        account = session.scalars(select(Account).where(Account.login == login)).one()
        rights = rights_of(session, account.person_id, today=beijing_day(clock.now(session)))
        cases = session.scalars(select(Case.id).where(visible_to(rights))).all()
    with browser.session_transaction() as cookie:
        cookie["_user_id"] = f"{account.id}:{account.epoch}"

    answers = Counter(browser.get(f"/bases/{case_id}").status_code for case_id in cases)

    assert set(answers) == {200}
