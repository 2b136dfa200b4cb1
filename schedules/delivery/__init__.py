"""Send what waits in the outbox, at least once, each letter under a stable Message-ID.

Notices are sorted into letters (`sorting`), leased and put into words (`letters`), written as mails (`writing`) and handed
to a server (`mail`). Each channel has a post of its own, so that one that hangs holds up no other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from models import Database
from schedules.delivery.letters import LEASE, PARK_AFTER, Leased, lease, read, record_failure, record_sent
from schedules.delivery.mail import Broken, Line, MailServer, Refused, Unreachable
from schedules.delivery.sorting import sort_mail
from schedules.delivery.writing import envelope

__all__ = ["LEASE", "PARK_AFTER", "Delivered", "MailPost", "MailServer", "deliver"]

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
    """The way to one mail server, and how long it is left alone after it could not be reached."""

    database: Database
    server: MailServer | None
    _failures: int = field(default=0, init=False)
    _rests_until: float = field(default=0.0, init=False)

    def round(self, *, stop: Callable[[], bool]) -> Delivered:
        """Sort what waits, then send letter after letter over one connection; one that breaks ends the round."""
        sent = failed = 0
        if self.server is None or time.monotonic() < self._rests_until:
            return Delivered()
        sort_mail(self.database, stop=stop)
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
