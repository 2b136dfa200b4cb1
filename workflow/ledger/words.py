"""The catalogue beside this package: headings, words, and what is said of a fault in Chinese and English."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from workflow.ledger.rows import Fault, LedgerError

STUDENTS = "students"
_BLANK = re.compile(r"\s+")
_BRACKETED = re.compile(r"\(.*?\)")
_MARKS = re.compile(r"[*★:]+$|^[*★]+")


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Any]:
    """Load the catalogue once."""
    return tomllib.loads(files("workflow").joinpath("ledger_words.toml").read_text(encoding="utf-8"))


def without_marks(text: str) -> str:
    """Take out what nobody sees: zero-width and control characters; line breaks and tabs stay."""
    return "".join(sign for sign in text if sign in "\n\t" or unicodedata.category(sign) not in {"Cc", "Cf"})


def key_of(text: str) -> str:
    """Fold a heading or a word for comparison: half width, lower case, no blanks."""
    return _BLANK.sub("", unicodedata.normalize("NFKC", without_marks(text))).casefold()


@lru_cache(maxsize=1)
def _fields() -> Mapping[str, str]:
    return {
        key_of(heading): name for name, headings in catalogue()["headings"].items() for heading in headings
    }


@lru_cache(maxsize=1)
def _student_patterns() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern) for pattern in catalogue()["students"])


def field_of(heading: str) -> str | None:
    """Tell the field a heading stands for, `students:2024` for a year's head-count; None when unknown."""
    whole = _MARKS.sub("", key_of(heading))
    known = _fields()
    for key in (whole, _BRACKETED.sub("", whole)):
        if key in known:
            return known[key]
    for pattern in _student_patterns():
        if match := pattern.match(whole):
            return f"{STUDENTS}:{match['year']}"
    return None


def readable_fields() -> tuple[str, ...]:
    """List the fields a column can be read as, for a person who maps the columns of a workbook."""
    return tuple(catalogue()["headings"])


def leading_heading(field: str) -> str:
    """Give the heading a field has first in the catalogue, for a column that a file lacks."""
    heading: str = catalogue()["headings"][field][0]
    return heading


def leading_word(subject: str, code: str) -> str:
    """Give the word a ledger would write for a code."""
    return _words(subject)[code][0]


def is_annotation(heading: str) -> bool:
    """Tell whether a column is the one an earlier reading wrote its faults into."""
    first_line = heading.partition("\n")[0]
    return key_of(first_line) in {key_of(title) for title in catalogue()["annotation"].values()}


def is_ignored(heading: str) -> bool:
    """Tell whether a column holds nothing of a base: running numbers, or the faults of an earlier reading."""
    return is_annotation(heading) or key_of(heading) in {key_of(word) for word in catalogue()["ignored"]}


def is_blank(text: str) -> bool:
    """Tell whether a cell's text means nothing: empty, a dash, a word for none."""
    return not text or key_of(text) in catalogue()["blanks"]


def is_note(text: str) -> bool:
    """Tell whether a line below the rows is a note or a total and not a base."""
    return key_of(text).startswith(tuple(catalogue()["notes"]))


@lru_cache(maxsize=16)
def codes_by_word(subject: str) -> Mapping[str, str]:
    """Map the folded words of a subject (`level`, `state`, …) to their codes."""
    return {key_of(word): code for code, words in _words(subject).items() for word in words}


@lru_cache(maxsize=16)
def allowed_words(subject: str) -> str:
    """List the leading word of each code of a subject, as a ledger would write them."""
    return "、".join(words[0] for words in _words(subject).values())


def state_rules(state: str) -> Mapping[str, Any]:
    """Give what the catalogue says of a state: what it needs, what must be past, whether it is living."""
    rules: Mapping[str, Any] = catalogue()["states"][state]
    return rules


def _words(subject: str) -> Mapping[str, list[str]]:
    if subject == "state":
        return {state: rules["words"] for state, rules in catalogue()["states"].items()}
    words: Mapping[str, list[str]] = catalogue()["words"][subject]
    return words


def describe(subject: Fault | LedgerError, *, language: str) -> str:
    """Say a fault, a warning or a refusal of the whole file in `zh` or `en`."""
    if isinstance(subject, LedgerError):
        text: str = catalogue()["error"][subject.code][language]
        return text.format(**subject.params)
    text = catalogue()["fault"][subject.code][language]
    said = text.format(**{"column": subject.column, **subject.params})
    return f"{subject.cell}: {said}" if subject.cell else said
