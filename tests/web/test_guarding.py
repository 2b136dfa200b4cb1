"""Over a log that is not the one outside every command that writes refuses, and those that read go on and say so."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import waitress
from flask import Flask
from sqlalchemy import inspect, select

from models import Base, Database
from models.schema import copy
from schedules.outside import FolderPlace, file_name, take_out
from tests.conftest import KINDS, Templates
from tests.university import ROUTED_FILE
from tests.web.test_cli import SAMPLE, Shell
from tests.workflow.sealed import CTX, SealedLog
from web.cli import main
from workflow.operations.keys import make_key
from workflow.operations.sealing import seal

Command = tuple[str, ...]
ENGLISH = {"Accept-Language": "en"}

WRITING: Mapping[Command, Command] = {
    ("scheduler",): (),
    ("sweep",): (),
    ("db", "upgrade"): (),
    ("db", "copy"): ("--to", "sqlite:///{folder}/new_house.sqlite3"),
    ("user", "add"): ("li", "--name", "李四", "--staff-number", "A2"),
    ("user", "grant"): ("zhang", "administrator"),
    ("erase",): ("--person", "A1", "--reason", "demand 12", "--yes"),
    ("publish",): ("{folder}/base.toml",),
    ("import",): (str(SAMPLE), "--create-units"),
    ("calendar", "import"): ("--known", "2026"),
    ("key", "new"): (),
    ("key", "rotate"): (),
    ("demo", "load"): (),
}
"""Every command that writes to a database, with words by which it would."""

READING: Mapping[Command, Command] = {
    ("db", "status"): (),
    ("db", "backup"): ("{folder}/copy.sqlite3",),
    ("check",): ("--people",),
    ("calendar", "status"): (),
    ("log", "verify"): (),
    ("log", "export"): ("--out", "{folder}/packet.zip"),
    ("doctor",): (),
    ("key", "show"): (),
    ("simulate",): ("--years", "1"),
}
"""Every command that only reads: it says what is wrong, and does its work."""

SERVING: tuple[Command, ...] = (("run",), ("web",))
"""Commands that serve the site: it shows the alarm, and writes nothing."""

WITHOUT: tuple[Command, ...] = (("notify", "test"),)
"""Commands that open no database."""


@dataclass(kw_only=True)
class Stranger:
    """A database whose log is not the one of the newest checkpoint in a folder outside."""

    kind: str
    """The finding."""
    database: Database
    outside: Path
    folder: Path
    key: Path

    def shell(self, *words: str, lang: str = "en") -> Any:
        given = [word.format(folder=self.folder) for word in words]
        url = self.database.url.render_as_string(hide_password=False)
        return Shell(url)(
            *given, LIANPEI_CHECKPOINT_DIR=str(self.outside), LIANPEI_LOG_KEY=str(self.key), LIANPEI_LANG=lang,
            LIANPEI_SECRET_KEY="s" * 40,
        )  # fmt: skip

    @property
    def state(self) -> object:
        """Everything that could have been written: rows and the key's files."""
        keys = {file.name: file.read_bytes() for file in self.key.parent.iterdir()}
        with self.database.reading() as session:
            rows = {
                table.name: sorted(map(repr, session.execute(select(table))))
                for table in Base.metadata.sorted_tables
            }
        return keys, rows


def _cut_short(first: SealedLog, second: Database, _key: Path) -> None:
    """The older backup of a log that went on and was sealed further."""
    copy(first.database, second)
    first.write(20, 5)
    first.seal()


def _of_another_origin(_first: SealedLog, second: Database, key: Path) -> None:
    """A log of its own, and no shorter."""
    key.unlink()
    signer = make_key(second, key, "another.edu.cn/1", ctx=CTX)
    log = SealedLog(database=second, file=key, signer=signer)
    log.write(0, 30)
    seal(second, signer=signer, at=CTX.at, pace=None)


FAULTS = {"shorter": _cut_short, "bad_checkpoint": _of_another_origin}


@pytest.fixture(scope="module", params=[(kind, fault) for kind in KINDS for fault in FAULTS], ids="-".join)
def stranger(
    request: pytest.FixtureRequest, templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stranger]:
    """Nothing may write to it, so all may share it."""
    kind, fault = request.param
    folder = tmp_path_factory.mktemp("stranger")
    key = folder / "keys" / "log.key"
    urls = [templates.copy(kind), templates.copy(kind)]
    databases = [Database(url) for url in urls]
    key.parent.mkdir()
    first = SealedLog.made(databases[0], key.parent, entries=20)
    FAULTS[fault](first, databases[1], key)
    take_out(databases[0], FolderPlace(folder=folder / "outside"))
    (folder / "base.toml").write_bytes(ROUTED_FILE.read_bytes())
    here = Stranger(kind=fault, database=databases[1], outside=folder / "outside", folder=folder, key=key)
    assert Shell(urls[1])("db", "upgrade").exit_code == 0
    assert Shell(urls[1])("user", "add", "zhang", "--name", "张三", "--staff-number", "A1").exit_code == 0
    yield here
    for database, url in zip(databases, urls, strict=True):
        database.dispose()
        templates.drop(url)


@contextmanager
def _ended_after(seconds: float) -> Iterator[None]:
    """Ask a command that serves, though it should have refused, to end; so the test is red and does not hang."""
    asked = signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    yield
    timer.cancel()
    signal.signal(signal.SIGTERM, asked)


def _commands(group: click.Group, path: Command = ()) -> Iterator[Command]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name)


def test_of_every_command_it_is_known_whether_it_writes() -> None:
    """Say of a new command which of the four it is; the tests below then hold it to that."""
    known = [*WRITING, *READING, *SERVING, *WITHOUT]

    assert sorted(known) == sorted(_commands(main))


@pytest.mark.parametrize("command", WRITING, ids=" ".join)
def test_command_that_writes_refuses(stranger: Stranger, command: Command) -> None:
    before = stranger.state

    with _ended_after(20):
        done = stranger.shell(*command, *WRITING[command])

    assert (done.exit_code, stranger.state == before) == (1, True), done.output
    assert f"newest checkpoint in {stranger.outside} ({stranger.kind})" in done.stderr
    assert "take that checkpoint out of the folder, keep it, and start again" in done.stderr
    assert "Refused: this command writes" in done.stderr
    assert not (stranger.folder / "new_house.sqlite3").exists()


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_command_that_reads_goes_on_and_says_what_is_wrong(stranger: Stranger, command: Command) -> None:
    if command == ("db", "backup") and not stranger.database.is_sqlite:
        pytest.skip("PostgreSQL backs up with its own pg_dump; see tests/models/test_schema.py")
    before = stranger.state

    done = stranger.shell(*command, *READING[command])

    assert stranger.state == before
    assert f"newest checkpoint in {stranger.outside} ({stranger.kind})" in done.stderr
    assert "Refused" not in done.stderr
    assert done.exit_code == (1 if command == ("check",) else 0), done.output


def test_refusal_is_said_in_chinese_too(stranger: Stranger) -> None:
    done = stranger.shell("sweep", lang="zh")

    assert done.exit_code == 1
    assert f"{stranger.outside} 中最新的检查点不符（{stranger.kind}）" in done.stderr
    assert "请把该检查点移出目录并妥善保存" in done.stderr
    assert "未办理：此命令需要写入" in done.stderr


@pytest.mark.parametrize("command", SERVING, ids=" ".join)
def test_site_is_served_red_and_nothing_is_written(
    stranger: Stranger, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stranger.state
    served: list[Flask] = []

    class Unheard:
        """A server that hears nobody."""

        def __init__(self, app: Flask, **_how: object) -> None:
            served.append(app)

        def run(self) -> None:
            """End at once."""

    monkeypatch.setattr(waitress, "create_server", Unheard)

    with _ended_after(20):
        done = stranger.shell(*command)

    (app,) = served
    assert (done.exit_code, stranger.state == before) == (0, True), done.output
    assert f"({stranger.kind})" in done.stderr
    assert app.test_client().get("/health").status_code == 503
    assert "Nothing can be written now" in app.test_client().get("/login", headers=ENGLISH).get_data(
        as_text=True
    )


def test_command_writes_again_when_the_checkpoint_was_taken_away(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    log = SealedLog.made(database, tmp_path, entries=20)
    outside = tmp_path / "outside"
    take_out(database, FolderPlace(folder=outside))
    (outside / file_name(99)).write_text(log.notes()[0].replace("\n21\n", "\n99\n"), encoding="utf-8")

    refused = Shell(database_url)("db", "upgrade", LIANPEI_CHECKPOINT_DIR=str(outside))
    (outside / file_name(99)).rename(tmp_path / "kept.txt")
    done = Shell(database_url)("db", "upgrade", LIANPEI_CHECKPOINT_DIR=str(outside))

    assert (refused.exit_code, done.exit_code) == (1, 0), done.output
    assert done.stderr == ""


def test_checkpoint_that_cannot_be_read_is_a_fault_and_a_folder_that_is_not_there_is_none(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "outside" / file_name(7)).mkdir(parents=True)

    refused = Shell(database_url)("db", "upgrade", LIANPEI_CHECKPOINT_DIR=str(tmp_path / "outside"))
    done = Shell(database_url)("db", "upgrade", LIANPEI_CHECKPOINT_DIR=str(tmp_path / "nowhere"))

    assert (refused.exit_code, "(bad_checkpoint)" in refused.stderr) == (1, True)
    assert (done.exit_code, done.stderr) == (0, "")


def test_new_database_under_an_old_checkpoint_gets_its_tables_and_nothing_else(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """Before it had tables there was nothing to compare; it is compared when it has."""
    SealedLog.made(sqlite_database, tmp_path, entries=20)
    take_out(sqlite_database, FolderPlace(folder=tmp_path / "outside"))
    url = f"sqlite:///{tmp_path / 'new.sqlite3'}"

    done = Shell(url)("db", "upgrade", LIANPEI_CHECKPOINT_DIR=str(tmp_path / "outside"))

    fresh = Database(url)
    assert (done.exit_code, "(shorter)" in done.stderr) == (1, True)
    assert inspect(fresh.engine).has_table("editions")
    with fresh.reading() as session:
        assert session.execute(select(Base.metadata.tables["editions"])).all() == []
    fresh.dispose()
