"""Read everything about some cases in one statement, each table's rows as one JSON value.

A round trip costs more than the reading. The SQL is built once per dialect and set of parts from the tables' own columns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON

from models.changes import typed
from models.database import Base


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows of `table` (as `alias`) that satisfy `where`, which may speak of the case as `c` and its subject as `s`."""

    name: str
    table: str
    where: str
    columns: tuple[str, ...] = ()
    """The columns wanted; none: all of the table's."""
    join: str = ""
    order: str = ""


def rows_sql(dialect: str, part: Part) -> str:
    """A scalar subquery giving the part's rows as a JSON array of objects."""
    columns = part.columns or tuple(column.name for column in Base.metadata.tables[part.table].columns)
    inner = ", ".join(f"t.{column}" for column in columns)
    order = f" ORDER BY {part.order}" if part.order else ""
    if dialect == "postgresql":
        return (
            f"(SELECT coalesce(json_agg(q), '[]'::json) FROM (SELECT {inner} FROM {part.table} t {part.join} "
            f"WHERE {part.where}{order}) q)"
        )
    types = Base.metadata.tables[part.table].columns
    pairs = ", ".join(
        f"'{column}', " + (f"json(t.{column})" if isinstance(types[column].type, JSON) else f"t.{column}")
        for column in columns
    )
    return (
        f"(SELECT json_group_array(json_object({pairs})) FROM (SELECT {inner} FROM {part.table} t {part.join} "
        f"WHERE {part.where}{order}) t)"
    )


def read_rows(part: Part, value: Any) -> tuple[Mapping[str, Any], ...]:
    """Turn a part's JSON answer into typed rows."""
    if isinstance(value, str):
        value = json.loads(value)
    return tuple(typed(part.table, row) for row in value)
