"""A small post office for tests: notices of any kind queued for anybody, and mail servers that misbehave as told."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from sqlalchemy import insert, select

from models import Notice, new_key
from schedules.delivery import MailServer
from tests.university import University
from workflow.plan import notice

STAGES = ("banner", "ehlo", "mail", "rcpt", "data", "text")


def queue(
    here: University,
    who: str,
    *templates: str,
    case_id: str | None = None,
    at: datetime | None = None,
    key: str | None = None,
    **params: Any,
) -> list[str]:
    """Put notices into the outbox for one person, as acts do; return the identifiers of the mails."""
    queued_at = at or here.at
    found = []
    with here.database.transaction() as session:
        for template in templates:
            rows = notice(
                case_id or "",
                here.people[who],
                key=key or new_key(),
                template=template,
                at=queued_at,
                params=params,
            )
            for change in rows:
                values = {**change.values, "case_id": case_id}
                session.execute(insert(Notice).values(**values))
                found += [values["id"]] if values["channel"] == "mail" else []
    return found


def mails(here: University, who: str | None = None) -> list[Notice]:
    """The mails of the outbox, of one person or of everybody."""
    with here.database.reading() as session:
        wanted = select(Notice).where(Notice.channel == "mail").order_by(Notice.id)
        if who is not None:
            wanted = wanted.where(Notice.person_id == here.people[who])
        return list(session.scalars(wanted))


# ───────────────────────────── Servers that misbehave

DROP = "drop"
"""Close the connection instead of answering."""
HANG = "hang"
"""Say nothing until the test is over."""
DRIP = "drip"
"""Answer byte by byte, each well within a client's patience, and never come to an end."""


@dataclass
class BadServer:
    """Speaks SMTP, except where `answers` says otherwise: stage → what to do instead, asked anew for every letter."""

    answers: Mapping[str, str | Callable[[BadServer], str | None]] = field(default_factory=dict)
    received: list[EmailMessage] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    address: str = ""
    """The recipient of the letter in hand."""

    def at(self, stage: str) -> str | None:
        answer = self.answers.get(stage)
        return answer(self) if callable(answer) else answer

    def serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rb") as lines:
            if not self._answer(connection, "banner", "220 ready"):
                return
            for raw in lines:
                line = raw.decode().strip()
                verb = line[:4].lower()
                if verb == "rcpt":
                    self.address = line.partition("<")[2].rstrip(">")
                usual = {"ehlo": "250 hello", "mail": "250 ok", "rcpt": "250 ok", "data": "354 go on"}
                if verb == "quit":
                    connection.sendall(b"221 bye\r\n")
                    return
                if not self._answer(connection, verb, usual.get(verb, "250 ok")):
                    return
                if verb == "data" and self.at("data") is None and not self._take(connection, lines):
                    return

    def _take(self, connection: socket.socket, lines: Any) -> bool:
        text = []
        for raw in lines:
            if raw == b".\r\n":
                break
            text.append(raw.removeprefix(b"."))
        else:
            return False
        self.received.append(message_from_bytes(b"".join(text), _class=EmailMessage, policy=policy.default))
        return self._answer(connection, "text", "250 taken")

    def _answer(self, connection: socket.socket, stage: str, usual: str) -> bool:
        answer = self.at(stage) or usual
        if answer == DROP:
            return False
        if answer == HANG:
            self.over.wait(20)
            return False
        if answer == DRIP:
            while not self.over.wait(0.05):
                connection.sendall(b"2")
            return False
        connection.sendall(answer.encode() + b"\r\n")
        return True


@contextmanager
def listening(server: BadServer) -> Iterator[MailServer]:
    """The server on a port of the loopback, and how to reach it; impatient, so that a test need not be patient."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    server.connections += 1
                    threading.Thread(target=server.serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield MailServer(
                url=f"smtp://127.0.0.1:{server.port}",
                sender="office@example.org",
                base_url="http://base.example.org",
                patience=0.4,
                limit=0.8,
            )
        finally:
            server.over.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def waited(since: float) -> float:
    return time.monotonic() - since
