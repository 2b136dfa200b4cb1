"""Rows shared by cases, of which several streams may tell: folded in the order of their entries once all have been read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Base
from models.changes import INSERT, key_column, plain
from workflow.doctor.rows import PAGE, compared, salts_of, stored_rows, too_many
from workflow.replay import Discrepancy, Fold, Place

ALWAYS_MADE_BY_ENTRIES = frozenset(
    (
        "agenda_items", "api_tokens", "attendances", "calendar_links", "delegations", "mail_choices", "meetings",
        "partner_names", "partners", "unit_names",
    )
)  # fmt: skip
"""Shared tables no row of which may be older than the log: a row without an entry is one too many, though no entry ever
spoke of the table. The others were set down before the log began where a university was founded by hand."""


class Shared:
    """Changes of rows that several streams may tell of, kept in a temporary file until all entries have been read."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("")
        self._file.execute(
            "CREATE TABLE changes (name TEXT, key TEXT, number INTEGER, change TEXT, entry TEXT)"
        )
        self._file.execute("CREATE INDEX changes_by_row ON changes (name, key, number)")

    def add(self, number: int, change: Mapping[str, Any], entry: str) -> None:
        row = (change["table"], change["key"], number, json.dumps(change), entry)
        self._file.execute("INSERT INTO changes VALUES (?, ?, ?, ?, ?)", row)

    def tells_of(self, table: str, key: str) -> bool:
        """Whether any entry changed a row."""
        return bool(
            self._file.execute("SELECT 1 FROM changes WHERE name = ? AND key = ?", (table, key)).fetchone()
        )

    def differences(self, session: Session) -> Iterator[Discrepancy]:
        """Fold the rows in the order in which their entries were written, and compare them with the tables."""
        made = self._file.execute("SELECT DISTINCT name FROM changes WHERE change ->> 'op' = ?", (INSERT,))
        complete = ({name for (name,) in made} | ALWAYS_MADE_BY_ENTRIES) & Base.metadata.tables.keys()
        rows = self._file.execute(
            "SELECT name, key, change, entry FROM changes ORDER BY name, key, number, rowid"
        )
        places = groupby(rows, key=lambda row: (row[0], row[1]))
        for table, group in groupby(places, key=lambda item: item[0][0]):
            if table in Base.metadata.tables:
                yield from _of_table(session, table, group, made_before=table not in complete)
        for table in sorted(complete):
            yield from self._not_made(session, table)

    def _not_made(self, session: Session, table: str) -> Iterator[Discrepancy]:
        """Rows of a table that no entry has spoken of."""
        column = Base.metadata.tables[table].c[key_column(table)]
        query = select(column).order_by(column).limit(PAGE)
        page = session.scalars(query).all()
        while page:
            keys = [str(plain(value)) for value in page]
            marks = ", ".join("?" for _ in keys)
            told = self._file.execute(
                f"SELECT DISTINCT key FROM changes WHERE name = ? AND key IN ({marks})", (table, *keys)
            )
            known = {key for (key,) in told}
            yield from (too_many(table, key) for key in keys if key not in known)
            page = session.scalars(query.where(column > page[-1])).all()


def _of_table(
    session: Session,
    table: str,
    places: Iterator[tuple[Place, Iterator[tuple[str, str, str, str]]]],
    *,
    made_before: bool,
) -> Iterator[Discrepancy]:
    fold = Fold()
    for _, changes in places:
        for _, _, change, entry in changes:
            yield from fold.take(json.loads(change), entry, made_before=made_before)
        if len(fold.rows) == PAGE:
            yield from _settled(session, table, fold)
            fold = Fold()
    yield from _settled(session, table, fold)


def _settled(session: Session, table: str, fold: Fold) -> Iterator[Discrepancy]:
    expected = {key: values for (_, key), values in fold.rows.items()}
    salts = salts_of(session, expected.values())
    yield from compared(table, expected, stored_rows(session, table, expected), salts, fold.partial)
