"""Whoever takes a packet of a damaged log, or looks at what protects it, is told that it is damaged; nobody gets a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from models import Database
from tests.web.signing_in import Site, site_over
from tests.web.test_keys import Shell
from tests.workflow.history import unlock
from tests.workflow.sealed import SealedLog

OF_THE_LOG = (
    "DELETE FROM leaves WHERE number = 3",
    "UPDATE leaves SET hash = 'zz' WHERE number = 3",
    "DELETE FROM log_keys",
    "UPDATE log_keys SET public_key = 'x'",
    "UPDATE sealing SET size = -5",
    "UPDATE sealing SET size = 999999999",
    """UPDATE entries SET body = '{"documents": 1.5' WHERE id = 5""",
)
"""What somebody does to a log so that no packet can be made of it."""

ON_SQLITE = (
    "UPDATE checkpoints SET signed_at = 'noon'",
    "UPDATE checkpoints SET size = 'zz' || size",
    "UPDATE log_keys SET from_size = 'a'",
    "UPDATE log_keys SET public_key = X'00ff'",
    "UPDATE sealing SET size = 'zz'",
    "UPDATE sealing SET floor = 'zz'",
    "UPDATE leaves SET number = number + 9223372036854770000 WHERE number = 3",
    "UPDATE leaves SET hash = X'00' WHERE number = 3",
    "UPDATE entries SET body = X'00ff' WHERE id = 5",
    "UPDATE entries SET body = CAST(X'41ff' AS TEXT) WHERE id = 5",
)
"""The same with values only SQLite keeps."""


@pytest.fixture
def site(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = site_over(database, monkeypatch, log_key=tmp_path / "log.key")
    SealedLog.made(database, tmp_path, entries=300, every=150)
    return site


def spoil(database: Database, damage: str) -> None:
    if damage in ON_SQLITE and not database.is_sqlite:
        pytest.skip("PostgreSQL keeps no such values")
    with database.transaction() as session:
        unlock(session)
        session.execute(text(damage.replace(":", "\\:")))


@pytest.mark.parametrize("damage", OF_THE_LOG + ON_SQLITE)
def test_packet_of_a_damaged_log_is_refused_in_words(
    site: Site, database_url: str, tmp_path: Path, damage: str
) -> None:
    auditor = site.browser("auditor")
    spoil(site.database, damage)
    before = sorted(tmp_path.iterdir())

    done = Shell(database_url, tmp_path / "log.key")("log", "export", "--out", str(tmp_path / "packet.zip"))
    answer = auditor.send("/audit/packet", {"documents": "yes"}, form="/audit")

    assert (done.exit_code, type(done.exception)) == (1, SystemExit), repr(done.exception)
    assert "log verify" in done.stderr
    assert sorted(tmp_path.iterdir()) == before
    assert (answer.status_code, "log verify" in answer.get_data(as_text=True)) == (500, True)


@pytest.mark.parametrize(
    ("damage", "address", "status"),
    [
        ("UPDATE checkpoints SET signed_at = 'noon'", "/audit/checkpoints", 500),
        ("UPDATE checkpoints SET signed_at = 'noon'", "/audit/3", 200),
        ("UPDATE checkpoints SET size = 'zz' || size", "/audit/checkpoints", 500),
        ("UPDATE checkpoints SET root = CAST(X'41ff' AS TEXT)", "/audit/checkpoints", 500),
        ("UPDATE checkpoints SET note = CAST(X'41ff' AS TEXT)", "/audit/checkpoints/151.txt", 500),
        ("UPDATE sealing SET size = 'zz'", "/audit/checkpoints", 500),
        ("UPDATE leaves SET hash = X'00' WHERE number = 3", "/audit/3", 200),
        ("UPDATE entries SET recorded_at = 'noon' WHERE id = 3", "/audit/3", 500),
    ],
)
def test_page_of_a_damaged_log_says_so(
    sqlite_database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: str,
    address: str,
    status: int,
) -> None:
    site = site_over(sqlite_database, monkeypatch)
    SealedLog.made(sqlite_database, tmp_path, entries=300, every=150)
    auditor = site.browser("auditor")
    with sqlite_database.transaction() as session:
        unlock(session)
        session.execute(text(damage))

    answer = auditor.get(address)

    assert answer.status_code == status
    assert ("log verify" in answer.get_data(as_text=True)) == (status == 500)


def test_keys_that_cannot_be_read_are_told_where_they_are_asked_for(
    site: Site, database_url: str, tmp_path: Path
) -> None:
    spoil(site.database, "UPDATE log_keys SET public_key = 'x'")

    shown = Shell(database_url, tmp_path / "log.key")("key", "show")
    answer = site.browser("auditor").send("/verify", {"receipt": "x"}, form="/verify")

    assert (shown.exit_code, "log verify" in shown.stderr) == (1, True)
    assert (answer.status_code, "log verify" in answer.get_data(as_text=True)) == (500, True)
