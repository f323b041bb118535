"""States with two parts of a model in each other's place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Numbers = Mapping[int, int]
"""What becomes of numbers; those that are not named stay."""

Condition = tuple[tuple[int, frozenset[int]], ...]
"""Cells that have one of some values, all of them."""


@dataclass(frozen=True)
class Exchange:
    """Two parts in each other's place. Twice the same is as if nothing had been done.

    what     the parts, for people
    places   by cell, the one that takes its value
    values   by cell, what becomes of its value
    when     by cell, where its value changes; elsewhere it stays as it is
    """

    what: str
    places: Sequence[int]
    values: Sequence[Numbers]
    when: Sequence[Condition]

    def is_proper(self, domains: Sequence[tuple[int, int]]) -> bool:
        """Does it put values in each other's place, twice the same being nothing, within the least and most value of
        each cell?"""
        if sorted(self.places) != list(range(len(domains))):
            return False
        for cell, (to, changed) in enumerate(zip(self.places, self.values, strict=True)):
            least, most = domains[cell]
            if self.places[to] != cell or domains[to] != domains[cell]:
                return False
            if any(changed.get(new) != old or not least <= old <= most for old, new in changed.items()):
                return False
        return True

    def __call__(self, state: bytes) -> bytes:
        after = bytearray(len(state))
        for cell, value in enumerate(state):
            if value in self.values[cell] and all(state[at] in among for at, among in self.when[cell]):
                value = self.values[cell][value]
            after[self.places[cell]] = value
        return bytes(after)
