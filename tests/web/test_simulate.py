"""`lianpei simulate`: what it prints and writes, what it refuses, and that it leaves nothing behind."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import time_machine

from models import Database
from tests.schedules.test_sweep import broken_and_whole
from tests.university import University
from tests.web.test_cli import AT, Shell
from tests.workflow.test_station import STATION

DEADLINE = 60
NAME = "水城人民医院研究生联合培养基地"
START = "from web.cli import main; main()"


@pytest.fixture
def shell(sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Commands over a database with one base under way; what they put down for a time goes into a folder of its own."""
    University.founded(sqlite_database).approved()
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with time_machine.travel(AT, tick=True):
        yield Shell(sqlite_database.url.render_as_string(hide_password=False))


def dumped(file: Path) -> list[str]:
    """All a database holds, what its journal has not yet brought into the file included."""
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


def test_copy_is_run_forward_and_the_database_stays_as_it_was(shell: Shell, tmp_path: Path) -> None:
    file = Path(shell.url.removeprefix("sqlite:///"))
    before, rows_before, table = file.read_bytes(), dumped(file), tmp_path / "out.csv"

    answers = [shell("simulate", "--years", "1", "--people", "late", "--csv", str(table)) for _ in range(2)]

    assert [answer.exit_code for answer in answers] == [0, 0], answers[0].output
    assert answers[0].stdout == answers[1].stdout
    assert "deadline passed\tsign the agreement by" in answers[0].stdout
    assert table.read_bytes().startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(table.read_text(encoding="utf-8-sig").splitlines()))
    assert rows[0] == ["Year", "What", "Which", "Role", "How many"]
    assert len({len(row) for row in rows}) == 1
    assert (file.read_bytes(), dumped(file)) == (before, rows_before)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_made_up_cases_of_a_file_are_told_as_json(shell: Shell) -> None:
    told = shell.json("simulate", "--bases", "1", "--file", str(STATION), "--years", "1", "--seed", "5")

    assert (told["start"], told["until"], told["seed"]) == ("2026-11-23", "2027-11-23", 5)
    named = {(count["what"], count["name"]): count["count"] for count in told["counts"]}
    assert named["certification", "grant"] == named["passage", "apply"] == 1
    assert told["stuck"] == 0


def test_base_that_fails_is_named_with_its_reason_and_the_others_are_told(
    sqlite_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    here = University.founded(sqlite_database)
    broken, _ = broken_and_whole(here)
    url = sqlite_database.url.render_as_string(hide_password=False)
    words = ("simulate", "--until", "2027-12-31", "--people", "never")
    with time_machine.travel(AT, tick=True):
        told, printed = Shell(url)(*words, "--json"), Shell(url)(*words)

    found = json.loads(told.stdout)
    assert (told.exit_code, printed.exit_code) == (1, 1)
    assert [(one["case_id"], one["base"]) for one in found["failed"]] == [(broken, NAME)]
    assert "no_such_timer" in found["failed"][0]["reason"]
    assert [count["count"] for count in found["counts"] if count["name"] == "open_midterm"][:1] == [1]
    assert f"{NAME} could not be run on from " in printed.stdout
    assert "The fullest day of 2027: " in printed.stdout
    assert "Traceback" not in told.output + printed.output
    assert [record for record in caplog.records if record.name == "schedules.sweep"] == []


WRONG = (
    (("--people", "sometimes"), "“sometimes” is not known"),
    (("--people", "on-time=70,late=20"), "add up to 90, not to 100"),
    (("--people", "on-time=1,late=x"), "is no share"),
    (("--until", "2026-11-23"), "is not after today"),
    (("--until", "2020-01-01"), "is not after today"),
    (("--until", "soon"), "does not match the format"),
    (("--until", "2150-01-01"), "at the most"),
    (("--until", "2030-01-01", "--years", "2"), "not both"),
    (("--years", "0"), "0 is not in the range"),
    (("--bases", "0"), "0 is not in the range"),
    (("--lifecycle", "base"), "goes with --bases only"),
    (("--bases", "1", "--lifecycle", "wedding"), "No lifecycle is called “wedding”"),
    (("--csv", "/no/such/folder/a.csv"), "There is no folder"),
)


@pytest.mark.parametrize(("words", "said"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_wrong_usage_is_told_and_nothing_is_run(shell: Shell, words: tuple[str, ...], said: str) -> None:
    answer = shell("simulate", *words)

    assert answer.exit_code == 2
    assert said in " ".join(answer.output.split())


def test_faulty_file_is_told_with_its_place(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "faulty.toml"
    file.write_text(
        STATION.read_text("utf-8").replace('initial    = "draft"', 'initial    = "drafd"'), "utf-8"
    )

    answer = shell("simulate", "--bases", "1", "--file", str(file))

    assert answer.exit_code == 2
    assert "lifecycle.initial" in answer.output


def test_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    file = tmp_path / "none.sqlite3"

    answer = Shell(f"sqlite:///{file}")("simulate", "--years", "1")

    assert answer.exit_code == 2
    assert "--bases" in answer.output
    assert not file.exists()


def test_interrupted_it_leaves_nothing_behind(tmp_path: Path) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path), "LIANPEI_ENV": "development"}
    command = [sys.executable, "-c", START, "simulate", "--bases", "200", "--years", "20"]
    running = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        give_up = time.monotonic() + DEADLINE
        while not list(tmp_path.glob("lianpei-*/university.sqlite3")) and time.monotonic() < give_up:
            assert running.poll() is None
            time.sleep(0.02)

        running.send_signal(signal.SIGINT)

        assert running.wait(timeout=DEADLINE) == 1
        assert list(tmp_path.iterdir()) == []
    finally:
        running.kill()
