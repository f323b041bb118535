"""The table of the states that are known, as LLVM functions: open addressing over slots of a few bits of hash and
the number of a state.

The upper bits of a hash choose a line of the cache, and the bits behind them are the tag of a slot, so that a table
grows without asking the states: the first bits of a tag choose among the lines that one becomes (Cleary, "Compact hash
tables using bidirectional linear probing", 1984, keeps keys in the same way). A slot is 0 where it is empty; else it
holds, from above, the tag, a bit that says that its line was full and it had to go to a further one, and the number
of a state, from 1 on. The slots of a line are compared at once. Lines are in 64 segments, by the upper six bits;
probing stays in a segment, so threads can own different ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from eoscheck.checker.native.context import get
from eoscheck.checker.native.ir import Function, Value

SHARE = 6
"""log2 of the segments."""

LINE = 64
"""Bytes of a cache line."""


@dataclass(frozen=True)
class Slot:
    """What a slot is: an integer of some `bits`. Numbers of states take at most `most` of them; 0: there is no number,
    the slot is the whole hash, and states with the same one are taken to be the same."""

    bits: int
    most: int

    @property
    def exact(self) -> bool:
        return self.most > 0

    @property
    def type(self) -> str:
        return f"i{self.bits}"

    @property
    def lanes(self) -> int:
        """Slots of a line."""
        return LINE * 8 // self.bits

    @property
    def share(self) -> int:
        """log2 of that."""
        return self.lanes.bit_length() - 1


NARROW, WIDE, FINGERPRINT = Slot(32, 26), Slot(64, 40), Slot(64, 0)


class Table:
    """Writes the functions for one kind of slot. The context says how many lines there are (`lines`, as a log2);
    as many bits as number all slots are kept for the number of a state."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot

    def index(self, lines: Value) -> Value:
        """Bits of a slot that number a state."""
        return (lines + self.slot.share).to(self.slot.type)

    def marks(self, lines: Value, moved: int) -> Value:
        """The bits of a slot that say whose it is: the tag, and the bit `moved` (1) or only the tag (0)."""
        if not self.slot.exact:
            return lines.function.number(-1)
        return lines.function.number(-1, self.slot.type) << self.index(lines) + (1 - moved)

    def number(self, lines: Value, value: Value) -> Value:
        """The state that a slot stands for, from 0 on."""
        return (value & ~self.marks(lines, 1)).to("i64") - 1

    def entry(self, lines: Value, hash: Value, number: Value, moved: Value) -> Value:
        """A slot for the state of that number (from 0 on)."""
        if not self.slot.exact:
            return hash
        bits = ((hash << lines) >> (64 - self.slot.bits)).to(self.slot.type) & self.marks(lines, 0)
        flag = moved.to(self.slot.type) << self.index(lines)
        return bits | flag | (number + 1).to(self.slot.type)

    def home(self, lines: Value, hash: Value) -> Value:
        """The line where the search for a hash begins."""
        return hash >> (lines.function.number(64) - lines)

    def further(self, lines: Value, line: Value) -> Value:
        """The next line of the segment, around its end."""
        within = (lines.function.number(1) << (lines - SHARE)) - 1
        return (line & ~within) | ((line + 1) & within)

    def scan(self) -> Function:
        """The first slot of a line and those behind it, from `at` on, that is empty or may be that of a hash."""
        f = Function("scan", "i64", "internal", context="ptr", at="i64", hash="i64")
        slot, context, hash = self.slot, f.args["context"], f.args["hash"]
        table, lines = get(context, "table", "ptr"), get(context, "lines")
        line = f.variable(f.args["at"] >> slot.share)
        mask = f.number(-1, f"i{slot.lanes}") << (f.args["at"] & (slot.lanes - 1)).to(f"i{slot.lanes}")
        behind = f.variable(mask)
        marks, home = self.marks(lines, 1), self.home(lines, hash)
        with f.repeat():
            wanted = self.entry(lines, hash, f.number(-1), line.get() != home)
            found = self._matches(f, table.at(line.get() * LINE, "i8"), wanted, marks) & behind.get()
            with f.when(found != 0):
                kind = found.type
                first = f.op(kind, f"call {kind} @llvm.cttz.{kind}({kind} {found.name}, i1 true)")
                f.ret((line.get() << slot.share) + first.to("i64"))
                f.begin(f.label())
            behind.set(-1)
            line.set(self.further(lines, line.get()))
        f.do("unreachable")
        return f

    def _matches(self, f: Function, place: Value, wanted: Value, marks: Value) -> Value:
        """By bit, which of the slots of a line are empty or have the same marks."""
        type, count = self.slot.type, self.slot.lanes
        vector = f"<{count} x {type}>"

        def all_lanes(value: Value) -> str:
            one = f.op(vector, f"insertelement {vector} poison, {type} {value.name}, i64 0").name
            shuffle = f"shufflevector {vector} {one}, {vector} poison, <{count} x i32> zeroinitializer"
            return f.op(vector, shuffle).name

        slots = f.op(vector, f"load {vector}, ptr {place.name}, align {LINE}").name
        tags = f.op(vector, f"and {vector} {slots}, {all_lanes(marks)}").name
        same = f.op("v", f"icmp eq {vector} {tags}, {all_lanes(wanted)}").name
        empty = f.op("v", f"icmp eq {vector} {slots}, zeroinitializer").name
        either = f.op("v", f"or <{count} x i1> {same}, {empty}").name
        return f.op(f"i{count}", f"bitcast <{count} x i1> {either} to i{count}")

    def enter(self) -> Function:
        """Enter a state that is not in the table."""
        f = Function("enter", "void", "internal", context="ptr", hash="i64", number="i64")
        context, hash = f.args["context"], f.args["hash"]
        table, lines = get(context, "table", "ptr"), get(context, "lines")
        home = self.home(lines, hash)
        at = f.variable(home << self.slot.share)
        with f.repeat(lambda: table.load(self.slot.type, at.get()) != 0):
            line = at.get() >> self.slot.share
            last = (at.get() & (self.slot.lanes - 1)) == self.slot.lanes - 1
            at.set(last.choose(self.further(lines, line) << self.slot.share, at.get() + 1))
        moved = (at.get() >> self.slot.share) != home
        table.store(self.entry(lines, hash, f.args["number"], moved), at.get())
        f.ret()
        return f

    def rebuild(self, words: int, batch: int) -> Function:
        """Enter all states into an empty table, those that belong to a thread."""
        f = Function("rebuild", "void", context="ptr", thread="i64")
        context = f.args["context"]
        store, lines = get(context, "store", "ptr"), get(context, "lines")
        hashes, numbers = f.array("i64", batch), f.array("i64", batch)
        filled = f.variable(f.number(0))

        def flush() -> None:
            with f.loop(0, filled.get()) as k:
                f.call(
                    "enter",
                    "void",
                    context,
                    hashes.load("i64", k),
                    numbers.load("i64", k),
                    convention="fastcc",
                )
            filled.set(0)

        with f.loop(0, get(context, "states")) as number:
            hash = f.call("hash", "i64", store.at(number * words, "i64"), convention="fastcc")
            with f.when(owner(hash, get(context, "threads")) == f.args["thread"]):
                place = filled.get()
                hashes.store(hash, place)
                numbers.store(number, place)
                get(context, "table", "ptr").at(self.home(lines, hash) * LINE, "i8").prefetch()
                filled.set(place + 1)
                with f.when(filled.get() == batch):
                    flush()
        flush()
        f.ret()
        return f

    def grow(self, words: int) -> Function:
        """Move what the old table of 2**`before` lines holds into the present one, for the segments of a thread.
        What lies in its own line moves by its tag; what had to go further is looked up and entered at the end."""
        f = Function("grow", "void", context="ptr", old="ptr", before="i64", thread="i64")
        context, old, before = f.args["context"], f.args["old"], f.args["before"]
        type, threads = self.slot.type, get(context, "threads")
        segment = f.number(1) << (before - SHARE)
        first = ((f.args["thread"] << SHARE) + threads - 1) // threads * segment
        last = (((f.args["thread"] + 1) << SHARE) + threads - 1) // threads * segment
        for step in (self._move, self._move_further) if self.slot.exact else (self._move,):
            with f.loop(first, last) as line, f.loop(0, f.number(self.slot.lanes)) as k:
                value = old.load(type, (line << self.slot.share) + k)
                if not self.slot.exact:
                    with f.when(value != 0):
                        f.call("enter", "void", context, value, f.number(0), convention="fastcc")
                    continue
                moved = (value >> self.index(before)) & 1
                with f.when((value != 0) & (moved == (0 if step == self._move else 1))):
                    step(f, line, value, words)
        f.ret()
        return f

    def _move(self, f: Function, line: Value, value: Value, words: int) -> None:
        context, before = f.args["context"], f.args["before"]
        table, lines = get(context, "table", "ptr"), get(context, "lines")
        more = (lines - before).to(self.slot.type)
        tag = value & self.marks(before, 0)
        to = (line << (lines - before)) | (tag >> (f.number(self.slot.bits, self.slot.type) - more)).to("i64")
        at = f.variable(to << self.slot.share)
        with f.repeat(lambda: table.load(self.slot.type, at.get()) != 0):
            at.set(at.get() + 1)
        table.store((tag << more) | (value & ~self.marks(before, 1)), at.get())

    def _move_further(self, f: Function, line: Value, value: Value, words: int) -> None:
        context = f.args["context"]
        number = self.number(f.args["before"], value)
        state = get(context, "store", "ptr").at(number * words, "i64")
        hash = f.call("hash", "i64", state, convention="fastcc")
        f.call("enter", "void", context, hash, number, convention="fastcc")


def owner(hash: Value, threads: Value) -> Value:
    """The thread that owns the segment of a hash: the last one whose first segment is no higher."""
    return ((hash >> (64 - SHARE)) * threads) >> SHARE
