"""How fast a spec is explored: states, transitions, and transitions a second of the search alone.

python bench/exploring.py specs/transactions/consume-process-produce.yaml --runs 5
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

from eoscheck.checker.compiled import Compiled
from eoscheck.checker.search import Limits, explore
from eoscheck.checker.trace import trace
from eoscheck.model.loader import load
from eoscheck.model.pipeline import build


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("spec")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    begun = time.perf_counter()
    engine = Compiled(trace(build(load(options.spec)).model))
    prepared = time.perf_counter() - begun
    seconds = []
    for _ in range(options.runs):
        begun = time.perf_counter()
        found = explore(engine, Limits())
        seconds.append(time.perf_counter() - begun)
    figures = {
        "spec": options.spec,
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "prepare_seconds": round(prepared, 2),
        "median_seconds": round(statistics.median(seconds), 2),
        "transitions_per_second": round(found.transitions / statistics.median(seconds)),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
