"""Send what waits in the outbox, at least once, each letter under a stable Message-ID.

Notices are sorted into letters (`sorting`), leased and put into words (`letters`), written as mails (`writing`) and handed
to a server (`mail`). Each channel has a post of its own, so that one that hangs holds up no other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from models import Database, Notice
from schedules.delivery.letters import (
    LEASE,
    PARK_AFTER,
    Leased,
    lease,
    part_of,
    read,
    record_failure,
    record_sent,
)
from schedules.delivery.mail import Broken, Line, MailServer, Refused, Unreachable
from schedules.delivery.robots import NotPosted, Robot, post
from schedules.delivery.sorting import sort_mail
from schedules.delivery.writing import envelope
from workflow import clock

__all__ = [
    "LEASE",
    "PARK_AFTER",
    "Delivered",
    "MailPost",
    "MailServer",
    "Robot",
    "RobotPost",
    "deliver",
    "posts",
]

log = logging.getLogger(__name__)

FIRST_REST = 10.0
LONGEST_REST = 600.0
"""Seconds a server is left alone after it could not be reached, longer each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What one round of delivery did, in letters."""

    sent: int = 0
    failed: int = 0


def deliver(database: Database, server: MailServer | None, *, stop: Callable[[], bool]) -> Delivered:
    """Send every mail that may go out now, until none is left or `stop` says so. Without a server nothing is tried."""
    return MailPost(database=database, server=server).round(stop=stop)


@dataclass(slots=True, kw_only=True)
class MailPost:
    """The way to one mail server, and how long it is left alone after it could not be reached.

    It also sorts what waits, for the robots as well.
    """

    database: Database
    server: MailServer | None
    robots: Sequence[Robot] = ()
    _failures: int = field(default=0, init=False)
    _rests_until: float = field(default=0.0, init=False)

    def round(self, *, stop: Callable[[], bool]) -> Delivered:
        """Sort what waits, then send letter after letter over one connection; one that breaks ends the round."""
        sent = failed = 0
        if self.server is not None or self.robots:
            sort_mail(self.database, robots=self.robots, stop=stop)
        if self.server is None or time.monotonic() < self._rests_until:
            return Delivered()
        with self.server.open() as line:
            while not stop():
                leased = lease(self.database)
                if leased is None:
                    break
                try:
                    is_sent = self._send(leased, self.server, line)
                except (Broken, Unreachable) as failure:
                    failed += 1
                    self._rest(leased, failure)
                    break
                sent, failed = sent + is_sent, failed + (not is_sent)
                self._failures = 0
        return Delivered(sent=sent, failed=failed)

    def _send(self, leased: Leased, server: MailServer, line: Line) -> bool:
        """Send one letter; say whether it went. What fails for this letter alone does not stop the others."""
        try:
            letter = read(self.database, leased, base_url=server.base_url)
            line.send(envelope(letter, sender=server.sender, base_url=server.base_url))
        except (Broken, Unreachable):
            raise
        except Refused as refusal:
            self._failed(leased, str(refusal), counts=True)
            return False
        except Exception as error:
            log.exception("letter %s could not be written", leased.letter_id)
            self._failed(leased, f"{type(error).__name__}: {error}", counts=True)
            return False
        record_sent(self.database, leased.notices)
        return True

    def _rest(self, leased: Leased, failure: Exception) -> None:
        self._failed(leased, str(failure), counts=isinstance(failure, Broken))
        self._rests_until = time.monotonic() + min(FIRST_REST * 2**self._failures, LONGEST_REST)
        self._failures += 1

    def _failed(self, leased: Leased, failure: str, *, counts: bool) -> None:
        log.warning("letter %s was not delivered: %s", leased.letter_id, failure)
        record_failure(self.database, leased.notices, failure, counts=counts)


MOST_POSTS = 3
"""Posts of one robot in one round: the services take about twenty a minute."""

ROBOT_LANGUAGE = "zh"


@dataclass(slots=True, kw_only=True)
class RobotPost:
    """The way to one robot."""

    database: Database
    robot: Robot
    base_url: str

    def round(self, *, stop: Callable[[], bool]) -> Delivered:
        """Post what waits, a few at a time; one that fails ends the round."""
        sent = 0
        while not stop() and sent < MOST_POSTS:
            leased = lease(self.database, channel=self.robot.channel)
            if leased is None:
                break
            try:
                post(self.robot, **self._message(leased))
            except Exception as error:
                failure = str(error) if isinstance(error, NotPosted) else type(error).__name__
                log.warning("robot %s did not take notice %s: %s", self.robot.name, leased.letter_id, failure)
                record_failure(self.database, leased.notices, failure, counts=True)
                return Delivered(sent=sent, failed=1)
            record_sent(self.database, leased.notices)
            sent += 1
        return Delivered(sent=sent)

    def _message(self, leased: Leased) -> dict[str, str]:
        """What a group reads: the matter and where it is, nobody greeted by name and no link of anybody's own."""
        with self.database.reading() as session:
            row = session.get_one(Notice, leased.letter_id)
            part = part_of(
                session, row, name="", language=ROBOT_LANGUAGE, base_url=self.base_url, now=clock.now(session)
            )
        body = part.message.body
        return {"title": part.message.subject, "text": "\n".join((*body.middle, body.closing[0]))}


def posts(
    database: Database, server: MailServer | None, robots: Sequence[Robot], *, base_url: str
) -> tuple[MailPost | RobotPost, ...]:
    """Every channel's post, each to be worked by itself."""
    return (
        MailPost(database=database, server=server, robots=robots),
        *(RobotPost(database=database, robot=robot, base_url=base_url) for robot in robots),
    )
