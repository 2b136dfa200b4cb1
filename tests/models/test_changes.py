"""A list of changes becomes rows in few statements, alike on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError

from models import Base, Case, Counter, Database, Timer, Unit, new_key
from models.changes import (
    INSERT,
    UPDATE,
    Change,
    Overtaken,
    instant_text,
    key_column,
    key_value,
    merged,
    plain,
    typed,
    write,
)
from tests.university import University

AT = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)


def unit(name: str, key: str | None = None) -> Change:
    key = key or new_key()
    values = {"id": key, "kind": "college", "name": name, "succeeded_by": None}
    return Change(table="units", op=INSERT, key=key, values=values)


def names(database: Database) -> list[str]:
    with database.reading() as session:
        return sorted(session.scalars(select(Unit.name)))


# ───────────────────────────── Writing


def test_rows_are_inserted_and_updated_in_one_go(database: Database) -> None:
    first, second = unit("一"), unit("二")
    with database.transaction() as session:
        write(session, [first, second])

    with database.transaction() as session:
        renamed = Change(table="units", op=UPDATE, key=first.key, values={"name": "聊城 \"'%s:x\\"})
        closed = Change(table="units", op=UPDATE, key=second.key, values={"succeeded_by": first.key})
        counter = Change(table="counters", op=INSERT, key="c", values={"name": "c", "value": 1})
        write(session, [renamed, closed, unit("三"), counter])

    with database.reading() as session:
        rows = {row.id: (row.name, row.succeeded_by) for row in session.scalars(select(Unit))}
        counted = session.scalar(select(Counter.value))
    assert rows[first.key] == ("聊城 \"'%s:x\\", None)
    assert rows[second.key] == ("二", first.key)
    assert (len(rows), counted) == (3, 1)


def test_changes_of_one_row_are_written_once(database: Database) -> None:
    made = unit("一")
    renamed = Change(table="units", op=UPDATE, key=made.key, values={"name": "二"})

    with database.transaction() as session:
        write(session, [made, renamed])

    assert names(database) == ["二"]


def test_nothing_to_write_is_no_statement(database: Database) -> None:
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    with database.transaction() as session:
        write(session, [])

    assert [statement for statement in statements if not statement.startswith("BEGIN")] == []


def test_postgresql_takes_one_statement_for_everything(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite takes one per table")
    counter = Change(table="counters", op=INSERT, key="c", values={"name": "c", "value": 1})

    with database.transaction() as session:
        write(session, [unit("一"), unit("二"), counter])
        # A row remembers by which command of its transaction it was written.
        commands = set(
            session.scalars(text("SELECT cmin::text FROM units UNION SELECT cmin::text FROM counters"))
        )

    assert len(commands) == 1


def test_a_thousand_rows_are_written(database: Database) -> None:
    with database.transaction() as session:
        write(session, [unit(f"{number:04d}") for number in range(1000)])

    assert names(database) == [f"{number:04d}" for number in range(1000)]


def test_broken_constraint_undoes_everything(database: Database) -> None:
    with pytest.raises(DBAPIError), database.transaction() as session:
        write(session, [unit("一"), unit("一")])

    assert names(database) == []


def test_every_kind_of_column_comes_back_as_it_went_in(database: Database) -> None:
    here = University.founded(database)
    case_id = here.signed()
    with database.transaction() as session:
        timer = session.scalars(
            select(Timer).where(Timer.case_id == case_id, Timer.name == "yearly_data")
        ).one()
        facts = {"text": '聊"\n', "list": [1, None, True], "empty": {}}
        moved = timer.due_at + timedelta(microseconds=1)
        write(
            session,
            [
                Change(table="cases", op=UPDATE, key=case_id, values={"facts": facts, "closed_at": moved}),
                Change(
                    table="timers",
                    op=UPDATE,
                    key=timer.id,
                    values={
                        "provisional": False,
                        "due_at": moved,
                        "due_on": date(2024, 2, 29),
                        "period": None,
                    },
                ),
            ],
        )

    with database.reading() as session:
        case, row = session.get_one(Case, case_id), session.get_one(Timer, timer.id)
    assert (case.facts, case.closed_at) == (facts, moved)
    assert (row.provisional, row.due_at, row.due_on, row.period) == (False, moved, date(2024, 2, 29), None)


# ───────────────────────────── Versions and order


def versioned(case_id: str, *, seen: int) -> Change:
    return Change(table="cases", op=UPDATE, key=case_id, values={"version": seen + 1}, seen=seen)


def test_case_that_has_moved_is_not_written_and_nothing_else_either(database: Database) -> None:
    here = University.founded(database)
    case_id = here.proposed()
    version = here.case(case_id).version

    with pytest.raises(Overtaken), database.transaction() as session:
        write(session, [versioned(case_id, seen=version - 1), unit("一")])

    assert here.case(case_id).version == version
    assert "一" not in names(database)


def test_case_at_the_version_seen_is_written(database: Database) -> None:
    here = University.founded(database)
    case_id = here.proposed()
    version = here.case(case_id).version

    with database.transaction() as session:
        write(session, [versioned(case_id, seen=version)])

    assert here.case(case_id).version == version + 1


def test_of_several_cases_one_that_has_moved_stops_all(database: Database) -> None:
    here = University.founded(database)
    cases = [here.proposed(), here.proposed()]
    versions = [here.case(case_id).version for case_id in cases]
    stale = [versioned(cases[0], seen=versions[0]), versioned(cases[1], seen=versions[1] - 1)]

    with pytest.raises(Overtaken), database.transaction() as session:
        write(session, stale)

    assert [here.case(case_id).version for case_id in cases] == versions


def test_timer_is_ended_before_its_successor_is_armed(database: Database) -> None:
    """Both in one statement, though at most one timer of a name may run: `one_open_timer_per_name`."""
    here = University.founded(database)
    case_id = here.approved()
    columns = Base.metadata.tables["timers"]
    with database.transaction() as session:
        old = dict(session.execute(select(columns).where(columns.c.case_id == case_id)).mappings().one())
        ended = Change(
            table="timers", op=UPDATE, key=old["id"], values={"status": "cancelled", "ended_seq": 9}
        )
        new = {**old, "id": new_key(), "armed_seq": 9}
        write(session, [Change(table="timers", op=INSERT, key=new["id"], values=new), ended])

    with database.reading() as session:
        found = {row.id: row.status for row in session.scalars(select(Timer).where(Timer.case_id == case_id))}
    assert found == {old["id"]: "cancelled", new["id"]: "open"}


# ───────────────────────────── Values


def test_merging_lets_the_later_value_win_and_keeps_the_version_seen() -> None:
    first = Change(table="cases", op=UPDATE, key="a", values={"version": 2, "state": "x"}, seen=1)
    other = Change(table="cases", op=UPDATE, key="b", values={"version": 9}, seen=8)
    second = Change(table="cases", op=UPDATE, key="a", values={"state": "y", "log_seq": 3})

    assert merged([first, other, second]) == [
        Change(table="cases", op=UPDATE, key="a", values={"version": 2, "state": "y", "log_seq": 3}, seen=1),
        other,
    ]


@pytest.mark.parametrize(
    ("moment", "spelled"),
    [
        (datetime(2026, 3, 10, 2, tzinfo=UTC), "2026-03-10T02:00:00.000000Z"),
        (
            datetime(2026, 3, 10, 10, 0, 0, 250, tzinfo=timezone(timedelta(hours=8))),
            "2026-03-10T02:00:00.000250Z",
        ),
        (datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC), "2024-02-29T23:59:59.999999Z"),
    ],
)
def test_instant_has_one_spelling(moment: datetime, spelled: str) -> None:
    assert instant_text(moment) == spelled


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        ("聊", "聊"),
        (date(2026, 3, 10), "2026-03-10"),
        (AT, "2026-03-10T02:00:00.000000Z"),
        ({"a": (1, date(2026, 3, 10))}, {"a": [1, "2026-03-10"]}),
        (frozenset({"b", "a"}), ["a", "b"]),
    ],
)
def test_value_is_made_plain(value: Any, expected: Any) -> None:
    assert plain(value) == expected


def test_row_read_as_json_gets_its_types_back() -> None:
    row = {
        "due_at": "2026-03-10 10:00:00+08:00",
        "due_on": "2026-03-10",
        "provisional": 1,
        "period": 2026,
        "fired_at": None,
    }

    assert typed("timers", row) == {
        "due_at": AT, "due_on": date(2026, 3, 10), "provisional": True, "period": 2026, "fired_at": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("cases", "01900000-0000-7000-8000-000000000000", "01900000-0000-7000-8000-000000000000"),
        ("holidays", "2026-10-01", date(2026, 10, 1)),
        ("calendar_years", "2026", 2026),
        ("counters", "LP2026-", "LP2026-"),
    ],
)
def test_key_of_a_change_is_read_as_its_column_keeps_it(table: str, key: str, value: Any) -> None:
    assert key_value(table, key) == value


@pytest.mark.parametrize(("table", "key"), [("cases", "x"), ("holidays", "x"), ("calendar_years", "x")])
def test_key_that_cannot_be_one_is_refused(table: str, key: str) -> None:
    with pytest.raises(ValueError, match="x"):
        key_value(table, key)


def test_every_table_has_one_key_column() -> None:
    several = [name for name, table in Base.metadata.tables.items() if len(table.primary_key.columns) != 1]

    assert several == []
    assert (key_column("bases"), key_column("holidays")) == ("case_id", "day")
