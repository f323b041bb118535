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

    def __call__(self, state: bytes) -> bytes:
        after = bytearray(len(state))
        for cell, value in enumerate(state):
            if value in self.values[cell] and all(state[at] in among for at, among in self.when[cell]):
                value = self.values[cell][value]
            after[self.places[cell]] = value
        return bytes(after)
