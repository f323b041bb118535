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

from collections.abc import Callable
from dataclasses import dataclass

from eoscheck.checker.native.context import field, get
from eoscheck.checker.native.ir import Function, Value

SHARE = 6
"""log2 of the segments."""

LINE = 64
"""Bytes of a cache line."""

MOST_PARTS = 4
"""How many times as large a table becomes at the most, when it grows."""

BATCH = 128
"""States that are looked up, or entered, together, so that cache misses overlap."""


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
                f.ret((line.get() << slot.share) + self._first(f, found))
                f.begin(f.label())
            behind.set(-1)
            line.set(self.further(lines, line.get()))
        f.do("unreachable")
        return f

    def _matches(self, f: Function, place: Value, wanted: Value, marks: Value) -> Value:
        """By bit, which of the slots of a line are empty or have the same marks."""
        vector = f"<{self.slot.lanes} x {self.slot.type}>"
        slots = f.op(vector, f"load {vector}, ptr {place.name}, align {LINE}").name
        tags = f.op(vector, f"and {vector} {slots}, {self._all_lanes(marks)}").name
        same = f.op("v", f"icmp eq {vector} {tags}, {self._all_lanes(wanted)}").name
        empty = f.op("v", f"icmp eq {vector} {slots}, zeroinitializer").name
        return self._lanes(f.op("v", f"or <{self.slot.lanes} x i1> {same}, {empty}"))

    def _all_lanes(self, value: Value) -> str:
        """The same value for each slot of a line."""
        f, vector = value.function, f"<{self.slot.lanes} x {self.slot.type}>"
        one = f.op(vector, f"insertelement {vector} poison, {self.slot.type} {value.name}, i64 0").name
        zeros = f"<{self.slot.lanes} x i32> zeroinitializer"
        return f.op(vector, f"shufflevector {vector} {one}, {vector} poison, {zeros}").name

    def _lanes(self, answers: Value) -> Value:
        """The answers for the slots of a line, as the bits of a number."""
        count = self.slot.lanes
        return answers.function.op(f"i{count}", f"bitcast <{count} x i1> {answers.name} to i{count}")

    def _first(self, f: Function, bits: Value) -> Value:
        """The place of the lowest bit of a number that is not 0."""
        kind = bits.type
        return f.op(kind, f"call {kind} @llvm.cttz.{kind}({kind} {bits.name}, i1 true)").to("i64")

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

    def rebuild(self, words: int) -> Function:
        """Enter all states into an empty table, those that belong to a thread, unless somebody says `stop`."""
        f = Function("rebuild", "void", context="ptr", thread="i64")
        context = f.args["context"]
        store, lines = get(context, "store", "ptr"), get(context, "lines")
        waiting = _Waiting(f, self)
        with f.loop(0, get(context, "states")) as number:
            self._heed(f)
            hash = f.call("hash", "i64", store.at(number * words, "i64"), convention="fastcc")
            with f.when(owner(hash, get(context, "threads")) == f.args["thread"]):
                waiting.hashes.store(hash, waiting.filled.get())
                get(context, "table", "ptr").at(self.home(lines, hash) * LINE, "i8").prefetch()
                waiting.add(number, waiting.enter)
        waiting.enter()
        f.ret()
        return f

    def grow(self, words: int) -> Function:
        """Move what the old table of 2**`before` lines holds into the present one, for the segments of a thread.
        What lies in its own line moves by its tag; what had to go further is looked up, and entered once its segment
        has moved. That can take long where states lie on disk, and ends where somebody says `stop`."""
        f = Function("grow", "void", context="ptr", old="ptr", before="i64", thread="i64")
        before, thread, threads = f.args["before"], f.args["thread"], get(f.args["context"], "threads")
        first = ((thread << SHARE) + threads - 1) // threads
        last = (((thread + 1) << SHARE) + threads - 1) // threads
        size = f.number(1) << (before - SHARE)
        with f.loop(first, last) as segment:
            begin, end = segment * size, (segment + 1) * size
            if self.slot.exact:
                self._grow_segment(f, begin, end, words)
            else:
                self._enter_all(f, begin, end)
        f.ret()
        return f

    def _heed(self, f: Function) -> None:
        """Return where somebody says `stop`."""
        with f.when(field(f.args["context"], "stop").load_atomic() != 0):
            f.ret()
            f.begin(f.label())

    def _enter_all(self, f: Function, begin: Value, end: Value) -> None:
        """Enter the hashes that lie in lines of the old table."""
        context, old = f.args["context"], f.args["old"]
        with f.loop(begin << self.slot.share, end << self.slot.share) as at:
            value = old.load(self.slot.type, at)
            with f.when(value != 0):
                f.call("enter", "void", context, value, f.number(0), convention="fastcc")

    def _grow_segment(self, f: Function, begin: Value, end: Value, words: int) -> None:
        context, old, before = f.args["context"], f.args["old"], f.args["before"]
        store, lines = get(context, "store", "ptr"), get(context, "lines")
        waiting = _Waiting(f, self)

        def enter() -> None:
            with f.loop(0, waiting.filled.get()) as k:
                state = store.at(waiting.numbers.load("i64", k) * words, "i64")
                hash = f.call("hash", "i64", state, convention="fastcc")
                waiting.hashes.store(hash, k)
                get(context, "table", "ptr").at(self.home(lines, hash) * LINE, "i8").prefetch()
            waiting.enter()

        with f.loop(begin, end) as line:
            self._divide(f, line)
        with f.loop(begin, end) as line:
            self._heed(f)
            left = f.variable(self._moved(f, line))
            with f.repeat(lambda: left.get() != 0):
                at = (line << self.slot.share) + self._first(f, left.get())
                left.set(left.get() & (left.get() - 1))
                number = self.number(before, old.load(self.slot.type, at))
                store.at(number * words, "i64").prefetch()
                waiting.add(number, enter)
        enter()

    def _divide(self, f: Function, line: Value) -> None:
        """Move what lies in its own line. Which of the slots are taken is anyone's guess, so nothing is asked: a slot
        that is empty, or is not moved now, is written as well, and written over by the next."""
        context, old, before = f.args["context"], f.args["old"], f.args["before"]
        type, lanes = self.slot.type, self.slot.lanes
        table, lines = get(context, "table", "ptr"), get(context, "lines")
        more = lines - before
        shift = f.number(self.slot.bits, type) - more.to(type)
        parts, ends = f.array(type, 2 * MOST_PARTS * lanes), f.array("i64", MOST_PARTS)
        for part in range(MOST_PARTS):
            ends.store(f.number(2 * lanes * part), part)
            for k in range(lanes):
                parts.store(f.number(0, type), 2 * lanes * part + k)
        for k in range(lanes):
            value = old.load(type, (line << self.slot.share) + k)
            tag = value & self.marks(before, 0)
            which = (tag >> shift).to("i64")
            at = ends.load("i64", which)
            parts.store((tag << more.to(type)) | (value & ~self.marks(before, 1)), at)
            stays = (value != 0) & ((value >> self.index(before)) & 1 == 0)
            ends.store(at + stays.to("i64"), which)
        for part in range(MOST_PARTS):
            parts.store(f.number(0, type), ends.load("i64", part))
        with f.loop(0, f.number(1) << more) as which:
            to = table.at(((line << more) + which) * LINE, "i8")
            text = f"call void @llvm.memcpy.p0.p0.i64(ptr align {LINE} {to.name}, ptr align {LINE}"
            f.do(f"{text} {parts.at(which * (2 * LINE), 'i8').name}, i64 {LINE}, i1 0)")

    def _moved(self, f: Function, line: Value) -> Value:
        """By bit, which of the slots of a line of the old table had to go further."""
        flag = f.number(1, self.slot.type) << self.index(f.args["before"])
        vector = f"<{self.slot.lanes} x {self.slot.type}>"
        slots = f.op(vector, f"load {vector}, ptr {f.args['old'].at(line * LINE, 'i8').name}, align {LINE}")
        flags = f.op(vector, f"and {vector} {slots.name}, {self._all_lanes(flag)}")
        return self._lanes(f.op("v", f"icmp ne {vector} {flags.name}, zeroinitializer"))


def owner(hash: Value, threads: Value) -> Value:
    """The thread that owns the segment of a hash: the last one whose first segment is no higher."""
    return ((hash >> (64 - SHARE)) * threads) >> SHARE


class _Waiting:
    """States that wait to be entered, `filled` of them: their numbers and hashes."""

    def __init__(self, f: Function, table: Table) -> None:
        self.f, self.table = f, table
        self.hashes, self.numbers = f.array("i64", BATCH), f.array("i64", BATCH)
        self.filled = f.variable(f.number(0))

    def add(self, number: Value, full: Callable[[], None]) -> None:
        """One more; `full` is done when there is no room for another."""
        self.numbers.store(number, self.filled.get())
        self.filled.set(self.filled.get() + 1)
        with self.f.when(self.filled.get() == BATCH):
            full()

    def enter(self) -> None:
        """Enter them all."""
        f = self.f
        with f.loop(0, self.filled.get()) as k:
            given = (self.hashes.load("i64", k), self.numbers.load("i64", k))
            f.call("enter", "void", f.args["context"], *given, convention="fastcc")
        self.filled.set(0)
