"""Tables as files people take away: CSV and workbooks, written as the rows are read."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import chain, islice
from typing import Any
from unicodedata import east_asian_width

from flask import Response

from web import door
from web.documents import disposition
from workflow.operations.papers import note_taken

EXPORTS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
FORMULA = tuple("=+-@\t\r\n" + "".join(map(chr, (0xFF1D, 0xFF0B, 0xFF0D, 0xFF20))))
"""How a text begins that a spreadsheet program would compute, full-width forms too."""
BYTE_ORDER_MARK = "\ufeff"
MEASURED = 200
"""Rows looked at before a workbook begins, to see how wide its columns must be."""
NARROWEST, WIDEST = 8, 48
AT_ONCE = 64 * 1024
"""Bytes of a finished file sent at once."""

Cells = list[str]


def taken_out(
    heads: Cells, rows: Iterable[Cells], *, title: str, on: date, kind: str, taken: dict[str, Any]
) -> Response:
    """Leave the entry of an export, which says what was `taken`, and send the rows as a file of a kind of `EXPORTS`."""
    content = b"".join(encoded(as_csv(heads, rows)) if kind == "csv" else as_xlsx(title, heads, rows))
    door.act(lambda session, ctx: note_taken(session, kind="export", content=taken, ctx=ctx))
    answer = Response(content, mimetype=None, content_type=EXPORTS[kind])
    answer.headers["Content-Disposition"] = disposition(f"{title}-{on.isoformat()}.{kind}")
    return answer


def plain(value: Any) -> str:
    """A value as a cell of an exported file has it; days as ISO text."""
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date) else str(value)


def encoded(texts: Iterable[str]) -> Iterator[bytes]:
    """The texts as they are sent."""
    return (text.encode() for text in texts)


def as_csv(heads: Cells, rows: Iterable[Cells]) -> Iterator[str]:
    """Lines with a byte-order mark; a text that would be computed is led by an apostrophe."""
    yield BYTE_ORDER_MARK + _line(heads)
    for cells in rows:
        yield _line(cells)


def _line(cells: Cells) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerow([f"'{text}" if text.startswith(FORMULA) else text for text in cells])
    return out.getvalue()


def as_xlsx(title: str, heads: Cells, rows: Iterable[Cells]) -> Iterator[bytes]:
    """A workbook whose every cell is text, under heads that stay, its columns as wide as its first rows want.

    It grows in a temporary file, row by row.
    """
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    bold = Font(bold=True)

    def text(value: str, font: Font | None = None) -> Any:
        cell = WriteOnlyCell(sheet)
        cell.value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", value)
        cell.data_type = "s"
        if font is not None:
            cell.font = font
        return cell

    others = iter(rows)
    first = list(islice(others, MEASURED))
    for number, column in enumerate(zip(heads, *first, strict=True), 1):
        sheet.column_dimensions[get_column_letter(number)].width = _width(column)
    sheet.freeze_panes = "A2"
    sheet.append([text(head, bold) for head in heads])
    for cells in chain(first, others):
        sheet.append([text(value) for value in cells])
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while chunk := file.read(AT_ONCE):
            yield chunk


def _width(texts: Iterable[str]) -> int:
    """What the longest of some texts needs, in the width of a digit; a Chinese sign takes two."""
    longest = max(sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text) for text in texts)
    return min(max(longest + 2, NARROWEST), WIDEST)
