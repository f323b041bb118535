"""Partial-order reduction: in most states a few of the commands are enough, since whatever the others do can be done
afterwards with the same result.

Stubborn sets (Valmari 1991), over commands. From one enabled command that is no fault, a set is closed under two rules:

- with an enabled command come all that *conflict* with it: that may be enabled at the same time, and of which one
  writes what the other reads or writes;
- with a disabled command come all that may make one of its false literals true.

The enabled commands of the set are taken, the others wait. What is to be seen takes part as an *observer*: a command
without effects that is enabled where a property is hit or its premise is met. So nothing else has to be said about
which commands are visible, and whatever could be seen, or taken, can still be seen and taken. States in which only
faults can happen are all reached, since no set begins with a fault. A command that would leave a range is an observer
as well.

A set of one command is taken at once, in passing: the state before it is not kept. It may leave out commands that
*absorb* it: that give the same state whether it was taken or not, as a crash does with a step that only changes what it
forgets.

Nobody is forgotten for ever: a state whose set leads only to states that were known before the level is expanded in
full (the proviso, which is the business of the search).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import reduce
from operator import or_

from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import GuardedCommand, Program
from eoscheck.checker.dispatch import moves
from eoscheck.checker.expressions import Expr
from eoscheck.checker.footprints import (
    Footprint,
    Footprints,
    alternatives,
    asked_by,
    literals,
    members,
    spent,
)
from eoscheck.checker.liveness import KINDS
from eoscheck.checker.mutexes import Mutexes
from eoscheck.checker.symmetry import NONE, Symmetry

LONGEST = 64
"""Steps that are taken in passing, one behind the other."""

MOST_ALTERNATIVES = 64
"""Observers of one property. Where it has more alternatives, it is observed as a whole."""


@dataclass(frozen=True)
class Observer:
    """Looks for a property, by its number: where it is hit, or where its premise is met."""

    of: str
    property: int
    literals: tuple[Expr, ...]


class Reduction:
    """What is to be known of a program in order to reduce its state space. Sets of commands are bit masks; behind the
    commands of the program come the observers.

    literals    all that guards and observers ask for; `guards`: by command and observer, the numbers of its literals,
                first those that the fewest can make true
    enablers    by literal, the commands that may make it true
    conflicts   by command, those that conflict with it, and the observers that it may disturb
    absorbing   by command, those in conflict that absorb it
    symmetry    of states that are the same but for parts in each other's place, one is kept
    """

    def __init__(self, program: Program, symmetry: Symmetry = NONE) -> None:
        self.program, self.symmetry = program, symmetry
        self.footprints = Footprints(program)
        mutexes = self.mutexes = Mutexes(self.footprints, symmetry.orbit(program.model.initial))
        commands = program.commands
        self.size = len(commands)
        self.fault = [command.action.info.fault is not None for command in commands]
        self.observers = [each for i in range(len(program.properties)) for each in _observers(program, i)]
        live = sum(1 << number for number in range(self.size) if mutexes.enabled(number))
        asked = [
            *(footprint.literals for footprint in self.footprints.all),
            *(observer.literals for observer in self.observers),
        ]
        self.literals = list(dict.fromkeys(each for some in asked for each in some))
        number = {literal: i for i, literal in enumerate(self.literals)}
        self.enablers = [self.footprints.movers(literal, True) & live for literal in self.literals]
        few = [(mask.bit_count(), i) for i, mask in enumerate(self.enablers)]
        self.guards = [tuple(sorted((number[each] for each in some), key=few.__getitem__)) for some in asked]
        self.conflicts = self._conflicts(mutexes)
        self.absorbing = [
            0 if self.fault[a] else sum(1 << b for b in members(mask) if self._absorbs(b, a))
            for a, mask in enumerate(self.conflicts)
        ]
        for at, observer in enumerate(self.observers, self.size):
            disturbing = reduce(or_, (self.footprints.movers(each, False) for each in observer.literals), 0)
            for command in members(disturbing & live):
                self.conflicts[command] |= 1 << at

    def _conflicts(self, mutexes: Mutexes) -> list[int]:
        all_ = self.footprints.all
        found = [0] * self.size
        for a, one in enumerate(all_):
            for b, other in enumerate(all_[:a]):
                if one.command.action is other.command.action or not _meet(one, other):
                    continue
                if mutexes.together(a, b):
                    found[a] |= 1 << b
                    found[b] |= 1 << a
        return found

    def _absorbs(self, b: int, a: int) -> bool:
        """Is a, then b, the same as b alone, wherever both are enabled? And is b still a step then: a command that
        changes nothing is none, but a fault is always counted."""
        one, other = self.footprints.all[a], self.footprints.all[b]
        effects = other.command.effects
        fixed = {e.region.base + e.index.args[0] for e in effects if e.index.op == "const"}
        if not one.writes <= fixed or not (self.fault[b] or moves(other.command)):
            return False
        if any((ex.reads(e.value) | ex.reads(e.index)) & one.writes for e in effects):
            return False
        for literal in other.literals:
            asked = self.footprints.values(literal)
            if asked is None and ex.reads(literal) & one.writes:
                return False
            if (
                asked is not None
                and asked[0] in one.writes
                and self.footprints.after(one, asked[0]) & ~asked[1]
            ):
                return False
        return True

    # -- states, for reference: the compiled search does the same

    def open(self, hits: Collection[int], premises: int) -> int:
        """All commands, and the observers of what has not been seen yet."""
        found = (1 << self.size) - 1
        for at, observer in enumerate(self.observers, self.size):
            seen = observer.property in hits if observer.of == "hit" else premises >> observer.property & 1
            found |= (not seen) << at
        return found

    def falsified(self, state: bytes, number: int) -> int | None:
        """The first literal of a command or observer that is false; None if it is enabled."""
        return next((i for i in self.guards[number] if not ex.evaluate(self.literals[i], state)), None)

    def single(self, state: bytes, moving: int, open: int) -> int | None:
        """The command that can be taken in passing; None if there is none.

        moving   the commands that lead somewhere
        """
        for command in members(moving):
            if not self.fault[command] and self._closure(state, command, moving, open, 1, passing=True):
                return command
        return None

    def chosen(self, state: bytes, moving: int, open: int) -> int:
        """The commands that are taken in a state; all of them where only faults can happen."""
        single = self.single(state, moving, open)
        if single is not None:
            return 1 << single
        best = moving
        for command in members(moving):
            most = best.bit_count() - 1
            if not self.fault[command] and most:
                found = self._closure(state, command, moving, open, most, passing=False)
                best = found & moving if found else best
        return best

    def _closure(self, state: bytes, first: int, moving: int, open: int, most: int, *, passing: bool) -> int:
        """The closed set that begins with a command; 0 if it holds more than so many that lead somewhere."""
        found, todo = 1 << first, [first]
        while todo:
            at = todo.pop()
            false = None if moving >> at & 1 else self.falsified(state, at)
            if false is not None:
                more = self.enablers[false]
            elif at < self.size:
                more = self.conflicts[at] & open
                if passing and at == first:
                    more &= ~self.absorbing[at]
            else:
                continue
            more &= ~found
            found |= more
            if (found & moving).bit_count() > most:
                return 0
            todo += members(more)
        return found


def refusal(program: Program) -> str:
    """Why a program cannot be reduced; "" if it can be."""
    for observed in program.properties:
        if observed.property.kind in KINDS:
            return f"{observed.property.name} speaks of all that follows, not of states"
    counts = spent(program)
    mask = sum(1 << cell for cell in counts)
    for observed in program.properties:
        if (ex.reads_mask(observed.hit) | ex.reads_mask(observed.premise)) & mask:
            return f"{observed.property.name} counts faults"
    for command in program.commands:
        if any(ex.reads_mask(literal) & mask for literal in _other_literals(command, counts)):
            return f"{command.action.name} asks how many faults there were"
        for effect in command.effects:
            own = counts.issuperset(effect.cells())
            if own and command.action.info.fault is None:
                return f"{command.action.name} counts faults, and is none"
            if not own and (ex.reads_mask(effect.value) | ex.reads_mask(effect.index)) & mask:
                return f"{command.action.name} asks how many faults there were"
    return ""


def _other_literals(command: GuardedCommand, counts: frozenset[int]) -> list[Expr]:
    """The literals of a command that are not the limits of a fault: that the sum of some counts is less than a number.
    Once such a literal is false, it stays so."""
    asked = asked_by(command)
    if command.action.info.fault is None:
        return list(asked)
    return [each for each in asked if not (each.op == "lt" and _is_sum(each.args[0], counts))]


def _is_sum(term: Expr, counts: frozenset[int]) -> bool:
    if term.op == "cell":
        return term.args[0].base + term.args[1] in counts
    return term.op == "const" or (term.op == "add" and all(_is_sum(part, counts) for part in term.args))


def _meet(one: Footprint, other: Footprint) -> bool:
    """Does one write what the other reads or writes?"""
    return bool(one.writes & (other.reads | other.writes) or other.writes & one.reads)


def _observers(program: Program, number: int) -> list[Observer]:
    observed = program.properties[number]
    found = []
    if observed.property.kind in ("always", "sometimes"):
        found += _split(observed.hit, "hit", number)
    if observed.premise is not ex.TRUE:
        found += _split(observed.premise, "premise", number)
    return found


def _split(condition: Expr, of: str, number: int) -> list[Observer]:
    parts = alternatives(condition)
    parts = parts if len(parts) <= MOST_ALTERNATIVES else [condition]
    return [Observer(of, number, tuple(dict.fromkeys(literals(part)))) for part in parts]
