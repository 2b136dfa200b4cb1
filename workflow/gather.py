"""Load snapshots: lock the cases, then read everything about them in one statement.

The lock is a statement of its own because PostgreSQL gives each statement its own view of the database: what is read
after the lock was granted is what the act will find. Each table's rows come as one JSON value, for a round trip costs
more than the reading; the SQL is built once per dialect and set of parts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import JSON, Connection
from sqlalchemy.orm import Session

from models import Base
from models.changes import sqlite_value, typed
from workflow.definition.values import Act, Definition
from workflow.errors import NotFound
from workflow.snapshot import Row, Snapshot
from workflow.world import definition_of, world

OWN = {
    "passages": "t.case_id = c.id",
    "agreements": "t.case_id = c.id AND t.voided_seq IS NULL",
    "hand_ins": "t.case_id = c.id AND t.voided_seq IS NULL",
    "timers": "t.case_id = c.id AND t.ended_seq IS NULL",
    "tasks": "t.case_id = c.id AND t.closed_at IS NULL",
    "duties": "t.case_id = c.id",
    "documents": "t.case_id = c.id",
    "pending_acts": "t.case_id = c.id AND t.status = 'open'",
}
"""The case's own rows that every act reads."""

IN_FORCE = "t.revoked_at IS NULL AND t.from_on <= :today AND (t.until_on IS NULL OR t.until_on >= :today)"

SURROUNDINGS = {
    "grants": ("grants t", f"t.person_id IN (:people) AND {IN_FORCE}", ()),
    "holders": ("grants t", f"t.role IN (:roles) AND {IN_FORCE}", ()),
    "partners": (
        "partners t",
        "t.id = s.partner_id OR t.code_identity = :code OR t.name_identity = :name",
        (),
    ),
    "units": ("units t", "t.id = s.lead_college_id OR t.id IN (:units)", ()),
    "bars": (
        "bans t LEFT JOIN partners p ON p.id = t.partner_id LEFT JOIN bases b ON b.case_id = t.case_id",
        "t.voided_seq IS NULL AND t.last_day >= :since",
        ("p.name AS partner_name", "p.name_identity AS partner_name_identity", "b.base_number AS base_number"),
    ),
    "twins": (
        "bases t JOIN cases k ON k.id = t.case_id JOIN partners p ON p.id = t.partner_id",
        "t.case_id <> c.id AND (t.partner_id = s.partner_id OR p.code_identity = :code OR p.name_identity = :name)",
        ("k.state AS state",),
    ),
}
"""Rows around the case: name -> tables, condition, further columns. The first table is the one whose columns are read."""

class Located(NamedTuple):
    """A case's row, the SHA-256 of its edition, and the revision of the world it was read under."""

    row: dict[str, Any]
    sha256: str
    revision: int | None


ALWAYS = ("grants", "holders", "partners", "units")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an act needs around the case: who acts, whom it may tell, and whether bans and twins matter."""

    people: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    parts: tuple[str, ...] = ALWAYS
    partner_name: str | None = None
    partner_code: str | None = None
    units: tuple[str, ...] = ()

    @classmethod
    def for_acts(
        cls, definition: Definition, acts: Iterable[Act], *, people: Iterable[str | None], values: Mapping[str, Any]
    ) -> Wish:
        """The wish of one act, or of all acts a page shows side by side; `values` are the form's."""
        chosen = tuple(acts)
        guards = {need.guard for act in chosen for need in act.needs}
        names = {act.name for act in chosen}
        blocked = any(names & set(ban.blocks) for ban in definition.bans.values())
        parts = list(ALWAYS)
        if blocked or "new_identity_allowed" in guards:
            parts.append("bars")
        if "no_twin" in guards:
            parts.append("twins")
        fact = values.get("fact") or {}
        fact_value = {fact["name"]: fact.get("value")} if fact.get("name") else {}
        given = {**values, **fact_value}
        partner = given.get("partner") or {}
        units = [given.get("lead_college"), *(given.get("other_colleges") or ())]
        return cls(
            people=tuple(dict.fromkeys(person for person in people if person)),
            roles=_told(definition, chosen),
            parts=tuple(parts),
            partner_name=partner.get("name_identity"),
            partner_code=partner.get("code_identity"),
            units=tuple(unit for unit in units if unit),
        )


_clock_roles: dict[str, frozenset[str]] = {}


def _told_by_clock(definition: Definition) -> frozenset[str]:
    """The roles told by transitions that a timer may fire in the wake of any act."""
    known = _clock_roles.get(definition.sha256)
    if known is None:
        acts = [definition.acts[timer.fires] for timer in definition.timers.values() if timer.fires]
        known = _clock_roles[definition.sha256] = frozenset(role for act in acts for role in act.tell)
    return known


def _told(definition: Definition, acts: Sequence[Act]) -> tuple[str, ...]:
    """The roles any of the acts tells, those a timer following at once tells, and whoever stands in for them."""
    roles = {role for act in acts for role in (*act.tell, act.second or "")}
    roles |= _told_by_clock(definition)
    roles |= {stand_in for role in roles if role in definition.roles for stand_in in definition.roles[role].stand_in}
    return tuple(sorted(role for role in roles if role in definition.roles))


# ───────────────────────────── Locking


def lock(session: Session, case_id: str) -> Located:
    """Lock one case for this transaction; return its row, its edition's SHA-256 and the world's revision."""
    rows = _cases(session, "c.id = :id", {"id": case_id}, "FOR UPDATE OF c")
    if not rows:
        raise NotFound("no_such_case", case=case_id)
    return rows[0]


def look(session: Session, case_id: str) -> Located:
    """The same without a lock, for a page."""
    rows = _cases(session, "c.id = :id", {"id": case_id}, "")
    if not rows:
        raise NotFound("no_such_case", case=case_id)
    return rows[0]


def claim(session: Session, *, at: Any, limit: int) -> list[Located]:
    """Lock up to `limit` cases that have a timer to be looked at, passing over those somebody else holds."""
    where = "c.id IN (SELECT w.case_id FROM timers w WHERE w.wake_at <= :at ORDER BY w.wake_at LIMIT :limit)"
    return _cases(session, where, {"at": at, "limit": limit}, "FOR UPDATE OF c SKIP LOCKED")


def _cases(session: Session, where: str, parameters: Mapping[str, Any], suffix: str) -> list[Located]:
    connection = session.connection()
    sql = _case_sql(connection.dialect.name, where, suffix)
    answer: list[Located] = []
    for value, sha256, revision in connection.exec_driver_sql(sql, _parameters(connection, parameters)):
        row = json.loads(value) if isinstance(value, str) else value
        number = json.loads(revision) if isinstance(revision, str) else revision
        answer.append(Located(typed("cases", row), sha256, number))
    return answer


@lru_cache(maxsize=32)
def _case_sql(dialect: str, where: str, suffix: str) -> str:
    row = "row_to_json(c)" if dialect == "postgresql" else _object("cases", "c")
    sql = (
        f"SELECT {row}, e.sha256, (SELECT value FROM installation WHERE name = 'revision') "
        f"FROM cases c JOIN editions e ON e.id = c.edition_id WHERE {where} "
        f"{suffix if dialect == 'postgresql' else ''}"
    )
    return _marks(sql, dialect)


def _object(table: str, alias: str, more: tuple[str, ...] = ()) -> str:
    pairs = [
        f"'{column.name}', "
        + (f"json({alias}.{column.name})" if isinstance(column.type, JSON) else f"{alias}.{column.name}")
        for column in Base.metadata.tables[table].columns
    ]
    for extra in more:
        expression, name = extra.split(" AS ")
        pairs.append(f"'{name}', {expression}")
    return f"json_object({', '.join(pairs)})"


def _marks(sql: str, dialect: str) -> str:
    """Named marks in the driver's own style."""
    return re.sub(r"(?<!:):([a-z]+)", r"%(\1)s", sql) if dialect == "postgresql" else sql


def _parameters(connection: Connection, values: Mapping[str, Any]) -> dict[str, Any]:
    if connection.dialect.name == "postgresql":
        return dict(values)
    return {
        name: json.dumps(value) if isinstance(value, list) else sqlite_value(value) for name, value in values.items()
    }


# ───────────────────────────── Reading


def gather(
    session: Session, cases: Sequence[Located], *, wish: Wish, today: date
) -> dict[str, Snapshot]:
    """Read the surroundings of cases of one lifecycle; return their snapshots by id."""
    if not cases:
        return {}
    definitions = {sha256: definition_of(session, sha256) for _, sha256, _ in cases}
    subject = next(iter(definitions.values())).subject
    now = world(session, cases[0][2] or 0)
    parts = _parts(session, [str(row["id"]) for row, _, _ in cases], subject, wish, today)
    return {
        str(row["id"]): _snapshot(row, definitions[sha256], now, parts[str(row["id"])], today) for row, sha256, _ in cases
    }


def _snapshot(row: Row, definition: Definition, now: Any, parts: Mapping[str, Any], today: date) -> Snapshot:
    own = {name: parts[name] for name in OWN}
    return Snapshot(
        definition=definition,
        world=now,
        today=today,
        case=row,
        subject=parts["subject"][0] if parts["subject"] else {},
        rows={**own, "grades": (), "clawbacks": (), "bans": ()},
        bars=parts.get("bars", ()),
        twins=parts.get("twins", ()),
        partners=parts["partners"],
        units={unit["id"]: unit for unit in parts["units"]},
        grants=parts["grants"],
        holders=parts["holders"],
    )


def _parts(session: Session, ids: list[str], subject: str, wish: Wish, today: date) -> dict[str, dict[str, Any]]:
    connection = session.connection()
    dialect = connection.dialect.name
    names, sql = _parts_sql(dialect, subject, wish.parts)
    values = {
        "ids": ids,
        "today": today,
        "since": today,
        "people": list(wish.people),
        "roles": list(wish.roles),
        "code": wish.partner_code,
        "name": wish.partner_name,
        "units": list(wish.units),
    }
    tables = {"subject": subject, **{name: name for name in OWN}, "grants": "grants", "holders": "grants",
              "partners": "partners", "units": "units", "bars": "bans", "twins": subject}
    answer: dict[str, dict[str, Any]] = {}
    for row in connection.exec_driver_sql(sql, _parameters(connection, values)):
        loaded = {}
        for name, value in zip(names, row[1:], strict=True):
            rows = json.loads(value) if isinstance(value, str) else value
            loaded[name] = tuple(typed(tables[name], item) for item in rows)
        answer[str(row[0])] = loaded
    return answer


@lru_cache(maxsize=64)
def _parts_sql(dialect: str, subject: str, parts: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    pieces = {"subject": _rows(dialect, subject, f"{subject} t", "t.case_id = c.id", ())}
    for name, where in OWN.items():
        pieces[name] = _rows(dialect, name, f"{name} t", where, ())
    for name in parts:
        source, where, more = SURROUNDINGS[name]
        pieces[name] = _rows(dialect, source.split()[0], source, where, more)
    listed = ", ".join(pieces.values())
    if dialect == "postgresql":
        sql = f"SELECT c.id::text, {listed} FROM cases c LEFT JOIN {subject} s ON s.case_id = c.id WHERE c.id = ANY(:ids::uuid[])"
        for name, kind in (("people", "uuid"), ("roles", "text"), ("units", "uuid")):
            sql = sql.replace(f"IN (:{name})", f"= ANY(:{name}::{kind}[])")
    else:
        sql = f"SELECT c.id, {listed} FROM cases c LEFT JOIN {subject} s ON s.case_id = c.id WHERE c.id IN (:ids)"
        for name in ("people", "roles", "units", "ids"):
            sql = sql.replace(f"IN (:{name})", f"IN (SELECT value FROM json_each(:{name}))")
    return tuple(pieces), _marks(sql, dialect)


def _rows(dialect: str, table: str, source: str, where: str, more: tuple[str, ...]) -> str:
    """A scalar subquery giving the rows as a JSON array of objects, oldest first."""
    order = "ORDER BY t.place" if table == "passages" else ""
    if dialect == "postgresql":
        columns = ", ".join(("t.*", *more))
        return f"(SELECT coalesce(json_agg(q), '[]'::json) FROM (SELECT {columns} FROM {source} WHERE {where} {order}) q)"
    return (
        f"(SELECT json_group_array(json(q)) FROM (SELECT {_object(table, 't', more)} AS q FROM {source} "
        f"WHERE {where} {order}))"
    )
