"""Guarded commands: the one form of a model that every engine reads.

    orders.append(app)  path 2
      when  app.wire.phase == SENT
      when  not orders.log.length < 3
      do    orders.log.value[orders.log.length] := app.wire.value
      do    orders.log.length := orders.log.length + 1

A guarded command is one path through one action: a conjunction of guards, in the order in which the action
asked, and effects that are computed from the state before and happen at once (where two may write one cell,
in order). The commands of one action are disjoint, and together with the states in which it is disabled they
are all cases. Sharing a prefix of guards, they form a decision tree (`Program.trees`). A command with `cut`
has no effects: taking it would leave a declared range or capacity, which is reported by that text and never
dropped.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from eoscheck.checker import expressions as ex
from eoscheck.checker.expressions import Expr
from eoscheck.model.domains import Region
from eoscheck.model.language import Action, Model, Property


@dataclass(frozen=True)
class Effect:
    """`region[index] := value`. Given the guards, the value lies in the region's domain and the index in
    it."""

    region: Region
    index: Expr
    value: Expr

    def cells(self) -> range:
        """The cells that may be written."""
        last = min(self.index.hi, self.region.count - 1)
        return range(self.region.base + max(self.index.lo, 0), self.region.base + last + 1)

    def cell(self, state: bytes) -> int:
        """The cell that is written in a state."""
        return self.region.base + ex.evaluate(self.index, state)

    def __str__(self) -> str:
        index = self.index
        target = self.region.cell(index.args[0]) if index.op == "const" else f"{self.region.name}[{index}]"
        return f"{target} := {self.value}"


@dataclass(frozen=True, eq=False)
class GuardedCommand:
    """One path of one action. `number` counts the commands of the program, `path` those of the action."""

    number: int
    action: Action
    path: int
    guards: tuple[Expr, ...]
    effects: tuple[Effect, ...]
    cut: str | None = None

    @cached_property
    def reads(self) -> frozenset[int]:
        """Cells that guards, indices or values depend on."""
        terms = [*self.guards, *(e.index for e in self.effects), *(e.value for e in self.effects)]
        return frozenset().union(*(ex.reads(term) for term in terms))

    @cached_property
    def writes(self) -> frozenset[int]:
        """Cells that may be changed."""
        return frozenset(cell for effect in self.effects for cell in effect.cells())

    def enabled(self, state: bytes) -> bool:
        """Whether it can be taken in a state."""
        return all(ex.evaluate(guard, state) for guard in self.guards)

    def applied(self, state: bytes) -> bytes:
        """The state that it leads to, given that it is enabled."""
        after = bytearray(state)
        for effect in self.effects:
            after[effect.cell(state)] = ex.evaluate(effect.value, state)
        return bytes(after)

    def __str__(self) -> str:
        lines = [f"{self.action.name}  path {self.path}"]
        lines += [f"  when  {guard}" for guard in self.guards]
        lines += [f"  do    {effect}" for effect in self.effects]
        return "\n".join([*lines, f"  cut   {self.cut}"] if self.cut else lines)


@dataclass(frozen=True, eq=False)
class Observed:
    """A traced property: `hit` is true where it is violated (always, at-rest), or where the goal is met
    (sometimes, eventually, possible); `premise` where it says something."""

    property: Property
    hit: Expr
    premise: Expr


@dataclass(frozen=True, eq=False)
class Node:
    """Decision tree of one action: a guard, and what follows if it holds or not: more, a command, None:
    disabled."""

    guard: Expr
    then: Node | GuardedCommand | None
    otherwise: Node | GuardedCommand | None


@dataclass(frozen=True, eq=False)
class Program:
    """A traced model."""

    model: Model
    commands: tuple[GuardedCommand, ...]
    properties: tuple[Observed, ...]

    def of(self, action: Action) -> list[GuardedCommand]:
        """The commands of one action."""
        return [c for c in self.commands if c.action is action]

    def enabled(self, action: Action, state: bytes) -> GuardedCommand | None:
        """The command by which an action can be taken in a state."""
        return next((command for command in self.of(action) if command.enabled(state)), None)

    def trees(self) -> Iterator[tuple[Action, Node | GuardedCommand]]:
        """Each action that can happen, with its decision tree."""
        for action, commands in itertools.groupby(self.commands, key=lambda c: c.action):
            root = tree(list(commands))
            assert root is not None
            yield action, root

    def __str__(self) -> str:
        return "\n\n".join(str(command) for command in self.commands)


def tree(commands: Sequence[GuardedCommand], depth: int = 0) -> Node | GuardedCommand | None:
    """The decision tree that commands of one action span by their shared guards."""
    if not commands:
        return None
    if depth == len(commands[0].guards):
        assert len(commands) == 1, f"two commands of {commands[0].action.name} have the same guards"
        return commands[0]
    guard = commands[0].guards[depth]
    yes = [c for c in commands if c.guards[depth] is guard]
    no = [c for c in commands if c.guards[depth] is not guard]
    assert all(c.guards[depth] is ex.negation(guard) for c in no), f"{commands[0].action.name}: no tree"
    return Node(guard, tree(yes, depth + 1), tree(no, depth + 1))
