"""Take checkpoints out of the house: into a folder, to the auditors' mailbox, to a command of the administrator's choice.

Each place has a job and a row of its own, so one that hangs or fails holds no other.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial
from pathlib import Path
from typing import Protocol

from models import Database
from schedules.delivery.mail import Broken, MailServer, Refused, Unreachable
from workflow.clock import machine_time
from workflow.messages import checkpoint_letter
from workflow.operations.outside import Parcel, delivered, is_waiting, lease, not_delivered

COMMAND_SECONDS = 30.0

MISSED = 100
"""So many of the latest checkpoints it missed are brought to a place; to a folder, which costs nobody's patience, far more."""


class NotTaken(Exception):
    """A place did not take the checkpoint; the message says why."""


class Place(Protocol):
    """Somewhere outside the database."""

    @property
    def name(self) -> str: ...

    @property
    def at_once(self) -> int:
        """How many checkpoints it takes at once."""

    @property
    def missed(self) -> int:
        """How many of those it missed it is brought."""

    def take(self, parcels: Sequence[Parcel]) -> None:
        """Keep the checkpoints, the smallest first; the same ones may come twice. Raises NotTaken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPlace:
    """A directory, best on another machine: one file for each checkpoint."""

    folder: Path
    name: str = "directory"
    at_once: int = MISSED
    missed: int = 100 * MISSED

    def take(self, parcels: Sequence[Parcel]) -> None:
        for parcel in parcels:
            self._keep(parcel)

    def _keep(self, parcel: Parcel) -> None:
        target = self.folder / file_name(parcel.size)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if target.exists():
                _same(target, parcel.note)
                return
            unfinished = target.with_name(f".{target.name}.{os.getpid()}")
            with unfinished.open("w", encoding="utf-8") as file:
                file.write(parcel.note)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(target)
        except OSError as error:
            raise NotTaken(f"{type(error).__name__}: {error.strerror}") from error


def _same(target: Path, note: str) -> None:
    if target.read_text(encoding="utf-8") != note:
        raise NotTaken(f"{target.name}: another checkpoint of this size is there already")


def file_name(size: int) -> str:
    """What the checkpoint of a size is called in a directory."""
    return f"checkpoint-{size:012d}.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPlace:
    """The auditors' mailbox."""

    server: MailServer
    address: str
    name: str = "mail"
    at_once: int = MISSED
    missed: int = MISSED

    def take(self, parcels: Sequence[Parcel]) -> None:
        try:
            with self.server.open() as line:
                line.send(self._letter(parcels))
        except (Refused, Broken, Unreachable) as error:
            raise NotTaken(f"{type(error).__name__}: {error}") from error

    def _letter(self, parcels: Sequence[Parcel]) -> EmailMessage:
        """One letter, with a file for each checkpoint."""
        subject, text = checkpoint_letter([parcel.size for parcel in parcels])
        letter = EmailMessage(policy=SMTP)
        letter["From"], letter["To"], letter["Subject"] = self.server.sender, self.address, subject
        digest = hashlib.sha256("".join(parcel.note for parcel in parcels).encode()).hexdigest()[:32]
        letter["Message-ID"] = f"<checkpoint-{digest}@{self.server.sender.rpartition('@')[2] or 'localhost'}>"
        letter.set_content(text)
        for parcel in parcels:
            letter.add_attachment(
                parcel.note.encode(),
                "text",
                "plain",
                filename=file_name(parcel.size),
                params={"charset": "utf-8"},
            )
        return letter


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPlace:
    """A command that gets a checkpoint on its standard input, run for each without a shell and for a limited time."""

    words: Sequence[str]
    seconds: float = COMMAND_SECONDS
    name: str = "command"
    at_once: int = 1
    missed: int = MISSED

    @classmethod
    def read(cls, text: str) -> CommandPlace:
        """Read a command line. Raises ValueError for one that cannot be read."""
        words = shlex.split(text)
        if not words:
            raise ValueError("LIANPEI_CHECKPOINT_COMMAND names no command")
        return cls(words=words)

    def take(self, parcels: Sequence[Parcel]) -> None:
        for parcel in parcels:
            self._run(parcel)

    def _run(self, parcel: Parcel) -> None:
        try:
            running = subprocess.Popen(
                self.words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise NotTaken(f"{self.words[0]}: {error.strerror}") from error
        try:
            _, said = running.communicate(parcel.note.encode(), timeout=self.seconds)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate()
            raise NotTaken(f"{self.words[0]}: no answer within {self.seconds:g} s") from None
        if running.returncode:
            raise NotTaken(
                f"{self.words[0]}: exit status {running.returncode}: {said.decode(errors='replace')[-300:]}"
            )


def take_out(database: Database, place: Place) -> int:
    """Take to a place the checkpoints it has not got; return how many it took. A failure is tried again later."""
    count = 0
    while count < place.missed and (taken := _take_next(database, place)):
        count += taken
    return count


def _take_next(database: Database, place: Place) -> int:
    """Take out what the place takes at once; 0 when there is nothing, somebody else is at it, or it failed."""
    with database.reading() as session:
        if not is_waiting(session, place.name, at=machine_time()):
            return 0
    parcels = database.run(
        partial(lease, place=place.name, at_once=place.at_once, missed=place.missed, at=machine_time())
    )
    if not parcels:
        return 0
    try:
        place.take(parcels)
    except NotTaken as failure:
        database.run(partial(not_delivered, place=place.name, failure=str(failure), at=machine_time()))
        return 0
    database.run(partial(delivered, place=place.name, size=parcels[-1].size, at=machine_time()))
    return len(parcels)
