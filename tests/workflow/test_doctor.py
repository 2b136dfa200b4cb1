"""The doctor finds every direct edit of a table a decision writes, and nothing in an honest history."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Date, Integer, Table, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from models import Base, Case, Database, Disclosure, Entry, Installation, Timer
from models.changes import UPDATE, Change, key_column
from models.types import Key, UTCDateTime
from tests.conftest import KINDS, Templates
from tests.university import University
from tests.workflow.history import (
    OFFICE,
    founding,
    imported,
    link,
    lived,
    office,
    passing,
    unlock,
    without_foreign_keys,
)
from workflow import gather
from workflow.doctor import as_of, examine
from workflow.log import UNLOGGED_COLUMNS
from workflow.operations.steps import note, write_steps
from workflow.replay import Discrepancy

OTHER_KEY = "01900000-0000-7000-8000-000000000000"

CASE_TABLES = (
    "cases", "bases", "passages", "agreements", "grades", "clawbacks", "bans", "hand_ins", "duties", "pending_acts",
    "deadline_decisions", "timers",
)  # fmt: skip
TABLES = (
    *CASE_TABLES, "partners", "people", "grants", "units", "calls", "editions", "holidays", "calendar_years",
    "documents", "accounts", "api_tokens", "calendar_links", "settings", "unit_names", "partner_names",
)  # fmt: skip

WORDS = {
    "timers.status": "cancelled",
    "deadline_decisions.kind": "resumed",
    "holidays.kind": "work",
    "units.kind": "university",
    "pending_acts.status": "open",
}
"""Columns a check constraint allows only certain words in."""

REFUSED = {"deadline_decisions.days_left"}
"""Columns a constraint lets nobody edit by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """A university with a long history, and some of its cases by name."""

    university: University
    cases: dict[str, str]

    @property
    def database(self) -> Database:
        return self.university.database


@pytest.fixture(scope="module", params=KINDS)
def history(request: pytest.FixtureRequest, templates: Templates) -> Iterator[Lived]:
    """One long history per database; whoever edits it rolls the edit back."""
    url = templates.copy(request.param)
    database = Database(url)
    here = University.founded(database)
    founding(here, *OFFICE)
    cases = lived(here)
    imported(here)
    founding(here, "documents")
    office(here, cases)
    link(here)
    yield Lived(university=here, cases=cases)
    database.dispose()
    templates.drop(url)


def findings(database: Database) -> list[Discrepancy]:
    with database.reading() as session:
        return examine(session)


# ───────────────────────────── Honest histories


def test_long_honest_history_gives_no_finding(history: Lived) -> None:
    found = findings(history.database)

    assert found == []


def test_history_goes_on_after_forty_days_of_silence(database: Database) -> None:
    here = University.founded(database)
    here.signed()
    here.sweep(datetime(2031, 10, 1, tzinfo=UTC))

    assert findings(database) == []


def test_empty_database_gives_no_finding(database: Database) -> None:
    with database.reading() as session:
        assert examine(session) == []


def test_progress_counts_every_entry_once(history: Lived) -> None:
    steps: list[tuple[int, int]] = []

    with history.database.reading() as session:
        examine(session, progress=lambda done, total: steps.append((done, total)))
        total = len(session.execute(select(Entry.id)).all())

    assert steps[-1] == (total, total)
    assert steps == sorted(steps)


# ───────────────────────────── Direct edits


def other(table: str, column: Any, value: Any) -> Any:
    """A value of the column's kind that is not the one it has."""
    word = WORDS.get(f"{table}.{column.name}")
    if word is not None:
        return word
    kind = column.type
    if isinstance(kind, Key):
        return OTHER_KEY
    if isinstance(kind, UTCDateTime):
        return (value or datetime(2020, 1, 1, tzinfo=UTC)) + timedelta(seconds=1)
    if isinstance(kind, Date):
        return (value or date(2999, 1, 1)) + timedelta(days=1)
    if isinstance(kind, Boolean):
        return not value
    if isinstance(kind, Integer):
        return (value or 0) + 100
    if isinstance(kind, JSON):
        return {"edited": True}
    if column.name == "sha256":
        return hashlib.sha256(b"other").hexdigest()
    return f"{value or ''}x"


def logged_columns(table: Table) -> Iterator[Any]:
    left_out = UNLOGGED_COLUMNS.get(table.name, frozenset()) | {key_column(table.name)}
    return (column for column in table.columns if column.name not in left_out)


@pytest.mark.parametrize("name", TABLES)
def test_edited_field_is_named(history: Lived, name: str) -> None:
    table = Base.metadata.tables[name]
    key = table.c[key_column(name)]
    with history.database.reading() as session:
        rows = session.execute(select(table).order_by(key)).mappings().all()
    assert rows, f"the history has no row of {name}"
    row = rows[len(rows) // 2]

    columns = tuple(logged_columns(table))
    together = edited(history, table, row, columns) or set()
    hidden = [column for column in columns if (name, str(row[key.name]), column.name) not in together]

    for column in hidden:  # by another edit of the row, or all refused together: looked at alone
        named = edited(history, table, row, (column,))
        if named is None:
            assert f"{name}.{column.name}" in REFUSED, f"no edit of {name}.{column.name} was tried"
            continue
        assert (name, str(row[key.name]), column.name) in named, (
            f"an edit of {name}.{column.name} was not found"
        )


def edited(
    history: Lived, table: Table, row: Any, columns: Iterable[Any]
) -> set[tuple[str, str | None, str | None]] | None:
    """Edit columns of a row, and return what the doctor names; None where a constraint does not let it be edited so.

    The edit is rolled back.
    """
    key = table.c[key_column(table.name)]
    values = {column.name: other(table.name, column, row[column.name]) for column in columns}
    try:
        with passing(history.database) as session:
            without_foreign_keys(session)
            session.execute(table.update().where(key == row[key.name]).values(values))
            return {(found.table, found.key, found.column) for found in examine(session)}
    except IntegrityError:
        return None


@pytest.mark.parametrize("name", TABLES)
def test_deleted_row_is_named(history: Lived, name: str) -> None:
    table = Base.metadata.tables[name]
    key = table.c[key_column(name)]
    with passing(history.database) as session:
        without_foreign_keys(session)
        query = select(key)
        chosen = session.scalars(query.order_by(key)).first()
        session.execute(table.delete().where(key == chosen))

        named = {(found.table, found.key) for found in examine(session)}

    assert (name, str(chosen)) in named


@pytest.mark.parametrize("name", [name for name in TABLES if name not in ("cases", "bases")])
def test_added_row_is_named(history: Lived, name: str) -> None:
    table = Base.metadata.tables[name]
    key = key_column(name)
    with passing(history.database) as session:
        without_foreign_keys(session)
        row = dict(session.execute(select(table).order_by(table.c[key])).mappings().first() or {})
        row |= {key: other(name, table.c[key], row[key])}
        if name == "holidays":
            row[key] = date(2999, 1, 1)
        if name == "calendar_years":
            row[key] = 2999
        unique: dict[str, dict[str, Any]] = {"partners": {"code_identity": "X"}, "people": {"staff_number": "X"}, "units": {"name": "X"},
                  "passages": {"place": 99}, "timers": {"name": "X"}, "accounts": {"login": "X"},
                  "api_tokens": {"sha256": "0" * 64},
                  "calendar_links": {"sha256": "0" * 64, "revoked_at": datetime(2031, 1, 11, tzinfo=UTC)},
                  "editions": {"label": "X"}}  # fmt: skip
        session.execute(table.insert().values({**row, **unique.get(name, {})}))

        named = {(found.table, found.key, found.expected) for found in examine(session)}

    assert (name, str(row[key]), None) in named


def test_notice_sent_to_another_person_is_named(history: Lived) -> None:
    table = Base.metadata.tables["notices"]
    with passing(history.database) as session:
        chosen = session.scalars(
            select(table.c.id).where(table.c.stable_key.not_like("rung:%")).limit(1)
        ).one()
        stranger = history.university.people["stranger"]
        session.execute(table.update().where(table.c.id == chosen).values(person_id=stranger))

        found = examine(session)

    assert [(one.table, one.key, one.column, one.found) for one in found] == [
        ("notices", chosen, "person_id", stranger)
    ]


def test_lost_notice_is_named(history: Lived) -> None:
    table = Base.metadata.tables["notices"]
    with passing(history.database) as session:
        key = session.scalars(
            select(table.c.stable_key).where(table.c.stable_key.not_like("rung:%")).limit(1)
        ).one()
        session.execute(table.delete().where(table.c.stable_key == key))

        found = examine(session)

    assert found == [Discrepancy(table="notices", key=key, column="stable_key", expected=key, found=None)]


def test_counter_set_back_is_named(history: Lived) -> None:
    table = Base.metadata.tables["counters"]
    with passing(history.database) as session:
        value = session.scalars(select(table.c.value).where(table.c.name == "LP2026-")).one()
        session.execute(table.update().where(table.c.name == "LP2026-").values(value=value - 1))

        found = examine(session)

    assert found == [
        Discrepancy(table="counters", key="LP2026-", column="value", expected=value, found=value - 1)
    ]


def test_exchanged_file_is_named(history: Lived) -> None:
    table = Base.metadata.tables["blobs"]
    with passing(history.database) as session:
        chosen = session.scalars(select(table.c.sha256).limit(1)).one()
        session.execute(table.update().where(table.c.sha256 == chosen).values(content=b"%PDF-1.4 other"))

        found = examine(session)

    assert [(one.table, one.key, one.column) for one in found] == [("blobs", chosen, "content")]


def test_lost_file_is_named(history: Lived) -> None:
    documents, blobs = Base.metadata.tables["documents"], Base.metadata.tables["blobs"]
    with passing(history.database) as session:
        without_foreign_keys(session)
        chosen = session.scalars(select(documents.c.sha256).limit(1)).one()
        session.execute(blobs.delete().where(blobs.c.sha256 == chosen))

        found = examine(session)

    assert found == [Discrepancy(table="blobs", key=chosen, column="sha256", expected=chosen, found=None)]


def test_file_of_a_document_set_down_to_be_thrown_away_is_named(history: Lived) -> None:
    documents, blobs = Base.metadata.tables["documents"], Base.metadata.tables["blobs"]
    with passing(history.database) as session:
        chosen = session.scalars(select(documents.c.sha256).limit(1)).one()
        session.execute(
            blobs.update().where(blobs.c.sha256 == chosen).values(until=datetime(2020, 1, 1, tzinfo=UTC))
        )

        found = examine(session)

    assert [(one.table, one.key, one.column, one.found) for one in found] == [
        ("blobs", chosen, "until", "2020-01-01T00:00:00.000000Z")
    ]


@pytest.mark.parametrize("wakes", [None, timedelta(days=900)])
def test_deadline_nobody_would_look_at_is_named(history: Lived, wakes: timedelta | None) -> None:
    with passing(history.database) as session:
        chosen = session.execute(select(Timer.id, Timer.due_at).where(Timer.status == "open").limit(1)).one()
        wake_at = chosen.due_at + wakes if wakes is not None else None
        session.execute(update(Timer).where(Timer.id == chosen.id).values(wake_at=wake_at))

        found = examine(session)

    assert [(one.table, one.key, one.column) for one in found] == [("timers", chosen.id, "wake_at")]


def test_clock_moved_without_an_entry_is_named(history: Lived) -> None:
    with passing(history.database) as session:
        session.execute(insert(Installation).values(name="clock_offset_seconds", value=86400))

        found = examine(session)

    assert found == [
        Discrepancy(table="installation", key="clock_offset_seconds", column="value", expected=0, found=86400)
    ]


def test_entry_of_a_stream_that_only_looks_like_a_case_is_folded(database: Database) -> None:
    """SQLite's LIKE knows no case; nobody's entry stands between the cases and the others."""
    here = University.founded(database)
    founding(here, "units")
    with database.transaction() as session:
        unlock(session)
        session.execute(text("UPDATE entries SET stream = 'CASE:office', body = '{}'"))

    assert [(one.table, one.key) for one in findings(database)] == [("entries", "CASE:office#1")]


def test_exchanged_document_is_named(history: Lived) -> None:
    documents, blobs = Base.metadata.tables["documents"], Base.metadata.tables["blobs"]
    with passing(history.database) as session:
        chosen = session.execute(
            select(documents).where(documents.c.field == "agreement_scan").limit(1)
        ).one()
        elsewhere = hashlib.sha256(b"other").hexdigest()
        session.execute(blobs.insert().values(sha256=elsewhere, content=b"other"))
        session.execute(documents.update().where(documents.c.id == chosen.id).values(sha256=elsewhere))

        found = examine(session)

    assert {(one.table, one.key, one.column, one.found) for one in found} == {
        ("documents", chosen.id, "sha256", elsewhere)
    }


def test_closed_task_is_named(history: Lived) -> None:
    case_id = history.cases["proposed"]
    with passing(history.database) as session:
        table = Base.metadata.tables["tasks"]
        session.execute(table.update().where(table.c.case_id == case_id).values(closed_at=table.c.opened_at))

        found = examine(session)

    assert [(one.table, one.key, one.column, one.expected) for one in found] == [
        ("tasks", case_id, "act", "approve")
    ]


def test_personal_value_is_found_without_being_told(history: Lived) -> None:
    with passing(history.database) as session:
        table = Base.metadata.tables["duties"]
        mine = (table.c.case_id == history.cases["agreement_signed"], table.c.contact_name == "Zhang San")
        session.execute(table.update().where(*mine).values(contact_name="Li Si"))

        found = examine(session)

    assert [(one.table, one.column) for one in found] == [("duties", "contact_name")]
    assert "Li Si" not in str(found)
    assert "Zhang San" not in str(found)


def test_values_erased_without_an_entry_are_named(history: Lived) -> None:
    """Whatever stands in a row whose value is erased cannot be compared: so the erasing itself must be told of."""
    with passing(history.database) as session:
        session.execute(Base.metadata.tables["disclosures"].update().values(salt=None, value=None))
        session.execute(text("UPDATE duties SET contact_name = '-' WHERE contact_name IS NOT NULL"))
        session.execute(text("UPDATE people SET name = '-', email = NULL"))
        count = session.scalar(select(func.count()).select_from(Disclosure))

        found = examine(session)

    assert found == [Discrepancy(table="disclosures", key="*", column="salt", expected=0, found=count)]


def test_edit_overwritten_by_a_later_act_is_still_found(database: Database) -> None:
    here = University.founded(database)
    case_id = here.proposed()
    with database.transaction() as session:
        session.execute(text("UPDATE bases SET base_number = 'LP2020-777'"))
    here.done(case_id, "approve", "member")
    with database.transaction() as session:
        session.execute(text("UPDATE bases SET base_number = NULL"))
    here.done(case_id, "sign_agreement", "office", **here.agreement(case_id))
    with database.transaction() as session:
        session.execute(text("UPDATE cases SET state = 'approved', version = version + 1"))
    here.done(case_id, "sign_agreement", "office", **here.agreement(case_id))

    found = findings(database)

    entry = f"case:{case_id}#5"
    assert Discrepancy(
        table="cases", key=case_id, column="state", expected="agreement_signed", found="approved", entry=entry
    ) in found  # fmt: skip


def test_case_lost_with_all_its_rows_is_named(history: Lived) -> None:
    case_id = history.cases["withdrawn"]
    with passing(history.database) as session:
        without_foreign_keys(session)
        session.execute(Base.metadata.tables["cases"].delete().where(Case.id == case_id))

        found = examine(session)

    assert ("cases", case_id, case_id) in {(one.table, one.key, one.expected) for one in found}


def test_unreadable_entry_is_named_and_the_rest_is_folded(history: Lived) -> None:
    stream = f"case:{history.cases['approved']}"
    with passing(history.database) as session:
        unlock(session)
        session.execute(
            Base.metadata.tables["entries"]
            .update()
            .where(Entry.stream == stream, Entry.seq == 3)
            .values(body="{}")
        )

        found = examine(session)

    assert ("entries", f"{stream}#3", "body") in {(one.table, one.key, one.column) for one in found}
    assert {one.table for one in found} > {"entries", "cases", "passages"}


def test_office_tables_nobody_logged_are_not_compared(database: Database) -> None:
    here = University.founded(database)
    here.proposed()

    assert findings(database) == []


# ───────────────────────────── What follows from a case


def astray(university: University, case_id: str, name: str) -> None:
    """Let the engine make a mistake that the log repeats: a running timer is ended, and a date moved."""
    ctx = university.ctx("office")
    with university.database.transaction() as session:
        row = gather.lock(session, case_id)
        snapshot = gather.gather(session, [row], wish=gather.Wish(), today=ctx.today)[case_id]
        timer = next(timer for timer in snapshot.table("timers") if timer["name"] == name)
        dates = {**snapshot.case["dates"], "cycle_end": "2035-01-01"}
        moved = Change(table="cases", op=UPDATE, key=case_id, values={"dates": dates})
        step = note(snapshot, kind="released", act="release_held", changes=[moved], form={}, ctx=ctx)
        ended = {"status": "cancelled", "ended_seq": step.seq, "wake_at": None}
        cancelled = Change(table="timers", op=UPDATE, key=timer["id"], values=ended)
        write_steps(session, row, (replace(step, ended=(cancelled,), armed=()),), ctx)


def test_what_does_not_follow_from_its_case_is_named(database: Database) -> None:
    here = University.founded(database)
    case_id = here.signed()
    astray(here, case_id, "midterm_opens")

    found = findings(database)

    assert found == [
        Discrepancy(
            table="cases", key=case_id, column="dates.cycle_end", expected="2029-03-10", found="2035-01-01"
        ),
        Discrepancy(table="timers", key=case_id, column="midterm_opens", expected="2027-09-10", found=None),
    ]


def test_edition_with_other_bytes_is_named(database: Database) -> None:
    here = University.founded(database)
    here.signed()
    with database.transaction() as session:
        session.execute(text("UPDATE editions SET source = source || ' '"))

    found = findings(database)

    assert [(one.table, one.key, one.column) for one in found] == [("editions", here.edition_id, "source")]


# ───────────────────────────── As of a day


def test_case_as_of_a_day_is_what_the_log_had_left(history: Lived) -> None:
    case_id = history.cases["certified"]

    with history.database.reading() as session:
        early = as_of(session, case_id, date(2027, 9, 9))
        late = as_of(session, case_id, date(2027, 9, 10))
        now = session.get_one(Case, case_id).state
        last = as_of(session, case_id, date(2999, 1, 1))

    assert [row["state"] for row in early["cases"]] == ["agreement_signed"]
    assert [row["state"] for row in late["cases"]] == ["midterm"]
    assert [row["state"] for row in last["cases"]] == [now]


def test_as_of_leaves_a_timers_later_end_out(history: Lived) -> None:
    case_id = history.cases["certified"]

    with history.database.reading() as session:
        rows = as_of(session, case_id, date(2026, 3, 10))["timers"]
        stored = session.scalar(
            select(Timer.status).where(Timer.case_id == case_id, Timer.name == "midterm_opens")
        )

    assert {row["name"]: row["status"] for row in rows}["midterm_opens"] == "open"
    assert stored == "fired"
