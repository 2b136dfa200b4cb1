"""Give a ledger workbook back with a column that says what is wrong with each row."""

from __future__ import annotations

from collections import defaultdict
from io import BytesIO
from typing import TYPE_CHECKING

from workflow.ledger.rows import Ledger, LedgerError, SheetLayout
from workflow.ledger.words import catalogue, describe, is_annotation
from workflow.ledger.workbook import ROW_LIMIT, Source, open_workbook

if TYPE_CHECKING:
    from openpyxl.workbook.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

COLUMN_WIDTH = 60
FAULT_COLOUR = "FFD34D"
# A spreadsheet program takes a text that begins so for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def annotate(source: Source, ledger: Ledger, *, language: str) -> bytes:
    """Give the same workbook back as bytes, with the faults of each row in `zh` or `en` beside it.

    Cells at fault are coloured; a column of faults from an earlier reading is replaced. `ledger` is what
    `read_ledger` made of the same file. Raises LedgerError when the file cannot be loaded.
    """
    workbook = open_workbook(source)
    texts = _texts(ledger, language)
    for layout in ledger.layouts:
        if layout.sheet not in workbook.sheetnames:
            raise LedgerError("damaged")
        _write_column(workbook[layout.sheet], layout, texts[layout.sheet], language)
    _colour_faults(workbook, ledger)
    return _saved(workbook)


def _texts(ledger: Ledger, language: str) -> dict[str, dict[int, str]]:
    texts: dict[str, dict[int, str]] = defaultdict(dict)
    for fault in ledger.faults:
        rows = texts[fault.sheet]
        said = describe(fault, language=language)
        rows[fault.row] = f"{rows[fault.row]}\n{said}" if fault.row in rows else said
    return texts


def _write_column(sheet: Worksheet, layout: SheetLayout, texts: dict[int, str], language: str) -> None:
    # Imported here because only an import needs it, and loading it slows every other command down.
    from openpyxl.styles import Alignment
    from openpyxl.utils import get_column_letter

    column = _column_to_write(sheet, layout)
    title: str = catalogue()["annotation"][language]
    heading = "\n".join([title, *filter(None, [texts.get(layout.header_row)])])
    for row, text in (texts | {layout.header_row: heading}).items():
        cell = sheet.cell(row, column, guarded(text))
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.column_dimensions[get_column_letter(column)].width = COLUMN_WIDTH


def _column_to_write(sheet: Worksheet, layout: SheetLayout) -> int:
    """Find the column of an earlier reading and empty it, else the first free one after the last heading."""
    rows = range(layout.header_row, min(sheet.max_row, ROW_LIMIT) + 1)
    for column in range(1, layout.last_column + 1):
        if is_annotation(str(sheet.cell(layout.header_row, column).value or "")):
            for row in rows:
                if not isinstance(sheet.cell(row, column), _merged_cell()):
                    sheet.cell(row, column).value = None
            return column
    column = layout.last_column + 1
    while any(_is_occupied(sheet, row, column) for row in rows):
        column += 1
    return column


def _is_occupied(sheet: Worksheet, row: int, column: int) -> bool:
    cell = sheet.cell(row, column)
    return cell.value is not None or isinstance(cell, _merged_cell())


def _merged_cell() -> type:
    from openpyxl.cell.cell import MergedCell

    return MergedCell


def _colour_faults(workbook: Workbook, ledger: Ledger) -> None:
    from openpyxl.styles import PatternFill

    fill = PatternFill("solid", fgColor=FAULT_COLOUR)
    for fault in ledger.faults:
        if fault.cell:
            workbook[fault.sheet][fault.cell].fill = fill


def _saved(workbook: Workbook) -> bytes:
    out = BytesIO()
    workbook.save(out)
    return out.getvalue()


def guarded(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet program would compute."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
