"""How much reduction spares on every spec: states of the whole space, those that partial order keeps by what commands
read and write, those that it keeps where Z3 has said which commands commute, and those that are left by symmetry.

python bench/reducing.py specs/ --json
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from eoscheck.checker.checking import specs_in
from eoscheck.checker.native.engine import Native
from eoscheck.checker.native.search import Options, explore_natively
from eoscheck.checker.prepare import prepare
from eoscheck.checker.reduction import Reduction, refusal
from eoscheck.checker.search import Exploration, Limits
from eoscheck.checker.solver.commuting import Commuting
from eoscheck.checker.solver.symmetry import symmetry_of
from eoscheck.checker.symmetry import NONE
from eoscheck.checker.trace import trace


def says(found: Exploration) -> object:
    """What a search says of the properties."""
    return sorted(found.hits), found.premises, found.complete


def measured(path: str) -> dict[str, Any] | None:
    """The figures of one spec; None where it cannot be reduced."""
    program = trace(prepare(path).model)
    if refusal(program):
        return None
    alone = Options(threads=1)
    whole = explore_natively(Native(program), Limits(), None, alone)
    plain = explore_natively(Native(program, Reduction(program)), Limits(), None, alone)
    begun = time.perf_counter()
    symmetry = symmetry_of(program)
    reduction = Reduction(program, symmetry)
    reduction.conflicts = Commuting(reduction).conflicts()
    seconds = time.perf_counter() - begun
    reduction.symmetry = NONE
    sharp = explore_natively(Native(program, reduction), Limits(), None, alone)
    reduction.symmetry = symmetry
    both = explore_natively(Native(program, reduction), Limits(), None, alone)
    assert says(both) == says(sharp) == says(plain) == says(whole), path
    return {
        "spec": path,
        "states": whole.states,
        "reduced": plain.states,
        "commuting": sharp.states,
        "symmetry": both.states,
        "z3_seconds": round(seconds, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    with ProcessPoolExecutor(os.cpu_count() or 1, multiprocessing.get_context("fork")) as workers:
        for row in workers.map(measured, specs_in(options.paths)):
            if row is not None:
                rows.append(row)
                if not options.json:
                    print(
                        "{spec:60} {states:>9,} {reduced:>9,} {commuting:>9,} {symmetry:>9,} {z3_seconds:>6} s".format(
                            **row
                        )
                    )
    factors = {
        name: statistics.median(r["states"] / r[name] for r in rows)
        for name in ("reduced", "commuting", "symmetry")
    }
    figures = {"specs": len(rows), **{f"median_{k}": round(v, 2) for k, v in factors.items()}}
    print(json.dumps({**figures, "rows": rows} if options.json else figures))


if __name__ == "__main__":
    main()
