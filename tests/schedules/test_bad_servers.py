"""Whatever a mail server does, nothing is lost, nothing hangs, and a second copy bears the first one's Message-ID."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import delete

from models import Database, Notice
from schedules.delivery import LEASE, PARK_AFTER, MailPost, MailServer, deliver
from tests.conftest import Templates
from tests.schedules.post import DRIP, DROP, HANG, BadServer, listening, mails, queue, waited
from tests.university import University

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
LATER = timedelta(minutes=10)
WITHIN = 5.0
"""Seconds any round ends in, however the server behaves; its patience is 0.4, its limit 0.8."""


@pytest.fixture(scope="module")
def founded(templates: Templates) -> Iterator[University]:
    url = templates.copy("sqlite")
    database = Database(url)
    yield University.founded(database)
    database.dispose()
    templates.drop(url)


@pytest.fixture
def here(founded: University) -> Iterator[University]:
    """People and an empty outbox; what a server does is no matter of the database."""
    with founded.database.transaction() as session:
        session.execute(delete(Notice))
    with time_machine.travel(NOW, tick=True):
        yield founded


def never() -> bool:
    return False


def again(here: University, server: MailServer, after: timedelta = LATER) -> None:
    """A round of a process started later, when every pause is over."""
    with time_machine.travel(NOW + after, tick=True):
        deliver(here.database, server, stop=never)


@pytest.mark.parametrize(
    ("stage", "does", "is_counted"),
    [
        ("banner", HANG, False),
        ("banner", DROP, False),
        ("banner", DRIP, False),
        ("banner", "554 go away", False),
        ("ehlo", DROP, False),
        ("mail", DROP, True),
        ("mail", DRIP, True),
        ("rcpt", HANG, True),
        ("data", DROP, True),
        ("text", DROP, True),
        ("text", HANG, True),
        ("mail", "421 closing", True),
    ],
)
def test_connection_that_fails_ends_the_round_and_loses_nothing(
    here: University, stage: str, does: str, is_counted: bool
) -> None:
    queue(here, "leader", "test")
    queue(here, "head", "test")
    bad, good = BadServer(answers={stage: does}), BadServer()

    with listening(bad) as server:
        since = time.monotonic()
        delivered = deliver(here.database, server, stop=never)
        took = waited(since)
    with listening(good) as server:
        again(here, server)

    assert (delivered.sent, delivered.failed, bad.connections) == (0, 1, 1)
    assert took < WITHIN
    assert sorted(m["To"] for m in good.received) == ["head@example.org", "leader@example.org"]
    assert all(row.sent_at for row in mails(here))
    assert sorted(row.attempts for row in mails(here)) == [0, int(is_counted)]


def test_letter_taken_but_not_acknowledged_comes_twice_under_one_message_id(here: University) -> None:
    queue(here, "leader", "test")
    bad, good = BadServer(answers={"text": DROP}), BadServer()

    with listening(bad) as server:
        deliver(here.database, server, stop=never)
    with listening(good) as server:
        again(here, server)
        again(here, server, 2 * LATER)

    assert [len(bad.received), len(good.received)] == [1, 1]
    assert bad.received[0]["Message-ID"] == good.received[0]["Message-ID"]
    assert bad.received[0]["Date"] == good.received[0]["Date"]


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "text"])
@pytest.mark.parametrize("code", ["451 later", "550 never"])
def test_refusal_of_one_letter_leaves_the_others_their_way(here: University, stage: str, code: str) -> None:
    """One recipient's dead domain holds up nobody, and one connection carries them all."""
    for who in ("leader", "head", "office"):
        queue(here, who, "test")
    letters = iter((None, code, None))
    current: list[str | None] = []

    def choose(_: BadServer) -> str | None:
        if stage == "mail" or not current:
            current.append(next(letters))
        return current[-1]

    def pick(server: BadServer) -> str | None:
        return code if server.address == "head@example.org" else None

    answers: dict[str, Any] = {stage: choose if stage == "mail" else pick}
    picky = BadServer(answers=answers)

    with listening(picky) as server:
        delivered = deliver(here.database, server, stop=never)

    assert (delivered.sent, delivered.failed, picky.connections) == (2, 1, 1)
    failed = [row for row in mails(here) if row.sent_at is None]
    assert [code in (row.failure or "") for row in failed] == [True]
    assert failed[0].attempts == 1


def test_server_that_closes_after_each_letter_gets_them_all(here: University) -> None:
    """What a server closes between two letters costs neither of them an attempt."""
    for who in ("leader", "head", "office"):
        queue(here, who, "test")
    mail_commands: list[int] = []

    def once_per_connection(server: BadServer) -> str | None:
        mail_commands.append(server.connections)
        return DROP if mail_commands.count(server.connections) > 1 else None

    closing = BadServer(answers={"mail": once_per_connection})

    with listening(closing) as server:
        delivered = deliver(here.database, server, stop=never)

    assert (delivered.sent, delivered.failed, closing.connections) == (3, 0, 3)
    assert {row.attempts for row in mails(here)} == {0}


def test_server_that_is_away_is_left_alone_and_costs_no_letter_an_attempt(here: University) -> None:
    queue(here, "leader", "test")
    away = BadServer(answers={"banner": DROP})

    with listening(away) as server:
        post = MailPost(database=here.database, server=server)
        first = post.round(stop=never)
        second = post.round(stop=never)

    assert (first.failed, second.failed, away.connections) == (1, 0, 1)
    (row,) = mails(here)
    assert (row.attempts, row.parked_at) == (0, None)
    assert "SMTPServerDisconnected" in (row.failure or "")


def test_letter_refused_again_and_again_is_parked(here: University) -> None:
    queue(here, "leader", "test")
    refusing = BadServer(answers={"rcpt": "550 unknown"})

    with listening(refusing) as server:
        for round_ in range(PARK_AFTER + 1):
            again(here, server, timedelta(hours=3 * (round_ + 1)))

    (row,) = mails(here)
    assert (row.attempts, row.next_try_at, row.sent_at) == (PARK_AFTER, None, None)
    assert row.parked_at is not None
    assert row.failure == "SMTPRecipientsRefused: 550 unknown"


def test_letter_that_cannot_be_written_stops_no_other(here: University) -> None:
    queue(here, "leader", "reminder", day="2026-05-01")  # no case to speak of
    queue(here, "head", "test")
    good = BadServer()

    with listening(good) as server:
        deliver(here.database, server, stop=never)

    assert [m["To"] for m in good.received] == ["head@example.org"]
    assert "KeyError" in (mails(here, "leader")[0].failure or "")


# ───────────────────────────── A process that dies

DELIVER = """
import sys
from models import Database
from schedules.delivery import MailServer, deliver

if __name__ == "__main__":
    url, mail = sys.argv[1:]
    server = MailServer(url=mail, sender="office@example.org", base_url="http://base.example.org")
    deliver(Database(url), server, stop=lambda: False)
"""


def test_process_killed_between_handing_over_and_marking_sends_one_second_copy(
    database: Database, database_url: str
) -> None:
    here = University.founded(database)
    queue(here, "leader", "test")
    queue(here, "head", "test")
    running: list[subprocess.Popen[bytes]] = []

    def kill(_: BadServer) -> None:
        running[0].kill()
        running[0].wait(10)

    deadly, good = BadServer(answers={"text": kill}), BadServer()

    with listening(deadly) as server:
        running.append(subprocess.Popen([sys.executable, "-c", DELIVER, database_url, server.url]))
        running[0].wait(30)
    with listening(good) as server:
        deliver(database, server, stop=never)
        with time_machine.travel(datetime.now(UTC) + LEASE + timedelta(seconds=1), tick=True):
            deliver(database, server, stop=never)
            deliver(database, server, stop=never)

    twice = [m["Message-ID"] for m in deadly.received]
    assert running[0].returncode == -signal.SIGKILL
    assert len(twice) == 1
    assert sorted(m["To"] for m in good.received) == ["head@example.org", "leader@example.org"]
    assert [m["Message-ID"] for m in good.received].count(twice[0]) == 1
