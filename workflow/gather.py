"""Load snapshots: lock the cases, then read everything about them.

The lock is a statement of its own because PostgreSQL gives each statement its own view of the database: what is read
after the lock was granted is what the act will find. PostgreSQL then reads all in one statement, each table's rows as
one JSON value, for a round trip costs more than the reading; SQLite, where there is none, reads table by table. The
SQL is built once per database and set of parts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from models import Base
from models.changes import sqlite_value, stored, typed
from models.database import driver_cursor
from workflow.definition.values import Act, Definition, StepKind
from workflow.errors import NotFound
from workflow.snapshot import Row, Snapshot
from workflow.world import REVISION, definition_of, world


class Part(NamedTuple):
    """Rows to read: the table `t` that gives the columns, the condition, further columns, and what `t` is found from.

    A part may speak of the case `c` and its subject `s`; one that does not is the same for every case. `lock` is how
    PostgreSQL locks the rows as they are read; SQLite lets only one writer in anyway.
    """

    table: str
    where: str
    more: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    lock: str = ""

    @property
    def source(self) -> str:
        return f"{self.before}{self.table} t{self.after}"

    @property
    def is_shared(self) -> bool:
        return _is_shared(self.before + self.where)


@lru_cache(maxsize=64)
def _is_shared(text: str) -> bool:
    return re.search(r"\b[cs]\.", text) is None


OWN = {
    name: Part(name, where)
    for name, where in {
        "passages": "t.case_id = c.id",
        "agreements": "t.case_id = c.id AND t.voided_seq IS NULL",
        "hand_ins": "t.case_id = c.id AND t.voided_seq IS NULL",
        "deadline_decisions": "t.case_id = c.id AND t.voided_seq IS NULL",
        "timers": "t.case_id = c.id AND t.ended_seq IS NULL",
        "tasks": "t.case_id = c.id AND t.closed_at IS NULL",
        "duties": "t.case_id = c.id",
        "documents": "t.case_id = c.id",
        "pending_acts": "t.case_id = c.id AND t.status = 'open'",
    }.items()
} | {
    "openings": Part(
        "timers",
        "t.case_id = c.id AND t.kind = 'opens' AND t.fired_at IS NOT NULL AND t.ended_seq IS NOT NULL",
    )
}
"""The case's own rows that every act reads."""

BALLOTING = {
    "rounds": Part("rounds", "t.case_id = c.id AND t.voided_seq IS NULL"),
    "seats": Part("seats", "t.case_id = c.id AND t.voided_seq IS NULL"),
    "ballots": Part("ballots", "t.case_id = c.id AND t.voided_seq IS NULL"),
    "slips": Part(
        "slips", "r.case_id = c.id AND r.closed_seq IS NULL", after=" JOIN rounds r ON r.id = t.round_id"
    ),
}
"""The case's own rows of decisions reached by several people; an edition without such decisions has none."""

IN_FORCE = "t.revoked_at IS NULL AND t.from_on <= :today AND (t.until_on IS NULL OR t.until_on >= :today)"

MEANT = (
    "SELECT s.partner_id AS id UNION SELECT p.id FROM partners p WHERE p.code_identity = :code "
    "UNION SELECT p.id FROM partners p WHERE p.name_identity = :name"
)
"""The partner the case has and those the form may mean, each found by its index; one condition with OR reads all rows."""

NAMESAKES = (
    "SELECT n.partner_id FROM partner_names n WHERE n.name_identity = :name "
    f"UNION SELECT n.partner_id FROM ({MEANT}) q CROSS JOIN partners p CROSS JOIN partner_names n "
    "WHERE p.id = q.id AND n.name_identity = p.name_identity "
    f"UNION SELECT p.id FROM ({MEANT}) q CROSS JOIN partner_names n CROSS JOIN partners p "
    "WHERE n.partner_id = q.id AND p.name_identity = n.name_identity"
)
"""Those who bore one of their names before, and those who now bear one that was theirs."""


IDENTITIES = (
    "SELECT cast(:name AS text) AS identity UNION SELECT cast(:code AS text) "
    f"UNION SELECT unnest(ARRAY[p.id::text, p.name_identity, p.code_identity]) FROM partners p JOIN ({MEANT}) m ON m.id = p.id "
    f"UNION SELECT n.name_identity FROM partner_names n JOIN ({MEANT}) m ON m.id = n.partner_id"
)
"""All that the partner is known by and was known by: whoever is the same in disguise shares one of them."""


def _first(ids: str) -> str:
    """Join the rows sought behind the ids they are found by: CROSS keeps SQLite to that order, where `IN` reads the whole table."""
    return f"({ids}) m CROSS JOIN "


LENT = Part(
    "grants",
    "d.delegate_id IN (:people) AND d.revoked_at IS NULL AND d.from_on <= :today AND d.until_on >= :today "
    f"AND {IN_FORCE}",
    ("d.delegate_id AS delegate_id",),
    after=" JOIN delegations d ON d.person_id = t.person_id AND d.role = t.role "
    "AND (d.unit_id IS NULL OR d.unit_id = t.unit_id)",
)
"""The grants of others that are lent to the people who act."""

SURROUNDINGS = {
    "grants": Part("grants", f"t.person_id IN (:people) AND {IN_FORCE}"),
    "holders": Part("grants", f"t.role IN (:roles) AND {IN_FORCE}"),
    "kin": Part(
        "grants",
        "t.person_id IN (SELECT z.person_id FROM seats z WHERE z.case_id = c.id AND z.voided_seq IS NULL) "
        f"AND {IN_FORCE}",
    ),
    "lent": LENT,
    "held": LENT._replace(lock=" FOR SHARE OF d, t"),
    "partners": Part("partners", "t.id = m.id", before=_first(MEANT)),
    "units": Part("units", "t.id = s.lead_college_id OR t.id IN (:units)"),
    "bars": Part(
        "bans",
        "t.voided_seq IS NULL AND t.last_day >= :since",
        (
            "p.name AS partner_name",
            "p.name_identity AS partner_name_identity",
            "b.base_number AS base_number",
        ),
        after=" LEFT JOIN partners p ON p.id = t.partner_id LEFT JOIN bases b ON b.case_id = t.case_id",
    ),
    "twins": Part(
        "bases",
        "t.partner_id = m.id AND t.case_id <> c.id",
        (
            "k.state AS state",
            "(SELECT p.name_identity FROM partners p WHERE p.id = t.partner_id) AS partner_name_identity",
            "(SELECT p.code_identity FROM partners p WHERE p.id = t.partner_id) AS partner_code_identity",
        ),
        before=_first(f"{MEANT} UNION {NAMESAKES}"),
        after=" JOIN cases k ON k.id = t.case_id",
    ),
    "numbers": Part("counters", "t.name IN (:counters)", lock=" FOR UPDATE OF t"),
    "foreseen": Part("counters", "t.name IN (:foreseen)"),
    "answered": Part("idempotency_keys", "t.name = :key"),
}
"""Rows around the case, and what the act itself needs: the counters it draws from, the answer given to its key before."""

THE_REVISION = f"SELECT value FROM installation WHERE name = '{REVISION}'"

LISTS = {
    "cases": "uuid",
    "people": "uuid",
    "roles": "text",
    "units": "uuid",
    "counters": "text",
    "foreseen": "text",
}
"""Parameters that are lists, and what of."""


class Located(NamedTuple):
    """A case's row and the SHA-256 of its edition."""

    row: dict[str, Any]
    sha256: str


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
    counters: tuple[str, ...] = ()
    """The counters the act draws a number from; they are locked."""
    foreseen: tuple[str, ...] = ()
    """The counters that what follows may draw from."""
    since: date | None = None
    """The day of effect, where it lies before today: a ban in force on either day bars."""
    holds: bool = False
    """Whether what was lent stays as it is read until the transaction ends: then it is used before it is revoked, or not at all."""
    key: str | None = None
    """The stored name of the request's key, to find the answer given to it before."""

    @property
    def all_parts(self) -> tuple[str, ...]:
        wanted = {"numbers": self.counters, "foreseen": self.foreseen, "answered": self.key}
        return (*self.parts, *(name for name, value in wanted.items() if value))

    @classmethod
    def for_acts(
        cls,
        definition: Definition,
        acts: Iterable[Act],
        *,
        people: Iterable[str | None],
        values: Mapping[str, Any],
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
    """The roles told by transitions that a timer may fire in the wake of any act, and those asked when it ran late."""
    known = _clock_roles.get(definition.sha256)
    if known is None:
        fired = [definition.acts[timer.fires].tell for timer in definition.timers.values() if timer.fires]
        asked = [definition.acts[timer.moved_by].by for timer in definition.timers.values() if timer.moved_by]
        known = _clock_roles[definition.sha256] = frozenset(chain(*fired, *asked))
    return known


_electing_roles: dict[str, frozenset[str]] = {}


def _electing(definition: Definition) -> frozenset[str]:
    """The roles whose holders have a turn in a decision, those that keep somebody from one, and who names a panel."""
    known = _electing_roles.get(definition.sha256)
    if known is None:
        every = [step for route in definition.routes.values() for step in route.steps]
        steps = [step for step in every if step.by_ballot]
        roles = {role for step in every if steps and step.kind is not StepKind.TASK for role in step.by}
        if steps:
            roles |= {conflict.who_is for conflict in definition.conflicts.values() if conflict.who_is}
            roles |= {definition.import_.by}
        known = _electing_roles[definition.sha256] = frozenset(roles)
    return known


def _told(definition: Definition, acts: Sequence[Act]) -> tuple[str, ...]:
    """The roles any of the acts tells, those a timer following at once tells, and whoever stands in for them."""
    roles = {role for act in acts for role in (*act.tell, act.second or "")}
    roles |= _told_by_clock(definition)
    roles |= _electing(definition)
    roles |= {
        stand_in for role in roles if role in definition.roles for stand_in in definition.roles[role].stand_in
    }
    return tuple(sorted(role for role in roles if role in definition.roles))


# ───────────────────────────── Locking


def lock(session: Session, case_id: str) -> Located:
    """Lock one case for this transaction; return its row and its edition's SHA-256."""
    rows = _cases(session, "c.id = :id", {"id": case_id}, "FOR UPDATE OF c")
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
    return _marked(f"SELECT pg_advisory_xact_lock(hashtextextended(h.identity, 0)) FROM ({ordered}) h")


def look(session: Session, case_id: str) -> Located:
    """The same without a lock, for a page."""
    rows = _cases(session, "c.id = :id", {"id": case_id}, "")
    if not rows:
        raise NotFound("no_such_case", case=case_id)
    return rows[0]


def look_at(session: Session, case_ids: Iterable[str]) -> list[Located]:
    """Several cases without a lock, for a page that shows them side by side."""
    return _cases(session, "c.id IN (:cases)", {"cases": list(case_ids)}, "")


def claim(session: Session, *, at: Any, limit: int) -> list[Located]:
    """Lock up to `limit` cases that have a timer to be looked at, passing over those somebody else holds."""
    where = "c.id IN (SELECT w.case_id FROM timers w WHERE w.wake_at <= :at ORDER BY w.wake_at LIMIT :limit)"
    return _cases(session, where, {"at": at, "limit": limit}, "FOR UPDATE OF c SKIP LOCKED")


def _cases(session: Session, where: str, parameters: Mapping[str, Any], suffix: str) -> list[Located]:
    connection = session.connection()
    is_postgresql = connection.dialect.name == "postgresql"
    sql, names = _case_sql(is_postgresql, where, suffix)
    with driver_cursor(connection) as cursor:
        values = [parameters[name] for name in names] if is_postgresql else _spelt(parameters)
        found = cursor.execute(sql, values).fetchall()
    if is_postgresql:
        return [Located(typed("cases", row), sha256) for row, sha256 in found]
    columns = _columns("cases")
    return [Located(stored("cases", dict(zip(columns, row, strict=True))), sha256) for *row, sha256 in found]


@lru_cache(maxsize=32)
def _case_sql(is_postgresql: bool, where: str, suffix: str) -> tuple[str, tuple[str, ...]]:
    row = "row_to_json(c)" if is_postgresql else ", ".join(f"c.{name}" for name in _columns("cases"))
    sql = f"SELECT {row}, e.sha256 FROM cases c JOIN editions e ON e.id = c.edition_id WHERE {where} {suffix if is_postgresql else ''}"
    return _marked(sql) if is_postgresql else (_unlisted(sql), ())


@lru_cache(maxsize=64)
def _columns(table: str) -> tuple[str, ...]:
    return tuple(column.name for column in Base.metadata.tables[table].columns)


def _marked(sql: str) -> tuple[str, tuple[str, ...]]:
    """The statement in PostgreSQL's own marks, lists as arrays, and the names of its parameters in their order."""
    for name, kind in LISTS.items():
        sql = sql.replace(f"IN (:{name})", f"= ANY(:{name}::{kind}[])")
    names = tuple(dict.fromkeys(re.findall(r"(?<!:):([a-z]+)", sql)))
    return re.sub(r"(?<!:):([a-z]+)", lambda found: f"${names.index(found[1]) + 1}", sql), names


def _spelt(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as SQLite takes them, lists as JSON."""
    return {
        name: json.dumps(value) if isinstance(value, list) else sqlite_value(value)
        for name, value in values.items()
    }


# ───────────────────────────── Reading


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
    return _marked(
        f"SELECT c.id::text, ({THE_REVISION}), json_build_object({', '.join(columns)}) "
        f"FROM cases c LEFT JOIN {subject} s ON s.case_id = c.id WHERE {which}"
    )


def _read_one_by_one(
    connection: Connection, subject: str, parts: Mapping[str, Part], ids: list[str], values: Mapping[str, Any]
) -> tuple[int, dict[str, Parts]]:
    spelt = _spelt(values)
    shared: Parts = {}
    answer: dict[str, Parts] = {}
    with driver_cursor(connection) as cursor:
        revision = cursor.execute(THE_REVISION).fetchone()
        for case_id in ids:
            spelt["id"] = case_id
            loaded = answer[case_id] = {}
            for name, part in parts.items():
                if name not in shared:
                    sql, columns = _statement(subject, part)
                    rows = cursor.execute(sql, spelt).fetchall()
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
    columns = _columns(part.table)
    more = tuple(column.split(" AS ")[1] for column in part.more)
    listed = ", ".join((*(f"t.{column}" for column in columns), *part.more))
    order = " ORDER BY t.place" if part.table == "passages" else ""
    sql = f"SELECT {listed} FROM {part.source} WHERE {part.where}{order}"
    sql = re.sub(r"\bs\.(\w+)", rf"(SELECT s.\1 FROM {subject} s WHERE s.case_id = c.id)", sql)
    sql = re.sub(r"\bc\.id\b", ":id", sql)
    return _unlisted(sql), columns + more


def _unlisted(sql: str) -> str:
    """Parameters that are lists, as SQLite reads them: from JSON."""
    for parameter in LISTS:
        sql = sql.replace(f"IN (:{parameter})", f"IN (SELECT value FROM json_each(:{parameter}))")
    return sql
