"""The steps of many states at once, and Z3's word for each of them.

States are sorted by the guards of an action, from the root of its decision tree to its commands. A guard reads few
variables, so it is asked once for each distinct valuation of them, and so is every effect. What was answered
(`expressions.evaluate`) is remembered, and confirmed in the end: Z3 is given all valuations for which a term is said to
have a value, and the claim that it has another one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import z3  # type: ignore[import-untyped]
from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import GuardedCommand, Node
from eoscheck.checker.counterexample import Defect
from eoscheck.checker.expressions import Expr
from eoscheck.checker.solver.explored import Explored, Valuation, among
from eoscheck.checker.solver.translation import Term, Translation, any_of

Tree = Node | GuardedCommand | None


@dataclass
class _Answers:
    """What a term was said to be, by valuation of the variables that it reads."""

    mask: int
    value: dict[Valuation, int] = field(default_factory=dict)


@dataclass
class _Writes:
    """What a command was said to do, by valuation: the bits that it clears, and those that it sets."""

    mask: int
    change: dict[Valuation, tuple[int, int]] = field(default_factory=dict)


class Steps:
    """Answers questions about states, and has the answers confirmed."""

    def __init__(self, translation: Translation, explored: Explored) -> None:
        self.translation, self.explored = translation, explored
        self._answers: dict[Expr, _Answers] = {}
        self._writes: dict[GuardedCommand, _Writes] = {}

    def split(self, condition: Expr, states: Sequence[int]) -> tuple[list[int], list[int]]:
        """The states in which a condition does not hold, and those in which it does."""
        answers = self._of(condition)
        mask, value = answers.mask, answers.value
        self._ask(condition, answers, {state & mask for state in states})
        parts: tuple[list[int], list[int]] = ([], [])
        for state in states:
            parts[value[state & mask]].append(state)
        return parts

    def _of(self, term: Expr) -> _Answers:
        if term not in self._answers:
            self._answers[term] = _Answers(self.explored.mask(ex.reads(term)))
        return self._answers[term]

    def _ask(self, term: Expr, answers: _Answers, valuations: set[Valuation]) -> None:
        for valuation in valuations - answers.value.keys():
            state = self.explored.state(valuation, answers.mask)
            answers.value[valuation] = ex.evaluate(term, state)

    def leaves(self, tree: Tree, states: Sequence[int]) -> Iterator[tuple[GuardedCommand, list[int]]]:
        """The commands of an action, each with the states in which it is enabled; those in which it is disabled are
        left out."""
        todo: list[tuple[Tree, Sequence[int]]] = [(tree, states)]
        while todo:
            node, here = todo.pop()
            if isinstance(node, Node) and here:
                no, yes = self.split(node.guard, here)
                todo += [(node.otherwise, no), (node.then, yes)]
            elif isinstance(node, GuardedCommand) and here:
                yield node, list(here)

    def after(self, command: GuardedCommand, states: Sequence[int]) -> list[int]:
        """Where a command leads from states in which it is enabled."""
        if command not in self._writes:
            terms = [t for effect in command.effects for t in (effect.index, effect.value)]
            self._writes[command] = _Writes(self.explored.mask(frozenset[int]().union(*map(ex.reads, terms))))
        writes = self._writes[command]
        mask, change = writes.mask, writes.change
        for valuation in {state & mask for state in states} - change.keys():
            change[valuation] = self._change(command, valuation, mask)
        return [state & ~change[state & mask][0] | change[state & mask][1] for state in states]

    def moved(self, command: GuardedCommand, states: Sequence[int]) -> list[int]:
        """Those of the states in which a command is enabled that it leads out of, or would, were it not cut."""
        if command.cut is not None:
            return list(states)
        return [
            state for state, after in zip(states, self.after(command, states), strict=True) if state != after
        ]

    def _change(self, command: GuardedCommand, valuation: Valuation, mask: int) -> tuple[int, int]:
        state, fields = self.explored.state(valuation, mask), self.explored.fields
        clear = set_ = 0
        for effect in command.effects:
            for term in (effect.index, effect.value):
                answers = self._of(term)
                self._ask(term, answers, {valuation & answers.mask})
            place = fields[effect.region.base + ex.evaluate(effect.index, state)]
            clear |= place.mask
            set_ = set_ & ~place.mask | (ex.evaluate(effect.value, state) - place.least) << place.shift
        return clear, set_

    def confirm(self, seconds: float | None = None) -> None:
        """Have Z3 say the same. Raises Defect where it does not, OutOfTime where it does not say it in time."""
        state = self.translation.state()
        for term, answers in self._answers.items():
            if term.op == "const":
                continue
            by_value: dict[int, list[Valuation]] = defaultdict(list)
            for valuation, value in answers.value.items():
                by_value[value].append(valuation)
            said: list[Term] = []
            for value, valuations in by_value.items():
                here = among(self.translation, self.explored, state, answers.mask, valuations)
                what = (
                    z3.BoolVal(bool(value)) if term.sort is bool else self.translation.numbers.number(value)
                )
                said.append(z3.And(here, state.term(term) != what))
            if self.translation.find(any_of(said), seconds=seconds) is not None:
                raise Defect(f"Z3 does not confirm what {ex.show(term)} is in the states that were explored")
