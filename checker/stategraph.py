"""The state graph of a pipeline as data to be drawn: nodes and edges with everything that is to be said of them.

A picture is always a quotient: groups of states become nodes, steps between them become edges. Which groups there are
is decided elsewhere (`around`, `projected`); here is what they become, numbered in order of breadth-first discovery, so
that the same groups give the same graph on every run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Node:
    """A state, or several that are shown as one.

    kind         "state", "class" (states with the same values), "more" (states folded away), "cut" (where a capacity
                 ends the model)
    level        steps from the initial node on the way of parents; a trace goes down, whatever is shorter
    parent       number of the node before it on that way, or on the trace; None: the initial one
    states       how many states stand behind it
    values       variables by name, of all that it holds or of those that were chosen
    observation  what an outsider could see; None where there is not one state
    violates     by property, how many of its states violate it
    meets        by goal ("sometimes"), how many of its states meet it
    dead, rests  states in which nothing can happen, in which nothing but a fault can
    steps        steps of the trace behind which it is reached; 0 is the beginning
    hidden       steps from here whose targets are not shown
    """

    number: int
    kind: str
    level: int = 0
    parent: int | None = None
    states: int = 1
    values: Mapping[str, Any] = field(default_factory=dict)
    observation: Mapping[str, Any] | None = None
    violates: Mapping[str, int] = field(default_factory=dict)
    meets: Mapping[str, int] = field(default_factory=dict)
    dead: int = 0
    rests: int = 0
    steps: tuple[int, ...] = ()
    hidden: int = 0

    @property
    def initial(self) -> bool:
        """Does everything begin here?"""
        return self.parent is None

    @property
    def violating(self) -> bool:
        """Whether all states behind it violate one and the same property."""
        return any(count == self.states for count in self.violates.values())


@dataclass(frozen=True)
class Edge:
    """Actions that lead from one node to another.

    fault  they are faults
    cut    they end where a capacity does
    steps  steps of the trace that go along here
    """

    source: int
    target: int
    actions: tuple[str, ...]
    fault: bool = False
    cut: bool = False
    steps: tuple[int, ...] = ()


@dataclass(frozen=True)
class StateGraph:
    """A picture of what can happen.

    kind      "whole", "neighbourhood" (of a trace), "beginning" or "projected"
    shows     the property whose trace is shown; None: there is no trace
    verdict   what was found, in a sentence, and `why` the trace shows it
    onto      what it is projected onto
    states    how many states were found; 0: none were searched for
    stopped   why the search ended before it had found all; None: it did not
    notes     what a reader has to know besides
    """

    spec: str
    title: str
    kind: str
    states: int
    stopped: str | None
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    shows: str | None = None
    verdict: str = ""
    why: str = ""
    onto: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


Link = tuple[Hashable, Hashable, int]
"""The keys of two groups, and the number of the action that leads from the one to the other."""


class Drafting:
    """A graph being put together from groups, which have any keys, and steps between them.

    names, faults  of the actions, by number
    """

    def __init__(self, names: Sequence[str], faults: Sequence[bool]) -> None:
        self.names, self.faults = names, faults
        self.nodes: dict[Hashable, Node] = {}
        self.links: dict[Link, list[int]] = {}
        self.cuts: set[Hashable] = set()

    def node(self, key: Hashable, node: Node) -> None:
        """Add a node; what only the whole graph knows (number, level, parent) is filled in later."""
        self.nodes[key] = node

    def link(self, source: Hashable, target: Hashable, action: int, step: int | None = None) -> None:
        """Add a step between two groups; `step`: it is that step of the trace."""
        steps = self.links.setdefault((source, target, action), [])
        if step is not None and step not in steps:
            steps.append(step)

    def cut(self, source: Hashable, action: int, text: str) -> None:
        """Add a transition that a capacity cuts off."""
        key = ("cut", source, text)
        self.node(key, Node(0, "cut", states=0, values={"cut": text}))
        self.cuts.add(key)
        self.link(source, key, action)

    def finished(self, initial: Hashable) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
        """Nodes and edges, in the order of their numbers. Nodes that cannot be reached are left out."""
        number, parent = self._discovered(initial)
        nodes: list[Node] = []
        for key, at in number.items():
            before = parent[key]
            level = 0 if before is None else nodes[number[before]].level + 1
            above = None if before is None else number[before]
            nodes.append(replace(self.nodes[key], number=at, level=level, parent=above))
        return tuple(nodes), tuple(self._edges(number))

    def _discovered(self, initial: Hashable) -> tuple[dict[Hashable, int], dict[Hashable, Hashable | None]]:
        """The nodes in breadth-first order, with where each was found from: on a trace, the node before it."""
        following: dict[Hashable, list[tuple[int, Hashable]]] = {}
        told: dict[Hashable, tuple[int, Hashable]] = {}
        for (source, target, action), steps in self.links.items():
            following.setdefault(source, []).append((action, target))
            if steps and target != initial:
                told[target] = min(told.get(target, (min(steps), source)), (min(steps), source), key=_first)
        parent: dict[Hashable, Hashable | None] = {initial: None}
        queue = deque([initial])
        while queue:
            here = queue.popleft()
            for _, target in sorted(following.get(here, ()), key=_first):
                if target not in parent and told.get(target, (0, here))[1] == here:
                    parent[target] = here
                    queue.append(target)
        return {key: i for i, key in enumerate(parent)}, parent

    def _edges(self, number: Mapping[Hashable, int]) -> Iterable[Edge]:
        merged: dict[tuple[int, int, bool, bool, bool], tuple[list[int], list[int]]] = {}
        for (source, target, action), steps in self.links.items():
            if source in number and target in number:
                key = number[source], number[target], self.faults[action], target in self.cuts, bool(steps)
                actions, taken = merged.setdefault(key, ([], []))
                actions.append(action)
                taken += steps
        for (source, target, fault, cut, _), (actions, taken) in sorted(merged.items()):
            names = tuple(dict.fromkeys(self.names[action] for action in sorted(actions)))
            yield Edge(source, target, names, fault, cut, tuple(sorted(taken)))


def _first(pair: tuple[int, Any]) -> int:
    return pair[0]
