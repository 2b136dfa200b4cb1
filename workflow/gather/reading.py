"""Read everything about cases that are found already.

PostgreSQL reads all in one statement, each table's rows as one JSON value, for a round trip costs more than the
reading; SQLite, where there is none, reads table by table. The SQL is built once per database and set of parts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from models.changes import stored, typed
from models.database import driver_cursor
from workflow.definition.values.edition import Definition
from workflow.gather.locking import Located
from workflow.gather.parts import BALLOTING, OWN, SURROUNDINGS, Part
from workflow.gather.spelling import columns_of, marked, spelt, unlisted
from workflow.gather.wishes import Wish
from workflow.snapshot import Row, Snapshot
from workflow.world import REVISION, definition_of, world

THE_REVISION = f"SELECT value FROM installation WHERE name = '{REVISION}'"


def gather(session: Session, cases: Sequence[Located], *, wish: Wish, today: date) -> dict[str, Snapshot]:
    """Read the surroundings of cases of one lifecycle; return their snapshots by id."""
    if not cases:
        return {}
    definitions = {sha256: definition_of(session, sha256) for _, sha256 in cases}
    subject = next(iter(definitions.values())).subject
    names = (*wish.all_parts, "held" if wish.holds else "lent")
    if any(definition.has_ballots for definition in definitions.values()):
        names += (*BALLOTING, "kin")
    revision, parts = _parts(session, [str(row["id"]) for row, _ in cases], subject, wish, names, today)
    now = world(session, revision)
    return {
        str(row["id"]): _snapshot(row, definitions[sha256], now, parts[str(row["id"])], today)
        for row, sha256 in cases
    }


def _snapshot(row: Row, definition: Definition, now: Any, parts: Mapping[str, Any], today: date) -> Snapshot:
    own = {name: parts.get(name, ()) for name in (*OWN, *BALLOTING)}
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
        kin=parts.get("kin", ()),
        lent=parts.get("lent") or parts.get("held", ()),
        numbers={
            row["name"]: row["value"] for name in ("foreseen", "numbers") for row in parts.get(name, ())
        },
        held=frozenset(row["name"] for row in parts.get("numbers", ())),
        reminded=parts.get("reminded", ()),
        answered=next(iter(parts.get("answered", ())), None),
    )


Parts = dict[str, tuple[Row, ...]]


def _parts(
    session: Session, ids: list[str], subject: str, wish: Wish, names: tuple[str, ...], today: date
) -> tuple[int, dict[str, Parts]]:
    """The world's revision and the rows of every part by case; those that are the same for all are read once.

    The revision is read with the rows, not with the lock: a setting may commit while the lock is waited for.
    """
    connection = session.connection()
    values = {
        "first": ids[0],
        "ids": ids,
        "today": today,
        "since": min(today, wish.since or today),
        "people": list(wish.people),
        "roles": list(wish.roles),
        "code": wish.partner_code,
        "name": wish.partner_name,
        "units": list(wish.units),
        "counters": list(wish.counters),
        "foreseen": list(wish.foreseen),
        "key": wish.key,
    }
    parts = _wished(subject, names)
    read = _read_at_once if connection.dialect.name == "postgresql" else _read_one_by_one
    return read(connection, subject, parts, ids, values)


@lru_cache(maxsize=64)
def _wished(subject: str, names: tuple[str, ...]) -> Mapping[str, Part]:
    own = {"subject": Part(subject, "t.case_id = c.id"), **OWN}
    around = {**SURROUNDINGS, **BALLOTING}
    return MappingProxyType({**own, **{name: around[name] for name in names}})


def _read_at_once(
    connection: Connection, subject: str, parts: Mapping[str, Part], ids: list[str], values: Mapping[str, Any]
) -> tuple[int, dict[str, Parts]]:
    sql, marked = _one_statement(subject, tuple(parts.items()), len(ids) == 1)
    answer: dict[str, Parts] = {}
    now = 0
    with driver_cursor(connection) as cursor:
        read = cursor.execute(sql, [values[name] for name in marked]).fetchall()
    for case_id, revision, found in read:
        now = revision or 0
        answer[case_id] = {
            name: tuple(typed(parts[name].table, row) for row in rows)
            for name, rows in found.items()
            if rows is not None
        }
    shared = {name: answer[ids[0]][name] for name, part in parts.items() if part.is_shared}
    return now, {case_id: {**loaded, **shared} for case_id, loaded in answer.items()}


@lru_cache(maxsize=64)
def _one_statement(
    subject: str, parts: tuple[tuple[str, Part], ...], is_one: bool
) -> tuple[str, tuple[str, ...]]:
    """One JSON object per case, in it one array per part. What all cases share comes with the first of them only.

    A single case is named by itself: for an array PostgreSQL expects ten and would plan the statement anew each time.
    """
    columns = []
    for name, part in parts:
        more = "".join(f", {column}" for column in part.more)
        order = " ORDER BY t.place" if name == "passages" else ""
        rows = f"SELECT t.*{more} FROM {part.source} WHERE {part.where}{order}{part.lock}"
        column = f"(SELECT coalesce(json_agg(q), '[]'::json) FROM ({rows}) q)"
        if part.is_shared and not is_one:
            column = f"CASE WHEN c.id = :first THEN {column} END"
        columns.append(f"'{name}', {column}")
    which = "c.id = :first" if is_one else "c.id = ANY(:ids::uuid[])"
    return marked(
        f"SELECT c.id::text, ({THE_REVISION}), json_build_object({', '.join(columns)}) "
        f"FROM cases c LEFT JOIN {subject} s ON s.case_id = c.id WHERE {which}"
    )


def _read_one_by_one(
    connection: Connection, subject: str, parts: Mapping[str, Part], ids: list[str], values: Mapping[str, Any]
) -> tuple[int, dict[str, Parts]]:
    named = spelt(values)
    shared: Parts = {}
    answer: dict[str, Parts] = {}
    with driver_cursor(connection) as cursor:
        revision = cursor.execute(THE_REVISION).fetchone()
        for case_id in ids:
            named["id"] = case_id
            loaded = answer[case_id] = {}
            for name, part in parts.items():
                if name not in shared:
                    sql, columns = _statement(subject, part)
                    rows = cursor.execute(sql, named).fetchall()
                    found = shared if part.is_shared else loaded
                    found[name] = tuple(
                        stored(part.table, dict(zip(columns, row, strict=True))) for row in rows
                    )
    return int(revision[0]) if revision else 0, {
        case_id: {**loaded, **shared} for case_id, loaded in answer.items()
    }


@lru_cache(maxsize=256)
def _statement(subject: str, part: Part) -> tuple[str, tuple[str, ...]]:
    """The statement that reads one part of one case, and the names of the rows' columns.

    The case is a parameter and its subject's columns are values, so each table is found by its own index alone.
    """
    columns = columns_of(part.table)
    more = tuple(column.split(" AS ")[1] for column in part.more)
    listed = ", ".join((*(f"t.{column}" for column in columns), *part.more))
    order = " ORDER BY t.place" if part.table == "passages" else ""
    sql = f"SELECT {listed} FROM {part.source} WHERE {part.where}{order}"
    sql = re.sub(r"\bs\.(\w+)", rf"(SELECT s.\1 FROM {subject} s WHERE s.case_id = c.id)", sql)
    sql = re.sub(r"\bc\.id\b", ":id", sql)
    return unlisted(sql), columns + more
