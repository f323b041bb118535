"""How long an audit takes: a simulated history of so many operations, as it is and spoiled, with and without offsets.
An operation is an event: a send, an answer, a read.

python bench/auditing.py --operations 1000 --runs 3

Or how many spoiled histories it rejects: of real ones that it finds nothing wrong with, each with a read dropped,
doubled, moved or misplaced, or with an aborted record shown, wherever there is one.

eoscheck conform specs/*/*.yaml --traces 12 --history histories; python bench/auditing.py --histories histories
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from eoscheck.checker.audit.history import History
from eoscheck.checker.audit.judge import audit
from eoscheck.checker.audit.load import load_history

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "checker" / "audit"))

from mutations import mutants
from simulated import Simulation

JUDGED = ("provenance", "no-duplicates", "no-loss", "order", "atomic-visibility")


def of_size(operations: int, offsets: bool, seed: int) -> History:
    """A simulated history of at least so many operations."""
    size = operations // 5
    while True:
        history = Simulation(random.Random(seed), size, offsets).history()
        if len(history.events) >= operations:
            return history
        size += operations // 10


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--operations", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--histories", type=Path)
    options = parser.parse_args()
    print(json.dumps(spoiled(options.histories) if options.histories else timed(options), indent=2))


def spoiled(folder: Path) -> dict[str, Any]:
    """By what was done to real histories: how often, and how many of these were rejected."""
    done, rejected, kept, files = Counter[str](), Counter[str](), 0, sorted(folder.glob("*.jsonl"))
    for file in files:
        history = load_history(str(file))
        if audit(history, JUDGED).verdict == "violated":
            continue
        kept += 1
        for name, one in mutants(history, random.Random(file.name)):
            done[name] += 1
            rejected[name] += audit(one, JUDGED).verdict == "violated"
    by = {name: {"spoiled": number, "rejected": rejected[name]} for name, number in done.items()}
    figures = {"histories": len(files), "nothing wrong": kept}
    return {**figures, "spoiled": done.total(), "rejected": rejected.total(), "by": by}


def timed(options: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    for offsets in (True, False):
        history = of_size(options.operations, offsets, seed=1)
        for name, one in [("as it is", history), *mutants(history, random.Random(1))]:
            seconds, verdict = [], ""
            for _ in range(options.runs):
                begun = time.perf_counter()
                verdict = audit(one).verdict
                seconds.append(time.perf_counter() - begun)
            row = {"offsets": offsets, "history": name, "operations": len(one.events), "verdict": verdict}
            rows.append({**row, "median_seconds": round(statistics.median(seconds), 2)})
    return rows


if __name__ == "__main__":
    main()
