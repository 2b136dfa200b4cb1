"""Open a workbook that a stranger may have made: whatever could hurt is refused before it is loaded."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile

from workflow.ledger.rows import LedgerError

if TYPE_CHECKING:
    from openpyxl.workbook.workbook import Workbook

MIB = 1024 * 1024
FILE_LIMIT = 20 * MIB
UNPACKED_LIMIT = 48 * MIB
PART_LIMIT = 500
ROW_LIMIT = 10_000
CELL_LIMIT = 500_000
ELEMENT_LIMIT = 3_000_000
DEPTH_LIMIT = 100
# Two sheets may point at one part, and loading then builds it twice.
LOADED_CELL_LIMIT = 2_000_000

_OLD_CONTAINER = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_ENCRYPTED_FLAG = 0x1
_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7}):\$?([A-Z]{1,3})\$?(\d{1,7})")
# openpyxl lets the faults of a malformed part through as whatever exception they happen to cause.
_DAMAGE = (
    BadZipFile,
    SyntaxError,  # what every parser of XML raises, openpyxl's choice of one among them
    zlib.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
)

Source = bytes | str | Path


def open_workbook(source: Source) -> Workbook:
    """Load an .xlsx workbook, formulas as formulas. Raises LedgerError for whatever else the file is."""
    content = _content(source)
    _refuse_other_formats(content)
    try:
        with ZipFile(BytesIO(content)) as parts:
            _refuse_unsafe(parts)
        return _load(content)
    except _DAMAGE as error:
        raise LedgerError("damaged") from error


def _load(content: bytes) -> Workbook:
    # Imported here because only an import needs it, and loading it slows every other command down.
    from openpyxl import load_workbook

    return load_workbook(BytesIO(content), data_only=False, keep_links=False)


def _content(source: Source) -> bytes:
    if isinstance(source, bytes):
        _refuse_large(len(source))
        return source
    path = Path(source)
    try:
        _refuse_large(path.stat().st_size)
        return path.read_bytes()
    except FileNotFoundError as error:
        raise LedgerError("no_such_file", name=path.name) from error
    except OSError as error:
        raise LedgerError("unreadable_file", name=path.name) from error


def _refuse_large(size: int) -> None:
    if size > FILE_LIMIT:
        raise LedgerError("file_too_large", limit=str(FILE_LIMIT // MIB))


def _refuse_other_formats(content: bytes) -> None:
    if not content:
        raise LedgerError("empty_file")
    if content.startswith(_OLD_CONTAINER):
        raise LedgerError("protected" if _ENCRYPTED in content else "old_format")
    if not content.startswith(b"PK"):
        raise LedgerError("not_a_workbook")


def _refuse_unsafe(parts: ZipFile) -> None:
    entries = parts.infolist()
    # An entry never yields more than the size it declares, so the declared sizes bound the work.
    if len(entries) > PART_LIMIT or sum(entry.file_size for entry in entries) > UNPACKED_LIMIT:
        raise LedgerError("content_too_large", limit=f"{UNPACKED_LIMIT // MIB} MB")
    if any(entry.flag_bits & _ENCRYPTED_FLAG for entry in entries):
        raise LedgerError("protected")
    names = {entry.filename.lower() for entry in entries}
    if any(name.endswith("vbaproject.bin") for name in names):
        raise LedgerError("has_macros")
    if "xl/workbook.xml" not in names:
        raise LedgerError("not_a_workbook")
    _refuse_monsters(parts)


@dataclass(slots=True, kw_only=True)
class _PartSurvey:
    depth: int = 0
    cells: int = 0
    row: int = 0

    def begin_row(self, number: str) -> None:
        self.row = int(number) if number.isdecimal() else self.row + 1

    def refuse_far_row(self) -> None:
        if self.row > ROW_LIMIT:
            raise LedgerError("too_many_rows", limit=str(ROW_LIMIT))


@dataclass(slots=True, kw_only=True)
class _Survey:
    """What loading would build, counted over all parts: elements, cells, and the cells merges spread over."""

    elements: int = 0
    cells: int = 0
    largest_part: int = 0
    spread: int = 0
    sheets: int = 0
    part: _PartSurvey = field(default_factory=_PartSurvey)

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """Count one element as the parser meets it. Raises LedgerError past a limit."""
        tag = name.rpartition(" ")[2]
        self.elements += 1
        self.part.depth += 1
        if self.elements > ELEMENT_LIMIT:
            _refuse_content()
        if self.part.depth > DEPTH_LIMIT:
            raise LedgerError("damaged")
        self._count(tag, attributes)

    def end(self, name: str) -> None:
        """Leave an element."""
        self.part.depth -= 1

    def refuse_doctype(self, *_: object) -> NoReturn:
        """Refuse a document type: no spreadsheet program writes one, and its entities can grow endlessly."""
        raise LedgerError("damaged")

    def _count(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "row":
            self.part.begin_row(attributes.get("r", ""))
        elif tag == "c":
            self.cells += 1
            self.part.cells += 1
            self.largest_part = max(self.largest_part, self.part.cells)
        elif tag in {"v", "is", "f"}:
            self.part.refuse_far_row()
        elif tag == "sheet":
            self.sheets += 1
        elif tag in {"mergeCell", "hyperlink", "comment"}:
            self.spread += _area(attributes.get("ref", ""))
        if self.cells > CELL_LIMIT or self.spread > CELL_LIMIT:
            _refuse_content()


def _refuse_content() -> NoReturn:
    raise LedgerError("content_too_large", limit=f"{CELL_LIMIT} cells")


def _refuse_monsters(parts: ZipFile) -> None:
    survey = _Survey()
    for entry in parts.infolist():
        survey.part = _PartSurvey()
        _survey_part(parts.read(entry), survey)
    if survey.largest_part * survey.sheets > LOADED_CELL_LIMIT:
        _refuse_content()


def _survey_part(content: bytes, survey: _Survey) -> None:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = survey.begin
    parser.EndElementHandler = survey.end
    parser.StartDoctypeDeclHandler = survey.refuse_doctype
    try:
        parser.Parse(content, True)
    except expat.ExpatError:
        # A picture, or a part that loading would refuse as well.
        return


def _area(reference: str) -> int:
    """Count the cells of a range; one that names whole rows or columns counts as more than is allowed."""
    match = _REFERENCE.fullmatch(reference.upper())
    if match is None:
        return CELL_LIMIT + 1 if ":" in reference else 1
    left, top, right, bottom = match.groups()
    width = abs(_column_number(right) - _column_number(left)) + 1
    return width * (abs(int(bottom) - int(top)) + 1)


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
