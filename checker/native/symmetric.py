"""Symmetry as LLVM functions over packed states: of two that an exchange makes of each other one is kept.

    exchange0(state, out), exchange1(state, out), ...    the state with two parts in each other's place
    order0(state), order1(state), ...    1: what one part has to itself is more than what the other one has; 2: the same
    settle(record)                       puts parts of the state in a record in order; its hash too

So instances are sorted by what they have to themselves, and where that is the same, what others say of them decides:
the smaller words. What is kept need not be the same one of all that exchanges can make of a state. That costs states,
nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eoscheck.checker.native.ir import Function, Value
from eoscheck.checker.native.packing import WORD, Packing
from eoscheck.model.exchange import Exchange

ROUNDS = 8
"""How often all exchanges are tried. Those of one kind put in order soon; of two, each might undo the other's work."""


class Symmetric:
    """Writes the functions for one program."""

    def __init__(self, exchanges: Sequence[Exchange], packing: Packing) -> None:
        self.exchanges, self.packing = exchanges, packing

    def functions(self) -> list[Function]:
        """All of them."""
        numbered = list(enumerate(self.exchanges))
        exchanges = [self._exchange(*each) for each in numbered]
        return [*exchanges, *(self._order(*each) for each in numbered), self._settle()]

    def _exchange(self, number: int, exchange: Exchange) -> Function:
        f = Function(f"exchange{number}", "void", "internal", state="ptr", out="ptr")
        words = [f.args["state"].load("i64", k) for k in range(self.packing.words)]
        found: list[Value | None] = [None] * self.packing.words
        for k, part in self._parts(exchange, words):
            known = found[k]
            found[k] = part if known is None else known | part
        for k, word in enumerate(found):
            f.args["out"].store(f.number(0) if word is None else word, k)
        f.ret()
        return f

    def _parts(self, exchange: Exchange, words: Sequence[Value]) -> Iterator[tuple[int, Value]]:
        """By word, what it is made of. What moves as far as its neighbours moves with them."""
        places, moving = self.packing.places, dict[tuple[int, int, int], int]()
        for cell, place in enumerate(places):
            to = places[exchange.places[cell]]
            if exchange.values[cell]:
                yield to.word, self._changed(exchange, cell, words) << to.shift
            else:
                key = place.word, to.word, to.shift - place.shift
                moving[key] = moving.get(key, 0) | place.mask
        for (word, into, by), mask in moving.items():
            part = words[word] & mask
            yield into, part << by if by >= 0 else part >> -by

    def _changed(self, exchange: Exchange, cell: int, words: Sequence[Value]) -> Value:
        """The bits of a value that changes."""
        value, low = self._raw(cell, words), self.packing.lows[cell]
        changed = value
        for old, new in exchange.values[cell].items():
            changed = (value == old - low).choose(value.function.number(new - low), changed)
        for at, among in exchange.when[cell]:
            changed = self._among(at, among, words).choose(changed, value)
        return changed

    def _among(self, cell: int, among: frozenset[int], words: Sequence[Value]) -> Value:
        """Does a variable have one of some values?"""
        value, low = self._raw(cell, words), self.packing.lows[cell]
        mask = sum(1 << code - low for code in among)
        found = value.function.number(0, "i1")
        for first in range(0, mask.bit_length(), WORD):
            part = value.function.number(mask >> first & (1 << WORD) - 1)
            found = found | (((part >> (value & (WORD - 1))) & 1 == 1) & (value >> 6 == first // WORD))
        return found

    def _raw(self, cell: int, words: Sequence[Value]) -> Value:
        place = self.packing.places[cell]
        return (words[place.word] & place.mask) >> place.shift

    def _order(self, number: int, exchange: Exchange) -> Function:
        f = Function(f"order{number}", "i64", "internal", state="ptr")
        words = [f.args["state"].load("i64", k) for k in range(self.packing.words)]
        more, same = f.number(0, "i1"), f.number(1, "i1")
        for one, other in self._own(exchange, words):
            more = more | (same & (other < one))
            same = same & (one == other)
        f.ret(same.choose(f.number(2), more.to("i64")))
        return f

    def _own(self, exchange: Exchange, words: Sequence[Value]) -> Iterator[tuple[Value, Value]]:
        """What two parts have to themselves, variable by variable, as numbers to be compared one after the other."""
        room, pair = 0, None
        for cell, to in enumerate(exchange.places):
            if cell < to and not exchange.values[cell]:
                width = self.packing.places[cell].width
                if pair is None or room < width:
                    if pair is not None:
                        yield pair
                    room, pair = WORD, (words[0].function.number(0), words[0].function.number(0))
                one, other = (self._raw(each, words) << WORD - room for each in (cell, to))
                pair = pair[0] | one, pair[1] | other
                room -= width
        if pair is not None:
            yield pair

    def _settle(self) -> Function:
        f = Function("settle", "void", "internal", record="ptr")
        record, count = f.args["record"], self.packing.words
        other = f.array("i64", count)
        left, changed = f.variable(f.number(ROUNDS)), f.variable(f.number(0))
        with f.repeat(lambda: left.get() != 0):
            left.set(left.get() - 1)
            moved = f.variable(f.number(0))
            for k in range(len(self.exchanges)):
                order = f.call(f"order{k}", "i64", record, convention="fastcc")
                with f.when(order != 0):
                    f.call(f"exchange{k}", "void", record, other, convention="fastcc")
                    with f.when((order == 1) | self._smaller(other, record)):
                        for word in range(count):
                            record.store(other.load("i64", word), word)
                        moved.set(1)
                        changed.set(1)
            with f.when(moved.get() == 0):
                left.set(0)
        with f.when(changed.get() != 0):
            record.store(f.call("hash", "i64", record, convention="fastcc"), count)
        f.ret()
        return f

    def _smaller(self, one: Value, other: Value) -> Value:
        found = one.function.number(0, "i1")
        for k in reversed(range(self.packing.words)):
            a, b = one.load("i64", k), other.load("i64", k)
            found = (a < b) | ((a == b) & found)
        return found
