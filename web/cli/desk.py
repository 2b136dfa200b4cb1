"""What every command has at hand: the configuration, the database, the reader's language."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import click
from sqlalchemy.orm import Session

from models import Database
from models.schema import upgrade
from schedules.delivery import MailServer, Robot
from schedules.delivery.robots import BadRobot, is_installed, read_robots
from web.config import Config
from web.guarding import guard
from web.words import t
from workflow import clock
from workflow.context import Actor, Context, Source
from workflow.queries.roles import roles_of


@dataclass(kw_only=True)
class Desk:
    """One run of the command line."""

    config: Config
    language: str

    @classmethod
    def from_environment(cls, language: str | None) -> Desk:
        """Read the LIANPEI_ variables; a word or number that cannot be read is wrong usage."""
        try:
            config = Config.from_environment(os.environ)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        speaks_chinese = os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("zh")
        return cls(config=config, language=language or ("zh" if speaks_chinese else "en"))

    @cached_property
    def database(self) -> Database:
        """The database, closed for writing and that said aloud where its log is not the one of the newest checkpoint outside."""
        database = Database(self.config.database_url)
        self._compare(database)
        return database

    def _compare(self, database: Database) -> None:
        found = guard(database, self.config.checkpoint_dir)
        if found is not None:
            self.warn("read_only", kind=str(found.kind), folder=str(self.config.checkpoint_dir))

    def upgrade(self) -> None:
        """Bring the schema up to date, under the role that owns it where that is another one.

        Raises ReadOnly. A database without tables could not be compared before, and is afterwards.
        """
        if self.config.owner_database_url is None:
            upgrade(self.database)
        else:
            upgrade(Database(self.config.owner_database_url), application=self.database)
        self._compare(self.database)

    @property
    def mail_server(self) -> MailServer | None:
        if self.config.mail_url is None:
            return None
        return MailServer(
            url=self.config.mail_url, sender=self.config.mail_from, base_url=self.config.base_url
        )

    @cached_property
    def robots(self) -> tuple[Robot, ...]:
        """The group robots of the configuration; an entry that cannot be used, or a missing extra, is wrong usage."""
        if not self.config.robots:
            return ()
        hosts = tuple(filter(None, re.split(r"[\s,;]+", self.config.robot_hosts)))
        try:
            with self.database.reading() as session:
                roles = roles_of(session).given
            found = read_robots(self.config.robots, roles=roles, hosts=hosts)
        except BadRobot as bad:
            raise click.UsageError(t(f"robots.{bad.code}", self.language, entry=bad.entry)) from None
        if not is_installed():
            raise click.UsageError(t("robots.extra", self.language))
        return found

    def context(self, session: Session) -> Context:
        """The command line acts as `system:cli`."""
        return Context(actor=Actor(system="cli"), at=clock.now(session), source=Source.COMMAND)

    def say(self, key: str, **params: Any) -> str:
        return t(f"cli.{key}", self.language, **params)

    def tell(self, key: str, **params: Any) -> None:
        click.echo(self.say(key, **params))

    @contextmanager
    def progress(self, key: str) -> Iterator[Callable[[int, int], None]]:
        """A bar on the error stream, moved by calls of (done, total); silent where nobody watches."""
        with click.progressbar(length=1, label=self.say(key), file=sys.stderr) as bar:

            def move(done: int, total: int) -> None:
                bar.length = max(total, 1)
                bar.update(done - bar.pos)

            yield move

    def warn(self, key: str, **params: Any) -> None:
        click.echo(self.say(key, **params), err=True)


def say(ctx: click.Context, key: str, **params: Any) -> str:
    desk = ctx.find_object(Desk)
    return t(key, desk.language if desk else "en", **params)


def as_json(value: Any) -> None:
    """Print an answer for a program to read."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
