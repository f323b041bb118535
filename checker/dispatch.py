"""Which actions to try in which state.

An action that first asks for one variable only (`self.phase == X`) is looked up by the value of that variable,
together with all others that ask for the same; the rest is tried in every state.
"""

from __future__ import annotations

from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import GuardedCommand, Node, Program
from eoscheck.checker.expressions import Expr
from eoscheck.checker.facts import Facts

Tree = Node | GuardedCommand
Part = tuple[int, Tree]
"""The number of an action, with what is left of its tree."""


class Dispatch:
    """Actions sorted into rows, one for each value of a variable, and those that are tried always."""

    def __init__(self, program: Program) -> None:
        self.always: list[Part] = []
        self.rows: dict[Expr, list[list[Part]]] = {}
        number = {action: i for i, action in enumerate(program.model.actions)}
        for action, root in program.trees():
            split = by_value(root)
            if split is None:
                self.always.append((number[action], root))
                continue
            cell, left = split
            table = self.rows.setdefault(cell, [[] for _ in range(cell.hi + 1)])
            for value, tree in left.items():
                if tree is not None:
                    table[value].append((number[action], tree))


def by_value(root: Tree) -> tuple[Expr, dict[int, Tree | None]] | None:
    """A variable, with what is left of the tree for each of its values."""
    root = _first_question(root)
    cell = sole_cell(root.guard) if isinstance(root, Node) else None
    if cell is None:
        return None
    region, index = cell.args
    state = bytearray(region.base + index + 1)
    left: dict[int, Tree | None] = {}
    for value in range(cell.lo, cell.hi + 1):
        state[-1] = value
        tree: Tree | None = root
        while isinstance(tree, Node) and sole_cell(tree.guard) is cell:
            tree = tree.then if ex.evaluate(tree.guard, bytes(state)) else tree.otherwise
        left[value] = tree
    return cell, left


def _first_question(root: Tree) -> Tree:
    """The same tree, asking for a single variable first where it can: `a and b` is the question a, then b."""
    if isinstance(root, Node) and root.otherwise is None and root.guard.op == "and":
        first = next((part for part in root.guard.args if sole_cell(part)), None)
        if first is not None:
            rest = ex.conjunction(*(part for part in root.guard.args if part is not first))
            return Node(first, Node(rest, root.then, None), None)
    return root


def sole_cell(guard: Expr) -> Expr | None:
    """The one variable that a guard reads, if it is one."""
    cells = set[Expr]()
    todo, seen = [guard], {guard}
    while todo:
        term = todo.pop()
        if term.op == "cell":
            cells.add(term)
        if term.op == "select" or len(cells) > 1:
            return None
        todo += [c for c in ex.children(term) if c not in seen]
        seen.update(ex.children(term))
    return cells.pop() if cells else None


def moves(command: GuardedCommand) -> bool:
    """Is it certain that the command changes something?"""
    facts = Facts()
    for guard in command.guards:
        facts.assume(guard, True)
    fixed = {e.region for e in command.effects} - {e.region for e in command.effects if e.index.op != "const"}
    writes = (e for e in command.effects if e.region in fixed)
    return any(facts.decide(ex.eq(ex.select(e.region, e.index), e.value)) is False for e in writes)
