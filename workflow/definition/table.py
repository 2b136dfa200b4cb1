"""Reads one table of a lifecycle file key by key, noting every mistake and going on with a stand-in.

A reader asks for the keys it knows; `close` then reports the keys nobody asked for. What is missing or wrong reads as
empty, so that one pass finds all mistakes; a definition is only handed out when there was none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from workflow.definition.names import RESERVED
from workflow.definition.problems import Findings, shown
from workflow.definition.values.labels import Label
from workflow.definition.values.routes import BACK_TO, Choice

LONGEST_NAME = 60
NAME = re.compile(rf"[a-z][a-z0-9_]{{0,{LONGEST_NAME - 1}}}", re.ASCII)
ARTICLE = re.compile(r"([1-9][0-9]{0,2})(?:\(([1-9][0-9]?)\))?", re.ASCII)
LOCAL = "local"
MOST_ENTRIES = 500
LONGEST_LABEL = 200


SAID = frozenset(Choice)
"""What a ballot may say; no outcome of the file may take one of these words over."""


class Sort(StrEnum):
    """What a name of the file may stand for."""

    STATE = "state"
    GROUP = "group"
    ROLE = "role"
    FIELD = "field"
    TERM = "term"
    SETTING = "setting"
    DATE = "date"
    TRANSITION = "transition"
    TASK = "task"
    STEP = "step"
    TIMER = "timer"
    OUTCOME = "outcome"
    LIST = "list"
    SHEET = "sheet"
    COUNT = "count"
    BAN = "ban"


SHARED = (
    *(Sort.STATE, Sort.GROUP, Sort.ROLE, Sort.FIELD, Sort.TERM, Sort.SETTING, Sort.DATE),
    *(Sort.TRANSITION, Sort.TASK, Sort.STEP, Sort.TIMER),
)
"""The sorts that share one space of names: no two elements may have the same one. A task and its timer are one element."""


@dataclass(slots=True, kw_only=True)
class Book:
    """What the readers of one file share: the findings, the declared names, and the number of articles."""

    findings: Findings
    articles: int = 999
    names: dict[Sort, dict[str, str]] = field(default_factory=lambda: {sort: {} for sort in Sort})
    """Sort -> name -> path of its declaration."""
    used: set[str] = field(default_factory=set)
    """The names that some element refers to."""

    def declare(self, sort: Sort, name: str, path: str) -> None:
        """Enter a name; report a bad, reserved or taken one."""
        if not NAME.fullmatch(name):
            self.findings.add(path, "bad_name", name=shown(name))
        elif name in RESERVED or (sort is Sort.OUTCOME and (name in SAID or name.startswith(BACK_TO))):
            self.findings.add(path, "reserved_name", name=name)
        elif sort in SHARED and (other := self._taken(name, path)):
            self.findings.add(path, "name_taken", name=name, other=other)
        self.names[sort].setdefault(name, path)

    def find(self, name: str, sorts: Iterable[Sort], path: str) -> Sort | None:
        """Give the sort the name stands for; report a name that stands for none or for another."""
        sorts = tuple(sorts)
        for sort in sorts:
            if name in self.names[sort]:
                self.used.add(name)
                return sort
        if other := next((sort for sort in Sort if name in self.names[sort]), None):
            self.findings.add(
                path, "wrong_sort", name=shown(name), sort=str(other), wanted=[*map(str, sorts)]
            )
        else:
            known = (known for sort in sorts for known in self.names[sort])
            self.findings.unknown(path, "unknown_name", name, known, wanted=[*map(str, sorts)])
        return None

    def _taken(self, name: str, path: str) -> str | None:
        places = (self.names[sort][name] for sort in SHARED if name in self.names[sort])
        return next((place for place in places if place != path), None)


class Table:
    """One table of the file. Every method notes what is wrong and returns something of the promised type."""

    def __init__(self, raw: object, path: str, book: Book) -> None:
        self.path = path
        self.book = book
        self.raw: Mapping[str, Any] = {}
        self._asked: set[str] = set()
        if isinstance(raw, dict):
            self.raw = raw
        elif raw is not None:
            self.wrong(path, "not_a_table", raw)

    def at(self, key: str) -> str:
        return f"{self.path}.{shown(key)}" if self.path else shown(key)

    def has(self, key: str) -> bool:
        self._asked.add(key)
        return key in self.raw

    def take(self, key: str) -> Any:
        self._asked.add(key)
        return self.raw.get(key)

    def add(self, key: str, code: str, /, **params: Any) -> None:
        self.book.findings.add(self.at(key) if key else self.path, code, **params)

    def wrong(self, path: str, code: str, found: object, **params: Any) -> None:
        self.book.findings.add(path, code, found=shown(found), **params)

    def missing(self, key: str) -> None:
        self.add(key, "missing_key", key=key)

    def close(self) -> None:
        """Report the keys nobody asked for."""
        for key in self.raw.keys() - self._asked:
            self.book.findings.unknown(self.at(key), "unknown_key", key, self._asked)

    # ── plain values

    def text(self, key: str, *, required: bool = True, most: int = LONGEST_LABEL) -> str:
        value = self.take(key)
        if isinstance(value, str) and value.strip():
            if _can_be_shown(value, most):
                return value
            self.wrong(self.at(key), "bad_label", value, most=most)
            return ""
        self._absent_or_wrong(key, value, "not_text", required=required)
        return ""

    def flag(self, key: str) -> bool:
        value = self.take(key)
        if value is not None and not isinstance(value, bool):
            self.wrong(self.at(key), "not_a_flag", value)
        return value is True

    def number(self, key: str, *, least: int, most: int, default: int | None = None) -> int:
        value = self.take(key)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        if value is None and default is None:
            self.missing(key)
        elif value is not None:
            self.wrong(self.at(key), "not_a_number", value, least=least, most=most)
        return default if default is not None else least

    def one_of(self, key: str, words: Iterable[str], *, default: str | None = None) -> str | None:
        """Read one of our own closed words; None when there is none to go on with."""
        words = tuple(words)
        value = self.take(key)
        if value in words:
            return str(value)
        if isinstance(value, str):
            self.book.findings.unknown(self.at(key), "unknown_word", value, words, words=", ".join(words))
        elif value is not None or default is None:
            self._absent_or_wrong(key, value, "not_text", required=True)
        return default

    def label(self) -> Label:
        """Read `label = { zh, en }`, or zh and en standing in the table itself."""
        table = Table(self.take("label"), self.at("label"), self.book) if self.has("label") else self
        words = {language: table.take(language) for language in ("zh", "en")}
        if missing := [language for language, word in words.items() if word is None]:
            self.add("label", "missing_label", languages=missing)
        for language, word in words.items():
            if word is not None and not _can_be_shown(word, LONGEST_LABEL):
                self.wrong(table.at(language), "bad_label", word, most=LONGEST_LABEL)
        if table is not self:
            table.close()
        return Label(zh=str(words["zh"]), en=str(words["en"]))

    def basis(self, key: str = "basis", *, default: str | None = None) -> str:
        """Read `local`, or articles such as `4, 18(2)`; only a basis with a default may be left out."""
        value = self.take(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            self._absent_or_wrong(key, value, "not_text", required=True, absent="missing_basis")
            return LOCAL
        if value != LOCAL and not self._cites_articles(value):
            self.add(key, "bad_basis", basis=shown(value), articles=self.book.articles)
        return value

    # ── names

    def refs(self, key: str, *sorts: Sort, required: bool = True) -> tuple[str, ...]:
        """Read one name or a list of names; the known ones are returned."""
        return tuple(
            name for name, place in self.words(key, required=required) if self.book.find(name, sorts, place)
        )

    def ref(self, key: str, *sorts: Sort, required: bool = True) -> str | None:
        value = self.text(key, required=required)
        return value if value and self.book.find(value, sorts, self.at(key)) else None

    def words(self, key: str, *, required: bool = True) -> tuple[tuple[str, str], ...]:
        """Read a text or a list of texts, each with its path; report what stands twice."""
        value = self.take(key)
        if isinstance(value, str) and value:
            return ((value, self.at(key)),)
        if not isinstance(value, list) or (required and not value):
            self._absent_or_wrong(key, value, "not_names", required=required)
            return ()
        if len(value) > MOST_ENTRIES:
            self.add(key, "too_many_entries", most=MOST_ENTRIES)
        words = dict[str, str]()
        for place, word in enumerate(value[:MOST_ENTRIES]):
            path = f"{self.at(key)}[{place}]"
            if not isinstance(word, str) or not word:
                self.wrong(path, "not_a_name", word)
            elif word in words:
                self.book.findings.add(path, "said_twice", name=shown(word))
            else:
                words[word] = path
        return tuple(words.items())

    # ── tables

    def table(self, key: str) -> Table:
        return Table(self.take(key), self.at(key), self.book)

    def tables(self, key: str) -> Iterator[tuple[str, Table]]:
        """Yield the named tables under a key, in the file's order."""
        for name, raw in self.entries(key):
            yield name, Table(raw, f"{self.at(key)}.{shown(name)}", self.book)

    def entries(self, key: str) -> Iterator[tuple[str, object]]:
        """Yield name and value of what stands under a key."""
        raw = self.table(key).raw
        if len(raw) > MOST_ENTRIES:
            self.add(key, "too_many_entries", most=MOST_ENTRIES)
        yield from list(raw.items())[:MOST_ENTRIES]

    def rows(self, key: str) -> Iterator[Table]:
        """Yield the tables of a list such as `needs`."""
        value = self.take(key)
        if value is not None and not isinstance(value, list):
            self.wrong(self.at(key), "not_rows", value)
            return
        for place, raw in enumerate((value or [])[:MOST_ENTRIES]):
            path = f"{self.at(key)}[{place}]"
            if isinstance(raw, dict):
                yield Table(raw, path, self.book)
            else:
                self.wrong(path, "not_a_table", raw)

    def _cites_articles(self, value: str) -> bool:
        cited = [ARTICLE.fullmatch(part) for part in value.split(", ")]
        return all(found and int(found[1]) <= self.book.articles for found in cited)

    def _absent_or_wrong(
        self, key: str, value: object, code: str, *, required: bool, absent: str = "missing_key"
    ) -> None:
        if value is None and required:
            self.add(key, absent, key=key)
        elif value is not None:
            self.wrong(self.at(key), code, value)


def _can_be_shown(value: object, most: int) -> bool:
    """Tell whether a value is text that fits on one line of a page."""
    return isinstance(value, str) and bool(value.strip()) and len(value) <= most and value.isprintable()
