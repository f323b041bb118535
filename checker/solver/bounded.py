"""Bounded model checking: a violation within so many steps is a formula (Biere et al., Symbolic Model Checking without
BDDs, 1999). One copy of every variable for each step, and one number for each step that says which command is taken."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import z3  # type: ignore[import-untyped]
from eoscheck.checker.commands import GuardedCommand, Program
from eoscheck.checker.solver.answers import answer
from eoscheck.checker.solver.translation import Term, Translation, all_of, any_of


class Unrolling:
    """The first steps of every execution. Of two that differ only in the order of neighbouring steps that do not touch
    each other's variables one is enough: the one in which the lower number comes first.

    states   one more than there are steps
    taken    by step, the number of the command that is taken
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.translation = Translation(program)
        self.solver = z3.SolverFor(self.translation.numbers.logic)
        self.states = [self.translation.known(program.model.initial)]
        self.taken: list[Term] = []
        self._commands = [command for command in program.commands if command.cut is None]
        self._width = len(program.commands).bit_length()
        self._not_behind = [(b, _not_behind(b, self._commands)) for b in self._commands]
        self._chosen: dict[int, Term] = {}

    def extend(self) -> None:
        """One step more. Commands that are cut are not taken; one that changes nothing may be."""
        translation, before = self.translation, self.states[-1]
        number = len(self.states)
        taken = z3.BitVec(f"command@{number}", self._width)
        following = translation.state(f"@{number}")
        chosen = {c.number: taken == c.number for c in self._commands}
        self.solver.add(any_of(chosen.values()))
        if self._chosen:
            for command, others in self._not_behind:
                behind = any_of(self._chosen[other.number] for other in others)
                self.solver.add(z3.Not(z3.And(chosen[command.number], behind)))
        self._chosen = chosen
        cells: list[Term] = list(before.cells)
        for command in self._commands:
            self.solver.add(z3.Implies(chosen[command.number], translation.enabled(command, before)))
            after = translation.after(command, before)
            for cell in command.writes:
                if after.cells[cell] is not before.cells[cell]:
                    cells[cell] = z3.If(chosen[command.number], after.cells[cell], cells[cell])
        moved = zip(following.cells, cells, strict=True)
        self.solver.add(all_of(symbol == value for symbol, value in moved if symbol is not value))
        self.states.append(following)
        self.taken.append(taken)

    def violation(
        self, properties: Collection[int], until: float | None = None
    ) -> tuple[int, list[GuardedCommand]] | None:
        """One of some properties, with the commands of an execution that ends in its violation after all steps there
        are; None if there is none. Raises OutOfTime."""
        hits = {number: self.translation.hit(number, self.states[-1]) for number in properties}
        self.solver.push()
        try:
            self.solver.add(any_of(hits.values()))
            model = answer(self.solver, until)
        finally:
            self.solver.pop()
        if model is None:
            return None
        number = next(n for n, hit in hits.items() if z3.is_true(model.eval(hit, model_completion=True)))
        return number, [self.program.commands[model.eval(taken).as_long()] for taken in self.taken]


def _not_behind(command: GuardedCommand, commands: Sequence[GuardedCommand]) -> list[GuardedCommand]:
    """The commands with a higher number that might as well be taken after this one."""
    touched = command.reads | command.writes
    return [
        other
        for other in commands
        if other.number > command.number
        and touched.isdisjoint(other.writes)
        and command.writes.isdisjoint(other.reads | other.writes)
    ]
