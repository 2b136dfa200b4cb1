"""What people read, in Chinese and English side by side: one catalogue for pages, API, mail and the command line.

A catalogue is made of TOML files; `[blocker] too_early = { zh = "…", en = "…" }` is said with the key
`blocker.too_early`. A text holds `{name}` where a parameter goes and, in English, `{count|day|days}` where a word
follows a number. Nothing else in a text is read, so a parameter can never reach into an object.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from workflow.definition.values.labels import Label
from workflow.periods import BEIJING

LANGUAGES = ("zh", "en")
"""Chinese first; it is the language of the regulation."""

FEN_IN_YUAN = 100
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip

_PLACE = re.compile(r"\{(?P<name>\w+)(?:\|(?P<one>[^|{}]*)\|(?P<many>[^|{}]*))?\}")
_ARTICLE = re.compile(r"(\d+)(?:\((\d+)\))?")
_DIGITS = "零一二三四五六七八九"
_TENS = 10

Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A catalogue: dotted key → language → text."""

    entries: Mapping[str, Texts]

    @classmethod
    def load(cls, *folders: Traversable) -> Words:
        """Read every TOML file of the folders. Raises ValueError for a key that is given twice."""
        entries: dict[str, Texts] = {}
        for folder in folders:
            for file in sorted(folder.iterdir(), key=lambda item: item.name):
                if file.name.endswith(".toml"):
                    _add(entries, tomllib.loads(file.read_text(encoding="utf-8")), file.name)
        return cls(entries=entries)

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def say(self, key: str, language: str, **params: Any) -> str:
        """Say a text of the catalogue.

        Dates, instants, labels and lists among the parameters are written as the language writes them. Raises
        KeyError for a key, a language or a parameter that is missing: a page with a hole is a fault, not a text.
        """
        return filled(self.entries[key][language], language, params)


def _add(entries: dict[str, Texts], tree: Mapping[str, Any], origin: str) -> None:
    for key, texts in _leaves(tree, ()):
        if key in entries:
            raise ValueError(f"{origin}: {key} is already in the catalogue")
        entries[key] = texts


def _leaves(tree: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, Texts]]:
    if tree.keys() & set(LANGUAGES):
        yield ".".join(path), tree
        return
    for name, branch in tree.items():
        yield from _leaves(branch, (*path, name))


def places(text: str) -> frozenset[str]:
    """The names of the parameters a text wants."""
    return frozenset(match["name"] for match in _PLACE.finditer(text))


def filled(text: str, language: str, params: Mapping[str, Any]) -> str:
    """Put the parameters into a text. Raises KeyError for one that is missing."""

    def put(match: re.Match[str]) -> str:
        value = params[match["name"]]
        if match["one"] is None:
            return written(value, language)
        return match["one"] if value == 1 else match["many"]

    return _PLACE.sub(put, text)


def written(value: Any, language: str) -> str:
    """Write a value as the language writes it: dates, instants, labels, yes and no, lists; anything else as `str`."""
    match value:
        case None:
            return "—"
        case bool():
            return say("value.yes" if value else "value.no", language)
        case datetime():
            return instant_text(value, language)
        case date():
            return day_text(value, language)
        case Label():
            return label_text(value, language)
        case list() | tuple() | frozenset() | set():
            return ("、" if language == "zh" else ", ").join(written(item, language) for item in value)
        case _:
            return str(value)


@lru_cache(maxsize=1)
def shared() -> Words:
    """The catalogue that every door uses."""
    return Words.load(files("workflow").joinpath("words"))


def say(key: str, language: str, **params: Any) -> str:
    """Say a text of the shared catalogue."""
    return shared().say(key, language, **params)


# ───────────────────────────── Days, money, articles


def label_text(label: Label, language: str) -> str:
    """The name of a thing of a lifecycle file."""
    return label.zh if language == "zh" else label.en


def day_text(day: date, language: str) -> str:
    """Write a day: 2026年11月23日, 23 November 2026."""
    if language == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def month_day_text(month: int, day: int, language: str) -> str:
    """Write a day of every year: 1月31日, 31 January."""
    return f"{month}月{day}日" if language == "zh" else f"{day} {MONTHS[month - 1]}"


def month_text(day: date, language: str) -> str:
    """Write the month of a day: 2026年11月, November 2026."""
    return f"{day.year}年{day.month}月" if language == "zh" else f"{MONTHS[day.month - 1]} {day.year}"


def instant_text(at: datetime, language: str) -> str:
    """Write an aware instant in Beijing time: 2026年11月23日 10:32. Raises ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError("an instant is aware")
    local = at.astimezone(BEIJING)
    return f"{day_text(local.date(), language)} {local:%H:%M}"


def days_left_text(due_on: date, today: date, language: str, *, provisional: bool = False) -> str:
    """Write how far a deadline is; its day still counts: 还剩3天, 今天到期, 已逾期2天; 还剩3天，暂定 where it may still move."""
    if provisional:
        return say("days.unsure", language, left=days_left_text(due_on, today, language))
    days = (due_on - today).days
    if days == 0:
        return say("days.today", language)
    return say("days.left" if days > 0 else "days.overdue", language, count=abs(days))


def money_text(fen: int, language: str) -> str:
    """Write an amount given in fen: 12,345.60元, CNY 12,345.60."""
    yuan, rest = divmod(abs(fen), FEN_IN_YUAN)
    sign = "-" if fen < 0 else ""
    return say("value.money", language, amount=f"{sign}{yuan:,}.{rest:02d}")


def article_text(basis: str, language: str) -> str:
    """Write the ground of something: `18(2)`, `4, 6`, `local`. Raises ValueError for anything else."""
    if basis == "local":
        return say("basis.local", language)
    articles = [_ARTICLE.fullmatch(part.strip()) for part in basis.split(",")]
    if not all(articles):
        raise ValueError(f"{basis!r} is no ground")
    known = [(int(found[1]), int(found[2]) if found[2] else None) for found in articles if found]
    return say("basis.articles", language, articles=[_article(*article, language) for article in known])


def _article(number: int, part: int | None, language: str) -> str:
    if language == "en":
        return f"{number}({part})" if part else str(number)
    return f"第{_numeral(number)}条" + (f"（{_numeral(part)}）" if part else "")


def _numeral(number: int) -> str:
    """A whole number from 1 to 99 in Chinese: 十八, 二十三."""
    tens, ones = divmod(number, _TENS)
    head = "" if tens == 0 else ("" if tens == 1 else _DIGITS[tens]) + "十"
    return head + (_DIGITS[ones] if ones else "")
