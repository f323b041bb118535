"""What a guarded command asks and changes, variable by variable, as far as that is known without computing with terms.

A *literal* is a condition that a guard is a conjunction of. Sets of commands, and of values of a variable, are bit
masks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_

from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import GuardedCommand, Program
from eoscheck.checker.dispatch import sole_cell
from eoscheck.checker.expressions import Expr


def literals(condition: Expr) -> Iterator[Expr]:
    """The conditions that a condition is a conjunction of."""
    negated = condition.op == "not" and condition.args[0].op == "or"
    if condition.op == "and":
        for part in condition.args:
            yield from literals(part)
    elif negated:
        for part in condition.args[0].args:
            yield from literals(ex.negation(part))
    else:
        yield condition


def alternatives(condition: Expr) -> list[Expr]:
    """The conditions that a condition is a disjunction of."""
    if condition.op == "or":
        return [each for part in condition.args for each in alternatives(part)]
    if condition.op == "not" and condition.args[0].op == "and":
        return [each for part in condition.args[0].args for each in alternatives(ex.negation(part))]
    return [] if condition is ex.FALSE else [condition]


def asked_by(command: GuardedCommand) -> tuple[Expr, ...]:
    """The literals of a command's guards."""
    return tuple(dict.fromkeys(each for guard in command.guards for each in literals(guard)))


def spent(program: Program) -> frozenset[int]:
    """The variables that count faults."""
    regions, budgets = program.model.regions, program.model.budgets
    own = (r for r in regions if budgets is not None and r.owner is budgets)
    return frozenset(k for r in own for k in range(r.base, r.base + r.count))


@dataclass(frozen=True)
class Footprint:
    """One command.

    before   by variable, the values that its guards admit, where they say something of that variable alone
    after    by variable that it may write, the values that this may have then
    raises   by variable, the number that is added to it
    """

    command: GuardedCommand
    literals: tuple[Expr, ...]
    before: dict[int, int]
    after: dict[int, int]
    raises: dict[int, int]
    reads: frozenset[int]
    writes: frozenset[int]


class Footprints:
    """Those of all commands of a program, the counting of faults left out: it commutes with itself, nothing else reads
    it, and what it disables it never enables again.

    domain   by variable, all its values
    spent    the variables that count faults
    """

    def __init__(self, program: Program) -> None:
        self.domain = {
            k: _upto(r.domain.hi) & ~_upto(r.domain.lo - 1)
            for r in program.model.regions
            for k in range(r.base, r.base + r.count)
        }
        self.spent = spent(program)
        self._asked: dict[Expr, tuple[int, int] | None] = {}
        self.all = [self._of(command) for command in program.commands]
        self.writers: dict[int, int] = {}
        for footprint in self.all:
            for cell in footprint.writes:
                self.writers[cell] = self.writers.get(cell, 0) | 1 << footprint.command.number

    def _of(self, command: GuardedCommand) -> Footprint:
        asked = asked_by(command)
        before: dict[int, int] = {}
        for literal in asked:
            if (values := self.values(literal)) is not None:
                before[values[0]] = before.get(values[0], self.domain[values[0]]) & values[1]
        after = {cell: self.domain[cell] for cell in command.writes}
        raises: dict[int, int] = {}
        for effect in command.effects:
            if effect.index.op == "const":
                cell = effect.region.base + effect.index.args[0]
                after[cell] = self._results(effect.value, before) & self.domain[cell]
                raises.pop(cell, None)  # of two effects on one variable the later one counts
                if (number := _added(effect.value, cell)) is not None:
                    raises[cell] = number
        for effect in command.effects:
            if effect.index.op != "const":
                after.update((cell, self.domain[cell]) for cell in effect.cells())
                raises = {cell: n for cell, n in raises.items() if cell not in effect.cells()}
        reads, writes = command.reads - self.spent, command.writes - self.spent
        return Footprint(command, asked, before, after, raises, reads, writes)

    def values(self, literal: Expr) -> tuple[int, int] | None:
        """The only variable that a literal reads, and the values for which it is true."""
        if literal not in self._asked:
            cell = sole_cell(literal)
            self._asked[literal] = None if cell is None else self._tried(literal, cell)
        return self._asked[literal]

    def _tried(self, literal: Expr, cell: Expr) -> tuple[int, int]:
        number = cell.args[0].base + cell.args[1]
        state, found = bytearray(number + 1), 0
        for value in members(self.domain[number]):
            state[number] = value
            found |= ex.evaluate(literal, bytes(state)) << value
        return number, found

    def _results(self, term: Expr, before: dict[int, int]) -> int:
        """The values that a term can have; all that there are where that is not known."""
        if term.op == "const":
            return 1 << int(term.args[0]) if term.args[0] >= 0 else 0
        if term.op == "cell":
            cell = term.args[0].base + term.args[1]
            return before.get(cell, self.domain[cell])
        if term.op == "ite":
            return self._results(term.args[1], before) | self._results(term.args[2], before)
        if term.op == "add" and term.args[1].op == "const" and term.args[0].lo >= 0:
            values, number = self._results(term.args[0], before), int(term.args[1].args[0])
            return values << number if number >= 0 else values >> -number
        return _upto(term.hi) & ~_upto(term.lo - 1)

    def movers(self, condition: Expr, truth: bool) -> int:
        """The commands that may make a condition true, or false."""
        op, args = condition.op, condition.args
        if op == "const":
            return 0
        if op == "not":
            return self.movers(args[0], not truth)
        if op in ("and", "or"):
            return reduce(or_, (self.movers(part, truth) for part in args))
        if (asked := self.values(condition)) is not None:
            return self._movers(*asked, truth)
        if op == "ite" and condition.sort is bool:
            chosen = self.movers(args[0], True) | self.movers(args[0], False)
            return chosen | self.movers(args[1], truth) | self.movers(args[2], truth)
        return reduce(or_, (self.writers.get(cell, 0) for cell in ex.reads(condition)), 0)

    def _movers(self, cell: int, wanted: int, truth: bool) -> int:
        """The commands that may bring a variable from a value that is not among the wanted ones to one that is; or, if
        not `truth`, the other way."""
        found, good = 0, wanted if truth else self.domain[cell] & ~wanted
        for number in members(self.writers.get(cell, 0)):
            footprint = self.all[number]
            outside = footprint.before.get(cell, self.domain[cell]) & ~good
            if cell in footprint.raises:
                by = footprint.raises[cell]
                reached = outside << by if by >= 0 else outside >> -by
            else:
                reached = footprint.after[cell] if outside else 0
            found |= bool(reached & good) << number
        return found


def _added(value: Expr, cell: int) -> int | None:
    """The constant that is added to a variable itself."""
    if value.op == "add" and value.args[0].op == "cell" and value.args[1].op == "const":
        region, index = value.args[0].args
        return int(value.args[1].args[0]) if region.base + index == cell else None
    return None


def _upto(value: int) -> int:
    """The values 0 .. value."""
    return (1 << max(value + 1, 0)) - 1


def members(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
