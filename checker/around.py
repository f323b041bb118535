"""State by state: the whole state graph where it is small, otherwise the surroundings of a trace, or the beginning.

Around a trace stands what else could have happened at each step. Where that is too much, what is beside a step is
folded into one node there, "more", so that the trace can always be read from top to bottom.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from eoscheck.checker.counterexample import Subject, readable, variables
from eoscheck.checker.engine import Engine, Successor
from eoscheck.checker.search import Watch
from eoscheck.checker.stategraph import Drafting, Edge, Node
from eoscheck.model.language import ConcreteMemory

GOALS = ("sometimes", "eventually", "possible")
"""Kinds of property that say where something good is reached."""

Drawn = tuple[tuple[Node, ...], tuple[Edge, ...]]


@dataclass(frozen=True)
class Way:
    """A trace: the actions that it takes, and the states that it comes through, one more. What it shows at its end is
    `good` where that is a goal met."""

    actions: Sequence[int]
    states: Sequence[bytes]
    shows: str | None = None
    good: bool = False

    @classmethod
    def of(cls, engine: Engine, actions: Sequence[int], shows: str, *, good: bool = False) -> Way:
        """The way that these actions go from the initial state."""
        states = [engine.model.initial]
        for number in actions:
            after = dict(engine.successors(states[-1]))[number]
            assert isinstance(after, bytes)
            states.append(after)
        return cls(actions, states, shows, good)


NOWHERE = Way((), ())


class Scene:
    """A pipeline and its engine, which are asked about one state after the other.

    known   the states that a search has found; None: all that there are
    """

    def __init__(self, subject: Subject, engine: Engine, known: Container[bytes] | None = None) -> None:
        self.subject, self.engine, self.model = subject, engine, subject.model
        self.known = known
        self.faults = [action.info.fault is not None for action in self.model.actions]
        self._watch = Watch(engine)
        self._steps: dict[bytes, list[Successor]] = {}

    def steps(self, state: bytes) -> list[Successor]:
        """What can happen in a state."""
        if state not in self._steps:
            self._steps[state] = list(self.engine.successors(state))
        return self._steps[state]

    def following(self, state: bytes) -> list[bytes]:
        """The states behind a state that were found, each once, in the order of the actions."""
        after = dict.fromkeys(after for _, after in self.steps(state) if isinstance(after, bytes))
        return [s for s in after if self.known is None or s in self.known]

    def node(self, state: bytes, way: Way) -> Node:
        """A state with all that is to be said of it."""
        steps = self.steps(state)
        dead, rests = not steps, all(self.faults[number] for number, _ in steps)
        asked = self._watch.all if rests else self._watch.all & ~self._watch.resting
        hits = self.engine.hits(state, asked)
        hit = {p.name: p.kind for i, p in enumerate(self.model.properties) if hits >> i & 1}
        violates = {name: 1 for name, kind in hit.items() if kind not in GOALS}
        meets = {name: 1 for name, kind in hit.items() if kind == "sometimes"}
        if way.states and state == way.states[-1] and way.shows and way.shows not in hit:
            (meets if way.good else violates)[way.shows] = 1
        self.model.memory = ConcreteMemory(state)
        return Node(
            0,
            "state",
            values=variables(self.model, state),
            observation=readable(self.subject.observe()),
            violates=violates,
            meets=meets,
            dead=int(dead),
            rests=int(rests),
            steps=tuple(i for i, s in enumerate(way.states) if s == state),
        )

    # -- which states

    def first(self, most: int) -> list[bytes]:
        """The first states, in breadth-first order."""
        found: dict[bytes, None] = {self.model.initial: None}
        queue = deque(found)
        while queue:
            for after in self.following(queue.popleft()):
                if after not in found and len(found) < most:
                    found[after] = None
                    queue.append(after)
        return list(found)

    def draw(
        self, shown: Sequence[bytes], way: Way = NOWHERE, place: Mapping[bytes, int] | None = None
    ) -> Drawn:
        """The graph of these states.

        place   the state of the way beside which a state stands, by number; those of one place that are not shown
                stand there as one
        """
        drafting = Drafting([action.name for action in self.model.actions], self.faults)
        place, inside = place or {}, set(shown)
        taken = dict(zip(zip(way.states, way.actions, strict=False), count(1), strict=False))
        for state in shown:
            hidden = 0
            for number, after in self.steps(state):
                if isinstance(after, str):
                    drafting.cut(state, number, after)
                elif after in inside:
                    drafting.link(state, after, number, taken.get((state, number)))
                elif after in place and place[after] == place[state]:
                    drafting.link(state, place[after], number)
                else:
                    hidden += 1
            drafting.node(state, replace(self.node(state, way), hidden=hidden))
        folded = [state for state in place if state not in inside]
        for at in {place[state]: None for state in folded}:
            drafting.node(at, self._fold([state for state in folded if place[state] == at], way))
        return drafting.finished(self.model.initial)

    def _fold(self, states: Sequence[bytes], way: Way) -> Node:
        nodes = [self.node(state, way) for state in states]
        return Node(
            0,
            "more",
            states=len(states),
            violates=Counter(name for node in nodes for name in node.violates),
            dead=sum(node.dead for node in nodes),
            rests=sum(node.rests for node in nodes),
        )

    def around(self, way: Way, distance: int, most: int) -> tuple[list[bytes], dict[bytes, int]]:
        """The states to show around a way, and the place of each state there is (see `draw`). Beside each state of the
        way so many are shown by themselves as fit into `most`."""
        trace = list(dict.fromkeys(way.states))
        beside = self._beside_each(way, distance)
        few = max(map(len, beside.values()))
        while few and sum(min(len(s), few) + (len(s) > few) for s in beside.values()) > most - len(trace):
            few -= 1
        place = {state: way.states.index(state) for state in trace}
        shown = list(trace)
        for at, states in beside.items():
            # A fold of one state takes as much room as the state.
            shown += states if len(states) == few + 1 else states[:few]
            place.update(dict.fromkeys(states, at))
        return shown, place

    def _beside_each(self, way: Way, distance: int) -> dict[int, list[bytes]]:
        """By number of the state of the way, the states that are so few steps away, those found first before others:
        where something is wrong, then faults, then the others."""
        owner = {state: way.states.index(state) for state in way.states}
        beside: dict[int, list[bytes]] = {at: [] for at in sorted(set(owner.values()))}
        last = list(dict.fromkeys(way.states))
        for _ in range(distance):
            fresh = []
            for state in last:
                for after in sorted(self.following(state), key=lambda after: self._rank(state, after)):
                    if after not in owner:
                        owner[after] = owner[state]
                        beside[owner[state]].append(after)
                        fresh.append(after)
            last = fresh
        return beside

    def _rank(self, state: bytes, after: bytes) -> tuple[bool, bool]:
        fault = all(self.faults[number] for number, s in self.steps(state) if s == after)
        return not self.node(after, NOWHERE).violates, not fault
