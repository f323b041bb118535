"""The reached states as sets of bits, one bit for each state: which of them have a value in a variable is one number,
so that a question about all of them is one operation on numbers."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable

from eoscheck.checker.commands import Program
from eoscheck.checker.footprints import members
from eoscheck.checker.search import Exploration
from eoscheck.checker.solver.lemmas import Lemma, values

FEW_VARIABLES = 40
"""Of so many variables all threes are tried."""

ENOUGH = 40
"""Ways to say a thing, of which the most general one is taken."""


class Reached:
    """The states of a complete search.

    having   by variable and value, the states that have it
    """

    def __init__(self, program: Program, found: Exploration) -> None:
        self.program, self.states = program, found.states
        rows = b"".join(found.visited.state(number) for number in range(found.states))
        regions = program.model.regions
        self.domains = [values(r.domain) for r in regions for _ in range(r.count)]
        size, self.all = len(self.domains), (1 << found.states) - 1
        self.having = [_by_value(rows[cell::size]) for cell in range(size)]
        owner = program.model.budgets
        self.spent = {
            r.base + k for r in regions if owner is not None and r.owner is owner for k in range(r.count)
        }

    def of(self, cell: int, mask: int) -> int:
        """The states in which a variable has one of some values."""
        having, found = self.having[cell], 0
        for value in members(mask):
            found |= having.get(value, 0)
        return found

    def ranges(self) -> Iterable[Lemma]:
        """For each variable that does not have all values of its domain, those that it has."""
        for cell, having in enumerate(self.having):
            mask = sum(1 << value for value in having)
            if mask != self.domains[cell]:
                yield Lemma(((cell, mask),))

    def without(self, state: bytes, cells: Collection[int]) -> Lemma | None:
        """A lemma that holds in every reached state and not in this one, for reasons that lie in some variables; None
        if there is none, since a reached state has the same values there.

        As few variables as can be, and as few values of them: what it excludes besides is not reached either. It says
        nothing of how many faults there were, if that can be helped.
        """
        own = [cell for cell in cells if cell not in self.spent]
        for some in (own, sorted(cells)):
            atoms = {cell: self.having[cell].get(state[cell], 0) for cell in some}
            excluding = self._excluding(atoms)
            if excluding:
                return max((self._weakened(each, state) for each in excluding), key=self._generality)
        return None

    def _excluding(self, atoms: dict[int, int]) -> list[tuple[int, ...]]:
        """Variables whose values together no reached state has: some ways to choose as few as possible."""
        left = self.all
        for states in atoms.values():
            left &= states
        if left:
            return []
        alone: list[tuple[int, ...]] = [(cell,) for cell, states in atoms.items() if not states]
        if alone:
            return alone
        pairs = list(itertools.combinations(atoms, 2))
        found: list[tuple[int, ...]] = [pair for pair in pairs if not atoms[pair[0]] & atoms[pair[1]]]
        if found:
            return found
        if len(atoms) <= FEW_VARIABLES:
            three: list[tuple[int, ...]] = []
            for a, b in pairs:
                both = atoms[a] & atoms[b]
                three += [(a, b, c) for c, states in atoms.items() if c > b and not both & states]
                if len(three) > ENOUGH:
                    break
            if three:
                return three
        return [self._greedy(atoms, first) for first in range(6)]

    def _greedy(self, atoms: dict[int, int], choice: int) -> tuple[int, ...]:
        """One value after the other, each excluding as much as can be (the first time: the next but so many)."""
        left, chosen, rest = self.all, list[int](), dict(atoms)
        while left:
            order = sorted(rest, key=lambda cell: (left & rest[cell]).bit_count())
            cell = order[min(choice, len(order) - 1)] if not chosen else order[0]
            left &= rest.pop(cell)
            chosen.append(cell)
        for cell in list(chosen):
            others, left = [c for c in chosen if c != cell], self.all
            for other in others:
                left &= atoms[other]
            chosen = chosen if left else others
        return tuple(chosen)

    def _weakened(self, cells: tuple[int, ...], state: bytes) -> Lemma:
        """The lemma that excludes these values, and for each variable all others that can be excluded as well."""
        excluded = {cell: 1 << state[cell] for cell in cells}
        for cell in cells:
            others = self.all
            for other in cells:
                if other != cell:
                    others &= self.of(other, excluded[other])
            excluded[cell] = sum(
                1 << value
                for value in members(self.domains[cell])
                if not others & self.having[cell].get(value, 0)
            )
        clause = ((cell, self.domains[cell] & ~mask) for cell, mask in sorted(excluded.items()))
        return Lemma(tuple((cell, mask) for cell, mask in clause if mask))

    def _generality(self, lemma: Lemma) -> float:
        """The part of all states, reachable or not, that a lemma excludes."""
        part = 1.0
        for cell, mask in lemma.allowed:
            domain = self.domains[cell].bit_count()
            part *= (domain - mask.bit_count()) / domain
        return part


def _by_value(column: bytes) -> dict[int, int]:
    """By value, the places at which it stands."""
    zeros, found = b"0" * 256, {}
    for value in sorted(set(column)):
        found[value] = int(column.translate(zeros[:value] + b"1" + zeros[value + 1 :]), 2)
    return found
