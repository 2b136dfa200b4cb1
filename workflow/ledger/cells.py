"""Read one cell: text, words, counts, amounts and periods, however an office writes them."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from workflow.ledger.words import (
    allowed_words,
    catalogue,
    codes_by_word,
    is_blank,
    key_of,
    without_marks,
)

TEXT_LIMIT = 200
NOTE_LIMIT = 2000
CODE_LENGTH = 18
FEN_PER_YUAN = 100
FEN_PER_TEN_THOUSAND_YUAN = 1_000_000
FIRST_YEAR, LAST_YEAR = 1949, 2100

_BETWEEN_HAN = re.compile(r"(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")
_LIST_BREAK = re.compile(r"[、，,;；/\n](?![^（(]*[）)])")
_COUNT = re.compile(r"(\d{1,6})(?:\.0+)?[人名位个]?")
_AMOUNT = re.compile(r"(-?[\d.,]+)(万元|万|元)?")
_YEAR = re.compile(r"(\d{4})(?:年度|年)?")
_PERIOD = re.compile(r"(\d{1,2}|[一二两三四五六七八九十])(年|个月|月)?")
_NUMERALS = {
    "一": 1,
    "二": 2,
    "两": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
    "十": 10,
}


class CellError(Exception):
    """A cell that cannot be taken; `code` and `params` become its fault."""

    def __init__(self, code: str, **params: str) -> None:
        super().__init__(code, params)
        self.code = code
        self.params = params


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What stands in a cell, its heading, and the day the workbook's serial numbers count from."""

    value: object
    data_type: str
    heading: str
    epoch: datetime


def text_of(cell: Written) -> str:
    """Give a cell's text without what nobody sees. Raises CellError for a formula or an error value."""
    value = cell.value
    if cell.data_type == "f":
        raise CellError("formula")
    if cell.data_type == "e":
        raise CellError("cell_error", value=str(value))
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return without_marks(str(value)).strip()


def shown(text: str) -> str:
    """Shorten a value for a message."""
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + "…"


def half_width(text: str) -> str:
    """Fold full-width digits and signs, and drop blanks."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def read_line(cell: Written) -> str | None:
    """Read a name or a number kept as text, on one line, without blanks between Chinese characters."""
    text = _BETWEEN_HAN.sub("", " ".join(text_of(cell).split()))
    return None if is_blank(text) else _within(text, TEXT_LIMIT)


def read_note(cell: Written) -> str:
    """Read free text as it stands."""
    return _within(text_of(cell), NOTE_LIMIT)


def read_number_text(cell: Written) -> str | None:
    """Read a base number: half width, upper case, any dash as a hyphen."""
    text = half_width(text_of(cell)).upper()
    text = re.sub("[‐‑‒–—―−]", "-", text)
    return None if is_blank(text) else _within(text, TEXT_LIMIT)


def read_credit_code(cell: Written) -> str | None:
    """Read a unified social credit code as text; a number may have lost digits beyond the fifteenth."""
    text = half_width(text_of(cell)).upper()
    if isinstance(cell.value, int | float) and len(text) >= CODE_LENGTH - 2:
        raise CellError("code_as_number")
    return None if is_blank(text) else _within(text, TEXT_LIMIT)


def read_list(cell: Written) -> tuple[str, ...]:
    """Read names parted by commas, semicolons, slashes or lines; not parted inside brackets, each once."""
    text = text_of(cell)
    if is_blank(text):
        return ()
    names = (_BETWEEN_HAN.sub("", " ".join(part.split())) for part in _LIST_BREAK.split(text))
    return tuple(dict.fromkeys(_within(name, TEXT_LIMIT) for name in names if not is_blank(name)))


def read_single_name(cell: Written) -> str | None:
    """Read a cell that may hold one name only: the lead college (Art. 9)."""
    names = read_list(cell)
    if len(names) > 1:
        raise CellError("several_lead_colleges", value="、".join(names))
    return names[0] if names else None


def read_count(cell: Written) -> int | None:
    """Read a head-count."""
    text = text_of(cell)
    if is_blank(text):
        return None
    match = _COUNT.fullmatch(half_width(text))
    if match is None or isinstance(cell.value, bool):
        raise CellError("unreadable_number", value=shown(text))
    return int(match[1])


def read_fen(cell: Written) -> int | None:
    """Read an amount as fen: 10,000 yuan unless cell or heading says yuan."""
    text = text_of(cell)
    if is_blank(text):
        return None
    match = _AMOUNT.fullmatch(half_width(text))
    if match is None:
        raise CellError("unreadable_amount", value=shown(text))
    unit = match[2] or ("万元" if "万" in cell.heading or "元" not in cell.heading else "元")
    return _fen(
        match[1].replace(",", ""),
        FEN_PER_YUAN if unit == "元" else FEN_PER_TEN_THOUSAND_YUAN,
    )


def _fen(amount: str, fen_per_unit: int) -> int:
    try:
        fen = Decimal(amount) * fen_per_unit
    except InvalidOperation as error:
        raise CellError("unreadable_amount", value=shown(amount)) from error
    whole = fen.to_integral_value()
    # A number cell holds a binary fraction; what is left of it lies far below a hundredth of a fen.
    if whole < 0 or abs(fen - whole) > Decimal("0.01"):
        raise CellError("unreadable_amount", value=shown(amount))
    return int(whole)


def read_period(cell: Written) -> str | None:
    """Read a length such as `3年`, `三年` or `3` as a period text, `3 years`; bare numbers are years."""
    text = text_of(cell)
    if is_blank(text):
        return None
    match = _PERIOD.fullmatch(half_width(text))
    count = 0 if match is None else _NUMERALS.get(match[1]) or int(match[1])
    if match is None or not count:
        raise CellError("unreadable_period", value=shown(text))
    unit = "year" if match[2] in {None, "年"} else "month"
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def read_year(cell: Written) -> int | None:
    """Read a year."""
    text = text_of(cell)
    if is_blank(text):
        return None
    if isinstance(cell.value, date):
        return cell.value.year
    match = _YEAR.fullmatch(half_width(text))
    if match is None or not FIRST_YEAR <= int(match[1]) <= LAST_YEAR:
        raise CellError("unreadable_year", value=shown(text))
    return int(match[1])


def word_reader(subject: str) -> Callable[[Written], str | None]:
    """Make the reader of a closed list of words, which gives their code."""

    def read_word(cell: Written) -> str | None:
        text = text_of(cell)
        key = key_of(text)
        codes = codes_by_word(subject)
        if key in codes:
            return codes[key]
        if is_blank(text):
            return None
        raise CellError("unknown_word", value=shown(text), allowed=allowed_words(subject))

    return read_word


def renewal_of(note: str) -> bool | None:
    """Tell from a note whether the agreement was renewed; None when it does not say."""
    key = key_of(note)
    words = catalogue()["renewal"]
    if is_blank(note) or key.startswith(tuple(words["no"])):
        return False
    return True if key.startswith(tuple(words["yes"])) else None


def _within(text: str, limit: int) -> str:
    if len(text) > limit:
        raise CellError("too_long", limit=str(limit))
    return text
