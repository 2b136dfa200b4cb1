"""Read a ledger workbook into rows, with every fault at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING

from workflow.ledger.cells import (
    CellError,
    Written,
    read_count,
    read_credit_code,
    read_fen,
    read_line,
    read_list,
    read_note,
    read_number_text,
    read_period,
    read_single_name,
    read_year,
    word_reader,
)
from workflow.ledger.checks import RowReading, check_rows
from workflow.ledger.days import Span, read_day
from workflow.ledger.layout import Heading, Origins, find_heading, merged_origins
from workflow.ledger.rows import Column, Fault, Ledger, LedgerError, SheetLayout
from workflow.ledger.words import STUDENTS, catalogue, is_note, leading_heading
from workflow.ledger.workbook import ROW_LIMIT, Source, open_workbook

if TYPE_CHECKING:
    from openpyxl.workbook.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

WIDTH_OF_A_NOTE = 4
TITLES_OF_A_REPEATED_HEADER = 3

READERS: Mapping[str, Callable[[Written], object]] = {
    "base_number": read_number_text,
    "base_name": read_line,
    "level": word_reader("level"),
    "partner_name": read_line,
    "partner_kind": word_reader("partner_kind"),
    "credit_code": read_credit_code,
    "lead_college": read_single_name,
    "other_colleges": read_list,
    "programmes": read_list,
    "leader_name": read_line,
    "partner_contact_name": read_line,
    "contact_phone": read_line,
    "project_year": read_year,
    "approved_on": read_day,
    "cycle": read_period,
    "agreement_number": read_line,
    "signed_on": read_day,
    "agreement_last_day": read_day,
    "renewal_note": read_note,
    "mentor_count": read_count,
    STUDENTS: read_count,
    "data_on_time": word_reader("data_on_time"),
    "midterm_result": word_reader("midterm_result"),
    "final_grade": word_reader("final_grade"),
    "final_on": read_day,
    "plaque_on": read_day,
    "extended_to": read_day,
    "rectify_by": read_day,
    "funding": read_fen,
    "state": word_reader("state"),
    "banned_until": read_day,
    "remark": read_note,
}


class _SheetReading:
    """What one sheet gave: its columns, its rows, and what is wrong with the sheet as a whole."""

    def __init__(self) -> None:
        self.columns: tuple[Column, ...] = ()
        self.layout: SheetLayout | None = None
        self.rows: list[RowReading] = []
        self.faults: list[Fault] = []
        self.warnings: list[Fault] = []


def read_ledger(source: Source, *, today: date, mapping: Mapping[str, str] | None = None) -> Ledger:
    """Read a workbook, given as bytes or as a path, into rows and everything at fault.

    `today` is the Beijing day against which the future is judged; `mapping` gives the field (see
    `readable_fields`) of headings a person chose, empty for a column to leave unread. Formulas are never
    computed. Raises LedgerError for a file that is no ledger.
    """
    workbook = open_workbook(source)
    sheets = [_read_sheet(sheet, workbook, mapping or {}) for sheet in workbook.worksheets]
    if not any(sheet.layout for sheet in sheets):
        raise LedgerError("no_header")
    rows = [row for sheet in sheets for row in sheet.rows]
    if not rows:
        raise LedgerError("no_rows")
    check_rows(rows, today=today)
    return _ledger(sheets, rows)


def _ledger(sheets: list[_SheetReading], rows: list[RowReading]) -> Ledger:
    return Ledger(
        rows=tuple(row.finished() for row in rows if row.is_clean),
        faults=tuple(
            fault
            for sheet in sheets
            for fault in [*sheet.faults, *(f for row in sheet.rows for f in row.faults)]
        ),
        warnings=tuple(
            fault
            for sheet in sheets
            for fault in [
                *sheet.warnings,
                *(f for row in sheet.rows for f in row.warnings),
            ]
        ),
        columns=tuple(column for sheet in sheets for column in sheet.columns),
        layouts=tuple(sheet.layout for sheet in sheets if sheet.layout),
        row_count=len(rows),
    )


def _read_sheet(sheet: Worksheet, workbook: Workbook, mapping: Mapping[str, str]) -> _SheetReading:
    reading = _SheetReading()
    origins = merged_origins(sheet)
    heading = find_heading(sheet, origins, mapping)
    if sheet.sheet_state != "visible" or heading is None:
        reading.warnings += _unread_sheet(sheet)
        return reading
    reading.columns = heading.known
    reading.layout = SheetLayout(
        sheet=sheet.title, header_row=heading.first_row, last_column=heading.last_column
    )
    reading.faults += _missing_columns(sheet, heading)
    reading.warnings += _repeated_columns(heading)
    complete = not reading.faults
    for row in _base_rows(sheet, heading, origins):
        reading.rows.append(_read_row(sheet, row, heading, origins, workbook.epoch, complete))
    return reading


def _unread_sheet(sheet: Worksheet) -> list[Fault]:
    if sheet.max_row == 1 and sheet.max_column == 1 and sheet.cell(1, 1).value is None:
        return []
    code = "sheet_without_header" if sheet.sheet_state == "visible" else "sheet_hidden"
    return [_sheet_fault(sheet, code, row=0, column="", value=sheet.title)]


def _missing_columns(sheet: Worksheet, heading: Heading) -> list[Fault]:
    return [
        _sheet_fault(
            sheet,
            "column_missing",
            row=heading.first_row,
            column=leading_heading(field),
        )
        for field in catalogue()["required"]
        if field not in heading.columns
    ]


def _repeated_columns(heading: Heading) -> list[Fault]:
    return [
        Fault(
            sheet=column.sheet,
            row=heading.first_row,
            column=column.header,
            cell=f"{column.letter}{heading.first_row}",
            code="duplicate_heading",
        )
        for column in heading.repeated
    ]


def _sheet_fault(sheet: Worksheet, code: str, *, row: int, column: str, **params: str) -> Fault:
    return Fault(sheet=sheet.title, row=row, column=column, cell="", code=code, params=params)


def _base_rows(sheet: Worksheet, heading: Heading, origins: Origins) -> Iterator[int]:
    """Yield the rows below the heading that hold a base: no blank line, note, total or repeated heading."""
    for row in range(heading.last_row + 1, min(sheet.max_row, ROW_LIMIT) + 1):
        own = {column: text for column in heading.titles if (text := _own_text(sheet, row, column))}
        if not own.keys() & set(heading.columns.values()):
            continue
        if not (_is_note_row(own, row, heading, origins) or _is_repeated_heading(own, heading)):
            yield row


def _own_text(sheet: Worksheet, row: int, column: int) -> str:
    value = sheet.cell(row, column).value
    return "" if value is None else str(value).strip()


def _is_note_row(own: Mapping[int, str], row: int, heading: Heading, origins: Origins) -> bool:
    first = min(own)
    is_wide = origins.get((row, first + WIDTH_OF_A_NOTE - 1)) == (row, first)
    return is_wide or (is_note(own[first]) and heading.columns.get("partner_name") not in own)


def _is_repeated_heading(own: Mapping[int, str], heading: Heading) -> bool:
    return sum(heading.titles[column] == text for column, text in own.items()) >= TITLES_OF_A_REPEATED_HEADER


def _read_row(
    sheet: Worksheet,
    row: int,
    heading: Heading,
    origins: Origins,
    epoch: datetime,
    complete: bool,
) -> RowReading:
    reading = RowReading(sheet=sheet.title, row=row, complete=complete)
    for field, column in heading.columns.items():
        origin = origins.get((row, column), (row, column))
        # A merge downwards says the same of each row; one to the right says nothing of the next column.
        cell = sheet.cell(*origin) if origin[1] == column else sheet.cell(row, column)
        reading.places[field] = (heading.titles[column], cell.coordinate)
        written = Written(
            value=cell.value,
            data_type=cell.data_type,
            heading=heading.titles[column],
            epoch=epoch,
        )
        _read_field(reading, field, written)
    return reading


def _read_field(reading: RowReading, field: str, written: Written) -> None:
    try:
        value = READERS[field.partition(":")[0]](written)
    except CellError as error:
        reading.fault(field, error.code, **error.params)
        return
    if isinstance(value, Span):
        reading.take_day(field, value, written=str(written.value))
    elif value is not None:
        reading.values[field] = value
