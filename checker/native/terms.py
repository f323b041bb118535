"""Terms as LLVM instructions over packed states.

Numbers are 32 bits wide here, whatever their range; enumerations and references are their codes. A term that has
been computed on the way to the present block is not computed again (`Scope`).
"""

from __future__ import annotations

from collections.abc import Sequence

from eoscheck.checker import expressions as ex
from eoscheck.checker.expressions import Expr
from eoscheck.checker.native.ir import Function, Value
from eoscheck.checker.native.packing import Packing, Place, Row
from eoscheck.model.domains import Region

Scope = dict[Expr, Value]
"""The terms that have a value in the present block."""


class Terms:
    """Computes terms in one function, over the state at `state`."""

    def __init__(self, function: Function, packing: Packing, state: Value) -> None:
        self.function, self.packing, self.state = function, packing, state
        self.words = [state.load("i64", k) for k in range(packing.words)]

    def value(self, expr: Expr, scope: Scope) -> Value:
        """The value of a term: i1 for conditions, i32 for numbers. What it needs is computed here."""
        for term in ex.inside_out(expr, scope):
            scope[term] = self._write(term, scope)
        return scope[expr]

    def _write(self, expr: Expr, scope: Scope) -> Value:
        op, args = expr.op, expr.args
        if op == "const":
            return self.function.number(args[0], "i1" if expr.sort is bool else "i32")
        if op == "cell":
            return self._cell(expr, args[0], args[1])
        if op == "select":
            return self._select(expr, args[0], args[1], scope[args[1]])
        parts = [scope[a] for a in args if isinstance(a, Expr)]
        if op == "not":
            return ~parts[0]
        if op == "ite":
            return parts[0].choose(parts[1], parts[2])
        if op in ("and", "or"):
            whole = parts[0]
            for part in parts[1:]:
                whole = whole & part if op == "and" else whole | part
            return whole
        if op == "lt":  # the only place where a number may be negative, but for equality, which does not mind
            return self.function.op("i1", f"icmp slt i32 {parts[0].name}, {parts[1].name}")
        a, b = parts
        return {"add": a.__add__, "sub": a.__sub__, "mul": a.__mul__, "eq": a.__eq__}[op](b)

    def _cell(self, expr: Expr, region: Region, index: int) -> Value:
        place = self.packing.places[region.base + index]
        if expr.sort is bool:
            return (self.words[place.word] >> place.shift).to("i1")
        raw = (self.words[place.word] & place.mask) >> place.shift
        return self._typed(expr, region, raw)

    def _typed(self, expr: Expr, region: Region, raw: Value) -> Value:
        if expr.sort is bool:
            return raw.to("i1")
        return raw.to("i32") + region.domain.lo if region.domain.lo else raw.to("i32")

    def _select(self, expr: Expr, region: Region, index: Expr, at: Value) -> Value:
        if index.lo < 0 or index.hi >= region.count:
            # A term may be computed where it is not used: keep the index harmless there.
            at = (at < region.count).choose(at, 0)
        row = self.packing.rows[region]
        word, shift = locate(row, at)
        whole = self.state.load("i64", word) if region.count > row.each else self.words[row.word]
        return self._typed(expr, region, (whole >> shift) & ((1 << row.width) - 1))

    def raw(self, value: Value, region: Region) -> Value:
        """The bits, as a 64-bit number, in which a region keeps a value."""
        if value.type == "i1":
            return value.to("i64")
        return (value - region.domain.lo if region.domain.lo else value).to("i64")


def locate(row: Row, at: Value) -> tuple[Value, Value]:
    """Word and shift (i64) of the cell at a computed index of a row."""
    at = at.to("i64")
    function = at.function
    if row.stride * row.each == 0:
        return function.number(row.word), function.number(0)
    if row.each == 1:
        return at + row.word, function.number(row.shift)
    word, place = at // row.each, at % row.each
    return word + row.word, place * row.stride + row.shift


class Words:
    """The new words of a state. What is written to the cells of a word is gathered: constants are one number, and what
    was there before is cleared at once."""

    def __init__(self, old: Sequence[Value]) -> None:
        self.old = old
        self.new: dict[int, Value] = {}
        self._masks: dict[int, int] = {}
        self._parts: dict[int, list[Value | int]] = {}

    def write(self, place: Place, raw: Value | int) -> None:
        """Write bits to a place."""
        if self._masks.get(place.word, 0) & place.mask:
            self[place.word]  # what is written last counts
        self._masks[place.word] = self._masks.get(place.word, 0) | place.mask
        part = raw << place.shift
        self._parts.setdefault(place.word, []).append(part & place.mask if isinstance(part, int) else part)

    def __getitem__(self, k: int) -> Value:
        """A word, with what was written to it up to now."""
        word = self.new.get(k, self.old[k])
        if k in self._masks:
            word = word & (~self._masks.pop(k) & (1 << 64) - 1)
            parts = self._parts.pop(k)
            bits = sum(part for part in parts if isinstance(part, int))
            for part in ([bits] if bits else []) + [part for part in parts if not isinstance(part, int)]:
                word = word | part
            self.new[k] = word
        return word

    def __setitem__(self, k: int, word: Value) -> None:
        self.new[k] = word

    def changed(self) -> dict[int, Value]:
        """Those that were written to."""
        for k in list(self._masks):
            self[k]
        return self.new
