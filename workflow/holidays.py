"""Read the yearly notice of rest days and make-up days as the office keeps it: a table of days, with everything wrong in it.

A row is `day, kind, name` or, for a range, `first, last, kind, name`; a heading line is optional, in either language. The
columns are parted by commas, semicolons or tabs, the text is UTF-8 (with or without its mark) or GBK. The seven holidays of
the year must all be there, each in one piece: a hole of weekend days is no gap, for they rest anyway.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise

from workflow.blockers import Fault
from workflow.errors import BadInput
from workflow.periods import SATURDAY, seed_rows
from workflow.words import LANGUAGES, say

LARGEST = 200_000
"""Bytes a notice may have; a year's has about two thousand."""

SHIPPED = "chinesecalendar"
"""The source of the years the program brings with it: the name of the library that has them."""

MOST_ROWS = 400
LONGEST_BLOCK = timedelta(days=31)
APART = timedelta(days=15)
"""Rest days of one name farther apart than this are two holidays: New Year's stands at both ends of a year."""

SEVEN_SINCE = 2008
"""Before it the year had three holidays."""

NAME_LONGEST = 60
FIRST_YEAR, LAST_YEAR = 2004, 2099
FIELD = "notice"
KINDS = ("rest", "work")
STATUTORY = ("new_year", "spring", "qingming", "labour", "dragon_boat", "mid_autumn", "national")
COLUMNS = ("day", "last", "kind", "name")

_DAY = re.compile(
    r"(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2})|\.(\d{1,2})\.(\d{1,2})|年(\d{1,2})月(\d{1,2})日?)",
    re.ASCII,
)
_SEPARATORS = "\t;；，,"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Announced:
    """A day that differs from the plain week, or lies in a holiday."""

    day: date
    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """The announced days of one year, in order, and where they come from."""

    year: int
    source: str
    days: tuple[Announced, ...]


def read_notice(content: bytes, *, year: int | None, source: str) -> Notice:
    """Read the notice of a year; without one it is the year its days lie in.

    Raises BadInput with everything that is wrong, each fault naming its row.
    """
    faults: list[Fault] = []
    read = list(_days(_rows(content), faults))
    of_year = year if year is not None else _year_of(read)
    if of_year is not None and not FIRST_YEAR <= of_year <= LAST_YEAR:
        faults.append(_fault("notice_no_such_year", year=of_year, first=FIRST_YEAR, last=LAST_YEAR))
    elif of_year is not None:
        faults += _problems(read, of_year)
    elif not faults:
        faults.append(_fault("notice_no_days"))
    if faults or of_year is None:
        raise BadInput(tuple(sorted(faults, key=lambda fault: fault.params.get("row", 0))))
    return Notice(year=of_year, source=source, days=tuple(sorted(day for _, day in read)))


def known_notice(year: int) -> Notice | None:
    """The notice of a year as the calendar library has it, None where it does not have the year."""
    days = tuple(
        Announced(day=day, kind=kind, name=name) for day, kind, name in seed_rows() if day.year == year
    )
    return Notice(year=year, source=SHIPPED, days=days) if days else None


def source_text(source: str, language: str) -> str:
    """Where a year's days were taken from, as people read it."""
    return say("holidays.shipped", language) if source == SHIPPED else source


# ───────────────────────────── From bytes to rows


def _rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold anything, by their number in the file. Raises BadInput for what is no such table."""
    if len(content) > LARGEST:
        raise BadInput((_fault("notice_too_large", size=len(content), most=LARGEST),))
    text = text_of(content)
    separator = max(_SEPARATORS, key=(text.splitlines() or [""])[0].count)
    try:
        table = list(csv.reader(text.splitlines(), delimiter=separator))
    except csv.Error as error:
        raise BadInput((_fault("notice_no_table"),)) from error
    cells = [(number, [cell.strip() for cell in row]) for number, row in enumerate(table, start=1)]
    filled = [(number, row) for number, row in cells if any(row)]
    if len(filled) > MOST_ROWS:
        raise BadInput((_fault("notice_too_many_rows", count=len(filled), most=MOST_ROWS),))
    yield from filled


def text_of(content: bytes) -> str:
    """The text of a file in UTF-8 or GBK. Raises BadInput for anything else."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not re.search(r"[\x00-\x08\x0e-\x1f]", text):
            return text
    raise BadInput((_fault("notice_no_text"),))


def _days(rows: Iterable[tuple[int, list[str]]], faults: list[Fault]) -> Iterator[tuple[int, Announced]]:
    """The announced days with the row each stands in; what cannot be read goes to `faults`."""
    columns: Sequence[str] | None = None
    for number, cells in rows:
        if columns is None:
            columns = _heading(cells)
            if columns is not None:
                continue
            columns = _columns_of(cells)
        found = dict(zip(columns, cells, strict=False))
        yield from _block(number, found, faults)


def _heading(cells: Sequence[str]) -> tuple[str, ...] | None:
    """The columns a heading line names, or None where the line is none."""
    named = tuple(_word("column", COLUMNS, cell) or "" for cell in cells)
    return named if "day" in named and "kind" in named else None


def _columns_of(cells: Sequence[str]) -> tuple[str, ...]:
    """Without a heading: a second cell that is a day, or the empty end of a one-day range, makes it four columns."""
    is_range = len(cells) > len(COLUMNS) - 1 and _word("kind", KINDS, cells[1]) is None
    return COLUMNS if is_range else tuple(name for name in COLUMNS if name != "last")


def _block(number: int, found: Mapping[str, str], faults: list[Fault]) -> Iterator[tuple[int, Announced]]:
    """The days of one row."""
    first = _day(number, found.get("day", ""), faults)
    last = _day(number, found["last"], faults) if found.get("last") else first
    kind = _word("kind", KINDS, found.get("kind", ""))
    name = found.get("name", "")
    if kind is None:
        faults.append(_fault("notice_unknown_kind", row=number, value=found.get("kind", "")[:NAME_LONGEST]))
    if not name:
        faults.append(_fault("notice_no_name", row=number))
    elif len(name) > NAME_LONGEST or not name.isprintable():
        faults.append(_fault("notice_name_unfit", row=number, longest=NAME_LONGEST))
    if first is None or last is None or kind is None:
        return
    if not first <= last <= first + LONGEST_BLOCK:
        faults.append(_fault("notice_range_unfit", row=number, first=first, last=last))
        return
    for count in range((last - first).days + 1):
        yield number, Announced(day=first + timedelta(days=count), kind=kind, name=name)


def _day(number: int, text: str, faults: list[Fault]) -> date | None:
    found = _DAY.fullmatch(text)
    try:
        if found is not None:
            year, month, day = (int(part) for part in found.groups() if part is not None)
            return date(year, month, day)
    except ValueError:
        pass
    faults.append(_fault("notice_not_a_day", row=number, value=text[:NAME_LONGEST]))
    return None


# ───────────────────────────── What a year must be


def _year_of(read: Sequence[tuple[int, Announced]]) -> int | None:
    """The year most of the days lie in; the others are then told to lie elsewhere."""
    years = [announced.day.year for _, announced in read]
    return max(sorted(set(years)), key=years.count, default=None)


def _problems(read: Sequence[tuple[int, Announced]], year: int) -> Iterator[Fault]:
    """What is wrong with the days together."""
    seen: dict[date, int] = {}
    for number, announced in read:
        day = announced.day
        if day.year != year:
            yield _fault("notice_other_year", row=number, day=day, year=year)
        if day in seen:
            yield _fault("notice_day_twice", row=number, day=day, before=seen[day])
        elif announced.kind == "work" and day.weekday() < SATURDAY:
            yield _fault("notice_works_anyway", row=number, day=day)
        seen.setdefault(day, number)
    yield from _gaps(read)
    yield from _missing(read, year)


def _gaps(read: Sequence[tuple[int, Announced]]) -> Iterator[Fault]:
    """Holes in a holiday on which people would work."""
    rest = sorted({announced.day: number for number, announced in read if announced.kind == "rest"}.items())
    rows = dict(rest)
    work = {announced.day for _, announced in read if announced.kind == "work"}
    names: dict[str, list[date]] = {}
    for _, announced in sorted(read, key=lambda item: item[1]):
        if announced.kind == "rest":
            names.setdefault(announced.name, []).append(announced.day)
    for name, days in names.items():
        for before, after in pairwise(days):
            hole = [before + timedelta(days=n) for n in range(1, (after - before).days)]
            works = [day for day in hole if day not in rows and (day in work or day.weekday() < SATURDAY)]
            if works and after - before < APART:
                yield _fault("notice_gap", row=rows[after], name=name, day=works[0])


def _missing(read: Sequence[tuple[int, Announced]], year: int) -> Iterator[Fault]:
    """The statutory holidays of which the year has no day."""
    if year < SEVEN_SINCE or not read:
        return
    names = " ".join({announced.name for _, announced in read if announced.kind == "rest"}).lower()
    for holiday in STATUTORY:
        if not any(spelling in names for spelling in _spellings("holiday", holiday)):
            yield _fault("notice_holiday_missing", year=year, holiday=_called(holiday))


def _called(holiday: str) -> str:
    """A holiday's name as the notice would write it; faults are read in both languages."""
    return say(f"holidays.holiday.{holiday}", LANGUAGES[0]).partition("|")[0]


# ───────────────────────────── Words


def _word(group: str, known: Iterable[str], text: str) -> str | None:
    """Which word of a closed list a cell spells, in either language."""
    return next((word for word in known if text.strip().lower() in _spellings(group, word)), None)


@lru_cache(maxsize=64)
def _spellings(group: str, word: str) -> frozenset[str]:
    """The ways a word may be written, kept in the catalogue with bars between them."""
    texts = (say(f"holidays.{group}.{word}", language) for language in LANGUAGES)
    return frozenset(part for text in texts for part in text.lower().split("|"))


def _fault(code: str, **params: object) -> Fault:
    return Fault(field=FIELD, code=code, params=params)


def written(notice: Notice) -> str:
    """The notice as a table that reads back as it is."""
    return "".join(f"{one.day.isoformat()}\t{one.kind}\t{one.name}\n" for one in notice.days)
