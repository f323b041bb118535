"""Which commands can be enabled at once: from pairs of values that two variables can have at once.

A fact is that a variable has a value. Beginning with those of some states, a command whose facts can be true
together adds those that it makes true, each together with the others and with what stays as it was. What has not been
added at the end is impossible (the invariants h² of planning; Haslum and Geffner 2000).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_

from eoscheck.checker.footprints import Footprint, Footprints, members

MOST_VALUES = 24
"""Values of a variable that takes part."""


class Mutexes:
    """What is known of the states of a program that can be reached from some others."""

    def __init__(self, footprints: Footprints, begin: Iterable[bytes]) -> None:
        self.footprints = footprints
        self.first: dict[int, int] = {}
        self.facts: dict[int, int] = {}
        """By variable, its first fact, and all of them."""
        count = 0
        for cell, values in sorted(footprints.domain.items()):
            if 1 < values.bit_count() <= MOST_VALUES and cell not in footprints.spent:
                self.first[cell] = count
                self.facts[cell] = values << count
                count += values.bit_length()
        self.reached = 0
        self.along: dict[int, int] = {}
        """By fact that can be true, the facts that can be so at the same time."""
        for state in begin:
            true = reduce(or_, (1 << first + state[cell] for cell, first in self.first.items()), 0)
            self.reached |= true
            self.along.update((fact, self.along.get(fact, 0) | true) for fact in members(true))
        commands = [_Transfer(self, footprint) for footprint in footprints.all]
        while any([command.apply() for command in commands]):
            pass
        self.allowed = [command.allowed() for command in commands]

    def enabled(self, number: int) -> bool:
        """Can a command be enabled at all?"""
        return self.allowed[number] is not None

    def together(self, a: int, b: int) -> bool:
        """Can two commands be enabled at once?"""
        one, other = self.allowed[a], self.allowed[b]
        if one is None or other is None:
            return False
        both = one & other
        return all(both & facts for facts in self.facts.values())


class _Transfer:
    """What one command does to facts."""

    def __init__(self, mutexes: Mutexes, footprint: Footprint) -> None:
        self.mutexes, self.footprint = mutexes, footprint
        first = mutexes.first
        self.before = {k: values << first[k] for k, values in footprint.before.items() if k in first}
        self.given = {cell: given for cell, given in footprint.given.items() if cell in first}
        self.gone = reduce(or_, (mutexes.facts[k] & ~(g.stays << first[k]) for k, g in self.given.items()), 0)
        self.seen: int | None = None

    def allowed(self) -> int | None:
        """The facts that can be true where the command is enabled; None if it never is."""
        mutexes, found = self.mutexes, self.mutexes.reached
        for cell, wanted in self.before.items():
            beside = 0
            for fact in members(wanted & mutexes.reached):
                beside |= mutexes.along[fact]
            found &= beside & (~mutexes.facts[cell] | wanted)
        return found if all(found & facts for facts in mutexes.facts.values()) else None

    def apply(self) -> bool:
        """Add what the command makes true; whether that was news."""
        mutexes, allowed = self.mutexes, self.allowed()
        if allowed is None or allowed == self.seen:
            return False
        # What is allowed says all: the facts that follow depend on nothing else.
        self.seen = allowed
        made, stays, news = self._made(allowed), allowed & ~self.gone, False
        for fact in members(made):
            old = mutexes.along.get(fact, 0)
            mutexes.along[fact] = old | made | stays
            news |= mutexes.along[fact] != old
        for fact in members(stays):
            old = mutexes.along[fact]
            mutexes.along[fact] = old | made
            news |= mutexes.along[fact] != old
        mutexes.reached |= made
        return news

    def _made(self, allowed: int) -> int:
        made = 0
        for cell, given in self.given.items():
            values = given.values(lambda source: self._values(source, allowed))
            made |= values << self.mutexes.first[cell]
        return made

    def _values(self, cell: int, allowed: int) -> int:
        """The values that a variable can have where facts are allowed."""
        if cell in self.mutexes.first:
            return (allowed & self.mutexes.facts[cell]) >> self.mutexes.first[cell]
        return self.mutexes.footprints.admitted(self.footprint, cell)
