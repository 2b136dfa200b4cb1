"""Find cases, and lock them for a transaction: what is read after the lock was granted is what the act will find."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from models.changes import stored, typed
from models.database import driver_cursor
from workflow.errors import NotFound
from workflow.gather.parts import IDENTITIES
from workflow.gather.spelling import columns_of, marked, spelt, unlisted
from workflow.gather.wishes import Wish


class Located(NamedTuple):
    """A case's row and the SHA-256 of its edition."""

    row: dict[str, Any]
    sha256: str


def lock(session: Session, case_id: str) -> Located:
    """Lock one case for this transaction; return its row and its edition's SHA-256."""
    rows = _cases(session, "WHERE c.id = :id", {"id": case_id}, "FOR UPDATE OF c")
    if not rows:
        raise NotFound("no_such_case", case=case_id)
    return rows[0]


def hold_identities(session: Session, case_id: str, subject: str, wish: Wish) -> None:
    """Keep others from deciding about the same partner until this transaction ends; call it before the case is read.

    Two proposals of one pair submitted at the same instant would otherwise not see each other. On SQLite only one act
    writes at a time anyway.
    """
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        return
    values = {"id": case_id, "name": wish.partner_name, "code": wish.partner_code}
    sql, names = _holding(subject)
    with driver_cursor(connection) as cursor:
        cursor.execute(sql, [values[name] for name in names])


@lru_cache(maxsize=8)
def _holding(subject: str) -> tuple[str, tuple[str, ...]]:
    """Everybody locks in the same order, so that nobody waits in a circle."""
    known = IDENTITIES.replace(
        "s.partner_id", f"(SELECT s.partner_id FROM {subject} s WHERE s.case_id = :id)"
    )
    ordered = f"SELECT q.identity FROM ({known}) q WHERE q.identity IS NOT NULL ORDER BY q.identity"
    return marked(f"SELECT pg_advisory_xact_lock(hashtextextended(h.identity, 0)) FROM ({ordered}) h")


def look(session: Session, case_id: str) -> Located:
    """The same without a lock, for a page."""
    rows = _cases(session, "WHERE c.id = :id", {"id": case_id}, "")
    if not rows:
        raise NotFound("no_such_case", case=case_id)
    return rows[0]


def look_at(session: Session, case_ids: Iterable[str]) -> list[Located]:
    """Several cases without a lock, for a page that shows them side by side."""
    return _cases(session, "WHERE c.id IN (:cases)", {"cases": list(case_ids)}, "")


TIMER_FAILED = "timer_failed"
"""The kind of incident that parks a case."""

LONGEST_PAUSE = timedelta(days=1)
"""A parked case is looked at again after so long at the latest; a pause that ends later is of a clock since put back."""

DUE = f"""
    JOIN timers w ON w.case_id = c.id
    WHERE w.wake_at <= :at AND NOT EXISTS (
        SELECT 1 FROM incidents i
        WHERE i.case_id = c.id AND i.kind = '{TIMER_FAILED}' AND i.closed_at IS NULL
          AND i.case_version = c.version AND i.retry_at > :at AND i.retry_at <= :latest
    )
    ORDER BY w.wake_at
    LIMIT :limit
"""
"""Cases with a timer to be looked at, the longest waiting first, without those parked as an incident."""


def claim(session: Session, *, at: datetime, limit: int) -> list[Located]:
    """Lock the cases of up to `limit` timers to be looked at, passing over those somebody else holds."""
    rows = _cases(session, DUE, _due(at, limit), "FOR UPDATE OF c SKIP LOCKED")
    return list({row.row["id"]: row for row in rows}.values())


class Waiting(NamedTuple):
    """A timer that should be looked at: its case, and since when."""

    case_id: str
    since: datetime


def waiting(session: Session, *, at: datetime, limit: int) -> list[Waiting]:
    """What `claim` would find if nobody held anything; nothing is locked."""
    sql = f"SELECT CAST(c.id AS text), w.wake_at FROM cases c {DUE}"
    connection = session.connection()
    parameters = _due(at, limit)
    with driver_cursor(connection) as cursor:
        if connection.dialect.name == "postgresql":
            statement, names = marked(sql)
            found = cursor.execute(statement, [parameters[name] for name in names]).fetchall()
        else:
            found = cursor.execute(sql, spelt(parameters)).fetchall()
            found = [(case_id, stored("timers", {"wake_at": since})["wake_at"]) for case_id, since in found]
    return [Waiting(*row) for row in found]


def _due(at: datetime, limit: int) -> dict[str, Any]:
    return {"at": at, "latest": at + LONGEST_PAUSE, "limit": limit}


def _cases(session: Session, which: str, parameters: Mapping[str, Any], suffix: str) -> list[Located]:
    connection = session.connection()
    is_postgresql = connection.dialect.name == "postgresql"
    sql, names = _case_sql(is_postgresql, which, suffix)
    with driver_cursor(connection) as cursor:
        values = [parameters[name] for name in names] if is_postgresql else spelt(parameters)
        found = cursor.execute(sql, values).fetchall()
    if is_postgresql:
        return [Located(typed("cases", row), sha256) for row, sha256 in found]
    columns = columns_of("cases")
    return [Located(stored("cases", dict(zip(columns, row, strict=True))), sha256) for *row, sha256 in found]


@lru_cache(maxsize=32)
def _case_sql(is_postgresql: bool, which: str, suffix: str) -> tuple[str, tuple[str, ...]]:
    row = "row_to_json(c)" if is_postgresql else ", ".join(f"c.{name}" for name in columns_of("cases"))
    sql = f"SELECT {row}, e.sha256 FROM cases c JOIN editions e ON e.id = c.edition_id {which} {suffix if is_postgresql else ''}"
    return marked(sql) if is_postgresql else (unlisted(sql), ())
