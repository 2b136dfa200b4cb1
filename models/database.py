"""The connection to the database and the only place that commits."""

from __future__ import annotations

import fcntl
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

T = TypeVar("T")

NAMES = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

ATTEMPTS = 6
"""How often a piece of work is tried before a passing fault of the database is reported."""

PASSING = {"25P03", "40001", "40P01", "55P03", "57P01", "57P02", "57P03", "08000", "08003", "08006"}
"""SQLSTATEs worth another try: stood still too long, serialization, deadlock, no lock, shutdown, connection lost."""

PATIENCE = 30
"""How many seconds a SQLite connection waits for another to be done before it gives up."""

BUSY_TIMEOUT = f"busy_timeout={PATIENCE * 1000}"

SHORTEST_WAIT, LONGEST_WAIT = 0.0002, 0.01
"""How long, in seconds, whoever is next in line waits before asking SQLite again: a tenth of the wait so far, within these."""


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)


class ReadOnly(Exception):
    """The database is closed for writing, see `Database.close_for_writing`."""


class Database:
    """One database: its engine, and sessions to read it or to change it.

    `url` is a SQLAlchemy URL (`sqlite:///…` or `postgresql+psycopg://…`). Nothing is opened before the first use.
    """

    def __init__(self, url: str | URL, *, pool_size: int = 10, still: float | None = None) -> None:
        self.url = make_url(url)
        self.engine = _engine(self.url, pool_size=pool_size, still=still)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False, autoflush=False)
        self._reading_engine = _sqlite_engine(self.url, is_reading=True) if self.is_sqlite else self.engine
        self._readings = sessionmaker(self._reading_engine, expire_on_commit=False, autoflush=False)
        self.is_closed_for_writing = False

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def bounded(self, still: float) -> Database:
        """The same database, over connections whose transactions PostgreSQL ends when they stand still for so many seconds.

        So a process that is stopped in the middle of its work gives back what it had locked, and finds its transaction
        gone when it wakes. SQLite has no such bound: the file's lock is a process's until it commits or ends.
        """
        bounded = Database(self.url, still=still)
        bounded.is_closed_for_writing = self.is_closed_for_writing
        return bounded

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Give a session whose work commits as a whole when the block ends, and is undone when it raises.

        Raises ReadOnly when this process must not write.
        """
        self.demand_open()
        with self._sessions() as session:
            yield session
            session.commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that sees one consistent state and cannot write.

        It ends with a commit all the same, for after a rollback psycopg forgets the connection's prepared statements
        and the acts that come next would have theirs planned anew.
        """
        with self._readings() as session:
            if not self.is_sqlite:
                session.connection(
                    execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
                )
            yield session
            session.commit()

    def run(self, work: Callable[[Session], T]) -> T:
        """Run `work` in a transaction, again after a passing fault of the database, a bounded number of times.

        A commit whose answer was lost may have happened: give `work` an idempotency key, so that a second
        run finds the first.
        """
        for attempt in range(ATTEMPTS):
            try:
                with self.transaction() as session:
                    return work(session)
            except DBAPIError as error:
                if attempt == ATTEMPTS - 1 or not is_passing(error):
                    raise
                time.sleep(random.uniform(0, 0.02 * 2**attempt))
        raise AssertionError("unreachable")

    def close_for_writing(self) -> None:
        """Let this process read only, until it ends: what it would write on is not to be trusted."""
        self.is_closed_for_writing = True

    def demand_open(self) -> None:
        """Raise ReadOnly when this process must not write; for work that begins elsewhere than in a transaction."""
        if self.is_closed_for_writing:
            raise ReadOnly

    def dispose(self) -> None:
        self.engine.dispose()
        self._reading_engine.dispose()


def insert_into(session: Session, table: Any) -> Any:
    """Begin an INSERT that may say what happens where the row is there already (`on_conflict_…`)."""
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    return postgresql.insert(table) if is_postgresql else sqlite.insert(table)


def is_passing(error: DBAPIError) -> bool:
    """Say whether the same work may succeed when it is tried again."""
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in PASSING
    return "database is locked" in str(error.orig)


def _engine(url: URL, *, pool_size: int, still: float | None) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, is_reading=False)
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=False,
        connect_args={"options": "-c timezone=UTC" + _no_longer(still), "connect_timeout": 10},
    )


def _no_longer(still: float | None) -> str:
    return "" if still is None else f" -c idle_in_transaction_session_timeout={round(still * 1000)}"


def _sqlite_engine(url: URL, *, is_reading: bool) -> Engine:
    """An engine whose connections only read, or one whose transactions may write and wait for one another at the start.

    They are two, for turning `query_only` on and off makes SQLite compile every statement of a connection anew.
    """
    folder = Path(url.database).parent if url.database and url.database != ":memory:" else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": PATIENCE, "cached_statements": 512})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", BUSY_TIMEOUT):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(f"PRAGMA query_only={'ON' if is_reading else 'OFF'}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        with driver_cursor(connection) as cursor:
            if is_reading:
                cursor.execute("BEGIN")
            else:
                _begin_writing(cursor, folder)

    return engine


def _begin_writing(cursor: Any, folder: Path | None) -> None:
    """Begin a transaction that writes, waiting in line for those who came before. Raises "database is locked" in the end.

    SQLite's own wait sleeps longer each time it asks, so the database stands idle between two writers and latecomers
    overtake. Here only whoever is next in line asks, so often that at most a tenth of the wait is lost.
    """
    until = time.monotonic() + PATIENCE
    with _in_line(folder):
        since = time.monotonic()
        cursor.execute("PRAGMA busy_timeout=0")
        try:
            while not _has_begun(cursor, is_patient=time.monotonic() < until):
                time.sleep(min(max((time.monotonic() - since) / 10, SHORTEST_WAIT), LONGEST_WAIT))
        finally:
            cursor.execute(f"PRAGMA {BUSY_TIMEOUT}")


def _has_begun(cursor: Any, *, is_patient: bool) -> bool:
    try:
        cursor.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if not is_patient or "database is locked" not in str(error):
            raise
        return False
    return True


@contextmanager
def _in_line(folder: Path | None) -> Iterator[None]:
    """Be the next who may write to the databases of a folder; whoever comes meanwhile waits behind.

    The lock on the folder leaves no file behind and ends with the process that holds it. It orders those who wait and
    protects nothing: what keeps two writers apart is SQLite's own lock. So a folder that cannot be locked does no harm.
    """
    place = _place_in_line(folder) if folder is not None else None
    try:
        yield
    finally:
        if place is not None:
            os.close(place)


def _place_in_line(folder: Path) -> int | None:
    try:
        place = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    with suppress(OSError):
        fcntl.flock(place, fcntl.LOCK_EX)
    return place


@contextmanager
def driver_cursor(connection: Connection) -> Iterator[Any]:
    """The driver's own cursor inside the connection's transaction; its errors come as SQLAlchemy's.

    For the few statements of an act, to which SQLAlchemy adds nothing but its price. They are written in the database's
    own marks: `:name` on SQLite, `$1` on PostgreSQL, where psycopg would look through a long text each time for others.
    """
    driver: Any = connection.dialect.loaded_dbapi
    raw: Any = connection.connection.dbapi_connection
    cursor: Any = raw.cursor() if connection.dialect.name == "sqlite" else driver.RawCursor(raw)
    with _as_sqlalchemys(connection, cursor), closing(cursor):
        yield cursor


@contextmanager
def _as_sqlalchemys(connection: Connection, cursor: Any) -> Iterator[None]:
    """Turn errors of the driver into SQLAlchemy's."""
    driver: Any = connection.dialect.loaded_dbapi
    raw: Any = connection.connection.dbapi_connection
    try:
        yield
    except driver.Error as error:
        is_gone = connection.dialect.is_disconnect(error, raw, cursor)
        if is_gone:
            connection.invalidate(error)
        raise DBAPIError.instance(
            None, None, error, driver.Error, connection_invalidated=is_gone, dialect=connection.dialect
        ) from error


def streamed(
    connection: Connection, statement: str, values: Sequence[Any], *, page: int
) -> Iterator[list[tuple[Any, ...]]]:
    """Give the rows of a statement some at a time, as the driver has them; the database keeps the rest.

    `values` are its $1, $2 and so on.
    """
    is_sqlite = connection.dialect.name == "sqlite"
    driver: Any = connection.dialect.loaded_dbapi
    raw: Any = connection.connection.dbapi_connection
    cursor: Any = raw.cursor() if is_sqlite else driver.RawServerCursor(raw, f"streamed_{next(_numbers)}")
    with _as_sqlalchemys(connection, cursor), closing(cursor):
        if is_sqlite:
            cursor.execute(statement, {str(place): value for place, value in enumerate(values, start=1)})
        else:
            cursor.execute(statement, values, binary=True)
        while rows := cursor.fetchmany(page):
            yield rows


_numbers = count()
"""Names of cursors, which a transaction must not have twice."""


def answers(database: Database) -> bool:
    """Say whether the database answers a trivial question now."""
    try:
        with database.reading() as session:
            session.execute(text("SELECT 1"))
    except DBAPIError:
        return False
    return True
