"""Bring a database to the present schema, say where it stands, and copy it while it is in use."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, Table, make_url, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from models.database import Base, Database

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"

LOCK = 0x6C69616E706569
"""The advisory lock under which PostgreSQL lets one upgrade run at a time."""

LOG_ONLY_GROWS = ("entries", "leaves", "nodes", "checkpoints")
"""Tables the application's own role may read and add to, and nothing else."""

SCHEMA_TABLES = ("alembic_version",)
"""Tables the application's own role may only read."""

UNDEFINED = {"42P01", "42703"}
"""PostgreSQL's SQLSTATEs of a table and of a column that is not there."""


COPIED_AT_ONCE = 500
"""Rows read and written at once."""


class Status(NamedTuple):
    """The migration a database has come to, None for an empty one, and the last there is."""

    current: str | None
    head: str


class CannotBackUp(Exception):
    """The copy was not made; the message says why and what to do."""


class CannotCopy(Exception):
    """The rows were not copied; the message says why and what to do."""


def create_all(database: Database) -> None:
    """Create every table at once, for a database that has none."""
    with database.engine.begin() as connection:
        Base.metadata.create_all(connection)


def upgrade(database: Database, *, application: Database | None = None) -> None:
    """Bring the database to the present schema, in one transaction and alone; one that is there stays as it is.

    `application`: the same database under the role the application uses. Where that is not the owner, it is given what
    it needs and no more (`grant_rights`). Raises ReadOnly when this process must not write.
    """
    from alembic import command

    (application or database).demand_open()
    with database.engine.begin() as connection:
        _alone(connection)
        command.upgrade(_config(connection), "head")
    role = application.url.username if application is not None else None
    if role is not None and role != database.url.username and not database.is_sqlite:
        grant_rights(database, role)


def status(database: Database) -> Status:
    """Say which migration the database has come to and which is the last; nothing is changed."""
    from alembic.migration import MigrationContext

    with database.reading() as session:
        connection = session.connection()
        current = MigrationContext.configure(connection).get_current_revision()
        return Status(current=current, head=_head(connection))


def is_behind(error: SQLAlchemyError) -> bool:
    """Say whether the database failed because a table or column is missing that the present schema has."""
    cause = getattr(error, "orig", None)
    if getattr(cause, "sqlstate", None) is not None:
        return cause.sqlstate in UNDEFINED  # type: ignore[union-attr]  # it has one
    return isinstance(cause, sqlite3.OperationalError) and str(cause).startswith(
        ("no such table", "no such column")
    )


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _head(connection: Connection) -> str:
    from alembic.script import ScriptDirectory

    head = ScriptDirectory.from_config(_config(connection)).get_current_head()
    if head is None:
        raise LookupError("the product has no migrations")
    return head


def _alone(connection: Connection) -> None:
    """Wait until no other upgrade runs. SQLite's transaction has begun as the only writer already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


def grant_rights(database: Database, role: str) -> None:
    """Let a role of PostgreSQL use the tables this role owns: the log it may read and add to, never change."""
    with database.engine.begin() as connection:
        quote = connection.dialect.identifier_preparer.quote
        name = quote(role)
        for statement in (
            f"GRANT USAGE ON SCHEMA public TO {name}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}",
            *(f"REVOKE UPDATE, DELETE, TRUNCATE ON {quote(table)} FROM {name}" for table in LOG_ONLY_GROWS),
            *(
                f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {quote(table)} FROM {name}"
                for table in SCHEMA_TABLES
            ),
        ):
            connection.execute(text(statement))


# ───────────────────────────── Copies


def backup(database: Database, target: Path) -> None:
    """Copy the database to a new file as it stands at one moment, while others go on writing.

    SQLite gives a database file, PostgreSQL an archive for `pg_restore`. Nothing is left at `target` when it fails.
    Raises CannotBackUp when the file exists or the copy cannot be made.
    """
    if target.exists():
        raise CannotBackUp(f"{target} exists already; name a new file")
    unfinished = target.with_name(f".{target.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        (_copy_sqlite if database.is_sqlite else _dump_postgresql)(database, unfinished)
        _keep(unfinished)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _copy_sqlite(database: Database, target: Path) -> None:
    """All pages in one step: SQLite then copies one committed state and leaves the writers alone."""
    source = database.engine.raw_connection()
    copy = sqlite3.connect(target)
    try:
        source.driver_connection.backup(copy, pages=-1)  # type: ignore[union-attr]  # the driver is sqlite3
    except sqlite3.Error as error:
        raise CannotBackUp(f"SQLite could not copy the database: {error}") from error
    finally:
        copy.close()
        source.close()


def _dump_postgresql(database: Database, target: Path) -> None:
    tool = shutil.which("pg_dump")
    if tool is None:
        raise CannotBackUp(
            "pg_dump was not found; install PostgreSQL's client programs of the server's version"
        )
    password = database.url.password
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password is not None else {})}
    address = make_url(database.url).set(drivername="postgresql", password=None).render_as_string()
    done = subprocess.run(
        [tool, "--format=custom", "--no-owner", f"--file={target}", f"--dbname={address}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CannotBackUp(f"pg_dump failed: {done.stderr.strip()}")


def _keep(path: Path) -> None:
    """Wait until the file has reached the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


# ───────────────────────────── Moving house


Progress = Callable[[int, int], None]
"""Told how many tables have been copied, of how many."""


def copy(source: Database, target: Database, *, progress: Progress | None = None) -> None:
    """Copy every row into an empty database of either kind, in one transaction; entries keep their order and their bytes.

    The target is brought to the present schema first, the source must have it. Raises CannotCopy otherwise, and when
    the target holds anything; ReadOnly when the source is closed for writing, for nobody moves on with such a log.
    """
    source.demand_open()
    current, head = status(source)
    if current != head:
        raise CannotCopy(f"the source is at {current}, not at {head}; upgrade it first")
    upgrade(target)
    with source.reading() as reading, target.engine.begin() as writing:
        for table in Base.metadata.sorted_tables:
            if writing.execute(select(table).limit(1)).first() is not None:
                raise CannotCopy(f"the target has rows in {table.name} already")
        tables = Base.metadata.sorted_tables
        for done, table in enumerate(tables, start=1):
            _copy_table(table, reading, writing)
            if progress is not None:
                progress(done, len(tables))
        if writing.dialect.name == "postgresql":
            writing.execute(
                text("SELECT setval(pg_get_serial_sequence('entries', 'id'), max(id)) FROM entries")
            )


def _copy_table(table: Table, reading: Session, writing: Connection) -> None:
    """Rows that name rows of their own table are written without that name, and get it when all are there."""
    (key,) = table.primary_key.columns
    own = [column for column in table.columns if any(fk.column.table is table for fk in column.foreign_keys)]
    later: list[tuple[Any, dict[str, Any]]] = []
    query = select(table).order_by(key).execution_options(yield_per=COPIED_AT_ONCE)
    for page in reading.execute(query).mappings().partitions(COPIED_AT_ONCE):
        rows = [dict(row) for row in page]
        for row in rows:
            named = {column.name: row[column.name] for column in own if row[column.name] is not None}
            if named:
                later.append((row[key.name], named))
            row.update(dict.fromkeys(named))
        writing.execute(table.insert(), rows)
    for value, named in later:
        writing.execute(table.update().where(key == value).values(**named))
