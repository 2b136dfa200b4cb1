"""Find a sheet's heading and the fields of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workflow.ledger.rows import Column
from workflow.ledger.words import field_of, is_ignored, without_marks

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

HEADER_WITHIN_ROWS = 30
COLUMN_LIMIT = 256
FIELDS_OF_A_HEADER = 4
HEADER_ROWS = 3

Origins = Mapping[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A sheet's heading: its rows, the column number of each field, and what was not understood."""

    first_row: int
    last_row: int
    columns: Mapping[str, int]
    titles: Mapping[int, str]
    known: tuple[Column, ...]
    repeated: tuple[Column, ...]

    @property
    def last_column(self) -> int:
        """Give the number of the last column that has a title."""
        return max(self.titles)


def merged_origins(sheet: Worksheet) -> Origins:
    """Map each covered cell of a merge to the cell that holds its value."""
    return {
        (row, column): (span.min_row, span.min_col)
        for span in sheet.merged_cells.ranges
        for row in range(span.min_row, span.max_row + 1)
        for column in range(span.min_col, span.max_col + 1)
        if (row, column) != (span.min_row, span.min_col)
    }


def find_heading(sheet: Worksheet, origins: Origins, mapping: Mapping[str, str]) -> Heading | None:
    """Find the row that holds the most known headings; None when no row looks like a heading.

    `mapping` says the field of a heading where a person chose it; an empty field leaves the column unread.
    """
    rows = range(1, min(sheet.max_row, HEADER_WITHIN_ROWS) + 1)
    # The sheet works its width out anew from every cell each time it is asked.
    columns = range(1, min(sheet.max_column, COLUMN_LIMIT) + 1)
    # The first of equals wins, so that a heading repeated further down is not taken for the first.
    known = {row: _known_count(sheet, row, columns, mapping) for row in rows}
    best = max(rows, key=lambda row: (known[row], -row), default=0)
    if known.get(best, 0) < FIELDS_OF_A_HEADER:
        return None
    last = _last_header_row(sheet, best)
    return _heading(sheet, (best, last), _titles(sheet, columns, origins, (best, last)), mapping)


def _known_count(sheet: Worksheet, row: int, columns: range, mapping: Mapping[str, str]) -> int:
    titles = (sheet.cell(row, column).value for column in columns)
    return len({field for title in titles if isinstance(title, str) and (field := _field(title, mapping))})


def _field(title: str, mapping: Mapping[str, str]) -> str | None:
    return (mapping[title] or None) if title in mapping else field_of(title)


def _last_header_row(sheet: Worksheet, first: int) -> int:
    """A heading of several rows shows by cells merged downwards from its first row."""
    ends = [span.max_row for span in sheet.merged_cells.ranges if span.min_row == first]
    return min(max(ends, default=first), first + HEADER_ROWS - 1)


def _titles(sheet: Worksheet, columns: range, origins: Origins, rows: tuple[int, int]) -> dict[int, str]:
    titles = {}
    for column in columns:
        places = dict.fromkeys(
            origins.get((row, column), (row, column)) for row in range(rows[0], rows[1] + 1)
        )
        values = (sheet.cell(*place).value for place in places)
        title = "".join(without_marks(str(value)).strip() for value in values if value is not None)
        if title:
            titles[column] = title
    return titles


def _heading(
    sheet: Worksheet,
    rows: tuple[int, int],
    titles: Mapping[int, str],
    mapping: Mapping[str, str],
) -> Heading:
    # Imported here because only an import needs it, and loading it slows every other command down.
    from openpyxl.utils import get_column_letter

    columns: dict[str, int] = {}
    known: list[Column] = []
    repeated: list[Column] = []
    for number, title in titles.items():
        if is_ignored(title):
            continue
        field = _field(title, mapping)
        read_as = None if field in columns else field
        known.append(
            Column(
                sheet=sheet.title,
                letter=get_column_letter(number),
                header=title,
                field=read_as,
            )
        )
        if field is not None and read_as is None:
            repeated.append(known[-1])
        elif field is not None:
            columns[field] = number
    return Heading(
        first_row=rows[0],
        last_row=rows[1],
        columns=columns,
        titles=titles,
        known=tuple(known),
        repeated=tuple(repeated),
    )
