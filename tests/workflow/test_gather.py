"""What an act reads: by its indexes, however many cases there are, and in few statements."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from models import Database
from tests.university import University
from workflow.forms import read_form
from workflow.operations import Receipt, perform

FEW = {"bans", "counters", "editions", "grants", "installation", "json_each", "units"}
"""Tables that do not grow with the cases."""


def submitting(university: University, case_id: str) -> Callable[[Session], None]:
    """Make everything ready to submit a case; give what is left to do in a transaction."""
    raw = university.proposal(case_id, partner="水城人民医院")
    form = read_form(university.definition, university.definition.acts["submit"], raw)
    ctx = university.ctx("leader", key="first")
    version = university.case(case_id).version

    def submit(session: Session) -> None:
        assert isinstance(perform(session, case_id, "submit", form=form, version=version, ctx=ctx), Receipt)

    return submit


def scanned(session: Session, statement: str) -> set[str]:
    """The tables SQLite reads from end to end for a statement."""
    tables = {alias: table for table, alias in re.findall(r"(?:FROM|JOIN|,) (\w+) (\w)\b", statement)}
    plan = session.execute(text("EXPLAIN QUERY PLAN " + statement.replace(":", r"\:"))).scalars("detail")
    return {
        tables[found[1]] for step in plan if (found := re.match(r"SCAN (\w)\b", step)) and found[1] in tables
    }


def test_an_act_finds_every_row_by_an_index(sqlite_database: Database) -> None:
    """The planner knows a table almost full of cases without a partner, as in a spring of many drafts."""
    university = University.founded(sqlite_database)
    for name in ("东昌第二纺织厂", "聊城明德制药", "水城中学", "阿胶研究院"):
        university.proposed(partner=name)
    *_, submit = [submitting(university, university.open()) for _ in range(30)]
    with sqlite_database.engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
    statements: list[str] = []

    with sqlite_database.transaction() as session:
        driver = session.connection().connection.dbapi_connection
        assert driver is not None
        driver.set_trace_callback(statements.append)
        submit(session)
        driver.set_trace_callback(None)
        read = [statement for statement in statements if statement.startswith("SELECT")]
        slow = {statement: tables for statement in read if (tables := scanned(session, statement) - FEW)}

    assert len(read) > 10
    assert slow == {}


def test_an_act_takes_four_round_trips(database: Database, tmp_path: Path) -> None:
    """The lock, the partner held, one reading and one writing statement."""
    if database.is_sqlite:
        pytest.skip("a statement is a function call there")
    university = University.founded(database)
    university.proposed(partner="东昌第二纺织厂")
    submit = submitting(university, university.open())

    with (tmp_path / "trace").open("wb+") as trace, database.transaction() as session:
        connection: Any = session.connection().connection.dbapi_connection
        session.execute(text("SELECT 1"))
        connection.pgconn.trace(trace.fileno())
        submit(session)
        connection.pgconn.untrace()
        trace.seek(0)
        messages = [line.split(b"\t") for line in trace.read().splitlines()]

    sent = [line[3] for line in messages if line[1] == b"F"]
    assert sent.count(b"Execute") == 4, sent
    assert b"Query" not in {kind.split()[0] for kind in sent}
