"""`lianpei notify test` says whether what is configured reaches anybody; addresses that could smuggle a header stop at the door."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from models import Database, Person
from tests.schedules.post import BadServer, listening
from tests.schedules.test_delivery import body
from tests.web.conftest import text_of
from tests.web.signing_in import site_over
from web.cli import main

SMUGGLING = (
    "a@example.org\nBcc: b@example.org",
    "a@example.org\r\nX: y",
    "a b@example.org",
    "a@example.org,b@c.org",
)


@pytest.fixture(autouse=True)
def only_ours() -> None:
    """All places of the site are in."""


def run(database: Database, *words: str, **environ: str) -> Result:
    url = database.url.render_as_string(hide_password=False)
    known = {"LIANPEI_DATABASE_URL": url, "LIANPEI_LANG": "en", "LIANPEI_MAIL_FROM": "office@example.org"}
    return CliRunner().invoke(main, list(words), env={**known, **environ})


def test_test_message_goes_out_at_once(sqlite_database: Database) -> None:
    box = BadServer()

    with listening(box) as server:
        done = run(sqlite_database, "notify", "test", "--to", "a@example.org", LIANPEI_MAIL_URL=server.url)

    assert (done.exit_code, [m["To"] for m in box.received]) == (0, ["a@example.org"])
    assert "settings for notices work" in body(box.received[0])


def test_refused_test_message_says_why(sqlite_database: Database) -> None:
    with listening(BadServer(answers={"rcpt": "550 no such user"})) as server:
        done = run(sqlite_database, "notify", "test", "--to", "a@example.org", LIANPEI_MAIL_URL=server.url)

    assert done.exit_code == 1
    assert "550 no such user" in done.output


@pytest.mark.parametrize("to", [*SMUGGLING, "nobody"])
def test_what_is_no_recipient_is_wrong_usage(sqlite_database: Database, to: str) -> None:
    with listening(BadServer()) as server:
        done = run(sqlite_database, "notify", "test", "--to", to, LIANPEI_MAIL_URL=server.url)

    assert done.exit_code == 2
    assert "--to" in done.output


def test_without_a_server_the_variable_is_named(sqlite_database: Database) -> None:
    done = run(sqlite_database, "notify", "test", "--to", "a@example.org", LIANPEI_MAIL_URL="")

    assert done.exit_code == 2
    assert "LIANPEI_MAIL_URL" in done.output


@pytest.mark.parametrize("address", SMUGGLING)
def test_person_is_not_added_from_the_command_line_with_such_an_address(
    sqlite_database: Database, address: str
) -> None:
    done = run(sqlite_database, "user", "add", "x", "--name", "X", "--staff-number", "1", "--email", address)

    with sqlite_database.reading() as session:
        people = session.scalars(select(Person.id)).all()
    assert done.exit_code == 1
    assert "mail address" in done.output.lower()
    assert people == []


@pytest.mark.parametrize("address", SMUGGLING)
def test_person_is_not_added_on_the_page_with_such_an_address(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    site = site_over(sqlite_database, monkeypatch)
    page = "/admin/people/new"
    typed = {
        "name": "新人", "staff_number": "90001", "external": "no", "email": address, "phone": "", "language": "zh",
        "reason": "asked for",
    }  # fmt: skip

    answer = site.browser("office").send(page, typed, form=page)

    assert answer.status_code == 422
    assert "邮箱" in text_of(answer)
    with site.database.reading() as session:
        assert session.scalar(select(Person.id).where(Person.staff_number == "90001")) is None
