"""Expressions: the hash-consed terms that guards and effects of guarded commands are made of.

Two sorts, Bool and Int; every Int term carries the interval its value lies in. Equal terms are the same
object, so identity is equality, and a term that is shared is stored, printed, compiled and translated once.

    op       arguments            meaning
    const    value                a number, or 0/1 of sort Bool
    cell     region, index        variable: the cell of a region at a constant index
    select   region, term         the cell of a region at a computed index (never out of the region, see
             trace)
    add sub mul   a, b            integers, mul by a constant only
    eq lt    a, b                 Bool; a constant is on the right
    and or   terms...             Bool, flattened, without duplicates, in order of first use
    not      a                    Bool
    ite      c, a, b              a if c else b, both of one sort
"""

from __future__ import annotations

import enum
import itertools
import operator
from collections.abc import Callable, Container, Iterator
from functools import cache
from typing import Any

from eoscheck.model.domains import Region


class Expr:
    """One term. Compare with `is`; never construct directly, use the functions below."""

    __slots__ = ("args", "hi", "id", "lo", "op", "sort")

    op: str
    args: tuple[Any, ...]
    sort: Any
    lo: int
    hi: int
    id: int

    def __repr__(self) -> str:
        return show(self)


_table: dict[tuple[Any, ...], Expr] = {}
_reads: dict[Expr, int] = {}
_ids = itertools.count()


def _make(op: str, args: tuple[Any, ...], sort: Any, lo: int, hi: int) -> Expr:
    key = (op, args, sort)
    found = _table.get(key)
    if found is None:
        found = Expr()
        found.op, found.args, found.sort, found.lo, found.hi = op, args, sort, lo, hi
        found.id = next(_ids)
        _table[key] = found
    return found


def forget() -> None:
    """Drop the table of terms (a model is traced once, its terms need not outlive it). Old terms stay valid,
    but they are not shared with new ones."""
    _table.clear()
    _reads.clear()
    for remembering in (const, eq, lt, _join, ite):
        remembering.cache_clear()
    for term in (TRUE, FALSE):
        _table["const", term.args, bool] = term


@cache
def const(value: int, sort: Any = int) -> Expr:
    return _make("const", (int(value),), sort, int(value), int(value))


TRUE = const(1, bool)
FALSE = const(0, bool)


def truth(value: bool) -> Expr:
    return TRUE if value else FALSE


def cell(region: Region, index: int) -> Expr:
    if region.constant:
        return const(region.domain.lo, region.domain.type)
    return _make("cell", (region, index), region.domain.type, region.domain.lo, region.domain.hi)


def select(region: Region, index: Expr) -> Expr:
    if index.op == "const" or region.constant:
        return cell(region, index.args[0] if index.op == "const" else 0)
    return _make("select", (region, index), region.domain.type, region.domain.lo, region.domain.hi)


def add(a: Expr, b: Expr) -> Expr:
    if a.op == "const" and b.op == "const":
        return const(a.args[0] + b.args[0])
    if a.op == "const":
        a, b = b, a
    if b.op == "const" and b.args[0] == 0:
        return a
    if b.op == "const" and a.op == "add" and a.args[1].op == "const":
        return add(a.args[0], const(a.args[1].args[0] + b.args[0]))
    return _make("add", (a, b), int, a.lo + b.lo, a.hi + b.hi)


def sub(a: Expr, b: Expr) -> Expr:
    if a is b:
        return const(0)
    if b.op == "const":
        return add(a, const(-b.args[0]))
    return _make("sub", (a, b), int, a.lo - b.hi, a.hi - b.lo)


def mul(a: Expr, factor: int) -> Expr:
    if a.op == "const":
        return const(a.args[0] * factor)
    if factor == 1:
        return a
    ends = (a.lo * factor, a.hi * factor)
    return _make("mul", (a, const(factor)), int, min(ends), max(ends))


def _offset(a: Expr) -> tuple[Expr, int]:
    """`a` as a term plus a constant."""
    return (a.args[0], a.args[1].args[0]) if a.op == "add" and a.args[1].op == "const" else (a, 0)


@cache
def eq(a: Expr, b: Expr) -> Expr:
    if a is b:
        return TRUE
    (base, plus), (other, more) = _offset(a), _offset(b)
    if base is other:
        return truth(plus == more)
    if a.hi < b.lo or b.hi < a.lo:
        return FALSE
    if a.op == "const" and b.op == "const":
        return truth(a.args[0] == b.args[0])
    if a.sort is bool and b.sort is bool:
        return ite(a, b, negation(b))
    if a.op == "const":
        a, b = b, a
    if b.op == "const":
        if _has_constant_branch(a):
            return ite(a.args[0], eq(a.args[1], b), eq(a.args[2], b))
        if a.op == "add" and a.args[1].op == "const":
            return eq(a.args[0], const(b.args[0] - a.args[1].args[0]))
        b = const(b.args[0], a.sort)
    elif b.id < a.id:
        a, b = b, a
    return _make("eq", (a, b), bool, 0, 1)


@cache
def lt(a: Expr, b: Expr) -> Expr:
    if a.hi < b.lo:
        return TRUE
    if a is b or a.lo >= b.hi:
        return FALSE
    (base, plus), (other, more) = _offset(a), _offset(b)
    if base is other:
        return truth(plus < more)
    if a.op == "const":  # 3 < b is not (b < 4): one form for one condition
        return negation(lt(b, const(a.args[0] + 1)))
    if b.op == "const":
        if _has_constant_branch(a):
            return ite(a.args[0], lt(a.args[1], b), lt(a.args[2], b))
        if a.op == "add" and a.args[1].op == "const":
            return lt(a.args[0], const(b.args[0] - a.args[1].args[0]))
    return _make("lt", (a, b), bool, 0, 1)


def _has_constant_branch(a: Expr) -> bool:
    return a.op == "ite" and (a.args[1].op == "const" or a.args[2].op == "const")


def negation(a: Expr) -> Expr:
    if a.op == "const":
        return truth(not a.args[0])
    if a.op == "not":
        kept: Expr = a.args[0]
        return kept
    return _make("not", (a,), bool, 0, 1)


@cache
def _join(op: str, terms: tuple[Expr, ...], unit: Expr, zero: Expr) -> Expr:
    flat: dict[Expr, None] = {}
    for term in terms:
        for part in term.args if term.op == op else (term,):
            if part is zero or negation(part) in flat:
                return zero
            if part is not unit:
                flat[part] = None
    if not flat:
        return unit
    if len(flat) == 1:
        return next(iter(flat))
    return _make(op, tuple(flat), bool, 0, 1)


def conjunction(*terms: Expr) -> Expr:
    return _join("and", terms, TRUE, FALSE)


def disjunction(*terms: Expr) -> Expr:
    return _join("or", terms, FALSE, TRUE)


@cache
def ite(condition: Expr, then: Expr, otherwise: Expr) -> Expr:
    if condition is TRUE or then is otherwise:
        return then
    if condition is FALSE:
        return otherwise
    if condition.op == "not":
        return ite(condition.args[0], otherwise, then)
    if then.sort is bool:
        if then is TRUE or then is condition:
            return disjunction(condition, otherwise)
        if then is FALSE:
            return conjunction(negation(condition), otherwise)
        if otherwise is FALSE or otherwise is condition:
            return conjunction(condition, then)
        if otherwise is TRUE:
            return disjunction(negation(condition), then)
    if then.op == "ite" and then.args[0] is condition:
        then = then.args[1]
    if otherwise.op == "ite" and otherwise.args[0] is condition:
        otherwise = otherwise.args[2]
    lo, hi = min(then.lo, otherwise.lo), max(then.hi, otherwise.hi)
    sort = otherwise.sort if then.op == "const" else then.sort
    return _make("ite", (condition, then, otherwise), sort, lo, hi)


def children(expr: Expr) -> tuple[Expr, ...]:
    """The terms that a term is made of."""
    if expr.op in ("const", "cell"):
        return ()
    return expr.args[1:] if expr.op == "select" else expr.args


def inside_out(expr: Expr, done: Container[Expr]) -> Iterator[Expr]:
    """The terms that a term is made of, and itself, each behind what it is made of. Those that are `done` are left out;
    what is given must be done before the next one is asked for."""
    todo = [expr]
    while todo:
        term = todo[-1]
        missing = [c for c in children(term) if c not in done]
        if term in done or not missing:
            todo.pop()
            if term not in done:
                yield term
        else:
            todo += missing[::-1]


def reads(expr: Expr) -> frozenset[int]:
    """The cells that the value of a term can depend on: exact for cells, the whole reachable run for
    selects."""
    mask = reads_mask(expr)
    return frozenset(cell for cell in range(mask.bit_length()) if mask >> cell & 1)


def reads_mask(expr: Expr) -> int:
    """The same as a number, one bit for each cell."""
    for term in inside_out(expr, _reads):
        mask = 0
        if term.op == "cell":
            mask = 1 << term.args[0].base + term.args[1]
        elif term.op == "select":
            region, index = term.args
            first, last = max(index.lo, 0), min(index.hi, region.count - 1)
            mask = (1 << max(last + 1 - first, 0)) - 1 << region.base + first
        for child in children(term):
            mask |= _reads[child]
        _reads[term] = mask
    return _reads[expr]


def evaluate(expr: Expr, state: bytes) -> int:
    """The value of a term in a state: what a term means. Slow; engines have their own way.

    >>> evaluate(add(const(2), const(3)), b"")
    5
    """
    known: dict[Expr, int] = {}

    def value(term: Expr) -> int:
        if term not in known:
            known[term] = _value(term, state, value)
        return known[term]

    return value(expr)


def _value(term: Expr, state: bytes, value: Callable[[Expr], int]) -> int:
    op, args = term.op, term.args
    if op == "const":
        return int(args[0])
    if op == "cell":
        return int(state[args[0].base + args[1]])
    if op == "select":
        index = value(args[1])
        return int(state[args[0].base + index] if 0 <= index < args[0].count else args[0].domain.lo)
    if op == "ite":
        return value(args[1 if value(args[0]) else 2])
    if op in ("and", "or"):
        return int((all if op == "and" else any)(value(a) for a in args))
    return int(_MEANING[op](*(value(a) for a in args)))


def support(expr: Expr, state: bytes) -> frozenset[int]:
    """Variables that decide what the value of a term is in a state: while they stay as they are, it does. Of the parts
    that would do alone (of a conjunction that is false, a disjunction that is true), one with the fewest variables is
    taken."""
    values: dict[Expr, int] = {}
    found: dict[Expr, frozenset[int]] = {}

    def value(term: Expr) -> int:
        if term not in values:
            values[term] = _value(term, state, value)
        return values[term]

    def deciding(term: Expr) -> frozenset[int]:
        if term not in found:
            found[term] = frozenset().union(*_deciding(term))
        return found[term]

    def _deciding(term: Expr) -> Iterator[frozenset[int]]:
        op, args = term.op, term.args
        if op == "cell":
            yield frozenset((args[0].base + args[1],))
        elif op == "select":
            yield deciding(args[1])
            if 0 <= (index := value(args[1])) < args[0].count:
                yield frozenset((args[0].base + index,))
        elif op == "ite":
            yield deciding(args[0])
            yield deciding(args[1 if value(args[0]) else 2])
        elif op in ("and", "or") and value(term) == (op == "or"):
            yield min((deciding(part) for part in args if value(part) == (op == "or")), key=len)
        else:
            yield from map(deciding, children(term))

    return deciding(expr)


_MEANING: dict[str, Callable[..., int]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "eq": operator.eq, "lt": operator.lt,
    "not": operator.not_,
}  # fmt: skip


_INFIX = {"add": "+", "sub": "-", "mul": "*", "eq": "==", "lt": "<", "and": "and", "or": "or"}


def show(expr: Expr) -> str:
    """A term as one would write it in Python."""
    op, args = expr.op, expr.args
    if op == "const":
        return _literal(args[0], expr.sort)
    if op == "cell":
        return str(args[0].cell(args[1]))
    if op == "select":
        return f"{args[0].name}[{show(args[1])}]"
    if op == "not" and args[0].op in ("eq", "lt"):
        return f" {'!=' if args[0].op == 'eq' else '>='} ".join(_nested(a) for a in args[0].args)
    if op == "not":
        return f"not {_nested(args[0])}"
    if op == "ite":
        return f"({show(args[1])} if {show(args[0])} else {show(args[2])})"
    if op == "add" and args[1].op == "const" and args[1].args[0] < 0:
        return f"{_nested(args[0])} - {-args[1].args[0]}"
    return f" {_INFIX[op]} ".join(_nested(a) for a in args)


def _literal(value: int, sort: Any) -> str:
    if sort is bool:
        return str(bool(value))
    return list(sort)[value].name if isinstance(sort, enum.EnumMeta) else str(value)


def _nested(expr: Expr) -> str:
    return f"({show(expr)})" if expr.op in _INFIX or expr.op == "not" else show(expr)
