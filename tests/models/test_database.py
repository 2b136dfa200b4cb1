"""One place commits, reading cannot write, and a passing fault of the database is tried again a bounded number of times."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from models import Counter, Database, UnitName
from models.database import ATTEMPTS, ReadOnly, answers, driver_cursor, is_passing, streamed
from models.schema import create_all


class Stop(Exception):
    pass


def value(database: Database) -> int | None:
    with database.reading() as session:
        return session.scalar(select(Counter.value).where(Counter.name == "c"))


def add(session: Session, number: int = 1) -> None:
    session.add(Counter(name="c", value=number))
    session.flush()


def increase(session: Session) -> None:
    row = session.get(Counter, "c", with_for_update=True, populate_existing=True)
    assert row is not None
    row.value += 1
    session.flush()


def test_transaction_commits_as_a_whole(database: Database) -> None:
    with database.transaction() as session:
        add(session)

    assert value(database) == 1


def test_transaction_that_raises_leaves_nothing(database: Database) -> None:
    def work(session: Session) -> None:
        add(session)
        raise Stop

    with pytest.raises(Stop):
        database.run(work)

    assert value(database) is None


def test_reading_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError, match="readonly|read-only"), database.reading() as session:
        add(session)

    assert value(database) is None


def test_writing_is_possible_after_reading_on_the_same_connection(database: Database) -> None:
    assert value(database) is None

    with database.transaction() as session:
        add(session)

    assert value(database) == 1


def test_reading_leaves_the_connection_its_prepared_statements(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite keeps compiled statements whatever happens")
    sql = "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%counters%'"
    with database.transaction() as session:
        for _ in range(10):
            session.scalar(select(Counter.value))

    with database.reading() as session:
        session.scalar(select(Counter.value))

    with database.transaction() as session:
        assert session.scalars(text(sql)).all()


def test_reading_sees_one_state_while_others_write(database: Database) -> None:
    with database.transaction() as session:
        add(session)
    query = select(Counter.value).where(Counter.name == "c")

    with database.reading() as session:
        before = session.scalar(query)
        with database.transaction() as other:
            increase(other)
        after = session.scalar(query)

    assert (before, after, value(database)) == (1, 1, 2)


def test_foreign_keys_hold(database: Database) -> None:
    nobodys = UnitName(unit_id="01900000-0000-7000-8000-000000000000", name="x")

    def work(session: Session) -> None:
        session.add(nobodys)
        session.flush()

    with pytest.raises(IntegrityError):
        database.run(work)


def test_writers_wait_for_one_another(database: Database) -> None:
    with database.transaction() as session:
        add(session, 0)
    ready = threading.Barrier(4)

    def work() -> None:
        ready.wait()
        for _ in range(10):
            database.run(increase)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work) for _ in range(4)]:
            future.result()

    assert value(database) == 40


def test_sqlite_waits_and_keeps_what_it_acknowledged(sqlite_database: Database) -> None:
    with sqlite_database.engine.connect() as connection:
        found = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }

    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30000}


# ───────────────────────────── The line of those who wait to write to SQLite


def waiting(database: Database, done: Callable[[], None]) -> threading.Thread:
    """Start somebody who waits to write; give them a moment to come to the head of the line."""

    def work() -> None:
        database.run(increase)
        done()

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.1)
    return thread


def test_busy_writer_does_not_overtake_who_waits(sqlite_database: Database) -> None:
    with sqlite_database.transaction() as session:
        add(session, 0)
    came = threading.Event()
    overtaken = 0

    with sqlite_database.transaction() as session:
        increase(session)
        thread = waiting(sqlite_database, came.set)
    while not came.is_set():
        sqlite_database.run(Session.connection)
        overtaken += 1
    thread.join()

    assert overtaken <= 3


WAITER = """
import sys
from models import Database
print("here", flush=True)
Database(sys.argv[1]).run(lambda session: session.connection())
"""


def test_killed_process_leaves_the_line(sqlite_database: Database) -> None:
    url = sqlite_database.url.render_as_string()

    with sqlite_database.transaction() as session:
        add(session, 0)
        child = subprocess.Popen([sys.executable, "-c", WAITER, url], stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"here\n"
        time.sleep(0.2)
        child.kill()
        child.communicate()
    began = time.monotonic()
    sqlite_database.run(increase)

    assert time.monotonic() - began < 5
    assert value(sqlite_database) == 1


def test_who_waits_too_long_is_told(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.database.PATIENCE", 0.2)

    with sqlite_database.transaction() as session:
        add(session)
        with pytest.raises(OperationalError, match="locked"), sqlite_database.transaction() as other:
            other.connection()

    assert value(sqlite_database) == 1


def test_database_in_memory_has_no_line() -> None:
    database = Database("sqlite:///:memory:")
    create_all(database)

    with database.transaction() as session:
        add(session)
        assert session.scalar(select(Counter.value)) == 1
    database.dispose()


# ───────────────────────────── Faults


def failing(times: int, error: Callable[[Session], None]) -> tuple[Callable[[Session], int], list[int]]:
    """Work that writes, and fails so many times before it succeeds."""
    tries: list[int] = []

    def work(session: Session) -> int:
        tries.append(len(tries) + 1)
        add(session, len(tries))
        if len(tries) <= times:
            error(session)
        return len(tries)

    return work, tries


def locked(session: Session) -> None:
    raise OperationalError("BEGIN IMMEDIATE", {}, sqlite3.OperationalError("database is locked"))


def test_passing_fault_is_tried_again_and_nothing_of_the_failed_tries_stays(database: Database) -> None:
    work, tries = failing(2, locked)

    answer = database.run(work)

    assert (answer, tries, value(database)) == (3, [1, 2, 3], 3)


def test_passing_fault_is_reported_in_the_end(database: Database) -> None:
    work, tries = failing(ATTEMPTS, locked)

    with pytest.raises(OperationalError, match="locked"):
        database.run(work)

    assert (len(tries), value(database)) == (ATTEMPTS, None)


def test_lasting_fault_is_reported_at_once(database: Database) -> None:
    work, tries = failing(1, lambda session: add(session))

    with pytest.raises(IntegrityError):
        database.run(work)

    assert tries == [1]


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03"])
def test_fault_postgresql_names_as_passing_is_tried_again(database: Database, state: str) -> None:
    if database.is_sqlite:
        pytest.skip("PostgreSQL's own states")

    def raised(session: Session) -> None:
        session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$"))

    work, tries = failing(1, raised)

    assert (database.run(work), len(tries), value(database)) == (2, 2, 2)


def through_sqlalchemy(session: Session, sql: str) -> None:
    session.execute(text(sql))


def through_the_driver(session: Session, sql: str) -> None:
    with driver_cursor(session.connection()) as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize("executed", [through_sqlalchemy, through_the_driver])
def test_lost_connection_is_opened_anew(database: Database, executed: Callable[[Session, str], None]) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite has no connection to lose")

    def cut(session: Session) -> None:
        executed(session, "SELECT pg_terminate_backend(pg_backend_pid())")

    work, tries = failing(1, cut)

    assert (database.run(work), len(tries), value(database)) == (2, 2, 2)


@pytest.mark.parametrize(
    ("fault", "passes"),
    [
        (sqlite3.OperationalError("database is locked"), True),
        (sqlite3.OperationalError("disk I/O error"), False),
        (sqlite3.OperationalError("database or disk is full"), False),
        (sqlite3.IntegrityError("UNIQUE constraint failed"), False),
    ],
)
def test_fault_of_sqlite_passes_or_lasts(fault: Exception, passes: bool) -> None:
    assert is_passing(OperationalError("", {}, fault)) is passes


def test_database_answers(database: Database) -> None:
    assert answers(database) is True


def test_database_that_is_away_does_not_answer(tmp_path: Path) -> None:
    away = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"this is no database, however long it is" * 100)

    assert (answers(away), answers(Database(f"sqlite:///{broken}"))) == (False, False)


def test_rows_are_streamed_some_at_a_time(database: Database) -> None:
    numbers = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 7) "
        "SELECT i, 'x' FROM n WHERE i > CAST($1 AS INTEGER) AND i <= CAST($2 AS INTEGER) ORDER BY i"
    )
    with database.reading() as session:
        pages = list(streamed(session.connection(), numbers, [1, 6], page=2))
        side_by_side = zip(
            streamed(session.connection(), numbers, [0, 7], page=3),
            streamed(session.connection(), numbers, [3, 7], page=3),
            strict=False,
        )

        assert pages == [[(2, "x"), (3, "x")], [(4, "x"), (5, "x")], [(6, "x")]]
        assert [(one[0][0], two[0][0]) for one, two in side_by_side] == [(1, 4), (4, 7)]


def test_errors_while_streaming_are_sqlalchemys(database: Database) -> None:
    with database.reading() as session:
        with pytest.raises(DBAPIError):
            next(streamed(session.connection(), "SELECT nothing FROM nowhere", [], page=2))
        session.rollback()


def test_database_closed_for_writing_is_so_over_bounded_connections_too(database: Database) -> None:
    database.close_for_writing()
    bounded = database.bounded(15)

    with pytest.raises(ReadOnly), bounded.transaction():
        pass
    bounded.dispose()
