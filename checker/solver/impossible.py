"""What no reachable state has at once, for Z3: pairs of values of two variables (`Mutexes`)."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator

import z3  # type: ignore[import-untyped]
from eoscheck.checker.footprints import members
from eoscheck.checker.mutexes import Mutexes
from eoscheck.checker.solver.translation import State, Term, Translation, any_of


class Impossible:
    """Clauses about a state of symbols, by pair of variables (twice the same: what it never has)."""

    def __init__(self, mutexes: Mutexes, translation: Translation, state: State) -> None:
        place = {
            fact: (cell, fact - mutexes.first[cell])
            for cell, facts in mutexes.facts.items()
            for fact in members(facts)
        }
        absent = {
            fact: z3.Not(translation.among(state, cell, 1 << value)) for fact, (cell, value) in place.items()
        }
        self._clauses: dict[tuple[int, int], list[Term]] = {}
        for fact, (cell, _) in place.items():
            if not mutexes.reached >> fact & 1:
                self._clauses.setdefault((cell, cell), []).append(absent[fact])
                continue
            apart = mutexes.reached & ~mutexes.along[fact] & ~mutexes.facts[cell] & ((1 << fact) - 1)
            for other in members(apart):
                clause = any_of((absent[fact], absent[other]))
                self._clauses.setdefault((place[other][0], cell), []).append(clause)

    def among(self, cells: Collection[int]) -> Iterator[Term]:
        """What is known of some variables."""
        for pair in itertools.combinations_with_replacement(sorted(cells), 2):
            yield from self._clauses.get(pair, ())
