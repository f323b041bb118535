"""How long an audit takes: a simulated history of so many operations, as it is and spoiled, with and without offsets.

An operation is an event: a send, an answer, a read.

python bench/auditing.py --operations 1000 --runs 3
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from pathlib import Path

from eoscheck.checker.audit.history import History
from eoscheck.checker.audit.judge import audit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "checker" / "audit"))

from mutations import mutants
from simulated import Simulation


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
    options = parser.parse_args()
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
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
