"""The entries of an export in each kind of file, written as they are read: no file is ever held whole in memory."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any
from xml.sax.saxutils import quoteattr

from workflow.snapshot import Row

FORMULA = tuple("=+-@\t\r\n" + "".join(map(chr, (0xFF1D, 0xFF0B, 0xFF0D, 0xFF20))))
"""How a text begins that a spreadsheet program would compute, full-width forms too."""
BYTE_ORDER_MARK = "\ufeff"
AT_ONCE = 64 * 1024
"""Bytes of a finished file sent at once."""

Cells = list[str]


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


def as_xlsx(heads: Cells, rows: Iterable[Cells]) -> Iterator[bytes]:
    """A workbook whose every cell is text; it grows in a temporary file, row by row."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook(write_only=True)
    sheet = book.create_sheet()

    def text(value: str) -> Any:
        cell = WriteOnlyCell(sheet)
        cell.value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", value)
        cell.data_type = "s"
        return cell

    for cells in chain([heads], rows):
        sheet.append([text(value) for value in cells])
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while chunk := file.read(AT_ONCE):
            yield chunk


def as_jsonl(rows: Iterable[Row]) -> Iterator[str]:
    """Each entry's own text, byte for byte, with its hash: what a verifier wants."""
    for row in rows:
        yield f'{{"entry":{row["text"]},"hash":"{row["hash"]}"}}\n'


XES_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xes.features="" xmlns="http://www.xes-standard.org/">
<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
<extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
<extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
<global scope="trace"><string key="concept:name" value=""/></global>
<global scope="event"><string key="concept:name" value=""/><date key="time:timestamp" value="1970-01-01T00:00:00.000+00:00"/>
<string key="org:resource" value=""/></global>
<classifier name="Activity" keys="concept:name"/>
"""


def as_xes(rows: Iterable[Row], activity: Callable[[Row], str]) -> Iterator[str]:
    """One trace per base (IEEE 1849), rows in the order of its entries; people are numbered, never named."""
    yield XES_HEAD
    people: dict[str, str] = {}
    open_case = None
    for row in rows:
        if row["case_id"] != open_case:
            yield (
                "</trace>\n" if open_case else ""
            ) + f"<trace>{_string('concept:name', row['base_number'] or row['case_id'])}\n"
            open_case = row["case_id"]
        yield _event(row, activity(row), people)
    yield ("</trace>\n" if open_case else "") + "</log>\n"


def _event(row: Mapping[str, Any], activity: str, people: dict[str, str]) -> str:
    who = people.setdefault(row["actor"], f"r{len(people) + 1}") if row["actor_id"] else row["actor"]
    at = row["recorded_at"].isoformat(timespec="milliseconds")
    date = f'<date key="time:timestamp" value={quoteattr(at)}/>'
    return f"<event>{_string('concept:name', activity)}{date}{_string('org:resource', who)}</event>\n"


def _string(key: str, value: str) -> str:
    return f"<string key={quoteattr(key)} value={quoteattr(value)}/>"
