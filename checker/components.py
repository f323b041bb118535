"""Where a fair execution can stay for ever, on a graph of Python's own: strongly connected components (Tarjan 1972) and
the test for fairness of one."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Staying:
    """Where some goal can stay unmet for ever.

    entries    the states in which it can begin, those of the first level that has some
    together   are two states in one component?
    """

    entries: Sequence[int]
    together: Callable[[int, int], bool]


NOWHERE = Staying((), lambda a, b: False)


class Graph:
    """The steps from some states that are no fault: targets and actions, state after state."""

    def __init__(self, count: int, steps: Callable[[int], Iterable[tuple[int, int]]]) -> None:
        self.count = count
        self.starts, self.targets, self.actions = array("q", [0]), array("q"), array("q")
        for state in range(count):
            for action, target in steps(state):
                self.targets.append(target)
                self.actions.append(action)
            self.starts.append(len(self.targets))

    def edges(self, state: int) -> range:
        """The numbers of the steps that begin in a state."""
        return range(self.starts[state], self.starts[state + 1])

    def enabled(self, state: int) -> set[int]:
        """The actions that can happen in a state."""
        return {self.actions[edge] for edge in self.edges(state)}


def staying(graph: Graph, inside: bytearray, levels: Sequence[int]) -> Staying:
    """Where a fair execution can stay among the states that are marked as `inside`."""
    component = array("q", [-1]) * graph.count
    candidates = [s for s in range(graph.count) if inside[s] and not graph.edges(s)]
    for number, part in enumerate(_components(graph, inside)):
        if _is_fair(graph, part):
            for state in part:
                component[state] = number
            candidates += part
    return Staying(first_level(candidates, levels), lambda a, b: component[a] == component[b] != -1)


def stranded(graph: Graph, met: bytearray, levels: Sequence[int]) -> Sequence[int]:
    """States of the first level that has some from which no way leads to one that is marked as `met`."""
    near, changed = bytearray(met), True
    while changed:
        changed = False
        for state in reversed(range(graph.count)):
            if not near[state] and any(near[graph.targets[edge]] for edge in graph.edges(state)):
                near[state] = changed = True
    return first_level([s for s in range(graph.count) if not near[s]], levels)


def first_level(states: Sequence[int], levels: Sequence[int]) -> Sequence[int]:
    """Those of some states that are found first."""
    if not states:
        return ()
    nearest = min(states)
    end = next(behind for behind in levels if nearest < behind)
    return [state for state in states if state < end]


def _components(graph: Graph, inside: bytearray) -> Iterator[list[int]]:
    """The strongly connected components of the marked states (Tarjan, without recursion)."""
    order, low = array("q", [0]) * len(inside), array("q", [0]) * len(inside)
    on_stack, stack, clock = bytearray(len(inside)), list[int](), 0
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
