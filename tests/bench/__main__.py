"""Run the benches: `python -m tests.bench [NAME…] [--pairs N] [--quick]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.bench.acts import bench_act
from tests.bench.audit import bench_audit
from tests.bench.ballots import bench_ballot
from tests.bench.pairs import FEWEST_PAIRS, Options, Ratio
from tests.bench.places import Places, places
from tests.bench.sealing import bench_packet, bench_sealing, bench_verify
from tests.bench.shares import bench_memory, bench_transitions
from tests.bench.timers import bench_catchup, bench_idle

BENCHES: Mapping[str, Callable[[Places, Options], Iterator[Ratio]]] = {
    "act": bench_act,
    "ballot": bench_ballot,
    "idle": bench_idle,
    "transitions": bench_transitions,
    "memory": bench_memory,
    "catchup": bench_catchup,
    "sealing": bench_sealing,
    "verify": bench_verify,
    "packet": bench_packet,
    "audit": bench_audit,
}

FILE = Path("build") / "bench.json"


def main() -> int:
    """Print the table and write it; return 1 when a bound is missed."""
    arguments = _arguments()
    options = Options(pairs=arguments.pairs, quick=arguments.quick)
    ratios: list[Ratio] = []
    print(_line("", "ratio", "must", "aim", "", ""))
    with places() as made:
        for name in arguments.names or BENCHES:
            for ratio in BENCHES[name](made, options):
                ratios.append(ratio)
                print(_shown(ratio), flush=True)
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps([ratio.row for ratio in ratios], ensure_ascii=False, indent=1) + "\n")
    return 0 if all(ratio.kept for ratio in ratios) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure ratios side by side.")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        choices=[*BENCHES, []],
        help=f"of {', '.join(BENCHES)}; all without one",
    )
    parser.add_argument(
        "--pairs", type=int, default=9, help=f"pairs per ratio, at least {FEWEST_PAIRS} to be counted"
    )
    parser.add_argument("--quick", action="store_true", help="fewer rows, for a first look")
    return parser.parse_args()


def _shown(ratio: Ratio) -> str:
    sign = "≤" if ratio.lower_is_better else "≥"
    must = f"{sign} {ratio.must:.2f}" if ratio.must is not None else "–"
    aim = f"{sign} {ratio.aim:.2f}" if ratio.aim is not None else "–"
    return _line(ratio.name, f"{ratio.ratio:.3f}", must, aim, "" if ratio.kept else "missed", ratio.note)


def _line(name: str, ratio: str, must: str, aim: str, verdict: str, note: str) -> str:
    return f"{name:<46} {ratio:>7} {must:>7} {aim:>7} {verdict:<7} {note}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
