"""Which commands can be enabled at once: from pairs of values that two variables can have at once.

A fact is that a variable has a value. Beginning with those of the initial state, a command whose facts can be true
together adds those that it makes true, each together with the others and with what stays as it was. What has not been
added at the end is impossible (the invariants h² of planning; Haslum and Geffner 2000).
"""

from __future__ import annotations

from functools import reduce
from operator import or_

from eoscheck.checker.commands import Program
from eoscheck.checker.footprints import Footprint, Footprints, members

MOST_VALUES = 24
"""Values of a variable that takes part."""


class Mutexes:
    """What is known of the reachable states of a program."""

    def __init__(self, program: Program, footprints: Footprints) -> None:
        self.first: dict[int, int] = {}
        self.facts: dict[int, int] = {}
        """By variable, its first fact, and all of them."""
        count = 0
        for cell, values in sorted(footprints.domain.items()):
            if 1 < values.bit_count() <= MOST_VALUES and cell not in footprints.spent:
                self.first[cell] = count
                self.facts[cell] = values << count
                count += values.bit_length()
        initial = program.model.initial
        self.reached = reduce(or_, (1 << first + initial[cell] for cell, first in self.first.items()), 0)
        self.along = {fact: self.reached for fact in members(self.reached)}
        """By fact that can be true, the facts that can be so at the same time."""
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
        self.written = [k for k in footprint.command.writes if k in first]
        self.gone = reduce(or_, (mutexes.facts[k] for k in self.written), 0)
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
        mutexes, footprint, made = self.mutexes, self.footprint, 0
        for cell in self.written:
            first, after = mutexes.first[cell], footprint.after[cell]
            if cell in footprint.raises:
                values, by = (allowed & mutexes.facts[cell]) >> first, footprint.raises[cell]
                after &= values << by if by >= 0 else values >> -by
            made |= after << first
        return made
