"""What every model promises, whatever it is a model of: each path of an action can be taken somewhere, its paths and
the cases in which it is disabled exclude each other and are all cases, and no write leaves its range.

Asked of all states in which every variable has a value of its domain, reachable or not. What the tracer (`facts`)
decides without a solver, Z3 decides here with one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import z3  # type: ignore[import-untyped]
from eoscheck.checker.commands import GuardedCommand, Node, Program
from eoscheck.checker.counterexample import Defect
from eoscheck.checker.expressions import Expr, negation
from eoscheck.checker.solver.answers import answer
from eoscheck.checker.solver.translation import State, Term, Translation, any_of
from eoscheck.model.language import Action

Tree = Node | GuardedCommand | None
Leaf = tuple[tuple[Expr, ...], GuardedCommand | None]
"""The guards on the way to a leaf of a decision tree, and the command there; None: the action is disabled."""


@dataclass(frozen=True)
class Soundness:
    """What was found.

    infeasible   paths that can be taken nowhere: harmless, since they never fire
    ambiguous    actions of which two paths can be taken at once, or that are neither possible nor disabled somewhere
    escaping     effects that can leave the range of their variable, or its array, in words
    """

    paths: int
    actions: int
    infeasible: tuple[GuardedCommand, ...]
    ambiguous: tuple[Action, ...]
    escaping: tuple[str, ...]


def examined(program: Program) -> Soundness:
    """Ask it of a program."""
    translation = Translation(program)
    infeasible, ambiguous, escaping = list[GuardedCommand](), list[Action](), list[str]()
    trees, state = list(program.trees()), translation.state()
    for action, root in trees:
        asking = _Asking(translation, state, program.of(action))
        asking.walk(root)
        infeasible += asking.infeasible
        escaping += asking.escaping
        if not asking.exclusive(root):
            ambiguous.append(action)
    return Soundness(len(program.commands), len(trees), tuple(infeasible), tuple(ambiguous), tuple(escaping))


def sound(program: Program) -> str:
    """The sentence that says that a program is as it should be. Raises Defect where it is not."""
    found = examined(program)
    if found.ambiguous:
        raise Defect(
            f"the paths of {found.ambiguous[0].name} are not all cases, or do not exclude each other"
        )
    if found.escaping:
        raise Defect(found.escaping[0])
    never = f"all but {len(found.infeasible):,}" if found.infeasible else "all"
    return (
        f"model: {never} of {found.paths:,} paths of {found.actions:,} actions can be taken somewhere; those of one "
        "action exclude each other and are all cases; no write leaves its range"
    )


class _Asking:
    """One action."""

    def __init__(self, translation: Translation, state: State, commands: list[GuardedCommand]) -> None:
        self.translation, self.state = translation, state
        self.infeasible: list[GuardedCommand] = []
        self.escaping: list[str] = []
        self.solver = z3.SimpleSolver()  # the solver for finite domains is slow where guards come and go
        cells = sorted(frozenset[int]().union(*(command.reads for command in commands)))
        self.solver.add(*translation.domains(state, cells))

    def walk(self, tree: Tree) -> None:
        """Look at every path below a node, whose guards are asserted."""
        if tree is None:
            return
        if answer(self.solver, None) is None:
            self.infeasible += (command for _, command in leaves(tree) if command is not None)
        elif isinstance(tree, GuardedCommand):
            self._writes(tree)
        else:
            for guard, below in ((tree.guard, tree.then), (negation(tree.guard), tree.otherwise)):
                self.solver.push()
                self.solver.add(self.state.term(guard))
                self.walk(below)
                self.solver.pop()

    def _writes(self, command: GuardedCommand) -> None:
        for effect in command.effects:
            domain, last = effect.region.domain, effect.region.count - 1
            outside = [
                *self._outside(effect.value, domain.lo, domain.hi),
                *self._outside(effect.index, 0, last),
            ]
            if outside and answer(self.solver, None, any_of(outside)) is not None:
                self.escaping.append(
                    f"{command.action.name} path {command.path}: {effect} can leave {domain}"
                )

    def _outside(self, term: Expr, least: int, most: int) -> Iterator[Term]:
        """That a term is less or more; nothing where its own interval says that it cannot be."""
        number = self.translation.numbers.number
        if term.sort is not bool and term.lo < least:
            yield self.state.term(term) < number(least)
        if term.sort is not bool and term.hi > most:
            yield self.state.term(term) > number(most)

    def exclusive(self, root: Tree) -> bool:
        """Whether exactly one leaf of a decision tree is reached in every state."""
        cases = [z3.And(*map(self.state.term, c.guards if c else guards)) for guards, c in leaves(root)]
        return answer(self.solver, None, z3.Not(z3.PbEq([(case, 1) for case in cases], 1))) is None


def leaves(tree: Tree) -> Iterator[Leaf]:
    """The leaves of a decision tree."""
    todo: list[tuple[tuple[Expr, ...], Tree]] = [((), tree)]
    while todo:
        guards, node = todo.pop()
        if isinstance(node, Node):
            todo += [((*guards, negation(node.guard)), node.otherwise), ((*guards, node.guard), node.then)]
        else:
            yield guards, node
