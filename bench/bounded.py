"""Whether Z3 and search agree on every spec: violations (and goals) by bounded model checking, against those that a
search finds, with their shortest lengths, for as many steps as the seconds allow.

python bench/bounded.py specs/ --seconds 60 --json
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from eoscheck.checker.checking import specs_in
from eoscheck.checker.native.engine import Native
from eoscheck.checker.native.search import Options, explore_natively
from eoscheck.checker.prepare import prepare
from eoscheck.checker.search import Limits
from eoscheck.checker.solver.answers import OutOfTime
from eoscheck.checker.solver.bounded import Unrolling
from eoscheck.checker.trace import trace

POINTWISE = ("always", "at-rest", "sometimes")


def measured(path: str, seconds: float) -> dict[str, Any]:
    """The figures of one spec. `agree`: whatever lies within the steps that were asked for is the same to both."""
    program = trace(prepare(path).model)
    found = explore_natively(Native(program), Limits(), None, Options(threads=1))
    asked = [i for i, o in enumerate(program.properties) if o.property.kind in POINTWISE]
    searched = {i: found.hits[i] for i in asked if i in found.hits}
    unrolling, met, left = Unrolling(program), dict[int, int](), list(asked)
    begun, deep = time.monotonic(), -1
    try:
        while left and (not searched or met.keys() != searched.keys()) and deep < found.depth:
            if deep >= 0:
                unrolling.extend()
            while left and (hit := unrolling.violation(left, begun + seconds)) is not None:
                met[hit[0]] = deep + 1
                left.remove(hit[0])
            deep += 1
    except OutOfTime:
        pass
    agree = all(searched.get(i) == at for i, at in met.items())
    agree &= all(met.get(i) == at for i, at in searched.items() if at <= deep)
    return {
        "spec": path,
        "searched": sorted(searched.values()),
        "met": sorted(met.values()),
        "steps": deep,
        "agree": agree,
        "seconds": round(time.monotonic() - begun, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    ask = functools.partial(measured, seconds=options.seconds)
    with ProcessPoolExecutor(os.cpu_count() or 1, multiprocessing.get_context("fork")) as workers:
        for row in workers.map(ask, specs_in(options.paths)):
            rows.append(row)
            if not options.json:
                print(json.dumps(row), flush=True)
    some = [row for row in rows if row["searched"]]
    figures = {
        "specs": len(rows),
        "agree": sum(row["agree"] for row in rows),
        "with violations or goals": len(some),
        "all of them reached": sum(row["met"] == row["searched"] for row in some),
        "violations and goals": sum(len(row["searched"]) for row in some),
        "reached": sum(len(row["met"]) for row in some),
        "most steps": max((at for row in some for at in row["met"]), default=0),
    }
    print(json.dumps({**figures, "rows": rows} if options.json else figures))


if __name__ == "__main__":
    main()
