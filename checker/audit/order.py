"""Order: offsets grow on every way through a partition, all readers agree, and inputs come as they were sent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise, product
from typing import Any

import z3  # type: ignore[import-untyped]
from eoscheck.checker.audit.facts import Facts, Given
from eoscheck.checker.audit.history import Read, Value
from eoscheck.checker.audit.rules import Because, Constraint, Question, impossible

Record = tuple[str, int | None, Value | None]
"""A record of a partition: by its offset, or by its value where the offset is not known."""


def order(facts: Facts) -> Iterator[Question]:
    """Of every reader, and of what all of them say of one log."""
    for reader in facts.readers:
        found: list[Constraint] = []
        for way in facts.ways(reader):
            found += _backwards(way)
            found += _overtaken(facts, way)
        yield Question(f"order@{reader}", found, "" if facts.given.get(reader) else "it was given nothing")
    if any(g.read.offset is None for gs in facts.given.values() for g in gs):
        yield Question("order", list(_agreement(facts)))


def _backwards(way: list[Given]) -> Iterator[Constraint]:
    placed = [g for g in way if g.read.offset is not None]
    for before, after in pairwise(placed):
        if (before.read.offset or 0) > (after.read.offset or 0):
            told = {"before": before.read, "after": after.read}
            yield impossible([before.index, after.index], "backwards", **told)


# --- as it was sent -----------------------------------------------------------------------------------------------

Number = tuple[str, int]
"""Who sent something, or where it lay, and as which one."""


def _overtaken(facts: Facts, way: list[Given]) -> Iterator[Constraint]:
    """An input after a later one of the same origin."""
    inputs = {
        one.value: (one.partition, n) for n, one in enumerate(facts.inputs) if one.partition is not None
    }
    last: dict[str, tuple[int, Given]] = {}
    for given in way:
        place = inputs.get(given.read.value) if facts.inputs else _sent_as(facts, given.read)
        if place is None:
            continue
        origin, number = place
        before = last.get(origin)
        if before is not None and before[0] > number:
            told = {"before": before[1].read, "after": given.read, "origin": origin}
            yield impossible([before[1].index, given.index], "overtaken", **told)
        last[origin] = number, given


def _sent_as(facts: Facts, read: Read) -> Number | None:
    """The one acknowledged send that a read can show. What may have been sent again has no number."""
    sends = facts.candidates(read)
    if len(sends) != 1 or not sends[0][1].acknowledged or not sends[0][1].by:
        return None
    return sends[0][1].by, sends[0][0]


# --- as everybody else says ---------------------------------------------------------------------------------------


def _agreement(facts: Facts) -> Iterator[Constraint]:
    """Places of the records in their log, as unknowns; a reader's way goes through them in one direction.

    Only records that lie on a circle of "before" can contradict one another; the others are left out.
    """
    ways = [_firsts(facts, way) for reader in facts.readers for way in facts.ways(reader)]
    offsets = _ranked(record for way in ways for record in way)
    chains = [*(list(way) for way in ways), *offsets]
    left = _exchanged(chains) or _circular({pair for chain in chains for pair in pairwise(chain)})
    for chain in offsets:
        yield from _ascending([_at(record) for record in chain if record in left])
    for number, way in enumerate(ways):
        places = []
        for k, (record, given) in enumerate((r, g) for r, g in way.items() if r in left):
            places.append(z3.Int(f"step {k} of way {number}"))
            formula = _at(record) == places[-1]
            names = frozenset([str(_at(record)), str(places[-1])])
            yield Constraint(
                frozenset([given.index]), formula, Because("on-its-way", {"read": given.read}), names
            )
        yield from _ascending(places)


def _exchanged(chains: list[list[Record]]) -> set[Record]:
    """The first two neighbours of a chain that another one holds in opposite order, of each two chains. They are the
    shortest circles that there can be: where there are some, longer ones tell nothing new."""
    found: set[Record] = set()
    places = [{record: n for n, record in enumerate(chain)} for chain in chains]
    for place, (k, chain) in product(places, enumerate(chains)):
        common = [record for record in chain if record in place] if place is not places[k] else []
        found.update(next((pair for pair in pairwise(common) if place[pair[0]] > place[pair[1]]), ()))
    return found


def _ascending(places: list[Any]) -> Iterator[Constraint]:
    """Beyond doubt: each place lies before the next."""
    for low, high in pairwise(places):
        yield Constraint(frozenset(), low < high, Because("", {}), frozenset([str(low), str(high)]))


def _at(record: Record) -> Any:
    return z3.Int(f"place of {record}")


def _firsts(facts: Facts, way: list[Given]) -> dict[Record, Given]:
    """The records of a way with the read that shows each first."""
    found: dict[Record, Given] = {}
    for given in way:
        found.setdefault(_record(facts, given.read), given)
    return found


def _record(facts: Facts, read: Read) -> Record:
    known = {s.offset for _, s in facts.sends.get((read.partition, read.value), ())}
    offset = read.offset if read.offset is not None or len(known) != 1 else known.pop()
    return (read.partition, offset, None) if offset is not None else (read.partition, None, read.value)


def _ranked(records: Iterable[Record]) -> list[list[Record]]:
    """The records whose offsets are known, by partition and offset."""
    found: dict[str, set[int]] = defaultdict(set)
    for partition, offset, _ in records:
        if offset is not None:
            found[partition].add(offset)
    return [[(partition, offset, None) for offset in sorted(own)] for partition, own in found.items()]


def _circular(pairs: set[tuple[Record, Record]]) -> set[Record]:
    """The records that remain when those with nothing before them, or nothing behind them, are taken away."""
    for one, other in ((0, 1), (1, 0)):
        following: dict[Record, list[Record]] = defaultdict(list)
        waiting: Counter[Record] = Counter()
        for pair in pairs:
            following[pair[one]].append(pair[other])
            waiting[pair[other]] += 1
        free = [record for record in following if not waiting[record]]
        gone = set(free)
        while free:
            for after in following[free.pop()]:
                waiting[after] -= 1
                if not waiting[after]:
                    free.append(after)
                    gone.add(after)
        pairs = {pair for pair in pairs if not gone & set(pair)}
    return {record for pair in pairs for record in pair}
