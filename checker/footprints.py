"""What a guarded command asks and changes, variable by variable, as far as that is known without computing with terms.

A *literal* is a condition that a guard is a conjunction of. Sets of commands, and of values of a variable, are bit
masks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial, reduce
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
class Given:
    """What a command gives a variable.

    stays   values that it may leave as they are
    known   values that it may give it in any case
    of      other values: those that follow from the values of one variable each, that is from its value v those of the
            bits in row v
    """

    stays: int = 0
    known: int = 0
    of: tuple[tuple[int, tuple[int, ...]], ...] = ()

    def values(self, source: Callable[[int], int]) -> int:
        """What the variable can be given where variables have the values that `source` tells of them."""
        rows = (row for cell, table in self.of for v, row in enumerate(table) if source(cell) >> v & 1)
        return reduce(or_, rows, self.known)

    def __or__(self, other: Given) -> Given:
        of = tuple(dict.fromkeys((*self.of, *other.of)))
        return Given(self.stays | other.stays, self.known | other.known, of)


@dataclass(frozen=True)
class Footprint:
    """One command.

    before   by variable, the values that its guards admit, where they say something of that variable alone
    given    by variable that it may write, what it gives it
    """

    command: GuardedCommand
    literals: tuple[Expr, ...]
    before: dict[int, int]
    given: dict[int, Given]
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
        given: dict[int, Given] = {}
        for effect in command.effects:
            if effect.index.op == "const":  # of two effects on one variable the later one counts
                cell = effect.region.base + effect.index.args[0]
                given[cell] = self._given(effect.value, cell)
        for effect in command.effects:
            if effect.index.op != "const":
                for cell in effect.cells():
                    given[cell] = given.get(cell, Given(stays=self.domain[cell])) | self._given(
                        effect.value, cell
                    )
        reads, writes = command.reads - self.spent, command.writes - self.spent
        return Footprint(command, asked, before, given, reads, writes)

    def admitted(self, footprint: Footprint, cell: int) -> int:
        """The values that a variable can have where a command is enabled, as far as its guards say it of that variable
        alone."""
        return self._value(footprint.before, cell)

    def after(self, footprint: Footprint, cell: int) -> int:
        """The values that a variable can have after a command that may write it."""
        given = footprint.given[cell]
        return given.stays & self.admitted(footprint, cell) | given.values(partial(self.admitted, footprint))

    def _given(self, value: Expr, cell: int) -> Given:
        """What a variable becomes by being given a value."""
        if value.op == "const":
            return Given(known=1 << value.args[0] & self.domain[cell] if value.args[0] >= 0 else 0)
        source = sole_cell(value)
        if source is not None:
            number = source.args[0].base + source.args[1]
            table = self._table(value, number, self.domain[cell])
            same = sum(1 << v for v, row in enumerate(table) if row == 1 << v) if number == cell else 0
            return Given(
                same, 0, ((number, tuple(row * (not same >> v & 1) for v, row in enumerate(table))),)
            )
        if value.op == "ite":
            return self._given(value.args[1], cell) | self._given(value.args[2], cell)
        if value.op == "select":
            region, index = value.args
            among = range(max(index.lo, 0), min(index.hi, region.count - 1) + 1)
            row = tuple(1 << v & self.domain[cell] for v in range(region.domain.hi + 1))
            return Given(known=row[region.domain.lo], of=tuple((region.base + k, row) for k in among))
        return Given(known=_upto(value.hi) & ~_upto(value.lo - 1) & self.domain[cell])

    def _table(self, term: Expr, cell: int, among: int) -> tuple[int, ...]:
        """By value of the only variable that a term reads, what the term is."""
        state, found = bytearray(cell + 1), []
        for value in range(self.domain[cell].bit_length()):
            state[cell] = value
            is_ = ex.evaluate(term, bytes(state)) if self.domain[cell] >> value & 1 else -1
            found.append(1 << is_ & among if is_ >= 0 else 0)
        return tuple(found)

    def values(self, literal: Expr) -> tuple[int, int] | None:
        """The only variable that a literal reads, and the values for which it is true."""
        if literal not in self._asked:
            cell = sole_cell(literal)
            self._asked[literal] = None if cell is None else self._tried(literal, cell)
        return self._asked[literal]

    def _tried(self, literal: Expr, cell: Expr) -> tuple[int, int]:
        number = cell.args[0].base + cell.args[1]
        table = self._table(literal, number, 0b10)
        return number, sum(bool(row) << value for value, row in enumerate(table))

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
            outside = self.admitted(footprint, cell) & ~good
            if not outside:
                continue
            # Where it stays as it is, it is brought nowhere; what follows from itself, follows from where it was.
            before = {**footprint.before, cell: outside}
            reached = footprint.given[cell].values(partial(self._value, before))
            found |= bool(reached & good) << number
        return found

    def _value(self, known: dict[int, int], cell: int) -> int:
        return known.get(cell, self.domain[cell])


def _upto(value: int) -> int:
    """The values 0 .. value."""
    return (1 << max(value + 1, 0)) - 1


def members(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
