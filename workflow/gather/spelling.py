"""SQL with named parameters, as each database spells it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from models import Base
from models.changes import sqlite_value

LISTS = {
    "cases": "uuid",
    "people": "uuid",
    "roles": "text",
    "units": "uuid",
    "counters": "text",
    "foreseen": "text",
}
"""Parameters that are lists, and what of."""


@lru_cache(maxsize=64)
def columns_of(table: str) -> tuple[str, ...]:
    return tuple(column.name for column in Base.metadata.tables[table].columns)


def marked(sql: str) -> tuple[str, tuple[str, ...]]:
    """The statement in PostgreSQL's own marks, lists as arrays, and the names of its parameters in their order."""
    for name, kind in LISTS.items():
        sql = sql.replace(f"IN (:{name})", f"= ANY(:{name}::{kind}[])")
    names = tuple(dict.fromkeys(re.findall(r"(?<!:):([a-z]+)", sql)))
    return re.sub(r"(?<!:):([a-z]+)", lambda found: f"${names.index(found[1]) + 1}", sql), names


def spelt(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as SQLite takes them, lists as JSON."""
    return {
        name: json.dumps(value) if isinstance(value, list) else sqlite_value(value)
        for name, value in values.items()
    }


def unlisted(sql: str) -> str:
    """Parameters that are lists, as SQLite reads them: from JSON."""
    for parameter in LISTS:
        sql = sql.replace(f"IN (:{parameter})", f"IN (SELECT value FROM json_each(:{parameter}))")
    return sql
