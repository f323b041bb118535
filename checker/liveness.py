"""Liveness: does an "eventually" property become true again and again in every fair execution?

Fair is weakly fair to every action that is no fault: none is enabled for ever without being taken. Faults
owe nothing, and their budgets end. So a property is violated exactly if, among the reachable states where
its goal is false, there is one in which nothing but a fault can happen (the execution rests there), or a
strongly connected component in which every such action is disabled somewhere or taken somewhere. Tarjan
(1972) finds the components; the test for fairness of one is Lichtenstein and Pnueli (1985).
"""

from __future__ import annotations

import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from eoscheck.checker.engine import Engine
from eoscheck.checker.search import EVERY, Exploration, Figures, Report


@dataclass(frozen=True)
class Lasso:
    """A fair execution that violates a property: it comes to `state` and repeats `cycle`, or rests if that
    is empty.

    cycle   numbers of the actions that lead from the state back to it
    """

    state: int
    cycle: list[int]


class Graph:
    """The fair steps from those states that `wanted` asks for: targets and actions, state after state."""

    def __init__(
        self, engine: Engine, found: Exploration, wanted: Callable[[int], bool], tick: Callable[[], None]
    ) -> None:
        fault = [action.info.fault is not None for action in engine.model.actions]
        self.starts, self.targets, self.actions = array("l", [0]), array("l"), array("l")
        for number, state in enumerate(found.index):
            if number % EVERY == 0:
                tick()
            if wanted(number):
                for action, after in engine.successors(state):
                    if isinstance(after, bytes) and not fault[action]:
                        self.targets.append(found.index[after])
                        self.actions.append(action)
            self.starts.append(len(self.targets))

    def edges(self, state: int) -> range:
        """The numbers of the steps that begin in a state."""
        return range(self.starts[state], self.starts[state + 1])

    def enabled(self, state: int) -> set[int]:
        """The actions that can happen in a state."""
        return {self.actions[edge] for edge in self.edges(state)}


def violations(engine: Engine, found: Exploration, report: Report | None = None) -> dict[int, Lasso]:
    """A lasso for each "eventually" property that is violated, with a shortest way to it. Nothing where the
    search is incomplete: what must happen is known only where all that can happen is."""
    asked = [i for i, p in enumerate(engine.model.properties) if p.kind == "eventually"]
    if not asked or not found.complete:
        return {}
    bits = sum(1 << i for i in asked)
    unmet = array("Q", (bits & ~engine.hits(state) for state in found.index))
    graph = Graph(engine, found, lambda state: bool(unmet[state]), _ticker(found, report))
    lassos = {}
    for i in asked:
        lasso = _first(graph, bytearray(mask >> i & 1 for mask in unmet))
        if lasso:
            lassos[i] = lasso
    return lassos


def _ticker(found: Exploration, report: Report | None) -> Callable[[], None]:
    started = reported = time.monotonic()

    def tick() -> None:
        nonlocal reported
        now = time.monotonic()
        if report and now - reported >= 1:
            reported = now
            seconds = found.seconds + now - started
            report(Figures(found.depth, found.states, found.transitions, 0, seconds))

    return tick


def _first(graph: Graph, inside: bytearray) -> Lasso | None:
    """The violation that is reached in the fewest steps. `inside` marks the states where the goal is
    false."""
    rest = next((s for s, wanted in enumerate(inside) if wanted and not graph.edges(s)), None)
    fair = (min(part) for part in _components(graph, inside) if _is_fair(graph, part))
    entry = min(fair, default=None)
    if rest is not None and (entry is None or rest <= entry):
        return Lasso(rest, [])
    if entry is None:
        return None
    part = next(part for part in _components(graph, inside) if entry in part)
    return Lasso(entry, _walk(graph, set(part), entry))


def _components(graph: Graph, inside: bytearray) -> Iterator[list[int]]:
    """The strongly connected components of the marked states (Tarjan, without recursion)."""
    order, low = array("l", [0]) * len(inside), array("l", [0]) * len(inside)
    on_stack, stack, clock = bytearray(len(inside)), [], 0
    for root, wanted in enumerate(inside):
        if not wanted or order[root]:
            continue
        clock += 1
        order[root] = low[root] = clock
        stack.append(root)
        on_stack[root] = 1
        trail = [(root, iter(graph.edges(root)))]
        while trail:
            state, edges = trail[-1]
            for edge in edges:
                target = graph.targets[edge]
                if not inside[target]:
                    continue
                if not order[target]:
                    clock += 1
                    order[target] = low[target] = clock
                    stack.append(target)
                    on_stack[target] = 1
                    trail.append((target, iter(graph.edges(target))))
                    break
                if on_stack[target]:
                    low[state] = min(low[state], order[target])
            else:
                trail.pop()
                if trail:
                    low[trail[-1][0]] = min(low[trail[-1][0]], low[state])
                if low[state] == order[state]:
                    cut = len(stack) - 1
                    while stack[cut] != state:
                        cut -= 1
                    part = stack[cut:]
                    del stack[cut:]
                    for member in part:
                        on_stack[member] = 0
                    yield part


def _is_fair(graph: Graph, part: list[int]) -> bool:
    """Is there a step inside the component, and every action disabled somewhere in it or taken inside it?"""
    if len(part) == 1 and part[0] not in (graph.targets[e] for e in graph.edges(part[0])):
        return False
    members = set(part)
    owed = graph.enabled(part[0])
    for state in part:
        owed &= graph.enabled(state)
        if not owed:
            return True
    for state in part:
        owed -= {graph.actions[e] for e in graph.edges(state) if graph.targets[e] in members}
    return not owed


def _walk(graph: Graph, members: set[int], entry: int) -> list[int]:
    """A cycle through `entry` in which every action is disabled somewhere or taken."""
    owed = graph.enabled(entry)
    state, cycle = entry, list[int]()
    while owed:
        due = frozenset(owed)
        for edge in _way(graph, members, state, partial(_settles, graph, due)):
            state = graph.targets[edge]
            owed &= graph.enabled(state)
            owed.discard(graph.actions[edge])
            cycle.append(graph.actions[edge])
    if state != entry:
        back = _way(graph, members, state, lambda e: graph.targets[e] == entry)
        cycle += [graph.actions[edge] for edge in back]
    return cycle


def _settles(graph: Graph, owed: frozenset[int], edge: int) -> bool:
    """Does this step take an action that is owed, or lead to where one is disabled?"""
    return graph.actions[edge] in owed or not owed <= graph.enabled(graph.targets[edge])


def _way(graph: Graph, members: set[int], start: int, wanted: Callable[[int], bool]) -> list[int]:
    """The steps of a shortest way inside a component that ends with a wanted step."""
    came: dict[int, tuple[int, int] | None] = {start: None}
    queue = deque([start])
    while queue:
        state = queue.popleft()
        for edge in graph.edges(state):
            target = graph.targets[edge]
            if target not in members:
                continue
            if wanted(edge):
                return [*_back(came, state), edge]
            if target not in came:
                came[target] = state, edge
                queue.append(target)
    raise AssertionError("a component is not strongly connected")


def _back(came: dict[int, tuple[int, int] | None], state: int) -> list[int]:
    edges = []
    while (step := came[state]) is not None:
        state, edge = step
        edges.append(edge)
    return edges[::-1]
