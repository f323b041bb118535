"""Bounded model checking: a violation within so many steps is a formula (Biere et al., Symbolic Model Checking without
BDDs, 1999). One copy of every variable for each step, and one number for each step that says which command is taken."""

from __future__ import annotations

import z3  # type: ignore[import-untyped]
from eoscheck.checker.commands import GuardedCommand, Program
from eoscheck.checker.solver.answers import answer
from eoscheck.checker.solver.translation import Term, Translation, all_of


class Unrolling:
    """The first steps of every execution.

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

    def extend(self) -> None:
        """One step more. Commands that are cut are not taken; one that changes nothing may be."""
        translation, before = self.translation, self.states[-1]
        number = len(self.states)
        taken = z3.BitVec(f"command@{number}", self._width)
        following = translation.state(f"@{number}")
        chosen = {c.number: taken == c.number for c in self._commands}
        self.solver.add(z3.Or(*chosen.values()))
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

    def violation(self, prop: int, until: float | None = None) -> list[GuardedCommand] | None:
        """The commands of an execution that ends in a violation after all steps there are; None if there is none.
        Raises OutOfTime."""
        question = self.translation.hit(prop, self.states[-1])
        self.solver.push()
        try:
            self.solver.add(question)
            model = answer(self.solver, until)
        finally:
            self.solver.pop()
        if model is None:
            return None
        return [self.program.commands[model.eval(taken).as_long()] for taken in self.taken]
