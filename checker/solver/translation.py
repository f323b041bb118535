"""Guarded commands as formulas: a state is one symbol for each variable, a command is its guards and, for each variable
that it writes, a term over the state before.

The only choice is what numbers are. `Bits` are two's complement numbers as wide as the widest term needs, so that
nothing can wrap: Z3 makes them into propositional logic, which is fast where ranges are small. `Integers` have no
bounds. Enumerations and references are numbers, as they are in a state.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import z3  # type: ignore[import-untyped]
from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import GuardedCommand, Program
from eoscheck.checker.dispatch import moves
from eoscheck.checker.expressions import Expr
from eoscheck.checker.footprints import members
from eoscheck.checker.solver.answers import answer

Term = Any
"""A term of Z3, which has no types of its own."""


class Numbers(Protocol):
    """What numbers are made of."""

    logic: str

    def number(self, value: int) -> Term: ...

    def symbol(self, name: str) -> Term: ...


class Integers:
    """Numbers without bounds."""

    logic = "QF_LIA"

    def number(self, value: int) -> Term:
        return z3.IntVal(value)

    def symbol(self, name: str) -> Term:
        return z3.Int(name)


class Bits:
    """Numbers of so many bits, the highest being the sign."""

    logic = "QF_FD"

    def __init__(self, width: int) -> None:
        self.width = width

    def number(self, value: int) -> Term:
        return z3.BitVecVal(value, self.width)

    def symbol(self, name: str) -> Term:
        return z3.BitVec(name, self.width)


def wide_enough(program: Program) -> Bits:
    """Bits for every term of a program."""
    largest, known = 1, set[Expr]()
    for root in _roots(program):
        for term in ex.inside_out(root, known):
            known.add(term)
            largest = max(largest, abs(term.lo), abs(term.hi))
    for region in program.model.regions:
        largest = max(largest, region.domain.hi, region.count)
    return Bits(largest.bit_length() + 1)


def _roots(program: Program) -> Iterable[Expr]:
    for command in program.commands:
        yield from command.guards
        for effect in command.effects:
            yield from (effect.index, effect.value)
    for observed in program.properties:
        yield from (observed.hit, observed.premise)


class State:
    """One symbol (or term) for each variable of a state.

    cells   by number of the variable
    """

    def __init__(self, numbers: Numbers, cells: list[Term]) -> None:
        self.numbers, self.cells = numbers, cells
        self._known: dict[Expr, Term] = {}

    def term(self, expr: Expr) -> Term:
        """What an expression is in this state."""
        for part in ex.inside_out(expr, self._known):
            self._known[part] = self._made(part)
        return self._known[expr]

    def _made(self, expr: Expr) -> Term:
        op, args, known = expr.op, expr.args, self._known
        if op == "const":
            return z3.BoolVal(bool(args[0])) if expr.sort is bool else self.numbers.number(args[0])
        if op == "cell":
            return self.cells[args[0].base + args[1]]
        if op == "select":
            return self._selected(*args)
        return _MEANING[op](*(known[a] for a in args))

    def _selected(self, region: Any, index: Expr) -> Term:
        """As `expressions.evaluate` has it: outside of the region lies the least value."""
        at, cells = self._known[index], range(max(index.lo, 0), min(index.hi, region.count - 1) + 1)
        least = self.numbers.number(region.domain.lo)
        outside = z3.BoolVal(bool(region.domain.lo)) if region.domain.type is bool else least
        exact = index.lo >= 0 and index.hi < region.count
        found = self.cells[region.base + cells[-1]] if exact else outside
        for k in reversed(cells[:-1] if exact else cells):
            found = z3.If(at == self.numbers.number(k), self.cells[region.base + k], found)
        return found


_MEANING: dict[str, Callable[..., Term]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "eq": lambda a, b: a == b,
    "lt": lambda a, b: a < b,
    "and": lambda *parts: all_of(parts),
    "or": lambda *parts: any_of(parts),
    "not": z3.Not,
    "ite": z3.If,
}


class Translation:
    """A program as formulas over states.

    booleans   by variable, whether it is one
    """

    def __init__(self, program: Program, numbers: Numbers | None = None) -> None:
        self.program = program
        self.numbers: Numbers = wide_enough(program) if numbers is None else numbers
        regions = program.model.regions
        self.names = [(r.cell(k), r) for r in regions for k in range(r.count)]
        self.booleans = [region.domain.type is bool for _, region in self.names]
        self._literals: dict[tuple[int, int], str] = {}

    def state(self, mark: str = "") -> State:
        """A state of symbols, each named as its variable with a mark behind it."""
        return State(self.numbers, [self.symbol(i, mark) for i in range(len(self.names))])

    def symbol(self, cell: int, mark: str) -> Term:
        """The symbol of one variable; its value, if it has only one."""
        name, region = self.names[cell]
        if region.constant:
            return self.value(cell, region.domain.lo)
        return z3.Bool(name + mark) if self.booleans[cell] else self.numbers.symbol(name + mark)

    def value(self, cell: int, code: int) -> Term:
        """What a variable is compared with."""
        return z3.BoolVal(bool(code)) if self.booleans[cell] else self.numbers.number(code)

    def among(self, state: State, cell: int, mask: int) -> Term:
        """That a variable has one of some values."""
        domain, symbol = self.names[cell][1].domain, state.cells[cell]
        if self.booleans[cell]:
            return symbol if mask >> 1 else z3.Not(symbol)
        all_ = (1 << domain.hi + 1) - (1 << domain.lo)
        if 2 * mask.bit_count() > all_.bit_count():
            return z3.Not(any_of(symbol == self.value(cell, code) for code in members(all_ & ~mask)))
        return any_of(symbol == self.value(cell, code) for code in members(mask))

    def literal(self, cell: int, code: int) -> str:
        """The same as SMT-LIB writes it."""
        if (cell, code) not in self._literals:
            self._literals[cell, code] = self.value(cell, code).sexpr()
        return self._literals[cell, code]

    def known(self, state: bytes) -> State:
        """A state that is known."""
        return State(self.numbers, [self.value(i, code) for i, code in enumerate(state)])

    def domains(self, state: State, cells: Iterable[int] | None = None) -> list[Term]:
        """That variables have a value of their domain; of all, if it is not said of which."""
        found = []
        for cell in range(len(self.names)) if cells is None else cells:
            domain = self.names[cell][1].domain
            if not self.booleans[cell] and not self.names[cell][1].constant:
                least, most = self.numbers.number(domain.lo), self.numbers.number(domain.hi)
                found.append(z3.And(least <= state.cells[cell], state.cells[cell] <= most))
        return found

    def equal(self, state: State, values: bytes) -> list[Term]:
        """That a state is one that is known."""
        return [symbol == self.value(i, values[i]) for i, symbol in enumerate(state.cells)]

    def enabled(self, command: GuardedCommand, state: State) -> Term:
        """That the guards of a command hold."""
        return all_of(map(state.term, command.guards))

    def after(self, command: GuardedCommand, state: State) -> State:
        """The state that a command leads to, given that it is enabled: terms over the state before."""
        cells = list(state.cells)
        for effect in command.effects:
            value, region = state.term(effect.value), effect.region
            if effect.index.op == "const":
                cells[region.base + effect.index.args[0]] = value
            else:
                at = state.term(effect.index)
                for cell in effect.cells():
                    here = at == self.numbers.number(cell - region.base)
                    cells[cell] = z3.If(here, value, cells[cell])
        return State(self.numbers, cells)

    def moving(self, command: GuardedCommand, state: State) -> Term:
        """That a command is enabled and changes something: only then it is a step."""
        enabled = self.enabled(command, state)
        if command.cut is not None or moves(command):
            return enabled
        return z3.And(enabled, self.changing(command, state))

    def changing(self, command: GuardedCommand, state: State) -> Term:
        """That a command that is enabled changes something."""
        after = self.after(command, state)
        return any_of(after.cells[c] != state.cells[c] for c in sorted(command.writes))

    def resting(self, state: State) -> Term:
        """That nothing but a fault can happen."""
        own = (c for c in self.program.commands if c.action.info.fault is None)
        return all_of(z3.Not(self.moving(command, state)) for command in own)

    def hit(self, number: int, state: State) -> Term:
        """That a property is violated, or its goal met."""
        observed = self.program.properties[number]
        found = state.term(observed.hit)
        return z3.And(found, self.resting(state)) if observed.property.kind == "at-rest" else found

    def read(self, evaluate: Callable[[Term], Term], state: State) -> bytes:
        """The values that a model of Z3 (its `eval`) gives to a state; the least of the domain where it does not
        care."""
        found = bytearray()
        for cell, symbol in enumerate(state.cells):
            value = evaluate(symbol)
            if z3.is_bv_value(value) or z3.is_int_value(value):
                found.append(value.as_long())
            elif z3.is_true(value) or z3.is_false(value):
                found.append(z3.is_true(value))
            else:
                found.append(self.names[cell][1].domain.lo)
        return bytes(found)

    def find(self, *terms: Term, seconds: float | None = None) -> Any:
        """A model of Z3 in which all terms hold; None if there is none. Raises OutOfTime where Z3 gives no answer,
        within so many seconds if that is said."""
        solver = z3.SolverFor(self.numbers.logic)
        solver.add(*terms)
        return answer(solver, None if seconds is None else time.monotonic() + seconds)


def any_of(terms: Iterable[Term]) -> Term:
    """A disjunction, of none as well."""
    return _joined(z3.Z3_mk_or, list(terms), False)


def all_of(terms: Iterable[Term]) -> Term:
    """A conjunction, of none as well."""
    return _joined(z3.Z3_mk_and, list(terms), True)


def _joined(make: Callable[..., Any], parts: list[Term], unit: bool) -> Term:
    """What z3.Or and z3.And make of truth values. Those ask each part for its sort, over and over, which takes most of
    the time where there are thousands of clauses."""
    if len(parts) < 2:
        return parts[0] if parts else z3.BoolVal(unit)
    context = parts[0].ctx
    row = (z3.Ast * len(parts))(*(part.ast for part in parts))
    return z3.BoolRef(make(context.ref(), len(parts), row), context)
