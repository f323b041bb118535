"""Executions that between them take every guarded command: each action in each of its cases at least once.

What a replay confronts with a real Kafka should be everything that the model says, not only what random walks meet. The
state graph is searched breadth-first; the first transition that takes a command gives a shortest execution that does,
and of these as many are kept as are needed.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import GuardedCommand, Node, Program
from eoscheck.checker.engine import Engine
from eoscheck.model.language import Action

MOST_STATES = 300_000


@dataclass
class Covering:
    """What a search for all commands found.

    paths     executions as numbers of actions, the longest first
    first     by number of the command, a shortest execution that ends with it
    missing   commands that no execution took (cuts and commands of excluded actions are not asked for)
    complete  the whole state graph was searched, so what is missing cannot happen
    """

    paths: list[list[int]] = field(default_factory=list)
    first: dict[int, list[int]] = field(default_factory=dict)
    missing: list[GuardedCommand] = field(default_factory=list)
    complete: bool = True


def taken(tree: Node | GuardedCommand | None, state: bytes) -> GuardedCommand | None:
    """The command of an action's decision tree that a state takes; None where the action is disabled."""
    while isinstance(tree, Node):
        tree = tree.then if ex.evaluate(tree.guard, state) else tree.otherwise
    return tree


def cover(
    program: Program,
    engine: Engine,
    allowed: Callable[[Action], bool] = lambda action: True,
    most: int = MOST_STATES,
) -> Covering:
    """Executions of allowed actions that take every command that such executions can take."""
    actions = program.model.actions
    trees = {actions.index(action): tree for action, tree in program.trees()}
    left: dict[int, set[GuardedCommand]] = {}
    for one in program.commands:
        if one.cut is None and allowed(one.action):
            left.setdefault(actions.index(one.action), set()).add(one)
    usable = [allowed(action) for action in actions]
    found = Covering()
    index = {program.model.initial: 0}
    states, parents, steps = [program.model.initial], array("l", [0]), array("l", [0])
    at = 0
    while at < len(states) and left:
        state = states[at]
        for number, after in engine.successors(state):
            if not usable[number] or isinstance(after, str):
                continue
            if number in left:
                command = taken(trees[number], state)
                if command is not None and command in left[number]:
                    found.first[command.number] = [*_path(parents, steps, at), number]
                    left[number].discard(command)
                    if not left[number]:
                        del left[number]
            if after not in index and len(states) < most:
                index[after] = len(states)
                states.append(after)
                parents.append(at)
                steps.append(number)
        at += 1
    found.complete = at == len(states) < most or not left
    found.missing = sorted((c for commands in left.values() for c in commands), key=lambda c: c.number)
    found.paths = _few(program, trees, engine, found)
    return found


def _path(parents: array[int], steps: array[int], state: int) -> list[int]:
    path: list[int] = []
    while state:
        path.append(steps[state])
        state = parents[state]
    return path[::-1]


def _few(
    program: Program, trees: dict[int, Node | GuardedCommand], engine: Engine, found: Covering
) -> list[list[int]]:
    """Executions that take all commands found, without those whose commands longer ones take on their way."""
    chosen: list[list[int]] = []
    done: set[int] = set()
    for command, path in sorted(found.first.items(), key=lambda item: (-len(item[1]), item[0])):
        if command not in done:
            chosen.append(path)
            done |= commands_on(program, trees, engine, path)
    return chosen


def commands_on(
    program: Program, trees: dict[int, Node | GuardedCommand], engine: Engine, path: list[int]
) -> set[int]:
    """Numbers of the commands that an execution takes."""
    numbers: set[int] = set()
    state = program.model.initial
    for action in path:
        command = taken(trees[action], state)
        assert command is not None
        numbers.add(command.number)
        state = next(
            after for n, after in engine.successors(state) if n == action and isinstance(after, bytes)
        )
    return numbers
