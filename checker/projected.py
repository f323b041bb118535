"""What one component does, or a few variables do: states with the same values of these become one node.

Every step of the search is an edge between two nodes, or stays inside one. The states are scanned as they lie in the
memory of the search, so that a million of them take a second or two.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, repeat
from typing import Any

from eoscheck.checker.around import GOALS, Drawn, Way
from eoscheck.checker.counterexample import readable
from eoscheck.checker.native.engine import Native
from eoscheck.checker.native.visited import Steps, Visited
from eoscheck.checker.search import Exploration
from eoscheck.checker.stategraph import Drafting, Node
from eoscheck.model.domains import Region
from eoscheck.model.language import Model, did_you_mean

CHUNK = 1 << 16
"""States that are looked at at a time."""


class UnknownName(Exception):
    """Something was named that the pipeline does not have."""


@dataclass(frozen=True)
class Choice:
    """The regions of a model that are looked at, and what they are called for short."""

    regions: tuple[Region, ...]
    short: tuple[str, ...]

    @property
    def cells(self) -> list[int]:
        return [cell for region in self.regions for cell in range(region.base, region.base + region.count)]

    def key(self, state: bytes) -> bytes:
        """What a state holds of them."""
        return bytes(state[cell] for cell in self.cells)

    def values(self, key: bytes) -> dict[str, Any]:
        """The same for readers: a list where there are several cells."""
        found, at = {}, 0
        for region, name in zip(self.regions, self.short, strict=True):
            codes = key[at : at + region.count]
            at += region.count
            decoded = [readable(region.domain.decode(code)) for code in codes]
            found[name] = decoded[0] if region.count == 1 else decoded
        return found


def choose(model: Model, names: Sequence[str]) -> Choice:
    """The variables that these names stand for: a component with all of its own, or one variable.

    Raises UnknownName.
    """
    found = {region: None for name in names for region in _named(model, name)}
    owners = {region.owner for region in found}
    prefix = f"{next(iter(owners)).name}." if len(owners) == 1 else ""
    return Choice(tuple(found), tuple(region.name.removeprefix(prefix) for region in found))


def _named(model: Model, name: str) -> list[Region]:
    own = [r for r in model.regions if r.owner.name == name and not r.ghost]
    single = [r for r in model.regions if r.name == name or r.name.startswith(f"{name}.")]
    if own or single:
        return own or single
    components = list(dict.fromkeys(r.owner.name for r in model.regions if not r.ghost))
    raise UnknownName(_unknown(name, components, model))


def _unknown(name: str, components: Sequence[str], model: Model) -> str:
    owner = name.rpartition(".")[0]
    of_owner = [r.name for r in model.regions if r.owner.name == owner]
    hint = did_you_mean(name, of_owner or [*components, *(r.name for r in model.regions)])
    known = f"; {'variables' if of_owner else 'components'}: {', '.join(of_owner or components)}"
    return f"nothing is called {name!r}{hint or known}"


@dataclass(frozen=True)
class Projection:
    """The quotient, drawn, and what a reader has to know of it."""

    drawn: Drawn
    notes: tuple[str, ...]


def project(engine: Native, found: Exploration, choice: Choice, way: Way, most: int) -> Projection:
    """The states that were found, as far as a choice of variables tells them apart; at most so many nodes by
    themselves.

    Raises MemoryError.
    """
    scan = _Scan(engine, found, choice)
    trace = [choice.key(state) for state in way.states]
    initial = choice.key(engine.model.initial)
    shown = _shown(scan.links, trace, initial, most)
    drafting = Drafting([a.name for a in engine.model.actions], scan.faults)
    place: dict[bytes, Hashable] = {key: key if key in shown else REST for key in scan.index}
    for before, after, action in sorted(scan.links):
        if place[before] != place[after]:
            drafting.link(place[before], place[after], action)
    for step, (before, after) in enumerate(pairwise(trace), 1):
        if place[before] != place[after]:
            drafting.link(place[before], place[after], way.actions[step - 1], step)
    for key in shown:
        here = tuple(i for i, there in enumerate(trace) if there == key)
        drafting.node(key, scan.node("class", [key], choice.values(key), here))
    rest = [key for key in scan.index if key not in shown]
    if rest:
        drafting.node(REST, scan.node("more", rest, {"nodes": len(rest)}, ()))
    return Projection(drafting.finished(initial), _notes(scan, len(rest)))


REST: Hashable = None
"""Stands for everything that has no node of its own."""

Change = tuple[bytes, bytes, int]
"""What is held before and after an action, and its number."""


def _shown(changes: Iterable[Change], trace: Sequence[bytes], initial: bytes, most: int) -> dict[bytes, None]:
    """What is shown by itself: what is met on the trace, then what is found first."""
    following: dict[bytes, list[bytes]] = {}
    for source, target, _ in sorted(changes, key=lambda change: (change[0], change[2], change[1])):
        following.setdefault(source, []).append(target)
    found = dict.fromkeys([initial])
    queue = [initial]
    for key in queue:
        fresh = [target for target in dict.fromkeys(following.get(key, ())) if target not in found]
        found.update(dict.fromkeys(fresh))
        queue += fresh
    return dict.fromkeys(list(dict.fromkeys([initial, *trace, *found]))[: max(most, 1)])


def _notes(scan: _Scan, rest: int) -> tuple[str, ...]:
    found = ["steps that change nothing of this are left out"]
    if rest:
        found.append(f"{rest:,} of {len(scan.index):,} nodes are folded into one (--max-nodes)")
    if scan.unknown:
        found.append(f"{scan.unknown:,} steps lead to states that were not searched")
    return tuple(found)


class _Scan:
    """All states that were found, by what they hold of a choice.

    index    what there is, numbered
    of       by state, the number of what it holds
    links    every step that changes something of the choice
    unknown  how many steps lead to states that were not found
    """

    def __init__(self, engine: Native, found: Exploration, choice: Choice) -> None:
        assert isinstance(found.visited, Visited)
        self.engine, self.found, self.visited = engine, found, found.visited
        self.faults = [action.info.fault is not None for action in engine.model.actions]
        self.index, self.of = self._classified(choice)
        steps = self.visited.steps()
        self.unknown = sum(target >= found.states for target in steps.targets)
        self.links = self._links(steps, self._writers(choice))
        self.rests, self.dead = self._ends(steps)
        self.sizes = Counter(self.of)
        self.hits = [self._hit(i) for i in range(len(engine.model.properties))]

    def _classified(self, choice: Choice) -> tuple[dict[bytes, int], array[int]]:
        fields = [self.visited.fields[cell] for cell in choice.cells]
        mask, index, of = sum(field.mask for field in fields), dict[int, int](), array("I")
        for first in range(0, self.found.states, CHUNK):
            states = self.visited.integers(first, min(first + CHUNK, self.found.states))
            of.extend(index.setdefault(state & mask, len(index)) for state in states)
        codes = ([((number & f.mask) >> f.shift) + f.least for f in fields] for number in index)
        return {bytes(row): i for i, row in enumerate(codes)}, of

    def _writers(self, choice: Choice) -> list[bool]:
        """By action, whether it may write something of the choice."""
        cells, writers = set(choice.cells), [False] * len(self.faults)
        for number, command in zip(self.engine.action_of, self.engine.program.commands, strict=True):
            writers[number] |= not cells.isdisjoint(command.writes)
        return writers

    def _links(self, steps: Steps, writers: Sequence[bool]) -> set[Change]:
        of, keys, known = self.of, list(self.index), self.found.states
        counts = (b - a for a, b in pairwise(steps.starts))
        sources = chain.from_iterable(map(repeat, of, counts))
        taken = zip(sources, steps.targets, steps.actions, strict=True)
        found = {(source, of[t], action) for source, t, action in taken if writers[action] and t < known}
        return {(keys[a], keys[b], action) for a, b, action in found if a != b}

    def _ends(self, steps: Steps) -> tuple[Counter[int], Counter[int]]:
        """How many states of each kind rest, and how many are dead ends."""
        rests, dead = Counter[int](), Counter[int]()
        for number, (first, last) in enumerate(pairwise(steps.starts)):
            if first < last and not self.faults[steps.actions[first]]:
                continue  # so it is with nearly all
            actions = self._tried(number) if self.found.cut else steps.actions[first:last]
            if all(self.faults[action] for action in actions):
                rests[self.of[number]] += 1
                dead[self.of[number]] += not actions
        return rests, dead

    def _tried(self, number: int) -> list[int]:
        """The actions of a state, those that a capacity cuts off included."""
        return [action for action, _ in self.engine.successors(self.visited.state(number))]

    def _hit(self, prop: int) -> Counter[int]:
        levels = range(len(self.visited.levels) - 1)
        return Counter(self.of[n] for level in levels for n in self.visited.hitting(prop, level))

    def node(self, kind: str, keys: Iterable[bytes], values: dict[str, Any], steps: tuple[int, ...]) -> Node:
        """What holds one of these, as one node."""
        classes = [self.index[key] for key in keys]
        properties = self.engine.model.properties
        hit = {p: sum(by[i] for i in classes) for p, by in zip(properties, self.hits, strict=True)}
        return Node(
            0,
            kind,
            states=sum(self.sizes[i] for i in classes),
            values=values,
            violates={p.name: n for p, n in hit.items() if n and p.kind not in GOALS},
            meets={p.name: n for p, n in hit.items() if n and p.kind == "sometimes"},
            dead=sum(self.dead[i] for i in classes),
            rests=sum(self.rests[i] for i in classes),
            steps=steps,
        )
