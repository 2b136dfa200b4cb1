"""What no reader can read is named by the doctor and the verifier, and ends neither of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Text, cast, insert, select, text

from models import Base, Database, Node
from models.changes import key_column
from tests.conftest import KINDS, Templates
from tests.university import University
from tests.workflow.history import OFFICE, founding, passing, unlock, without_foreign_keys
from tests.workflow.sealed import SealedLog
from workflow.doctor import examine
from workflow.operations.watching import Part, look
from workflow.side_by_side import verify_log, verify_sealed
from workflow.verify import verify
from workflow.verify_tree import verify_tree

ON_SQLITE = (
    ("cases", "state", "X'00ff'"),
    ("cases", "state", "CAST(X'41ff' AS TEXT)"),
    ("cases", "log_seq", "'zz'"),
    ("cases", "opened_at", "'noon'"),
    ("cases", "opened_at", "replace(opened_at, ' ', 'T')"),
    ("cases", "opened_at", "substr(opened_at, 1, 19)"),
    ("cases", "facts", "'{'"),
    ("cases", "facts", "CAST(facts AS BLOB)"),
    ("calls", "opens_on", "'2026-02-30'"),
    ("calls", "opens_on", "20260301"),
    ("people", "external", "2"),
    ("documents", "size", "1.5"),
    ("blobs", "content", "'text'"),
    ("timers", "due_at", "replace(due_at, '-', '')"),
    ("installation", "value", "X'31'"),
)
"""Table, column and what somebody puts there; every row of the table gets it that has a value."""

ON_POSTGRESQL = (
    ("timers", "due_at", "'infinity'"),
    ("timers", "due_at", "'12000-01-01'"),
    ("calls", "opens_on", "'-infinity'"),
)


@pytest.fixture(scope="module", params=KINDS)
def here(
    request: pytest.FixtureRequest, templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[University]:
    url = templates.copy(request.param)
    database = Database(url)
    university = University.founded(database)
    founding(university, *OFFICE)
    university.signed()
    founding(university, "documents")
    SealedLog.made(database, tmp_path_factory.mktemp("log"), entries=20, every=10)
    yield university
    database.dispose()
    templates.drop(url)


def of(database: Database) -> tuple[tuple[str, str, str], ...]:
    return ON_SQLITE if database.is_sqlite else ON_POSTGRESQL


def test_values_of_another_kind_are_named_by_the_doctor(here: University) -> None:
    for name, column, value in of(here.database):
        table = Base.metadata.tables[name]
        with passing(here.database) as session:
            without_foreign_keys(session)
            touched = session.execute(
                text(f"UPDATE {name} SET {column} = {value} WHERE {column} IS NOT NULL")
            )
            keys = set(session.scalars(select(cast(table.c[key_column(name)], Text))))

            named = {(one.table, one.key, one.column) for one in examine(session)}

        assert touched.rowcount, f"no row of {name} was touched"  # type: ignore[attr-defined]
        assert {(name, key, column) for key in keys} & named, (name, column, value)


def test_fraction_in_a_json_column_is_named(here: University) -> None:
    with passing(here.database) as session:
        session.execute(text("""UPDATE cases SET facts = '{"a": 1.5}'"""))

        named = {(one.table, one.column) for one in examine(session)}

    assert ("cases", "facts") in named


def test_fraction_in_the_place_of_a_personal_value_breaks_its_commitment(here: University) -> None:
    with passing(here.database) as session:
        session.execute(text("UPDATE disclosures SET value = '1.5'"))

        verdict, named = verify(session), {(one.table, one.column) for one in examine(session)}

    assert {str(one.kind) for one in verdict.findings} == {"commitment_broken"}
    assert ("people", "name") not in named, "the row was not touched"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("revision", '"x"'),
        ("revision", "null"),
        ("revision", "true"),
        ("revision", "-5"),
        ("demonstration", "[]"),
        ("clock_offset_seconds", "{}"),
        ("clock_offset_seconds", "99999999999999"),
        ("clock_offset_seconds", "-1"),
    ],
)
def test_value_of_the_installation_that_is_none_is_named(here: University, name: str, value: str) -> None:
    with passing(here.database) as session:
        session.execute(text("DELETE FROM installation WHERE name = :name"), {"name": name})
        kind = "jsonb" if not here.database.is_sqlite else "text"
        session.execute(
            text(f"INSERT INTO installation (name, value) VALUES (:name, CAST(:value AS {kind}))"),
            {"name": name, "value": value},
        )

        named = {(one.table, one.key, one.column) for one in examine(session)}

    assert ("installation", name, "value") in named


@pytest.mark.parametrize("year", [-1, 0, 10000])
def test_year_of_no_calendar_is_named(here: University, year: int) -> None:
    with passing(here.database) as session:
        session.execute(
            text(
                "UPDATE calendar_years SET year = :year WHERE year = (SELECT min(year) FROM calendar_years)"
            ),
            {"year": year},
        )

        named = {(one.table, one.key, one.column) for one in examine(session)}

    assert ("calendar_years", str(year), "year") in named


ENTRIES = (
    ("stream", "CAST(stream AS BLOB)"),
    ("seq", "'zz'"),
    ("seq", "1.5"),
    ("kind", "CAST(X'41ff' AS TEXT)"),
    ("hash", "X'00'"),
    ("actor", "X'ff'"),
    ("recorded_at", "'noon'"),
    ("recorded_at", "replace(recorded_at, ' ', 'T')"),
    ("effective_on", "X'00'"),
)


def test_columns_of_an_entry_that_cannot_be_read_are_named_by_the_verifier(here: University) -> None:
    if not here.database.is_sqlite:
        pytest.skip("PostgreSQL keeps no such values")
    with here.database.reading() as session:
        chosen = session.execute(
            text("SELECT id, stream, seq FROM entries WHERE stream LIKE 'system:test%'")
        ).first()
    assert chosen is not None
    for column, value in ENTRIES:
        with passing(here.database) as session:
            unlock(session)
            session.execute(text(f"UPDATE entries SET {column} = {value} WHERE id = {chosen.id}"))

            found = verify(session).findings

        places = {(one.stream, one.seq) for one in found if one.details.get("column", column) == column}
        seq = 0 if column == "seq" and value == "'zz'" else chosen.seq
        assert {(chosen.stream, seq), (chosen.stream, 0)} & places, (column, value, found)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("streams", "seq", "'zz'"),
        ("streams", "name", "CAST(name AS BLOB)"),
        ("disclosures", "value", "'{'"),
        ("disclosures", "salt", "X'00'"),
    ],
)
def test_tables_beside_the_entries_that_cannot_be_read_are_named(
    here: University, table: str, column: str, value: str
) -> None:
    if not here.database.is_sqlite:
        pytest.skip("PostgreSQL keeps no such values")
    with passing(here.database) as session:
        session.execute(text(f"UPDATE {table} SET {column} = {value}"))

        found = verify(session).findings

    assert found


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("log_keys", "public_key", "'x'"),
        ("checkpoints", "note", "CAST(note AS BLOB)"),
        ("checkpoints", "size", "'zz' || size"),
        ("leaves", "hash", "X'00'"),
        ("leaves", "hash", "'zz'"),
        ("sealing", "size", "'zz'"),
    ],
)
def test_tree_that_cannot_be_read_is_named(
    here: University, table: str, column: str, value: str, tmp_path: Path
) -> None:
    if not here.database.is_sqlite and (table, value) != ("log_keys", "'x'"):
        pytest.skip("PostgreSQL keeps no such values")
    with here.database.reading() as session:
        note = session.execute(text("SELECT note FROM checkpoints ORDER BY size DESC")).scalar()
    (tmp_path / "checkpoint-000000000021.txt").write_text(str(note), encoding="utf-8")
    with passing(here.database) as session:
        session.execute(text(f"UPDATE {table} SET {column} = {value}"))

        named = verify_tree(session).findings
        seen = look(session, Part(position=0, newest=0), folder=tmp_path).findings

    assert named
    assert seen


@pytest.mark.parametrize("place", [2**63 - 1, -1, -(2**63), (63 << 48) + 2**48 - 1, 2**54 - 2**8])
def test_node_of_no_tree_is_named_by_its_place(here: University, place: int) -> None:
    """No level of any tree lies so high or so low, and what is below it would have no number in the database."""
    with passing(here.database) as session:
        session.execute(insert(Node).values(place=place, hash="0" * 64))

        named = [one for one in verify_tree(session).findings if one.details.get("place") == place]
        seen = look(session, Part(position=0, newest=0), folder=None).findings

    assert [(str(one.kind), one.stream) for one in named] == [("tree_differs", "tree")]
    assert 0 <= named[0].seq < 2**63
    assert "tree_differs" in {str(one.kind) for one in seen}


@pytest.mark.parametrize("size", ["'zz'", "X'00'", str(2**63 - 1), "-5"])
def test_size_of_the_tree_that_is_none_is_named_by_several_processes_too(
    database: Database, tmp_path: Path, size: str
) -> None:
    if not database.is_sqlite and size[-1] == "'":
        pytest.skip("PostgreSQL keeps no such values")
    SealedLog.made(database, tmp_path, entries=20, every=10)
    with database.transaction() as session:
        session.execute(text(f"UPDATE sealing SET size = {size}"))

    assert verify_sealed(database, processes=2, short=0).findings


def test_name_of_a_stream_that_is_no_text_is_named_by_several_processes_too(
    sqlite_database: Database, tmp_path: Path
) -> None:
    SealedLog.made(sqlite_database, tmp_path, entries=20, every=10)
    with sqlite_database.transaction() as session:
        unlock(session)
        session.execute(text("UPDATE entries SET stream = CAST(X'41ff' || id AS TEXT) WHERE id > 2"))

    found = verify_log(sqlite_database, processes=2, short=0).findings

    assert "unreadable" in {str(one.kind) for one in found}
