"""What symmetry spares: the states of every spec whose instances or partitions are alike, as they are, reduced by
partial order alone, and by symmetry as well.

python bench/symmetry.py specs/
python bench/symmetry.py specs/stores/insert-in-transaction.yaml --set instances=3

All three searches must say the same.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from eoscheck.checker.checking import specs_in
from eoscheck.checker.native.engine import Native
from eoscheck.checker.native.search import Options, explore_natively
from eoscheck.checker.prepare import prepare
from eoscheck.checker.reduction import Reduction, refusal
from eoscheck.checker.search import Exploration, Limits
from eoscheck.checker.solver.symmetry import symmetry_of
from eoscheck.checker.symmetry import NONE
from eoscheck.checker.trace import trace
from eoscheck.model.vary import change

Row = dict[str, object]


def says(found: Exploration) -> object:
    """What a search says of the properties."""
    return sorted(found.hits), found.premises, found.complete


def measured(settings: Sequence[str], spec: str) -> Row | None:
    """The figures of one spec; None where nothing is supposed to be alike."""
    program = trace(prepare(spec, changes=[change(text) for text in settings]).model)
    if not list(program.model.alike()):
        return None
    if why := refusal(program):
        return {"spec": spec, "refused": [f"not reduced: {why}"]}
    began = time.perf_counter()
    symmetry = symmetry_of(program)
    seconds = time.perf_counter() - began
    row: Row = {"spec": spec, "refused": list(symmetry.refused), "z3_seconds": round(seconds, 1)}
    if not symmetry.exchanges:
        return row
    engines = [Native(program), *(Native(program, Reduction(program, s)) for s in (NONE, symmetry))]
    found = [explore_natively(engine, Limits(), None, Options(threads=1)) for engine in engines]
    assert len({repr(says(each)) for each in found}) == 1, spec
    whole, ordered, alike = (each.states for each in found)
    names = [exchange.what for exchange in symmetry.exchanges]
    figures = {
        "states": whole,
        "partial_order": ordered,
        "symmetry": alike,
        "times": round(ordered / alike, 2),
    }
    return {**row, "alike": names, **figures}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("specs", nargs="+")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with ProcessPoolExecutor(os.cpu_count() or 1, get_context("fork")) as workers:
        found = workers.map(partial(measured, given.set), specs_in(given.specs))
        rows = [row for row in found if row is not None]
    if given.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        if "alike" in row:
            print("{spec:60} {states:>9,} {partial_order:>9,} {symmetry:>9,} {times:>6}".format(**row))
        for why in row["refused"]:  # type: ignore[attr-defined]
            print(f"{row['spec']:60} {why}")


if __name__ == "__main__":
    main()
