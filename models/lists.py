"""Conditions over lists kept as JSON, spelt as each database reads them best."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, and_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


def holds_any(column: ColumnElement[Any] | Any, *texts: str) -> ColumnElement[bool]:
    """The condition that a column holds a list with one of some texts; an index on the column answers it.

    It says by itself that the column is not empty, for SQLite's index is of such rows only.
    """
    return and_(column.is_not(None), _HoldsAny(column, *texts))


class _HoldsAny(FunctionElement[bool]):
    name = "holds_any"
    type = Boolean()
    inherit_cache = True


def _parts(element: _HoldsAny, compiler: SQLCompiler, **rest: Any) -> tuple[str, str]:
    column, *texts = (compiler.process(part, **rest) for part in element.clauses)
    return column, ", ".join(texts)


@compiles(_HoldsAny, "postgresql")
def _on_postgresql(element: _HoldsAny, compiler: SQLCompiler, **rest: Any) -> str:
    column, texts = _parts(element, compiler, **rest)
    return f"({column} ?| CAST(ARRAY[{texts}] AS TEXT[]))"


@compiles(_HoldsAny, "sqlite")
def _on_sqlite(element: _HoldsAny, compiler: SQLCompiler, **rest: Any) -> str:
    column, texts = _parts(element, compiler, **rest)
    return f"EXISTS (SELECT 1 FROM json_each({column}) WHERE value IN ({texts}))"
