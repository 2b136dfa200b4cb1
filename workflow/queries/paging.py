"""Keyset paging: a page is cut off after a row, never at a number, so it costs the same however deep it lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Integer, Select, bindparam, tuple_
from sqlalchemy.orm import Session

from workflow.snapshot import Row

SIZE = 30
"""Rows on one page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Rows in the list's order. `newer` and `older` are the marks to ask for the page before and after, or None."""

    rows: tuple[Row, ...]
    newer: str | None = None
    older: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order of a list: the column that tells the rows apart, and how a mark is read back into its value.

    Where it takes several columns to tell them apart, `column` compares them together and `parts` are they.
    """

    column: Any
    name: str
    read: Callable[[str], Any]
    descending: bool = True
    then: Any = None
    """The column that tells apart the rows that share `column`; a mark is then read into both values."""
    mark: Callable[[Row], str] | None = None
    """How a row is marked; by its `name` where none is given."""

    @property
    def columns(self) -> tuple[Any, ...]:
        return (self.column,) if self.then is None else (self.column, self.then)

    @property
    def place(self) -> Any:
        """What a mark is compared with: an index over the columns finds it at once."""
        return self.column if self.then is None else tuple_(*self.columns)


def page(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    order: Order,
    *,
    after: str | None,
    before: str | None,
    size: int = SIZE,
    is_planned_once: bool = False,
) -> Page:
    """Read one page of a statement. `after` and `before` are marks of an earlier page; one that cannot be read is ignored.

    `is_planned_once`: one plan is the best whatever the values, so PostgreSQL may keep it. It keeps none whose number of
    rows it does not know: a limit sent as a value is guessed at a tenth of the table, and the longer that is, the
    dearer a kept plan seems beside one made anew each time.
    """
    back = _read(order, before)
    onward = None if back is not None else _read(order, after)
    falling = order.descending
    if onward is not None:
        statement = statement.where(order.place < onward if falling else order.place > onward)
    if back is not None:
        statement = statement.where(order.place > back if falling else order.place < back)
        falling = not falling
    by = [column.desc() if falling else column.asc() for column in order.columns]
    limit: BindParameter[int] = bindparam(None, size + 1, Integer, literal_execute=is_planned_once)
    statement = statement.order_by(*by).limit(limit)
    rows = [dict(row) for row in session.execute(statement).mappings()]
    return _cut(rows, order, size=size, onward=onward is not None, back=back is not None)


def _cut(rows: list[dict[str, Any]], order: Order, *, size: int, onward: bool, back: bool) -> Page:
    more = len(rows) > size
    rows = rows[:size]
    if back:
        rows.reverse()
    if not rows:
        return Page(rows=())
    has_older = more if not back else True
    has_newer = more if back else onward
    return Page(
        rows=tuple(rows),
        newer=_mark(rows, 0, order) if has_newer else None,
        older=_mark(rows, -1, order) if has_older else None,
    )


def _mark(rows: Sequence[Row], place: int, order: Order) -> str:
    row = rows[place]
    return order.mark(row) if order.mark is not None else str(row[order.name])


def _read(order: Order, mark: str | None) -> Any:
    if not mark:
        return None
    try:
        return order.read(mark)
    except ValueError:
        return None


def key_mark(text: str) -> str:
    """Read a mark that is the identifier of a row. Raises ValueError for anything else."""
    from uuid import UUID

    return str(UUID(text))


def number_mark(text: str) -> int:
    """Read a mark that is the number of a row. Raises ValueError for anything else."""
    return _number(text, digits=18)


def place_mark(text: str) -> int:
    """Read a mark that is a place in a stream, which is a smaller number. Raises ValueError for anything else."""
    return _number(text, digits=9)


def _number(text: str, *, digits: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > digits:
        raise ValueError("no mark of a row")
    return int(text)
