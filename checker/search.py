"""Breadth-first search with full states: every state once, shortest paths first, the same figures on every
run.

A state is stored whole (no hashing that could lose one), with its parent and the action that led to it; a
path is rebuilt by walking back. Always-properties are checked when a state is found, at-rest properties when
it is expanded and nothing but a fault can happen in it.
"""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from eoscheck.checker.engine import Engine


@dataclass(frozen=True)
class Limits:
    """When to give up. None: never. `depth` counts steps; `memory_mb` is the resident set of the process."""

    states: int | None = None
    depth: int | None = None
    seconds: float | None = None
    memory_mb: int | None = None


@dataclass(frozen=True)
class Figures:
    """What a search reports while it runs."""

    level: int
    distinct: int
    generated: int
    queue: int
    seconds: float


@dataclass
class Exploration:
    """What a search found.

    depth      number of levels, the initial state being the first (a level may be unfinished where it
               stopped)
    stopped    why the frontier did not run empty: "interrupted", "states", "depth", "seconds", "memory",
               "decided" (every property already violated); None if it did
    cut        text of each transition that a range or capacity cut off, with how often
    hits       per property index, the first state (in breadth-first order) that hit it
    premises   bit mask of properties whose premise was met
    fired      how often each action was taken
    at_rest    number of states in which nothing but a fault can happen
    deadlock   the first state in which nothing at all can happen, or None
    """

    index: dict[bytes, int]
    parents: array[int]
    actions: array[int]
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
    deadlock: int | None = None

    @property
    def complete(self) -> bool:
        """The frontier ran empty and nothing was cut."""
        return self.stopped is None and not self.cut

    def path(self, state: int) -> list[int]:
        """Numbers of the actions that lead from the initial state to `state`, a shortest such sequence."""
        steps: list[int] = []
        while state:
            steps.append(self.actions[state])
            state = self.parents[state]
        return steps[::-1]


Report = Callable[[Figures], None]
EVERY = 512


class _Clock:
    """Looks at the limits and reports progress, once in a while."""

    def __init__(self, limits: Limits, report: Report | None) -> None:
        self.limits, self.report = limits, report
        self.started = self.reported = time.monotonic()

    def tick(self, found: Exploration, queue: int) -> str | None:
        """The limit that was reached, or None."""
        now = time.monotonic()
        found.seconds = now - self.started
        if self.report and now - self.reported >= 1:
            self.reported = now
            self.report(Figures(found.depth, found.states, found.transitions, queue, found.seconds))
        if self.limits.seconds is not None and found.seconds > self.limits.seconds:
            return "seconds"
        if self.limits.memory_mb is not None and _resident_mb() > self.limits.memory_mb:
            return "memory"
        return None


def _resident_mb() -> float:
    """The memory that the process has now; where the system does not say, the most that it ever had."""
    with contextlib.suppress(OSError), open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * resource.getpagesize() / 2**20
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def explore(engine: Engine, limits: Limits, report: Report | None = None) -> Exploration:
    """Search all reachable states. Ctrl-C ends it with what was found so far."""
    initial = engine.model.initial
    found = Exploration({initial: 0}, array("l", [0]), array("l", [0]), states=1)
    found.fired = [0] * len(engine.model.actions)
    clock = _Clock(limits, report)
    try:
        found.stopped = _search(engine, limits, found, clock, initial)
    except KeyboardInterrupt:
        found.stopped = "interrupted"
    except MemoryError:
        found.stopped = "memory"
    found.states = len(found.index)
    found.seconds = time.monotonic() - clock.started
    return found


class _Watch:
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


def _search(engine: Engine, limits: Limits, found: Exploration, clock: _Clock, initial: bytes) -> str | None:
    watch = _Watch(engine)
    wanted = watch.pointwise
    found.premises = engine.premises(initial)
    _record(found, engine.hits(initial, wanted), 0)
    fault = [action.info.fault is not None for action in engine.model.actions]
    most = sys.maxsize if limits.states is None else limits.states
    index, fired, parents, actions = found.index, found.fired, found.parents, found.actions
    successors, hits, premises, changes = engine.successors, engine.hits, engine.premises, engine.changes
    frontier = [initial]
    while frontier:
        found.depth += 1
        if limits.depth is not None and found.depth > limits.depth:
            return "depth"
        following: list[bytes] = []
        for position, state in enumerate(frontier):
            if position % EVERY == 0:
                reached = clock.tick(found, len(frontier) - position + len(following))
                if reached:
                    return reached
            at_rest = True
            steps = successors(state)
            found.transitions += len(steps)
            for number, after in steps:
                if not fault[number]:
                    at_rest = False
                if after in index:
                    fired[number] += 1
                    continue
                if isinstance(after, str):
                    found.cut[after] += 1
                    found.transitions -= 1
                    continue
                if found.states >= most:
                    return "states"
                fired[number] += 1
                parents.append(index[state])
                actions.append(number)
                index[after] = found.states
                found.states += 1
                following.append(after)
                # A property can only say something new where the step wrote something that it reads.
                asked = changes[number]
                if asked & wanted:
                    hit = hits(after, asked & wanted)
                    if hit:
                        _record(found, hit, found.states - 1)
                        wanted &= ~hit
                if asked & ~found.premises & watch.all:
                    found.premises |= premises(after, asked & ~found.premises & watch.all)
            if at_rest:
                found.at_rest += 1
                if watch.resting:
                    _record(found, hits(state, watch.resting), index[state])
                if not steps and found.deadlock is None:
                    found.deadlock = index[state]
        if following and watch.decided(found):
            return "decided"
        frontier = following
    return None


def _record(found: Exploration, hit: int, state: int) -> None:
    for i in range(hit.bit_length()):
        if hit >> i & 1:
            found.hits.setdefault(i, state)
