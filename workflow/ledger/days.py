"""Read one cell as a day: real dates, serial numbers, and what people type."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from workflow.ledger.cells import (
    FIRST_YEAR,
    LAST_YEAR,
    CellError,
    Written,
    half_width,
    shown,
    text_of,
)
from workflow.ledger.words import is_blank

# People type 2024.10 into a number cell and the spreadsheet keeps 2024.1.
_LOST_ZERO = ".1"
_TIME = re.compile(r"(?<=\d)[ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?$")
_DASH = re.compile("[‐‑‒–—―−]")
_PARTED = re.compile(r"(\d{4})[年./-](\d{1,2})(?:[月./-](?:(\d{1,2})[日号]?)?)?")
_COMPACT = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})?")
_SERIAL = re.compile(r"(\d{5})(?:\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The days a cell may mean: one, or the days of a month whose day is not written."""

    first: date
    last: date

    @property
    def month_only(self) -> bool:
        """Tell whether the cell names a month without its day."""
        return self.first != self.last


def read_day(cell: Written) -> Span | None:
    """Read a day, or a month without its day. Raises CellError for what is no day, or no likely one."""
    if isinstance(cell.value, datetime | date) and cell.data_type not in {"f", "e"}:
        return _plausible(_one(cell.value), str(cell.value))
    text = text_of(cell)
    if is_blank(text):
        return None
    if isinstance(cell.value, float) and text.endswith(_LOST_ZERO) and len(text) == len("2024.1"):
        raise CellError("ambiguous_month", value=text)
    return _plausible(_parse(_DASH.sub("-", half_width(_TIME.sub("", text))), cell.epoch), text)


def _parse(text: str, epoch: datetime) -> Span | None:
    try:
        if match := _SERIAL.fullmatch(text):
            return _one(epoch + timedelta(days=int(match[1])))
        if match := _PARTED.fullmatch(text) or _COMPACT.fullmatch(text):
            return _from_parts(*match.groups())
    except ValueError:
        return None
    return None


def _from_parts(year: str, month: str, day: str | None) -> Span:
    if day is not None:
        return _one(date(int(year), int(month), int(day)))
    last = monthrange(int(year), int(month))[1]
    return Span(first=date(int(year), int(month), 1), last=date(int(year), int(month), last))


def _one(day: date) -> Span:
    if isinstance(day, datetime):
        day = day.date()
    return Span(first=day, last=day)


def _plausible(span: Span | None, text: str) -> Span:
    if span is None or not FIRST_YEAR <= span.first.year <= LAST_YEAR:
        raise CellError("unreadable_day", value=shown(text))
    return span
