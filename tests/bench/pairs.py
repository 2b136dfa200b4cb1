"""Measure two things side by side. Machines are noisy: only ratios from one interleaved run count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

FEWEST_PAIRS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How thorough a run is: pairs per ratio, and small numbers of rows for a first look."""

    pairs: int
    quick: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """One line of the table. Higher is better, unless the name contains `cost` or `growth`.

    `must` and `aim` are bounds in the same direction; None: for information. `note` says the figures behind it.
    """

    name: str
    ratio: float
    must: float | None
    aim: float | None
    pairs: int
    note: str = ""

    @property
    def lower_is_better(self) -> bool:
        return "cost" in self.name or "growth" in self.name

    @property
    def kept(self) -> bool:
        if self.must is None:
            return True
        return self.ratio <= self.must if self.lower_is_better else self.ratio >= self.must

    @property
    def row(self) -> dict[str, object]:
        """What `build/bench.json` holds of it."""
        return {
            "name": self.name,
            "ratio": round(self.ratio, 4),
            "must": self.must,
            "aim": self.aim,
            "pairs": self.pairs,
        }


def interleaved(
    first: Callable[[], float], second: Callable[[], float], *, pairs: int
) -> list[tuple[float, float]]:
    """Run both in turn, A B A B, after one unmeasured turn each; return what they measured, pair by pair."""
    first()
    second()
    return [(first(), second()) for _ in range(pairs)]


def middle(measured: list[tuple[float, float]]) -> float:
    """The median of the pairs' ratios, first to second."""
    return median(a / b for a, b in measured)


def middles(measured: list[tuple[float, float]]) -> tuple[float, float]:
    """The median of each side, for the note beside a ratio."""
    return median(a for a, _ in measured), median(b for _, b in measured)
