"""The key that signs the log, made and changed at the command line and by the scheduler's first beat."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from models import Checkpoint, Database, Entry, Heartbeat, Leaf
from schedules.heartbeat import Scheduler
from schedules.seal import Sealer
from web.cli import main
from workflow.notes import PublicKey, signers


class Shell:
    """Runs commands on one database with one key file."""

    def __init__(self, url: str, file: Path) -> None:
        self.file = file
        self._environ = {"LIANPEI_DATABASE_URL": url, "LIANPEI_LANG": "en", "LIANPEI_LOG_KEY": str(file)}

    def __call__(self, *words: str, **environ: str) -> Result:
        return CliRunner().invoke(main, list(words), env={**self._environ, **environ})


@pytest.fixture
def shell(database_url: str, tmp_path: Path) -> Shell:
    return Shell(database_url, tmp_path / "log.key")


def test_key_is_made_changed_and_shown(shell: Shell) -> None:
    made = shell("key", "new", "--name", "example.edu.cn/1")
    rotated = shell("key", "rotate")
    shown = json.loads(shell("key", "show", "--json").stdout)

    assert (made.exit_code, rotated.exit_code) == (0, 0)
    keys = [PublicKey.read(row["key"]) for row in shown]
    assert [key.origin for key in keys] == ["example.edu.cn/1"] * 2
    assert keys[0].text in made.stdout
    assert keys[1].text in rotated.stdout
    assert (shown[0]["until"], shown[1]["from"], shown[1]["until"]) == (0, 1, None)
    assert keys[1].text in shell("key", "show").stdout


def test_log_without_a_key_says_so(shell: Shell) -> None:
    assert "no key yet" in shell("key", "show").stdout
    rotated = shell("key", "rotate")
    assert (rotated.exit_code, "key new" in rotated.stderr) == (1, True)


def test_second_key_and_a_name_no_key_can_bear_are_refused(shell: Shell) -> None:
    named = shell("key", "new", "--name", "a b")
    assert shell("key", "new").exit_code == 0
    again = shell("key", "new")

    assert (named.exit_code, "no blanks" in named.stderr) == (2, True)
    assert (again.exit_code, "key rotate" in again.stderr) == (1, True)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_key_others_may_read_is_refused_in_words(shell: Shell, language: str) -> None:
    shell("key", "new")
    shell.file.chmod(0o644)

    refused = shell("key", "rotate", LIANPEI_LANG=language)

    assert refused.exit_code == 1
    assert "600" in refused.stderr
    assert "key_fault" not in refused.stderr


# ───────────────────────────── The scheduler


def _beaten(database: Database, file: Path) -> Heartbeat:
    """Let a scheduler seal once, then write its heartbeat."""
    scheduler = Scheduler(database, server=None, sealer=Sealer(key=file))
    scheduler._seal()
    scheduler._tick()
    with database.reading() as session:
        return session.scalars(select(Heartbeat)).one()


def test_scheduler_seals_and_signs(shell: Shell, database: Database) -> None:
    shell("key", "new")
    beat = _beaten(database, shell.file)

    with database.reading() as session:
        note = session.scalars(select(Checkpoint.note)).one()
        entries = session.scalar(select(func.count()).select_from(Entry))
        leaves = session.scalar(select(func.count()).select_from(Leaf))
    known = PublicKey.read(json.loads(shell("key", "show", "--json").stdout)[0]["key"])
    assert (signers(note, [known]), beat.failure) == ([known], None)
    assert entries == leaves == 1


def test_scheduler_without_the_logs_key_seals_and_says_what_is_missing(
    shell: Shell, database: Database
) -> None:
    shell("key", "new")
    shell.file.unlink()
    beat = _beaten(database, shell.file)

    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Leaf)) == 1
        assert session.scalar(select(func.count()).select_from(Checkpoint)) == 0
    assert "key_missing" in str(beat.failure)


def test_scheduler_of_a_log_without_a_key_is_well(database: Database, tmp_path: Path) -> None:
    assert _beaten(database, tmp_path / "log.key").failure is None
