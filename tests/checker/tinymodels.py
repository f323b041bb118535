"""Tiny models that the tests of the checker share."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from eoscheck.model.language import (
    Action,
    ActionInfo,
    Array,
    Component,
    Log,
    Model,
    Property,
    Ref,
    Var,
    action,
)
from eoscheck.model.values import Witness, when


class Clock(Component):
    """Ticks for ever: 1 .. 12, 1 ..."""

    hour = Var(range(1, 13))

    @action
    def tick(self) -> None:
        self.hour = 1 if self.hour == 12 else self.hour + 1


class Counter(Component):
    """Counts to its end and rests there."""

    n = Var(range(4))

    @action
    def count(self) -> None:
        when(self.n < 3)
        self.n += 1


class Vote(enum.Enum):
    WORKING = 0
    PREPARED = 1
    COMMITTED = 2
    ABORTED = 3


class ResourceManager(Component):
    """One participant of two-phase commit (Gray and Lamport 2006)."""

    def __init__(self, name: str) -> None:
        self.name = name

    state = Var(Vote, durable=True)

    @action
    def prepare(self) -> None:
        when(self.state == Vote.WORKING)
        self.state = Vote.PREPARED

    @action
    def choose_abort(self) -> None:
        when(self.state == Vote.WORKING)
        self.state = Vote.ABORTED


class TransactionManager(Component):
    """Commits once all are prepared; `hasty`: once one is."""

    def __init__(self, managers: Sequence[ResourceManager], hasty: bool = False) -> None:
        self.name, self.managers, self.hasty = "tm", managers, hasty

    outcome = Var(Vote, durable=True)

    @action
    def commit(self) -> None:
        when(self.outcome == Vote.WORKING)
        ready = [m.state == Vote.PREPARED for m in self.managers]
        when(any(ready) if self.hasty else all(ready))
        self.outcome = Vote.COMMITTED

    @action
    def abort(self) -> None:
        when(self.outcome == Vote.WORKING)
        self.outcome = Vote.ABORTED

    @action(each=lambda self: [(m,) for m in self.managers])
    def deliver(self, manager: ResourceManager) -> None:
        when(self.outcome != Vote.WORKING)
        when(manager.state not in (Vote.COMMITTED, Vote.ABORTED))
        manager.state = self.outcome


def two_phase_commit(count: int = 3, hasty: bool = False) -> Model:
    """The model of `count` participants, with its one property."""
    managers = [ResourceManager(f"rm{i}") for i in range(count)]

    def consistent() -> Witness | None:
        for committed in managers:
            for aborted in managers:
                if committed.state == Vote.COMMITTED and aborted.state == Vote.ABORTED:
                    return Witness("{a} committed, {b} aborted", a=committed.name, b=aborted.name)
        return None

    goal = Property("sometimes", "all-commit", lambda: all(m.state == Vote.COMMITTED for m in managers))
    safety = Property("always", "consistent", consistent)
    return Model([*managers, TransactionManager(managers, hasty)], [safety, goal])


class Friend(Component):
    """Somebody to refer to."""

    def __init__(self, name: str) -> None:
        self.name = name


class Everything(Component):
    """One variable of every kind, and an action for everything that Python code may do with them."""

    def __init__(self, friends: Sequence[Component]) -> None:
        self.name, self.friends = "everything", tuple(friends)
        self.table = [2, 0, 3, 1]

    number = Var(range(4))
    flag = Var(bool)
    vote = Var(Vote)
    friend = Var(lambda self: Ref(*self.friends))
    row = Var(Array(range(4), 3), init=1)
    pairs = Var(Array({"left": range(3), "right": bool}, 2))
    log = Var(Log({"value": range(4), "who": Vote}, 3))

    @action
    def branch(self) -> None:
        if self.number < 2 and not self.flag:
            self.number += 1
            return
        if 1 < self.number <= 3 or self.vote == Vote.ABORTED:
            self.flag = not self.flag

    @action
    def pick(self) -> None:
        self.number = max(min(self.row[self.number - 1 if self.number else 0], 2), self.table[self.number])

    @action
    def choose(self) -> None:
        match self.vote:
            case Vote.WORKING | Vote.PREPARED:
                self.vote = Vote.COMMITTED
            case Vote.COMMITTED:
                when(self.number in (1, 2))
                self.vote = Vote.ABORTED
            case _:
                self.vote = Vote.WORKING

    @action(each=lambda self: [(f,) for f in self.friends])
    def befriend(self, other: Component) -> None:
        when(self.friend is not other)
        self.friend = other if self.number else None

    @action
    def shift(self) -> None:
        for i in range(2):
            self.row[i], self.row[i + 1] = self.row[i + 1], self.row[i]
        self.row[self.number % 3] = sum(self.row) % 4

    @action
    def pair(self) -> None:
        pair = self.pairs[1 if self.flag else 0]
        pair.left = 2 - pair.left
        pair.right = not pair.right
        self.pairs[0] = {"left": 1, "right": self.flag}

    @action
    def append(self) -> None:
        when(self.log.length < 3)
        self.log.append(value=self.number, who=self.vote)

    @action
    def scan(self) -> None:
        for record in self.log:
            if record.value == self.number:
                self.flag = record.who == self.vote
                return
        self.log.truncate(self.number)

    @action
    def overflow(self) -> None:
        when(self.flag)
        self.row[self.number] = self.row[0] + 1


def everything() -> Model:
    """The model of one of everything."""
    return Model([Everything([Friend("clock"), Friend("other")])])


class Graph:
    """An engine over explicit edges `(from, action, to)`; state i is the byte i; `faults` owe nothing.

    Each of `goals` is the set of states where one "eventually" property is met.
    """

    name = "graph"

    def __init__(
        self,
        edges: Sequence[tuple[int, int, int]],
        goals: Sequence[set[int]] = (),
        faults: Sequence[int] = (),
    ) -> None:
        count = max((a for _, a, _ in edges), default=0) + 1
        info = [ActionInfo(None, "fault" if a in faults else None, None) for a in range(count)]
        subject: Any = Counter()
        actions = [Action(subject, f"a{a}", (), i) for a, i in enumerate(info)]
        properties = [Property("eventually", f"goal{i}", lambda: None) for i in range(len(goals))]
        self.model: Any = SimpleNamespace(
            initial=bytes([0]), actions=actions, properties=properties, budgets=None, regions=[]
        )
        self.edges, self.goals = sorted(edges, key=lambda e: e[1]), goals
        self.changes: Sequence[int] = [-1] * count

    def successors(self, state: bytes) -> list[tuple[int, bytes | str]]:
        return [(a, bytes([t])) for f, a, t in self.edges if f == state[0]]

    def hits(self, state: bytes, among: int = -1) -> int:
        return among & sum(1 << i for i, goal in enumerate(self.goals) if state[0] in goal)

    def premises(self, state: bytes, among: int = -1) -> int:
        return among & ((1 << len(self.goals)) - 1)
