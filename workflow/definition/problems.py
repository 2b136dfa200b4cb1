"""What is wrong with a lifecycle file: one `Problem` per mistake, its text kept in both languages in problems.toml."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

MOST_PROBLEMS = 200
MOST_CANDIDATES = 1000
LONGEST_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake: the file, the element's path such as `transitions.certify.needs[2].guard`, a code and its values."""

    file: str
    path: str
    code: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def text(self, language: str) -> str:
        """Say the mistake in `zh` or `en`, with the suggestion where there is one."""
        words = {name: _worded(name, value, language) for name, value in self.params.items()}
        said: str = _catalogue()[self.code][language].format_map(words)
        if suggestion := self.params.get("did_you_mean"):
            said += _catalogue()["did_you_mean"][language].format(did_you_mean=suggestion)
        return said

    def line(self, language: str) -> str:
        """Say where and what, as one line for a terminal."""
        return (
            f"{self.file}: {self.path}: {self.text(language)}"
            if self.path
            else f"{self.file}: {self.text(language)}"
        )


class DefinitionProblems(Exception):
    """A lifecycle file that cannot be used; `problems` holds every mistake found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.line("en") for problem in self.problems))


@dataclass(slots=True, kw_only=True)
class Findings:
    """Collects the mistakes of one file, at most MOST_PROBLEMS of them."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Tell whether no further mistake will be kept."""
        return len(self.problems) > MOST_PROBLEMS

    def add(self, path: str, code: str, /, **params: Any) -> None:
        """Note a mistake. Beyond the limit one last problem says that there are more."""
        if self.full:
            return
        if len(self.problems) == MOST_PROBLEMS:
            path, code, params = "", "more_problems", {"count": MOST_PROBLEMS}
        self.problems.append(Problem(file=self.file, path=path, code=code, params=params))

    def unknown(self, path: str, code: str, name: str, candidates: Iterable[str], /, **params: Any) -> None:
        """Note a name nobody knows, with the nearest known one."""
        if not self.full:
            self.add(path, code, name=shown(name), did_you_mean=nearest(name, candidates), **params)


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Give the candidate most like the name, None where none is like it."""
    among = sorted(candidates)[:MOST_CANDIDATES]
    return next(iter(difflib.get_close_matches(name[:LONGEST_SHOWN], among, n=1, cutoff=0.6)), None)


def shown(value: object) -> str:
    """Write a value of the file as a message may quote it: on one line, cut where it is long."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(letter if letter.isprintable() else "�" for letter in text[: LONGEST_SHOWN + 1])
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"


def _worded(name: str, value: Any, language: str) -> Any:
    """Put the sorts of names a problem speaks of into words; everything else stands as it is."""
    if name not in ("sort", "wanted"):
        return ", ".join(value) if isinstance(value, list) else value
    sorts = value if isinstance(value, list) else [value]
    return " / ".join(_catalogue()["sort"][sort][language] for sort in sorts)


@lru_cache(maxsize=1)
def _catalogue() -> Mapping[str, Any]:
    return tomllib.loads((Path(__file__).parent / "problems.toml").read_text(encoding="utf-8"))
