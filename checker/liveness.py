"""Liveness: does an "eventually" property become true again and again in every fair execution, and does a "possible"
one stay within reach?

Fair is weakly fair to every action that is no fault: none is enabled for ever without being taken. Faults owe nothing,
and their budgets end. So an "eventually" property is violated exactly if, among the reachable states where its goal is
false, there is one in which nothing but a fault can happen (the execution rests there), or a strongly connected
component in which every such action is disabled somewhere or taken somewhere (Lichtenstein and Pnueli 1985). "Possible"
asks for less, and costs less: from every reachable state some way without another fault leads to the goal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from eoscheck.checker.engine import Engine
from eoscheck.checker.search import Exploration, Visited


@dataclass(frozen=True)
class Lasso:
    """A fair execution that violates a property: it comes to `state` and repeats `cycle`, or rests if that
    is empty.

    cycle   numbers of the actions that lead from the state back to it
    """

    state: int
    cycle: list[int]


KINDS = ("eventually", "possible")
"""Kinds of property that are decided here."""


def violations(engine: Engine, found: Exploration) -> dict[int, Lasso]:
    """A lasso for each of these properties that is violated, with a shortest way to it. Nothing where the
    search is incomplete: what must happen is known only where all that can happen is."""
    lassos = {}
    for i, prop in enumerate(engine.model.properties):
        if prop.kind in KINDS and found.complete:
            lasso = (
                _lasso(engine, found.visited, i) if prop.kind == "eventually" else _stranded(found.visited, i)
            )
            if lasso:
                lassos[i] = lasso
    return lassos


def _stranded(visited: Visited, prop: int) -> Lasso | None:
    stranded = visited.stranded(prop)
    return Lasso(min(stranded, key=visited.state), []) if stranded else None


def _lasso(engine: Engine, visited: Visited, prop: int) -> Lasso | None:
    staying = visited.staying(prop)
    if not staying.entries:
        return None
    entry = min(staying.entries, key=visited.state)
    walker = _Walker(engine, visited, partial(staying.together, entry))
    return Lasso(entry, walker.cycle(entry) if walker.edges(entry) else [])


Edge = tuple[int, int]
"""A step: the number of its action, that of the state it leads to."""


class _Walker:
    """Walks inside a component."""

    def __init__(self, engine: Engine, visited: Visited, member: Callable[[int], bool]) -> None:
        self.engine, self.visited, self.member = engine, visited, member
        self.fault = [action.info.fault is not None for action in engine.model.actions]
        self.known: dict[int, list[Edge]] = {}

    def edges(self, state: int) -> list[Edge]:
        """The steps from a state that are no fault."""
        if state not in self.known:
            steps = self.engine.successors(self.visited.state(state))
            fair = ((a, t) for a, t in steps if isinstance(t, bytes) and not self.fault[a])
            self.known[state] = [(action, self.visited.number(after)) for action, after in fair]
        return self.known[state]

    def enabled(self, state: int) -> set[int]:
        """The actions that can happen in a state."""
        return {action for action, _ in self.edges(state)}

    def cycle(self, entry: int) -> list[int]:
        """A cycle through `entry` in which every action is disabled somewhere or taken."""
        owed = self.enabled(entry)
        state, cycle = entry, list[int]()
        while owed:
            due = frozenset(owed)
            way = self._way(state, partial(self._settles, due))
            for action, after in way:
                owed &= self.enabled(after)
                owed.discard(action)
                cycle.append(action)
            state = way[-1][1]
        if state != entry or not cycle:
            cycle += [action for action, _ in self._way(state, lambda edge: edge[1] == entry)]
        return cycle

    def _settles(self, owed: frozenset[int], edge: Edge) -> bool:
        """Does this step take an action that is owed, or lead to where one is disabled?"""
        return edge[0] in owed or not owed <= self.enabled(edge[1])

    def _way(self, start: int, wanted: Callable[[Edge], bool]) -> list[Edge]:
        """The steps of a shortest way inside the component that ends with a wanted step."""
        came: dict[int, tuple[int, Edge] | None] = {start: None}
        queue = deque([start])
        while queue:
            state = queue.popleft()
            for edge in self.edges(state):
                if not self.member(edge[1]):
                    continue
                if wanted(edge):
                    return [*_back(came, state), edge]
                if edge[1] not in came:
                    came[edge[1]] = state, edge
                    queue.append(edge[1])
        raise AssertionError("a component is not strongly connected")


def _back(came: dict[int, tuple[int, Edge] | None], state: int) -> list[Edge]:
    edges = []
    while (step := came[state]) is not None:
        state, edge = step
        edges.append(edge)
    return edges[::-1]
