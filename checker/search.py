"""Breadth-first search with full states: every state once, shortest paths first, the same figures on every
run.

What a search has found is asked through `Visited`: states are numbered in the order in which they were found, level by
level. No state knows where it came from; a way to it is found by going back through the levels (`shortest`).
Always-properties are checked when a state is found, at-rest properties when it is expanded and nothing but a fault can
happen in it.
"""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from eoscheck.checker.components import Graph, Staying, staying, stranded
from eoscheck.checker.engine import Engine


@dataclass(frozen=True)
class Limits:
    """When to give up. None: never. `depth` counts steps; `memory_mb` is the resident set of the process."""

    states: int | None = None
    depth: int | None = None
    seconds: float | None = None
    memory_mb: int | None = None


SHRINKING = 0.95
"""Growth of levels below which the end of a search can be guessed."""


@dataclass(frozen=True)
class Figures:
    """What a search reports while it runs.

    level, width   the present level, and how many states it has; `last_width`: the one before
    queue          states that wait to be expanded
    growth         by how much this level is larger than the last; 0 where there is none
    memory_mb      that the process has now
    violated       properties of which a counterexample is known
    """

    level: int
    distinct: int
    generated: int
    queue: int
    seconds: float
    width: int = 0
    last_width: int = 0
    memory_mb: float = 0.0
    violated: int = 0

    @property
    def growth(self) -> float:
        return self.width / self.last_width if self.last_width else 0.0

    @property
    def left(self) -> float | None:
        """States that will still be expanded if levels go on to shrink as they do; None while they do not."""
        shrinking = 0 < self.growth < SHRINKING
        return self.queue + self.width * self.growth / (1 - self.growth) if shrinking else None


@dataclass(frozen=True)
class Field:
    """Where a variable lies in a state that is one number: `width` bits from bit `shift` on, its value less the
    smallest one."""

    shift: int
    width: int
    least: int

    @cached_property
    def mask(self) -> int:
        """Its bits."""
        return ((1 << self.width) - 1) << self.shift


class Visited(Protocol):
    """The states that a search has found.

    levels   number of the first state of each level, and that behind the last state
    fields   by variable, where it lies in `integers`
    """

    levels: list[int]
    fields: Sequence[Field]

    def state(self, number: int) -> bytes: ...

    def integers(self, first: int, last: int) -> list[int]:
        """The states `first`.. below `last`, each as one number."""
        ...

    def number(self, state: bytes) -> int:
        """The number of a state that was found."""
        ...

    def hitting(self, prop: int, level: int) -> Sequence[int]:
        """The states of a level (0: the initial state) that a property hits; at rest, where it asks for that."""
        ...

    def leading(self, level: int, targets: Collection[bytes]) -> Sequence[int]:
        """The states of a level, and perhaps some others, that have one of these successors."""
        ...

    def staying(self, prop: int) -> Staying:
        """Where a fair execution can stay for ever without meeting a goal."""
        ...

    def stranded(self, prop: int) -> Sequence[int]:
        """The states of the first level that has some from which no way without a fault leads to a goal."""
        ...


@dataclass
class Exploration:
    """What a search found.

    depth      number of levels, the initial state being the first (a level may be unfinished where it
               stopped)
    stopped    why the frontier did not run empty: "interrupted", "states", "depth", "seconds", "memory", "disk",
               "decided" (every property already violated); None if it did
    cut        text of each transition that a range or capacity cut off, with how often
    hits       per property index, how many steps it takes to where it is hit first
    premises   bit mask of properties whose premise was met
    fired      how often each action was taken
    at_rest    number of states in which nothing but a fault can happen
    dead       number of states in which nothing at all can happen
    reduced    by what it was that only a part of the states was searched, which says the same of all; "": all were
    missed     the probability that some state was taken for another, as TLC estimates it; None: it is none
    visited    the states themselves
    """

    visited: Visited
    states: int = 0
    transitions: int = 0
    depth: int = 0
    seconds: float = 0.0
    stopped: str | None = None
    cut: Counter[str] = field(default_factory=Counter)
    hits: dict[int, int] = field(default_factory=dict)
    premises: int = 0
    fired: list[int] = field(default_factory=list)
    at_rest: int = 0
    dead: int = 0
    missed: float | None = None
    reduced: str = ""

    @property
    def complete(self) -> bool:
        """The frontier ran empty and nothing was cut."""
        return self.stopped is None and not self.cut

    def figures(self) -> tuple[object, ...]:
        """Everything that two searches of one model must agree on."""
        return (
            self.states, self.transitions, self.depth, self.stopped, self.cut, self.hits, self.premises, self.fired,
            self.at_rest, self.dead,
        )  # fmt: skip


@dataclass(frozen=True)
class Searched:
    """What was found, and, by property, which search knows the way to a hit, where that is another one.

    notes   what is to be said about it
    """

    found: Exploration
    sources: dict[int, Exploration] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


Report = Callable[[Figures], None]
EVERY = 512


class Clock:
    """Looks at the limits and reports progress, once in a while.

    safety   properties, by bit, that are violated where they are hit
    before   seconds that were spent on the search by processes before this one, which no limit counts
    """

    EVERY = 1.0

    def __init__(self, limits: Limits, report: Report | None, safety: int) -> None:
        self.limits, self.report, self.safety = limits, report, safety
        self.before = 0.0
        self.started = self.reported = time.monotonic()

    def seconds(self) -> float:
        """Since the search began."""
        return self.before + time.monotonic() - self.started

    def tick(self, found: Exploration, queue: int, widths: Sequence[int] = (0, 0)) -> str | None:
        """The limit that was reached, or None.

        widths   states of the level before and of the present one
        """
        now = time.monotonic()
        found.seconds = self.before + now - self.started
        if self.report and now - self.reported >= self.EVERY:
            self.reported = now
            self.report(
                Figures(
                    found.depth,
                    found.states,
                    found.transitions,
                    queue,
                    found.seconds,
                    widths[1],
                    widths[0],
                    resident_mb(),
                    sum(self.safety >> i & 1 for i in found.hits),
                )
            )
        if self.limits.seconds is not None and now - self.started > self.limits.seconds:
            return "seconds"
        if self.limits.memory_mb is not None and resident_mb() > self.limits.memory_mb:
            return "memory"
        return None


def resident_mb() -> float:
    """The memory that the process has now; where the system does not say, the most that it ever had."""
    with contextlib.suppress(OSError), open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * resource.getpagesize() / 2**20
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


class Watch:
    """What has to be looked at in each state: the properties of a model, by bit."""

    def __init__(self, engine: Engine) -> None:
        self.properties = engine.model.properties
        self.pointwise = self._bits("always", "sometimes")
        self.resting = self._bits("at-rest")
        self.safety = self._bits("always", "at-rest")
        self.all = (1 << len(self.properties)) - 1

    def _bits(self, *kinds: str) -> int:
        return sum(1 << i for i, p in enumerate(self.properties) if p.kind in kinds)

    def decided(self, found: Exploration) -> bool:
        """Is every property violated already?"""
        return bool(self.all) and self.safety == self.all and len(found.hits) == len(self.properties)


class Seen:
    """States in a dict, in the order in which they were found."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.index = {engine.model.initial: 0}
        self.states = [engine.model.initial]
        self.levels: list[int] = [0, 1]
        self.fields: Sequence[Field] = [Field(8 * cell, 8, 0) for cell in range(len(engine.model.initial))]
        self._watch = Watch(engine)
        self._fault = [action.info.fault is not None for action in engine.model.actions]

    def state(self, number: int) -> bytes:
        return self.states[number]

    def integers(self, first: int, last: int) -> list[int]:
        return [int.from_bytes(state, "little") for state in self.states[first:last]]

    def number(self, state: bytes) -> int:
        return self.index[state]

    def hitting(self, prop: int, level: int) -> Sequence[int]:
        bit, numbers = 1 << prop, self._level(level)
        found = [n for n in numbers if self.engine.hits(self.states[n], bit)]
        return [n for n in found if self._rests(self.states[n])] if bit & self._watch.resting else found

    def leading(self, level: int, targets: Collection[bytes]) -> Sequence[int]:
        successors, states = self.engine.successors, self.states
        return array(
            "q", (n for n in self._level(level) if any(t in targets for _, t in successors(states[n])))
        )

    def staying(self, prop: int) -> Staying:
        unmet = bytearray(not self.engine.hits(state, 1 << prop) for state in self.states)
        return staying(self._graph(unmet), unmet, self.levels)

    def stranded(self, prop: int) -> Sequence[int]:
        met = bytearray(bool(self.engine.hits(state, 1 << prop)) for state in self.states)
        return stranded(self._graph(bytearray(not m for m in met)), met, self.levels)

    def _graph(self, wanted: bytearray) -> Graph:
        """The steps that are no fault, from the states that are wanted."""

        def steps(number: int) -> Iterator[tuple[int, int]]:
            for action, after in self.engine.successors(self.states[number]) if wanted[number] else ():
                if isinstance(after, bytes) and not self._fault[action]:
                    yield action, self.index[after]

        return Graph(len(self.states), steps)

    def _level(self, level: int) -> range:
        return range(self.levels[level], self.levels[level + 1])

    def _rests(self, state: bytes) -> bool:
        return all(self._fault[number] for number, _ in self.engine.successors(state))


def explore(engine: Engine, limits: Limits, report: Report | None = None) -> Exploration:
    """Search all reachable states. Ctrl-C ends it with what was found so far."""
    seen = Seen(engine)
    found = Exploration(seen, states=1)
    found.fired = [0] * len(engine.model.actions)
    clock = Clock(limits, report, Watch(engine).safety)
    try:
        found.stopped = _search(engine, limits, found, seen, clock)
    except KeyboardInterrupt:
        found.stopped = "interrupted"
    except MemoryError:
        found.stopped = "memory"
    if len(seen.states) > seen.levels[-1]:
        seen.levels.append(len(seen.states))
    found.states = len(seen.states)
    found.seconds = clock.seconds()
    return found


def _search(engine: Engine, limits: Limits, found: Exploration, seen: Seen, clock: Clock) -> str | None:
    watch = Watch(engine)
    wanted = watch.pointwise
    found.premises = engine.premises(seen.states[0])
    _record(found, engine.hits(seen.states[0], wanted), 0)
    fault = [action.info.fault is not None for action in engine.model.actions]
    most = sys.maxsize if limits.states is None else limits.states
    index, fired, states = seen.index, found.fired, seen.states
    successors, hits, premises, changes = engine.successors, engine.hits, engine.premises, engine.changes
    while True:
        found.depth += 1
        if limits.depth is not None and found.depth > limits.depth:
            return "depth"
        first, until = seen.levels[-2:]
        for number in range(first, until):
            if (number - first) % EVERY == 0:
                reached = clock.tick(found, len(states) - number)
                if reached:
                    return reached
            at_rest = True
            state = states[number]
            steps = successors(state)
            found.transitions += len(steps)
            for action, after in steps:
                if not fault[action]:
                    at_rest = False
                if after in index:
                    fired[action] += 1
                    continue
                if isinstance(after, str):
                    found.cut[after] += 1
                    found.transitions -= 1
                    continue
                if found.states >= most:
                    return "states"
                fired[action] += 1
                index[after] = found.states
                found.states += 1
                states.append(after)
                # A property can only say something new where the step wrote something that it reads.
                asked = changes[action]
                if asked & wanted:
                    hit = hits(after, asked & wanted)
                    if hit:
                        _record(found, hit, found.depth)
                        wanted &= ~hit
                if asked & ~found.premises & watch.all:
                    found.premises |= premises(after, asked & ~found.premises & watch.all)
            if at_rest:
                found.at_rest += 1
                if watch.resting:
                    _record(found, hits(state, watch.resting), found.depth - 1)
                if not steps:
                    found.dead += 1
        if found.states == until:
            return None
        seen.levels.append(found.states)
        if watch.decided(found):
            return "decided"


def _record(found: Exploration, hit: int, steps: int) -> None:
    for i in range(hit.bit_length()):
        if hit >> i & 1:
            found.hits.setdefault(i, steps)
