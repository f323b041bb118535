"""How long a Kafka takes until it is ready for a replay: started, features checked, coordinators loaded.

Everything is in the cache: the first start of each flavour, which fetches and prepares, is not counted.

python bench/broker_start.py 4.1.2:tv1 3.9.1 --runs 5
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

from eoscheck.gen.kafka.cluster import start
from eoscheck.gen.kafka.flavour import TESTED, parse


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("flavours", nargs="*", default=TESTED, metavar="FLAVOUR")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--brokers", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = {name: measured(name, options.brokers, options.runs) for name in options.flavours}
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        print(f"{name:<20} ready {figure['ready_seconds']:.2f} s   gone {figure['gone_seconds']:.2f} s")


def measured(name: str, brokers: int, runs: int) -> dict[str, float]:
    """Median seconds until a cluster of this flavour is ready, and until it is gone again."""
    flavour = parse(name)
    start(flavour, brokers=brokers).stop()
    up, down = [], []
    for _ in range(runs):
        begun = time.perf_counter()
        cluster = start(flavour, brokers=brokers)
        ready = time.perf_counter()
        cluster.stop()
        up.append(ready - begun)
        down.append(time.perf_counter() - ready)
    return {
        "brokers": brokers,
        "runs": runs,
        "ready_seconds": round(statistics.median(up), 3),
        "slowest_seconds": round(max(up), 3),
        "gone_seconds": round(statistics.median(down), 3),
    }


if __name__ == "__main__":
    main()
