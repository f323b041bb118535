"""Symmetry: of states that are the same but for parts that have changed places, one is enough.

If nothing that can happen depends on which of two parts is which, then whatever follows on a state follows, with the
two in each other's place, on the state with the two in each other's place (Clarke, Enders, Filkorn and Jha 1996; Ip and
Dill 1996). Then a search keeps one of the two, provided that nothing is looked for that tells the two apart.

A counterexample that a search finds in that way is one with changes of place in it. Undone from the beginning on
(`native.reducing`), it is one that can happen.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from eoscheck.checker.footprints import members
from eoscheck.model.domains import Region
from eoscheck.model.exchange import Exchange


@dataclass(frozen=True)
class Symmetry:
    """The exchanges of parts that make no difference.

    images    by exchange and command, the commands (as bits) that do the same to the exchanged state
    refused   why other exchanges do make a difference
    """

    exchanges: Sequence[Exchange] = ()
    images: Sequence[Sequence[int]] = ()
    refused: Sequence[str] = field(default=(), compare=False)

    def orbit(self, state: bytes, most: int | None = None) -> dict[bytes, tuple[Exchange, ...]]:
        """All that a state becomes by exchanges, and by which, the first one first; no more than a few more than
        `most`."""
        found: dict[bytes, tuple[Exchange, ...]] = {state: ()}
        new = [state]
        while new and (most is None or len(found) <= most):
            before, new = new, []
            for one in before:
                for exchange in self.exchanges:
                    other = exchange(one)
                    if other not in found:
                        found[other] = (*found[one], exchange)
                        new.append(other)
        return found

    def spread(self, counts: Sequence[int]) -> list[int]:
        """How often commands were taken, by command, where those that stand for each other stand for each other: what
        was not taken, but would have been in an exchanged state, counts as often."""
        found, new = list(counts), [number for number, count in enumerate(counts) if count]
        while new:
            number = new.pop()
            for images in self.images:
                for image in members(images[number]):
                    if not found[image]:
                        found[image] = found[number]
                        new.append(image)
        return found


NONE = Symmetry()

MOST_TRIED, MOST_PLACES = 40, 250
"""Exchanges that are tried, and ways to place parts that they may lead to: of six instances there are 720."""

TOO_MANY = "others stay where they are, since there are too many"


def feasible(supposed: Iterable[Exchange], regions: Iterable[Region]) -> tuple[list[Exchange], list[str]]:
    """Those exchanges that are any, and make few enough states of one; and why others are left out."""
    domains = [(region.domain.lo, region.domain.hi) for region in regions for _ in range(region.count)]
    luck = random.Random(1)  # to a state in which everything is different
    state = bytes(luck.randint(*domain) for domain in domains)
    kept: list[Exchange] = []
    left: list[str] = []
    for tried, exchange in enumerate(itertools.islice(supposed, MOST_TRIED + 1)):
        if not exchange.is_proper(domains):
            left.append(f"{exchange.what} are not alike: they have not the same variables")
        elif tried < MOST_TRIED and _ways([*kept, exchange], state) <= MOST_PLACES:
            kept.append(exchange)
        elif TOO_MANY not in left:
            left.append(TOO_MANY)
    return kept, left


def _ways(exchanges: Sequence[Exchange], state: bytes) -> int:
    return len(Symmetry(exchanges).orbit(state, MOST_PLACES))


def applied(exchanges: Iterable[Exchange], state: bytes) -> bytes:
    """What a state becomes by some exchanges, one after the other."""
    for exchange in exchanges:
        state = exchange(state)
    return state
