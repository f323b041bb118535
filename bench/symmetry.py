"""How much symmetry there is to gain by: of the states that are explored, how many are the same but for instances of
a processor that have changed places.

python bench/symmetry.py specs/transactions specs/stores --set bounds.faults=2

Whether they may change places is tried out: what can follow on a state, with the instances exchanged, must be what can
follow on the exchanged state. It is tried on a sample of the states; a spec where it is not so is left out, and said.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from itertools import pairwise

from eoscheck.checker.checking import specs_in
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.examine import engine_for, limits_of, search
from eoscheck.checker.native.engine import Native
from eoscheck.checker.native.search import Options
from eoscheck.checker.prepare import prepare
from eoscheck.model.partition import Partition
from eoscheck.model.pipeline import Pipeline
from eoscheck.model.processor import Processor
from eoscheck.model.vary import change

MOST = 2_000_000
SAMPLE = 300
OF_PROCESSES, BY_PROCESS, BY_PRODUCER = ("owner", "holder"), ("members",), ("epochs", "sequences", "first")
"""Variables whose values are numbers of processes; that are indexed by them; that are indexed by producer ids."""

Exchange = Callable[[bytes], bytes]


def instances(pipeline: Pipeline) -> list[Processor]:
    """Those of the first processor that has several."""
    for stage in pipeline.stages:
        found = [client for client in stage.clients if isinstance(client, Processor)]
        if len(found) > 1:
            return found
    return []


def exchange(pipeline: Pipeline, one: Processor, other: Processor) -> Exchange:
    """A state with two instances in each other's place, and their wires, producer ids and coordinators with them."""

    def named(name: str) -> str:
        return name.replace(one.name, "\0").replace(other.name, one.name).replace("\0", other.name)

    producers = {one.pid: other.pid, other.pid: one.pid}
    processes = {one.index: other.index, other.index: one.index}
    members = {old + 1: new + 1 for old, new in processes.items()}
    cells = {(r.name, k): r.base + k for r in pipeline.model.regions for k in range(r.count)}
    place, mapped = [0] * pipeline.model.size, [dict[int, int]()] * pipeline.model.size
    for region in pipeline.model.regions:
        variable = region.name.rpartition(".")[2]
        by_producer = variable in BY_PRODUCER and isinstance(region.owner, Partition)
        theirs = region.owner is one.group
        index_of = processes if theirs and variable in BY_PROCESS else producers if by_producer else {}
        value_of = members if theirs and variable in OF_PROCESSES else producers if variable == "pid" else {}
        for k in range(region.count):
            place[region.base + k] = cells[named(region.name), index_of.get(k, k)]
            mapped[region.base + k] = value_of

    def exchanged(state: bytes) -> bytes:
        after = bytearray(len(state))
        for cell, value in enumerate(state):
            after[place[cell]] = mapped[cell].get(value, value)
        return bytes(after)

    return exchanged


def orbit(state: bytes, swaps: Sequence[Exchange]) -> set[bytes]:
    """What becomes of a state by exchanging instances, as often as one likes."""
    found, new = {state}, [state]
    while new:
        new = [t for t in {swap(s) for s in new for swap in swaps} if t not in found]
        found.update(new)
    return found


def commutes(engine: Compiled, state: bytes, swap: Exchange) -> bool:
    """Whether what can follow does not care who is who."""
    after = {swap(t) for _, t in engine.successors(state) if isinstance(t, bytes)}
    return after == {t for _, t in engine.successors(swap(state)) if isinstance(t, bytes)}


def measured(spec: str, settings: Sequence[str]) -> dict[str, object] | None:
    """The figures of one spec; None where no processor has several instances."""
    pipeline = prepare(spec, changes=[change(text) for text in settings])
    assert isinstance(pipeline, Pipeline)
    swaps = [exchange(pipeline, one, other) for one, other in pairwise(instances(pipeline))]
    if not swaps:
        return None
    engine = engine_for(pipeline)
    assert isinstance(engine, Native)
    options = Options(reduce=False, everything=True)
    found = search(engine, limits_of(pipeline.spec, states=MOST), None, options).found
    states = [found.visited.state(number) for number in range(found.states)]
    plain = Compiled(engine.program)
    sample = states[:: max(1, len(states) // SAMPLE)]
    same = all(commutes(plain, state, swap) for state in sample for swap in swaps)
    kept = len({min(orbit(state, swaps)) for state in states}) if same else None
    return {
        "spec": spec,
        "complete": found.complete,
        "states": found.states,
        "kept": kept,
        "times": round(found.states / kept, 3) if kept else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("specs", nargs="+")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = [row for spec in specs_in(given.specs) if (row := measured(spec, given.set))]
    if given.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        gain = f"{row['times']} times fewer" if row["kept"] else "not symmetric"
        print(
            f"{row['spec']:<60} {row['states']:>10,} states  {gain}{'' if row['complete'] else ', INCOMPLETE'}"
        )


if __name__ == "__main__":
    main()
