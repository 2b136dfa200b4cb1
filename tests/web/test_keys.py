"""The key that signs the log, made and changed at the command line and by the scheduler's first beat."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select, update

from models import Checkpoint, CheckpointPlace, Database, Entry, Heartbeat, Leaf
from schedules.heartbeat import Scheduler
from schedules.outside import FolderPlace, take_out
from schedules.seal import Sealer
from tests.university import University
from tests.web.signing_in import site_over
from tests.workflow.sealed import AT, CTX, SealedLog
from web.cli import main
from workflow.clock import machine_time
from workflow.notes import PublicKey, signers
from workflow.operations.keys import make_key
from workflow.operations.watching import watch
from workflow.packet.verify import Archive, check


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


# ───────────────────────────── Packets


def test_packet_is_exported_and_holds(shell: Shell, database: Database, tmp_path: Path) -> None:
    university = University.founded(database)
    case_id = university.signed()
    shell("key", "new")
    everything, one = tmp_path / "all.zip", tmp_path / "one.zip"

    first = shell("log", "export", "--out", str(everything))
    second = shell("log", "export", "--out", str(one), "--base", case_id, "--without-documents")

    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    verdicts = [check(Archive(str(file))) for file in (everything, one)]
    assert [(verdict.sound, verdict.entries, verdict.whole) for verdict in verdicts] == [
        (True, 6, True), (True, 4, False),
    ]  # fmt: skip
    again = shell("log", "export", "--out", str(one))
    assert (again.exit_code, one.stat().st_size > 0) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "2001-01-01"), "no entries"),
        (("--base", "LP0000-000"), "no_such_base"),
        (("--unit", "nobody"), "no_such_unit"),
    ],
)
def test_export_of_nothing_leaves_nothing(
    shell: Shell, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    shell("key", "new")
    before = sorted(tmp_path.iterdir())
    done = shell("log", "export", "--out", str(tmp_path / "packet.zip"), *words)

    assert (done.exit_code, said in done.stderr) == (1, True), done.stderr
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("words", [("--from", "0001-01-01"), ("--to", "9999-12-31")])
def test_export_of_days_beyond_the_calendar_is_wrong_usage(
    shell: Shell, tmp_path: Path, words: tuple[str, str]
) -> None:
    done = shell("log", "export", "--out", str(tmp_path / "packet.zip"), *words)

    assert (done.exit_code, "the day must lie between" in done.stderr) == (2, True), done.stderr


def test_export_without_a_key_says_what_to_do(shell: Shell, tmp_path: Path) -> None:
    done = shell("log", "export", "--out", str(tmp_path / "packet.zip"))

    assert (done.exit_code, "key new" in done.stderr) == (1, True)


def test_auditor_takes_a_packet_of_what_is_filtered(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_over(database, monkeypatch, log_key=tmp_path / "log.key")
    case_id = site.university.signed()
    auditor = site.browser("auditor")
    refused = auditor.send("/audit/packet", {}, form="/audit")
    make_key(database, tmp_path / "log.key", "example.edu.cn/1", ctx=CTX)

    answer = auditor.send(f"/audit/packet?case={case_id}", {"documents": "yes"}, form="/audit")

    assert (refused.status_code, answer.status_code) == (302, 200)
    verdict = check(Archive(io.BytesIO(answer.get_data())))
    assert (verdict.sound, verdict.entries) == (True, 4)
    assert [entry.actor_id for entry in site.entries("export")] == [site.university.people["auditor"]] * 2
    assert site.browser("leader").send("/audit/packet", {}, form="/password").status_code == 404


# ───────────────────────────── The page


def test_page_says_what_protects_the_log(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_over(database, monkeypatch)
    auditor = site.browser("auditor")
    empty = auditor.get("/audit/checkpoints").get_data(as_text=True)
    log = SealedLog.made(database, tmp_path, entries=4)
    take_out(database, FolderPlace(folder=tmp_path / "outside"))
    log.write(4, 3)
    with database.transaction() as session:
        session.add(CheckpointPlace(name="mail", size=0, attempts=1, next_try_at=AT, failure="451 later"))
    auditor.client.set_cookie("lang", "en")

    page = auditor.get("/audit/checkpoints").get_data(as_text=True)

    assert "lianpei key new" in empty
    assert "covers the first 5 entries; the 3 after them" in page
    assert "at least 2 places outside" in page
    assert "The last checkpoint was not taken by: " in page
    assert "451 later" in page
    assert "not taken by" not in empty
    assert log.signer.public.text.partition("+")[0] in page
    note = auditor.get("/audit/checkpoints/5.txt")
    assert note.get_data(as_text=True) == log.notes()[-1]
    for address in ("/audit/checkpoints/6.txt", f"/audit/checkpoints/{2**70}.txt"):
        assert auditor.get(address).status_code == 404
    for address in ("/audit/checkpoints", "/audit/checkpoints/5.txt"):
        assert site.browser("leader").get(address).status_code == 404


# ───────────────────────────── Verifying


def test_verify_looks_at_the_tree_and_at_checkpoints_from_outside(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    log = SealedLog.made(database, tmp_path, entries=30)
    good, other, none = (tmp_path / name for name in ("good", "other", "none"))
    good.write_text(log.notes()[0], encoding="utf-8")
    other.write_text(log.notes()[0].replace("\n26\n", "\n27\n"), encoding="utf-8")
    none.write_text("nothing", encoding="utf-8")

    sound = shell("log", "verify", "--checkpoint", str(good), "--json")
    differs = shell("log", "verify", "--checkpoint", str(good), "--checkpoint", str(other))
    refused = shell("log", "verify", "--checkpoint", str(none))

    assert (sound.exit_code, json.loads(sound.stdout)) == (0, {"entries": 31, "sealed": 31, "findings": []})
    assert (differs.exit_code, "checkpoint_differs: tree entry 26" in differs.stdout) == (1, True)
    assert (refused.exit_code, "is no checkpoint" in refused.stderr) == (1, True)


def test_fault_is_told_on_the_page(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_over(database, monkeypatch)
    SealedLog.made(database, tmp_path, entries=4)
    with database.transaction() as session:
        session.execute(update(Checkpoint).values(root="0" * 64))
    watch(database, at=machine_time())
    auditor = site.browser("auditor")
    auditor.client.set_cookie("lang", "en")

    page = auditor.get("/audit/checkpoints").get_data(as_text=True)

    assert "found faults in the log" in page
    assert "entry 5 of the tree" in page
