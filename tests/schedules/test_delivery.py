"""Mail leaves at least once, under one Message-ID, and a refusing server loses nothing. The SMTP server is a real one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
import time_machine
from aiosmtpd.controller import Controller
from sqlalchemy import select

from models import Database, Notice
from schedules.delivery import PARK_AFTER, MailServer, deliver
from tests.university import University

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)


@dataclass
class Postbox:
    """Takes what is sent to it, or refuses as told."""

    received: list[EmailMessage] = field(default_factory=list)
    refusing: bool = False

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 (the name aiosmtpd calls)
        if self.refusing:
            return "451 try again later"
        self.received.append(message_from_bytes(envelope.content, _class=EmailMessage, policy=policy.default))
        return "250 OK"


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, MailServer]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    box = Postbox()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield (
        box,
        MailServer(
            url=f"smtp://127.0.0.1:{port}", sender="office@example.org", base_url="http://base.example.org"
        ),
    )
    controller.stop()


@pytest.fixture
def university(database: Database) -> Iterator[University]:
    with time_machine.travel(NOW, tick=True):
        yield University.founded(database)


def body(message: EmailMessage, kind: str = "plain") -> str:
    """The text of a mail, or its HTML."""
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def never() -> bool:
    return False


def test_approval_is_told_by_mail(university: University, postbox: tuple[Postbox, MailServer]) -> None:
    box, server = postbox
    case_id = university.approved()

    delivered = deliver(university.database, server, stop=never)

    told = {message["To"] for message in box.received}
    text = next(m for m in box.received if m["To"] == "leader@example.org" and "批准立项" in m["Subject"])
    assert delivered.sent == len(box.received)
    assert {"leader@example.org", "head@example.org", "office@example.org"} <= told
    assert f"http://base.example.org/bases/{case_id}" in body(text)
    assert "〔办法第五条、第七条〕" in body(text)


def test_link_of_a_mail_promises_no_task_and_stands_apart_from_the_sender(
    university: University, postbox: tuple[Postbox, MailServer]
) -> None:
    box, server = postbox
    case_id = university.approved()

    deliver(university.database, server, stop=never)

    message = next(m for m in box.received if m["To"] == "leader@example.org" and "批准立项" in m["Subject"])
    lines = body(message).splitlines()
    link = next(number for number, line in enumerate(lines) if case_id in line)
    assert lines[link].startswith("查看或办理（打开链接不会直接提交）：http")
    assert lines[link + 1 : link + 3] == ["", "联培基地办公室（系统自动发送，请勿直接回复）"]


def test_second_round_sends_nothing_again(
    university: University, postbox: tuple[Postbox, MailServer]
) -> None:
    box, server = postbox
    university.approved()
    deliver(university.database, server, stop=never)
    sent = len(box.received)

    again = deliver(university.database, server, stop=never)

    assert (again.sent, len(box.received)) == (0, sent)


def test_message_id_follows_from_the_notice(
    university: University, postbox: tuple[Postbox, MailServer]
) -> None:
    """A process that dies between sending and marking sends a second copy under the same Message-ID."""
    box, server = postbox
    university.approved()
    deliver(university.database, server, stop=never)
    with university.database.transaction() as session:
        for notice in session.scalars(select(Notice).where(Notice.channel == "mail")):
            notice.next_try_at, notice.sent_at = NOW, None

    deliver(university.database, server, stop=never)

    ids = [message["Message-ID"] for message in box.received]
    assert len(ids) == 2 * len(set(ids))


def test_refused_mail_waits_longer_each_time_and_is_parked(
    university: University, postbox: tuple[Postbox, MailServer]
) -> None:
    box, server = postbox
    box.refusing = True
    university.approved()

    for hours in range(PARK_AFTER):
        with time_machine.travel(NOW + timedelta(hours=3 * (hours + 1)), tick=True):
            deliver(university.database, server, stop=never)

    with university.database.reading() as session:
        rows = session.execute(
            select(Notice.attempts, Notice.parked_at.is_not(None), Notice.sent_at).where(
                Notice.channel == "mail"
            )
        ).all()
    assert {tuple(row) for row in rows} == {(PARK_AFTER, True, None)}


def test_reminder_says_by_when_and_what(university: University, postbox: tuple[Postbox, MailServer]) -> None:
    box, server = postbox
    university.signed()
    university.sweep(datetime(2027, 9, 9, 16, 0, tzinfo=UTC))
    deliver(university.database, server, stop=never)
    university.sweep(datetime(2027, 10, 11, 0, 0, tzinfo=UTC))

    with time_machine.travel(datetime(2027, 10, 11, 0, 0, tzinfo=UTC), tick=True):
        deliver(university.database, server, stop=never)

    told = "还剩29天：请于2027年11月9日前办理进展报告（水城人民医院研究生联合培养基地）"
    assert told in body([m for m in box.received if m["To"] == "leader@example.org"][-1])
