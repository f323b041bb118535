"""What a search has found, asked for a few variables: the distinct valuations that its states give to them, and these
as a formula.

A state is one number here (`Visited.integers`), a valuation the same number without all other variables. Taking the
variables out of a state and finding out whether that is new takes a tenth of a microsecond, so a million states are
asked in a tenth of a second; distinct valuations are few.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import z3  # type: ignore[import-untyped]
from eoscheck.checker.compiled import condition
from eoscheck.checker.expressions import Expr
from eoscheck.checker.search import Exploration, Field, Visited
from eoscheck.checker.solver.translation import State, Term, Translation

CHUNK = 1 << 16
"""States that are looked at together."""

Valuation = int


class TooMany(Exception):
    """There are more distinct valuations than were asked for."""


class Explored:
    """The states of a search.

    initial   the state that it began with, for the variables that a valuation leaves out
    """

    def __init__(self, found: Exploration, initial: bytes) -> None:
        self.visited: Visited = found.visited
        self.count, self.initial = found.states, initial
        self.fields = found.visited.fields
        self._within: dict[int, list[tuple[int, Field]]] = {}

    def mask(self, cells: Iterable[int]) -> int:
        """The bits of these variables."""
        return sum(self.fields[cell].mask for cell in cells)

    def chunks(self) -> Iterator[list[int]]:
        """All states, some at a time."""
        for first in range(0, self.count, CHUNK):
            yield self.visited.integers(first, min(first + CHUNK, self.count))

    def distinct(self, masks: Collection[int], most: int | None = None) -> dict[int, set[Valuation]]:
        """By mask, the distinct valuations of its variables. Those of which there are more than `most` are left out."""
        found: dict[int, set[Valuation]] = {mask: set() for mask in masks}
        for states in self.chunks() if found else ():
            for mask, valuations in list(found.items()):
                valuations.update(map(mask.__and__, states))
                if most is not None and len(valuations) > most:
                    del found[mask]
        return found

    def having(self, mask: int, valuations: Collection[Valuation], most: int | None = None) -> list[int]:
        """The states that give one of these valuations to some variables. Raises TooMany."""
        found: list[int] = []
        for states in self.chunks():
            found += [state for state in states if state & mask in valuations]
            if most is not None and len(found) > most:
                raise TooMany
        return found

    def state(self, valuation: Valuation, mask: int) -> bytes:
        """A state with these values."""
        if mask not in self._within:
            self._within[mask] = [
                (cell, field) for cell, field in enumerate(self.fields) if field.mask & mask
            ]
        found = bytearray(self.initial)
        for cell, field in self._within[mask]:
            found[cell] = ((valuation & field.mask) >> field.shift) + field.least
        return bytes(found)

    def whole(self, state: int) -> bytes:
        """A state as one byte for each variable."""
        return self.state(state, -1)

    def split(self, term: Expr, valuations: Iterable[Valuation], mask: int) -> tuple[set[int], set[int]]:
        """Those in which a condition does not hold, and those in which it does."""
        parts: tuple[set[int], set[int]] = (set(), set())
        holds = condition(term)
        for valuation in valuations:
            parts[holds(self.state(valuation, mask))].add(valuation)
        return parts


def among(
    translation: Translation, explored: Explored, state: State, mask: int, valuations: Iterable[Valuation]
) -> Term:
    """That a state of symbols has one of these valuations. What they have in common is said once, as in a decision
    diagram, and as text, which Z3 reads three times as fast as it is told the same term by term."""
    # The order is that of the packing, in which what one process writes lies together.
    fields = sorted(enumerate(explored.fields), key=lambda pair: pair[1].shift)
    declared, lines = {}, list[str]()
    rows = dict.fromkeys(valuations, "true")
    for cell, field in fields:
        if not field.mask & mask:
            continue
        declared[f"c{cell}"] = state.cells[cell].decl()
        branches: dict[Valuation, list[tuple[int, str]]] = {}
        for valuation, node in rows.items():
            branches.setdefault(valuation & ~field.mask, []).append((valuation & field.mask, node))
        made: dict[tuple[tuple[int, str], ...], str] = {}
        rows = {}
        for rest, parts in branches.items():
            shape = tuple(sorted(parts))
            if shape not in made:
                made[shape] = f"n{len(lines)}"
                ways = (
                    f"(and (= c{cell} {translation.literal(cell, (bits >> field.shift) + field.least)}) {node})"
                    for bits, node in shape
                )
                lines.append(f"(define-fun {made[shape]} () Bool (or {' '.join(ways)}))")
            rows[rest] = made[shape]
    if not rows:
        return z3.BoolVal(False)
    (whole,) = rows.values()
    return z3.parse_smt2_string("\n".join([*lines, f"(assert {whole})"]), decls=declared)[0]
