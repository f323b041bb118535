"""Which commands commute: more than what they read and write tells.

Two commands are in conflict if there is a state in which the guards of both hold, and it makes a difference which is
taken first, or one makes the guards of the other false, or makes a step of it where it was none (since it would have
changed nothing), or the other way round. Z3 is asked for such a state of each two that touch the same variables; where
there is none, they commute (Valmari's stubborn sets need no more than that, and only of states that can be reached). In
the same way a command disturbs an observer if there is a state in which the observer looks on, and the command makes
it look away.

Of the reachable states Z3 is told which two values two variables never have at once (`mutexes`): these are proved by
induction when they are found, for state spaces of any size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import z3  # type: ignore[import-untyped]
from eoscheck.checker import expressions as ex
from eoscheck.checker import files
from eoscheck.checker.commands import Effect, GuardedCommand
from eoscheck.checker.dispatch import moves
from eoscheck.checker.expressions import Expr
from eoscheck.checker.footprints import members
from eoscheck.checker.reduction import Reduction
from eoscheck.checker.solver.answers import answer
from eoscheck.checker.solver.impossible import Impossible
from eoscheck.checker.solver.once import file_of
from eoscheck.checker.solver.translation import State, Term, Translation, all_of, any_of


def sharpen(reduction: Reduction, until: float | None = None) -> None:
    """Take out of a reduction the conflicts that are none. What is found is kept on disk, by content.

    until   when to give up, in seconds of time.monotonic

    Raises OutOfTime, with the reduction as it was.
    """
    file = _file(reduction)
    kept = files.kept(file)
    if kept is None:
        found = Commuting(reduction, until).conflicts()
        files.keep(file, "".join(f"{mask:x}\n" for mask in found).encode())
    else:
        found = [int(line, 16) for line in kept.split()]
    reduction.conflicts = found


def _file(reduction: Reduction) -> Path:
    """The file that keeps the conflicts of a program."""
    # What is impossible depends on the states that exchanges make of the initial one.
    exchanges, masks = map(repr, reduction.symmetry.exchanges), (f"{mask:x}" for mask in reduction.conflicts)
    return file_of("commuting", reduction.program, *exchanges, *masks)


class Commuting:
    """Asks Z3. How many faults there were is left out, as everywhere in a reduction."""

    def __init__(self, reduction: Reduction, until: float | None = None) -> None:
        self.reduction, self.until = reduction, until
        self.spent = reduction.footprints.spent
        self.translation = Translation(reduction.program)
        self.before = self.translation.state()
        self.impossible = Impossible(reduction.mutexes, self.translation, self.before)
        self.reads = cache(ex.reads)
        self.commands = [self._free(footprint.command) for footprint in reduction.footprints.all]
        self.enabled = [self.translation.enabled(command, self.before) for command in self.commands]
        self.steps = [self._step(command, self.before) for command in self.commands]
        self.after = [self.translation.after(command, self.before) for command in self.commands]

    def conflicts(self) -> list[int]:
        """By command, the commands that conflict with it, and the observers that it may disturb. Raises
        OutOfTime."""
        reduction = self.reduction
        found = list(reduction.conflicts)
        for a in range(reduction.size):
            for b in members(found[a] & ((1 << a) - 1)):
                if not self._clash(a, b):
                    found[a] &= ~(1 << b)
                    found[b] &= ~(1 << a)
            for at, observer in enumerate(reduction.observers, reduction.size):
                if found[a] >> at & 1 and not self._disturbs(a, observer.literals):
                    found[a] &= ~(1 << at)
        return found

    def _clash(self, a: int, b: int) -> bool:
        """Is there a state in which a command that is enabled conflicts with another one?"""
        one, other = self.commands[a], self.commands[b]
        differs = [self._lost(other.guards, a), self._lost(one.guards, b), *self._different(a, b)]
        for command, by in ((b, a), (a, b)):
            if self.steps[command] is not None:
                differs.append(self.steps[command] != self._step(self.commands[command], self.after[by]))
        cells = one.reads | one.writes | other.reads | other.writes
        return self._found(cells, self.enabled[a], self.enabled[b], any_of(differs))

    def _step(self, command: GuardedCommand, state: State) -> Term | None:
        """That a command is a step, given that its guards hold; None where it always is. One that changes nothing is
        none, but a fault is always counted."""
        if command.cut is not None or command.action.info.fault is not None or moves(command):
            return None
        return self.translation.changing(command, state)

    def _disturbs(self, a: int, literals: Sequence[Expr]) -> bool:
        command = self.commands[a]
        cells = command.reads.union(command.writes, *map(self.reads, literals))
        looking = map(self.before.term, literals)
        return self._found(cells, self.enabled[a], *looking, self._lost(literals, a))

    def _found(self, cells: frozenset[int], *question: Term) -> bool:
        """Is there a state that answers a question? Of other variables than those that it is about nothing is said:
        that would cost more than it excludes."""
        solver = z3.SolverFor(self.translation.numbers.logic)
        domains = self.translation.domains(self.before, sorted(cells))
        solver.add(all_of([*domains, *self.impossible.among(cells), *question]))
        return answer(solver, self.until) is not None

    def _lost(self, literals: Sequence[Expr], by: int) -> Term:
        """That some conditions, which hold, do not all hold after a command."""
        written, after = self.commands[by].writes, self.after[by]
        touched = (literal for literal in literals if not self.reads(literal).isdisjoint(written))
        return z3.Not(all_of(after.term(literal) for literal in touched))

    def _different(self, a: int, b: int) -> Iterator[Term]:
        """That the two orders lead to different values of a variable, for each where that could be."""
        one, other = self.commands[a], self.commands[b]
        cells = set(self._depending(one, other) | self._depending(other, one) | (one.writes & other.writes))
        if cells:
            first, second = self._then(a, other), self._then(b, one)
            for cell in sorted(cells):
                if first.cells[cell] is not second.cells[cell]:
                    yield first.cells[cell] != second.cells[cell]

    def _depending(self, command: GuardedCommand, on: GuardedCommand) -> frozenset[int]:
        """The variables to which a command gives values that depend on what another one writes."""
        return frozenset().union(*(e.cells() for e in command.effects if self._reads(e) & on.writes))

    def _reads(self, effect: Effect) -> frozenset[int]:
        return self.reads(effect.value) | self.reads(effect.index)

    def _then(self, first: int, second: GuardedCommand) -> State:
        return self.translation.after(second, self.after[first])

    def _free(self, command: GuardedCommand) -> GuardedCommand:
        """A command without the counting of faults."""
        footprint = self.reduction.footprints.all[command.number]
        asked = (literal for literal in footprint.literals if not self._counts(literal))
        effects = (effect for effect in command.effects if not self.spent.issuperset(effect.cells()))
        return replace(command, guards=tuple(asked), effects=tuple(effects))

    def _counts(self, literal: Expr) -> bool:
        return bool(self.reads(literal)) and self.reads(literal) <= self.spent
