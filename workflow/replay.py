"""Fold log entries into the rows they speak of: what the tables must hold if nothing but the log had written them.

A fold takes one entry after another and can stop anywhere, so that it also gives the rows as they were on a day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from models import Base
from models.changes import INSERT, UPDATE, key_column, plain
from workflow.log import CASE_FIELDS, FIELDS, UNLOGGED_COLUMNS, NotPlain, commitment, commits, read, sealed

INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z")

Place = tuple[str, str]
"""A table and the key of one of its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """One field in which the tables and the log differ. `column` is the key's own where a whole row is too many or lacking.

    Personal values appear as commitments only. `entry` is the entry that shows it, as `stream#seq`, where it is not
    the table as it stands now.
    """

    table: str
    key: str
    column: str
    expected: Any
    found: Any
    entry: str | None = None


class Unfoldable(Exception):
    """An entry's text is not one the log can have written; the verifier says what is wrong with it."""


def entry_of(text: str) -> Mapping[str, Any]:
    """Read an entry far enough to fold it. Raises Unfoldable."""
    try:
        body = read(text)
    except NotPlain as error:
        raise Unfoldable from error
    if not isinstance(body, dict) or body.keys() not in (FIELDS, CASE_FIELDS) or not _is_foldable(body):
        raise Unfoldable
    return body


def _is_foldable(body: Mapping[str, Any]) -> bool:
    rows = all(isinstance(body.get(name, {}), dict) for name in ("documents", "edition"))
    lists = all(isinstance(body.get(name, []), list) for name in ("changes", "notices"))
    return rows and lists and _is_instant(body["recorded_at"]) and all(map(_is_change, body["changes"]))


def _is_instant(value: Any) -> bool:
    return isinstance(value, str) and INSTANT.fullmatch(value) is not None


def _is_change(change: Any) -> bool:
    if not isinstance(change, dict) or change.get("op") not in (INSERT, UPDATE):
        return False
    rows = (change.get("set"), change.get("was", {}))
    names = (change.get("table"), change.get("key"))
    return all(isinstance(name, str) for name in names) and all(isinstance(row, dict) for row in rows)


@dataclass(slots=True, kw_only=True)
class Fold:
    """Rows as the entries taken so far leave them."""

    rows: dict[Place, dict[str, Any]] = field(default_factory=dict)
    partial: set[Place] = field(default_factory=set)
    """Rows older than the log, of which only the columns it has changed are known."""

    def take(
        self, change: Mapping[str, Any], entry: str, *, made_before: bool = False
    ) -> Iterator[Discrepancy]:
        """Carry out one change of an entry; report what it found otherwise than the entries before it had left it.

        `made_before`: the row may be older than the log, and is then known by what its changes say.
        """
        table, key = change["table"], change["key"]
        row = self.rows.get((table, key))
        if change["op"] == INSERT:
            if row is not None:
                yield Discrepancy(
                    table=table, key=key, column=_key(table), expected=None, found=key, entry=entry
                )
            self.rows[table, key] = dict(change["set"])
            return
        if row is None:
            self.partial.add((table, key))
            if not made_before:
                yield Discrepancy(
                    table=table, key=key, column=_key(table), expected=None, found=key, entry=entry
                )
        for column, found in change.get("was", {}).items():
            if row is not None and row.get(column, found) != found and not any(digests(row[column])):
                yield Discrepancy(
                    table=table, key=key, column=column, expected=row[column], found=found, entry=entry
                )
        self.rows[table, key] = {**(row or {}), **change["set"]}


def _key(table: str) -> str:
    return key_column(table) if table in Base.metadata.tables else ""


# ───────────────────────────── Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Salts:
    """The salts of commitments that have not been erased."""

    known: Mapping[str, str | None]

    def agree(self, expected: Any, found: Any) -> bool:
        """Say whether a value is the one an entry holds or commits to; of an erased one nothing can be said."""
        digest = _digest(expected)
        if digest is not None:
            salt = self.known.get(digest)
            return salt is None or commits(salt, found, digest)
        if _is_seal(expected):
            return isinstance(found, str) and sealed(found) == expected["sha256"]
        if isinstance(expected, dict) and isinstance(found, dict):
            same = expected.keys() == found.keys()
            return same and all(self.agree(item, found[name]) for name, item in expected.items())
        if isinstance(expected, list) and isinstance(found, list):
            same = len(expected) == len(found)
            return same and all(self.agree(one, other) for one, other in zip(expected, found, strict=True))
        return type(expected) is type(found) and bool(expected == found)

    def shown(self, expected: Any, found: Any) -> Any:
        """The value found, fit to be shown: where the log only commits, so does this."""
        digest = _digest(expected)
        if digest is not None:
            return {"commitment": _committed(self.known.get(digest) or "", found)}
        if _is_seal(expected):
            return {"sha256": sealed(str(found))}
        if isinstance(expected, dict) and isinstance(found, dict):
            return {name: self.shown(expected.get(name), item) for name, item in found.items()}
        return found


def _committed(salt: str, found: Any) -> str | None:
    """The commitment to a value; None for one no entry can hold, such as a fraction."""
    try:
        return commitment(salt, found)
    except (TypeError, ValueError):
        return None


def _held(value: Any) -> Any:
    """The value of a column in JSON's own types; a JSON column may hold what no entry can, and is of those types anyway."""
    try:
        return plain(value)
    except TypeError:
        return value


def _digest(value: Any) -> str | None:
    if isinstance(value, dict) and value.keys() == {"commitment"} and isinstance(value["commitment"], str):
        return value["commitment"]
    return None


def _is_seal(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"sha256"}


def digests(value: Any) -> Iterator[str]:
    """The commitments within a value of an entry."""
    digest = _digest(value)
    if digest is not None:
        yield digest
    elif isinstance(value, dict):
        for item in value.values():
            yield from digests(item)
    elif isinstance(value, list):
        for item in value:
            yield from digests(item)


def differences(
    place: Place, expected: Mapping[str, Any], found: Mapping[str, Any], salts: Salts, *, whole: bool
) -> Iterator[Discrepancy]:
    """The fields in which a stored row is not the folded one.

    `whole`: the row was made by an entry. Then a column no entry names is empty, or has the value new rows are given:
    it may be younger than the row's entries.
    """
    table, key = place
    left_out = UNLOGGED_COLUMNS.get(table, frozenset()) | {key_column(table)}
    for column in Base.metadata.tables[table].columns:
        if column.name in left_out:
            continue
        value = _held(found[column.name])
        if column.name not in expected:
            if not whole:
                continue
            given = _given(column)
            if value is not None and value != given:
                yield Discrepancy(table=table, key=key, column=column.name, expected=given, found=value)
        elif not salts.agree(expected[column.name], value):
            yield Discrepancy(
                table=table, key=key, column=column.name, expected=expected[column.name],
                found=salts.shown(expected[column.name], value),
            )  # fmt: skip


def _given(column: Column[Any]) -> Any:
    """The value the model gives a new row's column, None where it gives none."""
    return plain(column.default.arg) if isinstance(column.default, ScalarElementColumnDefault) else None


def moment(text: str) -> datetime:
    """An instant as an entry spells it."""
    return datetime.fromisoformat(text).astimezone(UTC)
