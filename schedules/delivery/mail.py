"""A mail server: one connection for many letters, a limit on how long each may take, and what its answers mean.

Three things can happen to a letter besides going out. The server refuses it: the next one may fare better. The line breaks
while it is being handed over: nobody knows whether it went, and it is sent again under the same Message-ID. Or the
server is not there at all: that is no fault of the letter.
"""

from __future__ import annotations

import smtplib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

PATIENCE = 20.0
"""Seconds a mail server may take for one step."""
LIMIT = 60.0
"""Seconds it may take for a whole letter, the connection included; well within the lease."""
READY = 220
TRY_LATER = 421
"""The server closes the connection with this answer."""


class Unreachable(Exception):
    """The server could not be brought to take any letter."""


class Broken(Exception):
    """The connection broke while the letter was being handed over."""


class Refused(Exception):
    """The server answered that it does not take this letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail goes. `url` is `smtp://[user:password@]host[:port]` or `smtps://…`; `?starttls=yes` upgrades."""

    url: str
    sender: str
    base_url: str
    patience: float = PATIENCE
    limit: float = LIMIT

    @contextmanager
    def open(self) -> Iterator[Line]:
        """A line to the server, connected with the first letter and closed at the end."""
        line = Line(self)
        try:
            yield line
        finally:
            line.close()


class _Noting(smtplib.SMTP):
    """Notes when a letter's text is about to be handed over."""

    handed = False

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.handed = True
        return super().data(msg)


class _NotingOverTls(_Noting, smtplib.SMTP_SSL):
    """The same over TLS from the first byte."""


class Line:
    """One connection after another, for as many letters as each takes."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._smtp: _Noting | None = None
        self._was_cut = False
        """The letter in hand took too long; an answer read after that is half of one."""

    def send(self, message: EmailMessage) -> None:
        """Hand one letter over. Raises Refused, Broken or Unreachable."""
        used = self._smtp is not None
        try:
            self._send(message)
        except Broken:
            # A server may close a connection it has taken letters on; this one has seen nothing of the letter yet.
            if not used or (self._smtp is not None and self._smtp.handed):
                raise
            self.close()
            self._send(message)

    def _send(self, message: EmailMessage) -> None:
        with self._limited():
            smtp = self._connected()
            smtp.handed = False
            try:
                smtp.send_message(message)
            except smtplib.SMTPServerDisconnected as error:
                raise Broken(_said(error)) from error
            except smtplib.SMTPException as error:
                closes = self._was_cut or getattr(error, "smtp_code", None) == TRY_LATER
                raise (Broken if closes else Refused)(_said(error)) from error
            except OSError as error:
                raise Broken(_said(error)) from error
            except ValueError as error:
                raise Refused(_said(error)) from error

    def _connected(self) -> _Noting:
        if self._smtp is None:
            try:
                self._smtp = self._greeted()
            except (OSError, smtplib.SMTPException) as error:
                self.close()
                raise Unreachable(_said(error)) from error
        return self._smtp

    def _greeted(self) -> _Noting:
        parts = urlsplit(self._server.url)
        over_tls = parts.scheme == "smtps"
        smtp = (_NotingOverTls if over_tls else _Noting)(timeout=self._server.patience)
        self._smtp = smtp
        host = parts.hostname or "localhost"
        smtp._host = host  # type: ignore[attr-defined]  # smtplib names the server it checks the certificate of by this
        code, words = smtp.connect(host, parts.port or (465 if over_tls else 25))
        if code != READY:
            raise smtplib.SMTPConnectError(code, words)
        smtp.ehlo_or_helo_if_needed()
        if "starttls=yes" in parts.query:
            smtp.starttls()
        if parts.username:
            smtp.login(unquote(parts.username), unquote(parts.password or ""))
        return smtp

    @contextmanager
    def _limited(self) -> Iterator[None]:
        """Break the connection when a letter takes too long, however busy the server keeps the line."""
        self._was_cut = False
        watch = threading.Timer(self._server.limit, self._cut)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def _cut(self) -> None:
        self._was_cut = True
        sock = self._smtp.sock if self._smtp is not None else None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Say goodbye where somebody listens."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            with suppress(OSError, smtplib.SMTPException):
                if smtp.sock is not None:
                    smtp.sock.settimeout(min(2.0, self._server.patience))
                    smtp.quit()
            smtp.close()


def _said(error: Exception) -> str:
    """A failure in the server's own words, where it said any."""
    name = type(error).__name__
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, words = next(iter(error.recipients.values()))
        return f"{name}: {code} {words.decode(errors='replace')}"
    if isinstance(error, smtplib.SMTPResponseException):
        answer: Any = error.smtp_error
        text = answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)
        return f"{name}: {error.smtp_code} {text}"
    return f"{name}: {error}"
